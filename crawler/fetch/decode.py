"""Content codings, decoded as the bytes come and never further than the cap.

Written out because aiohttp takes a truncated gzip stream for a whole one, hands out
stacked and ``x-gzip`` bodies undecoded, and reading its decoded body at once is a bomb's
fuse. Here every stage of a stack is capped, and every stream must come to its end.
"""

import sys
from collections.abc import Iterator
from typing import Any, Protocol

import brotli
from isal import isal_zlib

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_InflateError: Any = isal_zlib.error  # not zlib.error
_ZstdError: Any = zstd.ZstdError

PIECE = 64 * 1024
MOST_MEMBERS = 1_000
MOST_STACKED = 5

_GZIP = b"\x1f\x8b"
_ZSTD = (b"\x28\xb5\x2f\xfd", *(bytes((low, 0x2A, 0x4D, 0x18)) for low in range(0x50, 0x60)))


class Undecodable(Exception):
    """The body is not what its Content-Encoding says."""


class TooLong(Exception):
    """A stage has yielded more than the cap."""


class Stage(Protocol):
    """One coding: ``feed`` yields decoded pieces; ``whole`` tells if the stream has ended."""

    whole: bool

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Decode some more, in pieces of at most ``PIECE`` bytes."""
        ...


class Decoder:
    """All codings of a response, undone in order. Each stage yields ``cap`` bytes at most."""

    def __init__(self, codings: list[str], cap: int) -> None:
        if len(codings) > MOST_STACKED:
            raise Undecodable(f"more than {MOST_STACKED} content codings")
        self._stages = [_stage(coding) for coding in reversed(codings)]
        self._yielded = [0] * len(self._stages)
        self._cap = cap
        self._fed = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield decoded pieces. Raises Undecodable, or TooLong past the cap."""
        self._fed = self._fed or bool(data)
        return self._flow(0, data)

    @property
    def whole(self) -> bool:
        """Whether every stream has come to its end (an empty body is whole)."""
        return not self._fed or all(stage.whole for stage in self._stages)

    def _flow(self, level: int, data: bytes) -> Iterator[bytes]:
        if level == len(self._stages):
            yield data
            return
        for piece in self._stages[level].feed(data):
            yield from self._flow(level + 1, piece)
            self._yielded[level] += len(piece)
            if self._yielded[level] > self._cap:
                raise TooLong


def codings(content_encoding: str) -> list[str]:
    """Return the codings of a Content-Encoding header that change the body."""
    names = (name.strip().lower() for name in content_encoding.split(","))
    return [name for name in names if name not in ("", "identity")]


def _stage(coding: str) -> Stage:
    if coding in ("gzip", "x-gzip"):
        return _Gzip()
    if coding == "deflate":
        return _Deflate()
    if coding == "br":
        return _Brotli()
    if coding == "zstd":
        return _Zstd()
    raise Undecodable(f"unknown content coding {coding[:40]!r}")


class _Gzip:
    """gzip (RFC 1952), members one after another; what follows them is ignored.

    A body that does not even begin like gzip is passed on as it is: servers that compress
    nothing but say so are common.
    """

    def __init__(self) -> None:
        self.whole = False
        self._member: Any = None
        self._members = 0
        self._head = b""
        self._plain = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        data, self._head = self._head + data, b""
        while data:
            if self._plain:
                yield from _pieces(data)
                return
            if self._member is None:
                if data == _GZIP[:1]:
                    self._head = data  # half of the magic number: wait for more
                    return
                if not data.startswith(_GZIP):
                    if self.whole:
                        return  # junk after the last member
                    self._plain = self.whole = True
                    continue
                self._members = _one_more(self._members)
                self._member = isal_zlib.decompressobj(wbits=31)
                self.whole = False
            yield from _inflated(self._member, data)
            if not self._member.eof:
                return
            data, self._member, self.whole = self._member.unused_data, None, True


class _Deflate:
    """deflate: zlib (RFC 1950) as the standard says, or raw as some servers do."""

    def __init__(self) -> None:
        self._stream: Any = None
        self._head = b""

    @property
    def whole(self) -> bool:
        return self._stream is not None and bool(self._stream.eof)

    @whole.setter
    def whole(self, value: bool) -> None:
        raise AttributeError

    def feed(self, data: bytes) -> Iterator[bytes]:
        if self._stream is None:
            data, self._head = self._head + data, b""
            if len(data) < 2:
                self._head = data
                return
            wrapped = data[0] & 15 == 8 and int.from_bytes(data[:2], "big") % 31 == 0
            self._stream = isal_zlib.decompressobj(wbits=15 if wrapped else -15)
        if not self._stream.eof:
            yield from _inflated(self._stream, data)


class _Brotli:
    """br (RFC 7932)."""

    def __init__(self) -> None:
        self.whole = False
        self._stream = brotli.Decompressor()

    def feed(self, data: bytes) -> Iterator[bytes]:
        while not self.whole:
            try:
                piece = self._stream.process(data, output_buffer_limit=PIECE)
            except brotli.error as error:
                raise Undecodable(f"broken br: {error}") from None
            data = b""
            self.whole = self._stream.is_finished()
            if piece:
                yield piece
            if not piece and self._stream.can_accept_more_data():
                return


class _Zstd:
    """zstd (RFC 8878), frames one after another, skippable ones among them."""

    def __init__(self) -> None:
        self.whole = False
        self._frame: Any = zstd.ZstdDecompressor()
        self._frames = 0
        self._head = b""

    def feed(self, data: bytes) -> Iterator[bytes]:
        data, self._head = self._head + data, b""
        while True:
            if self._frame.eof:
                data = self._frame.unused_data + data
                if not data or not any(magic.startswith(data[:4]) for magic in _ZSTD):
                    return  # the end, or junk after it
                if len(data) < 4:
                    self._head, self._frame = data, _Ended()
                    return
                self._frames = _one_more(self._frames)
                self._frame = zstd.ZstdDecompressor()
            try:
                piece = self._frame.decompress(data, PIECE)
            except _ZstdError as error:
                raise Undecodable(f"broken zstd: {error}") from None
            data = b""
            self.whole = self._frame.eof
            if piece:
                yield piece
            elif self._frame.needs_input and not self._frame.eof:
                return


class _Ended:
    """A frame that has been read to its end, and what followed it taken."""

    eof = True
    unused_data = b""


def _one_more(count: int) -> int:
    """Count members; thousands of them in one body have no use but to cost time."""
    if count >= MOST_MEMBERS:
        raise Undecodable(f"more than {MOST_MEMBERS} compressed members")
    return count + 1


def _inflated(stream: Any, data: bytes) -> Iterator[bytes]:
    """Yield what ``data`` inflates to, a piece at a time."""
    try:
        while not stream.eof:
            # A full piece may have left more behind, inside, with no input unconsumed.
            piece = stream.decompress(stream.unconsumed_tail + data, PIECE)
            data = b""
            if not piece:
                return
            yield piece
    except _InflateError as error:
        raise Undecodable(f"broken gzip or deflate: {error}") from None


def _pieces(data: bytes) -> Iterator[bytes]:
    return (data[start : start + PIECE] for start in range(0, len(data), PIECE))
