"""One site's rhythm: delays, rates, back-off, rests, and what is not held against it."""

import pytest

from crawler.model import Fault, Outcome
from crawler.policy.pace import MAX_BACKOFF, RESTS, ROW, UNRESOLVED, Manners, Pace
from tests.policy.make import failed, fetched

GOOD, SLOWER, SILENT = fetched(200), fetched(429), failed(Fault.CONNECT)
NO_NAME = failed(Fault.DNS, lasting=True)


def request(
    pace: Pace, outcome: Outcome, start: float, end: float, pause: float | None = None
) -> None:
    """Make one request from ``start`` to ``end``."""
    pace.take()
    pace.start(start)
    pace.end(outcome, start, end, pause)


def in_vain(pace: Pace, times: int, now: float, outcome: Outcome = SILENT) -> None:
    """Make requests that no one answers."""
    for _ in range(times):
        request(pace, outcome, now, now)


def test_a_fresh_site_may_be_visited_at_once() -> None:
    pace = Pace(Manners(limit=3))

    assert pace.due == 0
    assert pace.delay == 0
    assert pace.limit == 3
    assert pace.hopeless(0) is None


@pytest.mark.parametrize(
    "outcome", [GOOD, fetched(404), fetched(500), SILENT, failed(Fault.PROTOCOL)]
)
def test_the_delay_counts_from_the_end_of_a_request_whatever_came(outcome: Outcome) -> None:
    pace = Pace(Manners(delay=2.0, limit=8))

    request(pace, outcome, start=10.0, end=17.0)

    assert pace.due == 19.0
    assert pace.limit == 1


def test_without_a_delay_the_next_request_need_not_wait() -> None:
    pace = Pace(Manners(limit=2))

    request(pace, GOOD, start=10.0, end=17.0)

    assert pace.due <= 17.0
    assert pace.in_flight == 0


def test_a_rate_counts_from_start_to_start() -> None:
    pace = Pace(Manners(gap=0.5, limit=4))

    pace.take()
    starting = pace.starting
    pace.start(10.0)

    assert starting
    assert not pace.starting
    assert pace.due == 10.5
    assert pace.limit == 4
    pace.end(GOOD, 10.0, 99.0, None)
    assert pace.due == 10.5


def test_without_a_rate_a_start_settles_nothing() -> None:
    pace = Pace(Manners())

    pace.take()
    pace.start(10.0)

    assert pace.due == 0


def test_with_rate_and_delay_both_are_kept() -> None:
    pace = Pace(Manners(delay=1.0, gap=5.0))

    request(pace, GOOD, start=10.0, end=10.5)
    after_a_short_one = pace.due
    request(pace, GOOD, start=15.0, end=25.0)

    assert after_a_short_one == 15.0
    assert pace.due == 26.0


def test_a_request_that_was_not_made_leaves_no_trace() -> None:
    pace = Pace(Manners(gap=5.0))

    pace.take()
    pace.untake()

    assert pace.in_flight == 0
    assert pace.due == 0


def test_without_a_rate_a_request_not_made_leaves_the_delay_alone() -> None:
    pace = Pace(Manners(delay=5.0))
    request(pace, GOOD, start=0.0, end=1.0)

    pace.take()
    pace.untake()

    assert pace.due == 6.0


def test_a_crawl_delay_learnt_late_counts_from_the_last_request() -> None:
    pace = Pace(Manners(limit=4))
    request(pace, GOOD, start=10.0, end=11.0)

    pace.obey(30.0)

    assert pace.due == 41.0
    assert pace.delay == 30.0
    assert pace.limit == 1


def test_the_largest_of_the_delays_counts() -> None:
    pace = Pace(Manners(delay=5.0))

    pace.obey(2.0)

    assert pace.delay == 5.0
    pace.obey(7.0)
    assert pace.delay == 7.0


def test_a_pause_never_shortens_another() -> None:
    pace = Pace(Manners())

    pace.pause(50.0)
    pace.pause(20.0)

    assert pace.due == 50.0


@pytest.mark.parametrize("status", [429, 503])
def test_each_refusal_doubles_the_back_off_up_to_a_minute(status: int) -> None:
    pace = Pace(Manners())
    delays = []

    for turn in range(9):
        request(pace, fetched(status), start=turn * 100.0, end=turn * 100.0)
        delays.append(pace.delay)

    assert delays == [1, 2, 4, 8, 16, 32, MAX_BACKOFF, MAX_BACKOFF, MAX_BACKOFF]
    assert pace.due == 800.0 + MAX_BACKOFF
    assert pace.limit == 1


def test_each_answer_halves_the_back_off_until_it_is_gone() -> None:
    pace = Pace(Manners(limit=2))
    for turn in range(4):
        request(pace, SLOWER, start=turn * 100.0, end=turn * 100.0)
    delays = []

    for turn in range(5, 10):
        request(pace, GOOD, start=turn * 100.0, end=turn * 100.0)
        delays.append(pace.delay)

    assert delays == [4, 2, 1, 0, 0]
    assert pace.limit == 2


def test_a_volley_of_refusals_counts_once() -> None:
    pace = Pace(Manners(limit=8))
    for _ in range(8):
        pace.take()

    for turn in range(8):
        pace.end(SLOWER, started=10.0, now=11.0 + turn / 10, pause=None)

    assert pace.delay == 1.0
    assert pace.due == pytest.approx(12.7)


def test_an_answer_asked_for_before_the_refusal_does_not_lift_it() -> None:
    pace = Pace(Manners(limit=2))
    pace.take()
    pace.take()

    pace.end(SLOWER, started=10.0, now=11.0, pause=None)
    pace.end(GOOD, started=10.0, now=12.0, pause=None)

    assert pace.delay == 1.0
    assert pace.due == 13.0


def test_a_retry_after_pauses_the_site_and_slows_it_no_further() -> None:
    pace = Pace(Manners(limit=2))

    request(pace, SLOWER, start=10.0, end=11.0, pause=600.0)

    assert pace.due == 611.0
    assert pace.delay == 0


def test_a_retry_after_shorter_than_the_delay_does_not_shorten_it() -> None:
    pace = Pace(Manners(delay=60.0))

    request(pace, SLOWER, start=10.0, end=11.0, pause=2.0)

    assert pace.due == 71.0


@pytest.mark.parametrize("first", [None, 2.0])
def test_the_longest_retry_after_of_a_volley_counts(first: float | None) -> None:
    pace = Pace(Manners(limit=2))
    pace.take()
    pace.take()

    pace.end(SLOWER, started=10.0, now=11.0, pause=first)
    pace.end(SLOWER, started=10.0, now=11.5, pause=600.0)

    assert pace.due == 611.5


def overlapping(pace: Pace) -> None:
    """Start a request at 0, and take another at 1 whose start is not known yet."""
    pace.take()
    pace.start(0.0)
    pace.take()


def test_with_a_rate_a_start_does_not_cut_a_retry_after_short() -> None:
    pace = Pace(Manners(gap=1.0, limit=2))
    overlapping(pace)

    pace.end(SLOWER, started=0.0, now=1.05, pause=600.0)
    pace.start(1.1)

    assert pace.due >= 601.05


def test_with_a_rate_a_request_not_made_does_not_cut_a_retry_after_short() -> None:
    pace = Pace(Manners(gap=1.0, limit=2))
    overlapping(pace)

    pace.end(SLOWER, started=0.0, now=1.05, pause=600.0)
    pace.untake()

    assert pace.due >= 601.05


def test_with_a_rate_a_start_does_not_cut_a_rest_short() -> None:
    pace = Pace(Manners(gap=1.0, limit=2))
    for turn in range(ROW - 1):
        request(pace, SILENT, start=turn - 10.0, end=turn - 10.0)
    overlapping(pace)

    pace.end(SILENT, started=0.0, now=1.05, pause=None)
    pace.start(1.1)

    assert pace.due >= 1.05 + RESTS[0]


def test_five_failures_in_a_row_give_a_site_rest_three_times_and_then_up() -> None:
    pace = Pace(Manners(limit=4))
    now = 100.0
    rests = []

    in_vain(pace, ROW, now)
    for _ in RESTS:
        assert pace.hopeless(now) is None
        assert pace.limit == 1
        rests.append(pace.due - now)
        now = pace.due
        in_vain(pace, 1, now)

    assert rests == list(RESTS) == [30, 60, 120]
    assert pace.due == now
    down = pace.hopeless(now)
    assert down is not None
    assert down.fault is Fault.SITE_DOWN
    assert down.lasting
    assert pace.hopeless(now + 1e6) == down


def test_four_failures_in_a_row_change_nothing() -> None:
    pace = Pace(Manners(limit=4))

    in_vain(pace, ROW - 1, 100.0)

    assert pace.due <= 100.0
    assert pace.limit == 4


@pytest.mark.parametrize("answer", [GOOD, fetched(404), fetched(500), SLOWER])
def test_one_answer_and_the_failures_are_forgotten(answer: Outcome) -> None:
    pace = Pace(Manners())
    in_vain(pace, ROW - 1, 100.0)

    request(pace, answer, start=200.0, end=200.0)
    in_vain(pace, ROW - 1, 300.0)

    assert pace.due <= 302.0
    assert pace.hopeless(300.0) is None


def test_an_answer_after_a_rest_gives_a_site_all_its_chances_again() -> None:
    pace = Pace(Manners(limit=4))
    in_vain(pace, ROW, 100.0)
    in_vain(pace, 1, 130.0)

    request(pace, GOOD, start=190.0, end=190.0)

    assert pace.limit == 4
    in_vain(pace, ROW, 200.0)
    assert pace.due == 230.0


def test_failures_begun_before_the_rest_do_not_prolong_it() -> None:
    pace = Pace(Manners(limit=8))
    for _ in range(ROW + 3):
        pace.take()

    for turn in range(ROW + 3):
        pace.end(SILENT, started=90.0, now=100.0 + turn, pause=None)

    assert pace.due == 104.0 + RESTS[0]
    assert pace.in_flight == 0


def test_a_certificate_that_never_fits_rests_the_site_too() -> None:
    pace = Pace(Manners())

    in_vain(pace, ROW, 100.0, failed(Fault.TLS, lasting=True))

    assert pace.due == 130.0


def test_a_name_that_does_not_resolve_is_remembered_for_a_minute() -> None:
    pace = Pace(Manners())

    request(pace, NO_NAME, start=9.0, end=10.0)

    unknown = pace.hopeless(10.0 + UNRESOLVED - 0.001)
    assert UNRESOLVED == 60.0
    assert unknown is not None
    assert unknown.fault is Fault.DNS
    assert pace.hopeless(10.0 + UNRESOLVED) is None
    assert pace.limit == Manners().limit


def test_a_name_server_that_is_away_for_a_moment_counts_as_silence() -> None:
    pace = Pace(Manners())

    in_vain(pace, 1, 10.0, failed(Fault.DNS))

    assert pace.hopeless(10.0) is None
    in_vain(pace, ROW - 1, 10.0, failed(Fault.DNS))
    assert pace.due == 40.0
