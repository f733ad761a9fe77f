"""One run of the command: rooms joined, signals heard, people told, an exit code at the end."""

import asyncio
import contextlib
import logging
import os
import signal
import stat
import sys
from collections.abc import Callable, Iterator, Sequence
from random import uniform
from typing import Any, Literal, TextIO

from crawler import ending as endings
from crawler import heap
from crawler.account import Mark
from crawler.app import join, open_frontier
from crawler.checked import Checked, check
from crawler.encoding import encode
from crawler.ending import Ending
from crawler.engine.crawl import GRACE, Crawl, Result
from crawler.errors import BadSetting, CrawlError, Exit, words
from crawler.model import Line, Verdict
from crawler.parse.process import Started
from crawler.ports import Frontier
from crawler.record import SummaryRecord
from crawler.report import log as report_log
from crawler.report import stats
from crawler.report import summary as report_summary
from crawler.report.progress import Progress
from crawler.report.stderr import Stderr
from crawler.seeds import Seeds
from crawler.settings import Settings
from crawler.sink.output import Existing, Keeping
from crawler.sink.records import Records

LAST_WORDS = 0.2
"""Seconds that the summary may take after an end by force."""

log = logging.getLogger(__name__)


def run(
    settings: Settings,
    blame: Callable[[BadSetting], CrawlError],
    started: Started | None = None,
) -> Exit:
    """Crawl, talk on stderr, and return the exit code.

    ``blame`` says where a bad setting was set, if that was not on the command line; for
    ``started`` see :func:`join`.
    """
    heap.keep()
    on_terminal = _is_terminal(sys.stderr)
    talk = on_terminal and not settings.quiet
    stderr = Stderr()
    progress = Progress(stderr, _shown(settings, on_terminal=on_terminal))
    report_log.set_up(_level(settings), settings.log_format, progress)
    try:
        try:
            checked = check(settings)
        except CrawlError as error:
            return _say(_blamed(error, blame)).code
        ending, summary = _crawled(checked, started, progress, blame, talk=talk)
        _say(ending)
        return ending.code if settings.stats is None else _store(settings.stats, ending, summary)
    finally:
        progress.clear()
        stderr.flush()


def _crawled(
    checked: Checked,
    started: Started | None,
    progress: Progress,
    blame: Callable[[BadSetting], CrawlError],
    *,
    talk: bool,
) -> tuple[Ending, SummaryRecord | None]:
    """Crawl; return how it ended, whatever happens, and the summary if the crawl had begun."""
    settings = checked.settings
    try:
        with asyncio.Runner(debug=settings.debug, loop_factory=_loop_factory(settings)) as runner:
            return runner.run(_run(checked, started, progress, talk=talk))
    except CrawlError as error:
        return _blamed(error, blame), None
    except KeyboardInterrupt:
        return Ending(Exit.INTERRUPTED), None
    except Exception as error:
        return _traced(error), None


def _blamed(error: CrawlError, blame: Callable[[BadSetting], CrawlError]) -> Ending:
    return endings.of_error(blame(error) if isinstance(error, BadSetting) else error)


def _traced(error: BaseException) -> Ending:
    """Return the ending of a run that an exception has stopped; a bug is shown in full."""
    ending = endings.of_error(error)
    if ending.code is Exit.SOFTWARE:
        log.critical("%s", ending.error, exc_info=error)
    return ending


def _say(ending: Ending) -> Ending:
    """Say why a run ended as it did, unless that was said, or there is nobody to hear it."""
    if ending.error is not None and ending.code not in (Exit.SOFTWARE, Exit.READER_CLOSED):
        log.error("%s", ending.error, extra={"notes": ending.notes})
    for finding in ending.findings:
        log.error("--fail-on %s", finding)
    return ending


def _store(path: str, ending: Ending, summary: SummaryRecord | None) -> Exit:
    """Write ``--stats``, and return the exit code."""
    try:
        stats.store(path, ending.code, ending.error, ending.findings, summary)
    except OSError as error:
        log.error("cannot write --stats %s: %s", path, words(error))
        return ending.code if ending.code in (Exit.SOFTWARE, Exit.OS_ERROR) else Exit.IO_ERROR
    return ending.code


async def _run(
    checked: Checked, started: Started | None, progress: Progress, *, talk: bool
) -> tuple[Ending, SummaryRecord]:
    settings = checked.settings
    seeds = Seeds(settings.seeds, settings.input)
    sinks: list[Records] = []

    async def ready(marks: Sequence[Mark]) -> None:
        keeping = _keeping(settings, marks)
        outputs = settings.destinations(checked.emit)
        selected = checked.selection.columns
        sinks.append(
            await Records.open(outputs, keeping, settings.fields, settings.rotate, selected)
        )

    async with open_frontier(checked, ready) as frontier:
        (sink,) = sinks
        async with join(checked, seeds, sink, frontier, started=started) as joined:
            with _signals(joined.crawl, progress):
                await _wait(joined.crawl, settings.start_jitter)
                result = await joined.crawl.run(joined.seeds, progress.update)
            past = frontier.past
            before = sum(each.count for each in past.ended if each.verdict is Verdict.FETCHED)
            summary = endings.summary(result, past.run)
            error = result.error or await _close(sink, frontier, summary, result)
    if settings.progress == "json" or (settings.verbose and settings.log_format == "json"):
        progress.around(encode(summary).decode(), last=True)
    elif talk or settings.verbose:
        making = checked.selection.makes_items
        told = report_summary.lines(summary, before, makes_items=making)
        progress.around("\n".join(told), last=True)
    else:
        for line in report_summary.not_found(summary, before):
            log.warning("%s", line)
    if error is not None and not isinstance(error, CrawlError):
        return _traced(error), summary
    return endings.of_crawl(result, error, checked.rules), summary


async def _wait(crawl: Crawl, most: float) -> None:
    """Wait a random time up to ``most`` seconds, or until the crawl is asked to stop.

    Everything is open by then: what is wrong has been told at once, and the state is ours.
    """
    seconds = uniform(0, most)  # noqa: S311 - no secret depends on it
    if seconds:
        log.info("starting in %.1f s (--start-jitter)", seconds)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await crawl.stop.asked.wait()


async def _close(
    sink: Records, frontier: Frontier, summary: SummaryRecord, result: Result
) -> CrawlError | None:
    """Write the summary and close; after an end by force, only if that takes no time.

    What was written and could not be committed any more must not be marked as written: it
    will be fetched and written again.
    """
    try:
        async with asyncio.timeout(LAST_WORDS if result.forced else None):
            if result.settled or not frontier.durable:
                await sink.write([Line("summary", encode(summary))])
            if result.settled and frontier.durable:
                marks = await sink.seal()
                closed = [Mark(mark.name, mark.offset, mark.crc, closed=True) for mark in marks]
                await frontier.end(result.ending, closed, result.unconfirmed)
            await sink.close()
    except TimeoutError:
        pass
    except CrawlError as error:
        return error
    return None


@contextlib.contextmanager
def _signals(crawl: Crawl, progress: Progress) -> Iterator[None]:
    """Let signals steer the crawl: INT and TERM drain then end, USR1 tells, HUP reopens."""
    loop = asyncio.get_running_loop()
    reopening: set[asyncio.Task[None]] = set()

    # After the terminal has gone nothing is a terminal any more: ask now.
    on_terminal = _is_terminal(sys.stdin) or _is_terminal(sys.stderr)

    def hang_up() -> None:
        if on_terminal:
            end("terminated")
            return
        task = loop.create_task(crawl.reopen())
        reopening.add(task)
        task.add_done_callback(reopening.discard)

    def end(reason: str) -> None:
        if on_terminal and not crawl.stop.asked.is_set():
            waits = f"{GRACE:g} s at most for what is in flight; again to end at once"
            progress.around(f"crawler: {reason}; {waits}")
        crawl.stop.signal(reason)

    handlers: dict[signal.Signals, Callable[[], Any]] = {
        signal.SIGINT: lambda: end("interrupted"),
        signal.SIGTERM: lambda: end("terminated"),
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


def _shown(settings: Settings, *, on_terminal: bool) -> Literal["line", "json"] | None:
    """Return how to show progress: on a terminal where no records can come in between."""
    if settings.progress == "json":
        return "json"
    into_file = "-" not in settings.names or _is_file(sys.stdout)
    automatic = settings.progress == "auto" and on_terminal and into_file
    return "line" if (automatic or settings.progress == "bar") and not settings.quiet else None


def _is_file(stream: TextIO | None) -> bool:
    return stream is not None and stat.S_ISREG(os.fstat(stream.fileno()).st_mode)


def _keeping(settings: Settings, marks: Sequence[Mark]) -> Keeping:
    existing: Existing = "refuse"
    if settings.append or settings.overwrite:
        existing = "append" if settings.append else "overwrite"
    full = settings.durability == "full"
    return Keeping(existing, marks, settings.state is not None, full, settings.fresh)


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
