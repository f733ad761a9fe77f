"""How far a crawl is, as ``--progress json`` tells it on stderr, an object a second."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from crawler.account import Children, Status, Tally
from crawler.record import SCHEMA_VERSION

_Count = Annotated[int, Meta(ge=0)]
_Site = Annotated[str, Meta(description="A host, with its port where that is not the default.")]


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """A crawl at one moment. The last line is the summary, whose ``type`` is ``summary``."""

    v: Annotated[
        int, Meta(description="Schema version.", extra_json_schema={"const": SCHEMA_VERSION})
    ] = SCHEMA_VERSION
    type: Literal["progress"] = "progress"
    rate: Annotated[float, Meta(description="Pages a second, over the last seconds.", ge=0)]
    elapsed: Annotated[float, Meta(description="Seconds since the run began.", ge=0)]
    tally: Tally
    requests: Annotated[int, Meta(description="Made in this run, with robots.txt.", ge=0)]
    in_flight: Annotated[int, Meta(description="Requests that wait for an answer.", ge=0)]
    errors: Annotated[dict[str, _Count], Meta(description="Errors by class.")]
    slow: Annotated[
        list[tuple[_Site, float]],
        Meta(description="Sites that let wait longest, and the seconds to their first byte."),
    ]
    held_back: Annotated[
        list[tuple[_Site, int]],
        Meta(description="Sites that get fewer requests at once than allowed, and how many."),
    ]
    children: Children


def progress(status: Status, rate: float) -> Progress:
    """Return what is told of a status; ``rate`` is in pages a second."""
    return Progress(
        rate=round(rate, 1),
        elapsed=round(status.elapsed, 3),
        tally=status.tally,
        requests=status.requests,
        in_flight=status.in_flight,
        errors=dict(status.errors),
        slow=[(site, round(wait, 3)) for site, wait in status.slow],
        held_back=list(status.held_back),
        children=status.children,
    )
