"""The one way to stderr: whoever reads it, or does not, the crawl goes on.

Text is handed to a thread. What a stalled reader has no room for is dropped after a while,
and what no one can read any more is dropped at once.
"""

import queue
import sys
import threading
from contextlib import suppress

MOST_WAITING = 1_000
PATIENCE = 1.0
"""Seconds that the last words may take."""


class Stderr:
    """Writes text in order, and never raises nor waits."""

    def __init__(self) -> None:
        self._queue: queue.Queue[str | threading.Event] = queue.Queue(MOST_WAITING)
        self._stream = sys.stderr
        threading.Thread(target=self._write, name="stderr", daemon=True).start()

    def write(self, text: str) -> None:
        """Have text written."""
        if self._stream is not None:
            with suppress(queue.Full):
                self._queue.put_nowait(text)

    def flush(self) -> None:
        """Wait until all has been written, for ``PATIENCE`` seconds at most."""
        done = threading.Event()
        with suppress(queue.Full):
            self._queue.put_nowait(done)
            done.wait(PATIENCE)

    def _write(self) -> None:
        while True:
            text = self._queue.get()
            if isinstance(text, threading.Event):
                text.set()
            else:
                with suppress(OSError, ValueError):
                    self._stream.write(text)
                    self._stream.flush()
