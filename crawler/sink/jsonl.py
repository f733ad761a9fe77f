"""JSON lines: each record one whole line, written in batches with one call."""

import asyncio
from collections.abc import Collection, Sequence

from crawler.model import Line, Mark
from crawler.record import numbered
from crawler.sink.output import Output


class JsonlSink:
    """The Sink port onto one output; only records of the given ``types`` are written."""

    def __init__(self, output: Output, types: Collection[str]) -> None:
        self._output = output
        self._types = frozenset(types)
        self._seq = 0
        self._turn = asyncio.Lock()

    async def write(self, lines: Sequence[Line]) -> Sequence[Mark]:
        """Append the records; see the port."""
        async with self._turn:
            data = []
            for line in lines:
                if line.type in self._types:
                    self._seq += 1
                    data.append(numbered(line.data, self._seq))
            if data:
                await self._output.write(b"".join(data))
            return (
                Mark(self._output.name, self._output.offset if self._output.seekable else None),
            )

    async def reopen(self) -> None:
        """Open the output's path anew, between two batches."""
        async with self._turn:
            await self._output.reopen()

    async def close(self) -> None:
        """Close the output, after what is being written."""
        async with self._turn:
            await self._output.close()
