"""The engine's parts, and the corners of the line that healthy crawls rarely see."""

import asyncio
from collections import Counter

import pytest

from crawler.engine.crawl import Limits, Result
from crawler.engine.permits import Permits
from crawler.engine.pipe import Pipe
from crawler.engine.pulse import Pulse
from crawler.engine.statistics import SeedEnds
from crawler.model import Failed, Fault, Fetched, Outcome, Reason
from crawler.policy.pace import Manners
from tests import virtual
from tests.engine.make import MemoryWeb, Rig, answer, page, rig


async def hold(permits: Permits, log: list[str], name: str, seconds: float = 1.0) -> None:
    async with permits:
        log.append(name)
        await asyncio.sleep(seconds)


def test_permits_go_to_who_waits_longest() -> None:
    async def main() -> tuple[list[tuple[int, list[str]]], float]:
        permits, log, seen = Permits(2), list[str](), []
        tasks = [asyncio.create_task(hold(permits, log, name)) for name in "abcdef"]
        for _ in range(3):
            await asyncio.sleep(0.5)
            seen.append((permits.held, list(log)))
            await asyncio.sleep(0.5)
        await asyncio.gather(*tasks)
        assert permits.held == 0
        return seen, asyncio.get_running_loop().time() - 1_000.0

    seen, end = virtual.run(main())

    assert seen == [(2, list("ab")), (2, list("abcd")), (2, list("abcdef"))]
    assert end == pytest.approx(3.0, abs=0.2)


def test_a_permit_handed_to_one_who_is_cancelled_goes_on_to_the_next() -> None:
    async def main() -> list[str]:
        permits, log = Permits(1), list[str]()
        first = asyncio.create_task(hold(permits, log, "first"))
        await asyncio.sleep(0)
        waiting = [asyncio.create_task(hold(permits, log, name)) for name in ("lost", "next")]
        await asyncio.sleep(0.5)
        waiting[0].cancel()  # while it waits
        await first
        gone = asyncio.create_task(hold(permits, log, "gone"))
        await asyncio.sleep(0)
        await asyncio.sleep(0.999)
        gone.cancel()
        await asyncio.gather(*waiting, gone, return_exceptions=True)
        assert permits.held == 0
        async with permits:
            return log

    assert virtual.run(main()) == ["first", "next"]


def test_a_pipe_gives_each_item_to_one_reader_and_ends_for_all() -> None:
    async def main() -> tuple[list[int], list[list[int]]]:
        pipe: Pipe[int] = Pipe(3)
        got: list[int] = []

        async def read() -> None:
            got.extend([item async for item in pipe])

        readers = [asyncio.create_task(read()) for _ in range(4)]
        for number in range(10):
            await pipe.put(number)
        await pipe.close()
        await asyncio.gather(*readers)
        other: Pipe[int] = Pipe(5)
        for number in range(5):
            await other.put(number)
        assert len(other) == 5
        closing = asyncio.create_task(other.close())
        batches = [batch async for batch in other.batches(3)]
        await closing
        return sorted(got), batches

    assert virtual.run(main()) == (list(range(10)), [[0, 1, 2], [3, 4]])


def test_the_pulse_knows_that_we_stood_still() -> None:
    async def main() -> list[bool]:
        pulse = Pulse()
        now = asyncio.get_running_loop().time
        start, seen = now(), []
        for pause in (0.5, 0.5, 60.0):
            await asyncio.sleep(pause)
            seen.append(pulse.missed_since(start))
            pulse.beat()
        seen += [pulse.missed_since(start), pulse.missed_since(now() + 0.1)]
        return seen

    assert virtual.run(main()) == [False, False, True, True, False]


def test_seeds_are_counted_by_how_they_ended() -> None:
    ends = SeedEnds()
    ends.failed("http://a/", Failed(Fault.DNS, "unknown"))
    ends.failed("http://b/", Failed(Fault.TLS, "expired"))
    ends.failed("http://c/", Failed(Fault.HTTP_4XX, "forbidden", 403))
    ends.failed("http://d/", Failed(Fault.TIMEOUT, "late"))
    ends.skipped("http://e/", Reason.ROBOTS)
    ends.skipped("http://f/", Reason.TRAP)

    assert (ends.unresolved, ends.untrusted, ends.denied, ends.others) == (1, 1, 2, 2)
    assert ends.first == "http://a/: unknown"


def test_more_slow_sites_than_may_be_held_take_turns() -> None:
    async def main() -> tuple[Rig, Result]:
        limits = Limits(sites=2)
        made = rig(MemoryWeb(page), limits=limits, manners=Manners(delay=20.0))
        urls = [f"http://s{site}.test/{number}" for site in range(5) for number in range(3)]
        return made, await made.run(*urls)

    made, result = virtual.run(main())

    assert result.tally.fetched == 15
    assert {url.split("/")[2] for url, _, _ in made.web.log[:5]} == {
        f"s{site}.test" for site in range(5)
    }
    assert result.elapsed < 100.0


def test_a_robots_txt_that_cannot_be_read_is_that_urls_bug(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(*args: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("crawler.policy.robots.read", broken)

    async def main() -> tuple[Rig, Result]:
        made = rig(MemoryWeb(page), robots=True)
        return made, await made.run("http://a.test/")

    made, result = virtual.run(main())

    assert [each["error"]["class"] for each in made.sink.records] == ["internal"]
    assert result.stats.bugs == 1
    assert result.error is None


async def test_a_huge_robots_txt_is_read_off_the_loop() -> None:
    rules = b"User-agent: *\n" + b"".join(b"Disallow: /x%d\n" % n for n in range(8_000))

    def serve(url: str) -> Outcome:
        return answer(url, body=rules) if url.endswith("robots.txt") else page(url, ["/x7", "/ok"])

    made = rig(MemoryWeb(serve), "http://a.test/", robots=True)
    await made.run("http://a.test/")

    assert len(rules) > 64 * 1024
    assert sorted(each["url"] for each in made.sink.of("page")) == [
        "http://a.test/",
        "http://a.test/ok",
    ]
    assert [each["reason"] for each in made.sink.of("skip")] == ["robots"]


def test_a_page_that_the_parser_refuses_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(self: object, page: object) -> Failed:
        return Failed(Fault.TOO_COMPLEX, "too deep", 200, lasting=True)

    monkeypatch.setattr("tests.engine.make.LineParser.parse", refuse)

    async def main() -> Rig:
        made = rig(MemoryWeb(page))
        await made.run("http://a.test/")
        return made

    (record,) = virtual.run(main()).sink.records
    assert (record["status"], record["error"]["class"]) == (200, "too_complex")


def test_what_a_stop_finds_undone_goes_back_and_a_second_claim_finds_it() -> None:
    async def main() -> tuple[Rig, Result]:
        urls = [f"http://a.test/{number}" for number in range(200)]
        made = rig(
            MemoryWeb(page, lambda url: 1.0),
            limits=Limits(concurrency=4, workers=8, line=4),
            manners=Manners(limit=4),
        )
        asyncio.get_running_loop().call_later(2.5, made.crawl.stop.signal, "interrupted")
        return made, await made.run(*urls)

    made, result = virtual.run(main())

    assert result.tally.left == 200 - len(made.sink.records)
    assert len(made.web.log) == len(made.sink.records)
    again = asyncio.run(made.frontier.claim(10, 1_000, 60.0))
    assert sum(len(holding.leases) for holding in again) == result.tally.left


def test_a_visit_whose_site_has_said_stop_meanwhile_is_not_sent() -> None:
    refused = {"http://a.test/0"}

    def serve(url: str) -> Outcome:
        if url in refused:
            refused.discard(url)
            return answer(url, 429, retry_after="30")
        return page(url)

    async def main() -> Rig:
        made = rig(
            MemoryWeb(serve, lambda url: 0.5 if url.endswith("/0") else 2.0),
            limits=Limits(concurrency=2, workers=20, line=10),
            manners=Manners(limit=10),
        )
        await made.run(*(f"http://a.test/{number}" for number in range(10)))
        return made

    log = virtual.run(main()).web.log
    told = next(end for url, _, end in log if url.endswith("/0"))

    assert [url for url, start, _ in log if told < start < told + 30.0] == []
    assert Counter(url for url, _, _ in log)["http://a.test/0"] == 2


def test_sitemaps_are_added_for_seeds_and_turned_away_when_the_queue_is_full() -> None:
    def serve(url: str) -> Fetched:
        if url.endswith("robots.txt"):
            return answer(url, body=b"Sitemap: /map1.xml\nSitemap: /map2.xml\n")
        return page(url)

    async def main(most: int) -> Rig:
        made = rig(MemoryWeb(serve), "http://a.test/", robots=True, max_queued=most)
        made.crawl._crew.sitemap = "add"
        await made.run("http://a.test/")
        return made

    roomy, full = virtual.run(main(100)), virtual.run(main(1))

    assert len(roomy.sink.of("page")) == 3
    assert [each["reason"] for each in full.sink.of("skip")] == ["queue_full", "queue_full"]
