"""A bounded line between two stages that is closed from upstream."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Generic, TypeVar

T = TypeVar("T")


class _End:
    """The mark that each reader leaves for the next."""


_END = _End()


class Pipe(Generic[T]):
    """An ``asyncio.Queue`` of at most ``size`` items that ends after :meth:`close`.

    (``Queue.shutdown`` does this from Python 3.13 on.)
    """

    def __init__(self, size: int) -> None:
        self._queue: asyncio.Queue[T | _End] = asyncio.Queue(size)

    def __len__(self) -> int:
        return self._queue.qsize()

    async def put(self, item: T) -> None:
        """Append an item, waiting for room."""
        await self._queue.put(item)

    def offer(self, item: T) -> None:
        """Append an item if there is room."""
        with contextlib.suppress(asyncio.QueueFull):
            self._queue.put_nowait(item)

    async def close(self) -> None:
        """Say that nothing more will come, waiting for room. Nothing may be put after."""
        await self._queue.put(_END)

    async def __aiter__(self) -> AsyncIterator[T]:
        """Yield items, to as many readers as there are, until the end."""
        while not isinstance(item := await self._queue.get(), _End):
            yield item
        self._queue.put_nowait(_END)

    async def batches(self, most: int) -> AsyncIterator[list[T]]:
        """Yield all that is there, at least one item and at most ``most`` at once."""
        async for item in self:
            batch = [item]
            while len(batch) < most and not self._queue.empty():
                more = self._queue.get_nowait()
                if isinstance(more, _End):
                    self._queue.put_nowait(more)
                    break
                batch.append(more)
            yield batch
