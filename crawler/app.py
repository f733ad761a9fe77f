"""The one place where rooms are joined: from settings to a crawl that is ready to run."""

import asyncio
import contextlib
import logging
import resource
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from crawler.account import Past
from crawler.checked import PRODUCT, Checked
from crawler.engine.crawl import GRACE, Crawl, Limits
from crawler.errors import OutOfResources, WriteFailed, words
from crawler.fetch import jar as jars
from crawler.fetch.addresses import Trust
from crawler.fetch.http import HttpFetcher, Wire
from crawler.fetch.jar import Jar
from crawler.frontier.memory import MOST_QUEUED, MemoryFrontier
from crawler.frontier.sqlite import SqliteFrontier
from crawler.frontier.state import Ready
from crawler.meaning import asked
from crawler.measures import address_override
from crawler.model import Target
from crawler.parse.lab import AHEAD, BATCH, Lab
from crawler.parse.page import Reader
from crawler.parse.process import Started, how_many
from crawler.parse.reading import Reading
from crawler.policy import robots, urls
from crawler.policy.pace import Manners
from crawler.policy.retry import Retry
from crawler.policy.scope import Scope, same_domain
from crawler.policy.urls import Canon
from crawler.policy.workbench import Workbench
from crawler.ports import Frontier, Parser, Sink
from crawler.seeds import Seeds

LEAST_DESCRIPTORS = 32

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Joined:
    """A crawl ready to run, and its seeds."""

    crawl: Crawl
    seeds: AsyncIterator[Sequence[Target]]


@contextlib.asynccontextmanager
async def open_frontier(checked: Checked, ready: Ready) -> AsyncIterator[Frontier]:
    """Open the frontier that the settings ask for: in memory, or in a state file.

    ``ready`` opens the outputs, told how far those that a state owns are written; what it
    raises leaves the state as it was.
    Raises TryLater if the state is in use, StateUnusable, or BadSetting if it holds a crawl
    with another meaning.
    """
    settings = checked.settings
    clock = asyncio.get_running_loop().time
    by_level = settings.depth is not None
    if settings.state is None:
        await ready(())
        most = MOST_QUEUED if settings.max_queued is None else settings.max_queued
        yield MemoryFrontier(clock, settings.max_pages, most, by_level=by_level)
        return
    opening = SqliteFrontier.opened(
        settings.state,
        asked(checked),
        ready,
        clock,
        settings.max_pages,
        by_level=by_level,
        deepest=settings.depth,
        max_age=settings.max_age,
        pause=max(settings.delay, 1 / settings.rate if settings.rate else 0.0),
        fresh=settings.fresh,
        full=settings.durability == "full",
    )
    async with opening as frontier:
        yield frontier


@dataclass(frozen=True, slots=True)
class Plan:
    """What settings come to before anything is opened; ``scope`` has taken in the ``past``."""

    reading: Reading
    scope: Scope
    canon: Canon
    retry: Retry
    manners: Manners
    wire: Wire
    trust: Trust

    def bench(self, concurrency: int, *, ignore_robots: bool) -> Workbench:
        """Return an empty workbench."""
        agent = None if ignore_robots else self.reading.agent
        return Workbench(self.manners, self.retry, agent, concurrency)


def plan(checked: Checked, past: Past) -> Plan:
    """Return what settings come to, for a crawl that goes on from ``past``."""
    settings, agent = checked.settings, checked.agent
    overrides = {(host, port): to for host, port, to in map(address_override, settings.resolve)}
    reading = Reading(
        run=past.run,
        agent=robots.token(agent) or PRODUCT,
        max_depth=settings.depth,
        nofollow=settings.nofollow == "obey",
        scope=settings.scope,
        include=settings.include,
        exclude=settings.exclude,
        drop_params=settings.drop_params,
        sitemap=settings.sitemap,
        content=settings.content,
        max_size=settings.max_size,
        links="link" in settings.wanted(checked.emit),
        recipe=checked.selection.recipe,
        extract=checked.selection.extract,
        only_changes=settings.only_changes,
        keep=settings.state is not None,
    )
    scope = reading.make_scope()
    for seed, target in past.widened:
        if same_domain(seed, target):
            scope.widen(target)
    for seed in past.seeds:
        scope.widen(seed)
    wire = Wire(
        user_agent=agent,
        max_size=settings.max_size,
        timeout=settings.timeout,
        connect_timeout=settings.connect_timeout,
        insecure=settings.insecure,
        xml=settings.sitemap != "off",
        plain=settings.text,
        overrides=overrides,
        proxies=checked.proxies,
        jar=checked.jar,
    )
    return Plan(
        reading,
        scope,
        Canon(settings.drop_params),
        Retry(settings.retries),
        Manners(settings.delay, 1 / settings.rate if settings.rate else 0.0, settings.per_host),
        wire,
        Trust((host for host, _ in overrides), everyone=settings.allow_private),
    )


@contextlib.asynccontextmanager
async def join(
    checked: Checked,
    seeds: Seeds,
    sink: Sink,
    frontier: Frontier,
    grace: float | None = GRACE,
    started: Started | None = None,
) -> AsyncIterator[Joined]:
    """Join the rooms for one run; what they hold open is closed at the end.

    ``grace`` is how many seconds it may take to drain (None: as long as it takes), and
    ``started`` are parsing children that are on their way already. Raises OutOfResources, or
    BadSetting where a library is missing, before anything has been asked of anyone, and
    WriteFailed at the end if the cookies cannot be kept.
    """
    settings, jar = checked.settings, checked.jar
    past = frontier.past
    planned = plan(checked, past)
    reading, scope, canon = planned.reading, planned.scope, planned.canon
    concurrency = _concurrency(settings.concurrency)
    parsers = how_many(settings.parsers)
    async with contextlib.AsyncExitStack() as stack:
        if jar is not None and settings.cookie_jar is not None:
            stack.callback(_store, jar, settings.cookie_jar)
        fetcher = await stack.enter_async_context(
            HttpFetcher(planned.wire, checked.credentials, planned.trust)
        )
        for url in past.seeds:
            fetcher.admit(url, None)
        for typed in seeds.typed:  # before anything is lent: it may be theirs
            fetcher.admit(canon.of(typed.url).url, typed.userinfo)
        parser: Parser = Reader(reading, scope, guarded=True)
        if parsers:
            # Where a pass was before there may be nothing to read: to each its 70 ms of CPU.
            lab = Lab(reading, scope, parsers, started=started, wait=past.run > 1)
            parser = await stack.enter_async_context(lab)
        crawl = Crawl(
            frontier=frontier,
            fetcher=fetcher,
            parser=parser,
            sink=sink,
            bench=planned.bench(concurrency, ignore_robots=settings.ignore_robots),
            retry=planned.retry,
            scope=scope,
            canon=canon,
            limits=Limits(
                concurrency=concurrency,
                workers=concurrency + parsers * BATCH * AHEAD,
                line=max(1, concurrency // 4),
                per_site=max(64, 4 * settings.per_host),
                max_pages=settings.max_pages,
                max_time=settings.max_time,
                max_wait=settings.max_wait,
                grace=grace,
            ),
            sitemap=settings.sitemap,
            only_changes=settings.only_changes,
        )
        unannounced = settings.sitemap == "only" and settings.ignore_robots
        targets = _targets(seeds, canon, scope, fetcher, planned.trust, unannounced=unannounced)
        yield Joined(crawl, targets)


async def _targets(
    seeds: Seeds,
    canon: Canon,
    scope: Scope,
    fetcher: HttpFetcher,
    trust: Trust,
    *,
    unannounced: bool,
) -> AsyncIterator[Sequence[Target]]:
    """Yield seeds as targets; each widens the scope and opens its origin as it goes by.

    ``unannounced``: sitemaps are wanted, and no robots.txt will tell where they are.
    """
    async for batch in seeds.batches():
        targets = []
        for seed in batch:
            link = canon.of(seed.url)
            scope.widen(link.url)
            fetcher.admit(link.url, seed.userinfo)
            if seed.typed:
                trust.typed(urls.host(link.url))
            targets.append(Target(link.url, link.site, link.fp, seed=link.url, meta=seed.meta))
            if unannounced:
                usual = canon.of(urls.origin(link.url) + "/sitemap.xml")
                targets.append(Target(usual.url, usual.site, usual.fp, link.url, meta=seed.meta))
        yield targets


def _store(jar: Jar, name: str) -> None:
    if not jar.changed:
        return
    try:
        jars.store(jar, Path(name))
    except OSError as error:
        raise WriteFailed(f"cannot write --cookie-jar {name}: {words(error)}") from None


def _concurrency(wanted: int) -> int:
    """Return how many requests the system's descriptors allow at once, raising its limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < min(hard, 65_536):
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 65_536), hard))
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < LEAST_DESCRIPTORS:
        raise OutOfResources(f"only {soft} file descriptors; raise the limit with ulimit -n 1024")
    allowed = max(1, (soft - 24) // 2)  # happy eyeballs may have two sockets a request open
    if allowed < wanted:
        log.warning("ulimit -n %d allows %d connections at once", soft, allowed)
    return min(wanted, allowed)
