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

from crawler.model import Failed, Fault, Page, Parsed
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

FRUITLESS = 5
"""Children in a row that die before they have read a page: then none ever will."""

_BOOT = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from crawler.parse.child import main; "
    "main(int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), float(sys.argv[5]))"
)


class ParseBug(Exception):
    """A bug of ours met in a child; the message is its traceback."""


@dataclass(slots=True, eq=False)
class _Job:
    """A page and who waits for it. ``suspect``: a child died over it, so it goes alone."""

    page: Page
    future: asyncio.Future[Parsed | Failed]
    suspect: bool = False
    number: int = 0

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
        self._numbers = 0
        self._fruitless = 0
        self._closing = False
        self.deaths = 0

    async def __aenter__(self) -> Self:
        for _ in range(self._count):
            await self._spawn()
        self._watching = asyncio.create_task(self._watch(), name="lab")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._closing = True
        self._watching.cancel()
        for child in self._children:
            child.end()
        self._children.clear()
        await asyncio.sleep(0)  # transports close in the loop's next turn

    @property
    def pids(self) -> list[int]:
        """The process ids of the children."""
        return [child.process.pid for child in self._children]

    async def parse(self, page: Page) -> Parsed | Failed:
        """Have a page read; see the port. Raises ParseBug for a bug of ours."""
        future = asyncio.get_running_loop().create_future()
        self._pending.append(_Job(page, future))
        self._feed()
        return cast("Parsed | Failed", await future)

    def _feed(self) -> None:
        """Hand pending pages to the children that have least to do."""
        for load in range(AHEAD):
            for child in self._children:
                if not self._pending:
                    return
                if child.batches == load and child.ready:
                    self._send(child)

    def _send(self, child: "_Child") -> None:
        """Give a child its next batch, if the pages that are next may go to it."""
        if self._pending[0].alone and child.batches:
            return
        jobs = [self._pending.popleft()]
        while (
            self._pending and not jobs[0].alone and not self._pending[0].alone and len(jobs) < BATCH
        ):
            jobs.append(self._pending.popleft())
        jobs = [job for job in jobs if not job.future.done()]
        if jobs:
            for job in jobs:
                self._numbers += 1
                job.number = self._numbers
            child.send(jobs, self._scope)

    def _settle(self, child: "_Child", report: Report) -> None:
        """Take results in, in the order in which the pages were sent."""
        self._fruitless = 0
        for result in report.results:
            job = child.jobs.popleft()
            if child.ends and job.number >= child.ends[0]:
                child.ends.popleft()
            if not job.future.done():
                _resolve(job.future, result)
        self._feed()

    async def _lost(self, child: "_Child") -> None:
        """A child has died: find the culprit, hand the rest on, start another child."""
        if self._closing:
            return
        self.deaths += 1
        self._children.remove(child)
        how = child.end()
        in_hand = child.in_hand
        if in_hand == 0 and not child.jobs:
            self._fruitless += 1
        culprit = next((job for job in child.jobs if job.number == in_hand), None)
        for job in reversed(child.jobs):
            if job is not culprit:
                self._pending.appendleft(job)
        if culprit is not None and culprit.suspect:
            self._give_up(culprit, how)
        elif culprit is not None:
            culprit.suspect = True
            self._pending.append(culprit)
        await self._spawn()

    def _give_up(self, job: _Job, how: str) -> None:
        if not job.future.done():
            status = job.page.fetched.status
            job.future.set_result(Failed(Fault.PARSER_CRASH, how, status, lasting=True))

    async def _spawn(self) -> None:
        """Start a child, or give up on everything if none ever lives."""
        if self._fruitless >= FRUITLESS:
            for job in self._pending:
                job.future.set_exception(ParseBug("parsing children do not start"))
            self._pending.clear()
            return
        child = await _Child.spawn(self, self._reading, self._scope, self._deadline, self._memory)
        self._children.append(child)
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


class _Child(asyncio.Protocol):
    """One child, seen from here: its process, its socket, what it has been given."""

    _transport: asyncio.Transport

    def __init__(self, lab: Lab, process: "subprocess.Popen[bytes]", slot: mmap.mmap) -> None:
        self._lab = lab
        self.process = process
        self._slot = slot
        self._buffer = bytearray()
        self._widened = 0
        self._seen = 0
        self._why = ""
        self.jobs: deque[_Job] = deque()
        self.ends: deque[int] = deque()
        self.since = 0.0
        self.ready = True

    @classmethod
    async def spawn(
        cls, lab: Lab, reading: Reading, scope: Scope, deadline: float, memory: int
    ) -> "_Child":
        """Start a process and tell it how to read."""
        ours, theirs = socket.socketpair()
        with theirs, tempfile.TemporaryFile() as file:
            file.truncate(frames.SLOT.size)
            slot = mmap.mmap(file.fileno(), frames.SLOT.size)
            passed = (theirs.fileno(), file.fileno())
            process = subprocess.Popen(  # noqa: ASYNC220, S603 - our own code; takes 2 ms
                [
                    sys.executable, "-I", "-S", "-c", _BOOT,
                    json.dumps([path or os.getcwd() for path in sys.path]),
                    *map(str, passed), str(memory), str(deadline),
                ],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=passed,
            )  # fmt: skip
        for option in (socket.SO_SNDBUF, socket.SO_RCVBUF):
            ours.setsockopt(socket.SOL_SOCKET, option, 1024 * 1024)
        ours.setblocking(False)
        child = cls(lab, process, slot)
        loop = asyncio.get_running_loop()
        child._transport, _ = await loop.create_connection(lambda: child, sock=ours)
        child._transport.set_write_buffer_limits(high=2**30)  # AHEAD is the limit
        child._widened = scope.version
        child._transport.write(frames.frame(Setup(reading, scope.widened[:])))
        return child

    @property
    def batches(self) -> int:
        """How many batches it has not done with."""
        return len(self.ends)

    @property
    def in_hand(self) -> int:
        """The number of the page it is reading, or was when it died; 0: none."""
        return int(frames.SLOT.unpack_from(self._slot, 0)[0])

    def send(self, jobs: list[_Job], scope: Scope) -> None:
        """Give it a batch, and what has come into the scope since the last one."""
        if not self.jobs:
            self.since = asyncio.get_running_loop().time()
        self.jobs.extend(jobs)
        self.ends.append(jobs[-1].number)
        widened = scope.widened[self._widened :]
        self._widened = scope.version
        batch = Batch(jobs[0].number, widened, [job.page for job in jobs])
        self._transport.write(frames.frame(batch))

    def look(self, now: float, deadline: float) -> None:
        """Kill it if it has been over one page for too long, or has been stopped."""
        if self.in_hand != self._seen or not self.jobs:
            self._seen = self.in_hand
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
            self._lab._settle(self, frames.report(memoryview(self._buffer)[body:end]))
            start = end
        if start:
            del self._buffer[:start]

    def connection_lost(self, exc: Exception | None) -> None:
        """The child has gone."""
        self.ready = False
        loop = asyncio.get_running_loop()
        self._mourning = loop.create_task(self._lab._lost(self), name="lab: a child died")

    def end(self) -> str:
        """Make sure that it has gone, and return how it went."""
        self._transport.abort()
        if self.process.poll() is None:
            self.process.kill()
        code = self.process.wait()
        if self._why:
            return self._why
        if code < 0:
            with contextlib.suppress(ValueError):
                return f"the parser died of {signal.Signals(-code).name}"
        return f"the parser ended with code {code}"

    def _kill(self, why: str) -> None:
        self._why = why
        self.process.kill()


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
