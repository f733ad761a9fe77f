"""The frontier of a crawl that outlives its process: everything in one SQLite file.

A settlement is one transaction: verdicts, children, counts, and how far the outputs were
written. Leases are not written down: whoever opens the file next finds what was lent still
open. In memory are the sites that are held, with the leases out, and the URLs met of late;
so memory does not grow with the crawl, and a page costs the same at a million URLs.

Every verb runs in the file's one thread, so that none sees another half done.
"""

import contextlib
import math
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import msgspec

from crawler.frontier.past import recall
from crawler.frontier.seen import Seen, pack
from crawler.frontier.state import Asked, State, damaged
from crawler.model import Added, Holding, Lease, Mark, Past, Settled, Tally, Target, Verdict
from crawler.policy import urls

Row = tuple[Any, ...]
"""Column values in the order of a statement."""

MOST_SITES = 100_000
"""Sites whose ids are in memory."""

LONGEST_BLOCK, LONGEST_AGAIN = 3_600.0, 120.0
"""Seconds that a site, or a URL to be tried again, waits at most when a run begins."""

_NEW_ROW = (
    "INSERT INTO url (id, site, fp, url, pass, level, depth, hops, via, seed, meta) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
AT_ONCE = 50
"""Rows that one statement inserts: 1.1 µs a row against 1.9 one by one."""

_NEW_ROWS = _NEW_ROW + ", (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)" * (AT_ONCE - 1)

_LEND = """
    SELECT u.id, u.fp, u.level, u.url, u.depth, u.hops, u.attempt, u.seed, coalesce(v.url, u.via),
           coalesce(s.url, u.url), coalesce(s.meta, u.meta)
    FROM url u INDEXED BY {index} LEFT JOIN url v ON v.id = u.via LEFT JOIN url s ON s.id = u.seed
    WHERE u.site = ? AND {which}
"""
_FRESH = _LEND.format(
    index="open",
    which="u.verdict IS NULL AND u.due IS NULL AND u.level = ? AND u.id > ? ORDER BY u.id",
)
_AGAIN = _LEND.format(index="again", which="u.due <= ? ORDER BY u.due")


@dataclass(slots=True)
class _Out:
    """A lease that is out: its token, the URL's row, and the row of its seed (None: itself)."""

    token: int
    row: int
    seed: int | None


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
    out: dict[int, _Out] = field(default_factory=dict)
    level: int = 0
    cursor: int = 0
    more: bool = True
    wake: float = 0.0
    leaving: bool = False


class SqliteFrontier:
    """The Frontier port onto a state file; see :meth:`opened`."""

    durable = True

    def __init__(
        self, state: State, clock: Callable[[], float], max_pages: int | None, *, by_level: bool
    ) -> None:
        self._state = state
        self._clock = clock
        # Fixed for the run, so that a clock that is set does not disturb it; to the millisecond,
        # so that sums of times are exact.
        self._since = round((time.time() - clock()) * 1024) / 1024
        self._budget = max_pages
        self._by_level = by_level
        self._per_site = self._most = 1
        self._tokens = count(1)
        self._held: dict[str, _Site] = {}
        self._hungry: dict[str, None] = {}  # held sites that could be lent more of
        self._site_rows: dict[str, int] = {}
        self._seen: Seen
        self._last = 0  # rows of `url`
        self._sites_open = 0
        self._due = math.inf
        self._tally = Tally()
        self.past = Past()

    @classmethod
    @contextlib.asynccontextmanager
    async def opened(
        cls,
        path: str,
        asked: Asked,
        clock: Callable[[], float],
        max_pages: int | None = None,
        *,
        by_level: bool = False,
        pause: float = 0.0,
        fresh: bool = False,
        full: bool = False,
    ) -> AsyncIterator["SqliteFrontier"]:
        """Open the state at ``path``, made if need be; close it at the end.

        ``clock`` gives monotonic seconds. ``max_pages`` counts over the runs of a pass; with
        ``by_level`` a site's URLs of one depth are lent only after all of the depth above
        have ended. No site known is lent before ``pause`` seconds, or its own delay, have
        passed. ``fresh`` forgets the crawl in the file; with ``full`` commits outlast a power
        failure. Raises TryLater, StateUnusable, BadSetting.
        """
        state = await State.open(path, asked, fresh=fresh, full=full)
        try:
            frontier = cls(state, clock, max_pages, by_level=by_level)
            await state.run(frontier._recall, pause)
            yield frontier
        finally:
            await state.close()

    async def add(self, targets: Sequence[Target]) -> Added:
        """Accept the targets not seen before; there is room for all."""
        return Added(await self._state.run(self._add, targets))

    async def claim(self, sites: int, per_site: int, ttl: float) -> Sequence[Holding]:
        """Lend more of the sites held, then of others that are due."""
        return await self._state.run(self._claim, sites, per_site)

    async def settle(self, batch: Sequence[Settled], marks: Sequence[Mark]) -> Sequence[Target]:
        """Commit; nothing is ever turned away."""
        await self._state.run(self._settle, batch, marks)
        return ()

    async def renew(self, ttl: float) -> None:
        """The file is ours alone: leases do not expire."""

    async def give_back(self, leases: Sequence[Lease]) -> None:
        """Take leases back; after a failed commit there is nothing left to do for them."""
        if leases and self._state.broken is None:
            await self._state.run(self._give_back, leases)

    async def pace(self, paces: Sequence[tuple[str, float, float]]) -> None:
        """Remember delays, and when sites may next be lent."""
        if paces:
            await self._state.run(self._pace, paces)

    async def reserve(self, most: int) -> int:
        """Take pages out of the budget."""
        if self._budget is None:
            return most
        granted = max(0, min(most, self._budget))
        self._budget -= granted
        return granted

    async def refund(self, pages: int) -> None:
        """Put pages back into the budget."""
        if self._budget is not None:
            self._budget += pages

    async def tally(self) -> Tally:
        """Return the account of the pass as of the last commit."""
        due = None if self._due == math.inf else max(0.0, self._due - self._now())
        return msgspec.structs.replace(self._tally, due=due)

    # What follows runs in the thread of the file.

    def _now(self) -> float:
        return self._clock() + self._since

    def _recall(self, pause: float) -> None:
        """Take up the pass where it was left: nothing is held, and no site is due at once."""
        db, now = self._state.db, self._now()
        with self._state.commit():
            db.execute(
                "UPDATE site SET due = ?1 + max(min(due - ?1, ?3), delay, ?2)",
                (now, pause, LONGEST_BLOCK),
            )
            db.execute("UPDATE site SET next = CASE WHEN open THEN due END")
            db.execute("UPDATE url SET due = ?1 WHERE due > ?1", (now + LONGEST_AGAIN,))
        run, merged, discovered, fetched, redirected, failed, skipped, gone = db.execute(
            "SELECT number, merged, discovered, fetched, redirected, failed, skipped, gone "
            "FROM pass ORDER BY number DESC LIMIT 1"
        ).fetchone()
        left = discovered - fetched - redirected - failed - skipped - gone
        self._tally = Tally(discovered, fetched, redirected, failed, skipped, gone, left)
        if self._budget is not None:
            self._budget -= fetched
        (self._sites_open,) = db.execute("SELECT count(*) FROM site WHERE open").fetchone()
        (self._last,) = db.execute("SELECT coalesce(max(id), 0) FROM url").fetchone()
        self._seen = Seen(db, merged)
        self.past = recall(db, run)
        self._look_round()

    def _add(self, targets: Sequence[Target]) -> int:
        before = self._last
        with self._state.commit():
            self._seen.look_up((each.fp, self._site_row(each.site)) for each in targets)
            rows: list[Row] = []
            sites: list[str] = []
            for each in targets:
                if self._seen.row(each.fp) is not None:
                    continue
                itself = each.seed == each.url
                seed, meta = (None, each.meta) if itself else (self._row_of(each.seed), None)
                self._last += 1
                self._seen.add(each.fp, self._last)
                rows.append((
                    self._last, self._site_row(each.site), each.fp, each.url, self.past.run,
                    each.depth if self._by_level else 0, each.depth, each.hops, each.via, seed,
                    meta,
                ))  # fmt: skip
                sites.append(each.site)
            for name in self._take_in(rows, Counter(sites)):
                self._tidy(self._held[name])
        self._look_round()
        return self._last - before

    def _settle(self, batch: Sequence[Settled], marks: Sequence[Mark]) -> None:
        taken = [(settled, out) for settled in batch if (out := self._take_home(settled.lease))]
        db, now = self._state.db, self._now()
        with self._state.commit():
            rows, sites, pages = self._follow(taken)
            grown = self._take_in(rows, sites)
            db.executemany("INSERT OR REPLACE INTO page VALUES (?, ?, ?, ?)", pages)
            db.executemany(
                "UPDATE url SET verdict = ?, status = ?, why = ?, due = NULL WHERE id = ?",
                [
                    (each.verdict.value, each.status, each.why and each.why.value, out.row)
                    for each, out in taken
                    if each.verdict is not None
                ],
            )
            db.executemany(
                "UPDATE url SET attempt = ?, due = ? WHERE id = ?",
                [
                    (each.lease.attempt + 1, now + each.again, out.row)
                    for each, out in taken
                    if each.verdict is None
                ],
            )
            db.executemany(
                "INSERT OR REPLACE INTO output VALUES (?, ?, ?)",
                [(mark.name, mark.offset, mark.crc) for mark in marks],
            )
            self._count(Counter(each.verdict for each, _ in taken))
            self._sort_out([settled for settled, _ in taken], now)
            for name in {*grown, *(each.lease.target.site for each, _ in taken)}:
                self._tidy(self._held[name])
        if self._seen.full:
            with self._state.commit():
                self._seen.merge(self._last)
        self._look_round()

    def _take_home(self, lease: Lease) -> _Out | None:
        """Return what was noted of a lease that is out, or None: it is stale, or said twice."""
        site = self._held.get(lease.target.site)
        out = site.out.get(lease.target.fp) if site else None
        if site is None or out is None or out.token != lease.token:
            return None
        return site.out.pop(lease.target.fp)

    def _follow(
        self, taken: Sequence[tuple[Settled, _Out]]
    ) -> tuple[list[Row], Counter[str], list[Row]]:
        """Return rows for the URLs seen for the first time, how many a site has, and what
        pages say. The inner loop runs for every link of every page.
        """
        found = (link for settled, _ in taken for link in settled.found)
        self._seen.look_up((link.fp, self._site_row(link.site)) for link in found)
        rows: list[Row] = []
        pages: list[Row] = []
        sites: Counter[str] = Counter()
        new, old = self._seen.new, self._seen.old
        last, run = self._last, self.past.run
        for settled, out in taken:
            parent = settled.lease.target
            depth, hops = (parent.depth, parent.hops + 1) if settled.hop else (parent.depth + 1, 0)
            level = depth if self._by_level else 0
            seed = out.row if out.seed is None else out.seed
            links = []
            for link in settled.found:
                fp = link.fp
                row = new.get(fp) or old.get(fp)
                if row is None:
                    row = last = last + 1
                    new[fp] = row
                    site = self._site_row(link.site)
                    rows.append(
                        (row, site, fp, link.url, run, level, depth, hops, out.row, seed, None)
                    )
                    sites[link.site] += 1
                links.append(row)
            if links or settled.etag or settled.modified:
                pages.append((out.row, settled.etag, settled.modified, pack(links)))
        self._last = last
        return rows, sites, pages

    def _take_in(self, rows: Sequence[Row], sites: Counter[str]) -> list[str]:
        """Write new URLs down, so many a site; return the held sites that have more now."""
        if not rows:
            return []
        db = self._state.db
        whole = len(rows) - len(rows) % AT_ONCE
        for start in range(0, whole, AT_ONCE):
            db.execute(_NEW_ROWS, [value for row in rows[start : start + AT_ONCE] for value in row])
        db.executemany(_NEW_ROW, rows[whole:])
        for name, many in sites.items():
            site = self._held.get(name)
            if site is not None:
                site.open += many
                site.more = True
                db.execute("UPDATE site SET open = ? WHERE id = ?", (site.open, site.row))
                continue
            (all_open,) = db.execute(
                "UPDATE site SET open = open + ?1, next = min(coalesce(next, 9e15), max(due, ?2)) "
                "WHERE id = ?3 RETURNING open",
                (many, self._now(), self._site_row(name)),
            ).fetchone()
            self._sites_open += all_open == many
        db.execute(
            "UPDATE pass SET discovered = discovered + ? WHERE number = ?",
            (len(rows), self.past.run),
        )
        self._tally = msgspec.structs.replace(
            self._tally,
            discovered=self._tally.discovered + len(rows),
            left=self._tally.left + len(rows),
        )
        return [name for name in sites if name in self._held]

    def _count(self, verdicts: Counter[Verdict | None]) -> None:
        """Add verdicts to the account of the pass."""
        counts = [verdicts[verdict] for verdict in Verdict]
        if not any(counts):
            return
        self._state.db.execute(
            "UPDATE pass SET fetched = fetched + ?, redirected = redirected + ?, "
            "failed = failed + ?, skipped = skipped + ? WHERE number = ?",
            (*counts, self.past.run),
        )
        before = self._tally
        fetched, redirected, failed, skipped = counts
        self._tally = msgspec.structs.replace(
            before,
            fetched=before.fetched + fetched,
            redirected=before.redirected + redirected,
            failed=before.failed + failed,
            skipped=before.skipped + skipped,
            left=before.left - sum(counts),
        )

    def _sort_out(self, taken: Sequence[Settled], now: float) -> None:
        """Bring the sites of settled leases up to date."""
        ends = {settled.lease.target.site: 0 for settled in taken}
        for settled in taken:
            name = settled.lease.target.site
            if settled.verdict is None:
                self._held[name].wake = min(self._held[name].wake, now + settled.again)
            else:
                ends[name] += 1
        for name, many in ends.items():
            site = self._held[name]
            site.open -= many
            self._state.db.execute("UPDATE site SET open = ? WHERE id = ?", (site.open, site.row))
            if self._by_level and many:  # another level may be open now
                site.more, site.wake = True, 0.0

    def _claim(self, sites: int, per_site: int) -> list[Holding]:
        now = self._now()
        self._per_site, self._most = per_site, sites
        with self._state.commit():
            hungry = [self._held[name] for name in self._hungry]
            holdings = [self._lend(site, now) for site in hungry if site.due <= now]
            # Again while a site turns out to have nothing to lend: it takes nobody's place.
            while (room := sites - len(self._held)) > 0 and self._sites_open > len(self._held):
                rows = self._state.db.execute(
                    "SELECT id, name, open, delay, due FROM site WHERE next <= ? "
                    "ORDER BY next LIMIT ?",
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
        self._look_round()
        return [holding for holding in holdings if holding.leases]

    def _lend(self, site: _Site, now: float) -> Holding:
        """Lend a held site's next URLs: first those that have failed before."""
        leases: list[Lease] = []
        level = self._level(site) if self._by_level else 0
        if level != site.level:
            site.level, site.cursor = level, 0
        if site.wake <= now:
            self._lend_again(site, now, leases)
        if site.more:
            for row in self._state.db.execute(_FRESH, (site.row, level, site.cursor)):
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
        for row in self._state.db.execute(_AGAIN, (site.row, now)):
            if len(site.out) == self._per_site:
                return
            if row[2] == site.level:
                self._hand_out(site, row, leases)
        (wake,) = self._state.db.execute(
            "SELECT min(due) FROM url WHERE site = ? AND due > ? AND level = ?",
            (site.row, now, site.level),
        ).fetchone()
        site.wake = math.inf if wake is None else wake

    def _hand_out(self, site: _Site, row: Row, leases: list[Lease]) -> None:
        """Lend one row, unless it is out already."""
        number, fp, _, url, depth, hops, attempt, seed_row, via, seed, meta = row
        if fp in site.out:
            return
        if urls.fingerprint(url) != fp:
            raise damaged(self._state.path, f"url {number} is not what it was")
        lease = Lease(
            Target(url, site.name, fp, seed, via, depth, hops, meta), next(self._tokens), attempt
        )
        site.out[fp] = _Out(lease.token, number, seed_row)
        leases.append(lease)

    def _level(self, site: _Site) -> int:
        """Return the least level of which anything has not ended."""
        (level,) = self._state.db.execute(
            "SELECT min(level) FROM url WHERE site = ? AND verdict IS NULL", (site.row,)
        ).fetchone()
        return int(level or 0)

    def _give_back(self, leases: Sequence[Lease]) -> None:
        now = self._now()
        with self._state.commit():
            for lease in leases:
                out = self._take_home(lease)
                if out is None:
                    continue
                site = self._held[lease.target.site]
                site.cursor = min(site.cursor, out.row - 1)
                site.more = True
                if lease.attempt:
                    site.wake = 0.0
                site.leaving = site.due > now
                self._tidy(site)
        self._look_round()

    def _pace(self, paces: Sequence[tuple[str, float, float]]) -> None:
        now = self._now()
        with self._state.commit():
            for name, delay, block in paces:
                site = self._held.get(name)
                if site is not None:
                    site.delay, site.due = delay, now + block
                self._state.db.execute(
                    "UPDATE site SET delay = ?1, due = ?2, "
                    "next = CASE WHEN next IS NOT NULL THEN ?2 END WHERE id = ?3",
                    (delay, now + block, self._site_row(name)),
                )
        self._look_round()

    def _tidy(self, site: _Site) -> None:
        """Put a held site where its state says: hungry, or free again."""
        if not site.out and (site.leaving or not (site.more and site.open)):
            del self._held[site.name]
            self._hungry.pop(site.name, None)
            self._sites_open -= not site.open
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

    def _look_round(self) -> None:
        """Note when something may be lent next, and how many sites wait for another's place."""
        full = len(self._held) >= self._most
        waiting = self._sites_open - len(self._held)
        dues = [
            max(site.due, 0.0 if site.more else site.wake)
            for site in map(self._held.__getitem__, self._hungry)
        ]
        if waiting and not full:
            dues += self._state.db.execute(
                "SELECT min(next) FROM site WHERE next IS NOT NULL"
            ).fetchone()
        self._due = min(dues, default=math.inf)
        self._seen.forget()
        self._tally = msgspec.structs.replace(self._tally, waiting=waiting if full else 0)

    def _row_of(self, url: str) -> int | None:
        """Return the row of a URL, or None if it is none of the crawl."""
        fp = urls.fingerprint(url)
        self._seen.look_up([(fp, self._site_row(urls.site(url)))])
        return self._seen.row(fp)

    def _site_row(self, name: str) -> int:
        """Return the row of a site, made if need be."""
        row = self._site_rows.get(name)
        if row is None:
            db = self._state.db
            db.execute("INSERT OR IGNORE INTO site (name) VALUES (?)", (name,))
            (row,) = db.execute("SELECT id FROM site WHERE name = ?", (name,)).fetchone()
            if len(self._site_rows) >= MOST_SITES:
                self._site_rows.clear()
            self._site_rows[name] = row
        return int(row)
