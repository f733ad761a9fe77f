"""JSON lines: each record one whole line, written in batches with one call."""

import asyncio
from collections.abc import Collection, Sequence

from crawler.model import Line, Mark
from crawler.record import numbered
from crawler.sink.output import Keeping, Output

AT_ONCE = 500
"""Records of one commit at most; with the beat of the clock, what dying costs."""


class JsonlSink:
    """The Sink port onto outputs; only records of the given ``types`` are written."""

    at_once = AT_ONCE

    def __init__(self, outputs: Sequence[Output], types: Collection[str]) -> None:
        self._outputs = outputs
        self._types = frozenset(types)
        self._seq = 0
        self._turn = asyncio.Lock()

    @classmethod
    async def open(
        cls, names: Sequence[str], types: Collection[str], keeping: Keeping
    ) -> "JsonlSink":
        """Open all outputs or, with an exception, none. Raises CannotCreate or TryLater."""
        outputs: list[Output] = []
        try:
            for name in names:
                outputs.append(await Output.open(name, keeping))  # noqa: PERF401 - see except
        except BaseException:
            for output in outputs:
                await output.release()
            raise
        return cls(outputs, types)

    async def write(self, lines: Sequence[Line]) -> None:
        """Append the records; see the port."""
        async with self._turn:
            data = []
            for line in lines:
                if line.type in self._types:
                    self._seq += 1
                    data.append(numbered(line.data, self._seq))
            if data:
                whole = b"".join(data)
                for output in self._outputs:
                    await output.write(whole)

    async def seal(self) -> Sequence[Mark]:
        """Make what is written fit to be committed; see the port."""
        async with self._turn:
            marks = [await output.seal() for output in self._outputs]
            return [mark for mark in marks if mark is not None]

    async def reopen(self) -> None:
        """Open the outputs' paths anew, between two batches."""
        async with self._turn:
            for output in self._outputs:
                await output.reopen()

    async def close(self) -> None:
        """Close the outputs, after what is being written."""
        async with self._turn:
            for output in self._outputs:
                await output.close()
