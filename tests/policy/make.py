"""What the tests of the policy room are made of, and a crawl in miniature to judge it by.

``crawl`` drives a workbench through a web that exists only as a table, in time that only
exists as a number, and returns a diary of every request. The three checks at the end read
such a diary and say, in sentences, which promise was broken.
"""

import heapq
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count, pairwise

from crawler.model import Failed, Fault, Fetched, Holding, Lease, Outcome, Target, Truncated
from crawler.policy import robots, urls
from crawler.policy.pace import Manners
from crawler.policy.retry import Retry
from crawler.policy.site import Denied, Visit
from crawler.policy.workbench import Workbench

AGENT = "crawlway"


def target(url: str = "https://a.example/", *, seed: str | None = None, depth: int = 0) -> Target:
    return Target(url, urls.site(url), urls.fingerprint(url), seed or url, depth=depth)


def lease(url: str = "https://a.example/", token: int = 1) -> Lease:
    return Lease(target(url), token)


def leases(site: str, number: int, scheme: str = "https") -> list[Lease]:
    return [lease(f"{scheme}://{site}/{page}") for page in range(number)]


def holding(
    site: str, number: int = 1, *, scheme: str = "https", delay: float = 0.0, wait: float = 0.0
) -> Holding:
    return Holding(site, leases(site, number, scheme), delay, wait)


def fetched(
    status: int = 200,
    body: bytes | None = b"",
    *,
    url: str = "https://a.example/robots.txt",
    truncated: Truncated | None = None,
    headers: Mapping[str, str] | None = None,
) -> Fetched:
    return Fetched(url, status, headers or {}, body, len(body or b""), 0.1, truncated)


def failed(
    fault: Fault = Fault.CONNECT, *, status: int | None = None, lasting: bool = False
) -> Failed:
    return Failed(fault, "no luck", status, lasting)


def bench(
    manners: Manners | None = None,
    *,
    agent: str | None = None,
    retries: int = 2,
    concurrency: int = 64,
    remember: int = 20_000,
) -> Workbench:
    """Return a workbench; without ``agent`` it ignores robots.txt."""
    return Workbench(manners or Manners(), Retry(retries), agent, concurrency, remember)


def visit(chosen: Visit | Denied | None) -> Visit:
    """Return what ``take`` has chosen, which has to be a request."""
    assert isinstance(chosen, Visit), chosen
    return chosen


def denied(chosen: Visit | Denied | None) -> Denied:
    """Return what ``take`` has chosen, which has to be an end without a request."""
    assert isinstance(chosen, Denied), chosen
    return chosen


def take_all(desk: Workbench, now: float) -> list[Visit | Denied]:
    """Take until nothing more may be done at this instant."""
    chosen = []
    while (each := desk.take(now)) is not None:
        chosen.append(each)
    return chosen


def make(desk: Workbench, chosen: Visit, outcome: Outcome, start: float, end: float) -> None:
    """Make a visit for a page: start it, and release it with an outcome."""
    desk.start(chosen, start)
    desk.release(chosen, outcome, end, None)


def hear(
    desk: Workbench, chosen: Visit, answer: robots.Rules | str | Failed, now: float
) -> tuple[Failed, int] | None:
    """Make a visit for a robots.txt, all of it at one instant, and report the answer."""
    assert chosen.robots is not None
    make(desk, chosen, answer if isinstance(answer, Failed) else fetched(), now, now)
    return desk.heard(chosen, answer, now)


@dataclass(frozen=True)
class Request:
    """One request of a diary: which, and from when to when."""

    site: str
    url: str
    robots: bool
    start: float
    end: float


@dataclass
class Diary:
    """All that happened in a crawl."""

    requests: list[Request] = field(default_factory=list)
    denied: list[Denied] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)

    def starts(self, site: str) -> list[float]:
        return [request.start for request in self.of(site)]

    def of(self, site: str) -> list[Request]:
        return sorted(
            (each for each in self.requests if each.site == site), key=lambda each: each.start
        )


Web = Callable[[str, float], Outcome]
"""What a URL answers at a time."""


def crawl(
    desk: Workbench,
    holdings: Sequence[Holding],
    web: Web | None = None,
    *,
    latency: float = 0.25,
    permits: int = 64,
) -> Diary:
    """Visit everything in line and return the diary. Each lease ends with its first answer."""
    answers = web or (lambda url, now: fetched(url=url))
    diary = Diary()
    wire: list[tuple[float, int, Visit]] = []
    order = count()
    now = 0.0
    desk.stock(holdings, now)
    for _ in range(100_000):
        while wire and wire[0][0] <= now:
            _land(desk, heapq.heappop(wire)[2], answers, now, diary)
        chosen = desk.take(now) if len(wire) < permits else None
        if isinstance(chosen, Denied):
            diary.denied.append(chosen)
            diary.ended.append(chosen.lease.target.url)
        elif chosen is not None:
            assert desk.start(chosen, now)
            heapq.heappush(wire, (now + latency, next(order), chosen))
        elif wire:
            now = min(wire[0][0], max(now, desk.next_due)) if len(wire) < permits else wire[0][0]
        elif desk.next_due < float("inf"):
            now = desk.next_due
        else:
            return diary
    raise AssertionError("the crawl goes round in circles")


def _land(desk: Workbench, made: Visit, web: Web, now: float, diary: Diary) -> None:
    page = made.lease.target
    url = made.robots or page.url
    outcome = web(url, now)
    diary.requests.append(Request(page.site, url, made.robots is not None, made.started, now))
    desk.release(made, outcome, now, None)
    if made.robots is None or desk.heard(made, robots.judge(outcome, AGENT, now), now) is not None:
        diary.ended.append(page.url)


def hurries(diary: Diary, delay: float) -> list[str]:
    """Say which requests began before ``delay`` after the end of another of their site."""
    complaints = []
    for site in {request.site for request in diary.requests}:
        requests = diary.of(site)
        for before, after in pairwise(requests):
            pause = after.start - before.end
            if pause < delay - 1e-9:
                complaints.append(f"{after.url} began {pause:.3f} s after {before.url}")
    return complaints


def crowds(diary: Diary, limit: int) -> list[str]:
    """Say where more than ``limit`` requests of a site were in flight at once."""
    complaints = []
    for request in diary.requests:
        others = sum(
            each.start <= request.start < each.end
            for each in diary.requests
            if each.site == request.site
        )
        if others > limit:
            complaints.append(f"{others} in flight at the start of {request.url}")
    return complaints


def unasked(diary: Diary) -> list[str]:
    """Say which pages were visited before their origin's robots.txt had been read."""
    read: dict[str, float] = {}
    for request in diary.requests:
        if request.robots:
            read.setdefault(urls.origin(request.url), request.end)
    return [
        f"{request.url} was visited before its robots.txt"
        for request in diary.requests
        if not request.robots and request.start < read.get(urls.origin(request.url), float("inf"))
    ]


def lost(diary: Diary, holdings: Iterable[Holding]) -> list[str]:
    """Say which leases never ended, or ended more than once."""
    return [
        f"{each.target.url} ended {times} times"
        for held in holdings
        for each in held.leases
        if (times := diary.ended.count(each.target.url)) != 1
    ]
