"""A crawl: the stages joined into one TaskGroup, its seeds, its clock, its end."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass

from crawler.account import Status, Tally
from crawler.choices import SitemapUse
from crawler.engine.crew import Crew
from crawler.engine.dispatch import TTL, Dispatch
from crawler.engine.line import SEEDS_AHEAD, Done, Note, Shared
from crawler.engine.permits import Permits
from crawler.engine.pipe import Pipe
from crawler.engine.pulse import BEAT, Pulse
from crawler.engine.settle import Settle
from crawler.engine.statistics import Statistics
from crawler.engine.stop import Stop
from crawler.errors import ReaderClosed
from crawler.model import Target
from crawler.policy.retry import Retry
from crawler.policy.scope import Scope
from crawler.policy.site import Visit
from crawler.policy.urls import Canon
from crawler.policy.workbench import Workbench
from crawler.ports import Ending, Fetcher, Frontier, Parser, Sink

log = logging.getLogger(__name__)

GRACE = 10.0
"""Seconds that what is in flight has to finish after the first request to stop."""

SLOWEST = 3
"""Sites of a kind that a status names."""

LAST_WORDS = 0.7
"""Seconds that settle has to finish after everything else was ended by force."""

_ENDINGS: dict[str, Ending] = {"drained": "drained", "max_pages": "max_pages"}
"""The reasons for which a run ends that are the end of its pass as well."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes and bounds of a crawl; times in seconds, None for no limit.

    ``concurrency`` requests on the wire, ``workers`` in all, ``line`` visits between
    dispatch and workers, ``sites`` held at once, ``per_site`` URLs of each.
    """

    concurrency: int = 64
    workers: int = 80
    line: int = 16
    sites: int = 4_096
    per_site: int = 256
    max_pages: int | None = None
    max_time: float | None = None
    max_wait: float = 300.0
    grace: float | None = GRACE


@dataclass(frozen=True, slots=True)
class Result:
    """How a crawl ended.

    ``error`` is what stopped it, if it did not end by itself; ``forced`` says that it did
    not drain, ``settled`` that all that was written is committed; ``open_seeds`` is how many
    seeds have not ended, ``unconfirmed`` how many known pages nothing led to that may not be gone.
    """

    reason: str
    tally: Tally
    stats: Statistics
    elapsed: float
    error: BaseException | None = None
    forced: bool = False
    settled: bool = True
    open_seeds: int = 0
    unconfirmed: int = 0

    @property
    def ending(self) -> Ending | None:
        """Why the pass has ended, or None: another run goes on with it."""
        return _ENDINGS.get(self.reason) if self.error is None and self.settled else None


class Crawl:
    """One run. Make it inside a running event loop, then await :meth:`run` once."""

    def __init__(
        self,
        *,
        frontier: Frontier,
        fetcher: Fetcher,
        parser: Parser,
        sink: Sink,
        bench: Workbench,
        retry: Retry,
        scope: Scope,
        canon: Canon,
        limits: Limits,
        sitemap: SitemapUse = "off",
        only_changes: bool = False,
    ) -> None:
        self._limits = limits
        self._now = asyncio.get_running_loop().time
        todo: Pipe[Visit] = Pipe(limits.line)
        done: Pipe[Done | Note] = Pipe(limits.workers)
        past = frontier.past
        self.shared = Shared(
            frontier, bench, todo, done, past.run, only_changes, open_seeds=past.open_seeds
        )
        self.shared.stats.recall(past)
        self.permits = Permits(limits.concurrency)
        self._pulse = Pulse()
        self._dispatch = Dispatch(
            self.shared, limits.sites, limits.per_site, limits.max_pages, limits.max_wait
        )
        self._settle = Settle(self.shared, sink, fetcher.free)
        self._crew = Crew(
            self.shared,
            fetcher,
            parser,
            retry,
            scope,
            canon,
            self.permits,
            self._pulse,
            limits.workers,
            sitemap,
            self._settle.turn_away,
        )
        self._parser = parser

    @property
    def stop(self) -> Stop:
        """The way to end the crawl early."""
        return self.shared.stop

    async def run(
        self,
        seeds: AsyncIterator[Sequence[Target]],
        watch: Callable[[Status], None] = lambda status: None,
    ) -> Result:
        """Crawl until the end; ``seeds`` come in batches, ``watch`` is called with each beat."""
        started = self.shared.stats.started = self._now()
        error = None
        try:
            async with asyncio.TaskGroup() as group:
                seeding = group.create_task(self._seed(seeds), name="seeding")
                dispatch = group.create_task(self._dispatch.run(), name="dispatch")
                crew = group.create_task(self._crew.run(), name="crew")
                settle = group.create_task(self._settle.run(), name="settle")
                clock = group.create_task(self._tick(started, watch), name="clock")
                force = group.create_task(self._force([dispatch, crew], settle), name="force")
                await asyncio.wait([settle])
                for task in (seeding, clock, force, dispatch, crew):
                    task.cancel()
        except* Exception as errors:
            error = _first(errors)
            self.stop.ask("reader_closed" if isinstance(error, ReaderClosed) else "failed")
        frontier = self.shared.frontier
        if error is None:  # what sites asked for while we drained is kept by the next run
            await frontier.pace(self.shared.bench.paced(self._now()))
        await frontier.give_back(self.shared.bench.clear())
        tally = await frontier.tally()
        reason = self.stop.reason or "drained"
        unconfirmed = 0
        if error is None and not self.stop.forced.is_set():
            unconfirmed = await frontier.unconfirmed()
        return Result(
            reason,
            tally,
            self.shared.stats,
            self._now() - started,
            error,
            self.stop.forced.is_set(),
            self._settle.finished,
            self.shared.open_seeds,
            unconfirmed,
        )

    async def reopen(self) -> None:
        """Open the outputs anew, between two commits; for what rotates logs."""
        await self.shared.done.put(Note.REOPEN)

    async def status(self) -> Status:
        """Return how the crawl stands now."""
        stats = self.shared.stats
        return Status(
            self._now() - stats.started,
            await self.shared.frontier.tally(),
            stats.requests,
            self.permits.held,
            dict(stats.errors),
            self.shared.bench.slowest(SLOWEST),
            self.shared.bench.held_back(SLOWEST),
            self._parser.state,
        )

    async def _seed(self, seeds: AsyncIterator[Sequence[Target]]) -> None:
        """Feed the frontier; pause while ``SEEDS_AHEAD`` seeds have not ended."""
        shared = self.shared
        async for batch in seeds:
            added = await shared.frontier.add(batch)
            if added.turned_away:
                await self._settle.turn_away(added.turned_away)
            shared.open_seeds += added.accepted
            shared.rouse(news=True)
            while shared.open_seeds >= SEEDS_AHEAD:
                shared.seeds_wanted.clear()
                await shared.seeds_wanted.wait()
        shared.seeding = False
        shared.rouse(news=True)

    async def _tick(self, started: float, watch: Callable[[Status], None]) -> None:
        """Beat; keep the leases; end the crawl when its time is over."""
        renew_at = started + TTL / 3
        while True:
            self._pulse.beat()
            now = self._now()
            watch(await self.status())
            gathered = self.shared.gathered
            if gathered is not None and now - gathered >= BEAT:
                self.shared.done.offer(Note.COMMIT)
            if now >= renew_at:
                renew_at = now + TTL / 3
                await self.shared.frontier.renew(TTL)
            pause = BEAT
            if self._limits.max_time is not None:
                left = started + self._limits.max_time - now
                if left <= 0:
                    self.stop.ask("max_time")
                    self.shared.rouse()
                pause = min(BEAT, max(left, 0.0)) or BEAT
            await asyncio.sleep(pause)

    async def _force(self, stages: list[asyncio.Task[None]], settle: asyncio.Task[None]) -> None:
        """End the stages when draining takes too long, or when asked a second time."""
        await self.stop.asked.wait()
        self.shared.rouse()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._limits.grace):
                await self.stop.forced.wait()
        self.stop.forced.set()
        for stage in stages:
            stage.cancel()
        await asyncio.wait(stages)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LAST_WORDS):
                await self.shared.done.close()
                await asyncio.wait([settle])
        settle.cancel()


def _first(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return the first exception that is no group."""
    error = errors.exceptions[0]
    return _first(error) if isinstance(error, BaseExceptionGroup) else error
