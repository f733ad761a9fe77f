"""The frontier of a crawl that needs to be remembered only as long as it runs.

One process, one holder: tokens fence a settlement that comes twice, and leases need no
renewal. What is bounded is the queue: beyond ``max_queued`` URLs new ones are counted as
skipped. The seen-set grows with the crawl. A million URLs of 40 bytes that wait at one site
take 83 MB with it; as targets and integers they took 262.
"""

import heapq
from collections.abc import Callable, Iterable, Sequence
from itertools import count

from crawler.account import Mark, Past, Tally
from crawler.frontier.brood import Brood, broods
from crawler.frontier.budget import Budget
from crawler.frontier.fingerprints import Fingerprints
from crawler.frontier.queue import Queue
from crawler.model import Added, Holding, Lease, Settled, Target, Verdict
from crawler.ports import Ending

MOST_QUEUED = 2_000_000
"""URLs that may wait, if nobody says how many."""

MOST_PACES = 100_000
"""Sites without URLs whose pace is remembered."""


class _Site:
    """One site's URLs: in queues by level, delayed, and out on loan.

    A level has a queue until all of it has ended. ``listed`` is when its entry among the free
    sites is due; ``leaving`` says that it is held only until what is out has been settled.
    """

    __slots__ = (
        "delay", "delayed", "due", "held", "leaving", "listed", "out", "queues",
    )  # fmt: skip

    def __init__(self, delay: float, due: float) -> None:
        self.queues: dict[int, Queue] = {}
        self.delayed: list[tuple[float, int, Target]] = []
        self.out: dict[int, Lease] = {}
        self.held = False
        self.listed: float | None = None
        self.leaving = False
        self.due = due
        self.delay = delay


class MemoryFrontier:
    """URLs in memory.

    ``clock`` gives monotonic seconds. ``max_pages`` is the budget (None: no limit),
    ``max_queued`` how many URLs may wait. With ``by_level`` a site's URLs of one depth are
    lent only after all of the depth above have ended, so that every URL is found at its
    least depth whatever the concurrency.
    """

    durable = False
    past = Past()

    def __init__(
        self,
        clock: Callable[[], float],
        max_pages: int | None = None,
        max_queued: int = MOST_QUEUED,
        *,
        by_level: bool = False,
    ) -> None:
        self._clock = clock
        self._budget = Budget(max_pages)
        self._max_queued = max_queued
        self._by_level = by_level
        self._seen = Fingerprints()
        self._attempts: dict[int, int] = {}  # by fingerprint, of what has failed before
        self._sites: dict[str, _Site] = {}
        self._hungry: dict[str, None] = {}  # held sites that could be lent more of
        self._free: list[tuple[float, int, str]] = []  # sites no one holds, by when they are due
        self._waiting = 0
        self._held = 0
        self._paces: dict[str, tuple[float, float]] = {}  # of sites without URLs: delay, due
        self._per_site = self._most = 1
        self._order = count(1)
        self._discovered = 0
        self._ended = dict.fromkeys(Verdict, 0)
        self._left = 0

    async def add(self, targets: Sequence[Target]) -> Added:
        """Accept the targets not seen before."""
        new = self._seen.new(targets)
        room = self._make_room(len(new))
        self._tidy_all({self._queue(target): None for target in new[:room]})
        return Added(room, new[room:])

    async def claim(self, sites: int, per_site: int, ttl: float) -> Sequence[Holding]:
        """Lend more of the sites held, then of others that are due."""
        now = self._clock()
        self._per_site, self._most = per_site, sites
        hungry = [key for key in self._hungry if self._sites[key].due <= now]
        holdings = [self._lend(key, now) for key in hungry]
        while self._free and self._held < sites and self._free[0][0] <= now:
            entry = heapq.heappop(self._free)
            if self._stale(entry):
                continue
            key = entry[2]
            site = self._sites[key]
            site.listed = None
            self._waiting -= 1
            if site.due > now:
                self._list(key, site)
                continue
            site.held = True
            self._held += 1
            holdings.append(self._lend(key, now))
        return [holding for holding in holdings if holding.leases]

    async def settle(self, batch: Sequence[Settled], marks: Sequence[Mark]) -> Sequence[Target]:
        """Commit verdicts and children; nothing here outlives the process, so no marks."""
        refused: list[Target] = []
        touched: dict[str, None] = {}
        for settled in batch:
            target = settled.lease.target
            site = self._lender(settled.lease)
            if site is None:
                continue  # stale, or said twice
            touched[target.site] = None
            if new := self._seen.new(settled.found):
                bring = target.hop if settled.hop else target.child
                room = self._make_room(len(new))
                if room < len(new):
                    refused += map(bring, new[room:])
                for found in broods(new[:room], bring):
                    touched[self._queue(found)] = None
            del site.out[target.fp]
            if settled.verdict is None:
                self._delay(site, settled)
            else:
                self._end(site, target, settled.verdict)
        self._tidy_all(touched)
        return refused

    async def renew(self, ttl: float) -> None:
        """Leases in one process do not expire."""

    async def give_back(self, leases: Sequence[Lease]) -> None:
        """Put leases back at the head of their queues."""
        for lease in reversed(leases):
            site = self._lender(lease)
            if site is not None:
                del site.out[lease.target.fp]
                self._queue_of(site, lease.target).put_back(lease.target)
                site.leaving = site.due > self._clock()
                self._tidy(lease.target.site, site)

    async def pace(self, paces: Sequence[tuple[str, float, float]]) -> None:
        """Remember delays, and when sites may next be lent."""
        for site, delay, block in paces:
            due = self._clock() + block
            known = self._sites.get(site)
            if known is None:
                self._remember(site, delay, due)
            else:
                known.delay, known.due = delay, due

    async def reserve(self, most: int) -> int:
        """Take pages out of the budget."""
        return self._budget.reserve(most)

    async def refund(self, pages: int) -> None:
        """Put pages back into the budget."""
        self._budget.refund(pages)

    async def tally(self) -> Tally:
        """Return the account of the pass."""
        full = self._held >= self._most
        while self._free and self._stale(self._free[0]):
            heapq.heappop(self._free)
        dues = [self._free[0][0]] if self._free and not full else []
        dues += [self._due(self._sites[key]) for key in self._hungry]
        return Tally(
            discovered=self._discovered,
            fetched=self._ended[Verdict.FETCHED],
            redirected=self._ended[Verdict.REDIRECTED],
            failed=self._ended[Verdict.FAILED],
            skipped=self._ended[Verdict.SKIPPED],
            gone=self._ended[Verdict.GONE],
            left=self._left,
            due=max(0.0, min(dues) - self._clock()) if dues else None,
            waiting=self._waiting if full else 0,
        )

    async def sweep(self) -> int:
        """Nothing is known of passes before."""
        return 0

    async def unconfirmed(self) -> int:
        """Nothing is known of passes before."""
        return 0

    async def end(self, reason: Ending | None, marks: Sequence[Mark], unconfirmed: int = 0) -> None:
        """Nothing outlives the process."""

    def _lender(self, lease: Lease) -> _Site | None:
        """Return the site that has lent exactly this lease, or None."""
        site = self._sites.get(lease.target.site)
        lent = site.out.get(lease.target.fp) if site else None
        return site if lent is not None and lent.token == lease.token else None

    def _make_room(self, many: int) -> int:
        """Count so many new URLs; return for how many of them there is room."""
        room = max(0, min(many, self._max_queued - self._left))
        self._discovered += many
        self._left += room
        self._ended[Verdict.SKIPPED] += many - room
        return room

    def _queue(self, found: Target | Brood) -> str:
        """Put what there is room for at the end of its queue; return the site, not yet tidy."""
        key = found.site
        site = self._sites.get(key)
        if site is None:
            pace = self._paces.pop(key, (0.0, 0.0))
            site = self._sites[key] = _Site(*pace)
        self._queue_of(site, found).append(found)
        return key

    def _lend(self, key: str, now: float) -> Holding:
        """Lend a held site's next URLs."""
        site = self._sites[key]
        while site.delayed and site.delayed[0][0] <= now:
            target = heapq.heappop(site.delayed)[2]
            self._queue_of(site, target).put_back(target)
        leases = []
        queue = self._open(site)
        while queue and len(site.out) < self._per_site:
            target = queue.pop()
            lease = Lease(target, next(self._order), self._attempts.get(target.fp, 0))
            site.out[target.fp] = lease
            leases.append(lease)
        self._tidy(key, site)
        return Holding(key, leases, site.delay, max(0.0, site.due - now))

    def _queue_of(self, site: _Site, found: Target | Brood) -> Queue:
        """Return the queue for a site's URLs of this depth."""
        level = found.depth if self._by_level else 0
        queue = site.queues.get(level)
        if queue is None:
            queue = site.queues[level] = Queue()
        return queue

    def _open(self, site: _Site) -> Queue | None:
        """Return the queue of the one level that may be lent from: the least not ended."""
        return site.queues[min(site.queues)] if site.queues else None

    def _due(self, site: _Site) -> float:
        """Return when a site that has anything to lend may lend it."""
        return site.due if self._open(site) else max(site.due, site.delayed[0][0])

    def _delay(self, site: _Site, settled: Settled) -> None:
        target = settled.lease.target
        self._attempts[target.fp] = settled.lease.attempt + 1
        heapq.heappush(site.delayed, (self._clock() + settled.again, next(self._order), target))

    def _end(self, site: _Site, target: Target, verdict: Verdict) -> None:
        self._ended[verdict] += 1
        self._left -= 1
        self._attempts.pop(target.fp, None)
        queue = self._queue_of(site, target)
        queue.pending -= 1
        if not queue.pending:
            del site.queues[target.depth if self._by_level else 0]

    def _tidy_all(self, keys: Iterable[str]) -> None:
        for key in keys:
            self._tidy(key, self._sites[key])

    def _tidy(self, key: str, site: _Site) -> None:
        """Put a site where its state says: hungry, free, or forgotten."""
        queue = self._open(site)
        if site.held and not site.out and (site.leaving or not queue):
            # Nothing to lend before a retry is due, if that: whoever wants it may have it.
            site.held = site.leaving = False
            self._held -= 1
        room = site.held and not site.leaving and len(site.out) < self._per_site
        if room and (queue or site.delayed):
            self._hungry[key] = None
        else:
            self._hungry.pop(key, None)
        if not site.held:
            if site.queues:
                self._list(key, site)
            else:
                del self._sites[key]
                self._remember(key, site.delay, site.due)

    def _remember(self, key: str, delay: float, due: float) -> None:
        """Keep the pace of a site without URLs, as long as it may matter."""
        now = self._clock()
        if delay or due > now:
            if len(self._paces) >= MOST_PACES:
                late = {each: pace for each, pace in self._paces.items() if pace[1] > now}
                self._paces = late if len(late) < MOST_PACES else {}
            self._paces[key] = (delay, due)
        else:
            self._paces.pop(key, None)

    def _list(self, key: str, site: _Site) -> None:
        """List a site as free, from when its first URL and its pace allow a visit.

        Of those that are due the one that has been due longest is lent first.
        """
        due = max(self._due(site), self._clock())
        if site.listed is None or due < site.listed:
            self._waiting += site.listed is None
            site.listed = due
            heapq.heappush(self._free, (due, next(self._order), key))

    def _stale(self, entry: tuple[float, int, str]) -> bool:
        """Whether an entry among the free sites is outdated: listed anew, held, or ended."""
        site = self._sites.get(entry[2])
        return site is None or site.listed != entry[0]
