"""A state file: whose it is, what was asked for, what is done about what is none of ours."""

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from crawler.account import Mark
from crawler.errors import BadSetting, Exit, StateUnusable, WriteFailed
from crawler.frontier.asked import Asked
from crawler.frontier.inquiry import Account, Inquiry
from crawler.frontier.sqlite import SqliteFrontier
from crawler.frontier.state import FORMAT, State, unusable
from crawler.model import Settled, Verdict
from tests.frontier.damage import contents
from tests.frontier.kinds import TTL, Borrower, Clock, Options, filed, link, scratch, unready

FEW_PAGES = "PRAGMA max_page_count = 100"
ASKED = {"--depth": "3", "--scope": "host", "--include": "", "URL": "https://example.com/"}


async def make(path: Path, flags: dict[str, str] | None = None, *, fresh: bool = False) -> None:
    state = await State.open(str(path), Asked(flags or {}, ["out.jsonl"]), unready, fresh=fresh)
    await state.close()


async def crawled(folder: Path) -> None:
    """Leave a state with 40 URLs, five of them fetched, and an output."""
    clock = Clock()
    async with filed(SqliteFrontier)(folder, clock, Options()) as frontier:
        desk = Borrower(frontier, clock)
        await frontier.settle([], [Mark("out.jsonl", 0, 0)])
        await desk.add("a/0")
        await desk.claim()
        await desk.end("a/0", found=[f"a/{number}" for number in range(1, 40)])
        lent = await desk.claim(per_site=4)
        batch = [Settled(desk.leases[name], Verdict.FETCHED) for name in lent]
        await frontier.settle(batch, [Mark("out.jsonl", 1_234, 99)])


# What was asked for


async def test_the_same_again_goes_on(tmp_path: Path) -> None:
    for _ in range(2):
        await make(tmp_path / "state.db", ASKED)


@pytest.mark.parametrize(
    ("flag", "value", "words"),
    [
        ("--depth", "4", "with --depth 3, not with --depth 4"),
        ("--depth", "", "with --depth 3, not without --depth"),
        ("--include", "x", "without --include, not with --include x"),
        ("URL", "https://b.test/", "from https://example.com/, not from https://b.test/"),
        ("URL", "", "from https://example.com/, not from --input"),
    ],
)
async def test_another_crawl_is_told_what_differs_and_changes_nothing(
    tmp_path: Path, flag: str, value: str, words: str
) -> None:
    await make(tmp_path / "state.db", ASKED)
    await crawled(tmp_path)
    before = contents(tmp_path)
    with pytest.raises(BadSetting) as caught:
        await make(tmp_path / "state.db", ASKED | {flag: value})
    assert words in str(caught.value)
    assert "--fresh" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert contents(tmp_path) == before


async def test_fresh_forgets_the_crawl_but_not_whose_the_outputs_are(tmp_path: Path) -> None:
    await make(tmp_path / "state.db", ASKED)
    await crawled(tmp_path)
    await make(tmp_path / "state.db", ASKED | {"--depth": "9"}, fresh=True)
    clock = Clock()
    async with filed(SqliteFrontier)(tmp_path, clock, Options()) as frontier:
        assert frontier.past.marks == [Mark("out.jsonl", 0, 0)]
        assert not frontier.past.ended
        assert (await frontier.tally()).discovered == 0
    await crawled(tmp_path)
    with pytest.raises(BadSetting, match="with --depth 9"):
        await make(tmp_path / "state.db", ASKED)


async def test_a_command_that_nothing_came_of_may_be_mended(tmp_path: Path) -> None:
    await make(tmp_path / "state.db", ASKED)
    await make(tmp_path / "state.db", ASKED | {"--depth": "9"})
    await crawled(tmp_path)
    await make(tmp_path / "state.db", ASKED | {"--depth": "9"})
    with pytest.raises(BadSetting, match="with --depth 9"):
        await make(tmp_path / "state.db", ASKED)


@pytest.mark.parametrize("fresh", [False, True])
@pytest.mark.parametrize("leftover", [b"", b"half a database", b"SQLite format 3\0" + bytes(5_000)])
async def test_a_new_one_begun_and_never_finished_is_no_trouble(
    tmp_path: Path, leftover: bytes, fresh: bool
) -> None:
    if fresh:
        await crawled(tmp_path)
    (tmp_path / "state.db.new").write_bytes(leftover)
    (tmp_path / "state.db.new-journal").write_bytes(leftover)
    await make(tmp_path / "state.db", ASKED, fresh=True)
    await make(tmp_path / "state.db", ASKED)
    assert not (tmp_path / "state.db.new").exists()


# What is not ours


def with_pragma(path: Path, pragma: str) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute(f"PRAGMA {pragma}")


def overwrite(path: Path, start: int, data: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(start)
        file.write(data)


def another_database(path: Path) -> None:
    path.unlink()
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE url (id)")


def index_without_a_row(path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA writable_schema = ON")
        db.execute("UPDATE sqlite_master SET rootpage = 3 WHERE name = 'open'")


def wrong_count(path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("UPDATE pass SET fetched = fetched + 1")


UNUSABLE: dict[str, tuple[Callable[[Path], object], str]] = {
    "JSONL": (lambda path: path.write_text('{"type":"page"}\n' * 99), "not a crawler's state"),
    "short": (lambda path: path.write_text("SQL"), "not a crawler's state"),
    "another database": (another_database, "not a crawler's state"),
    "newer": (lambda path: with_pragma(path, f"user_version = {FORMAT + 1}"), "newer crawler"),
    "older": (lambda path: with_pragma(path, "user_version = 1"), "older crawler"),
    "cut": (lambda path: os.truncate(path, 9_000), "damaged"),
    "only a head": (lambda path: os.truncate(path, 100), "damaged|not a crawler's state"),
    "zeros": (lambda path: overwrite(path, 4_096, bytes(4_096)), "damaged"),
    "garbage": (lambda path: overwrite(path, 4_096, bytes(range(256)) * 16), "damaged"),
    "index": (index_without_a_row, "damaged"),
    "counts": (wrong_count, "damaged .its counts are wrong"),
}


@pytest.mark.parametrize("fresh", [False, True])
@pytest.mark.parametrize("case", UNUSABLE)
async def test_what_cannot_be_used_is_refused_and_stays_as_it_is(
    tmp_path: Path, case: str, fresh: bool
) -> None:
    spoil, words = UNUSABLE[case]
    path = tmp_path / "state.db"
    await crawled(tmp_path)
    spoil(path)
    before = contents(tmp_path)
    with pytest.raises(StateUnusable, match=words) as caught:
        await make(path, fresh=fresh)
    told = str(caught.value)
    assert caught.value.exit == Exit.CANNOT_CREATE
    assert "\n" not in told
    assert str(path) in told
    assert "another --state" in told or "bring back a copy" in told
    assert contents(tmp_path) == before
    assert set(os.listdir(tmp_path)) <= {
        "state.db", "state.db.lock", "state.db-wal", "state.db-shm"
    }  # fmt: skip


async def test_what_was_not_folded_in_stays_as_well_when_the_file_is_refused(
    tmp_path: Path,
) -> None:
    alive, left = tmp_path / "alive", tmp_path / "left"
    alive.mkdir()
    clock = Clock()
    async with filed(SqliteFrontier)(alive, clock, Options()) as frontier:
        await Borrower(frontier, clock).add("a/0", "a/1")
        shutil.copytree(alive, left)
    with_newer = left / "state.db"
    overwrite(with_newer, 0, b"no database\n")
    before = contents(left)
    assert before["state.db-wal"]
    with pytest.raises(StateUnusable):
        await make(with_newer)
    assert contents(left) == before


async def test_an_empty_file_is_made_a_state(tmp_path: Path) -> None:
    (tmp_path / "state.db").touch()
    await make(tmp_path / "state.db")
    assert (tmp_path / "state.db").stat().st_size > 0


async def test_a_folder_is_no_state(tmp_path: Path) -> None:
    (tmp_path / "state.db").mkdir()
    with pytest.raises(StateUnusable, match=r"state\.db: is a directory") as caught:
        await make(tmp_path / "state.db")
    assert caught.value.exit == Exit.CANNOT_CREATE


@pytest.mark.parametrize("path", ["nowhere/state.db", "file/state.db", "/proc/state.db"])
async def test_where_no_file_can_be_the_reason_is_given(tmp_path: Path, path: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(
        StateUnusable, match=r"cannot (lock|create|read) .*(--state|create .* first)"
    ):
        await make(tmp_path / path)


OPEN = """
import asyncio, os, sys
from crawler.errors import CrawlError
from crawler.frontier.sqlite import SqliteFrontier
from crawler.frontier.asked import Asked
async def ready(marks):
    pass
async def main():
    async with SqliteFrontier.opened(sys.argv[1], Asked({}), ready, lambda: 0.0):
        pass
if os.getuid() == 0:
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
try:
    asyncio.run(main())
except CrawlError as error:
    print(error)
    sys.exit(error.exit)
"""


def open_as_nobody(path: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", OPEN, path], capture_output=True, text=True)


@pytest.mark.parametrize("locked", [True, False])
@pytest.mark.parametrize(("folder", "file"), [(0o555, 0o444), (0o777, 0o444), (0o777, 0o000)])
async def test_without_permission_it_says_so(folder: int, file: int, locked: bool) -> None:
    with scratch() as outer:
        place = outer / "place"
        place.mkdir()
        await crawled(place)
        lock = place / "state.db.lock"
        lock.chmod(0o666) if locked else lock.unlink()
        before = contents(place)
        (place / "state.db").chmod(file)
        outer.chmod(0o755)
        place.chmod(folder)
        path = str(place / "state.db")
        ran = open_as_nobody(path)
        place.chmod(0o755)
        (place / "state.db").chmod(0o644)
        assert (ran.returncode, ran.stderr) == (73, "")
        assert ran.stdout.count("\n") == 1
        assert "--state" in ran.stdout
        assert contents(place) == before


# A disk that is full


@contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    """Mount a disk of half a megabyte, if that is allowed."""
    words = ["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(folder)]
    if os.getuid() or subprocess.run(words, capture_output=True).returncode:
        pytest.skip("no mounting here")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def enlarge(folder: Path) -> None:
    subprocess.run(["mount", "-o", "remount,size=4m", str(folder)], check=True)


async def fill(frontier: SqliteFrontier, desk: Borrower) -> tuple[WriteFailed, int, int]:
    """Settle until the disk is full; return the error, and what was committed before."""
    fetched = discovered = 0
    for number in range(1_000):
        children = [link(f"a/{number}-{each}-{'x' * 200}") for each in range(200)]
        (name,) = await desk.claim(per_site=1)
        tally = await desk.tally()
        fetched, discovered = tally.fetched, tally.discovered
        settled = Settled(desk.leases[name], Verdict.FETCHED, found=children)
        try:
            await frontier.settle([settled], [Mark("out", number + 1, 0)])
        except WriteFailed as error:
            return error, fetched, discovered
    raise AssertionError("the disk is larger than thought")


@pytest.mark.parametrize("how", ["pages", "disk"])
async def test_a_full_disk_in_the_middle_of_a_settlement(tmp_path: Path, how: str) -> None:
    with small_disk(tmp_path) if how == "disk" else closing(sqlite3.connect(":memory:")):
        clock = Clock()
        async with filed(SqliteFrontier)(tmp_path, clock, Options()) as frontier:
            assert isinstance(frontier, SqliteFrontier)
            desk = Borrower(frontier, clock)
            await desk.add("a/0")
            if how == "pages":
                db = frontier._state.db
                await frontier._state.run(lambda: db.execute(FEW_PAGES).fetchall())
            error, fetched, discovered = await fill(frontier, desk)
            assert error.exit == Exit.IO_ERROR
            assert "free some space" in str(error)
            assert "\n" not in str(error)

            await frontier.give_back(list(desk.leases.values()))
            for verb in (
                frontier.add([]),
                frontier.claim(1, 1, TTL),
                frontier.settle([], ()),
                frontier.pace([("a", 1.0, 1.0)]),
            ):
                with pytest.raises(WriteFailed) as again:
                    await verb
                assert again.value is error

        if how == "disk":  # some space is freed
            enlarge(tmp_path)
        async with filed(SqliteFrontier)(tmp_path, clock, Options()) as frontier:
            tally = await frontier.tally()
            assert (tally.fetched, tally.discovered) == (fetched, discovered)
            assert [mark.offset for mark in frontier.past.marks] == [fetched] * bool(fetched)
            (holding,) = await frontier.claim(1, 1_000, TTL)
            assert len(holding.leases) == min(1_000, discovered - fetched)


async def test_after_a_bug_nothing_more_is_written(tmp_path: Path) -> None:
    """What is in memory may be ahead of the file, whatever the reason."""
    clock = Clock()
    async with filed(SqliteFrontier)(tmp_path, clock, Options()) as frontier:
        desk = Borrower(frontier, clock)
        await desk.add("a/0")
        await desk.claim()
        bad = link("a/1")
        odd = type(bad)(bad.url + "\ud800", bad.site, bad.fp)
        with pytest.raises(UnicodeEncodeError):
            await frontier.settle([Settled(desk.leases["a/0"], Verdict.FETCHED, found=[odd])], ())
        await frontier.give_back(list(desk.leases.values()))
        with pytest.raises(UnicodeEncodeError):
            await frontier.claim(1, 1, TTL)
    async with filed(SqliteFrontier)(tmp_path, clock, Options()) as frontier:
        tally = await frontier.tally()
        assert (tally.discovered, tally.left) == (1, 1)


@pytest.mark.parametrize("code", [sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_FSYNC])
def test_a_disk_that_fails_has_another_remedy_than_one_that_is_full(code: int) -> None:
    error = sqlite3.OperationalError("it did not work")
    error.sqlite_errorcode = code

    told = unusable("crawl.db", error)

    assert isinstance(told, WriteFailed)
    assert ("see to the disk" in str(told)) == (code != sqlite3.SQLITE_FULL)
    assert str(told).endswith("and run the same command again")


# Questions


async def test_questions_see_one_picture_whatever_is_committed_meanwhile(tmp_path: Path) -> None:
    def ask(inquiry: Inquiry) -> tuple[object, ...]:
        answers = (inquiry.orphans(), inquiry.sites(), inquiry.links_out("http://a/0"))
        return inquiry.account(), *(list(each.rows) for each in answers)

    path, clock = str(tmp_path / "state.db"), Clock()
    async with filed(SqliteFrontier)(tmp_path, clock, Options()) as frontier:
        desk = Borrower(frontier, clock)
        await desk.add("a/0", "a/1")
        await desk.claim()
        await desk.end("a/0", found=["a/2"])
        with Inquiry(path) as inquiry:
            before = ask(inquiry)
            await desk.end("a/1", found=["a/0", "b/3"])
            await desk.claim()
            await desk.end("b/3")
            again = ask(inquiry)
        with Inquiry(path) as inquiry:
            after = ask(inquiry)
        tally = await desk.tally()

    assert again == before
    assert before[1] == [("http://a/0", None)]
    assert after[1] == [("http://a/1", None)]
    assert isinstance(after[0], Account)
    assert after[0].tally == tally
