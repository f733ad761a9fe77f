"""Real sites: every page that links lead to is there once, at any concurrency."""

import shutil
import subprocess
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
        "--per-host", "64", *flags, timeout=120,
    )  # fmt: skip
    assert (ran.code, ran.err) == (0, "")
    return read(out.read_text())


def expected(docs: dict[str, str], depth: int | None) -> set[str]:
    return set().union(
        *(reachable(FOLDERS[name], origin, START, depth) for name, origin in docs.items())
    )


@pytest.mark.parametrize("depth", [None, 2])
def test_every_reachable_page_is_there_once_at_any_concurrency(
    docs: dict[str, str], tmp_path: Path, depth: int | None
) -> None:
    truth = expected(docs, depth)
    assert len(truth) > (1_800 if depth is None else 100)
    flags = [] if depth is None else ["--depth", str(depth)]
    sets = []
    for concurrency in (1, 8, 64) if depth else (8, 64):
        out = tmp_path / f"{concurrency}.jsonl"

        everything = records(docs, out, "-c", str(concurrency), *flags)

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
