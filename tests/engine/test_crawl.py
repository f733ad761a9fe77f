"""The line as a whole, in virtual time: it ends, it balances, and it loses nothing."""

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from msgspec.structs import replace

from crawler.engine.crawl import Limits, Result
from crawler.engine.line import Done
from crawler.engine.settle import Settle
from crawler.model import Failed, Fault, Fetched, Known, Line, Outcome
from crawler.policy.pace import Manners
from tests import virtual
from tests.engine.make import ListSink, MemoryWeb, Rig, answer, graph, page, rig

TIGHT = Limits(concurrency=40, workers=50, line=1, sites=4, per_site=64)
"""The smallest line, few sites on the bench, many workers: where a circle would lock up."""


def crawl_graph(links: dict[str, list[str]], limits: Limits) -> tuple[Rig, Result]:
    first = next(iter(links))

    async def main() -> tuple[Rig, Result]:
        web = MemoryWeb(lambda url: page(url, links[url]) if url in links else None)
        made = rig(web, limits=limits)
        return made, await made.run(first)

    return virtual.run(main())


@pytest.mark.parametrize("seed", range(3))
def test_a_linked_web_is_fetched_whole_through_the_smallest_line(seed: int) -> None:
    check_whole(seed, 5_000)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", range(20))
def test_a_linked_web_is_fetched_whole_again_and_again(seed: int) -> None:
    check_whole(seed, 20_000)


def check_whole(seed: int, pages: int) -> None:
    links = graph(sites=40, pages=pages, fan_out=30, seed=seed)

    made, result = crawl_graph(links, TIGHT)

    assert result.error is None
    assert result.tally.fetched == pages
    assert result.tally.balanced
    assert made.sink.ends() == Counter(dict.fromkeys(links, 1))


def test_the_page_budget_is_met_exactly_among_redirects_and_retries() -> None:
    for seed in range(20):
        assert len(budget_run(seed)) == 100


def budget_run(seed: int) -> list[dict[str, object]]:
    """Crawl with -n 100 on a site of 30 % redirects and 30 % answers that need a retry."""
    chance = random.Random(seed)
    kinds = {number: chance.random() for number in range(400)}
    tried: set[str] = set()

    def serve(url: str) -> Outcome:
        number = int(url.rpartition("/")[2])
        if kinds[number] < 0.3:
            return answer(url, 302, location=f"/{(number * 7 + 1) % 400}")
        if kinds[number] < 0.6 and url not in tried:
            tried.add(url)
            return answer(url, 500)
        return page(url, [f"/{(number * 13 + step) % 400}" for step in range(12)])

    async def main() -> list[dict[str, object]]:
        limits = Limits(concurrency=30, workers=40, max_pages=100, max_time=600)
        web = MemoryWeb(serve, lambda url: chance.uniform(0.001, 0.1))
        made = rig(web, limits=limits, manners=Manners(limit=30))
        result = await made.run(*(f"http://a.test/{number}" for number in range(0, 400, 37)))
        assert result.error is None
        assert result.reason == "max_pages"
        assert result.tally.fetched == 100
        assert result.tally.balanced
        return made.sink.of("page")

    return virtual.run(main())


def test_a_budget_that_is_not_refunded_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    async def keep(self: object, pages: int) -> None:
        pass

    monkeypatch.setattr("crawler.frontier.memory.MemoryFrontier.refund", keep)

    with pytest.raises(AssertionError):
        budget_run(0)


@pytest.mark.parametrize("concurrency", [1, 8, 64])
def test_the_set_of_pages_at_a_depth_does_not_depend_on_concurrency(concurrency: int) -> None:
    links = graph(sites=1, pages=600, fan_out=4, seed=5)
    chance = random.Random(concurrency)

    async def main() -> list[tuple[str, int]]:
        web = MemoryWeb(lambda url: page(url, links[url]), lambda url: chance.uniform(0.001, 0.5))
        limits = Limits(concurrency=concurrency, workers=concurrency + 2, line=1)
        made = rig(web, limits=limits, manners=Manners(limit=concurrency), depth=True)
        await made.run(next(iter(links)))
        return sorted((record["url"], record["depth"]) for record in made.sink.of("page"))

    assert virtual.run(main()) == sorted(breadth_first(links).items())


def breadth_first(links: dict[str, list[str]]) -> dict[str, int]:
    first = next(iter(links))
    depths = {first: 0}
    queue = [first]
    for url in queue:
        for link in links[url]:
            if link not in depths:
                depths[link] = depths[url] + 1
                queue.append(link)
    return depths


def test_a_slow_and_a_huge_site_hold_nobody_up() -> None:
    """50 sites; with one answering after 5 s and one of 10,000 pages the others end in time."""
    alone = ends_of_sites(slow=0.05, huge=100)
    together = ends_of_sites(slow=5.0, huge=10_000)

    for site in alone:
        assert together[site] <= 1.2 * alone[site] + 1.0, site


def ends_of_sites(slow: float, huge: int) -> dict[str, float]:
    """Return when each of 48 sites of 100 pages had its last answer."""

    def serve(url: str) -> Outcome:
        size = huge if "//s1." in url else 100
        if url.endswith("/0"):
            return page(url, [f"/{number}" for number in range(1, size)])
        return page(url)

    async def main() -> dict[str, float]:
        web = MemoryWeb(serve, lambda url: slow if "//s0." in url else 0.05)
        made = rig(web, limits=Limits(), manners=Manners(limit=64))
        seeds = [f"http://s{number}.test/0" for number in range(50)]
        result = await made.run(*seeds)
        assert result.tally.fetched == 49 * 100 + huge
        ends: dict[str, float] = {}
        for url, _, end in web.log:
            ends[url.split("/")[2]] = end - 1_000.0
        return {site: end for site, end in ends.items() if site not in ("s0.test", "s1.test")}

    return virtual.run(main())


def test_a_dead_site_costs_few_requests_whatever_its_size() -> None:
    async def main() -> tuple[Rig, Result]:
        web = MemoryWeb(lambda url: Failed(Fault.CONNECT, "connection refused"))
        made = rig(web, retries=0)
        return made, await made.run(*(f"http://dead.test/{number}" for number in range(10_000)))

    made, result = virtual.run(main())

    assert len(made.web.log) <= 5 + 8 + 3  # five in a row, those in flight, one after each rest
    assert result.tally.failed == 10_000
    classes = Counter(record["error"]["class"] for record in made.sink.records)
    assert classes["site_down"] >= 9_980
    assert result.elapsed == pytest.approx(210, abs=5)


def test_an_unreachable_seed_fails_with_its_own_class_and_attempts() -> None:
    async def main() -> Rig:
        web = MemoryWeb(lambda url: Failed(Fault.CONNECT, "connection refused"))
        made = rig(web, robots=True)
        await made.run("http://dead.test/")
        return made

    made = virtual.run(main())

    (record,) = made.sink.records
    assert record["error"] == {
        "class": "connect",
        "message": "connection refused",
        "attempts": 3,
    }
    assert [url for url, _, _ in made.web.log] == ["http://dead.test/robots.txt"] * 3


def test_retry_after_pauses_the_site_not_the_url() -> None:
    answers = {"http://a.test/0": iter([answer("", 429, retry_after="30")])}

    def serve(url: str) -> Outcome:
        return next(answers.get(url, iter(())), page(url))

    async def main() -> list[tuple[str, float, float]]:
        made = rig(MemoryWeb(serve), manners=Manners(limit=1))
        await made.run(*(f"http://a.test/{number}" for number in range(5)))
        return made.web.log

    log = virtual.run(main())

    assert log[1][1] - log[0][2] >= 30.0
    assert log[-1][2] - log[1][1] < 1.0


def test_redirects_are_records_of_their_own_and_end_after_ten() -> None:
    async def main() -> Rig:
        def serve(url: str) -> Outcome:
            number = int(url.rpartition("/")[2])
            return answer(url, 302, location=f"/{number + 1}")

        made = rig(MemoryWeb(serve), "http://a.test/")
        await made.run("http://a.test/0")
        return made

    made = virtual.run(main())

    assert [record["location"] for record in made.sink.of("redirect")] == [
        f"http://a.test/{number}" for number in range(1, 11)
    ]
    (error,) = made.sink.of("error")
    assert error["error"]["class"] == "too_many_redirects"
    assert {record["depth"] for record in made.sink.records} == {0}


def test_a_redirect_loop_ends_by_itself() -> None:
    async def main() -> Rig:
        loop = {"http://a.test/a": "/b", "http://a.test/b": "/a"}
        made = rig(MemoryWeb(lambda url: answer(url, 301, location=loop[url])), "http://a.test/")
        await made.run("http://a.test/a")
        return made

    assert virtual.run(main()).sink.ends() == {"http://a.test/a": 1, "http://a.test/b": 1}


def test_a_seeds_redirect_takes_the_scope_along_within_its_domain_only() -> None:
    answers = {
        "http://example.com/": answer("", 301, location="http://www.example.com/"),
        "http://www.example.com/": page("", ["/in", "http://example.com/too"]),
        "http://www.example.com/in": page(""),
        "http://example.com/too": page(""),
        "http://other.com/": answer("", 301, location="http://elsewhere.org/"),
        "http://elsewhere.org/": page("", ["/not-followed"]),
    }

    async def main() -> Rig:
        made = rig(MemoryWeb(answers.get), "http://example.com/", "http://other.com/")
        await made.run("http://example.com/", "http://other.com/")
        return made

    assert sorted(record["url"] for record in virtual.run(main()).sink.of("page")) == [
        "http://elsewhere.org/",
        "http://example.com/too",
        "http://www.example.com/",
        "http://www.example.com/in",
    ]


def test_a_full_queue_turns_urls_away_as_skips() -> None:
    async def main() -> tuple[Rig, Result]:
        links = [f"/{number}" for number in range(100)]
        made = rig(MemoryWeb(lambda url: page(url, links)), "http://a.test/", max_queued=10)
        return made, await made.run("http://a.test/")

    made, result = virtual.run(main())

    assert result.tally.balanced
    assert result.tally.left == 0
    assert result.tally.skipped == len(made.sink.of("skip")) > 0
    assert {record["reason"] for record in made.sink.of("skip")} == {"queue_full"}
    assert set(made.sink.ends().values()) == {1}


@pytest.mark.parametrize("moment", [0.001, 0.02, 0.3, 1.0])
def test_a_stop_drains_what_is_in_flight_and_leaves_the_rest(moment: float) -> None:
    links = graph(sites=5, pages=2_000, fan_out=10, seed=1)

    async def main() -> tuple[Rig, Result]:
        made = rig(MemoryWeb(lambda url: page(url, links[url]), lambda url: 0.1))
        asyncio.get_running_loop().call_later(moment, made.crawl.stop.signal, "interrupted")
        return made, await made.run(next(iter(links)))

    made, result = virtual.run(main())

    assert result.reason == "interrupted"
    assert result.elapsed <= moment + 0.2
    assert result.tally.balanced
    assert result.tally.left > 0
    assert len(made.sink.records) == result.tally.discovered - result.tally.left
    assert len(made.web.log) == len(made.sink.records)  # what was fetched was written


def test_a_stop_waits_ten_seconds_for_a_slow_server_and_a_second_one_does_not() -> None:
    async def main(*moments: float) -> Result:
        made = rig(MemoryWeb(page, lambda url: 3_600.0), sink=ListSink())
        for moment in moments:
            asyncio.get_running_loop().call_later(moment, made.crawl.stop.signal, "interrupted")
        return await made.run("http://a.test/")

    once = virtual.run(main(5.0))
    twice = virtual.run(main(5.0, 6.0))

    assert once.elapsed == pytest.approx(15.0, abs=0.1)
    assert twice.elapsed == pytest.approx(6.0, abs=0.1)
    assert once.tally.left == twice.tally.left == 1


def test_the_second_signal_ends_within_a_second_against_a_stalled_reader() -> None:
    async def main() -> Result:
        made = rig(MemoryWeb(page), sink=ListSink(pause=3_600.0))
        for moment in (5.0, 6.0):
            asyncio.get_running_loop().call_later(moment, made.crawl.stop.signal, "interrupted")
        return await made.run("http://a.test/")

    assert virtual.run(main()).elapsed <= 7.1


def test_max_time_and_max_wait_end_the_crawl() -> None:
    async def main(limits: Limits, serve: Outcome) -> Result:
        made = rig(MemoryWeb(lambda url: serve), limits=limits)
        return await made.run("http://a.test/0", "http://a.test/1", "http://a.test/2")

    endless = page("", [f"http://a.test/{number}" for number in range(500)])
    timed = virtual.run(main(Limits(max_time=0.05), endless))
    waited = virtual.run(main(Limits(max_wait=60), answer("", 503, retry_after="900")))

    assert (timed.reason, timed.tally.balanced) == ("max_time", True)
    assert timed.tally.left > 0
    assert (waited.reason, waited.tally.left) == ("max_wait", 3)
    assert waited.elapsed < 2.0


@dataclass
class LargeWeb(MemoryWeb):
    """Answers with large bodies, eight at once; ``events`` says what comes after what."""

    events: list[str] = field(default_factory=list)
    permits: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(8))

    async def fetch(
        self,
        url: str,
        most: int | None = None,
        *,
        whole: bool = False,
        known: Known | None = None,
    ) -> Outcome:
        outcome = await super().fetch(url, most, whole=whole, known=known)
        if not isinstance(outcome, Fetched) or outcome.status != 200:
            return outcome
        await self.permits.acquire()
        return replace(outcome, large=True)

    def free(self, fetched: Fetched) -> None:
        if fetched.large:
            self.events.append(fetched.url)
            self.permits.release()


class SlowSink(ListSink):
    """Tells ``events`` what it has written, in its own time."""

    def __init__(self, events: list[str]) -> None:
        super().__init__(pause=1.0)
        self._events = events

    async def write(self, lines: Sequence[Line]) -> None:
        await super().write(lines)
        self._events += ["written"] * len(lines)


def most_in_memory() -> int:
    """Return of how many large pages records were held at once in a crawl of 100."""

    async def main() -> list[str]:
        links = [f"/{number}" for number in range(100)]
        web = LargeWeb(lambda url: page(url, links), lambda url: 0.0)
        made = rig(web, sink=SlowSink(web.events), manners=Manners(limit=64))
        await made.run("http://a.test/0")
        assert len(made.sink.of("page")) == 100
        return web.events

    events = virtual.run(main())
    assert len(events) == 200
    written = freed = most = 0
    for event in events:
        written += event == "written"
        freed += event != "written"
        most = max(most, freed - written)
    return 8 + most


def test_records_as_large_as_bodies_need_their_permits_until_they_are_written() -> None:
    assert most_in_memory() == 8


def test_permits_that_are_given_back_too_early_would_be_noticed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    honest = Settle._write

    async def hasty(self: Settle, batch: list[Done]) -> None:
        for done in batch:
            if done.held is not None:
                self.free(done.held)
                done.held = None
        await honest(self, batch)

    monkeypatch.setattr(Settle, "_write", hasty)
    assert most_in_memory() > 8
