"""What is tried again, after how long, and what a Retry-After comes to."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.model import Fault, Outcome, Truncated
from crawler.policy.retry import Retry, overloaded, passing, retry_after, unreachable
from tests.policy.make import failed, fetched

WALL = datetime(2015, 10, 21, 7, 28, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("outcome", "again"),
    [
        *((fetched(status), True) for status in (429, 500, 502, 503, 504, 599)),
        *((fetched(status), False) for status in (200, 204, 301, 304, 400, 401, 403, 404, 410)),
        (fetched(truncated="time"), True),
        (fetched(truncated="disconnect"), True),
        (fetched(truncated="length"), False),
        (failed(Fault.CONNECT), True),
        (failed(Fault.DISCONNECT), True),
        (failed(Fault.TIMEOUT), True),
        (failed(Fault.DNS), True),
        (failed(Fault.DNS, lasting=True), False),
        (failed(Fault.TLS, lasting=True), False),
        (failed(Fault.PRIVATE_ADDRESS, lasting=True), False),
    ],
)
def test_what_may_pass_is_tried_again(outcome: Outcome, again: bool) -> None:
    assert passing(outcome) is again
    assert (Retry(2).after(outcome, 0) is not None) is again


@pytest.mark.parametrize(("limit", "tries"), [(0, 1), (1, 2), (2, 3), (5, 6)])
def test_a_url_is_tried_as_often_as_allowed(limit: int, tries: int) -> None:
    retry = Retry(limit)
    attempt = 0

    while retry.after(fetched(500), attempt) is not None:
        attempt += 1

    assert attempt + 1 == tries


@pytest.mark.parametrize(("attempt", "middle"), [(0, 1), (1, 2), (2, 4), (5, 32), (6, 60), (9, 60)])
def test_the_pause_doubles_up_to_a_minute_give_or_take_a_quarter(
    attempt: int, middle: float
) -> None:
    pauses = [Retry().pause(attempt) for _ in range(400)]

    assert min(pauses) >= middle * 0.75
    assert max(pauses) <= middle * 1.25
    assert min(pauses) < middle * 0.9 < middle * 1.1 < max(pauses)


@given(st.integers(0, 10**9), st.floats(0.001, 100), st.floats(0.001, 1_000))
def test_no_pause_exceeds_the_cap_by_more_than_its_jitter(
    attempt: int, base: float, cap: float
) -> None:
    pause = Retry(base=base, cap=cap).pause(attempt)

    assert 0 < pause <= cap * 1.25


@pytest.mark.parametrize(
    ("outcome", "slower"),
    [(fetched(429), True), (fetched(503), True), (fetched(500), False), (failed(), False)],
)
def test_429_and_503_ask_for_fewer_requests(outcome: Outcome, slower: bool) -> None:
    assert overloaded(outcome) is slower


@pytest.mark.parametrize("fault", list(Fault))
def test_a_site_is_unreachable_when_no_answer_came_from_it(fault: Fault) -> None:
    silent = {Fault.DNS, Fault.CONNECT, Fault.TLS, Fault.PROXY, Fault.TIMEOUT, Fault.DISCONNECT}

    assert unreachable(failed(fault)) is (fault in silent)
    assert not unreachable(fetched(503))


@pytest.mark.parametrize("truncated", ["time", "disconnect"])
def test_half_a_body_is_an_answer_all_the_same(truncated: Truncated) -> None:
    assert not unreachable(fetched(truncated=truncated))


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120),
        (" 7 ", 7),
        ("1", 1),
        ("0", 1),
        ("3600", 3600),
        ("3601", 3600),
        ("31536000", 3600),
        ("9" * 5_000, 3600),
        ("Wed, 21 Oct 2015 07:28:30 GMT", 30),
        ("Wed, 21 Oct 2015 09:28:30 +0200", 30),
        ("Wed, 21 Oct 2015 07:28:30 -0000", 30),
        ("Wednesday, 21-Oct-15 07:28:30 GMT", 30),
        ("Wed Oct 21 07:28:30 2015", 30),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 1),
        ("Wed, 21 Oct 2015 07:00:00 GMT", 1),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 1),
        ("Fri, 21 Oct 2016 07:28:00 GMT", 3600),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 3600),
    ],
)
def test_retry_after_is_read_and_kept_between_a_second_and_an_hour(
    value: str, seconds: float
) -> None:
    assert retry_after({"retry-after": value}, WALL) == seconds


@pytest.mark.parametrize(
    "value",
    ["", " ", "soon", "-5", "+5", "1.5", "1e3", "²", "٣", "12, 60", "\ud800", "Wed, 41 Oct 2015"],
)
def test_a_retry_after_that_says_nothing_is_none(value: str) -> None:
    assert retry_after({"retry-after": value}, WALL) is None
    assert retry_after({}, WALL) is None


@given(st.text(max_size=40) | st.from_regex(r"\w{3}, \d\d? \w{3} \d{1,5} \d\d:\d\d:\d\d [-+]\d{4}"))
def test_no_retry_after_does_harm(value: str) -> None:
    seconds = retry_after({"retry-after": value}, WALL)

    assert seconds is None or 1 <= seconds <= 3600
