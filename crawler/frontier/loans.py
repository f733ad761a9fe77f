"""Sites and what is lent of them. Leases are in memory only: nobody needs them after us.

A site is held by this process while leases of it are out; of all others the file says when
they may be lent. The thread of the state file runs all of this.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from msgspec import structs

from crawler.frontier.lore import COLUMNS, Lore
from crawler.frontier.state import State
from crawler.model import Holding, Lease, Target

MOST_SITES = 100_000
"""Sites whose rows are in memory."""

MOST_SELECTED = 64 * 1024 * 1024
"""Bytes of what was selected of pages that are out together: sites by the thousand may be held."""

_LEND = """
    SELECT u.id, u.fp, u.level, u.url, u.depth, u.hops, u.attempt, u.seed,
           coalesce(v.url, u.via), coalesce(s.url, u.url), coalesce(s.meta, u.meta){lore}
    FROM url u INDEXED BY {index} LEFT JOIN url v ON v.id = u.via LEFT JOIN url s ON s.id = u.seed
    {pages} WHERE u.site = ? AND {which}
"""
_FRESH = "u.verdict IS NULL AND u.due IS NULL AND u.level = ? AND u.id > ? ORDER BY u.id"
_AGAIN = "u.due <= ? ORDER BY u.due"


@dataclass(slots=True)
class Out:
    """A lease that is out: its token, the URL's row, and the row of its seed (None: itself).

    ``selected`` counts the bytes that went with it.
    """

    token: int
    row: int
    seed: int | None
    selected: int = 0


@dataclass(slots=True)
class _Site:
    """A site that this process holds.

    Rows of ``level`` up to ``cursor`` have been lent; ``more`` says that there may be others
    to lend, ``wake`` when the first of those that are to be tried again is due. ``open``
    counts rows without verdict; ``leaving``: it is held only until what is out is settled.
    """

    row: int
    name: str
    open: int
    delay: float
    due: float
    out: dict[int, Out] = field(default_factory=dict)
    level: int = 0
    cursor: int = 0
    more: bool = True
    wake: float = 0.0
    leaving: bool = False


class Loans:
    """The sites of a state, and the leases that are out.

    ``now`` gives the time as the file has it. With ``by_level`` URLs of one level are lent
    only after all of the level above have ended. ``due`` is when there may be more to lend
    (inf: not before a settlement), ``waiting`` how many sites wait for another's place.
    ``lore`` is what passes before this one know.
    Whoever changes anything calls :meth:`look_round` when it is done.
    """

    def __init__(
        self, state: State, now: Callable[[], float], lore: Lore | None, *, by_level: bool
    ) -> None:
        self._state = state
        self._now = now
        self._lore = lore
        told = {"lore": "", "pages": ""}
        if lore is not None:
            told = {"lore": f", {COLUMNS}", "pages": "LEFT JOIN page p ON p.id = u.id"}
        self._fresh = _LEND.format(index="open", which=_FRESH, **told)
        self._again = _LEND.format(index="again", which=_AGAIN, **told)
        self._by_level = by_level
        self._per_site = self._most = 1
        self._tokens = count(1)
        self._held: dict[str, _Site] = {}
        self._hungry: dict[str, None] = {}  # held sites that could be lent more of
        self._rows: dict[str, int] = {}
        self._selected = 0
        self.due = math.inf
        self.waiting = 0
        (self._open,) = state.db.execute("SELECT count(*) FROM site WHERE open").fetchone()

    def row(self, name: str) -> int:
        """Return the row of a site, made if need be."""
        row = self._rows.get(name)
        if row is None:
            db = self._state.db
            db.execute("INSERT OR IGNORE INTO site (name) VALUES (?)", (name,))
            (row,) = db.execute("SELECT id FROM site WHERE name = ?", (name,)).fetchone()
            if len(self._rows) >= MOST_SITES:
                self._rows.clear()
            self._rows[name] = row
        return int(row)

    def claim(self, sites: int, per_site: int) -> list[Holding]:
        """Lend more of the sites held, then of others that are due."""
        now = self._now()
        self._per_site, self._most = per_site, sites
        hungry = [self._held[name] for name in self._hungry]
        holdings = [self._lend(site, now) for site in hungry if site.due <= now]
        # Again while a site turns out to have nothing to lend: it takes nobody's place.
        while (room := sites - len(self._held)) > 0 and self._open > len(self._held):
            rows = self._state.db.execute(
                "SELECT id, name, open, delay, due FROM site WHERE next <= ? ORDER BY next LIMIT ?",
                (now, room),
            ).fetchall()
            if not rows:
                break
            for row in rows:
                site = _Site(*row)
                self._held[site.name] = site
                holdings.append(self._lend(site, now))
            self._state.db.executemany(
                "UPDATE site SET next = NULL WHERE id = ?",
                [(row[0],) for row in rows if row[1] in self._held],
            )
        return [holding for holding in holdings if holding.leases]

    def take_home(self, lease: Lease) -> Out | None:
        """Return what was noted of a lease that is out, or None: it is stale, or said twice.

        Its site is in need of :meth:`tidy`.
        """
        site = self._held.get(lease.target.site)
        out = site.out.get(lease.target.fp) if site else None
        if site is None or out is None or out.token != lease.token:
            return None
        del site.out[lease.target.fp]
        self._selected -= out.selected
        return out

    def give_back(self, leases: Sequence[Lease]) -> None:
        """Have leases lent again, as if they had never been out."""
        now = self._now()
        for lease in leases:
            out = self.take_home(lease)
            if out is not None:
                site = self._held[lease.target.site]
                site.cursor = min(site.cursor, out.row - 1)
                site.more = True
                if lease.attempt:
                    site.wake = 0.0
                site.leaving = site.due > now
                self._tidy(site)

    def grow(self, name: str, many: int, first: int | None = None) -> None:
        """Note that a site has so many URLs more; rows from ``first`` on are open again."""
        db = self._state.db
        site = self._held.get(name)
        if site is not None:
            site.open += many
            site.more = True
            if first is not None:
                site.cursor = min(site.cursor, first - 1)
            db.execute("UPDATE site SET open = ? WHERE id = ?", (site.open, site.row))
            return
        (now_open,) = db.execute(
            "UPDATE site SET open = open + ?1, next = min(coalesce(next, 9e15), max(due, ?2)) "
            "WHERE id = ?3 RETURNING open",
            (many, self._now(), self.row(name)),
        ).fetchone()
        self._open += now_open == many

    def shrink(self, name: str, many: int) -> None:
        """Note that so many URLs of a site that is held have ended."""
        site = self._held[name]
        site.open -= many
        self._state.db.execute("UPDATE site SET open = ? WHERE id = ?", (site.open, site.row))
        if self._by_level and many:  # another level may be open now
            site.more, site.wake = True, 0.0

    def wake(self, name: str, due: float) -> None:
        """Note that a URL of a site that is held is to be tried again."""
        site = self._held[name]
        site.wake = min(site.wake, due)

    def pace(self, paces: Sequence[tuple[str, float, float]]) -> None:
        """Remember (site, delay, block), in seconds."""
        now = self._now()
        for name, delay, block in paces:
            site = self._held.get(name)
            if site is not None:
                site.delay, site.due = delay, now + block
            self._state.db.execute(
                "UPDATE site SET delay = ?1, due = ?2, "
                "next = CASE WHEN next IS NOT NULL THEN ?2 END WHERE id = ?3",
                (delay, now + block, self.row(name)),
            )
            if site is not None:
                self._tidy(site)

    def tidy(self, names: set[str]) -> None:
        """Put sites, those of them that are held, where their state says."""
        for name in names & self._held.keys():
            self._tidy(self._held[name])

    def look_round(self) -> None:
        """Note when something may be lent next, and how many sites wait for another's place."""
        full = len(self._held) >= self._most
        waiting = self._open - len(self._held)
        dues = [
            max(site.due, 0.0 if site.more else site.wake)
            for site in map(self._held.__getitem__, self._hungry)
        ]
        if waiting and not full:
            dues += self._state.db.execute(
                "SELECT min(next) FROM site WHERE next IS NOT NULL"
            ).fetchone()
        self.due = min(dues, default=math.inf)
        self.waiting = waiting if full else 0

    def _lend(self, site: _Site, now: float) -> Holding:
        """Lend a held site's next URLs: first those that have failed before."""
        leases: list[Lease] = []
        level = self._level(site) if self._by_level else 0
        if level != site.level:
            site.level, site.cursor = level, 0
        if site.wake <= now:
            self._lend_again(site, now, leases)
        if site.more:
            for row in self._state.db.execute(self._fresh, (site.row, level, site.cursor)):
                if len(site.out) == self._per_site:
                    break
                site.cursor = row[0]
                self._hand_out(site, row, leases)
            else:
                site.more = False
        self._tidy(site)
        return Holding(site.name, leases, site.delay, max(0.0, site.due - now))

    def _lend_again(self, site: _Site, now: float, leases: list[Lease]) -> None:
        """Lend what is to be tried again and is due; note when the next of these is."""
        for row in self._state.db.execute(self._again, (site.row, now)):
            if len(site.out) == self._per_site:
                return
            if row[2] == site.level:
                self._hand_out(site, row, leases)
        (wake,) = self._state.db.execute(
            "SELECT min(due) FROM url WHERE site = ? AND due > ? AND level = ?",
            (site.row, now, site.level),
        ).fetchone()
        site.wake = math.inf if wake is None else wake

    def _hand_out(self, site: _Site, row: tuple[Any, ...], leases: list[Lease]) -> None:
        """Lend one row, unless it is out already."""
        number, fp, _, url, depth, hops, attempt, seed_row, via, seed, meta, *lore = row
        if fp not in site.out:
            known, moot = (None, None) if self._lore is None else self._lore.of(depth, lore)
            selected = 0 if known is None else len(known.selected or b"")
            if known is not None and selected and self._selected + selected > MOST_SELECTED:
                # As with one that has too much of it: the whole page is asked for.
                known = structs.replace(known, etag=None, modified=None, selected=None)
                selected = 0
            self._selected += selected
            target = Target(url, site.name, fp, seed, via, depth, hops, meta)
            lease = Lease(target, next(self._tokens), attempt, known, moot)
            site.out[fp] = Out(lease.token, number, seed_row, selected)
            leases.append(lease)

    def _level(self, site: _Site) -> int:
        """Return the least level of which anything has not ended."""
        (level,) = self._state.db.execute(
            "SELECT min(level) FROM url WHERE site = ? AND verdict IS NULL", (site.row,)
        ).fetchone()
        return int(level or 0)

    def _tidy(self, site: _Site) -> None:
        """Put a held site where its state says: hungry, or free again."""
        # Who is blocked, with nothing out, would keep a place until then: nobody gives it back.
        leaving = site.leaving or site.due > self._now()
        if not site.out and (leaving or not (site.more and site.open)):
            del self._held[site.name]
            self._hungry.pop(site.name, None)
            self._open -= not site.open
            free = max(site.due, self._now() if site.more else site.wake)
            self._state.db.execute(
                "UPDATE site SET next = ? WHERE id = ?", (free if site.open else None, site.row)
            )
            return
        room = not site.leaving and len(site.out) < self._per_site
        if room and (site.more or site.wake < math.inf):
            self._hungry[site.name] = None
        else:
            self._hungry.pop(site.name, None)
