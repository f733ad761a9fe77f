"""One run at a time on a state and on an output; nobody has to clear up after a dead one."""

import asyncio
import os
import re
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import Popen

import pytest

from tests.cli.lives import Life, graph, one_line, wait_for
from tests.cli.run import Ran, crawler
from tests.web.server import Reply, Request, Web, html


@pytest.fixture
def go() -> threading.Event:
    """What the last page waits for."""
    return threading.Event()


@pytest.fixture
def slow(web: Web, tmp_path: Path, go: threading.Event) -> Life:
    """A crawl of 30 pages, of which one waits until it may ``go``."""
    links = graph(30)

    async def handler(request: Request) -> Reply:
        if request.path not in links:
            return Reply(status=404)
        if request.path == "/29":
            await asyncio.to_thread(go.wait, 30)
        return Reply(html(links[request.path]))

    return Life(tmp_path, (f"{web.serve(handler)}/0",))


@pytest.fixture
def first(web: Web, slow: Life) -> Iterator[Popen[str]]:
    """A run of it that waits for the last page."""
    with slow.running() as process:
        wait_for(lambda: len(web.log) == 31)  # robots.txt and all pages, of which it waits for one
        yield process


def test_a_second_run_is_told_who_is_first(
    web: Web, slow: Life, first: Popen[str], go: threading.Event
) -> None:
    asked = len(web.log)

    (slow.folder / "there").write_text("not ours")
    refused = ("crawl", *slow.seeds, "-o", str(slow.folder / "there"))
    later = []
    for _ in range(3):  # the machine may be busy: what is least over another refusal counts
        otherwise, _ = timed(lambda: crawler(*refused))
        took, second = timed(slow.run)
        later.append(took - otherwise)
        if later[-1] < 1.0:
            break
    fresh = slow.run("--fresh")

    for ran in (second, fresh):
        assert (ran.code, ran.out) == (75, "")
        assert one_line(
            ran.err, f"process {first.pid}", f"on {socket.gethostname()}", str(slow.state)
        )
    assert min(later) < 1.0, later
    assert len(web.log) == asked
    go.set()
    assert first.wait(20) == 0
    assert len(slow.ends()) == 30


def test_after_kill_9_the_next_run_begins_at_once(
    slow: Life, first: Popen[str], go: threading.Event
) -> None:
    go.set()
    first.kill()  # not even waited for
    for _ in range(10):
        dead = over(first)
        second = slow.run("-n", "29")
        if second.code != 75:
            break
        assert not dead, "the lock outlived its holder"
    assert second.code == 0, second.err
    first.wait()


def over(process: Popen[str]) -> bool:
    """Whether a process has ended, which leaves it to be waited for."""
    look = os.WEXITED | os.WNOHANG | os.WNOWAIT
    return os.waitid(os.P_PID, process.pid, look) is not None


def timed(run: Callable[[], Ran]) -> tuple[float, Ran]:
    """Run a command; return the seconds it took, and what it came to."""
    started = time.monotonic()
    ran = run()
    return time.monotonic() - started, ran


def test_children_that_outlive_a_killed_run_hold_no_lock(
    web: Web, slow: Life, go: threading.Event
) -> None:
    with slow.running("--parsers", "2") as process:
        wait_for(lambda: web.requests("/29"))
        process.send_signal(signal.SIGKILL)
        process.wait()
        go.set()
        assert slow.run("-n", "29").code == 0


@pytest.mark.parametrize("name", ["out.jsonl.gz"])
def test_an_output_is_locked_as_well(web: Web, slow: Life, go: threading.Event, name: str) -> None:
    slow.outputs = (name,)
    other = Life(slow.folder, slow.seeds, (name,))
    more = ["--state", str(slow.folder / "other.db"), "--overwrite"]
    with slow.running() as process:
        wait_for(lambda: web.requests("/29"))
        ran = other.run(*more)
        stateless = crawler("crawl", *slow.seeds, "-o", str(slow.out), "--append")
        assert (ran.code, stateless.code) == (75, 75)
        assert one_line(ran.err, str(slow.out), "another run")
        go.set()
        assert process.wait(20) == 0
    assert len(slow.ends()) == 30


def test_the_state_can_be_asked_while_a_crawl_is_running(
    slow: Life, first: Popen[str], go: threading.Event
) -> None:
    ran = crawler("state", str(slow.state))
    links = crawler("state", str(slow.state), "links", "out", slow.seeds[0])

    assert (ran.code, ran.err) == (0, "")
    assert "not finished" in ran.out
    (left,) = re.findall(r"(\d+) left", ran.out)
    assert int(left) >= 1
    assert len(links.out.splitlines()) == 1 + 4
    go.set()
    assert first.wait(20) == 0
    assert "30 pages" in crawler("state", str(slow.state)).out


def test_a_link_to_the_state_is_the_same_state(web: Web, slow: Life, go: threading.Event) -> None:
    slow.outputs = ("-",)
    (slow.folder / "link").mkdir()
    other = Life(slow.folder / "link", slow.seeds, ("-",))
    other.state.symlink_to(slow.state)
    with slow.running() as process:
        wait_for(lambda: web.requests("/29"))
        assert other.run("-n", "29").code == 75
        go.set()
        out, _ = process.communicate(timeout=20)
    assert len(out.splitlines()) == 30
