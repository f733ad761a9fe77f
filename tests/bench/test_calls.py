"""How much of the system a page needs, counted from outside: no noise moves these."""

import functools
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from tests.bench.calls import STRACE, profiled, traced
from tests.web.server import Web

pytestmark = pytest.mark.alone

PAGES, FEW = 300, 60
LIMITS = {
    "receive": 2.0,  # 1.1 to 1.6: pages, and reports of a batch each
    "send": 1.6,  # 1.1 to 1.3: requests, and batches of pages
    "wait": 2.0,  # 0.2 to 1.1
    "watch": 1.0,  # 0.0 to 0.4: a connection each
    "write": 0.5,  # 0.1 to 0.2: batches of records
    "memory": 6.0,  # 0.2 to 3.5: asyncio's buffer for each receive, as malloc feels like
    "other": 0.5,  # 0.0
}
"""Calls a page, and beside them what was measured, on a machine at rest and on a busy one."""

COMMAND = "from crawler.cli import main; main()"
WORSE = {
    "a write for each record": "from crawler.engine import settle; settle.BATCH = 1\n",
    "a message for each page": "from crawler.parse import lab; lab.BATCH = 1\n",
}

Count = Callable[[str, Sequence[str], Path], Counter[str]]
WAYS = [
    pytest.param(traced, marks=pytest.mark.skipif(not STRACE, reason="needs strace")),
    profiled,
]


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    """Pages of 13 KB with links to all others."""
    text = ["#" + "x" * 100] * 60
    with Web() as web:
        links = {n: [f"/{(n * 7 + step) % PAGES}" for step in range(40)] for n in range(PAGES)}
        yield web.pages({f"/{n}": [*links[n], *text] for n in range(PAGES)})


ROUNDS = 3
"""The best counts: what a busy machine adds now and then, such as a module that one crawl had
to import and the other had not, is not in every round. What is worse is in each."""


@functools.cache
def asked(count: Count, code: str, site: str, pages: int, scratch: Path, turn: int) -> Counter[str]:
    """Return the calls of a crawl of so many pages; ``turn`` is the round."""
    flags = ["crawl", f"{site}/0", "-n", str(pages), "-o", str(scratch / "out"), "--overwrite",
             "--parsers", "1", "--per-host", "64", "--loop", "asyncio"]  # fmt: skip
    return count(code, flags, scratch / "calls")


def a_page(count: Count, code: str, site: str, scratch: Path, turn: int = 0) -> Counter[str]:
    """Return the calls for one page more: what starting and ending needs is not in it."""
    many = asked(count, code, site, PAGES, scratch, turn)
    few = asked(count, COMMAND, site, FEW, scratch, turn)
    return Counter({name: (many[name] - few[name]) / (PAGES - FEW) for name in many})


@pytest.mark.parametrize("count", WAYS)
def test_a_page_needs_few_system_calls(
    site: str, tmp_path_factory: pytest.TempPathFactory, count: Count
) -> None:
    for turn in range(ROUNDS):
        calls = a_page(count, COMMAND, site, tmp_path_factory.getbasetemp(), turn)
        if not over(calls):
            break

    assert not over(calls), calls
    assert calls["receive"] >= 1
    assert calls["send"] >= 1


@pytest.mark.parametrize("count", WAYS)
@pytest.mark.parametrize("worse", WORSE)
def test_more_would_be_noticed(
    site: str, tmp_path_factory: pytest.TempPathFactory, count: Count, worse: str
) -> None:
    calls = a_page(count, WORSE[worse] + COMMAND, site, tmp_path_factory.getbasetemp())

    assert over(calls), calls


def over(calls: Counter[str]) -> set[str]:
    """Return the kinds of which there are too many."""
    return {kind for kind, count in calls.items() if count > LIMITS[kind]}
