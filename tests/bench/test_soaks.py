"""Crawls that take minutes: what they cost stays what it was, however much is known.

They print their curves. By the clock they are judged only where others left the machine alone
(``CROWDED``); on a busy one all CPU costs more, but what the main process does for a page must
not grow beside what the children do.
"""

import resource
import sqlite3
import statistics
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.bench.looks import Look, crawl, rates, table
from tests.bench.made_up import CHAINED, LINKS, MANY, chains, thicket, tree

pytestmark = [pytest.mark.alone, pytest.mark.slow, pytest.mark.timeout(3_600)]

MB = 1e6
CROWDED = 0.1
"""Of the machine that others may have where the clock is to tell something."""

ALIKE = 0.85
"""Pages a second at the end, of those at the beginning."""

WARM = 10_000
"""Pages after which memory is to grow no more than ``GROWTH``."""

GROWTH = 60 * MB


def flags(scratch: Path, *, state: bool, turn: int = 0) -> list[str]:
    """Return the flags of all crawls here."""
    kept = ["--state", str(scratch / f"{turn}.db")] if state else []
    return ["--per-host", "64", "--overwrite", "-o", str(scratch / "out.jsonl"), *kept]


def growth(looks: Sequence[Look], after: int) -> float:
    """Return by how many bytes all processes grew once so many pages had been fetched."""
    warm = [look.memory for look in looks if look.fetched >= after]
    return max(warm) - warm[0]


@pytest.mark.parametrize("state", [False, True], ids=["memory", "state"])
def test_a_hundred_thousand_pages_cost_what_the_first_did(tmp_path: Path, state: bool) -> None:
    with chains(tmp_path) as seed:
        looks = crawl(seed, *flags(tmp_path, state=state))

    tenths = rates(looks)
    by_clock, by_cpu = (tenths[-1][way] / tenths[0][way] for way in (0, 1))
    children, at_first = (1 - tenths[way][2] for way in (-1, 0))
    by_part = children / at_first
    grown, others = growth(looks, WARM), looks[-1].taken
    print(table(looks))
    print("pages/s of each tenth:", *(f"{clock:,.0f}" for clock, *_ in tenths))
    print("a second of CPU:      ", *(f"{cpu:,.0f}" for _, cpu, _ in tenths))
    print("of that the main process:", *(f"{part:.0%}" for *_, part in tenths))
    print(
        f"the last tenth ÷ the first: {by_clock:.2f}, by CPU {by_cpu:.2f}, by the part of the "
        f"children {by_part:.2f}; memory grew by {grown / MB:+.0f} MB after {WARM:,} pages; "
        f"others had {others:.0%} of the machine"
    )
    assert looks[-1].fetched >= CHAINED
    assert grown <= GROWTH
    assert by_part >= ALIKE
    assert by_clock >= ALIKE or others > CROWDED


def test_a_million_queued_urls_in_memory(tmp_path: Path) -> None:
    with tree(tmp_path) as seed:
        looks = crawl(seed, *flags(tmp_path, state=False), "-n", str(1_000_000 // (LINKS - 1) + 1))

    most = max(look.memory for look in looks)
    print(table(looks))
    print(f"{looks[-1].queued:,} queued: at most {most / MB:.0f} MB in all processes")
    assert looks[-1].queued >= 1_000_000
    assert most <= 300 * MB


@pytest.mark.parametrize("urls", [1_000_000, 10_000_000])
def test_millions_of_queued_urls_with_a_state(tmp_path: Path, urls: int) -> None:
    """Where ten million take longer than ``LONG``, what was reached is judged."""
    with thicket(tmp_path) as seed:
        some = ["-n", str(urls // (MANY - 1) + 1)]
        looks = crawl(seed, *flags(tmp_path, state=True), *some, within=LONG)

    main = max(look.main for look in looks)
    with sqlite3.connect(tmp_path / "0.db") as db:
        known, text, links = db.execute(
            "SELECT count(*), sum(length(url)), (SELECT sum(length(links)) FROM page) FROM url"
        ).fetchone()
    size = (tmp_path / "0.db").stat().st_size
    print(table(looks))
    print(
        f"{looks[-1].queued:,} queued: main process at most {main / MB:.0f} MB; the state "
        f"{size / MB:,.0f} MB, {(size - text - links) / known:.0f} bytes a URL beyond its text"
    )
    assert looks[-1].queued >= urls or looks[-1].at > LONG
    assert main <= 150 * MB
    assert (size - text - links) / known <= 150


LONG = 900.0
"""Seconds that the largest crawl may take."""

ROUNDS = 4
SITES: dict[str, tuple[Callable[[Path], Any], int]] = {
    "tree": (tree, 6_000),
    "thicket": (thicket, 2_000),
}


@pytest.mark.parametrize("site", SITES)
def test_a_state_costs_a_tenth_at_most(tmp_path: Path, site: str) -> None:
    serve, pages = SITES[site]
    ratios, costs, others = [], [], []
    with serve(tmp_path) as seed:
        for turn in range(2 * ROUNDS):
            asked = [seed, "-n", str(pages)]
            order = (False, True) if turn % 2 else (True, False)
            seconds, cpu = {}, {}
            for state in order:
                before = spent()
                last = crawl(*asked, *flags(tmp_path, state=state, turn=turn))[-1]
                seconds[state], cpu[state] = last.at, spent() - before
                others.append(last.taken)
            ratios.append(seconds[False] / seconds[True])
            costs.append(cpu[False] / cpu[True])

    by_clock, by_cpu = statistics.median(ratios), statistics.median(costs)
    print(
        f"{site}: state on ÷ off {by_clock:.2f} ({spread(ratios)}), by CPU {by_cpu:.2f} "
        f"({spread(costs)}); others had {statistics.median(others):.0%} of the machine"
    )
    assert by_clock >= 0.9 or statistics.median(others) > CROWDED


def spent() -> float:
    """Return the CPU seconds of all processes that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def spread(numbers: Sequence[float]) -> str:
    return f"{min(numbers):.2f}–{max(numbers):.2f}"
