"""A run that was forked is what a run with an interpreter of its own is."""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.cli.run import COMMAND, Ran, finish
from tests.cli.starter import able, starter
from tests.web.server import Web

SAYS = """
import os, signal, sys
print(os.getcwd(), sys.argv, sys.path, __name__, sys.stdin.read(), sys.stdout.encoding)
print(sorted(set(os.environ) - {"_"}), os.isatty(0), sys.stdout.line_buffering, file=sys.stderr)
print([signal.getsignal(each) for each in (signal.SIGINT, signal.SIGPIPE, signal.SIGCHLD)])
print(signal.pthread_sigmask(signal.SIG_BLOCK, []), os.getpgid(0), os.getpriority(0, 0))
print(sorted(name for name in sys.modules if name.startswith("crawler")))
print([os.readlink(f"/proc/self/fd/{n}")[:5] for n in range(3, 64) if os.path.exists(
    f"/proc/self/fd/{n}")])
"""
RUNS: dict[str, list[str]] = {
    "what it is": [sys.executable, "-c", SAYS, "one", "two"],
    "its code": [sys.executable, "-c", "import sys; sys.exit(70)"],
    "its death": [sys.executable, "-c", "import os; os.kill(os.getpid(), 9)"],
    "much of it": [sys.executable, "-c", "import sys; print('x' * 10**6, file=sys.stderr)"],
    "line ends": [sys.executable, "-c", r"print('a\r\nb')"],
    "a wrong flag": [*COMMAND, "crawl", "x", "--depth", "-1"],
    "help": [*COMMAND, "crawl", "--help"],
    "what holds": [*COMMAND, "config", "show", "--json"],
}


@pytest.mark.parametrize("name", RUNS)
def test_a_fork_is_what_a_fresh_one_is(name: str, tmp_path: Path) -> None:
    (tmp_path / "crawler.toml").write_text("depth = 3")
    more: dict[str, Any] = {"cwd": tmp_path, "env": os.environ | {"CRAWLER_RETRIES": "7"}}

    forked = finish(RUNS[name], "words\n", **more)

    assert able(RUNS[name], more["env"])
    assert forked == finish(RUNS[name], "words\n", **more, fresh=True)


def test_what_an_interpreter_or_a_library_reads_early_is_for_a_fresh_one() -> None:
    for name in ("PYTHONUTF8", "LC_ALL", "SSL_CERT_FILE"):
        assert not able(COMMAND, os.environ | {name: "x"})
    assert not able(["sh", "-c", "true"], os.environ)


def test_several_run_at_once(web: Web) -> None:
    origin = web.pages({f"/{number}": [] for number in range(8)})

    def one(number: int) -> Ran:
        return finish([*COMMAND, "crawl", f"{origin}/{number}", "--parsers", "0"])

    with ThreadPoolExecutor(8) as pool:
        ran = list(pool.map(one, range(8)))

    assert [each.code for each in ran] == [0] * 8
    assert [each.records[0]["url"] for each in ran] == [f"{origin}/{n}" for n in range(8)]


@pytest.mark.parametrize("fresh", [False, True])
def test_what_does_not_end_is_ended(fresh: bool) -> None:
    forever = "import os, sys, time\nprint(os.getpid(), flush=True)\ntime.sleep(3_600)"

    with pytest.raises(subprocess.TimeoutExpired):
        finish([sys.executable, "-c", forever], timeout=0.2, fresh=fresh)


def test_a_starter_that_has_read_what_is_to_be_broken_would_be_noticed(tmp_path: Path) -> None:
    def run(command: Sequence[str]) -> Ran:
        return Ran(*starter("-m").run(command, None, os.environ, tmp_path, 60.0))

    says = RUNS["what it is"]
    assert run(says) != finish(says, cwd=tmp_path, fresh=True)


def test_a_starter_outlives_what_it_started() -> None:
    die = [sys.executable, "-c", "import os; os.kill(os.getpid(), 9)"]
    assert [finish(die).code for _ in range(20)] == [-signal.SIGKILL] * 20
