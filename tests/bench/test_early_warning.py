"""An early warning: the whole line against a bare loop, on the same site in the same run."""

import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.run import crawl
from tests.real.docs import FOLDERS, nginx
from tests.web.server import html

pytestmark = pytest.mark.alone

LEAST = 0.5


@pytest.fixture
def site(tmp_path: Path) -> Iterator[str]:
    """All the documentations as one site of about 1,900 pages."""
    folder = tmp_path / "all"
    folder.mkdir()
    for name, target in FOLDERS.items():
        if target.is_dir():
            (folder / name).symlink_to(target)
    (folder / "index.html").write_text(html(f"/{name}/index.html" for name in FOLDERS))
    with nginx({"all": folder, **FOLDERS}, tmp_path) as origins:
        yield origins["all"] + "/index.html"


def test_the_whole_line_is_at_least_half_as_fast_as_a_bare_loop(site: str, tmp_path: Path) -> None:
    ratios = []
    for turn in range(3):
        started = time.monotonic()
        ran = crawl(site, "--per-host", "64", "-o", str(tmp_path / f"{turn}.jsonl"), timeout=60)
        between = time.monotonic()
        bare = subprocess.run(
            [sys.executable, "-m", "tests.bench.bare", site, "64"],
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        ended = time.monotonic()
        assert ran.code == 0
        assert int(bare.stdout) > 1_000
        ratios.append((ended - between) / (between - started))

    assert statistics.median(ratios) >= LEAST, ratios
    print(f"whole line ÷ bare loop: {statistics.median(ratios):.2f}")


def seconds(*args: str) -> float:
    """Return how long a crawl takes as a whole process."""
    started = time.monotonic()
    ran = crawl(*args, timeout=60)
    assert ran.code == 0, ran.err
    return time.monotonic() - started


def test_two_children_are_half_as_fast_again_as_none(site: str, tmp_path: Path) -> None:
    flags = [site, "--per-host", "64", "--overwrite", "-o", str(tmp_path / "out.jsonl")]
    ratios = [
        seconds(*flags, "--parsers", "0") / seconds(*flags, "--parsers", "2") for _ in range(3)
    ]

    print(f"two children ÷ none: {statistics.median(ratios):.2f}")
    assert statistics.median(ratios) >= 1.5, ratios


def test_for_one_page_children_cost_a_fifth_of_a_second_at_most(site: str) -> None:
    costs = [
        seconds(site, "-n", "1", "--parsers", "2") - seconds(site, "-n", "1", "--parsers", "0")
        for _ in range(5)
    ]

    print(f"children cost {statistics.median(costs):.3f} s for one page")
    assert statistics.median(costs) <= 0.2, costs
