"""What every frontier does, whatever it is made of."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest

from crawler.model import Added, Settled, Verdict
from tests.frontier.kinds import (
    BOUNDED,
    KINDS,
    TTL,
    Borrower,
    Clock,
    Options,
    link,
    scratch,
    target,
)

Opened = Callable[..., AbstractAsyncContextManager[Borrower]]


@pytest.fixture(params=sorted(KINDS))
def opened(request: pytest.FixtureRequest) -> Opened:
    """Opens a frontier of each kind with the options given."""

    @asynccontextmanager
    async def borrower(
        max_pages: int | None = None, max_queued: int = 1_000_000, *, by_level: bool = False
    ) -> AsyncIterator[Borrower]:
        clock = Clock()
        options = Options(max_pages, max_queued, by_level)
        with scratch() as folder:
            async with KINDS[request.param](folder, clock, options) as made:
                yield Borrower(made, clock)

    return borrower


# Adding


@pytest.mark.parametrize("hop", [False, True])
async def test_what_a_page_leads_to_is_lent_in_order_with_all_that_is_known_of_it(
    opened: Opened, hop: bool
) -> None:
    async with opened() as desk:
        await desk.frontier.add([target("a/1", depth=2, meta=b'{"n":1}')])
        await desk.claim()
        parent = desk.leases["a/1"].target
        found = [f"{site}/{number}" for number in range(10, 20) for site in "ab"]
        await desk.end("a/1", found=found, hop=hop)

        lent = await desk.claim(per_site=4)
        await desk.give_back(*lent)
        again = []
        while names := await desk.claim(per_site=4):
            await desk.end(*names)
            again += names

        assert [name for name in lent if name[0] == "a"] == [f"a/{n}" for n in range(10, 14)]
        bring = parent.hop if hop else parent.child
        for site in "ab":
            ours = [name for name in again if name[0] == site]
            assert ours == [name for name in found if name[0] == site]
        assert [desk.leases[name].target for name in again] == [bring(link(each)) for each in again]


async def test_a_url_is_accepted_once(opened: Opened) -> None:
    async with opened() as desk:
        assert await desk.add("a/1", "a/2", "a/1") == 2
        assert await desk.add("a/2", "b/1") == 1
        assert await desk.add("a/1", depth=3) == 0

        tally = await desk.tally()

        assert (tally.discovered, tally.left) == (3, 3)
        assert sorted(await desk.claim()) == ["a/1", "a/2", "b/1"]


async def test_of_a_seed_that_comes_twice_the_first_counts(opened: Opened) -> None:
    async with opened() as desk:
        first, other = target("a/1", meta=b"1"), target("a/2", meta=b"2")
        await desk.frontier.add([first, other, target("a/1", depth=1, meta=b"3")])
        await desk.frontier.add([target("a/2", depth=1, meta=b"4")])

        await desk.claim()
        assert [lease.target for lease in desk.leases.values()] == [first, other]


@pytest.mark.parametrize("verdict", list(Verdict))
async def test_a_url_that_has_ended_is_not_accepted_again(opened: Opened, verdict: Verdict) -> None:
    async with opened() as desk:
        await desk.add("a/1")
        await desk.claim()
        await desk.end("a/1", verdict=verdict)

        assert await desk.add("a/1") == 0
        assert await desk.claim() == []
        assert (await desk.tally()).left == 0


async def test_an_empty_frontier_lends_nothing_and_is_at_its_end(opened: Opened) -> None:
    async with opened() as desk:
        assert await desk.claim() == []
        tally = await desk.tally()
        assert (tally.discovered, tally.left, tally.due, tally.waiting) == (0, 0, None, 0)


async def test_a_lease_carries_its_target_whole(opened: Opened) -> None:
    async with opened() as desk:
        await desk.add("a/1", depth=3)
        await desk.claim()
        assert desk.leases["a/1"].target == target("a/1", 3)
        assert desk.leases["a/1"].attempt == 0


# Claiming


async def test_no_url_is_lent_twice_at_once(opened: Opened) -> None:
    async with opened() as desk:
        await desk.add("a/1", "a/2", "b/1")
        assert sorted(await desk.claim()) == ["a/1", "a/2", "b/1"]
        assert await desk.claim() == []


async def test_no_more_sites_are_lent_than_were_asked_for_in_all(opened: Opened) -> None:
    async with opened() as desk:
        await desk.add("a/1", "b/1", "c/1")
        first = await desk.claim(sites=2)
        assert len(first) == 2
        assert await desk.claim(sites=2) == []

        await desk.end(first[0])

        assert len(await desk.claim(sites=2)) == 1


async def test_each_site_lends_no_more_than_per_site(opened: Opened) -> None:
    async with opened() as desk:
        await desk.add(*(f"{site}/{number}" for site in "ab" for number in range(5)))
        lent = await desk.claim(per_site=2)
        assert sorted(lent) == ["a/0", "a/1", "b/0", "b/1"]
        assert await desk.claim(per_site=2) == []


async def test_only_what_was_settled_is_topped_up(opened: Opened) -> None:
    async with opened() as desk:
        await desk.add(*(f"a/{number}" for number in range(6)))
        assert await desk.claim(per_site=3) == ["a/0", "a/1", "a/2"]
        await desk.end("a/1")
        assert await desk.claim(per_site=3) == ["a/3"]
        await desk.end("a/0", "a/2", "a/3")
        assert await desk.claim(per_site=3) == ["a/4", "a/5"]


async def test_urls_settle_one_by_one_in_any_order(opened: Opened) -> None:
    async with opened() as desk:
        names = [f"a/{number}" for number in range(4)]
        await desk.add(*names)
        await desk.claim()
        for name in ("a/2", "a/0", "a/3", "a/1"):
            await desk.end(name)
        tally = await desk.tally()
        assert (tally.fetched, tally.left) == (4, 0)


async def test_a_site_that_is_held_is_topped_up_with_what_came_later(opened: Opened) -> None:
    async with opened() as desk:
        await desk.add("a/1")
        await desk.claim(sites=1, per_site=2)
        await desk.add("a/2", "b/1")
        assert await desk.claim(sites=1, per_site=2) == ["a/2"]


async def test_a_site_of_which_nothing_can_be_lent_makes_way(opened: Opened) -> None:
    async with opened() as desk:
        await desk.add("a/1", "b/1")
        (first,) = await desk.claim(sites=1)
        await desk.again(first, 50.0)
        (second,) = await desk.claim(sites=1)
        assert {first, second} == {"a/1", "b/1"}


async def test_a_site_that_is_blocked_while_a_level_waits_makes_way(opened: Opened) -> None:
    """What was found is deeper than what is tried again: there is nothing to lend."""
    async with opened(by_level=True) as desk:
        await desk.add("a/1", "b/1")
        await desk.claim(sites=1)
        settled = Settled(desk.leases["a/1"], None, again=1.0, found=[link("a/2")])
        await desk.frontier.settle([settled], ())
        await desk.frontier.pace([("a", 1.0, 30.0)])
        assert (await desk.tally()).due == 0.0
        assert await desk.claim(sites=1) == ["b/1"]
        await desk.end("b/1")
        desk.clock.advance(30.0)
        assert await desk.claim(sites=1) == ["a/1"]


# Settling


@pytest.mark.parametrize("verdict", list(Verdict))
async def test_each_verdict_is_counted_in_its_place(opened: Opened, verdict: Verdict) -> None:
    async with opened() as desk:
        await desk.add("a/1", "a/2")
        await desk.claim()
        await desk.end("a/1", verdict=verdict)
        tally = await desk.tally()
        counts = {
            Verdict.FETCHED: tally.fetched,
            Verdict.REDIRECTED: tally.redirected,
            Verdict.FAILED: tally.failed,
            Verdict.SKIPPED: tally.skipped,
            Verdict.GONE: tally.gone,
        }
        assert counts == dict.fromkeys(Verdict, 0) | {verdict: 1}
        assert (tally.discovered, tally.left) == (2, 1)


async def test_children_come_in_the_commit_of_their_parents_verdict(opened: Opened) -> None:
    async with opened() as desk:
        await desk.add("a/1")
        await desk.claim()

        await desk.end("a/1", found=["a/2", "b/1", "a/2", "a/1"])

        tally = await desk.tally()
        assert (tally.discovered, tally.fetched, tally.left) == (3, 1, 2)
        assert sorted(await desk.claim()) == ["a/2", "b/1"]
        child = desk.leases["b/1"].target
        assert (child.depth, child.hops, child.via, child.seed) == (
            1,
            0,
            "http://a/1",
            "http://a/1",
        )


async def test_a_redirects_target_keeps_the_depth_and_counts_the_hop(opened: Opened) -> None:
    async with opened() as desk:
        await desk.add("a/1", depth=2)
        await desk.claim()
        await desk.end("a/1", verdict=Verdict.REDIRECTED, found=["b/1"], hop=True)
        await desk.claim()
        target = desk.leases["b/1"].target
        assert (target.depth, target.hops, target.via) == (2, 1, "http://a/1")


async def test_children_of_a_url_that_is_tried_again_are_kept(opened: Opened) -> None:
    async with opened() as desk:
        await desk.add("a/1")
        await desk.claim()
        settled = Settled(desk.leases["a/1"], None, again=9.0, found=[link("a/2")])
        await desk.frontier.settle([settled], ())
        assert await desk.claim() == ["a/2"]
        assert (await desk.tally()).left == 2


async def test_settling_twice_changes_nothing(opened: Opened) -> None:
    async with opened(max_pages=5) as desk:
        await desk.add("a/1", "a/2")
        await desk.claim()
        await desk.frontier.reserve(2)
        await desk.end("a/1", verdict=Verdict.FAILED)
        before = await desk.tally()

        for verdict in (*Verdict, Verdict.FAILED):
            assert await desk.end("a/1", verdict=verdict, found=["a/8", "b/8"]) == []
        await desk.again("a/1")
        await desk.give_back("a/1")

        assert await desk.tally() == before
        assert await desk.claim() == []
        assert await desk.frontier.reserve(100) == 3


async def test_the_same_lease_twice_in_a_batch_counts_once(opened: Opened) -> None:
    async with opened() as desk:
        await desk.add("a/1")
        await desk.claim()
        await desk.end("a/1", "a/1", found=["a/2"])
        tally = await desk.tally()
        assert (tally.discovered, tally.fetched, tally.left) == (2, 1, 1)


async def test_a_stale_token_changes_nothing(opened: Opened) -> None:
    async with opened(max_pages=5) as desk:
        await desk.add("a/1")
        await desk.claim()
        old = desk.leases["a/1"]
        await desk.again("a/1")
        assert await desk.claim() == ["a/1"]
        assert desk.leases["a/1"].token != old.token
        before = await desk.tally()

        for verdict in (*Verdict, None):
            await desk.frontier.settle([Settled(old, verdict, found=[link("a/8")])], ())
        await desk.frontier.give_back([old])

        assert await desk.tally() == before
        assert await desk.claim() == []
        assert await desk.frontier.reserve(100) == 5
        await desk.end("a/1")
        assert (await desk.tally()).fetched == 1


async def test_a_lease_of_another_making_changes_nothing(opened: Opened) -> None:
    async with opened() as desk:
        await desk.add("a/1")
        await desk.claim()
        async with opened() as other:
            await other.add("z/0", "z/1")
            await other.claim()
            foreign = other.leases["z/1"]
        before = await desk.tally()
        await desk.frontier.settle([Settled(foreign, Verdict.FETCHED, found=[link("a/2")])], ())
        await desk.frontier.give_back([foreign])
        assert await desk.tally() == before


async def test_a_settlement_said_again_leaves_the_next_lease_of_the_url_alone(
    opened: Opened,
) -> None:
    """While another URL of the site is out, the site stays with its holder."""
    async with opened() as desk:
        await desk.add("a/1", "a/2")
        await desk.claim()
        old = Settled(desk.leases["a/1"], None, again=0.0)
        await desk.frontier.settle([old], ())
        assert await desk.claim() == ["a/1"]

        await desk.frontier.settle([old], ())

        assert await desk.claim() == []
        assert desk.leases["a/1"].attempt == 1
        await desk.end("a/1", "a/2")
        tally = await desk.tally()
        assert (tally.fetched, tally.left) == (2, 0)


# Giving back


async def test_what_is_given_back_is_lent_first_and_in_order(opened: Opened) -> None:
    async with opened() as desk:
        await desk.add(*(f"a/{number}" for number in range(5)))
        assert await desk.claim(per_site=3) == ["a/0", "a/1", "a/2"]
        await desk.give_back("a/1", "a/2")
        await desk.end("a/0")
        assert await desk.claim(per_site=3) == ["a/1", "a/2", "a/3"]


async def test_giving_back_costs_no_attempt(opened: Opened) -> None:
    async with opened() as desk:
        await desk.add("a/1")
        await desk.claim()
        await desk.again("a/1")
        await desk.claim()
        assert desk.leases["a/1"].attempt == 1
        before = await desk.tally()

        await desk.give_back("a/1")

        after = await desk.tally()
        assert (after.discovered, after.left, after.fetched) == (before.discovered, before.left, 0)
        await desk.claim()
        assert desk.leases["a/1"].attempt == 1


async def test_giving_back_twice_changes_nothing(opened: Opened) -> None:
    async with opened() as desk:
        await desk.add("a/1", "a/2")
        await desk.claim()
        await desk.give_back("a/1")
        await desk.give_back("a/1")
        assert await desk.claim() == ["a/1"]
        assert await desk.claim() == []


async def test_giving_back_said_again_leaves_the_next_lease_of_the_url_alone(
    opened: Opened,
) -> None:
    async with opened() as desk:
        await desk.add("a/1", "a/2")
        await desk.claim()
        old = desk.leases["a/1"]
        await desk.frontier.give_back([old])
        assert await desk.claim() == ["a/1"]
        await desk.frontier.give_back([old])
        assert await desk.claim() == []


async def test_a_site_given_back_whole_has_no_holder(opened: Opened) -> None:
    async with opened() as desk:
        await desk.add("a/1", "b/1", "b/2")
        await desk.claim(sites=1)
        await desk.frontier.pace([("a", 30.0, 30.0)])
        await desk.give_back("a/1")

        assert await desk.claim(sites=1) == ["b/1", "b/2"]
        desk.clock.advance(30.0)
        assert await desk.claim(sites=1) == []
        await desk.end("b/1", "b/2")
        assert await desk.claim(sites=1) == ["a/1"]


async def test_a_site_given_back_in_part_leaves_when_the_rest_is_settled(opened: Opened) -> None:
    """Whoever gives a paced site back wants no more of it: else the two go round for ever."""
    async with opened() as desk:
        await desk.add("a/1", "a/2", "b/1")
        await desk.claim(sites=1)
        await desk.frontier.pace([("a", 30.0, 30.0)])
        await desk.give_back("a/2")

        assert await desk.claim(sites=1) == []
        await desk.end("a/1")
        assert await desk.claim(sites=1) == ["b/1"]


# Trying again


async def test_a_retry_comes_back_not_before_its_time_with_one_attempt_more(opened: Opened) -> None:
    async with opened() as desk:
        await desk.add("a/1")
        for attempt in range(3):
            assert await desk.claim() == ["a/1"]
            assert desk.leases["a/1"].attempt == attempt
            await desk.again("a/1", 10.0)
            assert await desk.claim() == []
            desk.clock.advance(9.9)
            assert await desk.claim() == []
            assert (await desk.tally()).left == 1
            desk.clock.advance(0.2)


async def test_a_ready_url_is_not_held_back_by_one_that_waits(opened: Opened) -> None:
    async with opened() as desk:
        await desk.add("a/1")
        await desk.claim()
        await desk.again("a/1", 100.0)
        assert await desk.claim() == []

        await desk.add("a/2")

        assert (await desk.tally()).due == 0.0
        assert await desk.claim() == ["a/2"]
        await desk.end("a/2", found=["a/3"])
        assert await desk.claim() == ["a/3"]
        desk.clock.advance(100.0)
        assert await desk.claim() == ["a/1"]


async def test_retries_come_back_each_at_its_own_time(opened: Opened) -> None:
    async with opened() as desk:
        await desk.add("a/1", "a/2", "a/3")
        await desk.claim()
        for name, delay in (("a/1", 30.0), ("a/2", 10.0), ("a/3", 20.0)):
            await desk.again(name, delay)
        seen = []
        for _ in range(4):
            seen += await desk.claim()
            desk.clock.advance(10.0)
        assert seen == ["a/2", "a/3", "a/1"]


# Pace


async def test_pace_blocks_a_site_that_no_one_holds(opened: Opened) -> None:
    async with opened() as desk:
        await desk.add("a/1", "b/1")
        await desk.frontier.pace([("a", 2.0, 60.0)])
        assert await desk.claim() == ["b/1"]
        await desk.end("b/1")
        assert await desk.claim() == []
        assert (await desk.tally()).due == 60.0
        desk.clock.advance(59.0)
        await desk.add("a/2")
        assert await desk.claim() == []
        desk.clock.advance(1.0)
        assert await desk.claim() == ["a/1", "a/2"]


async def test_pace_is_told_to_the_next_holder(opened: Opened) -> None:
    async with opened() as desk:
        await desk.add("a/1")
        await desk.claim()
        await desk.frontier.pace([("a", 5.0, 7.0)])
        await desk.again("a/1")
        assert await desk.claim() == []
        desk.clock.advance(7.0)
        (holding,) = await desk.frontier.claim(1, 1, TTL)
        assert (holding.delay, holding.wait) == (5.0, 0.0)


async def test_pace_concerns_one_site_alone_and_no_url(opened: Opened) -> None:
    async with opened() as desk:
        await desk.add("a/1")
        await desk.frontier.pace([("b", 5.0, 50.0)])
        before = await desk.tally()
        assert await desk.claim() == ["a/1"]
        assert (before.discovered, before.left) == (1, 1)


async def test_pace_outlives_a_sites_last_url(opened: Opened) -> None:
    async with opened() as desk:
        await desk.add("a/1")
        await desk.claim()
        await desk.frontier.pace([("a", 5.0, 50.0)])
        await desk.end("a/1")
        await desk.add("a/2")
        assert await desk.claim() == []
        desk.clock.advance(50.0)
        (holding,) = await desk.frontier.claim(1, 1, TTL)
        assert holding.delay == 5.0


# Level by level


async def test_a_level_is_lent_after_all_above_it_has_ended(opened: Opened) -> None:
    async with opened(by_level=True) as desk:
        await desk.add("a/1", "a/2", "a/3")
        await desk.claim()
        await desk.end("a/1", found=["a/deep"])
        await desk.again("a/2", 20.0)

        assert await desk.claim() == [], "a/3 is lent, a/2 waits"
        await desk.end("a/3")
        assert await desk.claim() == [], "a/2 waits"
        desk.clock.advance(20.0)
        assert await desk.claim() == ["a/2"]
        assert await desk.claim() == [], "a/2 is lent"
        await desk.give_back("a/2")
        assert await desk.claim() == ["a/2"], "a/2 is not deep"
        await desk.end("a/2", verdict=Verdict.FAILED)
        assert await desk.claim() == ["a/deep"]


async def test_a_redirect_keeps_its_level_open(opened: Opened) -> None:
    async with opened(by_level=True) as desk:
        await desk.add("a/1", "a/2")
        await desk.claim()
        await desk.end("a/1", found=["a/deep"])
        await desk.end("a/2", verdict=Verdict.REDIRECTED, found=["a/to"], hop=True)
        assert await desk.claim() == ["a/to"]
        await desk.end("a/to")
        assert await desk.claim() == ["a/deep"]


async def test_a_level_is_a_matter_of_one_site(opened: Opened) -> None:
    async with opened(by_level=True) as desk:
        await desk.add("a/1")
        await desk.add("b/deep", depth=4)
        assert sorted(await desk.claim()) == ["a/1", "b/deep"]


async def test_a_shallow_url_that_comes_late_goes_first(opened: Opened) -> None:
    async with opened(by_level=True) as desk:
        await desk.add("a/deep1", "a/deep2", depth=2)
        assert await desk.claim(per_site=1) == ["a/deep1"]
        await desk.add("a/1", depth=1)
        await desk.end("a/deep1")
        assert await desk.claim(per_site=1) == ["a/1"]
        assert await desk.claim(per_site=2) == []
        await desk.end("a/1")
        assert await desk.claim(per_site=2) == ["a/deep2"]


async def test_without_levels_depth_does_not_matter(opened: Opened) -> None:
    async with opened() as desk:
        await desk.add("a/deep", depth=9)
        await desk.add("a/1")
        assert await desk.claim() == ["a/deep", "a/1"]


# The budget


async def test_no_more_is_reserved_than_there_is(opened: Opened) -> None:
    async with opened(max_pages=10) as desk:
        assert await desk.frontier.reserve(4) == 4
        assert await desk.frontier.reserve(4) == 4
        assert await desk.frontier.reserve(4) == 2
        assert await desk.frontier.reserve(4) == 0
        await desk.frontier.refund(3)
        assert await desk.frontier.reserve(1) == 1
        assert await desk.frontier.reserve(100) == 2
        assert await desk.frontier.reserve(1) == 0


async def test_without_a_budget_everything_is_granted(opened: Opened) -> None:
    async with opened() as desk:
        assert await desk.frontier.reserve(1_000_000) == 1_000_000
        await desk.frontier.refund(5)
        assert await desk.frontier.reserve(1_000_000) == 1_000_000


# A full queue


bounded = pytest.mark.parametrize("opened", BOUNDED, indirect=True)


@bounded
async def test_targets_that_find_no_room_are_skipped_exactly_once(opened: Opened) -> None:
    async with opened(max_queued=2) as desk:
        offered = [target(f"a/{number}") for number in range(4)]
        added = await desk.frontier.add(offered)
        assert added == Added(2, offered[2:])
        for _ in range(2):
            assert await desk.frontier.add(offered) == Added(0, [])
        tally = await desk.tally()
        assert (tally.discovered, tally.skipped, tally.left) == (4, 2, 2)


@bounded
async def test_children_that_find_no_room_are_returned_and_skipped(opened: Opened) -> None:
    async with opened(max_queued=2) as desk:
        await desk.add("a/1")
        await desk.claim()
        turned_away = await desk.end("a/1", found=["a/2", "a/3", "b/1", "a/3"])
        tally = await desk.tally()
        assert tally.skipped == len(turned_away) == len(set(turned_away))
        assert set(turned_away) < {"a/2", "a/3", "b/1"}
        assert tally.left == 3 - len(turned_away) <= 2
        assert await desk.end("a/1", found=["a/2", "a/3", "b/1"]) == []
        assert await desk.tally() == tally


@bounded
async def test_room_that_comes_free_is_used(opened: Opened) -> None:
    async with opened(max_queued=1) as desk:
        await desk.add("a/1", "a/2")
        await desk.claim()
        await desk.end("a/1")
        assert await desk.add("a/2") == 0
        assert await desk.add("a/3") == 1
        assert await desk.claim() == ["a/3"]


# The account


async def test_due_is_zero_where_something_can_be_lent(opened: Opened) -> None:
    async with opened() as desk:
        await desk.add("a/1")
        tally = await desk.tally()
        assert tally.due == 0.0


async def test_due_is_none_while_everything_is_lent(opened: Opened) -> None:
    async with opened() as desk:
        await desk.add("a/1", "a/2")
        await desk.claim(per_site=1)
        tally = await desk.tally()
        assert (tally.due, tally.waiting, tally.left) == (None, 0, 2)


async def test_due_is_none_while_all_the_sites_wanted_are_held(opened: Opened) -> None:
    async with opened() as desk:
        await desk.add("a/1", "b/1")
        await desk.claim(sites=1)
        tally = await desk.tally()
        assert (tally.due, tally.waiting) == (None, 1)


async def test_due_counts_down_to_the_earliest(opened: Opened) -> None:
    async with opened() as desk:
        await desk.add("a/1", "b/1", "c/1", "c/2")
        await desk.claim()
        await desk.again("a/1", 30.0)
        await desk.again("b/1", 20.0)
        await desk.again("c/1", 10.0)  # of a site that is held
        assert (await desk.tally()).due == 10.0
        desk.clock.advance(4.0)
        assert (await desk.tally()).due == 6.0
        desk.clock.advance(6.0)
        assert (await desk.tally()).due == 0.0
        assert await desk.claim() == ["c/1"]
        assert (await desk.tally()).due == 10.0
        desk.clock.advance(50.0)
        assert (await desk.tally()).due == 0.0
        assert sorted(await desk.claim()) == ["a/1", "b/1"]


async def test_waiting_is_never_paid_for_by_nothing_being_due(opened: Opened) -> None:
    """Sleeping for ``due`` and claiming gets on: nobody waits for ever or spins."""
    async with opened(by_level=True) as desk:
        await desk.add("a/1", "a/2", "b/1")
        await desk.frontier.pace([("b", 1.0, 25.0)])
        await desk.claim()
        await desk.again("a/1", 40.0)
        await desk.again("a/2", 15.0)
        slept = 0
        while (tally := await desk.tally()).left:
            assert tally.due is not None
            desk.clock.advance(tally.due)
            slept += 1
            for name in await desk.claim():
                await desk.end(name)
        assert slept <= 4
        assert (await desk.tally()).fetched == 3


async def test_due_is_zero_where_a_held_site_has_room_and_more(opened: Opened) -> None:
    async with opened() as desk:
        await desk.add("a/1", "a/2", "a/3")
        await desk.claim(per_site=2)
        await desk.end("a/1")
        assert (await desk.tally()).due == 0.0
        assert await desk.claim(per_site=2) == ["a/3"]


async def test_a_site_that_is_held_does_not_wait_as_well(opened: Opened) -> None:
    async with opened() as desk:
        await desk.add("a/1")
        await desk.claim()
        await desk.again("a/1", 100.0)
        await desk.add("a/2")
        await desk.claim(sites=1, per_site=1)
        tally = await desk.tally()
        assert (tally.waiting, tally.due) == (0, None)


async def test_renewing_changes_no_account(opened: Opened) -> None:
    async with opened() as desk:
        await desk.add("a/1", "a/2")
        await desk.claim(per_site=1)
        before = await desk.tally()
        desk.clock.advance(TTL / 2)
        await desk.frontier.renew(TTL)
        desk.clock.advance(TTL - 1)
        assert await desk.tally() == before
        await desk.end("a/1")
        assert (await desk.tally()).fetched == 1
