"""An engine over a web in memory: real stages, policy and frontier; no sockets, no threads."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
from msgspec.structs import replace

from crawler.account import Children, Mark, Past
from crawler.encoding import encode
from crawler.engine.crawl import Crawl, Limits, Result
from crawler.frontier.memory import MemoryFrontier
from crawler.model import Failed, Fetched, Holding, Known, Line, Outcome, Page, Parsed, Target
from crawler.policy.pace import Manners
from crawler.policy.retry import Retry
from crawler.policy.scope import Scope
from crawler.policy.urls import Canon
from crawler.policy.workbench import Workbench
from crawler.record import PageRecord, common

CANON = Canon()


def page(url: str, links: Sequence[str] = ()) -> Fetched:
    """Return a page whose body is its links, one a line."""
    return answer(url, body="\n".join(links).encode())


def answer(url: str, status: int = 200, body: bytes = b"", **headers: str) -> Fetched:
    """Return an answer; header names with ``_`` for ``-``."""
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return Fetched(url, status, names, body, len(body), 0.0)


@dataclass
class MemoryWeb:
    """The Fetcher port: ``answers`` maps a URL to an outcome; unknown URLs are 404.

    ``latency`` seconds pass for each request. ``log`` holds (url, start, end).
    """

    answers: Callable[[str], Outcome | None]
    latency: Callable[[str], float] = lambda url: 0.01
    log: list[tuple[str, float, float]] = field(default_factory=list)

    async def fetch(
        self,
        url: str,
        most: int | None = None,
        *,
        whole: bool = False,
        known: Known | None = None,
    ) -> Outcome:
        now = asyncio.get_running_loop().time
        start = now()
        await asyncio.sleep(self.latency(url))
        self.log.append((url, start, now()))
        return self.answers(url) or answer(url, 404)

    def free(self, fetched: Fetched) -> None:
        pass

    def count(self, url: str) -> int:
        """How often a URL was asked for."""
        return sum(each == url for each, _, _ in self.log)


class LineParser:
    """The Parser port for pages whose body is a list of links."""

    state = Children()

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    async def parse(self, page: Page) -> Parsed | Failed:
        await asyncio.sleep(0)
        body = page.fetched.body or b""
        links = [CANON.link(page.target.url, line) for line in body.decode().splitlines()]
        found = [link for link in links if link and not self._scope.refuses(link.url)]
        record = PageRecord(
            status=page.fetched.status,
            content_type=None,
            bytes=len(body),
            wire_bytes=len(body),
            elapsed_ms=0,
            attempts=page.attempts,
            truncated=page.fetched.truncated,
            **common(page.target, 1, page.at),
        )
        return Parsed((Line("page", encode(record)),), found)


class ListSink:
    """The Sink port into a list; ``pause`` seconds pass for each write."""

    def __init__(self, pause: float = 0.0) -> None:
        self.records: list[dict[str, Any]] = []
        self.writes = 0
        self._pause = pause

    async def write(self, lines: Sequence[Line]) -> None:
        await asyncio.sleep(self._pause)
        self.writes += 1
        self.records += [msgspec.json.decode(line.data) for line in lines]

    at_once = 500

    async def seal(self) -> Sequence[Mark]:
        return ()

    async def reopen(self) -> None:
        pass

    def ends(self) -> Counter[str]:
        """How many terminal records each URL has."""
        return Counter(record["url"] for record in self.records)

    def of(self, type_: str) -> list[dict[str, Any]]:
        """The records of one type."""
        return [record for record in self.records if record["type"] == type_]


class Remembering(MemoryFrontier):
    """Lends URLs with what is ``known`` of them."""

    known: Mapping[str, Known]
    past: Past

    async def claim(self, sites: int, per_site: int, ttl: float) -> Sequence[Holding]:
        holdings = await super().claim(sites, per_site, ttl)
        return [
            replace(
                holding,
                leases=[
                    replace(lease, known=self.known.get(lease.target.url))
                    for lease in holding.leases
                ],
            )
            for holding in holdings
        ]


@dataclass
class Rig:
    """A crawl ready to run, and what it is made of."""

    crawl: Crawl
    web: MemoryWeb
    sink: ListSink
    frontier: MemoryFrontier

    async def run(self, *urls: str) -> Result:
        """Crawl from seeds."""
        return await self.crawl.run(seeds(*urls))


async def seeds(*urls: str) -> AsyncIterator[Sequence[Target]]:
    """Yield the seeds in one batch."""
    yield [target(url) for url in urls]


def target(url: str) -> Target:
    """Return a seed's target."""
    link = CANON.of(url)
    return Target(link.url, link.site, link.fp, seed=link.url)


def rig(
    web: MemoryWeb,
    *scope: str,
    limits: Limits | None = None,
    manners: Manners | None = None,
    retries: int = 2,
    robots: bool = False,
    depth: bool = False,
    max_queued: int = 2_000_000,
    sink: ListSink | None = None,
    known: Mapping[str, Known] | None = None,
    past: Past | None = None,
    only_changes: bool = False,
) -> Rig:
    """Join an engine; ``scope`` are URLs whose hosts are in it (none: the whole web).

    URLs are lent with what is ``known`` of them from the passes before.
    """
    limits = limits or Limits()
    reach = Scope("host" if scope else "any")
    for url in scope:
        reach.widen(url)
    retry = Retry(retries, base=0.05)
    frontier = Remembering(
        asyncio.get_running_loop().time, limits.max_pages, max_queued, by_level=depth
    )
    frontier.known = known or {}
    frontier.past = past or Past()
    sink = sink or ListSink()
    crawl = Crawl(
        frontier=frontier,
        fetcher=web,
        parser=LineParser(reach),
        sink=sink,
        bench=Workbench(
            manners or Manners(limit=8), retry, "crawlway" if robots else None, limits.concurrency
        ),
        retry=retry,
        scope=reach,
        canon=CANON,
        limits=limits,
        only_changes=only_changes,
    )
    return Rig(crawl, web, sink, frontier)


def graph(sites: int, pages: int, fan_out: int, seed: int) -> dict[str, list[str]]:
    """Return a random link graph in which every page can be reached from the first."""
    chance = random.Random(seed)
    urls = [f"http://s{number % sites}.test/{number}" for number in range(pages)]
    links: dict[str, list[str]] = {url: [] for url in urls}
    for number in range(1, pages):
        links[urls[chance.randrange(max(0, number - 40), number)]].append(urls[number])
    for url in urls:
        links[url] += [chance.choice(urls) for _ in range(fan_out - len(links[url]))]
    return links
