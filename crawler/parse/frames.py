"""What goes to a parsing child and comes back: msgpack in frames of four bytes of length."""

import struct
from collections.abc import Sequence

import msgspec

from crawler.model import Failed, Page, Parsed
from crawler.parse.reading import Reading

_LENGTH = struct.Struct("<I")
HEAD = _LENGTH.size


class Setup(msgspec.Struct, frozen=True, array_like=True, tag="setup"):
    """How to read pages, once at the start; ``widened`` are the scope's URLs so far."""

    reading: Reading
    widened: Sequence[str]


class Batch(msgspec.Struct, frozen=True, array_like=True, tag="batch"):
    """Pages, numbered from ``first`` on; the scope has grown by ``widened`` before them."""

    first: int
    widened: Sequence[str]
    pages: Sequence[Page]


class Bug(msgspec.Struct, frozen=True, array_like=True, tag="bug"):
    """An exception of ours while reading a page."""

    traceback: str


Result = Parsed | Failed | Bug


class Report(msgspec.Struct, frozen=True, array_like=True):
    """Results of the pages numbered from ``first`` on."""

    first: int
    results: Sequence[Result]


_encode_into = msgspec.msgpack.Encoder().encode_into
_decode_order = msgspec.msgpack.Decoder(Setup | Batch).decode
_decode_report = msgspec.msgpack.Decoder(Report).decode


def frame(message: msgspec.Struct) -> bytearray:
    """Return a message as a frame, copied no more often than it takes."""
    data = bytearray(HEAD)
    _encode_into(message, data, HEAD)
    _LENGTH.pack_into(data, 0, len(data) - HEAD)
    return data


def order(data: bytes | bytearray) -> Setup | Batch:
    """Return what a frame to a child says."""
    message: Setup | Batch = _decode_order(data)
    return message


def report(data: bytes | bytearray | memoryview) -> Report:
    """Return what a frame from a child says."""
    return _decode_report(data)


def length(head: bytes | bytearray) -> int:
    """Return how long the frame is that ``head``, its first four bytes, announces."""
    return int(_LENGTH.unpack(head)[0])
