"""Why a URL is, or is not, in a crawl: each decision about it, in the order in which they fall.

The words are those of the records: types, reasons, classes of error, refusals of links.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from crawler.choices import ScopeKind
from crawler.model import Fault, Gone, Reason, Refusal, Truncated
from crawler.record import SCHEMA_VERSION

_Count = Annotated[int, Meta(ge=0)]
_Refusal = Annotated[str, Meta(extra_json_schema={"enum": [*Refusal]})]
_Fault = Annotated[str, Meta(extra_json_schema={"enum": [*Fault]})]

EndType = Literal[
    "page", "redirect", "error", "gone", "skip", "refused", "unmet", "left", "unknown"
]


class ScopeTold(msgspec.Struct, frozen=True, kw_only=True):
    """What the scope says of links to the URL."""

    kind: ScopeKind
    refusal: Annotated[_Refusal | None, Meta(description="Why it is refused; null where not.")]
    seed: Annotated[str | None, Meta(description="The seed that lets it in.")] = None
    pattern: Annotated[str | None, Meta(description="The --include or --exclude that decides.")] = (
        None
    )
    exempt: Annotated[
        bool, Meta(description="It is let in all the same: a seed, or where a seed redirects to.")
    ] = False


class DepthTold(msgspec.Struct, frozen=True, kw_only=True):
    """Links from a seed to the URL (null: not known), and --depth (null: none).

    A sitemap is no deeper than its seed, and so is what it lists.
    """

    depth: _Count | None
    limit: _Count | None
    sitemap: Annotated[
        Literal["off", "add", "only"],
        Meta(description="Whether sitemaps lead to URLs: beside links, or instead of them."),
    ] = "off"


class RobotsTold(msgspec.Struct, frozen=True, kw_only=True):
    """What the robots.txt of an origin says of a URL, and where it says so."""

    url: Annotated[str, Meta(description="The URL that it was asked for.")]
    places: Annotated[
        list[str], Meta(description="Where it was looked for: its place, then redirects' targets.")
    ]
    allowed: bool
    status: Annotated[int | None, Meta(description="Of the last answer.")] = None
    error: Annotated[str | None, Meta(description="Why it could not be had.")] = None
    bytes: _Count | None = None
    group: Annotated[
        str | None, Meta(description="Which group is for us, by its name; null: none.")
    ] = None
    line: Annotated[int | None, Meta(description="The number of the line that decides.")] = None
    text: Annotated[str | None, Meta(description="That line.")] = None
    crawl_delay: Annotated[float | None, Meta(description="In seconds, 300 at most.")] = None


class RequestTold(msgspec.Struct, frozen=True, kw_only=True):
    """One request for the URL, or for where it redirects to."""

    url: str
    status: int | None = None
    error: Annotated[_Fault | None, Meta(description="Why there is no usable answer.")] = None
    message: str | None = None
    location: Annotated[str | None, Meta(description="Where it redirects to, absolute.")] = None
    refused: Annotated[_Refusal | None, Meta(description="Why the redirect is not followed.")] = (
        None
    )
    content_type: str | None = None
    content_length: Annotated[str | None, Meta(description="Content-Length as sent.")] = None
    bytes: Annotated[_Count | None, Meta(description="Null: the body was not read.")] = None
    wire_bytes: _Count | None = None
    truncated: Truncated | None = None
    elapsed_ms: _Count | None = None


class PageTold(msgspec.Struct, frozen=True, kw_only=True):
    """What the page says, wherever the redirects led."""

    url: str
    use: Annotated[
        Literal["html", "sitemap", "recorded", "unread"],
        Meta(description="Parsed as HTML or as a sitemap; recorded only; not even read."),
    ]
    title: str | None = None
    canonical: Annotated[str | None, Meta(description="Recorded, not obeyed.")] = None
    robots: Annotated[list[str], Meta(description="Directives that concern us.")] = []
    followed: Annotated[int, Meta(description="Links that a crawl follows.", ge=0)] = 0
    refused: Annotated[dict[str, int], Meta(description="Links not followed, by reason.")] = {}


class BudgetTold(msgspec.Struct, frozen=True, kw_only=True):
    """The limits that may end a crawl before its turn comes; null: none, or not known."""

    max_pages: int | None
    pages: Annotated[_Count | None, Meta(description="Pages that the last pass has had.")]
    max_time: float | None
    max_size: int


class EndTold(msgspec.Struct, frozen=True, kw_only=True):
    """What comes of a URL."""

    url: str
    type: Annotated[
        EndType,
        Meta(
            description="The type of its record; refused: links to it are not followed; unmet: "
            "the state's crawl has ended and has not met it; left: its turn does not come; "
            "unknown: that was not asked."
        ),
    ]
    reason: Annotated[
        str | None,
        Meta(
            description="Class of error, reason of the skip, refusal, or why it is gone or left.",
            examples=[*Fault, *Reason, *Gone, *Refusal],
        ),
    ] = None
    status: int | None = None
    message: str | None = None


class PassEnd(msgspec.Struct, frozen=True, kw_only=True):
    """How the URL ended from a pass on; type null: it has not, left: the pass ended first."""

    since: int
    type: str | None
    status: int | None
    reason: str | None


class StepTold(msgspec.Struct, frozen=True, kw_only=True):
    """A step of the way from a seed, and what led there."""

    url: str
    by: Literal["seed", "robots", "link", "redirect", "sitemap"]


class StateTold(msgspec.Struct, frozen=True, kw_only=True):
    """What the state knows of the URL; null and empty where that is nothing."""

    path: str
    passes: int
    known: bool
    met: Annotated[int | None, Meta(description="The last pass in which it was met.")] = None
    ends: list[PassEnd] = []
    changes: Annotated[
        list[tuple[int, str]], Meta(description="Passes in which it was new, changed or gone.")
    ] = []
    fetched: Annotated[str | None, Meta(description="When it last answered, in UTC.")] = None
    fetched_pass: int | None = None
    conditional: Annotated[
        bool, Meta(description="A crawl asks whether it has changed, by ETag or Last-Modified.")
    ] = False
    via: Annotated[str | None, Meta(description="Which URL named it first.")] = None
    linked: Annotated[int, Meta(description="URLs that lead to it.", ge=0)] = 0
    sources: Annotated[list[str], Meta(description="Some of them.")] = []
    way: Annotated[list[StepTold], Meta(description="The shortest way from a seed.")] = []


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """Each decision about one URL; what was not come to is null or empty."""

    v: Annotated[
        int, Meta(description="Schema version.", extra_json_schema={"const": SCHEMA_VERSION})
    ] = SCHEMA_VERSION
    type: Literal["explanation"] = "explanation"
    url: Annotated[str, Meta(description="As a crawl spells it.")]
    normalised: Annotated[
        list[str], Meta(description="In words what makes it so of what was typed.")
    ]
    otherwise: Annotated[
        list[str], Meta(description="Flags that are otherwise here than in the state's crawl.")
    ] = []
    seed: bool
    seeds: Annotated[list[str], Meta(description="The first few seeds.")]
    n_seeds: _Count
    scope: ScopeTold
    depth: DepthTold
    trap: Annotated[str | None, Meta(description="Why it looks like a trap.")] = None
    robots: Annotated[
        list[RobotsTold], Meta(description="Of its origin, then of those it redirects to.")
    ] = []
    budget: BudgetTold
    requests: list[RequestTold] = []
    page: PageTold | None = None
    end: EndTold
    further: Annotated[
        list[EndTold],
        Meta(
            description="What comes of the URLs that it redirects to; of itself, if it were "
            "asked for."
        ),
    ] = []
    state: StateTold | None = None
