"""What the engine does for a page, counted: a regression shows here whatever the noise."""

from collections.abc import Callable
from typing import Any

import pytest

from crawler.engine.crawl import Limits
from crawler.parse.page import Reader, Reading
from crawler.policy.pace import Manners
from crawler.policy.robots import Rules
from crawler.policy.scope import Scope
from tests import virtual
from tests.engine.make import MemoryWeb, Rig, answer, rig
from tests.web.server import html

PAGES, LINKS = 500, 50


def test_the_work_for_a_page_stays_within_its_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    matches = counted(monkeypatch, Rules, "refuses")

    made, reader = virtual.run(crawl())
    stats = made.crawl.shared.stats

    assert len(made.sink.of("page")) == PAGES
    # Each reference is resolved once for its folder, not once for each page it is on.
    assert reader.references.joins <= PAGES + 2
    # robots.txt is matched once for each URL asked for, never for a link.
    assert matches() == PAGES
    assert stats.requests == PAGES + 1
    # Records are written, and verdicts committed, in batches; dispatch sleeps in between.
    assert made.sink.writes == stats.commits <= PAGES / 4
    assert stats.claims <= 2 * stats.commits + 2
    assert stats.wakes <= PAGES


def counted(monkeypatch: pytest.MonkeyPatch, owner: type, name: str) -> Callable[[], int]:
    """Count the calls of a method; return how to ask for the count."""
    calls = 0
    original = getattr(owner, name)

    def count(*args: Any) -> Any:
        nonlocal calls
        calls += 1
        return original(*args)

    monkeypatch.setattr(owner, name, count)
    return lambda: calls


async def crawl() -> tuple[Rig, Reader]:
    """Crawl a site of pages that share their navigation, as real sites' pages do."""

    def serve(url: str) -> Any:
        if url.endswith("robots.txt"):
            return answer(url, 200, b"User-agent: *\nDisallow: /private", content_type="text/plain")
        number = int(url.rpartition("/")[2] or 0)
        near = [(number + step) % PAGES for step in range(LINKS // 2)]
        links = [f"/{each}" for each in [*range(LINKS // 2), *near]]
        return answer(url, 200, html(links).encode(), content_type="text/html")

    limits = Limits(concurrency=32, workers=48)
    made = rig(MemoryWeb(serve), "http://a.test/", limits=limits, robots=True,
               manners=Manners(limit=32))  # fmt: skip
    scope = Scope("host")
    scope.widen("http://a.test/")
    reader = Reader(Reading("crawlway"), scope)
    made.crawl._crew.parser = reader
    await made.run("http://a.test/0")
    return made, reader
