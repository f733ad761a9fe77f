"""Outputs: regular files, which are never clobbered, and pipes, which are only written to.

A file belongs to one run at a time (``flock``). One that holds data is only touched when
the user says how, or when a state owns it: then it is cut off where the last commit left
it, and has to be, up to there, what was written. Writing happens in a thread of its own, so
that neither a slow disk nor a stalled reader holds up the event loop, and so that dead names
cannot hold up writing.
"""

import asyncio
import contextlib
import errno
import os
import stat
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Literal
from zlib import crc32

import aiofiles

from crawler.account import Mark
from crawler.errors import CannotCreate, CrawlError, ReaderClosed, WriteFailed, words
from crawler.sink import files
from crawler.sink.compress import compressor, ending, ends_whole, reading
from crawler.sink.format import Format, Jsonl

Existing = Literal["refuse", "append", "overwrite"]


@dataclass(frozen=True, slots=True)
class Keeping:
    """How outputs are kept: what to do with data in files that no state owns, the ``marks``
    of those that one does, whether there will be marks at all, whether they are to outlast
    a power failure (``full``), and whether the crawl begins anew (``fresh``).
    """

    existing: Existing = "refuse"
    marks: Sequence[Mark] = ()
    durable: bool = False
    full: bool = False
    fresh: bool = False

    def without(self, names: Collection[str]) -> "Keeping":
        """Return the same, as if no state owned files of these names."""
        marks = [mark for mark in self.marks if mark.name not in names]
        return Keeping(self.existing, marks, self.durable, self.full, self.fresh)


class Output:
    """One open output. ``name`` is the path, or ``-`` for stdout; ``seekable`` for files.

    ``offset`` is how many bytes the file holds, ``crc`` the CRC-32 of them if that is wanted;
    ``bare`` says that the head of its format is still to be written.
    """

    def __init__(self, name: str, descriptor: int, form: Format) -> None:
        self.name = name
        self._form = form
        self._descriptor = descriptor
        self._file: Any = None
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="write")
        self._compressor = compressor(name)
        self._keeping = Keeping()
        self._cut_first: int | None = None
        self._torn = False
        self._cut_short = False
        self._unsynced = False
        self.seekable = name != "-" and stat.S_ISREG(os.fstat(descriptor).st_mode)
        self.offset = 0
        self.crc = 0
        self.writes = 0
        self.bare = bool(form.head)

    @property
    def _spoken(self) -> str:
        return "stdout" if self.name == "-" else self.name

    @classmethod
    async def open(
        cls, name: str, keeping: Keeping = Keeping(), form: Format | None = None
    ) -> "Output":
        """Open an output, for lines of JSON unless told. Raises CannotCreate or TryLater."""
        mark = next((mark for mark in keeping.marks if mark.name == name), None)
        descriptor = files.open_stdout() if name == "-" else files.open_file(name, mark)
        output = cls(name, descriptor, form or Jsonl())
        try:
            if output.seekable:
                await output.in_thread(output._claim, keeping, mark)
        except CrawlError:
            output._threads.shutdown(wait=False)
            os.close(descriptor)
            raise
        output._file = await aiofiles.open(
            descriptor, "wb", buffering=0, closefd=name != "-", executor=output._threads
        )
        return output

    async def write(self, data: bytes) -> None:
        """Write all of it. Raises WriteFailed, or ReaderClosed for a pipe without reader.

        Where that is cancelled, nobody knows how far the file is written any more.
        """
        self.writes += 1
        await self._begin()
        if self.bare:
            data = self._form.head + data
        if self._compressor is not None:
            with self._failing():
                data = await self.in_thread(self._compressor.compress, data)
        await self._append(data)
        self.bare = False

    async def seal(self) -> Mark | None:
        """Bring the file to where it can be cut off, and safely to the disk if that is asked.

        Returns how far it is written, or None for a pipe, or if nobody knows. Raises
        WriteFailed.
        """
        await self._begin()
        await self._end()
        if not self.seekable or self._cut_short:
            return None
        if self._keeping.full and self._unsynced:
            with self._failing():
                await self.in_thread(os.fsync, self._descriptor)
            self._unsynced = False
        return Mark(self.name, self.offset, self.crc)

    async def reopen(self) -> None:
        """Open the path anew, for what rotates logs; a pipe stays as it is.

        Of a compressed file that was copied and emptied amid a member or frame, the rest of
        it is lost, since the copy has its beginning.
        """
        if not self.seekable:
            return
        if self._is_current():
            if os.fstat(self._descriptor).st_size < self.offset:  # it was copied, and emptied
                await self.in_thread(self._go_back)
            return
        keeping = Keeping("append", (), self._keeping.durable, self._keeping.full)
        await self._end()
        fresh = await Output.open(self.name, keeping, self._form)
        old, self._file = self._file, fresh._file
        threads, self._threads = self._threads, fresh._threads
        self._descriptor, self.offset, self.crc = fresh._descriptor, fresh.offset, fresh.crc
        self._torn, self._unsynced, self.bare = fresh._torn, fresh._unsynced, fresh.bare
        self._cut_first, self._cut_short = None, False
        await old.close()
        threads.shutdown(wait=False)

    async def close(self) -> None:
        """Close; a write that a reader holds up is not waited for."""
        try:
            await self._begin()
            await self._end()
        finally:
            with self._failing():
                await self.release()

    async def discard(self) -> None:
        """Let go of a regular file, and remove it."""
        with self._failing():
            if self._is_current():
                await self.in_thread(os.unlink, self.name)
            await self.release()

    async def release(self) -> None:
        """Let go of the file as it is."""
        if self.name != "-":
            await self._file.close()
        self._threads.shutdown(wait=False)

    async def _begin(self) -> None:
        """Cut off what is not to stay, end a torn last line, and neither before this."""
        if self._cut_first is not None:
            self._cut(self._cut_first)
            self._cut_first = None
        if self._torn:
            end = b"\n"
            if self._compressor is not None:  # a member or frame of its own
                end = self._compressor.compress(end) + self._compressor.end()
            await self._append(end)
            self._torn = False

    def _cut(self, length: int) -> None:
        with self._failing():
            os.ftruncate(self._descriptor, length)

    async def _end(self) -> None:
        """End the member or frame, if there is one and it is whole."""
        if self._compressor is not None and not self._cut_short:
            await self._append(self._compressor.end())

    async def _append(self, data: bytes) -> None:
        rest = memoryview(data)
        with self._failing():
            while rest:
                rest = rest[await self._file.write(rest) or 0 :]
        self.offset += len(data)
        self._unsynced = self._unsynced or bool(data)
        if self._keeping.durable:
            self.crc = crc32(data, self.crc)

    async def in_thread(self, work: Any, *args: Any) -> Any:
        """Do ``work`` in the thread that writes, after what it does now."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, *args)

    @contextlib.contextmanager
    def _failing(self) -> Iterator[None]:
        """Say what stands in the way of writing, and leave the file with whole lines."""
        try:
            yield
        except asyncio.CancelledError:
            self._cut_short = True
            raise
        except BrokenPipeError:
            raise ReaderClosed(f"the reader of {self._spoken} has closed it") from None
        except OSError as error:
            if self.seekable:
                with contextlib.suppress(OSError):
                    os.ftruncate(self._descriptor, self.offset)
            self._compressor = compressor(self.name)  # what has begun cannot be ended
            hint = "; free some space" if error.errno in (errno.ENOSPC, errno.EDQUOT) else ""
            if error.errno == errno.EFBIG:
                hint = "; raise the limit on file sizes (ulimit -f)"
            raise WriteFailed(f"writing {self._spoken} failed: {words(error)}{hint}") from None

    def _is_current(self) -> bool:
        """Whether the path still leads to the file that is open."""
        with contextlib.suppress(OSError):
            return os.path.samestat(os.stat(self.name), os.fstat(self._descriptor))
        return False

    def _claim(self, keeping: Keeping, mark: Mark | None) -> None:
        """Make a regular file ours, as it was left or as the user asked for."""
        files.lock(self._descriptor, self.name)
        self._keeping = keeping
        try:
            if mark is not None:
                self._take_up(mark)
            else:
                self._prepare(keeping.existing)
            self._unsynced = self.offset > 0  # whoever wrote it may not have waited for the disk
            self._check_head()
            if keeping.full:
                files.sync_folder(self.name)
        except OSError as error:
            raise CannotCreate(f"cannot write {self.name}: {words(error)}") from None

    def _take_up(self, mark: Mark) -> None:
        """See that what the last commit knows is as it was; the rest is to be cut off."""
        length = os.fstat(self._descriptor).st_size
        remedy = "bring back the file as it was, or " + (
            "give another -o" if self._keeping.fresh else "start anew with --fresh"
        )
        if length < mark.offset:
            raise CannotCreate(
                f"{self.name} holds {length} bytes, but the crawl in the state has written "
                f"{mark.offset}: {remedy}"
            )
        if files.checksum(self.name, mark.offset) != mark.crc:
            raise CannotCreate(f"{self.name} was changed after the crawl wrote it: {remedy}")
        if mark.closed and length > mark.offset:
            raise CannotCreate(
                f"{self.name} holds {length - mark.offset} bytes that the crawl in the state has "
                f"not written: move them elsewhere, or {remedy.partition(' or ')[2]}"
            )
        self._cut_first = mark.offset
        self.offset, self.crc = mark.offset, mark.crc

    def _prepare(self, existing: Existing) -> None:
        length = os.fstat(self._descriptor).st_size
        if length and existing == "refuse":
            raise CannotCreate(
                f"{self.name} already holds data; use --append, --overwrite, or another -o"
            )
        self._cut_first = 0 if existing == "overwrite" else None
        if length and existing == "append":
            self._go_on()
            self.offset = length
            self.crc = files.checksum(self.name, self.offset) if self._keeping.durable else 0

    def _go_on(self) -> None:
        """See how whoever wrote before has ended."""
        if self._compressor is not None:
            last = ending(self.name)
            if last is None:
                raise CannotCreate(
                    f"{self.name} ends amid compressed data; mend it, or use another -o"
                )
            self._torn = last not in (b"", b"\n")
        else:
            self._torn = files.ends_torn(self.name)
        with reading(self.name) as file:
            if not self._form.ends_whole(file):
                raise CannotCreate(f"{self.name} ends amid a cell; mend it, or use another -o")

    def _check_head(self) -> None:
        """See that the file begins as files of its format do, or is to."""
        self.bare = bool(self._form.head) and not self.offset
        if not self._form.head or self.bare:
            return
        with reading(self.name) as file:
            found = file.read(len(self._form.head))
        self.bare = not found  # where nothing is compressed, there are bytes nevertheless
        if found not in (b"", self._form.head):
            raise CannotCreate(
                f"{self.name} does not begin with the columns that are to be written; give "
                "the --fields it was written with, or another -o"
            )

    def _go_back(self) -> None:
        """Go on from where the file, which someone else made shorter, ends now."""
        self._torn = False
        if self._compressor is not None:
            self._compressor = compressor(self.name)
            if not ends_whole(self.name):
                os.ftruncate(self._descriptor, 0)
        self.offset = os.fstat(self._descriptor).st_size
        self.bare = bool(self._form.head) and not self.offset
        self.crc = files.checksum(self.name, self.offset) if self._keeping.durable else 0
