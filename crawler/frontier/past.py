"""What a state file remembers of the runs before, for the engine to take up."""

import sqlite3

from crawler.frontier.seen import unpack
from crawler.model import Ended, Mark, Past, Verdict


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
    changes = db.execute("SELECT kind, count(*) FROM change WHERE pass = ? GROUP BY 1", (run,))
    return Past(
        run,
        marks,
        ended,
        [url for url, _ in seeds],
        widened(db, run),
        sum(is_open for _, is_open in seeds),
        dict(changes.fetchall()),
    )


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
