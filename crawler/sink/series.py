"""An output and the files it is in: one, or with a limit one full file after another.

``pages.jsonl``, ``pages.0002.jsonl``, …: with a state a file is full when a commit finds it so,
else between two batches, and the next begins with a commit of its own. No file that holds
data is ever rotated into: its number is passed over.

On the next start writing goes on in the last file of which something has been committed.
Those before it are finished: each has to be as it was written, or not there any more (people
move finished files away, which is told and no more). What is behind it is as never written.
"""

import contextlib
import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Self

from crawler.account import Mark
from crawler.destination import part, part_number
from crawler.errors import CannotCreate, TryLater
from crawler.sink.files import checksum
from crawler.sink.format import Format
from crawler.sink.output import Keeping, Output

log = logging.getLogger(__name__)


class Series:
    """An output that is written file by file; see :meth:`open`."""

    def __init__(self, name: str, keeping: Keeping, form: Format, limit: int | None) -> None:
        self.name = name
        self._keeping = keeping
        self._form = form
        self._limit = limit
        self._first = self._number = 1
        self._current: Output | None = None
        self._leftover: list[Output] = []

    @classmethod
    async def open(
        cls, name: str, keeping: Keeping, form: Format, limit: int | None = None
    ) -> Self:
        """Open the file that writing goes on in; a file of ``limit`` bytes is full.

        Nothing is changed before something is written. Raises CannotCreate or TryLater.
        """
        series = cls(name, keeping, form, limit)
        try:
            await series._find()
        except BaseException:
            await series.release()
            raise
        return series

    @property
    def bare(self) -> bool:
        """Whether writing nothing would give the first file its head."""
        return self._number == self._first and self._file.bare

    async def write(self, data: bytes) -> None:
        """Write all of it into one file. Raises as :class:`Output` does."""
        await self._begin()
        if self._full and not self._keeping.durable:
            await self._rotate()
        await self._file.write(data)

    async def seal(self) -> Sequence[Mark]:
        """Bring the file to where it can be cut off, and begin the next one if it is full.

        Returns how far files are written; none for a pipe, or if nobody knows.
        """
        await self._begin()
        marks = [await self._file.seal()]
        if marks[0] is not None and self._full:
            await self._rotate()
            marks.append(await self._file.seal())
        return [mark for mark in marks if mark is not None]

    async def reopen(self) -> None:
        """Open the path of the file anew, for what rotates logs."""
        await self._file.reopen()

    async def close(self) -> None:
        """Close; of a file that was begun in vain nothing stays."""
        await self._begin()
        if self._number != self._first and not self._file.writes:
            await self._file.discard()
        else:
            await self._file.close()

    async def release(self) -> None:
        """Let go of the files as they are."""
        for output in (self._current, *self._leftover):
            if output is not None:
                await output.release()

    @property
    def _file(self) -> Output:
        assert self._current is not None  # noqa: S101 - since it was opened
        return self._current

    @property
    def _full(self) -> bool:
        return self._limit is not None and self._file.seekable and self._file.offset >= self._limit

    async def _find(self) -> None:
        """Open the file to go on in, and those behind it that are to be removed."""
        marks = {
            number: mark
            for mark in self._keeping.marks
            if (number := part_number(mark.name, self.name))
        }
        if marks:
            self._number = self._last(marks)
        elif self._keeping.existing == "append":
            self._number = max(self._on_disk(), default=1)
        self._first = self._number
        self._current = await self._opened(self._number)
        for number in self._behind(marks):
            self._leftover.append(await self._opened(number))
        finished = {number: mark for number, mark in marks.items() if number < self._number}
        if finished:
            await self._current.in_thread(self._see, finished)

    def _last(self, marks: Mapping[int, Mark]) -> int:
        """Return the number of the last file of which something has been committed.

        If it was moved away when it was full, the next one had been begun.
        """
        last = max((number for number, mark in marks.items() if mark.offset), default=min(marks))
        begun = [number for number in marks if number > last]
        away = not os.path.lexists(part(self.name, last))
        return min(begun) if begun and away else last

    def _behind(self, marks: Mapping[int, Mark]) -> Sequence[int]:
        """Return the numbers of the files that hold what is to be as never written."""
        numbers = marks or self._on_disk()
        return [
            number
            for number in numbers
            if number > self._number and os.path.lexists(part(self.name, number))
        ]

    async def _opened(self, number: int) -> Output:
        return await Output.open(part(self.name, number), self._keeping, self._form)

    def _on_disk(self) -> Iterator[int]:
        """Yield the numbers of the files that an earlier crawl may have left."""
        number = 2
        while self._limit is not None and os.path.isfile(part(self.name, number)):
            yield number
            number += 1

    def _see(self, finished: Mapping[int, Mark]) -> None:
        """See that finished files are as they were, or have been moved away."""
        away = []
        for _, mark in sorted(finished.items()):
            length = 0
            with contextlib.suppress(FileNotFoundError):
                length = os.path.getsize(mark.name)
            if not length:
                away.append(mark.name)
            elif length != mark.offset or checksum(mark.name, length) != mark.crc:
                raise CannotCreate(
                    f"{mark.name} was changed after the crawl wrote it: bring back the file as it "
                    "was, move it away, or start anew with --fresh"
                )
        if away:
            several = f"{len(away)} finished files, {away[0]} to {away[-1]}, are"
            what = several if len(away) > 1 else f"{away[0]}, a finished file, is"
            log.warning("%s not there any more: moved away, it seems", what)

    async def _begin(self) -> None:
        while self._leftover:
            await self._leftover.pop().discard()

    async def _rotate(self) -> None:
        """Go on in the next file that holds nothing yet."""
        keeping = Keeping("refuse", (), self._keeping.durable, self._keeping.full)
        fresh = None
        while fresh is None:
            self._number += 1
            name = part(self.name, self._number)
            if not _holds_data(name):
                with contextlib.suppress(TryLater):  # someone has just begun to write to it
                    fresh = await Output.open(name, keeping, self._form)
        full, self._current = self._file, fresh
        await full.close()


def _holds_data(path: str) -> bool:
    """Whether something is at ``path`` that is no empty file."""
    return os.path.lexists(path) and not (os.path.isfile(path) and os.path.getsize(path) == 0)
