"""Pages read in child processes that can neither stall nor kill the crawl.

lexbor can turn 81 KB into 5 GB, and a thread can neither be killed nor limited. A child
has an address-space limit and a deadline for each page; when it dies, the page it had in
hand (the shared slot says which) is tried once more alone and then is the culprit, and the
rest of its batch goes to the next child. A page that ran into the deadline alone, or in the
user's function, is the culprit at once: it would again.

Children are spawned, never forked from the crawler with its threads and sockets, over own
socketpairs. Pages travel in micro-batches of up to ``BATCH``, ``AHEAD`` of them in flight a
child: what has come while the children were busy goes together, so latency is low when
there is little to do and cost is low when there is much.

Measured on 1,915 pages of documentation (39 KB each) and two cores, medians of five, pages
a second: batches of 1, 4, 8, 16 and 32: 1,950, 2,250, 2,460, 2,470 and 2,470; one, two and
three ahead: 2,390, 2,480 and 2,570; in process (behind the guard) and with one, two and
three children: 970, 2,130, 2,300 and 2,190.
"""

import asyncio
import logging
from collections import deque
from types import TracebackType
from typing import Self, cast

from crawler.account import Children
from crawler.model import Failed, Fault, Page, Parsed
from crawler.parse.frames import Bug, Report, Result
from crawler.parse.process import DEADLINE, MEMORY, Process, Started
from crawler.parse.reading import Reading
from crawler.parse.ward import Job, Ward
from crawler.policy.scope import Scope

log = logging.getLogger(__name__)

BATCH = 16
AHEAD = 2
LOOK = 0.25
"""Seconds between two looks at the children."""

SLOW = 1.0
"""Seconds over one page after which a child's other pages go elsewhere."""

HELPERS = 4
"""Children beyond their number while all the others are slow."""

FRUITLESS, DIED, KILLED = 100, 20, 1
"""Children that end by themselves (or are killed) before they are set up, one after another,
weigh so much; at that weight none ever will be."""


class ParseBug(Exception):
    """A bug of ours met in a child; the message is its traceback."""


class Lab:
    """The Parser port over ``count`` children. Enter it to start them.

    ``deadline`` in seconds a page, ``memory`` in bytes of address space a child. Those that
    are ``started`` already have the usual ones. If it is to ``wait``, none is started before
    there is a page to read: where nothing has changed there may be none.
    """

    def __init__(
        self,
        reading: Reading,
        scope: Scope,
        count: int,
        deadline: float = DEADLINE,
        memory: int = MEMORY,
        started: Started | None = None,
        *,
        wait: bool = False,
    ) -> None:
        self._reading = reading
        self._scope = scope
        self._count = 0 if wait else count
        self._later = count if wait else 0
        self._deadline = deadline
        self._memory = memory
        self._started = started
        self._children: list[Ward] = []
        self._pending: deque[Job] = deque()
        self._alone: deque[Job] = deque()
        self._numbers = 0
        self._fruitless = 0
        self._closing = False
        self._mourning: set[asyncio.Task[None]] = set()
        self.deaths = 0

    async def __aenter__(self) -> Self:
        self._watching = asyncio.create_task(self._watch(), name="lab")
        try:
            await self._spawn_all()
        except BaseException:
            await self.__aexit__(None, None, None)
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._closing = True
        self._watching.cancel()
        try:
            await asyncio.gather(self._watching, *self._mourning, return_exceptions=True)
        finally:
            for child in self._children:
                child.process.popen.kill()  # at once, all together: they have nothing to lose
            for child in self._children:
                child.end()
            self._children.clear()
        await asyncio.sleep(0)  # transports close in the loop's next turn

    @property
    def pids(self) -> list[int]:
        """The process ids of the children."""
        return [child.process.popen.pid for child in self._children]

    @property
    def state(self) -> Children:
        """How the children are."""
        slow = sum(child.slow for child in self._children)
        return Children(len(self._children), slow, self.deaths)

    async def parse(self, page: Page) -> Parsed | Failed:
        """Have a page read; see the port. Raises ParseBug for a bug of ours."""
        future = asyncio.get_running_loop().create_future()
        self._wait(Job(page, future))
        if self._later:
            self._count, self._later = self._later, 0
            await self._spawn_all()
        self._feed()
        return cast("Parsed | Failed", await future)

    def _feed(self) -> None:
        """Hand pending pages to the children that have least to do.

        While a page waits to go alone, one child gets no more until it is free for it.
        """
        ready = [child for child in self._children if child.ready]
        spared = None
        if self._alone and ready and not any(child.solo for child in self._children):
            spared = min(ready, key=lambda child: len(child.jobs))
        for load in range(AHEAD):
            for child in ready:
                if child.batches == load and child.ready and (child is not spared or not load):
                    self._send(child)

    def _send(self, child: Ward) -> None:
        """Give a child its next batch, or a page that goes alone if it has nothing else.

        Such pages go one at a time, for they may take long; the others do not wait for them.
        """
        if self._alone and not child.jobs and not any(each.solo for each in self._children):
            jobs = _first(self._alone, 1)
        else:
            jobs = _first(self._pending, BATCH)
        if not jobs:
            return
        try:
            child.send(jobs, self._numbers + 1, self._scope)
        except Exception as error:  # a bug of those who made the pages: here it has an owner
            for job in jobs:
                job.future.set_exception(ParseBug(f"a page cannot be sent: {error}"))
        else:
            self._numbers += len(jobs)

    def _wait(self, job: Job) -> None:
        """Make a page pending."""
        job.owner = None
        (self._alone if job.alone else self._pending).append(job)

    def settle(self, child: Ward, report: Report) -> None:
        """Take results in, in the order in which the pages were sent."""
        self._fruitless = 0
        for number, result in enumerate(report.results, report.first):
            job = child.done(number)
            if not job.future.done():
                _resolve(job.future, result)
        helping = len(self._children) > self._count
        if helping and not child.jobs and not any(each.slow for each in self._children):
            self._children.remove(child)  # all are quick again: no need for more than that
            child.end()
        self._feed()

    def mourn(self, child: Ward) -> None:
        """A child has gone: see to what it leaves."""
        task = asyncio.get_running_loop().create_task(self._lost(child), name="lab: a child died")
        self._mourning.add(task)
        task.add_done_callback(self._mourning.discard)

    async def _lost(self, child: Ward) -> None:
        """A child has died: find the culprit, hand the rest on, start another child."""
        if self._closing or child not in self._children:
            return
        self.deaths += 1
        self._children.remove(child)
        culprit, started = child.in_hand, child.started
        how = child.end()
        if not started:
            self._fruitless += KILLED if child.process.killed else DIED
        elif culprit is None and child.jobs:
            culprit = child.jobs[0][1]  # it had no time to say what it has in hand
        self._take_back(child, culprit)
        if culprit is not None and (culprit.suspect or child.hopeless):
            if not culprit.future.done():
                status = culprit.page.fetched.status
                failed = Failed(Fault.PARSER_CRASH, how, status, lasting=True)
                culprit.future.set_result(failed)
        elif culprit is not None:
            culprit.suspect = True
            self._wait(culprit)
        if len(self._children) < self._count:
            await self._spawn()
        self._feed()

    def _take_back(self, child: Ward, but: Job | None) -> None:
        """Make a child's pages pending again, save one."""
        for _, job in child.jobs:
            if job.owner is child and job is not but and not job.future.done():
                self._wait(job)

    async def _spawn_all(self) -> None:
        for _ in range(self._count):
            if len(self._children) < self._count:
                await self._spawn()

    async def _spawn(self) -> None:
        """Start a child, or give up on everything if none ever lives."""
        if self._fruitless >= FRUITLESS:
            for job in (*self._pending, *self._alone):
                if not job.future.done():
                    job.future.set_exception(ParseBug("parsing children do not start"))
            self._pending.clear()
            self._alone.clear()
            return
        try:
            process = self._started and self._started.take()
            process = process or Process(self._deadline, self._memory)
        except OSError as error:
            log.warning("cannot start a parser: %s", error.strerror)
            self._fruitless += KILLED
            return
        child = Ward(self.settle, self.mourn, process)
        self._children.append(child)
        await child.set_up(self._reading, self._scope)

    async def _help_out(self) -> None:
        """Make up their number, and more if pages wait while every child is slow."""
        waiting = self._pending or self._alone
        helpers = HELPERS if waiting and all(child.slow for child in self._children) else 0
        if len(self._children) < self._count + helpers:
            await self._spawn()
        self._feed()

    async def _watch(self) -> None:
        """End children that are over their deadline, or that someone has stopped."""
        now = asyncio.get_running_loop().time
        last, told = now(), False
        while True:
            await asyncio.sleep(LOOK)
            if now() - last > LOOK * 4:  # it was us who stood still
                for child in self._children:
                    child.since = now()
            last = now()
            try:
                self._look_round(last)
                await self._help_out()
            except Exception:  # a bug of ours: without a watch no page would have a deadline
                if not told:
                    log.exception("looking after the parsers failed, please report it")
                told = True

    def _look_round(self, now: float) -> None:
        """Look at each child."""
        for child in list(self._children):
            child.look(now, self._deadline)
            if not child.slow and child.jobs and now - child.since > SLOW:
                child.slow = True  # the other pages it has do not wait for that one
                self._take_back(child, child.in_hand)


def _first(jobs: deque[Job], most: int) -> list[Job]:
    """Take the first jobs that someone still waits for."""
    taken: list[Job] = []
    while jobs and len(taken) < most:
        job = jobs.popleft()
        if not job.future.done():
            taken.append(job)
    return taken


def _resolve(future: asyncio.Future[Parsed | Failed], result: Result) -> None:
    if isinstance(result, Bug):
        future.set_exception(ParseBug(result.traceback))
    else:
        future.set_result(result)
