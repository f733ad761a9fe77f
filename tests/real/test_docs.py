"""Real sites: every page that links lead to is there once, at any concurrency."""

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.cli.run import crawl
from tests.real.docs import FOLDERS, reachable
from tests.records import read

START = "/index.html"


def records(docs: dict[str, str], out: Path, *flags: str) -> list[dict[str, Any]]:
    """Crawl all three in one run and return its records."""
    seeds = [origin + START for origin in docs.values()]
    ran = crawl(
        *seeds, "-o", str(out), "--emit", "page,redirect,error,skip,summary",
        "--per-host", "64", "--parsers", "2", *flags, timeout=120,
    )  # fmt: skip
    assert (ran.code, ran.err) == (0, "")
    return read(out.read_text())


@pytest.fixture(scope="module")
def truth(docs: dict[str, str]) -> dict[str, int]:
    """Every URL that there is, and its depth."""
    return {
        url: depth
        for name, origin in docs.items()
        for url, depth in reachable(FOLDERS[name], origin, START).items()
    }


def test_every_reachable_page_is_there_once_at_any_concurrency(
    docs: dict[str, str], tmp_path: Path, truth: dict[str, int]
) -> None:
    assert len(truth) > 1_800
    check(docs, tmp_path, set(truth), (64,))

    near = {url for url, depth in truth.items() if depth <= 1}
    assert 300 < len(near) < len(truth) / 2
    check(docs, tmp_path, near, (1, 8, 64), "--depth", "1")


@pytest.mark.slow
def test_the_whole_of_it_is_there_once_at_other_concurrencies(
    docs: dict[str, str], tmp_path: Path, truth: dict[str, int]
) -> None:
    check(docs, tmp_path, set(truth), (1, 8, 64))


def check(
    docs: dict[str, str], folder: Path, truth: set[str], concurrencies: Sequence[int], *flags: str
) -> None:
    """Crawl with each concurrency; see that the pages are the true ones, each once."""
    sets = []
    for concurrency in concurrencies:
        out = folder / f"{concurrency}.jsonl"

        everything = records(docs, out, "-c", str(concurrency), "--overwrite", *flags)

        pages = [each for each in everything if each["type"] == "page"]
        html = [each["url"] for each in pages if each["content_type"] == "text/html"]
        assert len(html) == len(set(html))
        assert set(html) == truth
        sets.append({(each["type"], each["url"]) for each in everything[:-1]})
        summary = everything[-1]
        assert summary["end_reason"] == "drained"
        assert summary["discovered"] == len(everything) - 1
        assert summary["discovered"] == sum(
            summary[term] for term in ("fetched", "redirected", "failed", "skipped", "gone", "left")
        )
    assert all(each == sets[0] for each in sets)


def test_jq_takes_every_line(docs: dict[str, str], tmp_path: Path) -> None:
    jq = shutil.which("jq")
    if jq is None:
        pytest.skip("needs: apt-get install jq")
    out = tmp_path / "out.jsonl"
    lines = len(records(docs, out, "-n", "500"))

    done = subprocess.run([jq, "-c", ".", out], capture_output=True, text=True, check=True)

    assert len(done.stdout.splitlines()) == lines
