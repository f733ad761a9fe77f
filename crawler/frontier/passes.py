"""From pass to pass: with which one a run goes on, and how the next begins.

A pass has ended when there was nothing left to do, or when it had the number of pages that
was asked for; whatever else ends a run leaves it to be gone on with. URLs keep their rows: in
the next pass each is open again once it is met (a seed, a link, what a page known from before
leads to), and only then.

With a number of pages and an age a pass is *rolling*: everything known is open from its
beginning, and what was fetched longest ago, or never, goes first. Otherwise a few pages a night
would never get beyond those next to the seeds.
"""

import sqlite3
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from crawler.frontier.whole import stamp

LEVELS = 1_000
"""Depths that are told apart among what was fetched in the same pass."""

CHUNK = 10_000
"""Rows that are in memory while many are opened."""


class Pass(NamedTuple):
    """One pass, as the table of that name has it, with its account left out."""

    number: int
    base: int
    since: int
    chosen: int
    rolling: int = 0
    unsure: int = 0
    ended: str | None = None
    unconfirmed: int = 0

    @property
    def alike(self) -> bool:
        """Whether pages lead to the same as in the pass before it."""
        return self.since < self.number


@dataclass(frozen=True, slots=True)
class Goal:
    """How many pages a run is for (None: no limit), and whether pages have an age until which
    they are not asked for again (``aging``).
    """

    pages: int | None = None
    aging: bool = False


ALL = Goal()


def latest(db: sqlite3.Connection) -> Pass:
    """Return the last pass."""
    return Pass(
        *db.execute(
            "SELECT number, base, since, chosen, rolling, unsure, ended, unconfirmed FROM pass "
            "ORDER BY number DESC LIMIT 1"
        ).fetchone()
    )


def store(db: sqlite3.Connection, this: Pass) -> None:
    """Write a pass down, begun or changed."""
    finished = None if this.ended is None else time.time()
    db.execute(
        "INSERT INTO pass (number, base, since, chosen, rolling, unsure, ended, unconfirmed, "
        "started, finished, stamp, merged) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, "
        "(SELECT coalesce(max(merged), 0) FROM pass)) ON CONFLICT DO UPDATE SET "
        "base = ?2, since = ?3, chosen = ?4, rolling = ?5, unsure = ?6, ended = ?7, "
        "unconfirmed = ?8, finished = ?10, stamp = ?11",
        (*this, time.time(), finished, stamp(this)),
    )


def discovered(db: sqlite3.Connection) -> int:
    """Return how many URLs the last pass has come upon."""
    (many,) = db.execute("SELECT discovered FROM pass ORDER BY number DESC LIMIT 1").fetchone()
    return int(many)


def goes_on(db: sqlite3.Connection, goal: Goal) -> bool:
    """Whether a run goes on with the last pass."""
    this = latest(db)
    if this.ended != "max_pages":
        return this.ended is None
    fetched, left = db.execute(
        "SELECT fetched, discovered - fetched - redirected - failed - skipped - gone FROM pass "
        "WHERE number = ?",
        (this.number,),
    ).fetchone()
    return bool(left) and (goal.pages is None or goal.pages > fetched)


def take_up(db: sqlite3.Connection, goal: Goal, *, changed: bool, reselected: bool) -> None:
    """Go on with the last pass or begin the next, within the transaction that is open.

    ``changed``: pages lead to others than the state knows of; ``reselected``: other things are
    taken out of them.
    """
    this = latest(db)
    if goes_on(db, goal):
        # Another meaning than before it has only while nothing has come of it yet.
        since = this.number if changed else this.since
        chosen = this.number if reselected else this.chosen
        store(db, this._replace(ended=None, unconfirmed=0, since=since, chosen=chosen))
        return
    number = this.number + 1
    (base,) = db.execute("SELECT coalesce(max(id), 0) FROM url").fetchone()
    rolling = int(goal.aging and goal.pages is not None and not changed)
    since = number if changed else this.since
    chosen = number if reselected else this.chosen
    store(db, Pass(number, base, since, chosen, rolling))
    db.execute("UPDATE url SET verdict = 'left', due = NULL WHERE verdict IS NULL")
    # A delay that robots.txt asked for holds for the first visit, and then it is asked again.
    db.execute(
        "UPDATE site SET open = 0, next = NULL, due = max(due, ?) + delay, delay = 0",
        (time.time(),),
    )
    if rolling:
        _take_over(db, number, since)


def open_again(
    db: sqlite3.Connection, rows: Sequence[Sequence[Any]], why: str | None = None
) -> None:
    """Open rows of ``url``, given up to ``meta``, in the pass and with what else they say."""
    db.executemany(
        "UPDATE url SET pass = ?5, level = ?6, depth = ?7, hops = ?8, via = ?9, seed = ?10, "
        "meta = ?11, stamp = ?12, attempt = 0, due = NULL, verdict = NULL, "
        "why = coalesce(?13, nullif(why, 'unlinked')) WHERE id = ?1",
        [(row[0], None, None, None, *row[4:], stamp(row), why) for row in rows],
    )


def _take_over(db: sqlite3.Connection, number: int, since: int) -> None:
    """Open everything that is known, in a level for each pass in which it was last fetched."""
    opened = 0
    for rows in _known(db, since):
        opened += len(rows)
        open_again(
            db,
            [
                (*row[:4], number, last * LEVELS + min(row[4], LEVELS - 1), *row[4:])
                for last, *row in rows
            ],
        )
    db.execute(
        "UPDATE site SET open = (SELECT count(*) FROM url INDEXED BY open "
        "WHERE site = site.id AND verdict IS NULL)"
    )
    db.execute("UPDATE pass SET discovered = ? WHERE number = ?", (opened, number))


def _known(db: sqlite3.Connection, since: int) -> Iterator[list[tuple[Any, ...]]]:
    """Yield, in chunks, the pass of its last answer, and the columns, of each URL known."""
    last = 0
    while rows := db.execute(
        "SELECT coalesce(page.pass, 0), url.id, site, fp, url, url.depth, hops, via, seed, meta "
        "FROM url LEFT JOIN page ON page.id = url.id WHERE url.id > ? AND url.pass >= ? "
        "AND url.verdict != 'gone' ORDER BY url.id LIMIT ?",
        (last, since, CHUNK),
    ).fetchall():
        last = rows[-1][1]
        yield rows
