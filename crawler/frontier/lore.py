"""What a state knows of pages from pass to pass: what they said, and what has become of them.

A page keeps what it said last until it says something else, or is gone: neither silence nor a
server in trouble makes a crawl forget where it led.
"""

import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from crawler.frontier.passes import CHUNK, Pass
from crawler.frontier.seen import pack, unpack
from crawler.frontier.state import State
from crawler.frontier.trail import ended
from crawler.frontier.whole import stamp
from crawler.model import Change, Gone, Known, Reason, Settled, Verdict

Row = tuple[Any, ...]

MOST_LENT = 64 * 1024
"""Bytes of what was selected of a page that go with a lease: some hundred items."""

# Who cannot be lent what was selected is asked for the whole page; its records need it.
_FITS = f"coalesce(length(p.selected), 0) <= {MOST_LENT}"
COLUMNS = (
    f"u.status, u.why, p.verdict, p.digest, iif({_FITS}, p.etag, NULL), "
    f"iif({_FITS}, p.modified, NULL), "
    f"iif({_FITS} AND coalesce(p.etag, p.modified) IS NOT NULL, p.selected, NULL), "
    "p.hop, p.depth, p.fetched, p.pass"
)
"""What :meth:`Lore.of` is made from, where ``u`` is a url and ``p`` its page."""

LONGEST_VALIDATOR = 1_000
"""Characters of an ETag or a Last-Modified that are remembered."""

_ANSWERED = {Verdict.FETCHED, Verdict.REDIRECTED}

_CHANGE = """
    INSERT OR REPLACE INTO change VALUES (
        ?1, ?2, ?3, ?4, (SELECT status FROM page WHERE id = ?2), ?5,
        (SELECT selected FROM page WHERE id = ?2), ?6
    )
"""

_FORMER = """
    INSERT OR IGNORE INTO former (id, pass, verdict, status, why) VALUES (?, ?, ?, ?, ?)
"""

_UNMET = (
    "FROM page JOIN url ON url.id = page.id WHERE page.verdict = 'page' AND url.pass < ? "
    "AND url.pass >= ?"
)


class Led(NamedTuple):
    """Where a URL led: rows, and whether they are no deeper than itself."""

    rows: Sequence[int]
    hop: bool


class Lore:
    """What is known of pages, for one pass.

    With ``deepest`` links of pages that deep are not followed. Pages fetched after ``fresh``,
    seconds since the epoch, are not asked for again. Reads and writes within whatever
    transaction is open.
    """

    def __init__(
        self, state: State, this: Pass, deepest: int | None = None, fresh: float = math.inf
    ) -> None:
        self._db = state.db
        self._this = this
        self._deepest = deepest
        self._fresh = fresh

    def of(self, depth: int, row: Sequence[Any]) -> tuple[Known, Reason | Gone | None]:
        """Return what is known of a URL, and why it is not to be asked for, from ``COLUMNS``."""
        status, why, verdict, digest, etag, modified, selected, hop, stored, fetched, said = row
        if why == Gone.UNLINKED:
            return Known(None, None, True, digest), Gone.UNLINKED
        page = None if verdict is None else verdict == Verdict.FETCHED
        if page is None or not self._holds(said) or not self._whole(hop, stored, depth):
            comparable = not page or said >= self._this.chosen
            return Known(status, why, page, digest if comparable else None), None
        moot = Reason.FRESH if fetched >= self._fresh else None
        return Known(status, why, page, digest, etag, modified, selected), moot

    def led(self, row: int, depth: int) -> Led:
        """Return where a URL led when it last answered, as far as that is followed."""
        found = self._db.execute(
            "SELECT links, hop, pass FROM page WHERE id = ?", (row,)
        ).fetchone()
        if found is None or not self._leads(found[2]):
            return Led((), False)
        links, hop, _ = found
        if not hop and self._deepest is not None and depth >= self._deepest:
            return Led((), False)
        return Led(unpack(links), bool(hop))

    def note(self, settled: Settled, row: int, links: Sequence[int], now: float) -> Row | None:
        """Return the row of ``page`` that a settlement comes to, or None if it stays as it is."""
        if settled.verdict is None or settled.verdict not in _ANSWERED:
            return None
        old = None
        if settled.replay:
            old = self._db.execute(
                "SELECT etag, modified, verdict, status, hop, depth, digest, selected, pass "
                "FROM page WHERE id = ?",
                (row,),
            ).fetchone()
        etag, modified = _short(settled.etag), _short(settled.modified)
        status, hop, depth = settled.status, settled.hop, settled.lease.target.depth
        digest, selected = settled.digest, settled.selected
        verdict = settled.verdict.value
        if old is not None:
            if self._holds(old[8]):
                etag, modified = etag or old[0], modified or old[1]
            verdict, status, hop, depth = old[2:6]
            if digest is None and old[8] >= self._this.chosen:
                digest, selected = old[6:8]
        number = self._this.number
        said = (row, etag, modified, pack(links), verdict, status, int(hop), depth, digest)
        whole = (*said, selected, now, number)
        return (*whole, stamp(whole))

    def write(self, settled: Sequence[tuple[Settled, int]], pages: Sequence[Row]) -> None:
        """Write down what has changed, what pages said, and forget those that are gone."""
        if self._this.number > 1:
            self._db.executemany(_CHANGE, self._changes(settled))
            self._db.executemany(_FORMER, self._turns(settled))
            gone = [(row,) for each, row in settled if each.verdict is Verdict.GONE]
            self._db.executemany("DELETE FROM page WHERE id = ?", gone)
        self._db.executemany(
            "INSERT OR REPLACE INTO page VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", pages
        )

    def unmet(self) -> Iterator[list[Row]]:
        """Yield, in chunks, (site, and columns of ``url``) of pages that nothing led to."""
        last = 0
        while rows := self._db.execute(
            "SELECT site.name, url.id, site, fp, url, url.pass, level, url.depth, hops, via, seed, "
            f"meta {_UNMET.replace('WHERE', 'JOIN site ON site.id = site WHERE')} "
            "AND url.id > ? ORDER BY url.id LIMIT ?",
            (self._this.number, self._this.since, last, CHUNK),
        ).fetchall():
            last = rows[-1][1]
            yield rows

    def count_unmet(self) -> int:
        """Return how many pages nothing led to in this pass."""
        (many,) = self._db.execute(
            f"SELECT count(*) {_UNMET}", (self._this.number, self._this.since)
        ).fetchone()
        return int(many)

    def _leads(self, said: int) -> bool:
        """Whether where a page led in a pass is where it leads for this pass.

        After a pass with other options that is not so of a page that did not answer in it.
        """
        return self._this.alike and said >= self._this.since

    def _holds(self, said: int) -> bool:
        """Whether all that was kept of a page in a pass is what this pass would keep of it."""
        return self._leads(said) and said >= self._this.chosen

    def _whole(self, hop: int, stored: int, depth: int) -> bool:
        """Whether the links stored at one depth are all that are followed from another."""
        deepest = self._deepest
        return bool(hop) or deepest is None or stored < deepest or depth >= deepest

    def _changes(self, settled: Sequence[tuple[Settled, int]]) -> Iterator[Row]:
        number = self._this.number
        for each, row in settled:
            if each.verdict is Verdict.GONE:
                yield number, row, "gone", each.why and each.why.value, each.status, None
            elif each.change in (Change.NEW, Change.CHANGED):
                yield number, row, each.change.value, None, each.status, each.selected

    def _turns(self, settled: Sequence[tuple[Settled, int]]) -> Iterator[Row]:
        """Yield how URLs had ended that end otherwise now."""
        for each, row in settled:
            known = each.lease.known
            if each.verdict is None or known is None:
                continue
            before = ended(known.status, known.why)
            if before is None and known.page and each.why is Gone.UNLINKED:
                before = Verdict.FETCHED.value  # whose end had to make room for the reason
            why = each.why and each.why.value
            same = before == each.verdict and known.why == why
            if before is not None and not (
                same and (known.status == each.status or each.verdict is Verdict.FETCHED)
            ):
                yield row, self._this.number, before, known.status, known.why


def _short(validator: str | None) -> str | None:
    if validator and len(validator) <= LONGEST_VALIDATOR and validator.isprintable():
        return validator
    return None
