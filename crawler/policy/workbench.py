"""Which URL goes next? The sites this process holds, and what is known of each.

Invariants: a site is in the heap exactly when it has leases in line and room for another
request; of two sites that are ready the one that waited longer goes first, so neither a slow
nor a huge site keeps the others waiting. Everything is synchronous: nothing can be cancelled
halfway.
"""

import heapq
import math
from collections.abc import Sequence
from itertools import count

from crawler.model import Failed, Holding, Lease, Outcome
from crawler.policy import robots
from crawler.policy.pace import Manners
from crawler.policy.retry import Retry
from crawler.policy.site import Denied, Site, Visit

MOST_RULES = 8 * 1024 * 1024
"""Bytes of robots.txt whose rules are remembered; matched rules take 30 times as much."""


class Workbench:
    """Sites and their leases; ``take`` chooses, ``release`` and ``heard`` report back.

    ``agent`` is the product token for robots.txt, or None to ignore robots.txt.
    ``concurrency`` is the number of requests that the whole crawl may have in flight: no
    site takes all of it while others are waiting. About ``remember`` sites are known at
    once; those with nothing to do are forgotten first. ``learnt`` says that a site has asked
    for a pause that :meth:`paced` has not told yet: it must not be lost with the process.
    """

    def __init__(
        self,
        manners: Manners,
        retry: Retry,
        agent: str | None,
        concurrency: int = 64,
        remember: int = 20_000,
    ) -> None:
        self._manners = manners
        self._retry = retry
        self.agent = agent
        self._concurrency = concurrency
        self._remember = remember
        self._sites: dict[str, Site] = {}
        self._busy: set[str] = set()
        self._heap: list[tuple[float, int, str]] = []
        self._tickets = count(1)
        self._paced: dict[str, None] = {}
        self._limits: dict[str, int] = {}
        self._weight = 0  # bytes that the rules known were read from
        self.learnt = False

    def stock(self, holdings: Sequence[Holding], now: float) -> None:
        """Put leases in line."""
        for holding in holdings:
            site = self._site(holding.site)
            site.pace.robots_delay = max(site.pace.robots_delay, holding.delay)
            if holding.wait:
                site.pace.pause(now + holding.wait)
            site.line.extend(holding.leases)
            self._line_up(holding.site, site, now)
        if len(self._sites) > self._remember or self._weight > MOST_RULES:
            self._forget(now)

    def take(self, now: float) -> Visit | Denied | None:
        """Return the next thing to do, or None if nothing may start before ``next_due``."""
        while self._heap and self._heap[0][0] <= now:
            _, ticket, key = heapq.heappop(self._heap)
            site = self._sites.get(key)
            if site is None or site.ticket != ticket:
                continue
            site.ticket = 0
            if site.pace.in_flight >= self._limit(site):
                continue  # others have come since; its next release lines it up again
            chosen = site.choose(self.agent, now)
            self._line_up(key, site, now)
            if chosen is not None:
                return chosen
        return None

    @property
    def next_due(self) -> float:
        """When ``take`` may next have something (inf: not before a release)."""
        while self._heap:
            at, ticket, key = self._heap[0]
            site = self._sites.get(key)
            if site is not None and site.ticket == ticket:
                return at
            heapq.heappop(self._heap)
        return math.inf

    @property
    def spaced(self) -> bool:
        """Whether the start of a visit decides when the next of its site may be taken."""
        return self._manners.gap > 0

    def start(self, visit: Visit, now: float) -> bool:
        """The visit's request is on its way.

        Returns False if it must not start, for what its site has said since it was taken:
        then it is to be put back.
        """
        key = visit.lease.target.site
        site = self._sites[key]
        if not site.pace.may_start(now):
            return False
        visit.started = now
        site.pace.start(now)
        if self.spaced:
            self._line_up(key, site, now)
        return True

    def release(
        self,
        visit: Visit,
        outcome: Outcome,
        now: float,
        pause: float | None,
        *,
        telling: bool = True,
    ) -> None:
        """The visit's last byte has come, or it failed; ``pause`` is a Retry-After in seconds.

        ``telling``: the outcome says something of the site.
        """
        key = visit.lease.target.site
        site = self._sites[key]
        typical = visit.robots is None
        site.pace.end(outcome, visit.started, now, pause, typical=typical, telling=telling)
        if site.pace.due > now:
            self._paced[key] = None
        late = max(self._manners.delay, site.pace.robots_delay) + 1.0
        self.learnt = self.learnt or pause is not None or site.pace.due > now + late
        if (limit := site.pace.throttle.news()) is not None:
            self._limits[key] = limit
        self._line_up(key, site, now)

    def put_back(self, visit: Visit, now: float) -> None:
        """Return a visit that was not made; it goes first when its turn comes again."""
        self._sites[visit.lease.target.site].pace.untake()
        self.repeat(visit, now)

    def repeat(self, visit: Visit, now: float) -> None:
        """Put a lease first in line again, its request having been in vain by our own doing."""
        key = visit.lease.target.site
        site = self._sites[key]
        site.repeat(visit)
        self._line_up(key, site, now)

    def heard(
        self, visit: Visit, answer: robots.Rules | str | Failed, now: float
    ) -> tuple[Failed, int] | None:
        """Take in what a robots.txt said (:func:`crawler.policy.robots.judge`).

        Returns None when the lease is in line again, or the failure, with the number of
        requests made, with which it ends: nothing can be asked of the site.
        """
        key = visit.lease.target.site
        site = self._sites[key]
        origin = site.origin_of(visit)
        before = origin.weight
        ended = origin.hear(answer, site.pace, self._retry, now)
        self._weight += origin.weight - before
        self.learnt = self.learnt or bool(origin.rules and origin.rules.delay)
        site.unpark(origin)
        if ended is None:
            site.line.appendleft(visit.lease)
        if site.pace.due > now:
            self._paced[key] = None
        self._line_up(key, site, now)
        return ended

    def asleep(self, until: float) -> list[Lease]:
        """Take back the leases of sites that may not be visited before ``until``."""
        leases: list[Lease] = []
        for key in list(self._busy):
            site = self._sites[key]
            if site.line and site.pace.due > until and not site.pace.in_flight:
                leases += self._clear(key)
        return leases

    def clear(self) -> list[Lease]:
        """Take back every lease that is in line."""
        return [lease for key in list(self._busy) for lease in self._clear(key)]

    def paced(self, now: float) -> list[tuple[str, float, float]]:
        """Return (site, delay, wait) in seconds for the sites slowed since the last call."""
        slowed = [(key, self._sites[key].pace) for key in self._paced if key in self._sites]
        self._paced.clear()
        self.learnt = False
        return [(key, pace.robots_delay, max(0.0, pace.due - now)) for key, pace in slowed]

    @property
    def stocked(self) -> int:
        """How many leases are in line."""
        return sum(len(site.line) for site in self._sites.values())

    def stocks(self, site: str) -> bool:
        """Whether any lease of a site is in line."""
        known = self._sites.get(site)
        return known is not None and bool(known.line)

    def limits(self) -> dict[str, int]:
        """Return the sites whose limit has fallen, or is whole again, since the last call."""
        limits, self._limits = self._limits, {}
        return limits

    def held_back(self, most: int) -> list[tuple[str, int]]:
        """Return the busy sites that are given less than is allowed, with their limits."""
        throttles = ((key, self._sites[key].pace.throttle) for key in self._busy)
        fallen = [(key, throttle.limit) for key, throttle in throttles if throttle.fallen]
        return heapq.nsmallest(most, fallen, key=lambda item: item[1])

    def slowest(self, most: int) -> list[tuple[str, float]]:
        """Return the busy sites with the longest time to the first byte, in seconds."""
        times = ((key, self._sites[key].pace.throttle.recent) for key in self._busy)
        return heapq.nlargest(most, times, key=lambda item: item[1])

    def _site(self, key: str) -> Site:
        site = self._sites.get(key)
        if site is None:
            site = self._sites[key] = Site(self._manners)
        return site

    def _line_up(self, key: str, site: Site, now: float) -> None:
        """Put a site into the heap, or out of it, as its state asks for."""
        if site.idle:
            self._busy.discard(key)
        else:
            self._busy.add(key)
        pace = site.pace
        if not site.line or pace.in_flight >= self._limit(site) or pace.starting:
            site.ticket = 0
            return
        due = pace.due if pace.hopeless(now) is None else -math.inf
        if site.ticket and due <= site.at <= max(due, now):
            return  # its place in the queue is as early as it may be: keep it
        site.at = max(due, now)
        site.ticket = next(self._tickets)
        heapq.heappush(self._heap, (site.at, site.ticket, key))

    def _limit(self, site: Site) -> int:
        """How many requests a site may have in flight, leaving some for each other one."""
        others = min(len(self._busy) - 1, self._concurrency // 2)
        return max(1, min(site.pace.limit, self._concurrency - others))

    def _clear(self, key: str) -> list[Lease]:
        site = self._sites[key]
        leases = site.clear()
        if site.idle:
            self._busy.discard(key)
        return leases

    def _forget(self, now: float) -> None:
        """Drop sites with nothing to do, and the rules of those whose pace must be kept."""
        for key in [key for key in self._sites if key not in self._busy]:
            if len(self._sites) <= self._remember // 2 and self._weight <= MOST_RULES // 2:
                break
            site = self._sites[key]
            for origin in site.origins.values():
                self._weight -= origin.weight
            site.origins.clear()
            if site.pace.due <= now and site.pace.hopeless(now) is None:
                del self._sites[key]
