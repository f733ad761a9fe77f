"""The adaptive limit against sites simulated in a few lines."""

import heapq
import random
from collections.abc import Callable

import pytest

from crawler.policy.throttle import Throttle

Site = Callable[[int], tuple[float, bool]]


def simulate(
    throttle: Throttle, site: Site, seconds: float, concurrency: int = 64
) -> list[tuple[float, int, bool]]:
    """Keep as many requests in flight as the limit allows; return (end, limit, refused)."""
    now = 0.0
    flying: list[tuple[float, float, bool]] = []
    history = []
    while now < seconds:
        while len(flying) < min(throttle.limit, concurrency):
            waits, refused = site(len(flying) + 1)
            heapq.heappush(flying, (now + waits, now, refused))
        now, started, refused = heapq.heappop(flying)
        if refused:
            throttle.refused(started, now)
        else:
            throttle.answered(now - started, started, now, len(flying) + 1)
        history.append((now, throttle.limit, refused))
    return history


def slow_from_8_and_closed_from_16(chance: random.Random) -> Site:
    def answer(flying: int) -> tuple[float, bool]:
        if flying > 16:
            return 0.002, True
        return 0.02 * (10 if flying >= 8 else 1) * chance.uniform(0.8, 1.2), False

    return answer


@pytest.mark.parametrize("seed", range(5))
def test_the_limit_settles_below_where_a_site_slows_down_and_refuses(seed: int) -> None:
    history = simulate(Throttle(64), slow_from_8_and_closed_from_16(random.Random(seed)), 60)

    late = [limit for now, limit, _ in history if now > 30]
    assert sum(limit < 8 for limit in late) / len(late) > 0.95
    assert not [now for now, _, refused in history if refused and now > 30]


def test_a_site_that_is_well_is_given_all_it_is_allowed() -> None:
    history = simulate(Throttle(32), lambda flying: (0.05, False), 20)

    assert {limit for _, limit, _ in history} == {32}


def test_a_refusal_takes_the_limit_to_one_and_it_grows_back() -> None:
    throttle = Throttle(16)

    throttle.refused(1.0, 1.0)
    fallen = throttle.limit
    history = simulate(throttle, lambda flying: (0.05, False), 120)

    assert fallen == 1
    assert history[-1][1] == 16


def test_timeouts_of_one_moment_count_once() -> None:
    one, three = Throttle(16), Throttle(16)

    one.refused(0.0, 30.0)
    for _ in range(3):
        three.refused(0.0, 30.0)
    for throttle in (one, three):
        for beat in range(40):
            throttle.answered(0.01, 31.0 + beat, 31.0 + beat, 1)

    assert one.limit == three.limit > 8


def test_a_page_that_is_slower_than_others_does_not_count_as_a_slow_site() -> None:
    chance = random.Random(7)
    throttle = Throttle(8)

    history = simulate(throttle, lambda flying: (chance.uniform(0.02, 0.2), False), 60)

    late = [limit for now, limit, _ in history if now > 30]
    assert sum(late) / len(late) > 4


def test_our_own_work_is_not_taken_for_the_sites_slowness() -> None:
    """On loopback answers queue for us: half a millisecond for each request in flight."""
    history = simulate(Throttle(64), lambda flying: (0.001 + 0.0004 * flying, False), 5)

    assert {limit for _, limit, _ in history} == {64}


def test_a_site_that_is_slow_with_one_request_is_not_slow_because_of_us() -> None:
    throttle = Throttle(4)
    throttle.answered(0.01, 0.0, 0.0, 1)
    throttle.refused(1.0, 1.0)

    history = simulate(throttle, lambda flying: (1.0, False), 100)

    assert history[-1][1] == 4


def test_a_site_that_becomes_slow_for_others_reasons_is_given_its_due_again() -> None:
    """A busy machine costs a minute at less, and no more than that."""
    began = []

    def busy_for_ten_seconds(flying: int) -> tuple[float, bool]:
        began.append(flying)
        return (0.6 if 100 < len(began) < 600 else 0.2), False

    history = simulate(Throttle(100), busy_for_ten_seconds, 120, concurrency=100)

    assert min(limit for _, limit, _ in history) > 10
    assert {limit for now, limit, _ in history if now > 90} == {100}


def test_requests_from_before_a_change_tell_nothing_of_it() -> None:
    throttle = Throttle(8)
    throttle.refused(10.0, 10.0)

    for _ in range(20):
        throttle.answered(0.01, 9.0, 11.0, 8)

    assert throttle.limit == 1


def test_falls_and_recovery_are_told_once() -> None:
    throttle = Throttle(4)
    throttle.refused(1.0, 1.0)
    told = [throttle.news(), throttle.news()]
    while throttle.limit < 4:
        throttle.answered(0.01, 100.0, 100.0, 1)
        told.append(throttle.news())

    assert [limit for limit in told if limit is not None] == [1, 4]


def test_a_limit_that_never_falls_would_be_noticed() -> None:
    """The test of the test."""

    class Stubborn(Throttle):
        def refused(self, started: float, now: float) -> None:
            pass

        def _slow(self, now: float) -> None:
            pass

    history = simulate(Stubborn(64), slow_from_8_and_closed_from_16(random.Random(1)), 40)

    assert [now for now, _, refused in history if refused and now > 30]
