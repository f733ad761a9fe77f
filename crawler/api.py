"""The Python API: the same crawl, its records as they come.

::

    async for record in crawler.crawl(["https://example.com"], max_pages=100):
        print(record["url"])

:func:`crawl` takes the settings of the command as keywords (times in seconds, sizes in
bytes). For statistics, for stopping gracefully, and for cleaning up at a known moment, use
:class:`Crawl`::

    async with crawler.Crawl(["https://example.com"], delay=1.0) as crawl:
        async for record in crawl:
            if enough(record):
                crawl.stop()  # what is in flight still comes
        print((await crawl.status()).tally.fetched)
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from types import TracebackType
from typing import Any, Literal, Self, TypedDict, Unpack

import msgspec

from crawler import ending as endings
from crawler.account import Mark, Status, Tally
from crawler.app import Joined, join, open_frontier
from crawler.checked import check
from crawler.choices import ScopeKind, SitemapUse
from crawler.encoding import encode
from crawler.model import Line
from crawler.seeds import Seeds
from crawler.settings import Settings
from crawler.sink.columns import Columns

Record = dict[str, Any]
"""A record as documented for the command; a summary comes last, if ``emit`` names it."""

AHEAD = 100
"""Records that may wait for whoever iterates; beyond that the crawl waits, too."""


class Options(TypedDict, total=False):
    """The settings of a crawl, as :class:`crawler.settings.Settings` has them."""

    input: str | None
    depth: int | None
    scope: ScopeKind
    include: Sequence[str]
    exclude: Sequence[str]
    drop_params: Sequence[str]
    nofollow: Literal["obey", "ignore"]
    sitemap: SitemapUse
    max_pages: int | None
    max_time: float | None
    max_size: int
    max_queued: int | None
    max_wait: float
    concurrency: int
    per_host: int
    rate: float | None
    delay: float
    timeout: float
    connect_timeout: float
    retries: int
    parsers: int | None
    user_agent: str | None
    header: Sequence[str]
    cookie: Sequence[str]
    cookie_jar: str | None
    auth: str | None
    digest: bool
    netrc: bool
    proxy: str | None
    insecure: bool
    resolve: Sequence[str]
    ignore_robots: bool
    allow_private: bool
    select: Sequence[str]
    each: str | None
    recipe: str | None
    extract: str | None
    text: bool
    markdown: bool
    html: bool
    links: bool
    headers: bool
    structured: bool
    emit: Sequence[str] | None
    fields: Sequence[str]
    state: str | None
    fresh: bool
    only_changes: bool
    max_age: float | None
    durability: Literal["normal", "full"]


async def crawl(urls: Iterable[str], **options: Unpack[Options]) -> AsyncIterator[Record]:
    """Crawl from ``urls`` and yield records as they come.

    Raises TypeError for an option that there is not, ValueError for a bad setting, and
    :class:`crawler.errors.CrawlError` for what stops a crawl (no usable seed, say). A page's
    faults are ``error`` records. Leaving the loop ends the crawl.
    """
    async with Crawl(urls, **options) as running:
        async for record in running:
            yield record


class Crawl:
    """A crawl to be entered, iterated once, and left: then nothing of it remains."""

    def __init__(self, urls: Iterable[str], **options: Unpack[Options]) -> None:
        for name in sorted(options.keys() - Options.__annotations__.keys()):
            raise TypeError(f"no option {name!r} from Python; crawler.api.Options has them all")
        given: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in options.items()
        }
        seeds = (urls,) if isinstance(urls, str) else tuple(urls)
        self._settings = Settings(seeds=seeds, **given)
        self._sink = _Records(self._settings.fields)
        self._running: asyncio.Task[None] | None = None
        self._stop_asked = False
        self._joined: Joined | None = None
        self._status = Status(0.0, Tally())

    async def __aenter__(self) -> Self:
        self._running = asyncio.create_task(self._run(), name="crawl")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._running is not None:
            self._running.cancel()
            self._sink.end()
            await asyncio.wait([self._running])  # which passes a cancellation of ours on
            if not self._running.cancelled():
                self._running.exception()  # has been raised to whoever iterated, or never will
            await asyncio.sleep(0)  # transports close in the loop's next turn

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Record:
        if self._running is None:
            raise RuntimeError("use 'async with Crawl(…) as crawl' before iterating")
        record = await self._sink.take()
        if record is None:
            await asyncio.wait([self._running])
            if not self._running.cancelled():
                self._running.result()  # raises what stopped the crawl
            raise StopAsyncIteration
        return record

    async def status(self) -> Status:
        """Return what has been done so far: the balance, requests, errors, seconds."""
        if self._joined is not None:
            self._status = await self._joined.crawl.status()
        return self._status

    def stop(self) -> None:
        """Ask for no more; what is in flight still comes."""
        self._stop_asked = True
        if self._joined is not None:
            self._joined.crawl.stop.ask("stopped")

    async def _run(self) -> None:
        try:
            checked = check(self._settings)
            self._sink.types = frozenset(checked.emit)
            seeds = Seeds(self._settings.seeds, self._settings.input)
            # However slowly records are taken, a crawl that was asked to stop loses none.
            async with (
                open_frontier(checked, self._sink.ready) as frontier,
                join(checked, seeds, self._sink, frontier, grace=None) as self._joined,
            ):
                if self._stop_asked:
                    self.stop()
                try:
                    result = await self._joined.crawl.run(self._joined.seeds)
                finally:
                    await self.status()
                if result.error is None:
                    summary = endings.summary(result, frontier.past.run)
                    await self._sink.write([Line("summary", encode(summary))])
                    if frontier.durable:
                        marks = await self._sink.seal()
                        await frontier.end(result.ending, marks, result.unconfirmed)
            if result.error is not None:
                raise result.error
        finally:
            self._joined = None
            self._sink.end()


class _Records:
    """The Sink port into a queue of records; it waits for whoever takes them.

    With a state each record has a commit of its own, once it has been taken: a reader may
    leave after any of them.
    """

    at_once = 1

    def __init__(self, fields: Sequence[str] = ()) -> None:
        self.types: Collection[str] = ()
        self._wanted = Columns(fields) if fields else None
        self._queue: asyncio.Queue[Record | None] = asyncio.Queue(AHEAD)
        self._seq = 0
        self._ended = False
        self._taken = False

    async def ready(self, marks: Sequence[Mark]) -> None:
        """There is nothing to open."""

    async def write(self, lines: Sequence[Line]) -> None:
        """Hand records over."""
        for line in lines:
            if line.type in self.types:
                self._seq += 1
                record = msgspec.json.decode(line.data) | {"seq": self._seq}
                if self._wanted is not None:
                    record = self._wanted.prune(record)
                await self._queue.put(record)

    async def seal(self) -> Sequence[Mark]:
        """Wait until all has been taken, and more is asked for: only that may be committed."""
        await self._queue.join()
        return ()

    async def reopen(self) -> None:
        """There is nothing to open."""

    async def take(self) -> Record | None:
        """Return the next record, or None at the end."""
        if self._taken:
            self._taken = False
            self._queue.task_done()
        if self._ended and self._queue.empty():
            return None
        record = await self._queue.get()
        self._taken = True
        return record

    def end(self) -> None:
        """Say that there will be no more, at once: perhaps no one takes them any longer."""
        self._ended = True
        with contextlib.suppress(asyncio.QueueFull):
            self._queue.put_nowait(None)  # for who is waiting


__all__ = ["Crawl", "Options", "Record", "crawl"]
