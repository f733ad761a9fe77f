"""Politeness over runs: what a site asked for is kept by the run after a death, too.

The lives wait more than they work, so that those of the normal suite are lived all at once.
"""

import random
import signal
import sqlite3
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest

from tests.cli.lives import Life, graph, wait_for
from tests.cli.test_politeness import EARLY, violations
from tests.web.server import Handler, Reply, Request, Web, html

MOMENTS = (
    ("after page", 1), ("after page", 2), ("after page", 3),
    ("before write", 1), ("amid write", 2), ("after write", 1), ("after write", 3),
    ("before seal", 3), ("after seal", 4), ("before commit", 9), ("after commit", 9),
)  # fmt: skip
"""Moments at which a site has been heard: its robots.txt came a delay before its first page.

(A run that dies with the very answer that asks for a delay cannot have noted it.)
"""


def site(rules: str) -> Handler:
    """A site of 60 pages, of which every fifth fails once and every seventh redirects."""
    links = graph(60)
    failed: set[str] = set()

    async def handler(request: Request) -> Reply:
        if request.path == "/robots.txt":
            return Reply(rules, 200 if rules else 404, type="text/plain")
        number = int(request.path[1:])
        if number % 5 == 4 and request.path not in failed:
            failed.add(request.path)
            return Reply(status=500)
        if number % 7 == 6:
            return Reply(status=302, headers={"Location": f"/{number + 1}"})
        return Reply(html(links[request.path]), delay=0.005)

    return handler


@dataclass
class Lived:
    """What the servers saw of a life, and the deaths it had."""

    web: Web
    deaths: int = 0

    @property
    def robots(self) -> int:
        """How often any robots.txt was asked for."""
        return len(self.web.requests("/robots.txt"))


def live(
    folder: Path,
    rules: str,
    *more: str,
    deaths: int = 4,
    seed: int = 1,
    sites: int = 3,
    mortal: str = "tests.cli.mortal",
) -> Lived:
    """Crawl, die, go on at once, and so on; the last run is killed when it has asked again."""
    chance = random.Random(seed)
    folder.mkdir()
    with Web() as web:
        seeds = tuple(f"{web.serve(site(rules), f'127.0.3.{n + 1}')}/0" for n in range(sites))
        life = Life(folder, seeds, usual=("--parsers", "0", "--per-host", "8", *more))
        lived = Lived(web)
        for _ in range(deaths):
            ran = life.die(*chance.choice(MOMENTS), mortal=mortal)
            assert ran.code == -signal.SIGKILL, ran.err
            lived.deaths += 1
        asked = lived.robots
        with life.running():
            wait_for(lambda: lived.robots == asked + sites)
    return lived


def asks_for_a_pause(refused: list[float], delay: float = 0.0) -> Handler:
    """A site of 6 pages; the second one asked for says 429, three seconds, once."""

    async def handler(request: Request) -> Reply:
        if request.path == "/robots.txt":
            return Reply(status=404)
        if request.path != "/0" and not refused:
            refused.append(request.started)
            return Reply(status=429, headers={"Retry-After": "3"}, delay=delay)
        return Reply(html(f"/{number}" for number in range(6)))

    return handler


def refused_then(folder: Path, number: signal.Signals, delay: float = 0.0) -> tuple[float, int]:
    """Crawl until the site asks for a pause, end, and go on at once.

    Returns how many seconds after the refusal the next request came, and the pages.
    """
    folder.mkdir()
    refused: list[float] = []
    with Web() as web:
        life = Life(folder, (f"{web.serve(asks_for_a_pause(refused, delay))}/0",))
        life.usual = ("--parsers", "0", "--per-host", "1")
        with life.running() as process:
            wait_for(lambda: refused)
            if not delay:
                wait_for(lambda: blocked(life.state) > 1.5)
            process.send_signal(number)
            process.wait(20)
        ran = life.run()
        assert ran.code == 0, ran.err
        (asked,) = [each for each in web.log if each.started == refused[0]]
        later = [each.started - asked.ended for each in web.log if each.started > refused[0]]
        return min(later), len(life.ends())


def blocked(state: Path) -> float:
    """Return for how many seconds, as the state has it, any site is not to be visited."""
    with closing(sqlite3.connect(f"file:{state}?mode=ro", uri=True)) as db:
        (due,) = db.execute("SELECT max(due) FROM site").fetchone()
    return float(due or 0.0) - time.time()


@dataclass
class Lives:
    """Everything of the normal suite, lived at once."""

    crawl_delay: Lived
    delay: Lived
    rate: Lived
    forgetful: Lived
    killed: tuple[float, int]
    drained: tuple[float, int]


def forget(folder: Path, seconds: int, deaths: int = 2) -> Lived:
    """Live with a crawler that forgets what a site asked for."""
    rules = f"User-agent: *\nCrawl-delay: {seconds}\n"
    return live(folder, rules, deaths=deaths, sites=1, mortal="tests.cli.forgetful")


@pytest.fixture(scope="module")
def lives(tmp_path_factory: pytest.TempPathFactory) -> Lives:
    """Live them."""
    folder = tmp_path_factory.mktemp("lives")
    one = "User-agent: *\nCrawl-delay: 1\n"
    with ThreadPoolExecutor(6) as pool:
        crawl_delay = pool.submit(live, folder / "crawl-delay", one)
        delay = pool.submit(live, folder / "delay", "", "--delay", "700ms", seed=2)
        rate = pool.submit(live, folder / "rate", "", "--rate", "2/s", seed=3)
        forgetful = pool.submit(forget, folder / "forgetful", 2)
        killed = pool.submit(refused_then, folder / "killed", signal.SIGKILL)
        drained = pool.submit(refused_then, folder / "drained", signal.SIGTERM, 0.5)
        return Lives(
            crawl_delay.result(), delay.result(), rate.result(), forgetful.result(),
            killed.result(), drained.result(),
        )  # fmt: skip


def kept(lived: Lived, delay: float, deaths: int = 4, sites: int = 3) -> None:
    """Check a life: it died, asked robots.txt first in every run, and kept the delay."""
    assert lived.deaths == deaths
    assert violations(lived.web.log, delay) == []
    assert set(lived.web.most.values()) == {1}
    assert lived.robots >= deaths + 1
    for address in {each.address for each in lived.web.log}:
        paths = [each.path for each in lived.web.log if each.address == address]
        assert paths[0] == "/robots.txt"


def test_a_crawl_delay_is_kept_over_four_deaths(lives: Lives) -> None:
    kept(lives.crawl_delay, 1.0)


def test_a_delay_is_kept_over_four_deaths(lives: Lives) -> None:
    kept(lives.delay, 0.7)


def test_a_rate_is_kept_over_four_deaths(lives: Lives) -> None:
    assert lives.rate.deaths == 4
    for address in {each.address for each in lives.rate.web.log}:
        starts = sorted(each.started for each in lives.rate.web.log if each.address == address)
        gaps = [after - before for before, after in pairwise(starts)]
        assert min(gaps) >= 0.5 - 0.1  # as the server sees them, on a busy machine


def test_forgetting_what_a_site_asked_for_would_be_noticed(lives: Lives, tmp_path: Path) -> None:
    """The test of the test.

    On a busy machine a run may need as long to begin as the site asked for: then once more,
    with a site that asks for longer than that.
    """
    if not violations(lives.forgetful.web.log, 2.0):
        assert violations(forget(tmp_path / "slowly", 10, deaths=1).web.log, 10.0) != []


def test_a_retry_after_is_kept_over_a_death(lives: Lives) -> None:
    assert lives.killed[0] >= 3.0 - EARLY
    assert lives.killed[1] == 6


def test_a_retry_after_that_comes_while_draining_is_kept(lives: Lives) -> None:
    assert lives.drained[0] >= 3.0 - EARLY
    assert lives.drained[1] == 6


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_crawl_delay_of_two_seconds_is_kept_over_ten_deaths(tmp_path: Path) -> None:
    def one(seed: int) -> Lived:
        rules = "User-agent: *\nCrawl-delay: 2\n"
        return live(tmp_path / str(seed), rules, deaths=10, seed=seed)

    with ThreadPoolExecutor(4) as pool:
        every: Sequence[Lived] = list(pool.map(one, range(20, 24)))
    for lived in every:
        kept(lived, 2.0, deaths=10)
