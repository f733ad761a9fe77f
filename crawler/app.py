"""The one place where rooms are joined: from settings to a crawl, from a crawl to its end."""

import asyncio
import contextlib
import logging
import os
import resource
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Any, TextIO

from crawler import __version__
from crawler.engine.crawl import Crawl, Limits, Result
from crawler.errors import BadSetting, CrawlError, Exit, OutOfResources
from crawler.fetch.addresses import Trust
from crawler.fetch.credentials import Credentials
from crawler.fetch.http import HttpFetcher, Wire
from crawler.frontier.memory import MemoryFrontier
from crawler.model import Line, Target
from crawler.parse.lab import AHEAD, BATCH, Lab
from crawler.parse.page import Reader, Reading, make_scope
from crawler.policy import robots, urls
from crawler.policy.pace import Manners
from crawler.policy.retry import Retry
from crawler.policy.urls import Canon
from crawler.policy.workbench import Workbench
from crawler.ports import Parser
from crawler.record import SummaryRecord, encode, moment
from crawler.report import log as report_log
from crawler.report import summary as report_summary
from crawler.report.progress import Progress
from crawler.report.stderr import Stderr
from crawler.seeds import Seeds
from crawler.settings import Settings, address_override
from crawler.sink.jsonl import JsonlSink
from crawler.sink.output import Output

PRODUCT = "crawlway"
USER_AGENT = f"{PRODUCT}/{__version__} (+https://pypi.org/project/crawlway/)"

LEAST_DESCRIPTORS = 32
MOST_CHILDREN = 4

LAST_WORDS = 0.2
"""Seconds that the summary may take after an end by force."""

log = logging.getLogger(__name__)


def run(settings: Settings) -> Exit:
    """Crawl, talk on stderr, and return the exit code."""
    on_terminal = _is_terminal(sys.stderr)
    wanted = settings.progress == "bar" or (
        settings.progress == "auto" and on_terminal and not _is_terminal(sys.stdout)
    )
    stderr = Stderr()
    progress = Progress(stderr, shown=wanted and not settings.quiet)
    report_log.set_up(_level(settings), settings.log_format, progress)
    try:
        with asyncio.Runner(debug=settings.debug, loop_factory=_loop_factory(settings)) as runner:
            return runner.run(_run(settings, progress, talk=on_terminal and not settings.quiet))
    except CrawlError as error:
        log.error("%s", error)
        return error.exit
    except MemoryError:
        log.error("out of memory; try fewer workers (-c) or a smaller --max-size")
        return Exit.OS_ERROR
    finally:
        progress.clear()
        stderr.flush()


async def _run(settings: Settings, progress: Progress, *, talk: bool) -> Exit:
    """Join the rooms and crawl."""
    agent = settings.user_agent or USER_AGENT
    seeds = Seeds(settings.seeds, settings.input)
    credentials = _credentials(settings)
    overrides = {(host, port): to for host, port, to in map(address_override, settings.resolve)}
    trust = Trust((host for host, _ in overrides), everyone=settings.allow_private)
    reading = Reading(
        agent=robots.token(agent) or PRODUCT,
        max_depth=settings.depth,
        nofollow=settings.nofollow == "obey",
        scope=settings.scope,
        include=settings.include,
        exclude=settings.exclude,
        drop_params=settings.drop_params,
    )
    scope = make_scope(reading)
    canon = Canon(settings.drop_params)
    retry = Retry(settings.retries)
    manners = Manners(
        settings.delay, 1 / settings.rate if settings.rate else 0.0, settings.per_host
    )
    concurrency = _concurrency(settings.concurrency)
    wire = Wire(
        user_agent=agent,
        max_size=settings.max_size,
        timeout=settings.timeout,
        connect_timeout=settings.connect_timeout,
        insecure=settings.insecure,
        overrides=overrides,
    )
    output = await Output.open(settings.output, _existing(settings))
    sink = JsonlSink(output, settings.emit)
    children = _children(settings)
    async with contextlib.AsyncExitStack() as stack:
        fetcher = await stack.enter_async_context(HttpFetcher(wire, credentials, trust))
        parser: Parser
        if children:
            parser = await stack.enter_async_context(Lab(reading, scope, children))
        else:
            parser = Reader(reading, scope, guarded=True)
        crawl = Crawl(
            frontier=MemoryFrontier(
                asyncio.get_running_loop().time,
                settings.max_pages,
                settings.max_queued,
                by_level=settings.depth is not None,
            ),
            fetcher=fetcher,
            parser=parser,
            sink=sink,
            bench=Workbench(
                manners, retry, None if settings.ignore_robots else reading.agent, concurrency
            ),
            retry=retry,
            scope=scope,
            canon=canon,
            limits=Limits(
                concurrency=concurrency,
                workers=concurrency + children * BATCH * AHEAD,
                line=max(1, concurrency // 4),
                per_site=max(64, 4 * settings.per_host),
                max_pages=settings.max_pages,
                max_time=settings.max_time,
                max_wait=settings.max_wait,
            ),
        )

        async def targets() -> AsyncIterator[Sequence[Target]]:
            async for batch in seeds.batches():
                admitted = []
                for seed in batch:
                    link = canon.of(seed.url)
                    scope.widen(link.url)
                    fetcher.admit(link.url, seed.userinfo)
                    if seed.typed:
                        trust.typed(urls.host(link.url))
                    admitted.append(
                        Target(link.url, link.site, link.fp, seed=link.url, meta=seed.meta)
                    )
                yield admitted

        with _signals(crawl, sink, progress):
            result = await crawl.run(targets(), progress.update)
        summary = _summary(result)
        error = result.error or await _close(sink, summary, forced=result.forced)
    if talk or settings.verbose:
        progress.around("\n".join(report_summary.lines(summary)), last=True)
    return _end(result, error)


async def _close(sink: JsonlSink, summary: SummaryRecord, *, forced: bool) -> CrawlError | None:
    """Write the summary and close; after an end by force, only if that takes no time."""
    try:
        async with asyncio.timeout(LAST_WORDS if forced else None):
            await sink.write([Line("summary", encode(summary))])
            await sink.close()
    except TimeoutError:
        pass
    except CrawlError as error:
        return error
    return None


def _end(result: Result, error: BaseException | None) -> Exit:
    """Return the exit code, by precedence, and say what is not obvious."""
    if error is not None and not isinstance(error, CrawlError):
        if isinstance(error, MemoryError):
            raise error
        log.critical("unexpected error, please report it", exc_info=error)
        return Exit.SOFTWARE
    if result.stats.bugs:
        return Exit.SOFTWARE
    if error is not None:
        if error.exit is not Exit.READER_CLOSED:
            log.error("%s", error)
        return error.exit
    if result.reason in _STOPPED:
        return _STOPPED[result.reason]
    return _judge_seeds(result)


_STOPPED = {
    "interrupted": Exit.INTERRUPTED,
    "terminated": Exit.TERMINATED,
    "max_wait": Exit.TRY_LATER,
}


def _judge_seeds(result: Result) -> Exit:
    """Return 0 if a seed became a page, or may still become one; else why none did."""
    ends = result.stats.seeds
    failed = ends.unresolved + ends.untrusted + ends.denied + ends.others
    if ends.pages or result.open_seeds or not (failed or ends.redirected):
        return Exit.OK
    log.error("no seed became a page: %s", ends.first or "redirects lead nowhere")
    for count, code in (
        (ends.unresolved, Exit.NO_HOST),
        (ends.untrusted, Exit.PROTOCOL),
        (ends.denied, Exit.DENIED),
    ):
        if count == failed and failed:
            return code
    return Exit.UNAVAILABLE


def _summary(result: Result) -> SummaryRecord:
    tally, stats = result.tally, result.stats
    return SummaryRecord(
        pass_=1,
        at=moment(time.time()),
        end_reason=result.reason,
        discovered=tally.discovered,
        fetched=tally.fetched,
        redirected=tally.redirected,
        failed=tally.failed,
        skipped=tally.skipped,
        gone=tally.gone,
        left=tally.left,
        errors=dict(stats.errors),
        skips={name: count for name, count in stats.skips.items() if count},
        refused=dict(stats.refused),
        requests=stats.requests,
        bytes=stats.bytes,
        wire_bytes=stats.wire_bytes,
        elapsed_ms=round(result.elapsed * 1000),
    )


@contextlib.contextmanager
def _signals(crawl: Crawl, sink: JsonlSink, progress: Progress) -> Iterator[None]:
    """Let signals steer the crawl: INT and TERM drain then end, USR1 tells, HUP reopens."""
    loop = asyncio.get_running_loop()
    reopening: set[asyncio.Task[None]] = set()

    # After the terminal has gone nothing is a terminal any more: ask now.
    on_terminal = _is_terminal(sys.stdin) or _is_terminal(sys.stderr)

    async def reopen() -> None:
        try:
            await sink.reopen()
        except CrawlError as error:
            log.error("%s; still writing to the old file", error)

    def hang_up() -> None:
        if on_terminal:
            crawl.stop.signal("terminated")
            return
        task = loop.create_task(reopen())
        reopening.add(task)
        task.add_done_callback(reopening.discard)

    handlers: dict[signal.Signals, Callable[[], Any]] = {
        signal.SIGINT: lambda: crawl.stop.signal("interrupted"),
        signal.SIGTERM: lambda: crawl.stop.signal("terminated"),
        signal.SIGHUP: hang_up,
        signal.SIGUSR1: progress.say,
    }
    for number, handler in handlers.items():
        loop.add_signal_handler(number, handler)
    try:
        yield
    finally:
        for number in handlers:
            loop.remove_signal_handler(number)


def _is_terminal(stream: TextIO | None) -> bool:
    return stream is not None and stream.isatty()


def _credentials(settings: Settings) -> Credentials:
    try:
        return Credentials(
            settings.header, settings.cookie, settings.auth, use_netrc=settings.netrc
        )
    except (ValueError, OSError, SyntaxError) as error:
        raise BadSetting(str(error)) from None


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


def _children(settings: Settings) -> int:
    """Return how many parsing children to have: as many as cores, four at most."""
    if settings.parsers is not None:
        return settings.parsers
    return min(MOST_CHILDREN, os.cpu_count() or 1)


def _existing(settings: Settings) -> Any:
    if settings.append:
        return "append"
    return "overwrite" if settings.overwrite else "refuse"


def _level(settings: Settings) -> int:
    if settings.debug:
        return logging.DEBUG
    if settings.verbose:
        return logging.INFO
    return logging.ERROR if settings.quiet else logging.WARNING


def _loop_factory(settings: Settings) -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return uvloop's if it is wanted, or there and not unwanted."""
    if settings.loop == "asyncio":
        return None
    try:
        import uvloop
    except ImportError:
        if settings.loop == "uvloop":
            raise BadSetting("--loop uvloop needs: pip install 'crawlway[uvloop]'") from None
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory
