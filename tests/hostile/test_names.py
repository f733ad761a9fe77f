"""Names that hang cost the others nothing: no speed, no write of a file, no prompt end."""

import json
import time
from pathlib import Path

import pytest

from tests.cli.lag import p99
from tests.hostile.judge import NAMED, crawl
from tests.web.server import Web

pytestmark = pytest.mark.alone

PAGES = 300
HANGING = 20


def timed(web: Web, folder: Path, *others: str, **env: str) -> tuple[float, list[float], float]:
    """Crawl a healthy site beside others.

    Returns its pages a second, the times of writes, and how long the process went on after
    the last request, both in seconds.
    """
    links = [f"/{number}" for number in range(1, PAGES)]
    origin = web.pages({"/": links} | {link: ["/"] for link in links})
    before = len(web.log)
    ran = crawl([*others, origin], "--rate", "200/s",
                command=NAMED, LAG=str(folder / "lag"), **env)  # fmt: skip
    ended = time.monotonic()
    assert (ran.code, ran.err) == (0, "")
    assert len(ran.of("page")) == PAGES
    assert [record["error"]["class"] for record in ran.of("error")] == ["dns"] * len(others)
    asked = [request.started for request in web.log[before:] if request.path != "/robots.txt"]
    speed = len(asked) / (max(asked) - min(asked))
    return speed, json.loads((folder / "lag").read_text())["writes"], ended - max(asked)


def test_hanging_names_do_not_slow_a_healthy_site(web: Web, tmp_path: Path) -> None:
    clean, _, _ = timed(web, tmp_path)
    names = [f"http://hang{number}.test/" for number in range(HANGING)]
    speed, writes, tail = timed(web, tmp_path, *names, "http://unknown.test/")
    print(f"{speed / clean:.0%} of {clean:.0f} pages/s, writes p99 {1000 * p99(writes):.1f} ms, "
          f"ends {tail:.1f} s after the last page")  # fmt: skip

    assert speed >= 0.9 * clean
    assert p99(writes) <= 0.050
    assert tail <= 5.0  # the threads hang for 30 s


@pytest.mark.slow
def test_names_looked_up_where_files_are_written_would_be_noticed(web: Web, tmp_path: Path) -> None:
    names = [f"http://hang{number}.test/" for number in range(HANGING)]
    _, writes, _ = timed(web, tmp_path, *names, SHARED="1", HANGS="3")

    assert max(writes) > 1.0
