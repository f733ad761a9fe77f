"""Records as bytes: each a line of strict JSON in UTF-8, whatever the web put into it."""

import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import msgspec

OBEYED = r"\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069"
"""What a terminal would obey beyond C0, or a line-splitter trip over: inside a pattern's [ ]."""

_encode = msgspec.json.Encoder().encode
_ESCAPED = re.compile(  # the same in UTF-8
    rb"\x7f|\xc2[\x80-\x9f]|\xd8\x9c|\xe2\x80[\x8e\x8f\xa8-\xae]|\xe2\x81[\xa6-\xa9]"
)


def encode(record: msgspec.Struct | dict[str, Any]) -> bytes:
    """Return a record as one line of strict JSON, without newline.

    What JSON allows but line-splitters trip over (U+2028, U+2029, U+0085), or a terminal
    would obey (U+007F to U+009F, bidi controls), is escaped; lone surrogates, which UTF-8
    has no bytes for, become U+FFFD.
    """
    try:
        data = _encode(record)
    except UnicodeEncodeError:
        data = _encode(_scrub(msgspec.to_builtins(record, enc_hook=msgspec.json.decode)))
    return _ESCAPED.sub(_escape, data) if _ESCAPED.search(data) else data


def _scrub(value: Any) -> Any:
    """Return a JSON value with each lone surrogate replaced by U+FFFD."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, dict):
        return {_scrub(key): _scrub(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_scrub(item) for item in value]
    return value


def _escape(match: re.Match[bytes]) -> bytes:
    return b"\\u%04x" % ord(match[0].decode())


def numbered(data: bytes, seq: int) -> bytes:
    """Return the finished line: ``data`` with ``seq`` and a newline."""
    return b'%b,"seq":%d}\n' % (data[:-1], seq)


def moment(at: float) -> str:
    """Return seconds since the epoch as RFC 3339 in UTC, to the millisecond."""
    second, millisecond = divmod(round(at * 1_000_000) // 1_000, 1_000)
    return f"{_second(second)}.{millisecond:03}Z"


@lru_cache(maxsize=8)  # spelling a second out costs 6 µs, and thousands of records share it
def _second(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat()[:-6]
