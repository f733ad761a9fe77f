"""Signals, and readers that stall or go away."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.run import COMMAND
from tests.records import read
from tests.web.server import Reply, Request, Web, html

Started = subprocess.Popen[str]


@pytest.fixture
def start() -> Iterator[object]:
    """Start commands that are ended, whatever happens."""
    running: list[Started] = []

    def begin(*args: str, **kwargs: object) -> Started:
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True} | kwargs
        process = subprocess.Popen([*COMMAND, "crawl", *args], **options)  # type: ignore[call-overload]
        running.append(process)
        return process  # type: ignore[no-any-return]

    yield begin
    for process in running:
        process.kill()
        process.wait()
        for stream in (process.stdout, process.stderr):
            if stream:
                stream.close()


def endless(web: Web, delay: float = 0.02, padding: int = 0) -> str:
    """A site in which every page leads to new ones, and ``/slow`` answers never."""

    async def handler(request: Request) -> Reply:
        if request.path == "/robots.txt":
            return Reply(status=404)
        if request.path.startswith("/slow"):
            return Reply(delay=3_600)
        number = int(request.path.strip("/") or 0)
        links = [f"/{number * 3 + step}" for step in (1, 2, 3)]
        return Reply(html(links, title="x" * padding), delay=delay)

    return web.serve(handler)


def wait_for(condition: object, seconds: float = 15.0) -> None:
    """Wait until a condition on the outside world holds."""
    deadline = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.005)


@pytest.mark.parametrize(
    ("number", "code", "reason"),
    [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")],
)
def test_a_first_signal_drains_and_writes_a_balance(
    web: Web, start: object, number: signal.Signals, code: int, reason: str
) -> None:
    process = start(endless(web), "--per-host", "8", "--emit", "page,summary")  # type: ignore[operator]
    wait_for(lambda: len(web.log) > 50)

    process.send_signal(number)
    out, err = process.communicate(timeout=10)

    records = read(out)
    summary = records[-1]
    assert process.returncode == code, err
    assert summary["end_reason"] == reason
    assert summary["discovered"] == summary["fetched"] + summary["left"]
    assert len(records) - 1 == summary["fetched"] == len(web.log) - 1


def test_hup_on_a_terminal_is_term(web: Web, start: object) -> None:
    leader, follower = os.openpty()
    process = start(endless(web), stdin=follower)  # type: ignore[operator]
    os.close(follower)
    wait_for(lambda: len(web.log) > 10)

    process.send_signal(signal.SIGHUP)
    process.communicate(timeout=10)
    os.close(leader)

    assert process.returncode == 143


def test_on_a_terminal_the_first_signal_says_what_happens(web: Web, start: object) -> None:
    leader, follower = os.openpty()
    process = start(f"{endless(web)}/slow", stdin=follower, stderr=follower)  # type: ignore[operator]
    os.close(follower)
    wait_for(lambda: web.requests("/slow"))

    process.send_signal(signal.SIGINT)
    told = b""
    while b"again" not in told:
        told += os.read(leader, 1_000)
    process.send_signal(signal.SIGINT)
    process.wait(5)
    os.close(leader)

    assert process.returncode == 130
    assert b"10 s at most for what is in flight; again to end at once" in told


def test_hup_elsewhere_reopens_the_output(web: Web, start: object, tmp_path: Path) -> None:
    out, rotated = tmp_path / "out.jsonl", tmp_path / "out.1.jsonl"
    process = start(endless(web), "-o", str(out), "-n", "300", stdin=subprocess.DEVNULL)  # type: ignore[operator]
    wait_for(lambda: out.exists() and out.stat().st_size > 0)

    out.rename(rotated)
    process.send_signal(signal.SIGHUP)
    process.communicate(timeout=60)

    urls = [each["url"] for path in (rotated, out) for each in read(path.read_text())]
    assert process.returncode == 0
    assert len(urls) == len(set(urls)) == 300
    assert out.stat().st_size > 0


def test_a_second_signal_ends_within_a_second(web: Web, start: object) -> None:
    process = start(f"{endless(web)}/slow")  # type: ignore[operator]
    wait_for(lambda: web.requests("/slow"))

    process.send_signal(signal.SIGINT)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.5)
    sent = time.monotonic()
    process.send_signal(signal.SIGINT)
    process.wait(5)

    assert process.returncode == 130
    assert time.monotonic() - sent < 1.5
    assert process.stderr.read() == ""


def test_a_stalled_reader_holds_nobody_up(web: Web, start: object) -> None:
    """The pipe is full and never read: memory stays, and the second signal still ends it."""
    process = start(endless(web, delay=0, padding=1500), "--per-host", "16")  # type: ignore[operator]
    seen = -1
    while seen != len(web.log) or not seen:  # until back-pressure has reached the web
        seen = len(web.log)
        time.sleep(0.5)

    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGINT)
    time.sleep(0.1)  # two equal signals may arrive as one: the second must be sent alone
    process.send_signal(signal.SIGINT)
    sent = time.monotonic()
    process.wait(5)

    assert process.returncode == 130
    assert time.monotonic() - sent < 1.5
    assert seen < 500


def test_a_reader_that_goes_away_ends_the_crawl_in_silence(web: Web) -> None:
    command = " ".join([*COMMAND, "crawl", endless(web), "--per-host", "8"])

    done = subprocess.run(
        ["bash", "-c", f"{command} | head -1; exit ${{PIPESTATUS[0]}}"],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )

    assert done.returncode == 141
    assert done.stderr == ""
    assert len(done.stdout.splitlines()) == 1


def test_usr1_prints_one_status_line(web: Web, start: object) -> None:
    process = start(endless(web))  # type: ignore[operator]
    wait_for(lambda: len(web.log) > 20)

    process.send_signal(signal.SIGUSR1)
    line = process.stderr.readline()

    assert "pages" in line
    assert "queued" in line


def test_a_process_that_was_stopped_costs_no_attempt(web: Web, start: object) -> None:
    async def handler(request: Request) -> Reply:
        return Reply(html([]), delay=0.0 if request.path == "/robots.txt" else 1.0)

    process = start(web.serve(handler), "--timeout", "1500ms", "--retries", "0")  # type: ignore[operator]
    wait_for(lambda: web.requests("/"))

    process.send_signal(signal.SIGSTOP)
    time.sleep(4.0)  # longer than the timeout, and than what the pulse takes for a pause
    process.send_signal(signal.SIGCONT)
    out, _ = process.communicate(timeout=20)

    assert process.returncode == 0
    assert json.loads(out)["attempts"] == 1
