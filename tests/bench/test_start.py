"""What a person at a terminal waits for: the help, and the first record."""

import compileall
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

import crawler
from tests.cli.run import COMMAND
from tests.web.server import Reply, Request, Web, html

pytestmark = pytest.mark.alone

ROUNDS = 9
HELP = [*COMMAND, "--help"]
CLICK = [sys.executable, "-c", "import click"]
HEAVY = [sys.executable, "-c", "import aiohttp; from crawler.cli import main; main()", "--help"]


@pytest.fixture(autouse=True, scope="module")
def compiled() -> None:
    """What is installed has its bytecode beside it, also where Python is told to write none."""
    assert compileall.compile_dir(str(Path(crawler.__file__).parent), quiet=1)


def cpu(command: Sequence[str]) -> float:
    """Return the seconds of CPU of a command: all that it takes, whoever else is there."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return usage.ru_utime + usage.ru_stime


def ratio(command: Sequence[str], other: Sequence[str], rounds: int) -> float:
    """Return how much longer a command takes than another, as the median of the rounds."""
    return statistics.median(cpu(command) / cpu(other) for _ in range(rounds))


def test_help_takes_hardly_longer_than_click() -> None:
    measured = ratio(HELP, CLICK, ROUNDS)

    print(f"--help ÷ import click: {measured:.2f}")
    assert measured <= 1.5


def test_help_that_imports_what_it_does_not_need_would_be_noticed() -> None:
    assert ratio(HEAVY, CLICK, 3) > 1.5


def wait(web: Web, *flags: str) -> float:
    """Return the seconds from the first page to the first record, in a crawl that goes on."""

    async def answer(request: Request) -> Reply:
        if request.path == "/robots.txt":
            return Reply("", 404)
        return Reply(html(["/next"]), delay=0.0 if request.path == "/" else 30.0)

    web.log.clear()
    with subprocess.Popen(
        [*COMMAND, "crawl", web.serve(answer) + "/", *flags], stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        record = process.stdout.readline()
        came = time.monotonic()
        process.kill()
    assert b'"page"' in record
    (first,) = web.requests("/")
    return came - first.ended


@pytest.mark.parametrize("parsers", ["auto", "0"])
def test_the_first_record_comes_at_once(web: Web, parsers: str) -> None:
    waits: list[float] = []
    while len(waits) < 3 and min(waits, default=1.0) > 0.5:  # the machine may be busy
        waits.append(wait(web, "--parsers", parsers))

    print(f"the first record came after {waits[-1]:.3f} s")
    assert waits[-1] <= 0.5, waits
