"""Pages read in child processes that can neither stall nor kill the crawl.

lexbor can turn 81 KB into 5 GB, and a thread can neither be killed nor limited. A child
has an address-space limit and a deadline for each page; when it dies, the page it had in
hand (the shared slot says which) is tried once more alone and then is the culprit, and the
rest of its batch goes to the next child.

Children are spawned, never forked from the crawler with its threads and sockets, over own
socketpairs. Pages travel in micro-batches of up to ``BATCH``, ``AHEAD`` of them in flight a
child: what has come while the children were busy goes together, so latency is low when
there is little to do and cost is low when there is much.
"""

import asyncio
import contextlib
import json
import logging
import mmap
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections import deque
from dataclasses import dataclass
from types import TracebackType
from typing import Self, cast

from crawler.model import Children, Failed, Fault, Page, Parsed
from crawler.parse import frames
from crawler.parse.frames import Batch, Bug, Report, Result, Setup
from crawler.parse.page import Reading
from crawler.policy.scope import Scope

log = logging.getLogger(__name__)

BATCH = 16
AHEAD = 2
LARGE = 1024 * 1024
"""Bodies from this size on travel alone."""

DEADLINE = 10.0
MEMORY = 700 * 1024 * 1024
LOOK = 0.25
"""Seconds between two looks at the children."""

SLOW = 1.0
"""Seconds over one page after which a child's other pages go elsewhere."""

HELPERS = 4
"""Children beyond their number while all the others are slow."""

FRUITLESS, DIED, KILLED = 100, 20, 1
"""Children that end by themselves (or are killed) before they are set up, one after another,
weigh so much; at that weight none ever will be."""

_BOOT = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from crawler.parse.child import main; "
    "main(int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), float(sys.argv[5]))"
)


class ParseBug(Exception):
    """A bug of ours met in a child; the message is its traceback."""


@dataclass(slots=True, eq=False)
class _Job:
    """A page and who waits for it.

    ``suspect``: a child died over it, so it goes alone. ``owner`` is the child that is
    answerable for it, None while it is pending.
    """

    page: Page
    future: asyncio.Future[Parsed | Failed]
    suspect: bool = False
    owner: "_Child | None" = None

    @property
    def alone(self) -> bool:
        return self.suspect or len(self.page.fetched.body or b"") >= LARGE


class Lab:
    """The Parser port over ``count`` children. Enter it to start them.

    ``deadline`` in seconds a page, ``memory`` in bytes of address space a child.
    """

    def __init__(
        self,
        reading: Reading,
        scope: Scope,
        count: int,
        deadline: float = DEADLINE,
        memory: int = MEMORY,
    ) -> None:
        self._reading = reading
        self._scope = scope
        self._count = count
        self._deadline = deadline
        self._memory = memory
        self._children: list[_Child] = []
        self._pending: deque[_Job] = deque()
        self._alone: deque[_Job] = deque()
        self._numbers = 0
        self._fruitless = 0
        self._closing = False
        self._mourning: set[asyncio.Task[None]] = set()
        self.deaths = 0

    async def __aenter__(self) -> Self:
        self._watching = asyncio.create_task(self._watch(), name="lab")
        try:
            for _ in range(self._count):
                await self._spawn()
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
                child.end()
            self._children.clear()
        await asyncio.sleep(0)  # transports close in the loop's next turn

    @property
    def pids(self) -> list[int]:
        """The process ids of the children."""
        return [child.process.pid for child in self._children]

    @property
    def state(self) -> Children:
        """How the children are."""
        slow = sum(child.slow for child in self._children)
        return Children(len(self._children), slow, self.deaths)

    async def parse(self, page: Page) -> Parsed | Failed:
        """Have a page read; see the port. Raises ParseBug for a bug of ours."""
        future = asyncio.get_running_loop().create_future()
        self._wait(_Job(page, future))
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

    def _send(self, child: "_Child") -> None:
        """Give a child its next batch, or a page that goes alone if it has nothing else.

        Such pages go one at a time, for they may take long; the others do not wait for them.
        """
        if self._alone and not child.jobs and not any(each.solo for each in self._children):
            jobs = _first(self._alone, 1)
        else:
            jobs = _first(self._pending, BATCH)
        if jobs:
            child.send(jobs, self._numbers + 1, self._scope)
            self._numbers += len(jobs)

    def _wait(self, job: _Job) -> None:
        """Make a page pending."""
        job.owner = None
        (self._alone if job.alone else self._pending).append(job)

    def settle(self, child: "_Child", report: Report) -> None:
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

    def mourn(self, child: "_Child") -> None:
        """A child has gone: see to what it leaves."""
        task = asyncio.get_running_loop().create_task(self._lost(child), name="lab: a child died")
        self._mourning.add(task)
        task.add_done_callback(self._mourning.discard)

    async def _lost(self, child: "_Child") -> None:
        """A child has died: find the culprit, hand the rest on, start another child."""
        if self._closing or child not in self._children:
            return
        self.deaths += 1
        self._children.remove(child)
        culprit, started = child.in_hand, child.started
        how = child.end()
        if not started:
            self._fruitless += KILLED if child.killed else DIED
        elif culprit is None and child.jobs:
            culprit = child.jobs[0][1]  # it had no time to say what it has in hand
        self._take_back(child, culprit)
        if culprit is not None and culprit.suspect:
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

    def _take_back(self, child: "_Child", but: _Job | None) -> None:
        """Make a child's pages pending again, save one."""
        for _, job in child.jobs:
            if job.owner is child and job is not but and not job.future.done():
                self._wait(job)

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
            child = _Child.spawn(self, self._deadline, self._memory)
        except OSError as error:
            log.warning("cannot start a parser: %s", error.strerror)
            self._fruitless += KILLED
            return
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
        last = now()
        while True:
            await asyncio.sleep(LOOK)
            if now() - last > LOOK * 4:  # it was us who stood still
                for child in self._children:
                    child.since = now()
            last = now()
            for child in list(self._children):
                child.look(last, self._deadline)
                if not child.slow and child.jobs and last - child.since > SLOW:
                    child.slow = True  # the other pages it has do not wait for that one
                    self._take_back(child, child.in_hand)
            await self._help_out()


class _Child(asyncio.Protocol):
    """One child, seen from here: its process, its socket, what it has been given."""

    def __init__(
        self,
        lab: Lab,
        process: "subprocess.Popen[bytes]",
        slot: mmap.mmap,
        ours: socket.socket,
    ) -> None:
        self._lab = lab
        self.process = process
        self._slot = slot
        self._socket = ours
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._widened = 0
        self._seen = 0
        self._why = ""
        self.jobs: deque[tuple[int, _Job]] = deque()
        self._ends: deque[int] = deque()
        self.since = 0.0
        self.slow = False

    @classmethod
    def spawn(cls, lab: Lab, deadline: float, memory: int) -> "_Child":
        """Start a process. Raises OSError where the system has no room for one."""
        ours, theirs = socket.socketpair()
        with theirs, tempfile.TemporaryFile() as file:
            file.truncate(frames.SLOT.size)
            slot = mmap.mmap(file.fileno(), frames.SLOT.size)
            passed = (theirs.fileno(), file.fileno())
            try:
                process = subprocess.Popen(  # noqa: S603 - our own code; takes 2 ms
                    [
                        sys.executable, "-I", "-S", "-c", _BOOT,
                        json.dumps([path or os.getcwd() for path in sys.path]),
                        *map(str, passed), str(memory), str(deadline),
                    ],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    pass_fds=passed,
                    start_new_session=True,  # Ctrl-C is for us to deal with
                )  # fmt: skip
            except OSError:
                ours.close()
                slot.close()
                raise
        for option in (socket.SO_SNDBUF, socket.SO_RCVBUF):
            ours.setsockopt(socket.SOL_SOCKET, option, 1024 * 1024)
        ours.setblocking(False)
        return cls(lab, process, slot, ours)

    async def set_up(self, reading: Reading, scope: Scope) -> None:
        """Connect, and tell it how to read."""
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_connection(lambda: self, sock=self._socket)
        transport.set_write_buffer_limits(high=2**30)  # AHEAD is the limit
        self._widened = scope.version
        transport.write(frames.frame(Setup(reading, scope.widened[:])))
        self._transport = transport

    @property
    def batches(self) -> int:
        """How many batches it has not done with."""
        return len(self._ends)

    @property
    def ready(self) -> bool:
        """Whether it may be given more."""
        connected = self._transport is not None and not self._transport.is_closing()
        return connected and not (self.slow or self.solo)

    @property
    def solo(self) -> bool:
        """Whether it is reading a page that goes alone, and is not known to be slow."""
        return not self.slow and len(self.jobs) == 1 and self.jobs[0][1].alone

    @property
    def in_hand(self) -> _Job | None:
        """The page it is reading, or was when it died."""
        slot = self._slot_value()
        return next((job for number, job in self.jobs if number == slot), None)

    @property
    def started(self) -> bool:
        """Whether it has been set up."""
        return self._slot_value() != 0

    def send(self, jobs: list[_Job], first: int, scope: Scope) -> None:
        """Give it a batch, and what has come into the scope since the last one."""
        if not self.jobs:
            self.since = asyncio.get_running_loop().time()
        for number, job in enumerate(jobs, first):
            job.owner = self
            self.jobs.append((number, job))
        self._ends.append(first + len(jobs) - 1)
        widened = scope.widened[self._widened :]
        self._widened = scope.version
        batch = Batch(first, widened, [job.page for job in jobs])
        # If it has just died, these pages are taken back with the others it had.
        with contextlib.suppress(RuntimeError):
            if self._transport is not None:
                self._transport.write(frames.frame(batch))

    def done(self, reported: int) -> _Job:
        """The first page it had has been read."""
        number, job = self.jobs.popleft()
        assert number == reported, "a parser has answered out of turn"  # noqa: S101
        if number == self._ends[0]:
            self._ends.popleft()
        self.slow = False
        return job

    def look(self, now: float, deadline: float) -> None:
        """Kill it if it has been over one page for too long, or has been stopped."""
        if self._slot_value() != self._seen or not self.jobs:
            self._seen = self._slot_value()
            self.since = now
        if now - self.since > deadline:
            self._kill(f"reading the page took more than {deadline:g} s")
        elif self.jobs and _stopped(self.process.pid):
            self._kill("the parser was stopped")

    def data_received(self, data: bytes) -> None:
        """Collect reports."""
        self._buffer += data
        start = 0
        while len(self._buffer) - start >= frames.HEAD:
            body = start + frames.HEAD
            end = body + frames.length(self._buffer[start:body])
            if len(self._buffer) < end:
                break
            self._lab.settle(self, frames.report(memoryview(self._buffer)[body:end]))
            start = end
        if start:
            del self._buffer[:start]

    def connection_lost(self, exc: Exception | None) -> None:
        """The child has gone."""
        self._lab.mourn(self)

    def end(self) -> str:
        """Make sure that it has gone, and return how it went."""
        if self._transport is not None:
            self._transport.abort()
        else:
            self._socket.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(0.01)  # it may be about to end by itself
        if self.process.poll() is None:
            self.process.kill()
        code = self.process.wait()
        self._slot.close()
        if self._why:
            return self._why
        if code < 0:
            with contextlib.suppress(ValueError):
                return f"the parser died of {signal.Signals(-code).name}"
        return f"the parser ended with code {code}"

    def _slot_value(self) -> int:
        return int(frames.SLOT.unpack_from(self._slot, 0)[0])

    @property
    def killed(self) -> bool:
        """Whether a signal ended it."""
        return (self.process.returncode or 0) < 0

    def _kill(self, why: str) -> None:
        self._why = why
        self.process.kill()


def _first(jobs: deque[_Job], most: int) -> list[_Job]:
    """Take the first jobs that someone still waits for."""
    taken: list[_Job] = []
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


def _stopped(pid: int) -> bool:
    """Whether a child of ours is stopped (by SIGSTOP, a debugger)."""
    try:
        status = os.waitid(os.P_PID, pid, os.WSTOPPED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return status is not None
