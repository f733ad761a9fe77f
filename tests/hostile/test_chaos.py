"""Healthy sites among all behaviours at once: they notice nothing, and nothing is lost."""

import json
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cli.lag import p99
from tests.cli.run import Ran
from tests.hostile.judge import NAMED, crawl, wrong
from tests.web.hostile import certificates
from tests.web.hostile.rows import ROWS
from tests.web.hostile.sites import Site, copies, serve
from tests.web.server import Reply, Request, Web, html

pytestmark = pytest.mark.alone

HEALTHY_SITES = 10
LATENCY = 0.1
"""Seconds a healthy answer takes: two at once for a site make 200 pages a second in all."""

SPEED = 0.7
"""The part of their speed that healthy sites keep, at least."""

ROUNDS = 3
"""How often that is looked at: where someone else is at work, one round says nothing."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a crawl came to, and how fast healthy pages were asked for meanwhile."""

    ran: Ran
    speed: float
    lag: float
    latest: float


def healthy(web: Web, pages: int) -> list[str]:
    """Serve so many healthy pages on a number of sites, and return their URLs."""

    async def handler(request: Request) -> Reply:
        if request.path == "/robots.txt":
            return Reply(status=404)
        return Reply(html(["/0", "/1"], request.path), delay=LATENCY)

    sites = [web.serve(handler) for _ in range(HEALTHY_SITES)]
    return [f"{sites[n % HEALTHY_SITES]}/{n // HEALTHY_SITES}" for n in range(pages)]


def run(web: Web, folder: Path, good: Sequence[str], bad: Sequence[Site], seed: int) -> Outcome:
    """Crawl good and bad URLs in random order."""
    seeds = [*good, *(site.origin + "/" for site in bad)]
    random.Random(seed).shuffle(seeds)
    ports = {int(url.rsplit(":", 1)[1].partition("/")[0]) for url in good}
    before = len(web.log)
    ran = crawl(seeds, "--sitemap", "add", "--timeout", "3s", command=NAMED,
                LAG=str(folder / "lag"), SSL_CERT_FILE=str(folder / "ca.pem"))  # fmt: skip
    late = json.loads((folder / "lag").read_text())["late"]
    asked = [request.started for request in web.log[before:] if request.port in ports
             and request.path != "/robots.txt"]  # fmt: skip
    return Outcome(ran, len(asked) / (max(asked) - min(asked)), p99(late), max(late))


def chaos(web: Web, folder: Path, pages: int, hostile: int, seed: int) -> float:
    """Crawl healthy pages alone, and then among hostile sites, and compare.

    Returns how fast the second was, as a part of the first.
    """
    folder.mkdir()
    certificates.authority(folder)
    good = healthy(web, pages)
    bad = serve(web, copies(ROWS, hostile, random.Random(seed)), folder)
    with subprocess.Popen(
        [sys.executable, "-m", "tests.cli.lag"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as control:
        clean = run(web, folder, good, [], seed)
        among = run(web, folder, good, bad, seed)
        idle = json.loads(control.communicate(b"")[0])["p99"]
    print(f"seed {seed}: {len(web.log) - pages} requests, healthy pages at {among.speed:.0f}/s "
          f"({among.speed / clean.speed:.0%} of {clean.speed:.0f}), lag p99 "
          f"{1000 * among.lag:.0f} ms (idle {1000 * idle:.0f}), at most "
          f"{1000 * among.latest:.0f} ms")  # fmt: skip

    for each in (clean, among):
        assert (each.ran.code, each.ran.err) == (0, "")
    assert wrong(among.ran, bad, web) == []
    ends = Counter(record["url"] for record in among.ran.records)
    assert set(ends.values()) == {1}
    pages_found = {record["url"] for record in among.ran.of("page")}
    assert set(good) <= pages_found
    assert among.lag - idle <= 0.050
    return among.speed / clean.speed


def test_healthy_sites_do_not_suffer_from_hostile_ones(web: Web, tmp_path: Path) -> None:
    rounds = (chaos(web, tmp_path / str(turn), 1_100, len(ROWS), seed=1) for turn in range(ROUNDS))
    assert any(speed >= SPEED for speed in rounds)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_healthy_sites_do_not_suffer_at_length(web: Web, tmp_path: Path, seed: int) -> None:
    assert chaos(web, tmp_path / "long", 7_500, 7 * len(ROWS), seed) >= SPEED
