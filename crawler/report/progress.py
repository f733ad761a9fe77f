"""The live line at the bottom of a terminal."""

from collections import deque

from crawler.model import Status
from crawler.report.stderr import Stderr

_WINDOW = 10  # beats over which the rate is taken


class Progress:
    """Draws a crawl's status on stderr, if ``shown``; knows the latest in any case."""

    def __init__(self, stderr: Stderr, *, shown: bool) -> None:
        self._stderr = stderr
        self._shown = shown
        self._drawn = False
        self._latest: Status | None = None
        self._past: deque[tuple[float, int]] = deque(maxlen=_WINDOW)

    def update(self, status: Status) -> None:
        """Take in a new status, and draw it."""
        self._latest = status
        self._past.append((status.elapsed, status.tally.fetched))
        if self._shown:
            self._draw()

    def line(self) -> str:
        """Return the latest status in words."""
        status = self._latest
        if status is None:
            return "starting"
        tally = status.tally
        minutes, seconds = divmod(int(status.elapsed), 60)
        return (
            f"{tally.fetched:,} pages · {self._rate():,.0f}/s · {tally.left:,} queued · "
            f"{status.in_flight} in flight · {status.errors:,} errors · {minutes}:{seconds:02d}"
        )

    def around(self, text: str, *, last: bool = False) -> None:
        """Write lines with the live line out of their way; ``last``: it does not come back."""
        self.clear()
        self._stderr.write(text + "\n")
        if self._shown and self._latest is not None and not last:
            self._draw()

    def say(self) -> None:
        """Write the status as a line of its own."""
        self.around(self.line())

    def clear(self) -> None:
        """Take the line off the terminal."""
        if self._drawn:
            self._stderr.write("\r\x1b[K")
            self._drawn = False

    def _draw(self) -> None:
        self._stderr.write(f"\r\x1b[K{self.line()}")
        self._drawn = True

    def _rate(self) -> float:
        if len(self._past) < 2:
            return 0.0
        (then, before), (now, after) = self._past[0], self._past[-1]
        return (after - before) / (now - then) if now > then else 0.0
