"""What the engine does for a page, counted: a regression shows here whatever the noise.

Beside each limit stands what was measured. For each there is a variant that is worse, and
that must be caught.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec
import pytest

from crawler.engine import settle
from crawler.engine.crawl import Limits
from crawler.engine.dispatch import Dispatch
from crawler.model import Fetched, Page, Parsed
from crawler.parse import frames
from crawler.parse.frames import Batch
from crawler.parse.lab import Lab
from crawler.parse.page import Reader
from crawler.parse.reading import Reading
from crawler.parse.references import References
from crawler.policy.pace import Manners
from crawler.policy.robots import Rules
from crawler.policy.scope import Scope
from crawler.policy.workbench import Workbench
from tests import virtual
from tests.engine.make import MemoryWeb, answer, rig, target
from tests.web.server import html

PAGES, LINKS = 500, 50

LIMITS = {
    "requests": 1.01,  # 1.002: each page once, and robots.txt
    "matches of robots.txt": 1.0,  # 1.000: once for each URL asked for, never for a link
    "joins": 1.01,  # 1.000: each reference is resolved once for its folder
    "writes": 0.1,  # 0.044: records go in batches
    "settles": 0.1,  # 0.044: and so do verdicts
    "claims": 0.2,  # 0.092
    "wake-ups": 0.2,  # 0.090: dispatch sleeps in between
}

BETWEEN = {
    "bytes to children, beyond the body": 200,  # 137: headers, the target
    "bytes from children": 2_500,  # 1,930: a record of 550, and 28 for each of 49 links
}


def over(counts: Mapping[str, float], limits: Mapping[str, float]) -> set[str]:
    """Return what there is too much of."""
    assert counts.keys() == limits.keys()
    return {name for name, count in counts.items() if count > limits[name]}


def test_the_work_for_a_page_stays_within_its_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    counts = of_the_engine(monkeypatch)

    assert not over(counts, LIMITS), counts
    assert all(counts.values()), "something is not counted"


def no_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(References, "_folder", lambda self, base, *, based: {})


def a_match_for_each_link(monkeypatch: pytest.MonkeyPatch) -> None:
    refuses, rules = Scope.refuses, Rules(0.0)

    def refuses_after_robots(self: Scope, url: str) -> Any:
        rules.refuses(url)
        return refuses(self, url)

    monkeypatch.setattr(Scope, "refuses", refuses_after_robots)


def one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settle, "BATCH", 1)


def always_claiming(monkeypatch: pytest.MonkeyPatch) -> None:
    turn = Dispatch._turn

    def turn_and_claim(self: Dispatch) -> Awaitable[bool]:
        self._shared.news = True
        return turn(self)

    monkeypatch.setattr(Dispatch, "_turn", turn_and_claim)


def polling(monkeypatch: pytest.MonkeyPatch) -> None:
    def soon(self: Workbench) -> float:
        return asyncio.get_running_loop().time() + 0.000_1

    monkeypatch.setattr(Workbench, "next_due", property(soon))


def asking_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    fetch = MemoryWeb.fetch

    async def fetch_and_fail(self: MemoryWeb, url: str, *args: Any, **kwargs: Any) -> Any:
        if not self.count(url):
            await fetch(self, url)
            return answer(url, 503)
        return await fetch(self, url, *args, **kwargs)

    monkeypatch.setattr(MemoryWeb, "fetch", fetch_and_fail)


@pytest.mark.parametrize(
    ("worse", "caught"),
    [
        (no_cache, {"joins"}),
        (a_match_for_each_link, {"matches of robots.txt"}),
        (one_by_one, {"writes", "settles"}),
        (always_claiming, {"claims"}),
        (polling, {"wake-ups"}),
        (asking_twice, {"requests"}),
    ],
)
def test_more_work_would_be_noticed(
    monkeypatch: pytest.MonkeyPatch,
    worse: Callable[[pytest.MonkeyPatch], None],
    caught: set[str],
) -> None:
    worse(monkeypatch)

    counts = of_the_engine(monkeypatch)

    assert caught <= over(counts, LIMITS), counts


def of_the_engine(monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    """Crawl a site of pages that share their navigation, as real ones do; count by page."""
    matches = counted(monkeypatch, Rules, "refuses")
    found = virtual.run(crawl()) | {"matches of robots.txt": matches()}
    assert found.pop("pages") == PAGES
    return {name: count / PAGES for name, count in found.items()}


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


async def crawl() -> dict[str, int]:
    """Crawl in memory and return the counts."""

    def serve(url: str) -> Any:
        if url.endswith("robots.txt"):
            return answer(url, 200, b"User-agent: *\nDisallow: /private", content_type="text/plain")
        return page(url)

    limits = Limits(concurrency=32, workers=48)
    made = rig(MemoryWeb(serve), "http://a.test/", limits=limits, robots=True,
               manners=Manners(limit=32))  # fmt: skip
    scope = Scope("host")
    scope.widen("http://a.test/")
    reader = Reader(Reading("crawlway"), scope)
    made.crawl._crew.parser = reader
    await made.run("http://a.test/0")
    stats = made.crawl.shared.stats
    return {
        "pages": len(made.sink.of("page")),
        "requests": stats.requests,
        "joins": reader.references.joins,
        "writes": made.sink.writes,
        "settles": stats.commits,
        "claims": stats.claims,
        "wake-ups": stats.wakes,
    }


def page(url: str) -> Fetched:
    """Return one of ``PAGES`` pages: half of its links are on all of them."""
    number = int(url.rpartition("/")[2] or 0)
    near = [(number + step) % PAGES for step in range(LINKS // 2)]
    links = [f"/{each}" for each in [*range(LINKS // 2), *near]]
    return answer(url, 200, html(links).encode(), content_type="text/html")


async def test_little_travels_between_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    counts = await between_processes(monkeypatch)

    assert not over(counts, BETWEEN), counts
    assert all(counts.values())


async def test_a_page_that_travels_twice_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def twice(page: Page) -> Page:
        meta = msgspec.json.encode((page.fetched.body or b"").decode())
        return msgspec.structs.replace(page, target=msgspec.structs.replace(page.target, meta=meta))

    assert over(await between_processes(monkeypatch, twice), BETWEEN) == set(BETWEEN)


async def between_processes(
    monkeypatch: pytest.MonkeyPatch, change: Callable[[Page], Page] = lambda page: page
) -> dict[str, float]:
    """Have 64 pages read by a child; return the bytes copied for each."""
    sent = received = bodies = 0
    frame, report = frames.frame, frames.report

    def count_sent(message: msgspec.Struct) -> bytearray:
        nonlocal sent
        data = frame(message)
        sent += len(data) if isinstance(message, Batch) else 0
        return data

    def count_received(data: bytearray | memoryview) -> frames.Report:
        nonlocal received
        received += len(data)
        return report(data)

    monkeypatch.setattr(frames, "frame", count_sent)
    monkeypatch.setattr(frames, "report", count_received)
    reading = Reading("crawlway")
    scope = reading.make_scope()
    scope.widen("http://a.test/")
    urls = [f"http://a.test/{number}" for number in range(64)]
    pages = [Page(target(url), page(url), 1, 0.0) for url in urls]
    bodies = sum(len(each.fetched.body or b"") for each in pages)
    async with Lab(reading, scope, 1) as lab:
        results = await asyncio.gather(*(lab.parse(change(each)) for each in pages))
    assert all(isinstance(each, Parsed) for each in results)
    return {
        "bytes to children, beyond the body": (sent - bodies) / len(pages),
        "bytes from children": received / len(pages),
    }
