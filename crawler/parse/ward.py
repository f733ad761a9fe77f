"""A parsing child seen from its parent: its process, its socket, and what it has been given."""

import asyncio
import contextlib
import json
import mmap
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from crawler.model import Failed, Page, Parsed
from crawler.parse import frames
from crawler.parse.frames import Batch, Report, Setup
from crawler.parse.page import Reading
from crawler.policy.scope import Scope

LARGE = 1024 * 1024
"""Bodies from this size on travel alone."""

_BOOT = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from crawler.parse.child import main; "
    "main(int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), float(sys.argv[5]))"
)


@dataclass(slots=True, eq=False)
class Job:
    """A page and who waits for it.

    ``suspect``: a child died over it, so it goes alone. ``owner`` is the child that is
    answerable for it, None while it is pending.
    """

    page: Page
    future: asyncio.Future[Parsed | Failed]
    suspect: bool = False
    owner: "Ward | None" = None

    @property
    def alone(self) -> bool:
        """Whether it shares a child with no other page."""
        return self.suspect or len(self.page.fetched.body or b"") >= LARGE


class Ward(asyncio.Protocol):
    """One child, seen from here: its process, its socket, what it has been given."""

    def __init__(
        self,
        on_report: Callable[["Ward", Report], None],
        on_loss: Callable[["Ward"], None],
        process: "subprocess.Popen[bytes]",
        slot: mmap.mmap,
        ours: socket.socket,
    ) -> None:
        self._on_report = on_report
        self._on_loss = on_loss
        self.process = process
        self._slot = slot
        self._socket = ours
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._widened = 0
        self._seen = 0
        self._why = ""
        self.jobs: deque[tuple[int, Job]] = deque()
        self._ends: deque[int] = deque()
        self.since = 0.0
        self.slow = False

    @classmethod
    def spawn(
        cls,
        on_report: Callable[["Ward", Report], None],
        on_loss: Callable[["Ward"], None],
        deadline: float,
        memory: int,
    ) -> "Ward":
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
        return cls(on_report, on_loss, process, slot, ours)

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
    def in_hand(self) -> Job | None:
        """The page it is reading, or was when it died."""
        slot = self._slot_value()
        return next((job for number, job in self.jobs if number == slot), None)

    @property
    def started(self) -> bool:
        """Whether it has been set up."""
        return self._slot_value() != 0

    def send(self, jobs: list[Job], first: int, scope: Scope) -> None:
        """Give it a batch, and what has come into the scope since the last one.

        Raises what encoding raises, with nothing done, if a page cannot be sent.
        """
        widened = scope.widened[self._widened :]
        frame = frames.frame(Batch(first, widened, [job.page for job in jobs]))
        self._widened = scope.version
        if not self.jobs:
            self.since = asyncio.get_running_loop().time()
        for number, job in enumerate(jobs, first):
            job.owner = self
            self.jobs.append((number, job))
        self._ends.append(first + len(jobs) - 1)
        # If it has just died, these pages are taken back with the others it had.
        with contextlib.suppress(RuntimeError):
            if self._transport is not None:
                self._transport.write(frame)

    def done(self, reported: int) -> Job:
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
            self._on_report(self, frames.report(memoryview(self._buffer)[body:end]))
            start = end
        if start:
            del self._buffer[:start]

    def connection_lost(self, exc: Exception | None) -> None:
        """The child has gone."""
        self._on_loss(self)

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


def _stopped(pid: int) -> bool:
    """Whether a child of ours is stopped (by SIGSTOP, a debugger)."""
    try:
        status = os.waitid(os.P_PID, pid, os.WSTOPPED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return status is not None
