"""How a crawl is asked to end: first to drain, then at once."""

import asyncio


class Stop:
    """``asked`` ends dispatch and lets what is in flight finish; ``forced`` ends all.

    ``reason`` is the summary's ``end_reason``, the first one given.
    """

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.forced = asyncio.Event()
        self.reason: str | None = None

    def ask(self, reason: str) -> None:
        """Drain, for ``reason``."""
        self.reason = self.reason or reason
        self.asked.set()

    def insist(self, reason: str) -> None:
        """Drain when asked for the first time, end at once when asked again."""
        if self.asked.is_set():
            self.forced.set()
        self.ask(reason)
