"""Compressed outputs, by suffix: one gzip member or zstd frame after another.

A reader takes the sequence for one stream, and a file that is cut where a member or frame
ends is whole: that is where a crawl can be taken up again.
"""

import gzip
import sys
import zlib
from typing import Any, BinaryIO, Protocol, cast

from isal import isal_zlib

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

GZIP_LEVEL, ZSTD_LEVEL = 2, 3
GZIP_WINDOW = 31
"""zlib's number for a gzip header around the largest window."""


class Compressor(Protocol):
    """Turns data into the bytes of members or frames; it need not put all out at once."""

    def compress(self, data: bytes) -> bytes:
        """Take data in."""
        ...

    def end(self) -> bytes:
        """End the member or frame, if one has begun."""
        ...


class Gzip:
    """``.gz``."""

    def __init__(self) -> None:
        self._member: Any = None

    def compress(self, data: bytes) -> bytes:
        """Take data in."""
        if self._member is None:
            self._member = isal_zlib.compressobj(GZIP_LEVEL, wbits=GZIP_WINDOW)
        return bytes(self._member.compress(data))

    def end(self) -> bytes:
        """End the member, if one has begun."""
        member, self._member = self._member, None
        return b"" if member is None else bytes(member.flush())


class Zstd:
    """``.zst``."""

    def __init__(self) -> None:
        self._compressor = zstd.ZstdCompressor(level=ZSTD_LEVEL)
        self._begun = False

    def compress(self, data: bytes) -> bytes:
        """Take data in."""
        self._begun = True
        return self._compressor.compress(data)

    def end(self) -> bytes:
        """End the frame, if one has begun."""
        begun, self._begun = self._begun, False
        return self._compressor.flush(self._compressor.FLUSH_FRAME) if begun else b""


def compressor(name: str) -> Compressor | None:
    """Return the compressor that an output's suffix asks for, if any."""
    if name.endswith(".gz"):
        return Gzip()
    if name.endswith((".zst", ".zstd")):
        return Zstd()
    return None


def reading(path: str) -> BinaryIO:
    """Open a file to read what a reader of an output of that name finds."""
    if path.endswith(".gz"):
        return cast("BinaryIO", gzip.open(path))
    return cast("BinaryIO", zstd.open(path)) if compressor(path) else open(path, "rb")


def ending(path: str) -> bytes | None:
    """Return the last byte that a reader of a compressed file finds, if there is one.

    None unless it ends where a member or frame does, so that it may go on.
    """
    last = b""
    try:
        with reading(path) as file:
            while data := file.read(1 << 20):
                last = data[-1:]
    except (EOFError, OSError, zlib.error, zstd.ZstdError):
        return None
    return last


def ends_whole(path: str) -> bool:
    """Whether a compressed file ends where a member or frame does."""
    return ending(path) is not None
