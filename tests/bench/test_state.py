"""What a state file of a million URLs costs: memory, bytes in the file, time."""

import random
import sqlite3
import subprocess
import time
from pathlib import Path

import pytest

from tests.bench.cost import pss
from tests.cli.run import COMMAND
from tests.web.server import Reply, Request, Web, html

pytestmark = [pytest.mark.alone, pytest.mark.slow]

URLS = 1_000_000
NEW, KNOWN = 25, 75
"""Links of a page: so many to URLs never seen, so many to any that were."""


def test_a_million_urls(web: Web, tmp_path: Path) -> None:
    """The bounds on memory and file, and a page at a million URLs against one at ten thousand."""
    asked: list[float] = []
    chance = random.Random(1)

    async def answer(request: Request) -> Reply:
        if request.path == "/robots.txt":
            return Reply("", 404)
        number = len(asked)
        asked.append(time.monotonic())
        new = range(number * NEW, (number + 1) * NEW)
        known = [chance.randrange(max(1, number * NEW)) for _ in range(KNOWN)]
        return Reply(html(f"/some/folder/page-{each}.html" for each in [*new, *known]))

    state = tmp_path / "crawl.db"
    flags = ["--per-host", "64", "-n", str(URLS // NEW), "--state", str(state)]
    process = subprocess.Popen(
        [*COMMAND, "crawl", web.serve(answer) + "/", *flags, "-o", str(tmp_path / "out.jsonl")]
    )
    peak = 0
    while process.poll() is None:
        peak = max(peak, pss(process.pid))
        time.sleep(0.1)
    assert process.returncode == 0
    with sqlite3.connect(state) as db:
        urls, text, links = db.execute(
            "SELECT count(*), sum(length(url)), (SELECT sum(length(links)) FROM page) FROM url"
        ).fetchone()
    beyond = (state.stat().st_size - text - links) / urls
    each_link = links / (len(asked) * (NEW + KNOWN))
    tenth = len(asked) // 10
    ratio = (asked[-1] - asked[-tenth]) / (asked[2 * tenth] - asked[tenth])

    print(
        f"{urls:,} URLs: main process at most {peak / 1e6:.0f} MB; {beyond:.0f} bytes a URL "
        f"beyond its text, {each_link:.1f} a link; the last tenth took {ratio:.2f} × the second"
    )
    assert urls > 0.9 * URLS
    assert peak <= 150e6
    assert beyond <= 150
    assert each_link <= 5
    assert ratio <= 1.3
