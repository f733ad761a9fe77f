"""Notices that the process stood still (STOP, a suspended machine, a stalled loop)."""

import asyncio

BEAT = 0.5
MISSED = 2.0


class Pulse:
    """Beats every ``BEAT`` seconds; a pause of more than ``MISSED`` means we were stopped."""

    def __init__(self) -> None:
        self._now = asyncio.get_running_loop().time
        self._last = self._now()
        self._resumed = 0.0

    def beat(self) -> None:
        """Call this every ``BEAT`` seconds."""
        now = self._now()
        if now - self._last > MISSED:
            self._resumed = now
        self._last = now

    def missed_since(self, start: float) -> bool:
        """Whether the process stood still at some time since ``start``."""
        return self._resumed >= start or self._now() - self._last > MISSED
