"""Which URL goes next: robots first, each site in its rhythm, no site starved, no lease lost.

The state machine at the end plays every verb in every order against a ledger of its own.
"""

import dataclasses
import math
from collections import Counter
from collections.abc import Callable, Iterable

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from crawler.model import Failed, Fault, Holding, Lease, Outcome, Reason
from crawler.policy import pace as pace_module
from crawler.policy import robots, urls, workbench
from crawler.policy.pace import Manners, Pace
from crawler.policy.retry import Retry
from crawler.policy.site import Denied, Visit
from crawler.policy.workbench import Workbench
from tests.policy.make import (
    AGENT,
    Diary,
    bench,
    crawl,
    crowds,
    denied,
    failed,
    fetched,
    hear,
    holding,
    hurries,
    lease,
    leases,
    lost,
    make,
    take_all,
    unasked,
    visit,
)

DAY = 24 * 3600.0


def sites_of(chosen: Iterable[Visit | Denied]) -> list[str]:
    return [each.lease.target.site for each in chosen]


def robots_web(text: str) -> Callable[[str, float], Outcome]:
    """Return a web in which every origin has this robots.txt."""

    def answer(url: str, now: float) -> Outcome:
        return fetched(body=text.encode() if url.endswith("/robots.txt") else b"", url=url)

    return answer


# Robots first


def test_the_first_request_to_an_origin_is_for_its_robots_txt() -> None:
    desk = bench(agent=AGENT)
    desk.stock([holding("a.example", 2)], now=0.0)

    first = visit(desk.take(0.0))

    assert first.robots == "https://a.example/robots.txt"
    assert first.lease == lease("https://a.example/0")


def test_each_origin_of_a_site_has_a_robots_txt_of_its_own() -> None:
    desk = bench(agent=AGENT)
    desk.stock([holding("a.example"), holding("a.example", scheme="http")], now=0.0)

    asked = {each.robots for each in take_all(desk, 0.0) if isinstance(each, Visit)}

    assert asked == {"https://a.example/robots.txt", "http://a.example/robots.txt"}


def test_the_others_wait_for_the_answer_and_keep_their_order() -> None:
    desk = bench(agent=AGENT)
    desk.stock([holding("a.example", 4)], now=0.0)
    asking = visit(desk.take(0.0))

    meanwhile = desk.take(0.0)
    stocked = desk.stocked
    hear(desk, asking, robots.allow_all(0.0), 1.0)

    assert meanwhile is None
    assert stocked == 0
    assert desk.stocked == 4
    order = []
    while (each := desk.take(1.0)) is not None:
        order.append(visit(each).lease.target.url)
        make(desk, visit(each), fetched(), 1.0, 1.0)
    assert order == [f"https://a.example/{page}" for page in range(4)]


def test_who_waited_for_the_answer_goes_before_who_came_meanwhile() -> None:
    desk = bench(Manners(limit=9), agent=AGENT)
    desk.stock([holding("a.example", 3)], now=0.0)
    asking = visit(desk.take(0.0))
    desk.take(0.0)
    desk.stock([Holding("a.example", [lease("https://a.example/new")])], now=0.0)

    hear(desk, asking, robots.allow_all(0.0), 0.0)

    order = [each.lease.target.url.rpartition("/")[2] for each in take_all(desk, 0.0)]
    assert order == ["0", "1", "2", "new"]


def test_without_an_agent_robots_txt_is_not_asked_for() -> None:
    desk = bench(agent=None)
    desk.stock([holding("a.example")], now=0.0)

    assert visit(desk.take(0.0)).robots is None


def test_what_robots_txt_forbids_ends_without_a_request() -> None:
    desk = bench(agent=AGENT)
    rules = robots.read(b"User-agent: *\nDisallow: /0", AGENT, 0.0)
    desk.stock([holding("a.example", 2)], now=0.0)

    hear(desk, visit(desk.take(0.0)), rules, 0.0)
    forbidden, allowed = take_all(desk, 0.0)

    assert forbidden == Denied(
        lease("https://a.example/0"), Reason.ROBOTS, "disallowed by robots.txt"
    )
    assert visit(allowed).lease == lease("https://a.example/1")


def test_a_trap_ends_without_a_request_not_even_for_robots_txt() -> None:
    desk = bench(agent=AGENT)
    trap = lease("https://a.example/x/x/x")
    desk.stock([Holding("a.example", [trap])], now=0.0)

    chosen = denied(desk.take(0.0))

    assert chosen.why is Reason.TRAP
    assert chosen.detail is not None
    assert desk.take(0.0) is None


def test_an_answer_is_good_for_a_day_and_then_asked_for_again() -> None:
    desk = bench(agent=AGENT)
    desk.stock([holding("a.example", 3)], now=0.0)
    hear(desk, visit(desk.take(0.0)), robots.allow_all(0.0), 0.0)

    make(desk, before := visit(desk.take(DAY - 1)), fetched(), DAY - 1, DAY - 1)
    after = visit(desk.take(DAY))

    assert before.robots is None
    assert after.robots == "https://a.example/robots.txt"


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_robots_txt_that_cannot_be_had_is_retried_and_then_denies_everything(status: int) -> None:
    desk = bench(agent=AGENT, retries=2)
    no = failed(Fault.HTTP_5XX, status=status)
    desk.stock([holding("a.example", 3)], now=0.0)
    now, waits = 0.0, []

    for _ in range(3):
        assert hear(desk, visit(desk.take(now)), no, now) is None
        waits.append(desk.next_due - now)
        now = desk.next_due
    ends = take_all(desk, now)

    assert 0.75 <= waits[0] <= 1.25
    assert 1.5 <= waits[1] <= 2.5
    assert waits[2] == 0
    assert [denied(each).why for each in ends] == [Reason.ROBOTS] * 3
    assert denied(ends[0]).detail == no.message


def test_a_denial_for_want_of_a_robots_txt_is_looked_into_again() -> None:
    desk = bench(agent=AGENT, retries=0)
    desk.stock([holding("a.example", 1)], now=0.0)
    hear(desk, visit(desk.take(0.0)), failed(Fault.HTTP_5XX, status=503), 0.0)
    denied(desk.take(0.0))

    desk.stock([holding("a.example", 1)], now=robots.RECHECK)

    assert visit(desk.take(robots.RECHECK)).robots is not None


def test_a_site_that_cannot_be_reached_for_its_robots_txt_ends_the_lease() -> None:
    desk = bench(agent=AGENT, retries=2)
    no = failed(Fault.CONNECT)
    desk.stock([holding("a.example", 2)], now=0.0)
    now = 0.0

    for _ in range(2):
        assert hear(desk, visit(desk.take(now)), no, now) is None
        now = desk.next_due
    ended = hear(desk, visit(desk.take(now)), no, now)

    assert ended == (no, 3)
    assert desk.stocked == 1
    second = visit(desk.take(now))
    assert second.robots is not None
    assert second.lease == lease("https://a.example/1")


def test_a_lasting_failure_is_not_retried() -> None:
    desk = bench(agent=AGENT)
    no = failed(Fault.TLS, lasting=True)
    desk.stock([holding("a.example")], now=0.0)

    assert hear(desk, visit(desk.take(0.0)), no, 0.0) == (no, 1)


def test_five_redirects_of_a_robots_txt_are_followed_and_the_sixth_allows() -> None:
    desk = bench(agent=AGENT)
    desk.stock([holding("a.example")], now=0.0)
    asked = []

    for hop in range(6):
        asking = visit(desk.take(0.0))
        asked.append(asking.robots)
        hear(desk, asking, f"https://b{hop}.example/robots.txt", 0.0)
    page = visit(desk.take(0.0))

    assert robots.MAX_REDIRECTS == 5
    assert asked == ["https://a.example/robots.txt"] + [
        f"https://b{hop}.example/robots.txt" for hop in range(5)
    ]
    assert page.robots is None


def test_after_a_redirect_the_next_day_begins_at_home_again() -> None:
    desk = bench(agent=AGENT)
    desk.stock([holding("a.example", 2)], now=0.0)
    hear(desk, visit(desk.take(0.0)), "https://b.example/robots.txt", 0.0)
    elsewhere = visit(desk.take(0.0))
    hear(desk, elsewhere, robots.allow_all(0.0), 0.0)

    again = visit(desk.take(DAY))

    assert elsewhere.robots == "https://b.example/robots.txt"
    assert elsewhere.lease.target.site == "a.example"
    assert again.robots == "https://a.example/robots.txt"


def test_the_redirects_of_yesterday_do_not_count_today() -> None:
    desk = bench(agent=AGENT)
    desk.stock([holding("a.example", 2)], now=0.0)
    for _ in range(5):
        hear(desk, visit(desk.take(0.0)), "https://b.example/robots.txt", 0.0)
    hear(desk, visit(desk.take(0.0)), robots.allow_all(0.0), 0.0)

    hear(desk, visit(desk.take(DAY)), "https://c.example/robots.txt", DAY)

    assert visit(desk.take(DAY)).robots == "https://c.example/robots.txt"


def test_a_redirect_to_where_no_one_answers_is_forgotten_with_the_lease() -> None:
    desk = bench(agent=AGENT, retries=0)
    desk.stock([holding("a.example", 2)], now=0.0)
    hear(desk, visit(desk.take(0.0)), "https://down.example/robots.txt", 0.0)
    hear(desk, visit(desk.take(0.0)), failed(Fault.CONNECT), 0.0)

    second = visit(desk.take(0.0))

    assert second.robots == "https://a.example/robots.txt"


def test_a_crawl_delay_counts_from_the_robots_txt_on() -> None:
    desk = bench(agent=AGENT)
    rules = robots.Rules(DAY, delay=10.0)
    desk.stock([holding("a.example", 2)], now=0.0)

    asking = visit(desk.take(0.0))
    make(desk, asking, fetched(), 1.0, 2.0)
    desk.heard(asking, rules, 5.0)

    assert desk.next_due == 12.0
    assert desk.take(11.9) is None
    assert visit(desk.take(12.0)).robots is None


# Each site in its rhythm


def test_a_site_has_at_most_its_limit_in_flight() -> None:
    desk = bench(Manners(limit=3))
    desk.stock([holding("a.example", 9)], now=0.0)

    chosen = take_all(desk, 0.0)

    assert len(chosen) == 3
    assert desk.next_due == math.inf


def test_with_a_delay_a_site_has_one_in_flight() -> None:
    desk = bench(Manners(delay=2.0, limit=9))
    desk.stock([holding("a.example", 9)], now=0.0)

    (only,) = take_all(desk, 0.0)
    make(desk, visit(only), fetched(), 0.5, 3.0)

    assert desk.next_due == 5.0
    assert desk.take(4.999) is None
    assert len(take_all(desk, 5.0)) == 1


def test_with_a_rate_starts_are_spaced_and_may_overlap() -> None:
    desk = bench(Manners(gap=0.5, limit=2))
    desk.stock([holding("a.example", 9)], now=0.0)

    first = visit(desk.take(0.0))
    unknown = desk.next_due
    desk.start(first, 0.25)
    second = visit(desk.take(0.75))
    desk.start(second, 0.75)

    assert unknown == math.inf
    assert desk.take(9.0) is None
    desk.release(first, fetched(), 9.0, None)
    assert desk.next_due == 9.0


def test_a_retry_after_pauses_the_site_and_not_only_the_url() -> None:
    desk = bench(Manners(limit=1))
    desk.stock([holding("a.example", 3)], now=0.0)
    first = visit(desk.take(0.0))

    desk.start(first, 0.0)
    desk.release(first, fetched(429), 1.0, 120.0)

    assert desk.next_due == 121.0
    assert desk.take(120.9) is None


def test_what_the_frontier_remembers_of_a_site_is_kept() -> None:
    desk = bench()
    desk.stock([holding("a.example", 3, delay=4.0, wait=7.0)], now=10.0)

    assert desk.next_due == 17.0
    first = visit(desk.take(17.0))
    make(desk, first, fetched(), 17.0, 18.0)
    assert desk.next_due == 22.0


def test_a_site_that_is_down_ends_its_urls_without_a_request() -> None:
    desk = bench(Manners(limit=1))
    desk.stock([holding("a.example", 11)], now=0.0)
    now = 0.0
    for _ in range(pace_module.ROW + len(pace_module.RESTS)):
        now = max(now, desk.next_due)
        make(desk, visit(desk.take(now)), failed(), now, now)

    ends = take_all(desk, now)

    assert now == sum(pace_module.RESTS)
    assert len(ends) == 3
    for end in ends:
        why = denied(end).why
        assert isinstance(why, Failed)
        assert why.fault is Fault.SITE_DOWN


def test_a_name_that_does_not_resolve_ends_the_urls_of_a_minute() -> None:
    desk = bench(Manners(delay=30.0))
    desk.stock([holding("a.example", 3)], now=0.0)
    make(desk, visit(desk.take(0.0)), failed(Fault.DNS, lasting=True), 0.0, 0.0)

    ends = take_all(desk, 0.0)
    desk.stock([holding("a.example", 1)], now=60.0)

    assert [denied(each).why for each in ends] == [pace_failure("does not resolve")] * 2
    assert isinstance(desk.take(60.0), Visit)


def pace_failure(words: str) -> Failed:
    return Failed(Fault.DNS, f"the host name {words}", lasting=True)


# No site starved


def test_sites_that_are_ready_take_turns() -> None:
    desk = bench(Manners(limit=9))
    desk.stock([holding("huge.example", 50), holding("a.example", 2), holding("b.example", 2)], 0.0)

    order = sites_of(take_all(desk, 0.0))

    assert order[:6] == ["huge.example", "a.example", "b.example"] * 2


@pytest.mark.parametrize("number", [1, 7, 40])
def test_a_ready_site_is_reached_within_one_round(number: int) -> None:
    desk = bench(Manners(limit=64), concurrency=256)
    desk.stock([holding(f"s{site}.example", 20) for site in range(number)], 0.0)
    desk.stock([holding("late.example", 1)], 0.0)

    order = sites_of(visit(desk.take(0.0)) for _ in range(number + 1))

    assert order[-1] == "late.example"
    assert len(set(order)) == number + 1


def test_a_site_that_is_given_more_keeps_its_place() -> None:
    desk = bench()
    desk.stock([holding("a.example"), holding("b.example")], 0.0)

    desk.stock([Holding("a.example", [lease("https://a.example/more")])], 1.0)

    assert visit(desk.take(1.0)).lease.target.site == "a.example"


def test_who_was_due_first_goes_first() -> None:
    desk = bench()
    desk.stock([holding("late.example", wait=3.0), holding("soon.example", wait=1.0)], 0.0)

    assert desk.next_due == 1.0
    assert sites_of(take_all(desk, 5.0)) == ["soon.example", "late.example"]


def test_a_slow_site_does_not_hold_up_a_fast_one() -> None:
    desk = bench(Manners(limit=1))
    diary = crawl(desk, [holding("slow.example", 3, delay=100.0), holding("a.example", 20)])

    assert max(diary.starts("a.example")) < 10
    assert (
        hurries(Diary([each for each in diary.requests if each.site == "slow.example"]), 100.0)
        == []
    )


@pytest.mark.parametrize(("sites", "most"), [(1, 8), (2, 7), (3, 6), (5, 4), (30, 4)])
def test_no_site_takes_all_permits_while_others_have_something_to_do(sites: int, most: int) -> None:
    desk = bench(Manners(limit=64), concurrency=8)
    desk.stock([holding(f"s{site}.example", 64) for site in range(sites)], 0.0)

    in_flight = Counter(sites_of(take_all(desk, 0.0)))

    assert set(in_flight.values()) == {most}


def test_however_many_the_sites_each_may_have_one_request() -> None:
    desk = bench(Manners(limit=4), concurrency=1)
    desk.stock([holding(f"s{site}.example", 4) for site in range(3)], 0.0)

    assert set(Counter(sites_of(take_all(desk, 0.0))).values()) == {1}


def test_a_site_that_comes_late_finds_a_permit_left() -> None:
    desk = bench(Manners(limit=64), concurrency=4)
    desk.stock([holding("huge.example", 64)], 0.0)
    for _ in range(3):
        desk.take(0.0)
    desk.stock([holding("late.example", 1)], 0.0)

    fourth = visit(desk.take(0.0))

    assert fourth.lease.target.site == "late.example"


def test_a_site_with_nothing_left_gives_its_share_back() -> None:
    desk = bench(Manners(limit=64), concurrency=4)
    desk.stock([holding("huge.example", 64), holding("a.example", 1)], 0.0)
    taken = [visit(each) for each in take_all(desk, 0.0)]
    (small,) = [each for each in taken if each.lease.target.site == "a.example"]
    huge = [each for each in taken if each is not small]

    make(desk, small, fetched(), 0.0, 1.0)
    make(desk, huge[0], fetched(), 0.0, 1.0)

    assert len(huge) == 3
    assert len(take_all(desk, 1.0)) == 2


# Back and forth


def test_a_visit_not_made_goes_first_next_time() -> None:
    desk = bench(Manners(delay=5.0))
    desk.stock([holding("a.example", 2)], 0.0)

    desk.put_back(visit(desk.take(0.0)), 1.0)
    again = visit(desk.take(1.0))

    assert again.lease == lease("https://a.example/0")
    assert desk.stocked == 1


def test_a_robots_txt_not_asked_for_is_asked_for_next_time() -> None:
    desk = bench(agent=AGENT)
    desk.stock([holding("a.example", 3)], 0.0)
    asking = visit(desk.take(0.0))
    desk.take(0.0)

    desk.put_back(asking, 1.0)
    again = visit(desk.take(1.0))

    assert again.robots is not None
    assert again.lease == asking.lease
    assert desk.stocked == 2


def test_with_a_rate_a_visit_not_made_does_not_block_its_site() -> None:
    desk = bench(Manners(gap=5.0))
    desk.stock([holding("a.example", 2)], 0.0)

    desk.put_back(visit(desk.take(0.0)), 1.0)

    assert desk.next_due == 1.0


@pytest.mark.parametrize("agent", [None, AGENT])
def test_a_request_in_vain_is_repeated_first_and_in_rhythm(agent: str | None) -> None:
    desk = bench(Manners(delay=5.0), agent=agent)
    desk.stock([holding("a.example", 3)], 0.0)
    first = visit(desk.take(0.0))
    desk.take(0.0)

    make(desk, first, failed(Fault.TIMEOUT), 0.0, 1.0)
    desk.repeat(first, 1.0)
    again = visit(desk.take(6.0))

    assert again.lease == first.lease
    assert again.robots == first.robots
    assert desk.stocked == 2


def test_sites_that_sleep_long_give_their_leases_back() -> None:
    desk = bench(agent=AGENT)
    desk.stock([holding("far.example", 3, wait=60.0), holding("near.example", 2, wait=5.0)], 0.0)

    back = desk.asleep(10.0)

    assert back == leases("far.example", 3)
    assert desk.stocked == 2
    assert desk.next_due == 5.0


def test_a_site_with_a_request_in_flight_does_not_sleep() -> None:
    desk = bench(Manners(limit=2))
    desk.stock([holding("a.example", 5)], 0.0)
    one, two = (visit(each) for each in take_all(desk, 0.0))
    desk.start(one, 0.0)
    desk.start(two, 0.0)

    desk.release(one, fetched(429), 1.0, 600.0)
    during = desk.asleep(10.0)
    desk.release(two, fetched(), 1.0, None)

    assert during == []
    assert len(desk.asleep(10.0)) == 3


def test_clearing_takes_back_what_is_in_line_and_what_is_parked() -> None:
    desk = bench(agent=AGENT)
    desk.stock([holding("a.example", 3), holding("b.example", 1)], 0.0)
    asking = visit(desk.take(0.0))
    visit(desk.take(0.0))
    desk.take(0.0)
    desk.stock([Holding("a.example", [lease("https://a.example/more")])], 0.0)

    back = desk.clear()

    assert {each.target.url for each in back} == {
        "https://a.example/1",
        "https://a.example/2",
        "https://a.example/more",
    }
    assert desk.stocked == 0
    assert desk.next_due == math.inf
    hear(desk, asking, robots.allow_all(0.0), 1.0)
    assert visit(desk.take(1.0)).lease == asking.lease


def test_an_empty_bench_has_nothing_due_and_nothing_to_give_back() -> None:
    desk = bench()

    assert desk.take(1e9) is None
    assert desk.next_due == math.inf
    assert desk.clear() == []
    assert desk.asleep(0.0) == []
    assert desk.paced(0.0) == []


# What the frontier is told


def test_a_slowed_site_is_reported_once() -> None:
    desk = bench(Manners(delay=2.0))
    desk.stock([holding("a.example", 3), holding("b.example", 3)], 0.0)

    make(desk, visit(desk.take(0.0)), fetched(), 0.0, 1.0)

    assert desk.paced(1.5) == [("a.example", 0.0, 1.5)], "--delay is known without being told"
    assert desk.paced(1.5) == []


def test_a_site_without_a_delay_is_not_reported() -> None:
    desk = bench()
    desk.stock([holding("a.example", 3)], 0.0)

    make(desk, visit(desk.take(0.0)), fetched(), 0.0, 1.0)

    assert desk.paced(1.0) == []


def test_a_crawl_delay_is_reported_when_it_is_heard() -> None:
    desk = bench(agent=AGENT)
    desk.stock([holding("a.example", 3)], 0.0)

    hear(desk, visit(desk.take(0.0)), robots.Rules(DAY, delay=10.0), 0.0)

    assert desk.paced(4.0) == [("a.example", 10.0, 6.0)]


def test_a_wait_that_is_over_is_reported_as_none() -> None:
    desk = bench(Manners(delay=2.0))
    desk.stock([holding("a.example", 3)], 0.0)
    make(desk, visit(desk.take(0.0)), fetched(), 0.0, 1.0)

    assert desk.paced(99.0) == [("a.example", 0.0, 0.0)]


def test_a_back_off_told_to_the_frontier_does_not_last_for_ever() -> None:
    desk = bench(Manners(limit=2))
    desk.stock([holding("a.example", 1)], 0.0)
    make(desk, visit(desk.take(0.0)), fetched(429), 0.0, 0.0)
    ((site, delay, wait),) = desk.paced(0.0)

    desk.stock([holding(site, 9, delay=delay, wait=wait)], 0.0)
    for now in (1.0, 10.0, 20.0):
        make(desk, visit(desk.take(now)), fetched(200), now, now)

    assert desk.next_due == 20.0


def test_with_a_rate_a_site_about_to_start_is_not_reported_as_blocked_for_a_day() -> None:
    desk = bench(Manners(gap=1.0, limit=2))
    desk.stock([holding("a.example", 9)], 0.0)
    first = visit(desk.take(0.0))
    desk.start(first, 0.0)
    desk.release(first, fetched(), 0.5, None)

    desk.take(1.0)
    ((_, _, wait),) = desk.paced(1.0)

    assert wait <= 1.0


# What is remembered


def test_sites_with_nothing_to_do_are_forgotten_first() -> None:
    desk = bench(remember=4)
    desk.stock([holding(f"s{site}.example") for site in range(4)], 0.0)
    for chosen in take_all(desk, 0.0):
        make(desk, visit(chosen), fetched(), 0.0, 0.0)

    desk.stock([holding("new.example")], 1.0)

    assert len(desk._sites) == 2
    assert visit(desk.take(1.0)).lease.target.site == "new.example"


def test_what_still_matters_of_a_site_is_not_forgotten() -> None:
    desk = bench(remember=1)
    for site, outcome in (
        ("slowed.example", fetched(429)),
        ("unknown.example", failed(Fault.DNS, lasting=True)),
        ("fine.example", fetched()),
    ):
        desk.stock([holding(site)], 0.0)
        make(desk, visit(desk.take(0.0)), outcome, 0.0, 0.0)

    desk.stock([holding("busy.example")], 0.5)

    assert set(desk._sites) == {"slowed.example", "unknown.example", "busy.example"}


def test_a_site_whose_robots_txt_is_still_being_read_is_not_forgotten() -> None:
    desk = bench(agent=AGENT, remember=1)
    desk.stock([holding("a.example")], 0.0)
    asking = visit(desk.take(0.0))
    make(desk, asking, fetched(), 0.0, 0.0)

    desk.stock([holding("b.example"), holding("c.example")], 1.0)

    assert desk.heard(asking, robots.allow_all(1.0), 1.0) is None
    assert desk.stocked == 3


def test_a_forgotten_site_is_asked_for_its_robots_txt_again() -> None:
    desk = bench(agent=AGENT, remember=1)
    desk.stock([holding("a.example")], 0.0)
    hear(desk, visit(desk.take(0.0)), robots.allow_all(0.0), 0.0)
    make(desk, visit(desk.take(0.0)), fetched(), 0.0, 0.0)
    desk.stock([holding("b.example")], 1.0)

    desk.stock([holding("a.example")], 2.0)

    assert {visit(each).robots for each in take_all(desk, 2.0)} == {
        "https://a.example/robots.txt",
        "https://b.example/robots.txt",
    }


class Growing(Workbench):
    """Adds the rules that it hears to those that were there before."""

    def heard(
        self, visit: Visit, answer: robots.Rules | str | Failed, now: float
    ) -> tuple[Failed, int] | None:
        target = visit.lease.target
        self._weight += self._sites[target.site].origins[urls.origin(target.url)].weight
        return super().heard(visit, answer, now)


class Hoarding(Workbench):
    """Never takes off what it has forgotten."""

    def _forget(self, now: float) -> None:
        before = self._weight
        super()._forget(now)
        self._weight = before


def asks(desk: Workbench, site: str, now: float) -> bool:
    """Visit a page of a site; tell whether its robots.txt, of 300 bytes, was asked for first.

    Before that nothing is in line, so that anything may be forgotten.
    """
    desk.stock([], now)
    desk.stock([holding(site)], now)
    chosen = visit(desk.take(now))
    asked = chosen.robots is not None
    if asked:
        rules = dataclasses.replace(robots.allow_all(now), size=300)
        assert hear(desk, chosen, rules, now) is None
        chosen = visit(desk.take(now))
    make(desk, chosen, fetched(), now, now)
    return asked


def heard_again_weighs_once(desk: Workbench) -> None:
    """Rules take room once, however often they are asked for again."""
    for day in range(9):
        assert asks(desk, "a.example", day * DAY * 1.1)
    assert not asks(desk, "a.example", 8 * DAY * 1.1 + 1)


def forgotten_weighs_nothing(desk: Workbench) -> None:
    """There is room for three; once too many are known, half of that is kept."""
    for number in range(5):
        assert asks(desk, f"s{number}.example", number)
    assert not asks(desk, "s4.example", 5.0)


@pytest.mark.parametrize(
    ("promise", "broken"),
    [(heard_again_weighs_once, Growing), (forgotten_weighs_nothing, Hoarding)],
)
def test_rules_weigh_what_is_known_of_them(
    monkeypatch: pytest.MonkeyPatch, promise: Callable[[Workbench], None], broken: type[Workbench]
) -> None:
    monkeypatch.setattr(workbench, "MOST_RULES", 1_000)

    promise(bench(agent=AGENT))
    with pytest.raises(AssertionError):
        promise(broken(Manners(), Retry(2), AGENT))


# Whole crawls, and checks that are checked themselves

MANY = [
    holding("a.example", 12),
    holding("b.example", 5),
    holding("a.example", 3, scheme="http"),
    holding("c.example", 1),
]


@pytest.mark.parametrize("delay", [0.0, 0.5, 3.0])
@pytest.mark.parametrize("permits", [1, 2, 64])
def test_a_crawl_keeps_every_promise(delay: float, permits: int) -> None:
    desk = bench(Manners(delay=delay, limit=3), agent=AGENT, concurrency=permits)

    diary = crawl(desk, MANY, permits=permits)

    assert lost(diary, MANY) == []
    assert unasked(diary) == []
    assert crowds(diary, 1 if delay else 3) == []
    assert hurries(diary, delay) == [] or not delay
    assert desk.stocked == 0


def test_a_crawl_delay_learnt_on_the_way_is_kept_from_then_on() -> None:
    desk = bench(Manners(limit=4), agent=AGENT)
    diary = crawl(desk, [holding("a.example", 6)], robots_web("User-agent: *\nCrawl-delay: 7"))

    assert hurries(diary, 7.0) == []
    assert diary.starts("a.example")[-1] == pytest.approx(6 * 7.25)


@pytest.mark.parametrize(
    "text", ["User-agent: *\nDisallow: /", "User-agent: crawlway\nDisallow: /"]
)
def test_a_site_that_forbids_everything_is_asked_one_thing(text: str) -> None:
    desk = bench(agent=AGENT)
    diary = crawl(desk, [holding("a.example", 6)], robots_web(text))

    assert [each.url for each in diary.requests] == ["https://a.example/robots.txt"]
    assert len(diary.denied) == 6


def test_a_dead_site_ends_all_its_urls_in_minutes() -> None:
    desk = bench(agent=AGENT)
    held = [holding("a.example", 40)]

    diary = crawl(desk, held, lambda url, now: failed(Fault.TIMEOUT))

    assert lost(diary, held) == []
    assert len(diary.requests) == pace_module.ROW + len(pace_module.RESTS)
    assert max(diary.starts("a.example")) < 300


class Hasty(Pace):
    """Forgets the delay."""

    def end(
        self,
        outcome: Outcome,
        started: float,
        now: float,
        pause: float | None,
        *,
        typical: bool = True,
        telling: bool = True,
    ) -> None:
        super().end(outcome, started, now, pause, typical=typical, telling=telling)
        self.due = now


class Greedy(Pace):
    """Takes a delay for no reason to send less at once."""

    @property
    def limit(self) -> int:
        return self._manners.limit


class Careless(Workbench):
    """Skips robots.txt."""

    def __init__(self, manners: Manners, retry: Retry, agent: str | None) -> None:
        super().__init__(manners, retry, None)


class Forgetful(Workbench):
    """Loses who waits for a robots.txt."""

    def heard(
        self, visit: Visit, answer: robots.Rules | str | Failed, now: float
    ) -> tuple[Failed, int] | None:
        for origin in self._sites[visit.lease.target.site].origins.values():
            origin.parked.clear()
        return super().heard(visit, answer, now)


def test_the_check_reports_a_pace_that_forgets_the_delay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crawler.policy.site.Pace", Hasty)

    diary = crawl(bench(Manners(delay=3.0), agent=AGENT), MANY)

    assert "began 0.000 s after" in hurries(diary, 3.0)[0]


def test_the_check_reports_a_pace_that_crowds_a_site(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crawler.policy.site.Pace", Greedy)

    diary = crawl(bench(Manners(delay=3.0, limit=3)), MANY)

    assert "3 in flight" in crowds(diary, 1)[-1]


def test_the_check_reports_a_bench_that_skips_robots_txt() -> None:
    diary = crawl(Careless(Manners(), Retry(), AGENT), MANY)

    assert len(unasked(diary)) == sum(len(held.leases) for held in MANY)


def test_the_check_reports_a_bench_that_loses_leases() -> None:
    diary = crawl(Forgetful(Manners(limit=9), Retry(), AGENT), MANY)

    assert "https://a.example/3 ended 0 times" in lost(diary, MANY)


# Every verb in every order

SITES = ["a.example", "b.example", "c.example:8080"]
OUTCOMES: list[Outcome] = [
    fetched(200),
    fetched(404),
    fetched(429),
    fetched(503),
    failed(Fault.CONNECT),
    failed(Fault.TIMEOUT),
    failed(Fault.DNS, lasting=True),
    failed(Fault.PROTOCOL),
]


class Ledger(RuleBasedStateMachine):
    """Keeps its own books of where every lease is, and of when requests were made."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 100.0
        self.number = 0
        self.inside: dict[int, Lease] = {}  # by token: in line or parked
        self.outside: list[Lease] = []  # taken back
        self.taken: list[Visit] = []
        self.wire: list[Visit] = []
        self.answered: list[Visit] = []  # robots.txt released, not heard yet
        self.pause: dict[int, float] = {}  # by token: the delay in force when it was taken
        self.crawl_delay: dict[str, float] = {}
        self.last_start: dict[str, float] = {}
        self.last_end: dict[str, float] = {}
        self.heard_of: dict[str, robots.Rules] = {}

    @initialize(
        delay=st.sampled_from([0.0, 0.0, 1.0, 5.0]),
        gap=st.sampled_from([0.0, 0.0, 0.5]),
        limit=st.integers(1, 4),
        agent=st.sampled_from([AGENT, AGENT, None]),
        concurrency=st.integers(1, 8),
    )
    def begin(
        self, delay: float, gap: float, limit: int, agent: str | None, concurrency: int
    ) -> None:
        self.manners = Manners(delay, gap, limit)
        self.concurrency = concurrency
        self.obeys = agent is not None
        self.desk = self.make_bench(agent)

    def make_bench(self, agent: str | None) -> Workbench:
        return bench(self.manners, agent=agent, retries=1, concurrency=self.concurrency)

    # What happens

    @rule(
        site=st.sampled_from(SITES),
        scheme=st.sampled_from(["http", "https"]),
        number=st.integers(1, 6),
        wait=st.sampled_from([0.0, 0.0, 2.0, 40.0]),
    )
    def stock(self, site: str, scheme: str, number: int, wait: float) -> None:
        new = []
        for _ in range(number):
            self.number += 1
            path = ["0", "1", "private", "x/x/x"][self.number % 4]
            new.append(lease(f"{scheme}://{site}/{path}?{self.number}", self.number))
        self._stock(site, new, wait)

    @precondition(lambda self: self.outside)
    @rule()
    def stock_again(self) -> None:
        back, self.outside = self.outside, []
        for site in SITES:
            self._stock(site, [each for each in back if each.target.site == site], 0.0)

    def _stock(self, site: str, new: list[Lease], wait: float) -> None:
        self.desk.stock([Holding(site, new, 0.0, wait)], self.now)
        self.inside |= {each.token: each for each in new}

    @rule(seconds=st.sampled_from([0.01, 0.5, 1.0, 7.0, 31.0, 2_000.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def the_next_is_due(self) -> None:
        if self.desk.next_due < math.inf:
            self.now = max(self.now, self.desk.next_due)

    @precondition(lambda self: len(self.taken) + len(self.wire) < self.concurrency)
    @rule()
    def take(self) -> None:
        self._took(self.desk.take(self.now))

    @rule()
    def take_a_round(self) -> None:
        """Every site that is ready has its turn in as many takes as there are such sites."""
        ready = {
            site: site.ticket
            for site in self.desk._sites.values()
            if site.ticket and site.at <= self.now
        }
        for _ in ready:
            self._took(self.desk.take(self.now))

        for site, ticket in ready.items():
            assert site.ticket != ticket

    def _took(self, chosen: Visit | Denied | None) -> None:
        if chosen is None:
            assert self.desk.next_due > self.now
            return
        target = chosen.lease.target
        del self.inside[chosen.lease.token]
        rules = self.heard_of.get(urls.origin(target.url))
        if isinstance(chosen, Denied):
            assert chosen.why is not Reason.ROBOTS or (rules and rules.refuses(target.url))
            return
        delay = max(self.manners.delay, self.crawl_delay.get(target.site, 0.0))
        self.pause[chosen.lease.token] = delay
        self.taken.append(chosen)
        busy = sum(each.lease.target.site == target.site for each in self.taken + self.wire)
        assert busy <= (1 if delay else self.manners.limit)
        if self.obeys and chosen.robots is None:
            assert rules is not None
            assert rules.expires > self.now
            assert rules.refuses(target.url) is None

    @precondition(lambda self: self.taken)
    @rule(data=st.data())
    def start(self, data: st.DataObject) -> None:
        chosen = self._pick(self.taken, data)
        site = chosen.lease.target.site
        if not self.desk.start(chosen, self.now):  # its site has meanwhile said to wait
            self.desk.put_back(chosen, self.now)
            self.inside[chosen.lease.token] = chosen.lease
            return
        self.wire.append(chosen)

        assert self.now >= self.last_end.get(site, -math.inf) + self.pause[chosen.lease.token]
        assert self.now >= self.last_start.get(site, -math.inf) + self.manners.gap
        self.last_start[site] = self.now

    @precondition(lambda self: self.taken)
    @rule(data=st.data())
    def put_back(self, data: st.DataObject) -> None:
        chosen = self._pick(self.taken, data)
        self.desk.put_back(chosen, self.now)
        self.inside[chosen.lease.token] = chosen.lease

    @precondition(lambda self: self.wire)
    @rule(
        data=st.data(),
        outcome=st.sampled_from(OUTCOMES),
        pause=st.sampled_from([None, None, 3.0]),
        vain=st.sampled_from([False, False, True]),
    )
    def release(
        self, data: st.DataObject, outcome: Outcome, pause: float | None, vain: bool
    ) -> None:
        chosen = self._pick(self.wire, data)
        self.desk.release(chosen, outcome, self.now, pause)
        self.last_end[chosen.lease.target.site] = self.now
        if vain:
            self.desk.repeat(chosen, self.now)
            self.inside[chosen.lease.token] = chosen.lease
        elif chosen.robots is not None:
            self.answered.append(chosen)

    @precondition(lambda self: self.answered)
    @rule(
        data=st.data(),
        answer=st.sampled_from(["allow", "private", "delay", "hop", "503", "silence", "lasting"]),
    )
    def hear(self, data: st.DataObject, answer: str) -> None:
        self._heard(self._pick(self.answered, data), answer)

    def _heard(self, chosen: Visit, answer: str) -> None:
        target = chosen.lease.target
        said: robots.Rules | str | Failed
        match answer:
            case "allow":
                said = robots.allow_all(self.now)
            case "private":
                said = robots.read(b"User-agent: *\nDisallow: /private", AGENT, self.now)
            case "delay":
                said = robots.Rules(self.now + DAY, delay=4.0)
            case "hop":
                said = "https://elsewhere.example/robots.txt"
            case "503":
                said = failed(Fault.HTTP_5XX, status=503)
            case _:
                said = failed(Fault.CONNECT, lasting=answer == "lasting")
        ended = self.desk.heard(chosen, said, self.now)
        if ended is None:
            self.inside[chosen.lease.token] = chosen.lease
        known = self.desk._sites[target.site].origins[urls.origin(target.url)].rules
        if known is not None:
            self.heard_of[urls.origin(target.url)] = known
        if isinstance(said, robots.Rules) and said.delay:
            self.crawl_delay[target.site] = said.delay

    @rule(seconds=st.sampled_from([0.0, 10.0]))
    def asleep(self, seconds: float) -> None:
        self._took_back(self.desk.asleep(self.now + seconds))

    @rule()
    def clear(self) -> None:
        self._took_back(self.desk.clear())

        assert not self.inside
        assert self.desk.next_due == math.inf

    def _took_back(self, back: list[Lease]) -> None:
        for each in back:
            del self.inside[each.token]
        self.outside += back

    def _pick(self, visits: list[Visit], data: st.DataObject) -> Visit:
        return visits.pop(data.draw(st.integers(0, len(visits) - 1)))

    # What must always hold

    @invariant()
    def every_lease_is_where_the_books_say(self) -> None:
        if self.number:
            sites = self.desk._sites.values()
            in_line = [each.token for site in sites for each in site.line]
            parked = [
                each.token
                for site in sites
                for origin in site.origins.values()
                for each in origin.parked
            ]

            assert sorted(in_line + parked) == sorted(self.inside)
            assert self.desk.stocked == len(in_line)

    @invariant()
    def whoever_can_go_on_is_due(self) -> None:
        if self.inside and not (self.taken or self.wire or self.answered):
            assert self.desk.next_due < math.inf

    def teardown(self) -> None:
        """Let everything come to its end: nothing may be stuck."""
        for chosen in self.wire:
            self.desk.release(chosen, fetched(), self.now, None)
        for chosen in self.taken:
            self.desk.put_back(chosen, self.now)
            self.inside[chosen.lease.token] = chosen.lease
        for chosen in [*self.answered, *(each for each in self.wire if each.robots is not None)]:
            self._heard(chosen, "allow")
        for _ in range(10 * len(self.inside) + 10):
            if not self.inside:
                return
            chosen_next = self.desk.take(self.now)
            if chosen_next is None:
                self.now = self.desk.next_due
                continue
            del self.inside[chosen_next.lease.token]
            if isinstance(chosen_next, Visit):
                make(self.desk, chosen_next, fetched(), self.now, self.now)
                if chosen_next.robots is not None:
                    self._heard(chosen_next, "allow")
        assert not self.inside


LONG = settings(
    max_examples=150,
    stateful_step_count=50,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
SEARCH = settings(
    LONG, phases=[Phase.generate], database=None, report_multiple_bugs=False, derandomize=True
)

TestLedger = Ledger.TestCase
TestLedger.settings = LONG


@pytest.mark.parametrize(
    ("name", "broken"),
    [("Pace", Hasty), ("bench", Careless), ("bench", Forgetful)],
)
def test_the_ledger_reports_whoever_breaks_a_promise(
    monkeypatch: pytest.MonkeyPatch, name: str, broken: type
) -> None:
    if name == "Pace":
        monkeypatch.setattr("crawler.policy.site.Pace", broken)

    class Suspicious(Ledger):
        def make_bench(self, agent: str | None) -> Workbench:
            if name == "Pace":
                return super().make_bench(agent)
            desk = broken(self.manners, Retry(1), agent)
            assert isinstance(desk, Workbench)
            self.obeys = agent is not None
            return desk

    with pytest.raises((AssertionError, KeyError)):
        run_state_machine_as_test(Suspicious, settings=SEARCH)


def test_busy_sites_that_are_slow_or_held_back_can_be_named() -> None:
    desk = bench(Manners(limit=4))
    desk.stock([holding("slow.example", 9), holding("quick.example", 9)], 0.0)
    for _ in range(4):
        chosen = visit(desk.take(0.0))
        site = chosen.lease.target.site
        desk.start(chosen, 0.0)
        outcome = failed(Fault.TIMEOUT) if site == "slow.example" else fetched()
        desk.release(chosen, outcome, 9.0, None)

    assert desk.held_back(5) == [("slow.example", 1)]
    assert {site for site, _ in desk.slowest(5)} == {"slow.example", "quick.example"}
    assert len(desk.slowest(1)) == 1
