"""TERM and Ctrl-C at any moment, with slow hosts in flight: soon over, and nothing is lost."""

import random
import signal
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from crawler.engine.crawl import GRACE
from tests.cli.lives import Life, balanced, graph, wait_for
from tests.web.server import Handler, Reply, Request, Web, html

SOON = 1.0
"""Seconds that an end may take beyond the grace, or after the second signal."""


def slow(pages: int, seconds: float) -> Handler:
    """A site that takes its time for everything but robots.txt."""
    links = graph(pages)

    async def handler(request: Request) -> Reply:
        if request.path not in links:
            return Reply(status=404)
        return Reply(html(links[request.path]), delay=seconds)

    return handler


@dataclass
class Stopped:
    """A crawl of a quick and five slow hosts that is stopped and gone on with."""

    web: Web
    folder: Path
    seed: int

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)
        self.took: list[float] = []
        origins = [self.web.serve(slow(240, 0.02))]
        for number in range(5):
            handler = slow(4, self.chance.uniform(0.2, 1.0))
            origins.append(self.web.serve(handler, f"127.0.2.{number + 1}"))
        self.truth = {f"{origins[0]}/{number}": "page" for number in range(240)}
        self.truth |= {f"{each}/{number}": "page" for each in origins[1:] for number in range(4)}
        self.life = Life(
            self.folder, tuple(f"{each}/0" for each in origins), ("out.jsonl", "out.jsonl.gz")
        )

    def stop(self, most: int) -> None:
        """Run until a random number of requests has been made, and stop it."""
        asked = len(self.web.log) + self.chance.randrange(most)
        number = self.chance.choice((signal.SIGTERM, signal.SIGINT))
        with self.life.running() as process:
            wait_for(lambda: len(self.web.log) > asked or process.poll() is not None)
            process.send_signal(number)
            sent = time.monotonic()
            out, err = process.communicate(timeout=GRACE + 10)
            self.took.append(time.monotonic() - sent)
        assert (process.returncode, out, err) == (128 + number, "", "")
        assert self.took[-1] < GRACE + SOON

    def check(self) -> None:
        """Go on to the end: everything is there once, and was asked for once."""
        ran = self.life.run()
        assert (ran.code, ran.err) == (0, "")
        for name in self.life.outputs:
            found = self.life.records(name)
            assert len(found) == len(self.truth)
            assert {each["url"]: each["type"] for each in found} == self.truth
        asked = Counter((each.address, each.port, each.path) for each in self.web.log)
        assert [
            each for each, times in asked.items() if times > 1 and "robots" not in each[2]
        ] == []


def test_six_stops(web: Web, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stopped = Stopped(web, tmp_path, 1)
    for _ in range(6):
        stopped.stop(36)
    stopped.check()
    with capsys.disabled():
        print(f"\n6 stops: {max(stopped.took):.2f} s to the exit at most")


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", range(10))
def test_a_hundred_stops(
    web: Web, tmp_path: Path, seed: int, capsys: pytest.CaptureFixture[str]
) -> None:
    stopped = Stopped(web, tmp_path, seed)
    for _ in range(10):
        stopped.stop(20)
    stopped.check()
    with capsys.disabled():
        print(f"\n10 stops: {max(stopped.took):.2f} s to the exit at most")


def stuck(web: Web, folder: Path) -> Life:
    """Return a crawl of 20 pages, of which five do not answer when they are asked first."""
    links = graph(20)
    asked: set[str] = set()

    async def handler(request: Request) -> Reply:
        if request.path not in links:
            return Reply(status=404)
        never = int(request.path[1:]) >= 15 and request.path not in asked
        asked.add(request.path)
        return Reply(html(links[request.path]), delay=3_600 if never else 0)

    return Life(
        folder, (f"{web.serve(handler)}/0",),
        usual=("--parsers", "1", "--per-host", "16", "--emit", "page,error,summary"),
    )  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def given_up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Future[float]]:
    """Stop a crawl that will not drain, while other tests run; how many seconds it took."""
    folder = tmp_path_factory.mktemp("stuck")

    def stop() -> float:
        with Web() as web:
            life = stuck(web, folder)
            with life.running() as process:
                wait_for(lambda: len(web.log) == 21)
                process.terminate()
                sent = time.monotonic()
                assert process.wait(GRACE + 10) == 143
                took = time.monotonic() - sent
            see(web, life, "terminated")
        return took

    with ThreadPoolExecutor(1) as pool:
        yield pool.submit(stop)


def see(web: Web, life: Life, reason: str | None) -> None:
    """Check that what was in flight, and nothing else, is left; then go on."""
    found = life.records()
    if reason is not None:
        assert (found[-1]["type"], found[-1]["end_reason"]) == ("summary", reason)
        assert (found[-1]["fetched"], found[-1]["left"]) == (15, 5)
        assert balanced(found[-1])
    assert len(life.ends()) == 15
    asked = len(web.log)
    assert life.run().code == 0
    assert set(life.ends().values()) == {"page"}
    assert len(life.ends()) == 20
    assert len(web.log) == asked + 1 + 5


def test_what_never_answers_is_given_up_after_the_grace(given_up: "Future[float]") -> None:
    assert GRACE - SOON < given_up.result() < GRACE + SOON


@pytest.mark.parametrize(
    ("first", "second"),
    [(signal.SIGINT, signal.SIGINT), (signal.SIGTERM, signal.SIGINT)],
    ids=["INT INT", "TERM INT"],
)
def test_a_second_signal_ends_at_once_with_the_state_intact(
    web: Web, tmp_path: Path, first: signal.Signals, second: signal.Signals
) -> None:
    life = stuck(web, tmp_path)
    with life.running() as process:
        wait_for(lambda: len(web.log) == 21)
        process.send_signal(first)
        time.sleep(0.1)  # two equal signals may arrive as one
        process.send_signal(second)
        sent = time.monotonic()
        assert process.wait(10) == 128 + first
        assert time.monotonic() - sent < SOON
        assert process.stderr is not None
        assert process.stderr.read() == ""

    see(web, life, None)


def test_a_signal_at_the_very_start_leaves_a_state_to_go_on_with(web: Web, tmp_path: Path) -> None:
    life = Life(tmp_path, (f"{web.pages(graph(20))}/0",))
    codes = set()
    for wait in (0.05, 0.12, 0.18, 0.24):
        with life.running() as process:
            time.sleep(wait)
            process.terminate()
            codes.add(process.wait(5))

    assert codes <= {0, 143, -signal.SIGTERM}
    assert life.run().code == 0
    assert len(life.ends()) == 20
