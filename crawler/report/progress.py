"""The live line at the bottom of a terminal."""

import shutil
from collections import deque
from collections.abc import Iterable
from typing import Literal

from crawler.account import Status
from crawler.encoding import encode
from crawler.progress import progress
from crawler.report import safe
from crawler.report.stderr import Stderr

NOTABLE = 1.0
"""Seconds to the first byte from which on a site is worth naming."""

JSON_EVERY = 1.0

_WINDOW = 20  # beats over which the rate is taken


class Progress:
    """Tells a crawl's status on stderr, in the way it is ``shown``; knows the latest anyway.

    ``line`` is a live line; ``json`` an object a second; None is silence.
    """

    def __init__(self, stderr: Stderr, shown: Literal["line", "json"] | None) -> None:
        self._stderr = stderr
        self._shown = shown
        self._told = 0.0
        self._drawn = False
        self._latest: Status | None = None
        self._past: deque[tuple[float, int]] = deque(maxlen=_WINDOW)

    def update(self, status: Status) -> None:
        """Take in a new status, and draw it."""
        self._latest = status
        self._past.append((status.elapsed, status.tally.fetched))
        if self._shown == "line":
            self._draw()
        elif self._shown == "json" and status.elapsed >= self._told:
            self._told = status.elapsed + JSON_EVERY
            self._stderr.write(self.json() + "\n")

    def line(self) -> str:
        """Return the latest status in one line."""
        status = self._latest
        if status is None:
            return "starting"
        tally = status.tally
        minutes, seconds = divmod(int(status.elapsed), 60)
        hours, minutes = divmod(minutes, 60)
        clock = f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"
        parts = [
            clock,
            f"{tally.fetched:,} pages",
            f"{self._rate():,.0f}/s",
            f"{tally.left:,} queued",
            f"{status.in_flight} in flight",
        ]
        if status.errors:
            parts.append("errors: " + _list(status.errors.items()))
        slow = [(site, wait) for site, wait in status.slow if wait >= NOTABLE]
        if slow:
            parts.append("slow: " + ", ".join(f"{site} {wait:.1f} s" for site, wait in slow))
        if status.held_back:
            limits = ", ".join(f"{site} to {limit}" for site, limit in status.held_back)
            parts.append(f"held back: {limits}")
        children = status.children
        if children.slow or children.replaced:
            parts.append(
                f"parsers: {children.count}, {children.slow} slow, {children.replaced} replaced"
            )
        return safe(" · ".join(parts))

    def json(self) -> str:
        """Return the latest status as one JSON object."""
        if self._latest is None:
            return "{}"
        return encode(progress(self._latest, self._rate())).decode()

    def around(self, text: str, *, last: bool = False) -> None:
        """Write lines with the live line out of their way; ``last``: it does not come back."""
        self.clear()
        self._stderr.write(text + "\n")
        if self._shown == "line" and self._latest is not None and not last:
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
        width = shutil.get_terminal_size().columns - 1
        line = self.line()
        line = line if len(line) <= width else line[: width - 1] + "…"
        self._stderr.write(f"\r\x1b[K{line}")
        self._drawn = True

    def _rate(self) -> float:
        if len(self._past) < 2:
            return 0.0
        (then, before), (now, after) = self._past[0], self._past[-1]
        return (after - before) / (now - then) if now > then else 0.0


def _list(counts: Iterable[tuple[str, int]]) -> str:
    """Return counts by name, the largest first."""
    ordered = sorted(counts, key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{name} {count:,}" for name, count in ordered)
