"""A parsing child seen from its parent: its process, its socket, and what it has been given."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from crawler.model import Failed, Page, Parsed
from crawler.parse import frames
from crawler.parse.frames import Batch, Report, Setup
from crawler.parse.process import Process
from crawler.parse.reading import Reading
from crawler.policy.scope import Scope

LARGE = 1024 * 1024
"""Bodies from this size on travel alone."""


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
    """One child, seen from here: its process, its socket, what it has been given.

    ``hopeless``: it was killed over a page that would take as long once more, for it was in the
    user's function, or had the child to itself already.
    """

    def __init__(
        self,
        on_report: Callable[["Ward", Report], None],
        on_loss: Callable[["Ward"], None],
        process: Process,
    ) -> None:
        self._on_report = on_report
        self._on_loss = on_loss
        self.process = process
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._widened = 0
        self._seen = 0
        self._why = ""
        self.hopeless = False
        self.jobs: deque[tuple[int, Job]] = deque()
        self._ends: deque[int] = deque()
        self.since = 0.0
        self.slow = False

    async def set_up(self, reading: Reading, scope: Scope) -> None:
        """Connect, and tell it how to read."""
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_connection(lambda: self, sock=self.process.socket)
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
        slot = self.process.slot
        return next((job for number, job in self.jobs if number == slot), None)

    @property
    def started(self) -> bool:
        """Whether it has been set up."""
        return self.process.slot != 0

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
        if self.process.slot != self._seen or not self.jobs:
            self._seen = self.process.slot
            self.since = now
        if now - self.since > deadline:
            inside = self.process.inside
            self.hopeless = inside or len(self.jobs) == 1
            what = "the function of --extract" if inside else "reading the page"
            self._kill(f"{what} took more than {deadline:g} s")
        elif self.jobs and self.process.stopped:
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
        how = self.process.end()
        return self._why or how

    def _kill(self, why: str) -> None:
        self._why = why
        self.process.popen.kill()
