"""A semaphore that tells how many hold it."""

import asyncio
from collections import deque
from types import TracebackType


class Permits:
    """At most ``size`` holders at once, ``held`` of them now; who waits longest goes first."""

    def __init__(self, size: int) -> None:
        self._size = size
        self.held = 0
        self._waiters: deque[asyncio.Future[None]] = deque()

    async def __aenter__(self) -> None:
        if self.held < self._size and not self._waiters:
            self.held += 1
            return
        waiter = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        try:
            await waiter
        except BaseException:
            if waiter.done() and not waiter.cancelled():
                self._release()  # the permit had been handed over already: pass it on
            elif waiter in self._waiters:
                self._waiters.remove(waiter)
            raise

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._release()

    def _release(self) -> None:
        self.held -= 1
        while self._waiters and self.held < self._size:
            waiter = self._waiters.popleft()
            if not waiter.done():
                self.held += 1
                waiter.set_result(None)
