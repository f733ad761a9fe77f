"""Parsing that can neither stall nor kill the crawl, seen from outside."""

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import brotli
import pytest

from crawler.parse.process import DEADLINE
from tests.cli.run import COMMAND, crawl
from tests.parse.test_lab import BOMBS
from tests.records import read
from tests.web.server import Reply, Request, Web, html

pytestmark = pytest.mark.alone

PAGES = 400


@cache
def brotli_bomb() -> bytes:
    """Two GiB of zeros in a few kilobytes."""
    compressor = brotli.Compressor(quality=1)
    zeros = bytes(1 << 20)
    return bytes(b"".join(compressor.process(zeros) for _ in range(2_048)) + compressor.finish())


def site(web: Web, *, bombs: bool) -> str:
    """A healthy site; with ``bombs`` each kind of page that could hurt is in its middle."""
    hurtful = {f"/bomb/{name}": body for name, body in BOMBS.items()} if bombs else {}
    wire = ["/bomb/brotli", "/bomb/endless"] if bombs else []
    links = [f"/{number}" for number in range(1, PAGES)]
    links[PAGES // 4 : PAGES // 4] = [*hurtful, *wire]

    async def handler(request: Request) -> Reply | None:
        if request.path == "/robots.txt":
            return Reply(status=404)
        if request.path == "/bomb/brotli":
            return Reply(brotli_bomb(), headers={"Content-Encoding": "br"})
        if request.path == "/bomb/endless":
            request.writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<title>x")
            while True:
                request.writer.write(b"<p>" * 20_000)
                await request.writer.drain()
        if request.path in hurtful:
            return Reply(hurtful[request.path])
        return Reply(html(links if request.path == "/" else ["/"]), delay=0.005)

    return web.serve(handler)


def measure(url: str, deadline: float) -> tuple[dict[str, Any], float]:
    """Crawl and return the measurements, and the idle control's lag beside it."""
    command = [sys.executable, "-m", "tests.cli.lag"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as control:
        done = subprocess.run(
            [*command, url, str(deadline)], capture_output=True, text=True, timeout=110, check=True
        )
        idle = json.loads(control.communicate("")[0])
    return json.loads(done.stdout), idle["p99"]


@pytest.mark.parametrize("deadline", [3.0, pytest.param(DEADLINE, marks=pytest.mark.slow)])
def test_bombs_in_the_middle_of_a_crawl_are_one_record_each(web: Web, deadline: float) -> None:
    calm, _ = measure(site(web, bombs=False), deadline)
    result, idle = measure(site(web, bombs=True), deadline)

    ends = Counter(url for url, _, _ in result["records"])
    assert set(ends.values()) == {1}
    assert len(ends) == PAGES + 5
    bad = {url.rpartition("/")[2]: (kind, why) for url, kind, why in result["records"]
           if "/bomb/" in url}  # fmt: skip
    # Each is read in the end, or was cut at --max-size, or takes too much: on a quick machine the
    # one that swells has used up its memory before its time.
    too_much = {
        f"reading the page took more than {deadline:g} s",
        "reading the page took too much memory (Can't parse HTML.)",
    }
    assert {why for _, why in bad.values()} <= {None, *too_much}
    kind, why = bad["formatting"]
    assert kind == "error"
    assert why in too_much
    healthy = [kind for url, kind, _ in result["records"] if "/bomb/" not in url]
    assert healthy == ["page"] * PAGES
    print(f"peak +{(result['peak'] - calm['peak']) / 1024:.0f} MiB, "
          f"lag p99 {1000 * (result['p99'] - idle):.0f} ms over the control's")  # fmt: skip
    assert result["peak"] - calm["peak"] <= 64 * 1024
    assert result["p99"] - idle <= 0.050


def children_of(pid: int) -> list[int]:
    try:
        return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def gone(pids: set[int], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while any(Path(f"/proc/{pid}").exists() for pid in pids):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def test_fifty_children_killed_during_a_crawl_cost_no_record(web: Web, tmp_path: Path) -> None:
    links = [f"/{number}" for number in range(1, 3_000)]
    first, other = html(links), html(["/"] * 200)

    async def handler(request: Request) -> Reply:
        if request.path == "/robots.txt":
            return Reply(status=404)
        return Reply(first if request.path == "/" else other, delay=0.01)

    out = tmp_path / "out.jsonl"
    chance = random.Random(3)
    process = subprocess.Popen(
        [*COMMAND, "crawl", web.serve(handler), "--per-host", "8", "-o", str(out)],
        stderr=subprocess.PIPE,
        text=True,
    )
    killed = 0
    while process.poll() is None:
        time.sleep(chance.uniform(0.01, 0.06))
        for pid in children_of(process.pid)[:1]:
            if killed < 50 and len(web.log) > 20:
                how = chance.choice([signal.SIGKILL, signal.SIGKILL, signal.SIGSTOP])
                with contextlib.suppress(ProcessLookupError):  # it has just been replaced
                    os.kill(pid, how)
                    killed += 1
    _, err = process.communicate()

    records = read(out.read_text())
    ends = Counter(record["url"] for record in records)
    assert process.returncode == 0, err
    assert err == ""
    assert killed == 50
    assert len(ends) == 3_000
    assert set(ends.values()) == {1}
    failed = [record["error"]["class"] for record in records if record["type"] == "error"]
    assert set(failed) <= {"parser_crash"}
    assert len(failed) <= 10


@pytest.mark.slow
def test_no_child_outlives_a_crawl_that_is_killed(web: Web) -> None:
    process = subprocess.Popen(
        [*COMMAND, "crawl", site(web, bombs=True)], stdout=subprocess.DEVNULL
    )
    while len(web.log) < PAGES // 4 + 10:
        time.sleep(0.02)
    children = set(children_of(process.pid))
    process.kill()
    process.wait()

    assert children
    assert gone(children, 15.0)


@pytest.mark.parametrize("parsers", ["0", "1", "3"])
def test_the_number_of_parsers_changes_no_record(web: Web, parsers: str) -> None:
    origin = web.pages({"/": ["/a", "/b"], "/a": ["/c"], "/b": [], "/c": []})

    ran = crawl(origin, "--parsers", parsers)

    assert sorted(page["url"] for page in ran.of("page")) == [
        f"{origin}{path}" for path in ("/", "/a", "/b", "/c")
    ]


def test_without_children_a_page_that_could_hurt_is_refused(web: Web) -> None:
    async def handler(request: Request) -> Reply:
        return Reply(BOMBS["nested"], status=404 if request.path == "/robots.txt" else 200)

    ran = crawl(web.serve(handler), "--parsers", "0")

    assert ran.records[0]["error"]["class"] == "too_complex"
