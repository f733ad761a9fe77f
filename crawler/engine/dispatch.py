"""The first stage: from the frontier's sites to one visit after another."""

import asyncio
import contextlib
import logging
import math
import time

from crawler import record
from crawler.engine.line import SEEDS_AHEAD, Done, Note, Shared
from crawler.model import Failed, Gone, Reason, Settled, Verdict
from crawler.policy import news
from crawler.policy.site import Denied, Visit

log = logging.getLogger(__name__)

TTL = 60.0
"""Seconds after which a lease that nobody renewed may be lent to someone else."""

LONG = 10.0
"""Seconds until a site's next visit from which on another site may have its place."""


class Dispatch:
    """Chooses visits and hands them to the workers until the frontier has no more.

    ``sites`` are held at once, with ``per_site`` URLs each; those that may not be visited for
    long make way for others. ``max_pages`` ends the crawl (None: no limit), and so does nothing
    being due within ``max_wait`` seconds.
    """

    def __init__(
        self,
        shared: Shared,
        sites: int,
        per_site: int,
        max_pages: int | None,
        max_wait: float,
    ) -> None:
        self._shared = shared
        self._sites = sites
        self._per_site = per_site
        self._max_pages = max_pages
        self._max_wait = max_wait
        self._now = asyncio.get_running_loop().time

    async def run(self) -> None:
        """Dispatch until the end, then close the line."""
        if self._max_pages is not None:
            tally = await self._shared.frontier.tally()
            if tally.fetched >= self._max_pages:
                self._shared.stop.ask("max_pages")
        while not self._shared.stop.asked.is_set() and await self._turn():
            pass
        await self._shared.todo.close()

    async def _turn(self) -> bool:
        """Do the next thing there is to do; return False when there will be none."""
        shared = self._shared
        shared.wake.clear()
        if shared.news or shared.bench.learnt:
            await self._claim()
        chosen = shared.bench.take(self._now())
        if chosen is None:
            return await self._wait()
        if isinstance(chosen, Denied):
            shared.in_hand += 1
            await shared.done.put(self._deny(chosen))
            return True
        if chosen.robots is None and not await self._afford(chosen):
            return False
        shared.in_hand += 1
        await shared.todo.put(chosen)
        return True

    async def _claim(self) -> None:
        """Borrow what the frontier has, and tell it what the bench has learnt."""
        shared = self._shared
        shared.news = False
        await self._tell_paces()
        shared.stats.claims += 1
        holdings = await shared.frontier.claim(self._sites, self._per_site, TTL)
        shared.bench.stock(holdings, self._now())

    async def _tell_paces(self) -> None:
        if paces := self._shared.bench.paced(self._now()):
            await self._shared.frontier.pace(paces)
        for site, limit in self._shared.bench.limits().items():
            log.info("%s is slow or refuses: %d at once from here on", site, limit)

    async def _wait(self) -> bool:
        """Sleep until something may be done; return False when that will never be."""
        shared = self._shared
        tally = await shared.frontier.tally()
        if not shared.seeding and tally.left == 0:
            shared.news = bool(await shared.frontier.sweep())
            return shared.news
        if tally.waiting and (leases := shared.bench.asleep(self._now() + LONG)):
            await self._tell_paces()
            await shared.frontier.give_back(leases)
            shared.news = True
            await asyncio.sleep(0)  # whatever a frontier does, others get their turn
            return True
        due = math.inf if tally.due is None else tally.due
        pause = min(due, max(0.0, shared.bench.next_due - self._now()))
        seeds_may_help = shared.seeding and shared.open_seeds < SEEDS_AHEAD
        if pause > self._max_wait and not shared.in_hand and not seeds_may_help:
            shared.stop.ask("max_wait")
            return False
        shared.stats.wakes += 1
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(None if pause == math.inf else pause):
                await shared.wake.wait()
        shared.news = shared.news or due <= pause
        return True

    async def _afford(self, visit: Visit) -> bool:
        """Reserve a page for a visit; return False when the crawl has had its number."""
        shared = self._shared
        if self._max_pages is None:
            return True
        while not await shared.frontier.reserve(1):
            tally = await shared.frontier.tally()
            full = tally.fetched >= self._max_pages
            if full or shared.stop.asked.is_set():
                if full:
                    shared.stop.reason = shared.stop.reason or "max_pages"
                shared.bench.put_back(visit, self._now())
                return False
            shared.done.offer(Note.COMMIT)  # what is gathered may be all that is missing
            await shared.wake.wait()
            shared.wake.clear()
        return True

    def _deny(self, denied: Denied) -> Done:
        """Return the end of a URL that no request is made for."""
        lease, why, run, at = denied.lease, denied.why, self._shared.run, time.time()
        if isinstance(why, Gone):
            settled = Settled(lease, Verdict.GONE, why=why)
            return Done(settled, (record.gone(lease.target, why, None, run, at),), why)
        settled = Settled(
            lease,
            Verdict.FAILED if isinstance(why, Failed) else Verdict.SKIPPED,
            why=why.fault if isinstance(why, Failed) else why,
            replay=lease.known is not None,
            unsure=denied.unsure,
        )
        if isinstance(why, Failed):
            line = record.error(lease, why, lease.attempt, run, at)
        else:
            line = record.skip(lease.target, why, denied.detail, run, at)
        dull = self._shared.only_changes and (why is Reason.FRESH or news.same_end(settled))
        return Done(settled, () if dull else (line,), why)
