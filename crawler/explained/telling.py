"""What was seen of a visit, told as the decisions that it was made of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from msgspec import structs

from crawler.app import Plan
from crawler.explained.visited import Asked, Visited
from crawler.explanation import EndTold, PageTold, RequestTold, RobotsTold
from crawler.model import Failed, Fetched, Parsed, Target, Verdict
from crawler.policy import robots, urls, verdict
from crawler.policy.verdict import Hop

Record = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Telling:
    """The robots.txt of each URL on the way, the requests, the page at its end, and what came
    of each URL.
    """

    robots: list[RobotsTold] = field(default_factory=list)
    requests: list[RequestTold] = field(default_factory=list)
    page: PageTold | None = None
    ends: list[EndTold] = field(default_factory=list)

    @classmethod
    def of(cls, target: Target, seen: Visited, planned: Plan, patience: float) -> "Telling":
        """Tell of a visit to ``target`` that would not wait longer than ``patience``."""
        ends = [_end(record) for record in seen.records if record["type"] in list(Verdict)]
        chains = _chains(seen, planned)
        met = list(dict.fromkeys((target.url, *(end.url for end in ends))))
        told = [
            _robots(chains[urls.origin(url)], url, planned.reading.agent)
            for url in met
            if urls.origin(url) in chains
        ]
        if seen.reason == "max_wait":
            url = (ends[-1].message if ends else None) or target.url
            why = f"its turn does not come within {patience:g} s (--max-wait)"
            ends.append(EndTold(url=url, type="left", reason=seen.reason, message=why))
        return cls(told, _requests(target, seen, planned), _page(seen), ends)


def _end(record: Record) -> EndTold:
    """Return what came of a URL by its record."""
    error = record.get("error") or {}
    return EndTold(
        url=record["url"],
        type=record["type"],
        reason=error.get("class") or record.get("reason"),
        status=record.get("status"),
        message=error.get("message") or record.get("detail") or record.get("location"),
    )


def _chains(seen: Visited, planned: Plan) -> dict[str, list[Asked]]:
    """Return by origin the requests for its robots.txt: at its place, and along redirects.

    Of those that were tried again the last counts; one that was had is asked for once more only
    for another origin, whose own it is.
    """
    chains: dict[str, list[Asked]] = {}
    chain: list[Asked] = []
    for asked in seen.asked:
        if not asked.robots:
            continue
        judged = robots.judge(chain[-1].outcome, planned.reading.agent, 0.0) if chain else None
        if chain and chain[-1].url == asked.url and not isinstance(judged, robots.Rules):
            chain[-1] = asked
        elif judged == asked.url:
            chain.append(asked)
        else:
            chain = chains[urls.origin(asked.url)] = [asked]
    return chains


def _robots(chain: Sequence[Asked], url: str, agent: str) -> RobotsTold:
    """Return what a robots.txt says of a URL."""
    outcome = chain[-1].outcome
    places = [asked.url for asked in chain]
    judged = robots.judge(outcome, agent, 0.0)
    status = outcome.status
    if isinstance(judged, Failed):
        return RobotsTold(
            url=url, places=places, allowed=False, status=status, error=judged.message
        )
    if (
        isinstance(judged, str)
        or not isinstance(outcome, Fetched)
        or not 200 <= outcome.status < 300
    ):
        return RobotsTold(url=url, places=places, allowed=True, status=status)
    body = outcome.body or b""
    cited = robots.cite(body, agent, url, cut=outcome.truncated is not None)
    return RobotsTold(
        url=url,
        places=places,
        allowed=judged.refuses(url) is None,
        status=status,
        bytes=len(body),
        group=cited.group,
        line=cited.line,
        text=cited.text,
        crawl_delay=cited.delay,
    )


def _requests(target: Target, seen: Visited, planned: Plan) -> list[RequestTold]:
    """Return the requests for pages, and where each leads."""
    requests = []
    for asked in seen.asked:
        if asked.robots:
            continue
        outcome = asked.outcome
        judged = verdict.judge(target, outcome)
        location = refused = None
        if isinstance(judged, Hop):
            link = planned.canon.of(judged.url)
            location, refused = link.url, planned.scope.redirected(target, link.url)
            target = target.hop(link)
        failed = judged if isinstance(judged, Failed) else None
        requests.append(_request(asked, failed, location, refused))
    return requests


def _request(
    asked: Asked, failed: Failed | None, location: str | None, refused: str | None
) -> RequestTold:
    outcome = asked.outcome
    told = RequestTold(
        url=asked.url,
        status=outcome.status,
        error=None if failed is None else failed.fault.value,
        message=None if failed is None else failed.message,
        location=location,
        refused=refused,
    )
    if not isinstance(outcome, Fetched):
        return told
    return structs.replace(
        told,
        content_type=outcome.headers.get("content-type"),
        content_length=outcome.headers.get("content-length"),
        bytes=asked.size,
        wire_bytes=outcome.wire_bytes,
        truncated=outcome.truncated,
        elapsed_ms=round(outcome.elapsed * 1000),
    )


def _page(seen: Visited) -> PageTold | None:
    """Return what the page says that the visit came to, if it came to one."""
    records = [record for record in seen.records if record["type"] == Verdict.FETCHED]
    if not records or not seen.parsed:
        return None
    record, (_, parsed) = records[-1], seen.parsed[-1]
    return PageTold(
        url=record["url"],
        use=_use(record, parsed),
        title=record["title"],
        canonical=record["canonical"],
        robots=record["robots"],
        followed=len(parsed.found),
        refused={reason.value: many for reason, many in parsed.refused.items() if many},
    )


def _use(record: Record, parsed: Parsed) -> Literal["html", "sitemap", "recorded", "unread"]:
    if parsed.hop:
        return "sitemap"
    if record["charset"] is not None:
        return "html"
    return "unread" if record["bytes"] is None else "recorded"
