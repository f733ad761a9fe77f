"""A crawl of one URL that is looked over its shoulder.

It is made of the pieces of every crawl, so that what becomes of the URL is what becomes of it
in one: robots.txt first, one request at a time, pauses kept, redirects followed as far as the
scope lets them be. Links are read and not followed, and nothing is written anywhere.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
from msgspec import structs

from crawler.account import Children, Mark
from crawler.app import Plan
from crawler.checked import Checked
from crawler.engine.crawl import Crawl, Limits
from crawler.fetch.http import HttpFetcher
from crawler.frontier.memory import MemoryFrontier
from crawler.model import (
    Failed,
    Fetched,
    Holding,
    Known,
    Lease,
    Line,
    Outcome,
    Page,
    Parsed,
    Target,
)
from crawler.parse.lab import Lab
from crawler.parse.page import Reader
from crawler.policy import urls
from crawler.ports import Fetcher, Parser
from crawler.seeds import Seed


@dataclass(frozen=True, slots=True)
class Asked:
    """One request and what came of it; ``robots``: it was for a robots.txt.

    The body is kept of those alone; ``size`` is how much of it was read, or None.
    """

    url: str
    robots: bool
    outcome: Outcome
    size: int | None = None


@dataclass(slots=True)
class Visited:
    """What was seen of a crawl of one URL: requests in their order, records, pages as read.

    ``reason`` is why it ended.
    """

    asked: list[Asked] = field(default_factory=list)
    records: list[dict[str, Any]] = field(default_factory=list)
    parsed: list[tuple[str, Parsed]] = field(default_factory=list)
    reason: str = "drained"


@dataclass(frozen=True, slots=True)
class Visitor:
    """Whom to visit: a ``target``, with what is ``known`` of it from before. ``seeds`` open
    their origins; where a pause would be longer than ``patience`` seconds the visit ends.
    """

    target: Target
    seeds: Sequence[Seed]
    known: Known | None = None
    patience: float = 10.0

    async def visit(self, checked: Checked, planned: Plan) -> Visited:
        """Make the visit."""
        settings, seen = checked.settings, Visited()
        for seed in self.seeds:
            if seed.typed:
                planned.trust.typed(urls.host(seed.url))
        async with contextlib.AsyncExitStack() as stack:
            fetcher = await stack.enter_async_context(
                HttpFetcher(planned.wire, checked.credentials, planned.trust)
            )
            for seed in self.seeds:
                fetcher.admit(seed.url, seed.userinfo)
            parser: Parser = Reader(planned.reading, planned.scope, guarded=True)
            if settings.parsers != 0:
                lab = Lab(planned.reading, planned.scope, 1)
                parser = await stack.enter_async_context(lab)
            crawl = Crawl(
                frontier=_Lent(asyncio.get_running_loop().time, self),
                fetcher=_Fetcher(fetcher, seen),
                parser=_Parser(parser, seen),
                sink=_Sink(seen),
                bench=planned.bench(1, ignore_robots=settings.ignore_robots),
                retry=planned.retry,
                scope=planned.scope,
                canon=planned.canon,
                limits=Limits(concurrency=1, workers=1, line=1, max_wait=self.patience),
            )
            result = await crawl.run(self._targets())
        if result.error is not None:
            raise result.error
        seen.reason = result.reason
        return seen

    async def _targets(self) -> AsyncIterator[Sequence[Target]]:
        yield [self.target]


class _Lent(MemoryFrontier):
    """Lends one URL with what is known of it."""

    def __init__(self, clock: Any, visitor: Visitor) -> None:
        super().__init__(clock)
        self._visitor = visitor

    async def claim(self, sites: int, per_site: int, ttl: float) -> Sequence[Holding]:
        """Lend it, and later what it redirects to."""
        holdings = await super().claim(sites, per_site, ttl)
        return [
            structs.replace(holding, leases=[self._told(lease) for lease in holding.leases])
            for holding in holdings
        ]

    def _told(self, lease: Lease) -> Lease:
        visitor = self._visitor
        if lease.target.fp != visitor.target.fp:
            return lease
        return structs.replace(lease, known=visitor.known)


class _Fetcher:
    """Notes what is asked and answered."""

    def __init__(self, fetcher: Fetcher, seen: Visited) -> None:
        self._fetcher = fetcher
        self._seen = seen

    async def fetch(
        self,
        url: str,
        most: int | None = None,
        *,
        whole: bool = False,
        known: Known | None = None,
    ) -> Outcome:
        """Make one request."""
        outcome = await self._fetcher.fetch(url, most, whole=whole, known=known)
        told, size = outcome, None
        if isinstance(outcome, Fetched):
            size = None if outcome.body is None else len(outcome.body)
            told = outcome if whole else structs.replace(outcome, body=None)
        self._seen.asked.append(Asked(url, whole, told, size))
        return outcome

    def free(self, fetched: Fetched) -> None:
        """Say that a body is no longer needed."""
        self._fetcher.free(fetched)


class _Parser:
    """Notes what pages say, and keeps their links to itself."""

    def __init__(self, parser: Parser, seen: Visited) -> None:
        self._parser = parser
        self._seen = seen

    async def parse(self, page: Page) -> Parsed | Failed:
        """Read one page."""
        parsed = await self._parser.parse(page)
        if isinstance(parsed, Failed):
            return parsed
        self._seen.parsed.append((page.target.url, parsed))
        return structs.replace(parsed, found=())

    @property
    def state(self) -> Children:
        """How its children are."""
        return self._parser.state


class _Sink:
    """Keeps records in memory."""

    at_once = 1

    def __init__(self, seen: Visited) -> None:
        self._seen = seen

    async def write(self, lines: Sequence[Line]) -> None:
        """Keep records."""
        self._seen.records += [msgspec.json.decode(line.data) for line in lines]

    async def seal(self) -> Sequence[Mark]:
        """There is nothing to go on from."""
        return ()

    async def reopen(self) -> None:
        """There is nothing to open."""
