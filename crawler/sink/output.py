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
import fcntl
import os
import stat
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from zlib import crc32

import aiofiles

from crawler.errors import CannotCreate, CrawlError, ReaderClosed, TryLater, WriteFailed
from crawler.model import Mark
from crawler.sink.compress import compressor, ends_whole

Existing = Literal["refuse", "append", "overwrite"]

CHUNK = 1 << 20


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


class Output:
    """One open output. ``name`` is the path, or ``-`` for stdout; ``seekable`` for files.

    ``offset`` is how many bytes the file holds, ``crc`` the CRC-32 of them if that is wanted.
    """

    def __init__(self, name: str, descriptor: int) -> None:
        self.name = name
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

    @property
    def _spoken(self) -> str:
        return "stdout" if self.name == "-" else self.name

    @classmethod
    async def open(cls, name: str, keeping: Keeping = Keeping()) -> "Output":
        """Open an output. Raises CannotCreate or TryLater with the remedy."""
        mark = next((mark for mark in keeping.marks if mark.name == name), None)
        descriptor = _stdout() if name == "-" else _open(name, mark)
        output = cls(name, descriptor)
        try:
            if output.seekable:
                await output._in_thread(output._claim, keeping, mark)
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
        if self._compressor is not None:
            with self._failing():
                data = await self._in_thread(self._compressor.compress, data)
        await self._append(data)

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
                await self._in_thread(os.fsync, self._descriptor)
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
                await self._in_thread(self._go_back)
            return
        keeping = Keeping("append", (), self._keeping.durable, self._keeping.full)
        await self._end()
        fresh = await Output.open(self.name, keeping)
        old, self._file = self._file, fresh._file
        threads, self._threads = self._threads, fresh._threads
        self._descriptor, self.offset, self.crc = fresh._descriptor, fresh.offset, fresh.crc
        self._torn, self._unsynced = fresh._torn, fresh._unsynced
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
            await self._append(b"\n")
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

    async def _in_thread(self, work: Any, *args: Any) -> Any:
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
            words = (error.strerror or str(error)).lower()
            hint = "; free some space" if error.errno in (errno.ENOSPC, errno.EDQUOT) else ""
            if error.errno == errno.EFBIG:
                hint = "; raise the limit on file sizes (ulimit -f)"
            raise WriteFailed(f"writing {self._spoken} failed: {words}{hint}") from None

    def _is_current(self) -> bool:
        """Whether the path still leads to the file that is open."""
        with contextlib.suppress(OSError):
            return os.path.samestat(os.stat(self.name), os.fstat(self._descriptor))
        return False

    def _claim(self, keeping: Keeping, mark: Mark | None) -> None:
        """Make a regular file ours, as it was left or as the user asked for."""
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise TryLater(
                f"{self.name} is being written by another run; wait for it, or use another -o"
            ) from None
        except OSError as error:
            words = (error.strerror or str(error)).lower()
            raise CannotCreate(f"cannot lock {self.name}: {words}") from None
        self._keeping = keeping
        try:
            if mark is not None:
                self._take_up(mark)
            else:
                self._prepare(keeping.existing)
            self._unsynced = self.offset > 0  # whoever wrote it may not have waited for the disk
            if keeping.full:
                _sync_folder(self.name)
        except OSError as error:
            words = (error.strerror or str(error)).lower()
            raise CannotCreate(f"cannot write {self.name}: {words}") from None

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
        if self._sum(mark.offset) != mark.crc:
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
            self._go_on(length)
            self.offset = length
            self.crc = self._sum(self.offset) if self._keeping.durable else 0

    def _go_on(self, length: int) -> None:
        """See how whoever wrote before has ended."""
        if self._compressor is not None:
            if not ends_whole(self.name):
                raise CannotCreate(
                    f"{self.name} ends amid compressed data; mend it, or use another -o"
                )
            return
        with open(self.name, "rb") as reader:
            reader.seek(length - 1)
            self._torn = reader.read(1) != b"\n"

    def _go_back(self) -> None:
        """Go on from where the file, which someone else made shorter, ends now."""
        self._torn = False
        if self._compressor is not None:
            self._compressor = compressor(self.name)
            if not ends_whole(self.name):
                os.ftruncate(self._descriptor, 0)
        self.offset = os.fstat(self._descriptor).st_size
        self.crc = self._sum(self.offset) if self._keeping.durable else 0

    def _sum(self, length: int) -> int:
        """Return the CRC-32 of the first ``length`` bytes."""
        crc = 0
        with open(self.name, "rb") as reader:
            while length and (data := reader.read(min(length, CHUNK))):
                crc = crc32(data, crc)
                length -= len(data)
        return crc


def _stdout() -> int:
    if sys.stdout is None:
        raise CannotCreate("stdout is closed; give an output with -o")
    descriptor = sys.stdout.fileno()
    os.set_blocking(descriptor, True)
    return descriptor


def _open(name: str, mark: Mark | None) -> int:
    flags = os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC
    if mark is None or not mark.offset:
        flags |= os.O_CREAT
    try:
        return os.open(name, flags, 0o666)
    except FileNotFoundError:
        hint = f"create the folder {Path(name).parent} first"
        if mark is not None and mark.offset:
            hint = f"the crawl in the state has written {mark.offset} bytes to it: bring it back, "
            hint += "or start anew with --fresh"
        raise CannotCreate(f"cannot write {name}: no such file or directory; {hint}") from None
    except OSError as error:
        words = (error.strerror or str(error)).lower()
        raise CannotCreate(f"cannot write {name}: {words}") from None


def _sync_folder(name: str) -> None:
    """Bring the entry of a new file safely to the disk."""
    folder = os.open(Path(name).absolute().parent, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
