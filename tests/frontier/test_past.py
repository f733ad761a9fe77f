"""What a state remembers for the runs to come: leases whole, times, and single commits."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from crawler.account import Ended, Mark
from crawler.frontier.lore import COLUMNS, MOST_LENT, Lore
from crawler.frontier.sqlite import SqliteFrontier
from crawler.frontier.whole import stamp
from crawler.model import Change, Fault, Gone, Known, Lease, Link, Reason, Settled, Target, Verdict
from tests.frontier.kinds import TTL, Borrower, Clock, Options, filed, link, target

state = filed(SqliteFrontier)
ONE = Options()


# Leases


def of(name: str, seed: str, via: str | None, depth: int, hops: int, meta: bytes | None) -> Target:
    to = link(name)
    return Target(to.url, to.site, to.fp, f"http://{seed}", via, depth, hops, meta)


WHOLE = [
    of("a/0", "a/0", None, 0, 0, b'{"id":1}'),
    of("b/0", "b/0", None, 0, 0, None),
    of("a/child", "a/0", "http://a/0", 1, 0, b'{"id":1}'),
    of("c/hop", "a/0", "http://a/child", 1, 1, b'{"id":1}'),
    of("c/hop2", "a/0", "http://c/hop", 1, 2, b'{"id":1}'),
    of("a/sitemap.xml", "a/0", "http://a/robots.txt", 0, 1, b'{"id":1}'),
    of("a/page", "a/0", "http://a/sitemap.xml", 0, 2, b'{"id":1}'),
    of("b/plain", "b/0", "http://b/0", 1, 0, None),
]
"""Two seeds, and what descends from them: also by a robots.txt, which is no URL of the crawl."""


@pytest.mark.parametrize("reopened", [False, True])
async def test_leases_are_whole_whoever_opens_the_file(tmp_path: Path, reopened: bool) -> None:
    clock = Clock()
    met: dict[str, Target] = {}

    async def borrow(frontier: SqliteFrontier, *given: Target) -> dict[str, Lease]:
        await frontier.add(given)
        lent = [each for held in await frontier.claim(9, 99, TTL) for each in held.leases]
        met.update({lease.target.url: lease.target for lease in lent})
        return {lease.target.url.removeprefix("http://"): lease for lease in lent}

    async def settle(frontier: SqliteFrontier, lease: Lease, *to: str, hop: bool = False) -> None:
        verdict = Verdict.REDIRECTED if hop else Verdict.FETCHED
        links = [link(name) for name in to]
        await frontier.settle([Settled(lease, verdict, found=links, hop=hop)], ())

    steps: list[tuple[str, list[str], bool]] = [
        ("a/0", ["a/child"], False),
        ("b/0", ["b/plain"], False),
        ("a/child", ["c/hop"], True),
        ("c/hop", ["c/hop2"], True),
        ("a/sitemap.xml", ["a/page"], True),
    ]
    given = [WHOLE[0], WHOLE[1], WHOLE[5]]
    if reopened:
        for name, found, hop in steps:
            async with state(tmp_path, clock, ONE) as frontier:
                assert isinstance(frontier, SqliteFrontier)
                lent = await borrow(frontier, *given)
                await settle(frontier, lent[name], *found, hop=hop)
        async with state(tmp_path, clock, ONE) as frontier:
            assert isinstance(frontier, SqliteFrontier)
            await borrow(frontier)
    else:
        async with state(tmp_path, clock, ONE) as frontier:
            assert isinstance(frontier, SqliteFrontier)
            lent = await borrow(frontier, *given)
            for name, found, hop in steps:
                await settle(frontier, lent[name], *found, hop=hop)
                lent |= await borrow(frontier)
    assert met == {each.url: each for each in WHOLE}


async def test_the_past_tells_what_ended_how_and_where_seeds_led(tmp_path: Path) -> None:
    clock = Clock()
    async with state(tmp_path, clock, ONE) as frontier:
        desk = Borrower(frontier, clock)
        await desk.add("a/0", "b/0", "c/0", "d/0")
        await frontier.add([WHOLE[5]])
        await desk.claim()
        leases = desk.leases
        await frontier.settle(
            [
                Settled(leases["a/0"], Verdict.REDIRECTED, found=[link("z/0")], hop=True),
                Settled(leases["b/0"], Verdict.FAILED, why=Fault.HTTP_4XX, status=404),
                Settled(leases["c/0"], Verdict.SKIPPED, why=Reason.ROBOTS),
            ],
            [Mark("one", 5, 6), Mark("two", 0, 0)],
        )
    async with state(tmp_path, clock, ONE) as frontier:
        past = frontier.past
    assert past.widened == [("http://a/0", "http://z/0")]
    assert past.open_seeds == 1, "d/0; neither the sitemap nor where a/0 led is a seed"
    assert set(past.marks) == {Mark("one", 5, 6), Mark("two", 0, 0)}
    assert sorted(past.ended, key=lambda each: each.url) == [
        Ended(Verdict.REDIRECTED, None, None, True, 1, "http://a/0"),
        Ended(Verdict.FAILED, "http_4xx", 404, True, 1, "http://b/0"),
        Ended(Verdict.SKIPPED, "robots", None, True, 1, "http://c/0"),
    ]


# Times


@pytest.mark.parametrize("pause", [0.0, 20.0, 7_200.0])
@pytest.mark.parametrize("block", [0.0, 30.0, 86_400.0])
@pytest.mark.parametrize("set_by", [0.0, 1.5, -1.5, 40.0, -40.0, 1e6, -1e6, -1.8e9])
async def test_a_clock_that_is_set_hurries_nothing_and_holds_nothing_up(
    tmp_path: Path, set_by: float, block: float, pause: float
) -> None:
    clock, delay = Clock(), 8.0
    options = Options(pause=pause)
    async with state(tmp_path, clock, options) as frontier:
        await frontier.add([target("a/0")])
        await frontier.pace([("a", delay, block)])
    clock.epoch += set_by
    async with state(tmp_path, clock, options) as frontier:
        begun, floor = clock.now, max(delay, pause)
        assert not await frontier.claim(1, 1, TTL)
        due = (await frontier.tally()).due
        assert due is not None
        assert floor <= due <= max(floor, 3_600.0)
        clock.now = begun + due - 0.5
        assert not await frontier.claim(1, 1, TTL)
        clock.now = begun + due
        (holding,) = await frontier.claim(1, 1, TTL)
        assert holding.delay == delay


@pytest.mark.parametrize("set_by", [0.0, 40.0, -1e6, 1e6])
async def test_a_retry_waits_no_more_than_two_minutes_when_a_run_begins(
    tmp_path: Path, set_by: float
) -> None:
    clock = Clock()
    async with state(tmp_path, clock, ONE) as frontier:
        desk = Borrower(frontier, clock)
        await desk.add("a/0")
        await desk.claim()
        await desk.again("a/0", 100.0)
    clock.epoch += set_by
    async with state(tmp_path, clock, ONE) as frontier:
        clock.advance(120.0)
        desk = Borrower(frontier, clock)
        assert await desk.claim() == ["a/0"]
        assert desk.leases["a/0"].attempt == 1


# From pass to pass


LEASE = Lease(target("a/0"), 0)


async def kept(folder: Path) -> None:
    """What was selected of a page goes with its leases, until there is another."""
    clock, big = Clock(), b"x" * (MOST_LENT + 1)
    told = [
        Settled(LEASE, Verdict.FETCHED, etag="e", status=200, digest=b"1", selected=b"one"),
        Settled(LEASE, Verdict.FETCHED, status=304, replay=True),
        Settled(LEASE, Verdict.FETCHED, status=200, replay=True, unsure=True),  # half a page
        Settled(LEASE, Verdict.FAILED, status=500, replay=True),
        Settled(LEASE, Verdict.FETCHED, etag="e", status=200, digest=b"2", selected=b"two",
                change=Change.CHANGED),
        Settled(LEASE, Verdict.FETCHED, status=200, digest=b"3", selected=b"three",
                change=Change.CHANGED),
        Settled(LEASE, Verdict.FETCHED, etag="e", status=200, digest=b"4", selected=big,
                change=Change.CHANGED),
        Settled(LEASE, Verdict.FETCHED, status=200, digest=b"4", selected=big),
        Settled(LEASE, Verdict.GONE, status=404, why=Gone.HTTP),
        Settled(LEASE, Verdict.FETCHED, etag="e", status=200, digest=b"1", selected=b"one",
                change=Change.NEW),
        Settled(LEASE, Verdict.FETCHED, status=304, replay=True),
    ]  # fmt: skip
    lent = []
    for each in told:
        async with state(folder, clock, ONE) as frontier:
            desk = Borrower(frontier, clock)
            await desk.add("a/0")
            assert await desk.claim() == ["a/0"]
            known = desk.leases["a/0"].known or Known()
            lent.append((known.etag, known.selected))
            await frontier.settle([replace(each, lease=desk.leases["a/0"])], ())
            await frontier.end("drained", ())
        clock.advance(10.0)
    assert lent == [
        (None, None), *[("e", b"one")] * 4, ("e", b"two"), (None, None), (None, None),
        (None, None), (None, None), ("e", b"one"),
    ]  # fmt: skip
    with closing(sqlite3.connect(folder / "state.db")) as db:
        changes = db.execute(
            "SELECT pass, kind, fields_before, fields_after FROM change ORDER BY pass"
        ).fetchall()
    assert changes == [
        (5, "changed", b"one", b"two"), (6, "changed", b"two", b"three"),
        (7, "changed", b"three", big), (9, "gone", big, None), (10, "new", None, b"one"),
    ]  # fmt: skip


async def test_what_was_selected_is_kept_until_there_is_another(tmp_path: Path) -> None:
    await kept(tmp_path)


async def test_who_keeps_what_came_with_the_last_answer_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    note = Lore.note

    def forgetful(lore: Lore, settled: Settled, *more: Any) -> tuple[Any, ...] | None:
        said = note(lore, settled, *more)
        if said is None:
            return None
        said = (*said[:9], settled.selected, *said[10:12])
        return (*said, stamp(said))

    monkeypatch.setattr(Lore, "note", forgetful)
    with pytest.raises(AssertionError):
        await kept(tmp_path)


async def test_whoever_lends_what_is_large_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    columns = COLUMNS.replace(f"<= {MOST_LENT}", "< 1e9")
    monkeypatch.setattr("crawler.frontier.loans.COLUMNS", columns)
    with pytest.raises(AssertionError):
        await kept(tmp_path)


async def test_what_was_selected_of_pages_that_are_out_together_is_not_too_much(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("crawler.frontier.loans.MOST_SELECTED", 25)
    names, clock = ["a/0", "a/1", "b/0", "b/1"], Clock()
    async with state(tmp_path, clock, ONE) as frontier:
        desk = Borrower(frontier, clock)
        await desk.add(*names)
        await desk.claim()
        told = Settled(LEASE, Verdict.FETCHED, etag="e", status=200, digest=b"1", selected=b"x" * 9)
        await frontier.settle([replace(told, lease=each) for each in desk.leases.values()], ())
        await frontier.end("drained", ())
    clock.advance(10.0)

    def lent() -> list[tuple[str | None, bool]]:
        known = [desk.leases[name].known or Known() for name in names]
        return [(each.etag, each.selected is not None) for each in known]

    async with state(tmp_path, clock, ONE) as frontier:
        desk = Borrower(frontier, clock)
        await desk.add(*names)
        await desk.claim()
        assert lent() == [("e", True), ("e", True), (None, False), (None, False)]
        assert {(desk.leases[name].known or Known()).digest for name in names} == {b"1"}
        await desk.end("a/0", "a/1")
        await desk.give_back("b/0", "b/1")
        await desk.claim()
        assert lent()[2:] == [("e", True), ("e", True)]


# One commit


async def test_killed_at_any_statement_a_settlement_is_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("crawler.frontier.seen.RECENT", 8)  # so that it merges as well
    clock, alive = Clock(), tmp_path / "alive"
    alive.mkdir()
    copies: list[Path] = []

    def copy(statement: str) -> None:
        copies.append(tmp_path / str(len(copies)))
        shutil.copytree(alive, copies[-1])

    async with state(alive, clock, ONE) as frontier:
        assert isinstance(frontier, SqliteFrontier)
        desk = Borrower(frontier, clock)
        await desk.add("a/0", "b/0", "b/1")
        await desk.claim()
        found: list[Link] = [link(f"{site}/{number}") for site in "abz" for number in range(5)]
        batch = [
            Settled(desk.leases["a/0"], Verdict.FETCHED, found=found, etag="x", status=200),
            Settled(desk.leases["b/0"], None, again=5.0),
            Settled(desk.leases["b/1"], Verdict.REDIRECTED, found=[link("z/9")], hop=True),
        ]
        before = snapshot(alive)
        await frontier._state.run(frontier._state.db.set_trace_callback, copy)
        await frontier.settle(batch, [Mark("out", 7, 8)])
        await frontier._state.run(frontier._state.db.set_trace_callback, None)
        after = snapshot(alive)
    seen = [snapshot(each) for each in copies]
    assert len(seen) > 10
    assert all(each in (before, after) for each in seen)
    assert before in seen
    assert after in seen, "the merge is a commit of its own"
    for each, was in zip(copies, seen, strict=True):
        async with state(each, clock, ONE) as frontier:
            assert (await frontier.tally()).balanced
            assert (await frontier.add([target("z/4")])).accepted == (was == before)


def snapshot(folder: Path) -> list[object]:
    """Return what is committed, but for the index, which is only another way to say it."""
    with closing(sqlite3.connect(folder / "state.db")) as db:
        counts = "SELECT discovered, fetched, redirected, failed, skipped FROM pass"
        queries = ("SELECT * FROM url", "SELECT * FROM page", "SELECT * FROM output", counts)
        return [db.execute(query).fetchall() for query in queries]
