"""The trail of one URL in a state: how it was come by, how it ended from pass to pass, what
leads to it. It only reads.
"""

import sqlite3
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from crawler.frontier.past import seeds_of, widened
from crawler.frontier.seen import pack, unpack
from crawler.model import Fault, Gone, Reason

NAMED = 5
"""Pages that are named of those that lead to a URL."""

UNSEEN, AHEAD, DONE = 0, 1, 2


class End(NamedTuple):
    """How a URL ended from pass ``since`` on; ``verdict`` None: it has not ended in it yet,
    ``left``: the pass ended first.
    """

    since: int
    verdict: str | None
    status: int | None
    why: str | None


class Changed(NamedTuple):
    """A page was ``kind`` (new, changed or gone) in pass ``run``."""

    run: int
    kind: str


class Step(NamedTuple):
    """A URL on the way from a seed, and what led to it."""

    url: str
    by: Literal["seed", "robots", "link", "redirect", "sitemap"]


class Answer(NamedTuple):
    """What a page or a redirect said last: in pass ``run``, at ``fetched`` (since the epoch).

    Validators of what it said to other options than those of the last pass are left out.
    """

    run: int
    fetched: float
    verdict: str
    status: int | None
    etag: str | None
    modified: str | None


@dataclass(frozen=True, slots=True)
class Trail:
    """What a state knows of a URL. ``run`` is the pass in which it was met last.

    ``ends`` are in order, ``answer`` is None where it never was a page or a redirect, or is
    gone. ``exempt``: a seed redirects to it, so that it is no matter of scope. ``linked``
    counts the URLs that lead to it, ``sources`` are some of them; ``path`` is the shortest
    from a seed, itself last (empty: none leads to it).
    """

    url: str
    run: int
    depth: int
    via: str | None
    exempt: bool
    ends: Sequence[End]
    changes: Sequence[Changed]
    answer: Answer | None
    linked: int
    sources: Sequence[str]
    path: Sequence[Step]

    @property
    def distance(self) -> int:
        """Links from a seed, on the shortest path or as it was met."""
        return sum(step.by == "link" for step in self.path) if self.path else self.depth


@dataclass(frozen=True, slots=True)
class Begun:
    """What the last pass was begun from: seeds, and (seed, target) of their redirects."""

    seeds: Sequence[str]
    widened: Sequence[tuple[str, str]]


def begun(db: sqlite3.Connection, run: int) -> Begun:
    """Return what a pass was begun from."""
    return Begun([url for url, _ in seeds_of(db, run)], widened(db, run))


def follow(db: sqlite3.Connection, row: int, last: int) -> Trail:
    """Return the trail of the URL of a row; ``last`` is the number of the last pass."""
    url, run, depth, via, verdict, status, why = db.execute(
        "SELECT url, pass, depth, via, verdict, status, why FROM url WHERE id = ?", (row,)
    ).fetchone()
    exempt = False
    if isinstance(via, int):
        exempt = not depth and _verdict(db, via) == "redirect"
        via = _url(db, via)
    said = db.execute(
        "SELECT page.pass, page.fetched, verdict, status, "
        "iif(page.pass >= max(since, chosen), etag, NULL), "
        "iif(page.pass >= max(since, chosen), modified, NULL) "
        "FROM page, pass WHERE id = ? AND number = ?",
        (row, last),
    ).fetchone()
    linked, sources = 0, list[str]()
    for page, links in db.execute(
        "SELECT id, links FROM page WHERE instr(links, ?)", (pack([row]),)
    ):
        if page != row and row in unpack(links):
            linked += 1
            if len(sources) < NAMED:
                sources.append(_url(db, page))
    changes = db.execute("SELECT pass, kind FROM change WHERE id = ? ORDER BY pass", (row,))
    return Trail(
        url,
        run,
        depth,
        via,
        exempt,
        _ends(db, row, run, verdict, status, why),
        [Changed(*each) for each in changes],
        None if said is None else Answer(*said),
        linked,
        sources,
        list(_steps(db, row, last)),
    )


def _steps(db: sqlite3.Connection, row: int, run: int) -> Iterator[Step]:
    before = None
    for each, hop in shortest(db, row, run):
        url, via = db.execute("SELECT url, via FROM url WHERE id = ?", (each,)).fetchone()
        if before is None:
            yield Step(url, "robots" if isinstance(via, str) else "seed")
        elif hop:
            yield Step(url, "redirect" if _verdict(db, before) == "redirect" else "sitemap")
        else:
            yield Step(url, "link")
        before = each


def _verdict(db: sqlite3.Connection, row: int) -> str | None:
    """Return whether a URL was a page or a redirect when it last answered."""
    found = db.execute("SELECT verdict FROM page WHERE id = ?", (row,)).fetchone()
    return None if found is None else str(found[0])


def ended(status: int | None, why: str | None) -> str | None:
    """Return the verdict of an end that came to this, or None if there was none."""
    if why is not None:
        for kind, verdict in ((Fault, "error"), (Reason, "skip"), (Gone, "gone")):
            if why in list(kind):
                return verdict
    if status is None:
        return None
    return "redirect" if 300 <= status < 400 and status != 304 else "page"


def shortest(db: sqlite3.Connection, row: int, run: int) -> list[tuple[int, bool]]:
    """Return the path with the fewest links from a seed of pass ``run`` to a row, both included.

    Each step is a row, and whether a redirect or a sitemap led to it; these cost nothing. The
    links of each page are read once at most; memory is a dozen bytes a URL.
    """
    (last,) = db.execute("SELECT coalesce(max(id), 0) FROM url").fetchone()
    state, hops = bytearray(last + 1), bytearray(last + 1)
    parents = array("I", bytes(4 * (last + 1)))
    level = array("I", (each for (each,) in _starts(db, run)))
    for each in level:
        state[each] = DONE
    while level and state[row] != DONE:
        ahead = array("I")
        for each in level:  # which grows meanwhile
            found = db.execute("SELECT links, hop FROM page WHERE id = ?", (each,)).fetchone()
            for to in () if found is None else unpack(found[0]):
                if to > last or state[to] == DONE or (state[to] == AHEAD and not found[1]):
                    continue
                parents[to], hops[to] = each, bool(found[1])
                state[to] = DONE if found[1] else AHEAD
                (level if found[1] else ahead).append(to)
        level = array("I", (each for each in ahead if state[each] == AHEAD))
        for each in level:
            state[each] = DONE
    return list(_back(row, parents, hops))[::-1] if state[row] == DONE else []


def _back(row: int, parents: Sequence[int], hops: Sequence[int]) -> Iterator[tuple[int, bool]]:
    while row:
        yield row, bool(hops[row])
        row = parents[row]


def _starts(db: sqlite3.Connection, run: int) -> Iterator[tuple[int]]:
    """Yield the rows of seeds, and of sitemaps that a robots.txt names."""
    return db.execute(
        "SELECT id FROM url WHERE depth = 0 AND pass = ? AND (via IS NULL OR typeof(via) = 'text')",
        (run,),
    )


def _ends(
    db: sqlite3.Connection, row: int, run: int, verdict: str | None, status: int | None,
    why: str | None,
) -> list[End]:  # fmt: skip
    """Return how a URL ended, from the pass on in which it was found."""
    (since,) = db.execute("SELECT max(number) FROM pass WHERE base < ?", (row,)).fetchone()
    ends: list[End] = []
    for turned, *end in db.execute(
        "SELECT pass, verdict, status, why FROM former WHERE id = ? ORDER BY pass", (row,)
    ):
        ends.append(End(since, *end))
        since = turned
    if verdict is None or verdict == "left":  # status and why are of the end before
        if (before := ended(status, why)) is not None:
            ends.append(End(since, before, status, why))
        return [*ends, End(run, verdict, None, None)]
    return [*ends, End(since, verdict, status, why)]


def _url(db: sqlite3.Connection, row: int) -> str:
    (url,) = db.execute("SELECT url FROM url WHERE id = ?", (row,)).fetchone()
    return str(url)
