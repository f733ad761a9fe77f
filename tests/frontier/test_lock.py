"""One run at a time, and nobody has to clear up after a dead one."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from crawler.errors import Exit, StateUnusable, TryLater
from crawler.frontier.lock import Lock

HOLD = """
import subprocess, sys
from crawler.frontier.lock import Lock
lock = Lock.take(sys.argv[1])
if "child" in sys.argv:
    child = subprocess.Popen(["sleep", "60"], close_fds=False, stdout=subprocess.DEVNULL)
    print(child.pid, flush=True)
else:
    print("held", flush=True)
sys.stdin.read()
"""


@contextmanager
def holder(path: str, *words: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Have another process hold the lock; yields it and the line it said."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, path, *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout is not None
        try:
            yield process, process.stdout.readline().strip()
        finally:
            process.kill()


def test_the_second_taker_is_told_at_once_whose_it_is(tmp_path: Path) -> None:
    path = str(tmp_path / "state.db")
    with holder(path) as (process, _):
        began = time.perf_counter()
        with pytest.raises(TryLater) as caught:
            Lock.take(path)
        assert time.perf_counter() - began < 1.0
        told = str(caught.value)
        assert f"process {process.pid} on {socket.gethostname()} since 20" in told
        assert path in told
        assert "\n" not in told
        assert caught.value.exit == Exit.TRY_LATER

        with pytest.raises(TryLater, match=f"process {process.pid} "):
            Lock.take(path)  # who asks does not wipe out the name


def test_a_dead_holder_holds_nothing(tmp_path: Path) -> None:
    path = str(tmp_path / "state.db")
    with holder(path) as (process, _):
        process.send_signal(signal.SIGKILL)
        process.wait()
        Lock.take(path).release()


def test_children_of_the_holder_do_not_hold_it(tmp_path: Path) -> None:
    path = str(tmp_path / "state.db")
    with holder(path, "child") as (process, child):
        process.kill()
        process.wait()
        try:
            os.kill(int(child), 0)  # it lives
            Lock.take(path).release()
        finally:
            os.kill(int(child), signal.SIGKILL)


def test_what_was_let_go_of_can_be_taken_and_names_its_new_holder(tmp_path: Path) -> None:
    path = str(tmp_path / "state.db")
    Path(f"{path}.lock").write_text("process 1 on a host with a very long name " * 9)
    for _ in range(2):
        lock = Lock.take(path)
        with pytest.raises(TryLater, match=f"in use by process {os.getpid()} on [^;]*;"):
            Lock.take(path)
        lock.release()


def test_where_nothing_can_be_written_nothing_can_be_locked() -> None:
    with pytest.raises(StateUnusable, match=r"cannot lock /proc/state\.db: .*--state"):
        Lock.take("/proc/state.db")
