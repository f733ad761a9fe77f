"""A real site again: nothing is sent twice, and looking again costs less than half."""

import json
import resource
from pathlib import Path
from typing import Any

import pytest

from tests.cli.run import crawl

pytestmark = pytest.mark.alone

MOST = 0.5
"""Of the first pass's CPU a page, start and end of a run left out; about 0.4."""


def test_a_site_that_has_not_changed_costs_less_than_half(
    docs: dict[str, str], tmp_path: Path
) -> None:
    out, seeds = tmp_path / "out.jsonl", [origin + "/index.html" for origin in docs.values()]
    flags = ["--state", str(tmp_path / "crawl.db"), "-o", str(out), "--per-host", "64"]

    costs = []
    start = ["-n", "1", "--state", str(tmp_path / "start.db"), "-o", str(tmp_path / "start")]
    for given in (start, flags, flags, flags):
        before = spent()
        ran = crawl(*seeds, *given, timeout=120, fresh=True)
        assert (ran.code, ran.err) == (0, "")
        costs.append(spent() - before)
    ratio = (min(costs[2:]) - costs[0]) / (costs[1] - costs[0])
    first, second = passes(out)
    size = out.stat().st_size
    assert crawl(*seeds, *flags, "--only-changes", timeout=120).code == 0

    assert out.stat().st_size == size
    assert {each["url"] for each in first} == {each["url"] for each in second}
    assert len(first) > 1_000
    assert {(each["status"], each["change"], each["bytes"]) for each in second} == {
        (304, "unchanged", 0)
    }
    print(f"the second pass took {ratio:.2f} of the first one's CPU")
    assert ratio <= MOST, costs


def passes(out: Path) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the pages of both passes."""
    records = [json.loads(line) for line in out.read_text().splitlines()]
    pages = [each for each in records if each["type"] == "page"]
    return [each for each in pages if each["pass"] == 1], [
        each for each in pages if each["pass"] == 2
    ]


def spent() -> float:
    """Return the CPU seconds of all children that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
