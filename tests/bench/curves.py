"""``make bench-plots``: how speed changes with what is known, and with connections."""

import argparse
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from tests.bench.chart import Axis, Line, Point, draw
from tests.bench.looks import crawl
from tests.bench.made_up import LINKS, late, tree
from tests.bench.peers import known
from tests.bench.peers.peer import OURS

CONNECTIONS = (1, 2, 4, 8, 16, 32, 64, 128, 256)
LAG = 0.1
TURNS = 30
"""Requests for each connection: all together take about this many times the latency."""

PAGES = 40_000
LEAST = 0.3
"""Seconds over which a speed is worth telling."""


@dataclass(frozen=True, slots=True)
class Hidden:
    """``rate`` pages a second by so many ``connections``; how ``busy`` that made the machine,
    and what of it others had (``taken``), from 0 to 1."""

    connections: int
    rate: float
    busy: float
    taken: float

    @property
    def share(self) -> float:
        """The rate as a part of the ideal one, at which nothing but the latency takes time."""
        return self.rate * LAG / self.connections


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
                Line(
                    OURS,
                    [
                        (each.connections, each.rate)
                        for each in by_connections(asked.connections, asked.turns)
                    ],
                ),
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
        looks = crawl(seed, "--per-host", "64", "-n", str(pages), *kept, "-o", "/dev/null")
    return [
        (look.known, (look.fetched - before.fetched) / (look.at - before.at))
        for before, look in pairwise(looks)
        if look.at - before.at > LEAST
    ]


def by_connections(connections: Sequence[int], turns: int) -> Iterator[Hidden]:
    """Fetch pages from a server with latency, with so many connections each time."""
    with late(LAG) as (origin,), tempfile.TemporaryDirectory() as scratch:
        seeds = Path(scratch) / "seeds"
        for count in connections:
            seeds.write_text("".join(f"{origin}/{number}\n" for number in range(turns * count)))
            limits = ("-c", str(count), "--per-host", str(count), "--scope", "page")
            *_, last = crawl(*limits, "-i", str(seeds), "--allow-private", "-o", "/dev/null")
            assert last.fetched == turns * count
            # What is taken off is robots.txt, which no other request can overlap.
            yield Hidden(
                count,
                turns * count / (last.at - LAG),
                last.busy,
                last.taken,
            )


if __name__ == "__main__":
    main()
