"""A parsing child: a process with limits that reads pages and does nothing else.

It holds no socket but the one to its parent, ignores INT and TERM (its parent decides),
ends when that socket does, and arms an alarm for every page, so that a page it never gets
done with cannot outlive its parent.
"""

import contextlib
import mmap
import os
import resource
import signal
import socket
import time
import traceback
from collections.abc import Iterable
from typing import BinaryIO, cast

from selectolax.lexbor import SelectolaxError

from crawler import heap
from crawler.model import Failed, Fault, Page
from crawler.parse import frames, process
from crawler.parse.frames import Batch, Bug, Report, Result, Setup
from crawler.parse.page import Reader

FLUSH_AFTER = 0.012
"""Seconds that results may wait for others of their batch.

Most batches are read by then, and cost one report. (At 5 ms they cost two, and 4 % of speed.)
"""

LARGE = 1024 * 1024
"""After a body of this size memory is given back to the system (glibc would keep it)."""


def main(descriptor: int, slot: int, memory: int, deadline: float) -> None:
    """Serve orders from ``descriptor`` until it ends.

    ``slot`` is a descriptor of the shared slot, ``memory`` the limit of the address space
    in bytes, ``deadline`` seconds for a page (the alarm has two more).
    """
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1):
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    heap.keep()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    with socket.socket(fileno=descriptor) as parent, mmap.mmap(slot, process.SIZE) as shared:
        source = cast("BinaryIO", parent.makefile("rb", buffering=256 * 1024))
        # Where the crawler has been killed nobody wants results, nor words about that.
        with contextlib.suppress(ConnectionError):
            setup = _receive(source)
            if isinstance(setup, Setup):
                _Child(parent, shared, setup, deadline + 2.0).serve(source)


class _Child:
    def __init__(
        self, parent: socket.socket, shared: mmap.mmap, setup: Setup, alarm: float
    ) -> None:
        self._parent = parent
        self._shared = shared
        self._alarm = alarm
        self._reader = Reader.of(setup.reading)
        self._reader.on_function(self._enter)
        self._widen(setup.widened)
        process.SLOT.pack_into(self._shared, 0, process.IDLE)

    def serve(self, source: BinaryIO) -> None:
        """Read batch after batch."""
        while isinstance(batch := _received(source), Batch):
            self._widen(batch.widened)
            self._batch(batch)

    def _batch(self, batch: Batch) -> None:
        """Read a batch; report when it is done, or when results have waited long enough."""
        first = batch.first
        results: list[Result] = []
        flushed = time.monotonic()
        for number, page in enumerate(batch.pages, batch.first):
            process.SLOT.pack_into(self._shared, 0, number)
            signal.setitimer(signal.ITIMER_REAL, self._alarm)
            results.append(self._read(page))
            if (now := time.monotonic()) - flushed > FLUSH_AFTER:
                self._report(first, results)
                first, results, flushed = number + 1, [], now
            if len(page.fetched.body or b"") > LARGE:
                heap.trim()
        signal.setitimer(signal.ITIMER_REAL, 0)
        process.SLOT.pack_into(self._shared, 0, process.IDLE)
        if results:
            self._report(first, results)

    def _read(self, page: Page) -> Result:
        try:
            return self._reader.read(page)
        except (MemoryError, SelectolaxError) as error:
            message = f"reading the page took too much memory ({error or 'no more'})"
            return Failed(Fault.PARSER_CRASH, message, page.fetched.status, lasting=True)
        except Exception:
            return Bug(traceback.format_exc())

    def _enter(self, inside: bool) -> None:
        self._shared[process.INSIDE] = inside

    def _report(self, first: int, results: list[Result]) -> None:
        self._parent.sendall(frames.frame(Report(first, results)))

    def _widen(self, urls: Iterable[str]) -> None:
        for url in urls:
            self._reader.scope.widen(url)


def _received(source: BinaryIO) -> Setup | Batch | None:
    """Return the next order; what is too large even to arrive ends the child in silence."""
    try:
        return _receive(source)
    except MemoryError:
        os._exit(1)


def _receive(source: BinaryIO) -> Setup | Batch | None:
    """Return the next order, or None at the end."""
    head = source.read(frames.HEAD)
    if len(head) < frames.HEAD:
        return None
    length = frames.length(head)
    data = source.read(length)
    return frames.order(data) if len(data) == length else None
