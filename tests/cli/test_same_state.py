"""One state is one state: whatever link leads to it, and whoever takes its lock file away."""

import asyncio
import json
import threading
from pathlib import Path

import pytest

from tests.cli.lives import Life, graph, one_line, unended, wait_for
from tests.cli.run import crawler
from tests.web.server import Reply, Request, Web, html

PAGES = 40


def linked(life: Life) -> Life:
    """Return the same crawl, its state given by a link in a folder of its own."""
    folder = life.folder / "link"
    folder.mkdir()
    other = Life(folder, life.seeds, (str(life.out),), life.usual)
    other.state.symlink_to("../crawl.db")
    return other


@pytest.fixture
def life(web: Web, tmp_path: Path) -> Life:
    """A crawl of 40 pages."""
    return Life(tmp_path, (f"{web.pages(graph(PAGES))}/0",), (str(tmp_path / "out.jsonl"),))


def complete(life: Life) -> bool:
    """Whether every page has its record, once."""
    origin = life.seeds[0].rpartition("/")[0]
    return life.ends() == {f"{origin}/{number}": "page" for number in range(PAGES)}


def test_after_a_death_a_link_leads_to_all_that_was_committed(life: Life) -> None:
    other = linked(life)

    life.killed("after page", 12)
    assert (life.folder / "crawl.db-wal").stat().st_size
    by_link, by_name = (crawler("state", str(each.state)) for each in (other, life))
    other.killed("after page", 12)
    assert (life.folder / "crawl.db-wal").stat().st_size
    ran = other.run()

    assert (by_link.code, by_link.err) == (0, "")
    assert by_link.out == by_name.out
    assert " 0 pages" not in by_link.out
    assert (ran.code, ran.err) == (0, "")
    assert complete(life)
    assert other.state.is_symlink()
    assert [path.name for path in other.folder.iterdir()] == ["crawl.db"]


def test_a_link_to_nothing_yet_makes_what_it_leads_to(web: Web, life: Life) -> None:
    other = linked(life)

    assert other.run("-n", "10").code == 0
    assert other.state.is_symlink()
    assert not life.state.is_symlink()
    asked = len(web.log)
    assert other.run("-n", "20", "--fresh").code == 0
    assert other.state.is_symlink()

    assert life.run().code == 0  # by its name
    assert len(web.log) - asked == PAGES + 2
    assert complete(life)


@pytest.fixture
def go() -> threading.Event:
    """What the last page waits for."""
    return threading.Event()


@pytest.fixture
def slow(web: Web, tmp_path: Path, go: threading.Event) -> Life:
    """A crawl of 40 pages, of which one waits until it may ``go``."""
    links = graph(PAGES)

    async def handler(request: Request) -> Reply:
        if request.path not in links:
            return Reply(status=404)
        if request.path == "/39":
            await asyncio.to_thread(go.wait, 30)
        return Reply(html(links[request.path]))

    return Life(tmp_path, (f"{web.serve(handler)}/0",), ("-",))


def test_a_run_by_a_link_keeps_out_one_by_the_name(
    web: Web, slow: Life, go: threading.Event
) -> None:
    """The other way round is in ``test_lock``."""
    (slow.folder / "link").mkdir()
    other = Life(slow.folder / "link", slow.seeds, ("-",))
    other.state.symlink_to(slow.state)
    with other.running() as first:
        wait_for(lambda: web.requests("/39"))
        second = slow.run()
        go.set()
        out, _ = first.communicate(timeout=20)

    assert second.code == 75
    assert one_line(second.err, f"process {first.pid}"), second.err
    assert (first.returncode, len(out.splitlines())) == (0, PAGES)


def test_a_run_whose_lock_was_removed_stops_and_harms_nothing(
    web: Web, slow: Life, go: threading.Event
) -> None:
    """Another run has begun meanwhile: from then on the state is that one's."""
    lock = Path(f"{slow.state}.lock")
    with slow.running() as first:
        wait_for(lambda: web.requests("/39"))
        wait_for(lambda: " 1 left" in crawler("state", str(slow.state)).out)
        lock.unlink()
        with slow.running() as second:
            wait_for(lambda: len(web.requests("/39")) == 2)
            go.set()
            _, err = first.communicate(timeout=20)
            _, told = second.communicate(timeout=20)

    assert first.returncode == 75
    assert one_line(err, str(lock), "was removed", "run again"), err
    assert (second.returncode, told) == (0, "")
    account = json.loads(crawler("state", str(slow.state), "--json").out.splitlines()[0])
    assert (account["discovered"], account["fetched"], account["left"]) == (PAGES, PAGES, 0)
    unended(slow.state)
    again = slow.run()
    assert (again.code, again.out, again.err) == (0, "", "")
