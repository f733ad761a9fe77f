"""How a crawl is asked to end: first to drain, then at once."""

import asyncio


class Stop:
    """``asked`` ends dispatch and lets what is in flight finish; ``forced`` ends all.

    ``reason`` is the summary's ``end_reason``.
    """

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.forced = asyncio.Event()
        self.reason: str | None = None
        self._signalled = False

    def ask(self, reason: str) -> None:
        """Drain; of several reasons the first one counts."""
        self.reason = self.reason or reason
        self.asked.set()

    def signal(self, reason: str) -> None:
        """Drain at the first signal, whatever else has already asked for it; end at the second."""
        if self._signalled:
            self.forced.set()
        else:
            self._signalled = True
            self.reason = reason
        self.asked.set()
