"""``make bench`` from end to end in a tiny form, and what must catch those that cheat."""

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.bench import cost, table
from tests.bench.contest import Run
from tests.bench.cost import Cost
from tests.bench.peers import known
from tests.bench.peers.peer import OURS, Peer
from tests.bench.site import Asked
from tests.real.docs import NEEDED, program
from tests.web.server import html

ROOT = Path(__file__).parents[2]
PAGES = 60


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A site of 60 pages, each linking to two others."""
    site = tmp_path / "site"
    site.mkdir()
    for number in range(PAGES):
        near = [f"{to}.html" if (to := (number + step) % PAGES) else "./" for step in (1, 7)]
        (site / f"{number or 'index'}.html").write_text(html(near, f"Page {number}"))
    return site


def bench(folder: Path, *arguments: str) -> "subprocess.Popen[str]":
    if program() is None:
        pytest.skip(f"needs: {NEEDED}")
    command = [sys.executable, "-m", "tests.bench", "--site", str(folder), *arguments]
    return subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        start_new_session=True,
    )


def test_everyone_that_is_installed_takes_part_and_fetches_the_same(folder: Path) -> None:
    ran = bench(folder, "--rounds", "1", "--quick", "--json")
    out, err = ran.communicate()

    assert ran.returncode == 0, err
    measured = json.loads(out)
    rows: dict[str, dict[str, Any]] = {row["name"]: row for row in measured["rows"]}
    assert list(rows) == [ways[0].name for ways in known.everyone()]
    assert {OURS, "bare loop"} < set(rows)
    for name, row in rows.items():
        assert (row["pages"], row["missed"], row["failed"]) == (PAGES, [], []), name
        assert row["requests"] >= PAGES
        assert row["rate"]["median"] > 0
        assert 0 < row["cpu"]["median"] < 1_000
        assert 1 < row["memory"] < 1_000 or name.startswith("wget2")  # gone before a sample
    assert rows[OURS]["behind"]["median"] == 1
    assert not members(ran.pid)


def test_what_it_cannot_measure_it_says(tmp_path: Path) -> None:
    ran = bench(tmp_path / "nothing")
    _, err = ran.communicate()

    assert ran.returncode == 2
    assert "is no folder" in err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_leaves_nothing_running(folder: Path, number: signal.Signals) -> None:
    with bench(folder, "--rounds", "99", "--quick", "--only", "bare loop") as ran:
        assert ran.stderr is not None
        first = ran.stderr.readline()
        before = members(ran.pid)
        ran.send_signal(number)
        ran.communicate(timeout=10)

    assert first.startswith("crawler: ")
    assert any("nginx" in command for command in before)
    assert ran.returncode
    assert not members(ran.pid)


def members(session: int) -> list[str]:
    """Return the command lines of the processes of a session, but not of dead ones."""
    found = []
    for each in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            fields = (each / "stat").read_text().rpartition(")")[2].split()
            if int(fields[3]) == session and fields[0] != "Z":
                found.append((each / "cmdline").read_text().replace("\0", " "))
    return found


def peer(name: str) -> Peer:
    return Peer(name, "as it comes", lambda url, out: ())


def run(
    name: str, pages: int, seconds: float = 1.0, turn: int = 0, code: int = 0, *, late: bool = False
) -> Run:
    asked = Asked({f"/{number}.html": 1_000 for number in range(pages)}, pages)
    return Run(peer(name), turn, Cost(seconds, 0.5, 30.0, code, late), asked)


def test_a_peer_that_skips_pages_is_caught() -> None:
    ours, lazy = table.rows([run(OURS, 1_000), run("lazy", 970)])

    assert ours.fair
    assert not lazy.fair
    shown = table.text([ours, lazy], 1)
    assert "| lazy (not the same work: see below) |" in shown
    assert "lazy did not fetch 30 of the pages: /970.html" in shown


def test_so_are_we_and_so_is_who_fails_or_is_lazy_in_one_round_only() -> None:
    ours, other = table.rows([run(OURS, 900), run("other", 1_000)])
    assert (ours.fair, other.fair) == (False, True)

    ours, broken = table.rows([run(OURS, 1_000), run("broken", 1_000, code=1)])
    assert (ours.fair, broken.fair) == (True, False)

    late = [run(OURS, 1_000, turn=turn) for turn in range(3)]
    late += [run("moody", 1_000 - 500 * (turn == 1), turn=turn) for turn in range(3)]
    _, moody = table.rows(late)
    assert len(moody.missed) == 500
    assert not moody.fair


def test_who_had_no_time_is_measured_until_then_and_it_is_said() -> None:
    _, slow = table.rows([run(OURS, 1_000, 1.0), run("slow", 100, 10.0, code=-9, late=True)])

    assert slow.fair
    assert slow.behind.median == 100
    assert "slow was ended when its time was over" in table.text([slow], 1)


def test_ratios_are_of_the_same_round() -> None:
    runs = [run(OURS, 100, 1.0), run("other", 100, 2.0)]  # a quick minute
    runs += [run(OURS, 100, 5.0, turn=1), run("other", 100, 10.0, turn=1)]  # and a slow one

    _, other = table.rows(runs)

    assert other.behind == table.Spread(2.0, 2.0, 2.0)
    assert (other.rate.least, other.rate.most) == (10.0, 50.0)


BUSY = """
import subprocess, sys, time

ballast, until = bytearray(30_000_000), time.process_time() + 0.3
if sys.argv[2:]:
    subprocess.run([sys.executable, "-c", sys.argv[1], sys.argv[1]])
while time.process_time() < until:
    pass
"""


def test_cost_sums_the_processes_of_a_command(tmp_path: Path) -> None:
    alone = cost.run([sys.executable, "-c", BUSY, BUSY], tmp_path)
    both = cost.run([sys.executable, "-c", BUSY, BUSY, "and a child"], tmp_path)

    assert (alone.code, both.code) == (0, 0), both.err
    assert 0.3 <= alone.cpu < 0.6 <= both.cpu < 1.5
    assert 30 < alone.memory < 60 < both.memory < 120


def test_what_takes_too_long_is_ended_with_its_children(tmp_path: Path) -> None:
    sleep = "import time; time.sleep(60)"
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {sleep!r}])"

    spent = cost.run([sys.executable, "-c", code], tmp_path, limit=0.5)

    assert spent.late
    assert spent.seconds < 5
    assert not list(map(str, cost.family(os.getpid())))[1:]


def test_what_a_command_says_last_is_kept(tmp_path: Path) -> None:
    spent = cost.run([sys.executable, "-c", "import sys; sys.exit('x' * 9_000 + 'end')"], tmp_path)

    assert spent.code == 1
    assert spent.err.endswith("xend\n")
