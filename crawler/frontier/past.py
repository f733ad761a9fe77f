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
            "WHERE verdict IS NOT NULL GROUP BY 1, 2, 3, 4"
        )
    ]
    (open_seeds,) = db.execute(
        "SELECT count(*) FROM url WHERE depth = 0 AND via IS NULL AND verdict IS NULL"
    ).fetchone()
    marks = [Mark(*each) for each in db.execute("SELECT name, bytes, crc, closed FROM output")]
    seeds = [url for (url,) in db.execute("SELECT url FROM url WHERE depth = 0 AND via IS NULL")]
    return Past(run, marks, ended, seeds, _widened(db), open_seeds)


def _widened(db: sqlite3.Connection) -> list[tuple[str, str]]:
    """Return (seed, target) for the redirects of seeds: they may have widened the scope."""
    redirects = db.execute(
        "SELECT coalesce(s.url, u.url), page.links FROM url u JOIN page USING (id) "
        "LEFT JOIN url s ON s.id = u.seed WHERE u.depth = 0 AND u.verdict = 'redirect'"
    ).fetchall()
    return [
        (seed, to)
        for seed, links in redirects
        for row in unpack(links)
        for (to,) in db.execute("SELECT url FROM url WHERE id = ?", (row,))
    ]
