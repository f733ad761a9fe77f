"""A worker that breaks at any await: the crawl never hangs and no URL goes unaccounted for."""

import types
from collections.abc import Awaitable, Callable, Generator, Sequence
from typing import Any

import pytest
from msgspec.structs import replace

from crawler import ending
from crawler.account import Mark
from crawler.ending import Ending
from crawler.engine.crawl import Limits, Result
from crawler.engine.crew import Crew
from crawler.engine.settle import SELECTED
from crawler.errors import Exit, WriteFailed
from crawler.frontier.memory import MemoryFrontier
from crawler.model import Added, Failed, Page, Parsed, Settled, Target
from crawler.policy.pace import Manners
from crawler.policy.site import Visit
from tests import virtual
from tests.engine.make import ListSink, MemoryWeb, Rig, answer, page, rig

PAGES = {f"http://a.test/{number}": [f"/{(number * 3 + step) % 12}" for step in range(4)]
         for number in range(12)}  # fmt: skip


class Saboteur:
    """Throws ``error`` in place of resuming the ``at``-th await of the work it is given."""

    def __init__(self, at: int, error: Callable[[], BaseException]) -> None:
        self.at = at
        self.error = error
        self.awaits = 0

    def wrap(self, work: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        @types.coroutine
        def drive(awaitable: Awaitable[Any]) -> Generator[Any, Any, Any]:
            inner = awaitable.__await__()
            try:
                waits = inner.send(None)
                while True:
                    self.awaits += 1
                    if self.awaits == self.at:
                        yield waits
                        waits = inner.throw(self.error())
                        continue
                    try:
                        sent = yield waits
                    except BaseException as error:
                        waits = inner.throw(error)
                    else:
                        waits = inner.send(sent)
            except StopIteration as stop:
                return stop.value

        async def sabotaged(*args: Any) -> Any:
            return await drive(work(*args))

        return sabotaged


def crawl(monkeypatch: pytest.MonkeyPatch, method: str, saboteur: Saboteur) -> tuple[Rig, Result]:
    """Crawl twelve pages, robots.txt and a contended permit included."""
    original = getattr(Crew, method)

    async def main() -> tuple[Rig, Result]:
        web = MemoryWeb(lambda url: page(url, PAGES[url]) if url in PAGES else None)
        limits = Limits(concurrency=2, workers=4, line=1, max_time=3_600)
        made = rig(web, limits=limits, robots=True)
        return made, await made.run("http://a.test/0")

    with monkeypatch.context() as patch:
        patch.setattr(Crew, method, saboteur.wrap(original))
        return virtual.run(main())


class Boom(Exception):
    """What a bug of ours might raise."""


def awaits(monkeypatch: pytest.MonkeyPatch, method: str) -> int:
    """Return how many awaits a healthy run has."""
    saboteur = Saboteur(-1, Boom)
    crawl(monkeypatch, method, saboteur)
    return saboteur.awaits


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_exception_at_any_await_of_a_visit_is_that_urls_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    total = awaits(monkeypatch, "_visit")
    assert total > 20

    for at in range(1, total + 1):
        made, result = crawl(monkeypatch, "_visit", Saboteur(at, Boom))

        assert result.error is None, at
        assert result.stats.bugs == 1, at
        assert result.tally.left == 0, at
        assert result.tally.balanced, at
        assert set(made.sink.ends().values()) == {1}, at
        broken = [each["url"] for each in made.sink.of("error")]
        assert len(broken) <= 1, at
        if broken:
            assert made.sink.of("error")[0]["error"]["class"] == "internal"


def test_a_cancellation_that_nobody_asked_for_is_an_error_like_any_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import asyncio

    for at in range(1, awaits(monkeypatch, "_visit") + 1, 3):
        made, result = crawl(monkeypatch, "_visit", Saboteur(at, asyncio.CancelledError))

        assert result.error is None, at
        assert result.tally.left == 0, at
        assert set(made.sink.ends().values()) == {1}, at


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_exception_anywhere_else_in_a_worker_ends_the_crawl_with_the_balance_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for at in range(1, awaits(monkeypatch, "_work") + 1):
        made, result = crawl(monkeypatch, "_work", Saboteur(at, Boom))

        assert isinstance(result.error, Boom) or result.stats.bugs == 1, at
        assert result.tally.balanced, at
        ended = result.tally.discovered - result.tally.left
        assert len(made.sink.records) >= ended, at


@pytest.mark.parametrize("stage", ["sink", "frontier"])
def test_a_fault_in_sink_or_frontier_ends_the_crawl(stage: str) -> None:
    class Broken(ListSink):
        async def write(self, lines: Any) -> Any:
            if self.writes == 1:
                raise Boom
            return await super().write(lines)

    async def main() -> Result:
        web = MemoryWeb(lambda url: page(url, PAGES[url]))
        made = rig(web, sink=Broken() if stage == "sink" else None)
        if stage == "frontier":
            settle = made.frontier.settle

            async def once(batch: Any, marks: Any) -> Any:
                made.frontier.settle = settle  # type: ignore[method-assign]
                raise Boom

            made.frontier.settle = once  # type: ignore[method-assign]
        return await made.run("http://a.test/0")

    result = virtual.run(main())

    assert isinstance(result.error, Boom)
    assert result.reason == "failed"
    assert result.tally.balanced


def commits(monkeypatch: pytest.MonkeyPatch, selected: bytes | None = None) -> list[int]:
    """Return how many URLs there are in each commit of a crawl of 1,500 pages.

    Records come 170 at a time, so that the third time makes 510.
    """
    found = [f"http://a.test/{number}" for number in range(1_500)]
    sizes = []
    monkeypatch.setattr(MemoryFrontier, "durable", True)  # so that commits are gathered for

    async def main() -> Result:
        web = MemoryWeb(lambda url: page(url, found if url == found[0] else ()))
        limits = Limits(concurrency=170, workers=170, line=42, per_site=1_500)
        made = rig(web, limits=limits, manners=Manners(limit=170))
        settle = made.frontier.settle

        async def told(batch: Sequence[Settled], marks: Sequence[Mark]) -> Sequence[Target]:
            sizes.append(len(batch))
            return await settle(batch, marks)

        made.frontier.settle = told  # type: ignore[method-assign]
        parse = made.crawl._crew.parser.parse

        async def select(each: Page) -> Parsed | Failed:
            parsed = await parse(each)
            return replace(parsed, selected=selected) if isinstance(parsed, Parsed) else parsed

        made.crawl._crew.parser.parse = select  # type: ignore[method-assign, assignment]
        return await made.run(found[0])

    assert virtual.run(main()).tally.fetched == sum(sizes) == 1_500
    return sizes


def test_what_one_commit_has_at_most_is_what_a_death_costs(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = commits(monkeypatch)
    assert 300 < max(sizes) <= 500, sizes


def test_what_is_selected_does_not_pile_up(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = commits(monkeypatch, bytes(SELECTED // 100))
    assert max(sizes) <= 170, sizes


SITEMAPS = "http://a.test/robots.txt"


def announced(error: Exception) -> tuple[Rig, Result]:
    """Crawl with sitemaps, which the frontier fails to add once with an ``error``."""

    async def main() -> tuple[Rig, Result]:
        robots = answer(SITEMAPS, body=b"Sitemap: /map", content_type="text/plain")
        known = {url: page(url, links) for url, links in PAGES.items()} | {SITEMAPS: robots}
        limits = Limits(concurrency=2, workers=4, line=1, max_time=3_600)
        made = rig(MemoryWeb(known.get), limits=limits, robots=True)
        made.crawl._crew.sitemap = "add"
        add = made.frontier.add

        async def fail(targets: Sequence[Target]) -> Added:
            if any(each.via == SITEMAPS for each in targets):
                made.frontier.add = add  # type: ignore[method-assign]
                raise error
            return await add(targets)

        made.frontier.add = fail  # type: ignore[method-assign]
        return made, await made.run("http://a.test/0")

    return virtual.run(main())


def test_a_full_disk_while_sitemaps_are_added_ends_the_crawl_with_one_line(
    caplog: pytest.LogCaptureFixture,
) -> None:
    made, result = announced(WriteFailed("writing crawl.db failed: disk is full"))

    assert isinstance(result.error, WriteFailed)
    assert (result.reason, result.stats.bugs, made.sink.records) == ("failed", 0, [])
    assert result.tally.balanced
    assert caplog.records == []  # what there is to say the session says
    assert ending.of_crawl(result, result.error) == Ending(Exit.IO_ERROR, str(result.error))


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_bug_while_sitemaps_are_added_is_the_error_of_one_url_once() -> None:
    made, result = announced(Boom())

    assert result.error is None
    assert result.stats.bugs == 1
    assert [each["url"] for each in made.sink.of("error")] == ["http://a.test/0"]
    assert (result.tally.left, made.sink.ends()) == (0, {"http://a.test/0": 1})


def test_a_worker_that_swallows_an_error_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The test of the test: a crew that drops the lease at an exception loses a URL."""

    async def careless(self: Crew, visit: Visit) -> None:
        raise Boom

    async def work(self: Crew) -> None:
        async for visit in self.shared.todo:
            try:
                await careless(self, visit)
            except Boom:
                self.shared.in_hand -= 1

    async def main() -> Result:
        limits = Limits(concurrency=2, workers=4, max_time=30)
        made = rig(MemoryWeb(lambda url: page(url, PAGES[url])), limits=limits)
        return await made.run("http://a.test/0")

    monkeypatch.setattr(Crew, "_work", work)

    assert virtual.run(main()).tally.left > 0
