"""The records that a crawl writes: schema version 1, which only ever grows.

Every record is one line of strict JSON in UTF-8. ``seq`` numbers the lines of a run and is
added by the sink (:func:`crawler.encoding.numbered`); everything else is encoded where it is
known, so that parsing children can encode pages. Keys are always present, null where unknown;
those that come with a flag are absent without it. ``crawler schema`` is made from these types.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from crawler.encoding import encode, moment
from crawler.model import (
    Change,
    Failed,
    Fault,
    Gone,
    Lease,
    Line,
    Page,
    Reason,
    Refusal,
    Target,
    Truncated,
    Verdict,
)

SCHEMA_VERSION = 1

_Version = Annotated[
    int, Meta(description="Schema version.", extra_json_schema={"const": SCHEMA_VERSION})
]
_Moment = Annotated[
    str, Meta(description="When, RFC 3339 in UTC.", extra_json_schema={"format": "date-time"})
]
_Pass = Annotated[int, Meta(description="Which crawl of the state this is, from 1 on.", ge=1)]
_Count = Annotated[int, Meta(ge=0)]
_Reason = Annotated[str, Meta(extra_json_schema={"enum": [*Reason]})]
_Refusal = Annotated[str, Meta(extra_json_schema={"enum": [*Refusal]})]
_Gone = Annotated[str, Meta(extra_json_schema={"enum": [*Gone]})]
_Change = Annotated[str, Meta(extra_json_schema={"enum": [*Change]})]
_FieldErrors = Annotated[
    dict[str, str], Meta(description="Why, in words, by the place of a value that is missing.")
]


class Record(msgspec.Struct, frozen=True, kw_only=True, rename={"pass_": "pass"}):
    """What every record of a URL carries."""

    v: _Version = SCHEMA_VERSION
    type: Annotated[str, Meta(description="The kind of record.")]
    url: Annotated[str, Meta(description="As the URL standard spells it, without fragment.")]
    pass_: _Pass
    at: _Moment
    depth: Annotated[int, Meta(description="Links from the seed; a seed is 0.", ge=0)]
    via: Annotated[str | None, Meta(description="The page that named it; null for a seed.")]
    seed: Annotated[str, Meta(description="The seed it descends from.")]
    meta: Annotated[msgspec.Raw | None, Meta(description="What was given with the seed.")]


class PageLink(msgspec.Struct, frozen=True, gc=False):
    """A link on a page, wherever it leads."""

    url: Annotated[str, Meta(description="Absolute; as written where it is no http or https URL.")]
    text: Annotated[str, Meta(description="Its words, or those that stand for its picture.")]
    rel: Annotated[list[str], Meta(description="Its rel, in lower case.")]
    element: Annotated[
        Literal["a", "area", "iframe", "frame", "link", "meta"], Meta(description="Its tag.")
    ]


class Structured(msgspec.Struct, frozen=True):
    """What a page says of itself for machines; values of what may be repeated are lists."""

    json_ld: Annotated[list[Any], Meta(description="Each JSON-LD block that can be read.")]
    broken: Annotated[int, Meta(description="JSON-LD blocks that cannot be read.", ge=0)]
    opengraph: Annotated[
        dict[str, list[str]],
        Meta(description="meta elements with a property, and Twitter's, by name."),
    ]
    meta: Annotated[
        dict[str, list[str]], Meta(description="The other meta elements with a name, by name.")
    ]


class PageRecord(Record, frozen=True, kw_only=True):
    """A URL answered with 2xx, or with 304: unchanged, so that its body was not sent.

    With 304 ``fields`` and items are those of the pass before.

    The keys that are not required come with flags of their names.

    With the flag, a key that does not apply to the page is null, but for ``fields`` and
    ``field_errors``: they are there where something was, or could not be, taken out of it.
    """

    type: Literal["page"] = "page"
    status: Annotated[int, Meta(description="HTTP status.", ge=100, le=999)]
    content_type: Annotated[str | None, Meta(description="Content-Type as sent.")]
    charset: Annotated[
        str | None, Meta(description="The encoding it was read in, as the standard names it.")
    ] = None
    bytes: Annotated[
        _Count | None, Meta(description="Size of the decoded body; null where it was not read.")
    ]
    wire_bytes: Annotated[int, Meta(description="Size of the body as it travelled.", ge=0)]
    elapsed_ms: Annotated[
        int, Meta(description="From the start of the request to the last byte.", ge=0)
    ]
    attempts: Annotated[int, Meta(description="Requests made for it.", ge=1)]
    truncated: Annotated[
        Truncated | None,
        Meta(description="Why the body is not whole: --max-size, the time, a hang-up."),
    ]
    title: str | None = None
    lang: Annotated[str | None, Meta(description="The page's lang attribute.")] = None
    canonical: Annotated[str | None, Meta(description="rel=canonical, absolute.")] = None
    robots: Annotated[
        list[str],
        Meta(description="Directives of meta robots and X-Robots-Tag that concern us."),
    ] = []
    n_links: Annotated[
        _Count | None, Meta(description="Distinct http and https URLs it links to; null with 304.")
    ] = 0
    hash: Annotated[str | None, Meta(description="SHA-1 of the decoded body, in hex.")] = None
    change: Annotated[
        _Change | None,
        Meta(description="Against what answered before; null on pass 1, and where half came."),
    ] = None
    text: (
        Annotated[
            str | None, Meta(description="The main text, a line a block, cells between tabs.")
        ]
        | UnsetType
    ) = UNSET
    markdown: (
        Annotated[str | None, Meta(description="The main content as Markdown, links absolute.")]
        | UnsetType
    ) = UNSET
    html: Annotated[str | None, Meta(description="The decoded page.")] | UnsetType = UNSET
    links: (
        Annotated[
            list[PageLink] | None, Meta(description="Its links in order, repeated ones as well.")
        ]
        | UnsetType
    ) = UNSET
    headers: (
        Annotated[
            dict[str, str],
            Meta(description="The response's headers by lower-case name, without set-cookie."),
        ]
        | UnsetType
    ) = UNSET
    structured: Structured | UnsetType | None = UNSET
    fields: (
        Annotated[dict[str, Any], Meta(description="What a recipe takes out of the page.")]
        | UnsetType
    ) = UNSET
    field_errors: _FieldErrors | UnsetType = UNSET


class ItemRecord(Record, frozen=True, kw_only=True):
    """Something listed on a page, ``url``; the other common keys are the page's as well."""

    type: Literal["item"] = "item"
    index: Annotated[int, Meta(description="Its place among the matches on the page.", ge=0)]
    fields: Annotated[dict[str, Any], Meta(description="What was taken out of the match.")]
    field_errors: _FieldErrors | UnsetType = UNSET


class LinkRecord(Record, frozen=True, kw_only=True):
    """A link of a page, ``url``; the other common keys are the page's as well."""

    type: Literal["link"] = "link"
    index: Annotated[int, Meta(description="Its place among the page's links.", ge=0)]
    link: PageLink
    refused: Annotated[
        _Refusal | None, Meta(description="Why it was not followed; null where it was.")
    ]


class RedirectRecord(Record, frozen=True, kw_only=True):
    """A URL answered with 3xx and a usable Location."""

    type: Literal["redirect"] = "redirect"
    status: Annotated[int, Meta(description="HTTP status.", ge=100, le=999)]
    location: Annotated[str, Meta(description="Where it leads, absolute.")]


class ErrorDetail(msgspec.Struct, frozen=True, rename={"fault": "class"}):
    """Why a URL failed."""

    fault: Annotated[str, Meta(extra_json_schema={"enum": [*Fault]})]
    message: Annotated[str, Meta(description="The same in words, for people.")]
    attempts: Annotated[int, Meta(description="Requests made.", ge=0)]


class ErrorRecord(Record, frozen=True, kw_only=True):
    """A URL that ended without a page."""

    type: Literal["error"] = "error"
    status: Annotated[int | None, Meta(description="HTTP status; null where no answer came.")]
    error: ErrorDetail


class SkipRecord(Record, frozen=True, kw_only=True):
    """A URL that was accepted and then not asked for."""

    type: Literal["skip"] = "skip"
    reason: _Reason
    detail: Annotated[str | None, Meta(description="The same in words, for people.")]


class GoneRecord(Record, frozen=True, kw_only=True):
    """A page, or a redirect, of an earlier pass that is no more."""

    type: Literal["gone"] = "gone"
    reason: _Gone
    status: Annotated[
        int | None, Meta(description="404 or 410; null where nothing leads to it any more.")
    ]


class SummaryRecord(msgspec.Struct, frozen=True, kw_only=True, rename={"pass_": "pass"}):
    """The run's last record; ``discovered`` equals the sum of the six that follow it.

    ``changes`` counts pages, and redirects that have changed, by what they are against what
    answered before, and ``unconfirmed`` the known pages that the pass has not met, without having
    seen enough to call them gone. There is no ``seq`` on stderr and in ``--stats``.
    """

    v: _Version = SCHEMA_VERSION
    type: Literal["summary"] = "summary"
    pass_: _Pass
    at: _Moment
    end_reason: Annotated[str, Meta(description="What ended the run: drained, or what limit.")]
    discovered: _Count
    fetched: _Count
    redirected: _Count
    failed: _Count
    skipped: _Count
    gone: _Count
    left: Annotated[int, Meta(description="URLs that were not reached.", ge=0)]
    unconfirmed: Annotated[
        int, Meta(description="Known pages that the pass has not met, perhaps gone.", ge=0)
    ] = 0
    changes: Annotated[
        dict[str, int], Meta(description="Answers by what they are against those before.")
    ] = {}
    errors: Annotated[dict[str, int], Meta(description="Errors by class.")]
    skips: Annotated[dict[str, int], Meta(description="Skips by reason.")]
    refused: Annotated[dict[str, int], Meta(description="Links not followed, by reason.")]
    requests: _Count
    bytes: _Count
    wire_bytes: _Count
    elapsed_ms: _Count
    items: Annotated[int, Meta(description="Items made in this run.", ge=0)] = 0
    dropped: Annotated[
        int, Meta(description="Items not made, for want of a required field.", ge=0)
    ] = 0
    field_errors: Annotated[int, Meta(description="Pages with field errors.", ge=0)] = 0
    not_found: Annotated[
        dict[str, int],
        Meta(description="Fields on no page of this run: on how many they were looked for."),
    ] = {}


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


def item(index: int, fields: Any, errors: Mapping[str, str], shared: Mapping[str, Any]) -> Line:
    """Return the record of an item; ``shared`` are the keys that it has in common with its page."""
    told = dict(errors) if errors else UNSET
    return Line("item", encode(ItemRecord(index=index, fields=fields, field_errors=told, **shared)))


def unchanged(page: Page, run: int, more: Mapping[str, Any]) -> Line:
    """Return the record of a page that answered 304: it was not sent again.

    ``more`` is what is known of what it says.
    """
    fetched = page.fetched
    record = PageRecord(
        status=fetched.status,
        content_type=None,
        bytes=0,
        wire_bytes=fetched.wire_bytes,
        elapsed_ms=round(fetched.elapsed * 1000),
        attempts=page.attempts,
        truncated=None,
        n_links=None,
        change=Change.UNCHANGED.value,
        **more,
        **common(page.target, run, page.at),
    )
    return Line(Verdict.FETCHED, encode(record))


def gone(target: Target, reason: Gone, status: int | None, run: int, at: float) -> Line:
    """Return the record of a known page that is no more."""
    record = GoneRecord(reason=reason.value, status=status, **common(target, run, at))
    return Line(Verdict.GONE, encode(record))


def skip(target: Target, reason: Reason, detail: str | None, run: int, at: float) -> Line:
    """Return the record of a URL that was accepted and then not asked for."""
    fields = common(target, run, at)
    return Line(Verdict.SKIPPED, encode(SkipRecord(reason=reason.value, detail=detail, **fields)))
