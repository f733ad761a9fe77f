"""The frozen values that travel down the line.

``Target`` (a URL to visit) → ``Lease`` (lent to this process) → ``Fetched`` or
``Failed`` (what the wire answered) → ``Parsed`` (what the page says) →
``Settled`` (the verdict the frontier commits). The web's faults are values
here; an exception always means a fault of ours.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from sys import intern
from typing import Literal

import msgspec

Truncated = Literal["length", "time", "disconnect"]
"""Why a body is not whole, in WARC's words: our size cap, our deadline, their hang-up."""


class Fault(StrEnum):
    """The published list of error classes, ``error.class`` of an ``error`` record."""

    DNS = "dns"
    CONNECT = "connect"
    TLS = "tls"
    PROXY = "proxy"
    TIMEOUT = "timeout"
    DISCONNECT = "disconnect"
    PROTOCOL = "protocol"
    DECODE = "decode"
    PRIVATE_ADDRESS = "private_address"
    BAD_REDIRECT = "bad_redirect"
    TOO_MANY_REDIRECTS = "too_many_redirects"
    HTTP_4XX = "http_4xx"
    HTTP_5XX = "http_5xx"
    TOO_COMPLEX = "too_complex"
    PARSER_CRASH = "parser_crash"
    SITE_DOWN = "site_down"
    INTERNAL = "internal"


class Reason(StrEnum):
    """The published list of skip reasons, ``reason`` of a ``skip`` record."""

    ROBOTS = "robots"
    TRAP = "trap"
    QUEUE_FULL = "queue_full"
    FRESH = "fresh"


class Gone(StrEnum):
    """The published list of why a known page is gone, ``reason`` of a ``gone`` record."""

    HTTP = "http"
    UNLINKED = "unlinked"


class Change(StrEnum):
    """What an answer is against the one before, ``change`` of a ``page`` record."""

    NEW = "new"
    CHANGED = "changed"
    UNCHANGED = "unchanged"


class Refusal(StrEnum):
    """Why a link was never accepted. Refusals are counted as occurrences, not recorded."""

    SCOPE = "scope"
    INCLUDE = "include"
    EXCLUDE = "exclude"
    DEPTH = "depth"
    NOFOLLOW = "nofollow"
    INVALID = "invalid"
    NOT_IN_SITEMAP = "not_in_sitemap"
    RECIPE = "recipe"
    TOO_MANY = "too_many"


class Link(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """A URL found on a page: canonical ``url``, its ``site`` and 64-bit fingerprint ``fp``."""

    url: str
    site: str
    fp: int


class Target(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """A URL to visit and how it was come by.

    ``depth`` counts links from the seed (a seed is 0), ``hops`` redirects in a row,
    ``via`` is the page or redirect that named it (None for a seed), ``meta`` the JSON
    text given with the seed, echoed in every record descended from it.
    """

    url: str
    site: str
    fp: int
    seed: str
    via: str | None = None
    depth: int = 0
    hops: int = 0
    meta: bytes | None = None

    def child(self, link: Link) -> "Target":
        """Return the target for a link found on this page: one deeper."""
        return self._to(link, self.depth + 1, 0)

    def hop(self, link: Link) -> "Target":
        """Return the target this one redirects to, or names as a sitemap: same depth."""
        return self._to(link, self.depth, self.hops + 1)

    def _to(self, link: Link, depth: int, hops: int) -> "Target":
        # Millions of targets share few sites: interned, each is in memory once.
        site = intern(link.site)
        return Target(link.url, site, link.fp, self.seed, self.url, depth, hops, self.meta)


class Known(msgspec.Struct, frozen=True, gc=False):
    """What is remembered of a URL from the passes before.

    ``status`` and ``why`` are how it ended last. The rest is of the last answer that was a
    page or a redirect: ``page`` says which (None: there was none), ``digest`` what it is
    compared by, ``etag`` and ``modified`` its validators, where it may be asked for with them,
    and then ``selected`` what was selected of it.
    """

    status: int | None = None
    why: str | None = None
    page: bool | None = None
    digest: bytes | None = None
    etag: str | None = None
    modified: str | None = None
    selected: bytes | None = None

    @property
    def validators(self) -> bool:
        """Whether there is anything that a server could compare."""
        return self.etag is not None or self.modified is not None


class Lease(msgspec.Struct, frozen=True, gc=False):
    """A target lent to this process until it is settled or given back.

    ``token`` fences: a settlement under another token changes nothing. ``attempt``
    is the number of requests for this URL that failed before. ``known`` is what the passes
    before know of it, ``moot`` why no request is to be made for it.
    """

    target: Target
    token: int
    attempt: int = 0
    known: Known | None = None
    moot: Reason | Gone | None = None


class Holding(msgspec.Struct, frozen=True):
    """Leases of one site that this process now holds.

    ``delay`` and ``wait`` are what the frontier remembers of the site's rhythm: the pause
    between requests, and how long from now the next must wait, both in seconds.
    """

    site: str
    leases: Sequence[Lease]
    delay: float = 0.0
    wait: float = 0.0


class Fetched(msgspec.Struct, frozen=True, array_like=True):
    """What a server answered to one request.

    ``headers`` have lower-case names, X-Robots-Tag a line for each. ``body`` is decoded (no
    content coding), or None where it was not wanted and not read. ``wire_bytes`` counts the
    body as it travelled. ``elapsed`` is in seconds, from the start of the request to the
    last byte, ``waited`` the part of it before the head had come. ``large`` says that the
    body holds one of the fetcher's permits for large bodies until it is freed.
    """

    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes | None
    wire_bytes: int
    elapsed: float
    truncated: Truncated | None = None
    waited: float = 0.0
    large: bool = False


class Failed(msgspec.Struct, frozen=True, array_like=True, tag="failed"):
    """Why a request, or a page, came to nothing.

    ``lasting`` says that trying again would not help. ``status`` is the HTTP status
    where one arrived. With ``again`` the request was in vain, is to be made once more when
    it is the site's turn, and counts as no attempt: now it is known how to ask.
    """

    fault: Fault
    message: str
    status: int | None = None
    lasting: bool = False
    again: bool = False


Outcome = Fetched | Failed


class Page(msgspec.Struct, frozen=True, array_like=True):
    """A fetched 2xx on its way through the parser. ``at`` is seconds since the epoch.

    ``before`` is the digest of what answered before (empty: not known; None: nothing did).
    """

    target: Target
    fetched: Fetched
    attempts: int
    at: float
    before: bytes | None = None


class Taken(msgspec.Struct, frozen=True, array_like=True):
    """What came of taking items and fields out of a page, for the account.

    ``items`` were made and ``dropped`` were not, for want of a required field; ``errors``
    are the page's field errors in words. ``looked`` names the fields that were looked for:
    whether anything was there, in one item at least.
    """

    items: int = 0
    dropped: int = 0
    errors: Mapping[str, str] = {}
    looked: Mapping[str, bool] = {}


class Parsed(msgspec.Struct, frozen=True, array_like=True, tag="parsed"):
    """What a page came to: its records and the links that the scope admits.

    ``refused`` counts the links that were not admitted, by reason. ``hop`` says that they
    are no deeper than the page itself: it was a sitemap. ``taken`` is None where nothing
    was to be taken out of it. ``digest`` is what the page will be compared by on the next
    pass, ``change`` what came of comparing it on this one, ``selected`` what is kept of what
    was selected of it (:mod:`crawler.selected`; None: nothing was, or nobody keeps it).
    """

    lines: "Sequence[Line]"
    found: Sequence[Link] = ()
    refused: Mapping[Refusal, int] = {}
    hop: bool = False
    taken: Taken | None = None
    digest: bytes | None = None
    change: Change | None = None
    selected: bytes | None = None


class Verdict(StrEnum):
    """How an accepted URL ends; each is one term of the balance and one record type."""

    FETCHED = "page"
    REDIRECTED = "redirect"
    FAILED = "error"
    SKIPPED = "skip"
    GONE = "gone"


class Settled(msgspec.Struct, frozen=True):
    """What the frontier is to commit about one lease.

    With a ``verdict`` the URL has ended; without one it returns to the frontier, due in
    ``again`` seconds with one attempt more. ``found`` are children (or, with ``hop``, what
    a redirect or a sitemap leads to, at the same depth), added in the same commit.

    The rest is for whoever remembers: the HTTP ``status``, ``why`` it is no page, the
    validators ``etag`` and ``modified`` (Last-Modified) as the server spelt them, and
    ``digest``, ``change`` and ``selected`` of a page. With ``replay`` it leads where it led
    before as well. ``unsure`` says that the end tells nothing of what is there: nobody
    answered, say.
    """

    lease: Lease
    verdict: Verdict | None
    again: float = 0.0
    found: Sequence[Link] = ()
    hop: bool = False
    status: int | None = None
    why: Fault | Reason | Gone | None = None
    etag: str | None = None
    modified: str | None = None
    digest: bytes | None = None
    change: Change | None = None
    selected: bytes | None = None
    replay: bool = False
    unsure: bool = False


class Line(msgspec.Struct, frozen=True, array_like=True):
    """One record for the sink: its ``type`` and its JSON object, without ``seq`` and newline."""

    type: str
    data: bytes


class Added(msgspec.Struct, frozen=True):
    """What became of targets offered: how many are new, and which found no room.

    Those turned away are discovered and skipped in one.
    """

    accepted: int
    turned_away: Sequence[Target] = ()
