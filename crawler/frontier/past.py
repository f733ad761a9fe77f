"""What a state file remembers of the runs before, for the engine to take up."""

import sqlite3
from collections import Counter

from crawler.account import Ended, Mark, Past
from crawler.frontier.seen import unpack
from crawler.model import Change, Verdict


def recall(db: sqlite3.Connection, run: int) -> Past:
    """Return what has ended in pass ``run``, where seeds led, and how far outputs are written."""
    ended = [
        Ended(Verdict(verdict), why, status, bool(seeds), many, url)
        for verdict, why, status, seeds, many, url in db.execute(
            "SELECT verdict, why, status, depth = 0, count(*), url FROM url "
            "WHERE verdict IS NOT NULL AND pass = ? GROUP BY 1, 2, 3, 4",
            (run,),
        )
    ]
    seeds = seeds_of(db, run)
    marks = [Mark(*each) for each in db.execute("SELECT name, bytes, crc, closed FROM output")]
    return Past(
        run,
        marks,
        ended,
        [url for url, _ in seeds],
        widened(db, run),
        sum(is_open for _, is_open in seeds),
        _changes(db, run, sum(each.count for each in ended if each.verdict is Verdict.FETCHED)),
    )


def _changes(db: sqlite3.Connection, run: int, pages: int) -> dict[str, int]:
    """Count what was new or changed in a pass, and the pages that are as they were.

    Of half a page neither is known, nor that it was one: it counts as unchanged. Where other
    things are taken out of pages than before, none is.
    """
    kinds = Counter[str]()
    for kind, is_page, many in db.execute(
        "SELECT kind, url.verdict = 'page', count(*) FROM change JOIN url USING (id) "
        "WHERE change.pass = ? AND kind != 'gone' GROUP BY 1, 2",
        (run,),
    ):
        kinds[kind] += many
        pages -= is_page * many
    (chosen,) = db.execute("SELECT chosen FROM pass WHERE number = ?", (run,)).fetchone()
    if chosen < run and pages:
        kinds[Change.UNCHANGED] = pages
    return dict(kinds)


def seeds_of(db: sqlite3.Connection, run: int) -> list[tuple[str, bool]]:
    """Return the seeds of a pass, and whether they have not ended."""
    return db.execute(
        "SELECT url, verdict IS NULL FROM url WHERE depth = 0 AND via IS NULL AND pass = ?", (run,)
    ).fetchall()


def widened(db: sqlite3.Connection, run: int) -> list[tuple[str, str]]:
    """Return (seed, target) for the redirects of seeds: they may have widened the scope.

    Also of those that are open again: what they led to may be open, too.
    """
    redirects = db.execute(
        "SELECT coalesce(s.url, u.url), page.links FROM url u JOIN page ON page.id = u.id "
        "LEFT JOIN url s ON s.id = u.seed WHERE u.depth = 0 AND u.pass = ? AND (u.verdict = "
        "'redirect' OR u.verdict IS NULL AND page.verdict = 'redirect')",
        (run,),
    ).fetchall()
    return [
        (seed, to)
        for seed, links in redirects
        for row in unpack(links)
        for (to,) in db.execute("SELECT url FROM url WHERE id = ?", (row,))
    ]
