"""Is a state file whole? What SQLite's own check cannot know: whether values are what we wrote.

A disk that rots, or a copy cut short, must not turn into a crawl that quietly leaves out a
URL or fetches it twice. So each row of ``url``, ``page`` and ``pass`` carries a stamp of what was
written, and what is told twice is compared. It costs about 3 µs a row, once a run.
"""

import sqlite3
from collections.abc import Sequence
from zlib import crc32

import msgspec

_encode = msgspec.msgpack.Encoder().encode

_STAMPED = {
    "url": "id, site, fp, url, pass, level, depth, hops, via, seed, meta",
    "page": (
        "id, etag, modified, links, verdict, status, hop, depth, digest, selected, fetched, pass"
    ),
    "pass": "number, base, since, chosen, rolling, unsure, ended, unconfirmed",
}
"""What the stamp of a table's row covers."""


_CONTRADICTIONS = {
    "a site's count is wrong": (
        "SELECT 1 FROM site WHERE open != "
        "(SELECT count(*) FROM url WHERE url.site = site.id AND verdict IS NULL)"
    ),
    "a url that has ended is to be tried again": (
        "SELECT 1 FROM url WHERE due IS NOT NULL AND verdict IS NOT NULL"
    ),
    "a url of an earlier pass is open": (
        "SELECT 1 FROM url WHERE verdict IS NULL AND pass != (SELECT max(number) FROM pass)"
    ),
    "a pass has lost a url": (
        "SELECT 1 FROM url, (SELECT number, base FROM pass ORDER BY number DESC LIMIT 1) last "
        "WHERE url.pass > last.number OR (url.pass != last.number AND url.id > last.base)"
    ),
    "a pass has ended and is not done": (
        "SELECT 1 FROM pass WHERE ended = 'drained' AND "
        "discovered != fetched + redirected + failed + skipped + gone"
    ),
    "the index is wrong": (
        "SELECT 1 FROM seen LEFT JOIN url ON url.id = seen.id "
        "AND url.site = seen.site AND url.fp = seen.fp WHERE url.id IS NULL"
    ),
    "the index is not whole": (
        "SELECT 1 FROM pass WHERE merged != (SELECT count(*) FROM seen) "
        "OR merged > (SELECT count(*) FROM url)"
    ),
}


def stamp(row: Sequence[object]) -> int:
    """Return the stamp of a row: the CRC-32 of the columns before it."""
    return crc32(_encode(row))


def wrong(db: sqlite3.Connection) -> str | None:
    """Return what is wrong with a state, in words, or None."""
    (said,) = db.execute("PRAGMA integrity_check(1)").fetchone()
    if said != "ok":
        return str(said)
    for table, columns in _STAMPED.items():
        rows = db.execute(f"SELECT {columns}, stamp FROM {table}")  # noqa: S608 - names of ours
        if any(stamp(row[:-1]) != row[-1] for row in rows):
            return f"a {table} is not what it was"
    for words, contradiction in _CONTRADICTIONS.items():
        if db.execute(f"{contradiction} LIMIT 1").fetchone():
            return words
    return _miscounted(db)


def _miscounted(db: sqlite3.Connection) -> str | None:
    """Compare the account of the last pass with the verdicts."""
    counted: dict[str | None, int] = dict(
        db.execute(
            "SELECT verdict, count(*) FROM url WHERE pass = (SELECT max(number) FROM pass) "
            "GROUP BY verdict"
        )
    )
    discovered, *ended = db.execute(
        "SELECT discovered, fetched, redirected, failed, skipped, gone FROM pass "
        "ORDER BY number DESC LIMIT 1"
    ).fetchone()
    verdicts = ("page", "redirect", "error", "skip", "gone", None)
    told = dict(zip(verdicts, (*ended, discovered - sum(ended)), strict=True))
    if {verdict: many for verdict, many in told.items() if many} != counted:
        return "its counts are wrong"
    return None
