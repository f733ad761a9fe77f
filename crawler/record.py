"""The records that a crawl writes: schema version 1, which only ever grows.

Every record is one line of strict JSON in UTF-8. ``seq`` numbers the lines of a run and
is added by the sink (:func:`numbered`); everything else is encoded where it is known, so
that parsing children can encode pages. Keys are always present, null where unknown.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec import inspect

from crawler.model import Failed, Lease, Line, Reason, Target, Verdict

SCHEMA_VERSION = 1

_encode = msgspec.json.Encoder().encode
_ESCAPED = re.compile(
    rb"\x7f|\xc2[\x80-\x9f]|\xd8\x9c|\xe2\x80[\x8e\x8f\xa8-\xae]|\xe2\x81[\xa6-\xa9]"
)


class Record(msgspec.Struct, frozen=True, kw_only=True, rename={"pass_": "pass"}):
    """What every record of a URL carries. ``at`` is RFC 3339 in UTC."""

    v: int = SCHEMA_VERSION
    type: str
    url: str
    pass_: int
    at: str
    depth: int
    via: str | None
    seed: str
    meta: msgspec.Raw | None


class PageRecord(Record, frozen=True, kw_only=True):
    """A URL answered with 2xx.

    ``bytes`` is the decoded body's size (null where the body was not read), ``wire_bytes``
    its size as it travelled; ``hash`` is the SHA-1 of the decoded body in hex; ``n_links``
    counts the distinct http and https URLs the page links to; ``robots`` lists the
    directives of meta robots and X-Robots-Tag that concern us; ``canonical`` is absolute.
    """

    type: str = "page"
    status: int
    content_type: str | None
    charset: str | None = None
    bytes: int | None
    wire_bytes: int
    elapsed_ms: int
    attempts: int
    truncated: str | None
    title: str | None = None
    lang: str | None = None
    canonical: str | None = None
    robots: list[str] = []
    n_links: int = 0
    hash: str | None = None


class RedirectRecord(Record, frozen=True, kw_only=True):
    """A URL answered with 3xx and a usable Location; ``location`` is absolute."""

    type: str = "redirect"
    status: int
    location: str


class ErrorDetail(msgspec.Struct, frozen=True, rename={"fault": "class"}):
    """Why a URL failed: a class of the published list, words, and requests made."""

    fault: str
    message: str
    attempts: int


class ErrorRecord(Record, frozen=True, kw_only=True):
    """A URL that ended without a page; ``status`` is null where no answer came."""

    type: str = "error"
    status: int | None
    error: ErrorDetail


class SkipRecord(Record, frozen=True, kw_only=True):
    """A URL that was accepted and then not asked for; ``reason`` is of the published list."""

    type: str = "skip"
    reason: str
    detail: str | None


class SummaryRecord(msgspec.Struct, frozen=True, kw_only=True, rename={"pass_": "pass"}):
    """The run's last record; ``discovered`` equals the sum of the six that follow it."""

    v: int = SCHEMA_VERSION
    type: str = "summary"
    pass_: int
    at: str
    end_reason: str
    discovered: int
    fetched: int
    redirected: int
    failed: int
    skipped: int
    gone: int
    left: int
    errors: dict[str, int]
    skips: dict[str, int]
    refused: dict[str, int]
    requests: int
    bytes: int
    wire_bytes: int
    elapsed_ms: int


def check_field(path: str) -> None:
    """Raise ValueError unless some record may have this field.

    Dots lead into objects: ``error.class``. Where the keys are not ours (``meta``), any is right.
    """
    top, *keys = path.split(".")
    records = [inspect.type_info(each) for each in (*Record.__subclasses__(), SummaryRecord)]
    names = dict.fromkeys(field.encode_name for each in records for field in _fields(each))
    kinds = [kind for each in records for kind in _below(each, top)]
    if top != "seq" and not kinds:
        raise ValueError(f"no record has {top!r}; there are {', '.join([*names, 'seq'])}")
    for key in keys:
        kinds = [below for kind in kinds for below in _below(kind, key)]
        if not kinds or not key:
            raise ValueError(f"{path!r}: there is no {key!r} in it")


def _fields(kind: inspect.Type) -> Sequence[inspect.Field]:
    return kind.fields if isinstance(kind, inspect.StructType) else ()


def _below(kind: inspect.Type, key: str) -> Sequence[inspect.Type]:
    """Return what a value of this kind may have under a key."""
    if isinstance(kind, inspect.UnionType):
        return [below for each in kind.types for below in _below(each, key)]
    if isinstance(kind, inspect.Metadata):
        return _below(kind.type, key)
    if isinstance(kind, inspect.DictType):
        return [kind.value_type]
    if isinstance(kind, inspect.RawType | inspect.AnyType | inspect.CustomType):
        return [inspect.AnyType()]
    return [field.type for field in _fields(kind) if field.encode_name == key]


def moment(at: float) -> str:
    """Return seconds since the epoch as RFC 3339 in UTC, to the millisecond."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def common(target: Target, run: int, at: float) -> dict[str, Any]:
    """Return the fields that every record of ``target`` in pass ``run`` shares."""
    return {
        "url": target.url,
        "pass_": run,
        "at": moment(at),
        "depth": target.depth,
        "via": target.via,
        "seed": target.seed,
        "meta": None if target.meta is None else msgspec.Raw(target.meta),
    }


def redirect(target: Target, status: int, location: str, run: int, at: float) -> Line:
    """Return the record of a redirect to the absolute URL ``location``."""
    fields = common(target, run, at)
    record = RedirectRecord(status=status, location=location, **fields)
    return Line(Verdict.REDIRECTED, encode(record))


def error(lease: Lease, failed: Failed, attempts: int, run: int, at: float) -> Line:
    """Return the record of a URL that came to nothing after ``attempts`` requests."""
    detail = ErrorDetail(failed.fault.value, failed.message, attempts)
    fields = common(lease.target, run, at)
    return Line(Verdict.FAILED, encode(ErrorRecord(status=failed.status, error=detail, **fields)))


def skip(target: Target, reason: Reason, detail: str | None, run: int, at: float) -> Line:
    """Return the record of a URL that was accepted and then not asked for."""
    fields = common(target, run, at)
    return Line(Verdict.SKIPPED, encode(SkipRecord(reason=reason.value, detail=detail, **fields)))


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


def _escape(match: re.Match[bytes]) -> bytes:
    return b"\\u%04x" % ord(match[0].decode())


def numbered(data: bytes, seq: int) -> bytes:
    """Return the finished line: ``data`` with ``seq`` and a newline."""
    return b'%b,"seq":%d}\n' % (data[:-1], seq)


def _scrub(value: Any) -> Any:
    """Return a JSON value with each lone surrogate replaced by U+FFFD."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, dict):
        return {_scrub(key): _scrub(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_scrub(item) for item in value]
    return value
