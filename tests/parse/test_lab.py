"""Parsing children: they may die, hang or be stopped; every page has its one result."""

import asyncio
import contextlib
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator

import pytest

from crawler.model import Failed, Fault, Fetched, Page, Parsed, Target
from crawler.parse import frames, process, ward
from crawler.parse.lab import Lab, ParseBug
from crawler.parse.page import Reader
from crawler.parse.reading import Reading
from tests.web.server import html

READING = Reading("crawlway")
BOMBS = {
    "nested": b"<div>" * 100_000,
    "attributes": b"<a " + b" ".join(b"a%d=1" % number for number in range(100_000)) + b">",
    "formatting": b"".join(b"<b n%d>" % number for number in range(5_000))
    + b"".join(b"<i n%d>" % number for number in range(5_000))
    + b"x</b>" * 5_000,
}


def page(body: bytes, number: int = 0, host: str = "h") -> Page:
    """Return a fetched page."""
    target = Target(f"http://{host}/{number}", host, number, seed="http://h/", meta=b'{"a":[1]}')
    fetched = Fetched(target.url, 200, {"content-type": "text/html"}, body, len(body), 0.01)
    return Page(target, fetched, 1, 1_700_000_000.0)


def healthy(number: int) -> Page:
    """Return a page whose one link tells it from others."""
    return page(html([f"/to/{number}", "/same"], title=f"Page {number}").encode(), number)


def parts(result: Parsed | Failed) -> object:
    """Return what counts of a result, whatever sequences it is made of."""
    if isinstance(result, Failed):
        return result
    return (list(result.lines), list(result.found), dict(result.refused))


@contextlib.asynccontextmanager
async def lab(count: int = 2, deadline: float = 10.0) -> AsyncIterator[Lab]:
    scope = READING.make_scope()
    scope.widen("http://h/")
    async with Lab(READING, scope, count, deadline) as made:
        yield made


async def all_gone(pids: list[int], seconds: float) -> bool:
    """Wait until no process with these ids is left."""
    deadline = time.monotonic() + seconds
    while any(alive(pid) for pid in pids):
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(0.02)
    return True


@pytest.mark.parametrize("reported", [False, True])
def test_a_child_whose_crawler_is_killed_ends_without_a_word(
    capfd: pytest.CaptureFixture[str], reported: bool
) -> None:
    child = process.Process()
    child.socket.setblocking(True)
    child.socket.sendall(frames.frame(frames.Setup(READING, ())))
    child.socket.sendall(frames.frame(frames.Batch(1, (), [healthy(1)])))
    if reported:  # what lies unread in a socket that closes resets the other end
        child.socket.recv(1, socket.MSG_PEEK)
    child.socket.close()

    assert child.popen.wait(30.0) == 0
    assert capfd.readouterr() == ("", "")


def alive(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


async def test_children_read_what_one_would_read_here() -> None:
    scope = READING.make_scope()
    scope.widen("http://h/")
    reader = Reader(READING, scope)
    pages = [
        healthy(1),
        page(b"<a href=//elsewhere/x rel=nofollow>\xff\xfe<title>\xe9"),
        page(b""),
        page("<meta charset=windows-1251><title>Привет".encode("windows-1251")),
    ]

    async with lab() as children:
        results = await asyncio.gather(*map(children.parse, pages))

    here = [reader.read(each) for each in pages]
    assert list(map(parts, results)) == list(map(parts, here))


async def test_every_page_of_many_has_its_own_result() -> None:
    async with lab() as children:
        results = await asyncio.gather(*(children.parse(healthy(n)) for n in range(500)))

    for number, result in enumerate(results):
        assert isinstance(result, Parsed)
        assert result.found[0].url == f"http://h/to/{number}"
    assert children.deaths == 0


async def test_children_may_wait_for_the_first_page() -> None:
    scope = READING.make_scope()
    async with Lab(READING, scope, 2, wait=True) as children:
        none = children.pids
        read = await asyncio.gather(*(children.parse(page(html(["/"]).encode())) for _ in range(9)))
        both = children.pids

    assert (none, len(both)) == ([], 2)
    assert all(isinstance(each, Parsed) for each in read)


async def test_what_joins_the_scope_is_known_to_children_before_the_next_page() -> None:
    scope = READING.make_scope()
    scope.widen("http://h/")
    there = page(html(["http://new/x"]).encode())
    async with Lab(READING, scope, 1) as children:
        before = await children.parse(there)
        scope.widen("http://new/")
        after = await children.parse(there)

    assert isinstance(before, Parsed)
    assert isinstance(after, Parsed)
    assert (before.found, [link.url for link in after.found]) == ([], ["http://new/x"])


@pytest.mark.parametrize("kind", list(BOMBS))
async def test_a_bomb_is_one_failure_and_the_healthy_pages_do_not_wait(kind: str) -> None:
    async with lab(deadline=2.0) as children:
        bomb = asyncio.create_task(children.parse(page(BOMBS[kind], 9_999)))
        waits = []
        for number in range(20):
            started = time.monotonic()
            result = await children.parse(healthy(number))
            waits.append(time.monotonic() - started)
            assert isinstance(result, Parsed)
        failed = await bomb

    assert isinstance(failed, Failed)
    assert failed.fault is Fault.PARSER_CRASH
    assert max(waits) < 5.0


async def test_children_killed_and_stopped_at_random_cost_no_page() -> None:
    chance = random.Random(1)
    async with lab(deadline=3.0) as children:

        async def harm() -> None:
            for _ in range(25):
                await asyncio.sleep(chance.uniform(0.01, 0.05))
                victim = chance.choice(children.pids or [0])
                if victim:
                    os.kill(victim, chance.choice([signal.SIGKILL, signal.SIGSTOP]))

        async def feed(start: int) -> list[Parsed | Failed]:
            return [await children.parse(healthy(number)) for number in range(start, start + 60)]

        harming = asyncio.create_task(harm())
        lists = await asyncio.gather(*(feed(start) for start in range(0, 1_200, 60)))
        await harming
        again = await asyncio.wait_for(children.parse(healthy(7)), 5.0)
        deaths = children.deaths

    results = [result for each in lists for result in each]
    failed = [result for result in results if isinstance(result, Failed)]
    assert len(results) == 1_200
    assert all(each.fault is Fault.PARSER_CRASH for each in failed)
    assert len(failed) <= 5  # a page that met two kills in a row; most met none
    assert deaths >= 5
    assert isinstance(again, Parsed)


async def test_a_child_that_is_killed_is_replaced_within_a_second() -> None:
    async with lab(count=1) as children:
        await children.parse(healthy(1))
        (before,) = children.pids
        os.kill(before, signal.SIGKILL)
        started = time.monotonic()
        result = await children.parse(healthy(2))
        (after,) = children.pids

    assert isinstance(result, Parsed)
    assert after != before
    assert time.monotonic() - started < 1.0


async def test_children_ignore_int_and_term_and_end_with_the_lab() -> None:
    async with lab() as children:
        await asyncio.gather(*(children.parse(healthy(n)) for n in range(400)))  # both are up
        pids = children.pids
        for pid in pids:
            os.kill(pid, signal.SIGINT)
            os.kill(pid, signal.SIGTERM)
        results = await asyncio.gather(*(children.parse(healthy(n)) for n in range(40)))
        assert children.pids == pids

    assert all(isinstance(result, Parsed) for result in results)
    assert await all_gone(pids, 1.0)


async def test_a_bug_in_a_child_is_raised_here_with_its_traceback() -> None:
    async with lab(count=1) as children:
        broken = page(b"<a href=x>")
        with pytest.raises(ParseBug, match="Traceback"):
            await children.parse(
                Page(broken.target, broken.fetched, 1, float("inf"))  # no such moment
            )
        assert isinstance(await children.parse(healthy(1)), Parsed)


async def test_a_page_that_cannot_be_sent_is_a_bug_and_costs_no_other() -> None:
    broken = page(b"x", 1)
    headers = {"content-type": "\udcff"}  # what no encoder takes
    broken = Page(broken.target, Fetched(broken.target.url, 200, headers, b"x", 1, 0.0), 1, 0.0)
    async with lab() as children:
        with pytest.raises(ParseBug, match="cannot be sent"):
            await children.parse(broken)
        results = await asyncio.gather(*(children.parse(healthy(n)) for n in range(50)))
    assert all(isinstance(result, Parsed) for result in results)


async def test_children_that_never_start_are_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "_BOOT", "raise SystemExit(3)")

    async with lab() as children:
        with pytest.raises(ParseBug, match="do not start"):
            await asyncio.wait_for(children.parse(healthy(1)), 20.0)


async def test_no_child_outlives_a_crawler_that_is_killed() -> None:
    """The parent dies by SIGKILL with a bomb in hand: the child's own alarm ends it."""
    code = (
        "import asyncio, tests.parse.test_lab as t\n"
        "async def main():\n"
        "    async with t.lab(deadline=1.0) as children:\n"
        "        print(*children.pids, flush=True)\n"
        "        await children.parse(t.page(t.BOMBS['nested'] * 8))\n"
        "asyncio.run(main())\n"
    )
    parent = subprocess.Popen(  # noqa: ASYNC220 - it must be killed, not awaited
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    pids = [int(pid) for pid in parent.stdout.readline().split()]
    await asyncio.sleep(0.3)  # let it be in the middle of the page
    parent.kill()
    parent.wait()
    parent.stdout.close()

    assert len(pids) == 2
    assert await all_gone(pids, 15.0)


async def test_losing_the_rest_of_a_batch_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The test of the test: a lab that does not hand on a dead child's pages."""
    monkeypatch.setattr(Lab, "_take_back", lambda self, child, but: None)

    async with lab(count=1) as children:
        tasks = [asyncio.create_task(children.parse(healthy(n))) for n in range(200)]
        await asyncio.sleep(0.02)
        os.kill(children.pids[0], signal.SIGKILL)
        _, pending = await asyncio.wait(tasks, timeout=3.0)
        for task in pending:
            task.cancel()

    assert pending


async def test_pages_that_go_alone_get_their_turn_under_load() -> None:
    async with lab(count=1) as children:
        running = True

        async def feed(start: int) -> None:
            number = start
            while running:
                number += 1
                await children.parse(healthy(number))

        feeders = [asyncio.create_task(feed(1_000 * each)) for each in range(40)]
        await asyncio.sleep(0.2)
        large = page(b"<p>" + b"x" * ward.LARGE, 999_999)
        result = await asyncio.wait_for(children.parse(large), 5.0)
        running = False
        await asyncio.gather(*feeders)

    assert isinstance(result, Parsed)


async def test_a_page_too_large_to_arrive_is_a_crash_and_no_loop() -> None:
    scope = READING.make_scope()
    async with Lab(READING, scope, 1, memory=200 * 1024 * 1024) as children:
        result = await asyncio.wait_for(children.parse(page(b"x" * 120_000_000)), 20.0)
        again = await children.parse(healthy(1))
        deaths = children.deaths

    assert isinstance(result, Failed)
    assert result.fault is Fault.PARSER_CRASH
    assert isinstance(again, Parsed)
    assert deaths == 2


async def test_a_page_that_has_a_child_to_itself_costs_one_deadline() -> None:
    async with lab(count=1, deadline=1.0) as children:
        failed = await children.parse(page(BOMBS["nested"] * 4))
        again = await children.parse(healthy(1))
        deaths = children.deaths

    assert isinstance(failed, Failed)
    assert "reading the page took more than 1 s" in failed.message
    assert isinstance(again, Parsed)
    assert deaths == 1


async def test_pages_have_a_deadline_whatever_befalls_the_watch(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    look, falls = ward.Ward.look, 3

    def stumble(self: ward.Ward, now: float, deadline: float) -> None:
        nonlocal falls
        falls -= 1
        if falls >= 0:
            raise RuntimeError("a bug")
        look(self, now, deadline)

    monkeypatch.setattr(ward.Ward, "look", stumble)
    async with lab(count=1, deadline=1.0) as children:
        failed = await children.parse(page(BOMBS["nested"] * 4))

    assert isinstance(failed, Failed)
    assert "took more than 1 s" in failed.message  # not the child's own alarm
    assert falls < 0
    assert [each.exc_text for each in caplog.records if "a bug" in (each.exc_text or "")]
    assert len(caplog.records) == 1


async def test_a_system_without_room_for_a_child_is_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with lab(count=1) as children:
        await children.parse(healthy(1))
        original, refusals = subprocess.Popen, 3

        def full(*args: object, **kwargs: object) -> object:
            nonlocal refusals
            refusals -= 1
            if refusals >= 0:
                raise OSError(11, "no room")
            return original(*args, **kwargs)  # type: ignore[call-overload]

        monkeypatch.setattr("crawler.parse.process.subprocess.Popen", full)
        os.kill(children.pids[0], signal.SIGKILL)
        result = await asyncio.wait_for(children.parse(healthy(2)), 10.0)

    assert isinstance(result, Parsed)
    assert refusals < 0


async def test_a_start_that_is_cancelled_leaves_no_child() -> None:
    pids: list[int] = []
    for turns in range(1, 6):
        scope = READING.make_scope()
        made = Lab(READING, scope, 2)
        starting = asyncio.create_task(made.__aenter__())
        for _ in range(turns):
            await asyncio.sleep(0)
        pids += made.pids
        starting.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await starting
            await made.__aexit__(None, None, None)

    assert await all_gone(pids, 2.0)


async def test_children_that_were_started_before_are_taken() -> None:
    with process.Started(2) as started:
        early = {each.popen.pid for each in started._processes}
        async with Lab(
            Reading("crawlway"), Reading("crawlway").make_scope(), 1, started=started
        ) as lab:
            assert set(lab.pids) < early
            (left,) = started._processes
        assert left.popen.poll() is None
    assert left.popen.returncode is not None  # nobody took it
