"""Outputs: regular files, which are never clobbered, and pipes, which are only written to.

A file belongs to one run at a time (``flock``); one that holds data is only touched when
the user says how. Writing happens in a thread of its own, so that neither a slow disk nor
a stalled reader holds up the event loop, and so that dead names cannot hold up writing.
"""

import contextlib
import errno
import fcntl
import os
import stat
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal

import aiofiles

from crawler.errors import CannotCreate, CrawlError, ReaderClosed, TryLater, WriteFailed

Existing = Literal["refuse", "append", "overwrite"]


class Output:
    """One open output. ``name`` is the path, or ``-`` for stdout; ``seekable`` for files."""

    def __init__(
        self,
        name: str,
        descriptor: int,
        file: Any,
        threads: ThreadPoolExecutor,
        *,
        empty_first: bool = False,
    ) -> None:
        self.name = name
        self._descriptor = descriptor
        self._file = file
        self._threads = threads
        self.seekable = name != "-" and stat.S_ISREG(os.fstat(descriptor).st_mode)
        self._empty_first = empty_first
        self.offset = os.fstat(descriptor).st_size if self.seekable and not empty_first else 0
        self.writes = 0

    @property
    def _spoken(self) -> str:
        return "stdout" if self.name == "-" else self.name

    @classmethod
    async def open(cls, name: str, existing: Existing) -> "Output":
        """Open an output. Raises CannotCreate or TryLater with the remedy."""
        descriptor = _stdout() if name == "-" else _open(name)
        try:
            if stat.S_ISREG(os.fstat(descriptor).st_mode) and name != "-":
                _claim(name, descriptor, existing)
        except CrawlError:
            os.close(descriptor)
            raise
        threads = ThreadPoolExecutor(1, thread_name_prefix="write")
        file = await aiofiles.open(
            descriptor, "wb", buffering=0, closefd=name != "-", executor=threads
        )
        empty_first = existing == "overwrite"
        return cls(name, descriptor, file, threads, empty_first=empty_first)

    async def write(self, data: bytes) -> None:
        """Write all of it. Raises WriteFailed, or ReaderClosed for a pipe without reader."""
        self.writes += 1
        self._make_empty()
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[await self._file.write(rest) or 0 :]
        except BrokenPipeError:
            raise ReaderClosed(f"the reader of {self._spoken} has closed it") from None
        except OSError as error:
            words = (error.strerror or str(error)).lower()
            hint = "; free some space" if error.errno in (errno.ENOSPC, errno.EDQUOT) else ""
            raise WriteFailed(f"writing {self._spoken} failed: {words}{hint}") from None
        self.offset += len(data)

    async def reopen(self) -> None:
        """Open the path anew, for what rotates logs; a pipe stays as it is."""
        if not self.seekable:
            return
        if self._is_current():
            self.offset = os.fstat(self._descriptor).st_size  # it may have been truncated
            return
        fresh = await Output.open(self.name, "append")
        old, self._file = self._file, fresh._file
        threads, self._threads = self._threads, fresh._threads
        self._descriptor, self.offset = fresh._descriptor, fresh.offset
        await old.close()
        threads.shutdown(wait=False)

    def _make_empty(self) -> None:
        """Empty what is to be overwritten, not before there is something to write."""
        if self._empty_first and self.seekable:
            os.ftruncate(self._descriptor, 0)
        self._empty_first = False

    def _is_current(self) -> bool:
        """Whether the path still leads to the file that is open."""
        with contextlib.suppress(OSError):
            return os.path.samestat(os.stat(self.name), os.fstat(self._descriptor))
        return False

    async def close(self) -> None:
        """Close; a write that a reader holds up is not waited for."""
        self._make_empty()
        if self.name != "-":
            try:
                await self._file.close()
            except OSError as error:
                raise WriteFailed(f"closing {self.name} failed: {error.strerror}") from None
        self._threads.shutdown(wait=False)


def _stdout() -> int:
    if sys.stdout is None:
        raise CannotCreate("stdout is closed; give an output with -o")
    descriptor = sys.stdout.fileno()
    os.set_blocking(descriptor, True)
    return descriptor


def _open(name: str) -> int:
    try:
        return os.open(name, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o666)
    except OSError as error:
        words = (error.strerror or str(error)).lower()
        missing = error.errno == errno.ENOENT
        hint = f"; create the folder {Path(name).parent} first" if missing else ""
        raise CannotCreate(f"cannot write {name}: {words}{hint}") from None


def _claim(name: str, descriptor: int, existing: Existing) -> None:
    """Make a regular file ours, in the state that the user asked for."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise TryLater(
            f"{name} is being written by another run; wait for it, or use another -o"
        ) from None
    try:
        _prepare(name, descriptor, existing)
    except OSError as error:
        raise CannotCreate(f"cannot write {name}: {(error.strerror or '').lower()}") from None


def _prepare(name: str, descriptor: int, existing: Existing) -> None:
    length = os.fstat(descriptor).st_size
    if length and existing == "refuse":
        raise CannotCreate(f"{name} already holds data; use --append, --overwrite, or another -o")
    if length and existing == "append":
        reader = os.open(name, os.O_RDONLY | os.O_CLOEXEC)
        try:
            if os.pread(reader, 1, length - 1) != b"\n":
                os.write(descriptor, b"\n")  # end the torn last line of whoever wrote before
        finally:
            os.close(reader)
