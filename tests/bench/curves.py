"""``make bench-plots``: how speed changes with what is known, and with connections."""

import argparse
import contextlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from tests.bench.chart import Axis, Line, Point, draw
from tests.bench.peers import known
from tests.bench.peers.peer import OURS
from tests.real.docs import serving

CONNECTIONS = (1, 2, 4, 8, 16, 32, 64, 128, 256)
LAG = 0.1
TURNS = 30
"""Requests for each connection: all together take about this many times the latency."""

LINKS = 25
PAGES = 40_000
LEAST = 0.3
"""Seconds over which a speed is worth telling."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and write the charts."""
    parser = argparse.ArgumentParser(prog="make bench-plots", description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=Path("build/bench"))
    parser.add_argument("--pages", type=int, default=PAGES)
    parser.add_argument("--turns", type=int, default=TURNS)
    parser.add_argument("--connections", type=int, nargs="+", default=CONNECTIONS)
    asked = parser.parse_args(arguments)
    asked.folder.mkdir(parents=True, exist_ok=True)
    charts = {
        "known.svg": draw(
            f"Pages a second as more becomes known ({LINKS} new links a page)",
            Axis("URLs known"),
            Axis("pages/s"),
            [Line(name, by_known(asked.pages, flag)) for name, flag in forms()],
        ),
        "connections.svg": draw(
            f"Pages a second by connections, {1_000 * LAG:.0f} ms latency",
            Axis("connections", log=True),
            Axis("pages/s", log=True),
            [
                Line("ideal", [(each, each / LAG) for each in asked.connections], dashed=True),
                Line(OURS, by_connections(asked.connections, asked.turns)),
            ],
        ),
    }
    for name, chart in charts.items():
        (asked.folder / name).write_text(chart)
        print(asked.folder / name)


def forms() -> Iterator[tuple[str, str | None]]:
    """Yield the forms of ours that keep what is known in different places, by name."""
    yield OURS, None
    if known.has("--state"):
        yield f"{OURS} --state", "--state"


def by_known(pages: int, flag: str | None = None) -> list[Point]:
    """Crawl a tree without end; return pages a second by URLs known, second by second.

    ``flag`` names the file that URLs are kept in (None: in memory).
    """
    with tempfile.TemporaryDirectory() as scratch, tree(Path(scratch)) as seed:
        kept = (flag, f"{scratch}/known") if flag else ()
        told = _crawl(seed, "--per-host", "64", "-n", str(pages), *kept)
    looks = [(each["elapsed"], each["tally"]) for each in told[:-1]]
    looks.append((told[-1]["elapsed_ms"] / 1_000, told[-1]))
    return [
        (after["discovered"], (after["fetched"] - before["fetched"]) / (then - now))
        for (now, before), (then, after) in pairwise(looks)
        if then - now > LEAST
    ]


def by_connections(connections: Sequence[int], turns: int) -> list[Point]:
    """Fetch pages from a server with latency; return pages a second by connections."""
    points: list[Point] = []
    with late(LAG) as origin, tempfile.TemporaryDirectory() as scratch:
        seeds = Path(scratch) / "seeds"
        for count in connections:
            seeds.write_text("".join(f"{origin}/{number}\n" for number in range(turns * count)))
            limits = ("-c", str(count), "--per-host", str(count))
            told = _crawl(*limits, "-i", str(seeds), "--scope", "page", "--allow-private")
            assert told[-1]["fetched"] == turns * count
            points.append((count, turns * count / (told[-1]["elapsed_ms"] / 1_000 - LAG)))
    return points  # the LAG taken off is that of robots.txt, which no other request can overlap


@contextlib.contextmanager
def tree(run: Path) -> Iterator[str]:
    """Have nginx make up pages, each linking to as many others that nothing else links to."""
    links = "".join(f"<a href=$id-{number}>{number}</a>" for number in range(LINKS))
    page = f"<!doctype html><title>$id</title>{links}"
    block = (
        'location = /robots.txt { return 404; } location ~ "^/(?<id>[-0-9]+)$" '
        f'{{ default_type text/html; return 200 "{page}"; }}'
    )
    with serving({"tree": block}, run) as origins:
        yield origins["tree"] + "/0"


@contextlib.contextmanager
def late(lag: float) -> Iterator[str]:
    """Run the server with latency."""
    command = [sys.executable, "-m", "tests.bench.lag", str(lag)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        yield f"http://127.0.0.1:{server.stdout.readline().strip()}"


def _crawl(*flags: str) -> list[dict[str, Any]]:
    """Crawl; return what it said of its progress, the summary last."""
    command = [sys.executable, "-m", "crawler", "crawl", "--progress", "json", "-o", "/dev/null"]
    ran = subprocess.run(
        [*command, *flags], stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True, check=True
    )
    return [json.loads(line) for line in ran.stderr.splitlines()]


if __name__ == "__main__":
    main()
