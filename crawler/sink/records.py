"""The Sink port: records into outputs, each with its format and its types, a call a batch."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from crawler.account import Mark
from crawler.destination import Destination
from crawler.encoding import numbered
from crawler.model import Line
from crawler.sink import format as formats
from crawler.sink.format import Entry, Format
from crawler.sink.output import Keeping
from crawler.sink.series import Series

AT_ONCE = 500
"""Records of one commit at most; with the beat of the clock, what dying costs."""


@dataclass(frozen=True, slots=True)
class Channel:
    """Where records of some ``types`` go, and how they are written there."""

    series: Series
    format: Format
    types: frozenset[str]


class Records:
    """The Sink port onto outputs. A record that any of them wants gets a number."""

    at_once = AT_ONCE

    def __init__(self, channels: Sequence[Channel]) -> None:
        self._channels = channels
        self._types = frozenset().union(*(channel.types for channel in channels))
        self._seq = 0
        self._turn = asyncio.Lock()

    @classmethod
    async def open(
        cls,
        destinations: Sequence[Destination],
        keeping: Keeping,
        fields: Sequence[str] = (),
        limit: int | None = None,
        selected: Sequence[str] = (),
    ) -> Self:
        """Open all outputs or, with an exception, none. Raises CannotCreate or TryLater.

        Only ``fields`` of the records are written, if any are named; a file that holds
        ``limit`` bytes is full; tables have columns for what is ``selected``.
        """
        channels: list[Channel] = []
        names = {to.name for to in destinations}
        try:
            for to in destinations:
                form = formats.make(to.format, to.types, fields, selected)
                own = keeping.without(names - {to.name})
                series = await Series.open(to.name, own, form, limit)
                channels.append(Channel(series, form, frozenset(to.types)))
        except BaseException:
            for channel in channels:
                await channel.series.release()
            raise
        return cls(channels)

    async def write(self, lines: Sequence[Line]) -> None:
        """Append the records; see the port."""
        async with self._turn:
            entries = []
            for line in lines:
                if line.type in self._types:
                    self._seq += 1
                    entries.append(Entry(line.type, numbered(line.data, self._seq)))
            for channel in self._channels:
                await self._write(channel, entries)

    async def _write(self, channel: Channel, entries: Sequence[Entry]) -> None:
        if channel.types != self._types:
            entries = [entry for entry in entries if entry.type in channel.types]
        if entries or channel.series.bare:
            await channel.series.write(channel.format.encode(entries))

    async def seal(self) -> Sequence[Mark]:
        """Make what is written fit to be committed; see the port."""
        async with self._turn:
            return [mark for channel in self._channels for mark in await channel.series.seal()]

    async def reopen(self) -> None:
        """Open the outputs' paths anew, between two batches."""
        async with self._turn:
            for channel in self._channels:
                await channel.series.reopen()

    async def close(self) -> None:
        """Close the outputs, after what is being written."""
        async with self._turn:
            for channel in self._channels:
                await channel.series.close()
