"""URLs on both sides of each limit; no honest URL is taken for a trap."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.policy.traps import MAX_LENGTH, MAX_REPEATS, MAX_SEGMENTS, trap

HOME = "https://example.com/"


def path(number: int) -> str:
    return "/".join(str(segment) for segment in range(number))


@pytest.mark.parametrize(
    "url",
    [
        HOME,
        HOME + "a" * (MAX_LENGTH - len(HOME)),
        HOME + "?" + "a/" * 900,
        HOME + path(MAX_SEGMENTS),
        HOME + path(MAX_SEGMENTS) + "/",
        HOME + path(MAX_SEGMENTS) + "?/x/y/z",
        HOME + "a/" * MAX_REPEATS,
        HOME + "a/b/a/b",
        HOME + "aa/a/aaa/a/A",
        HOME + "a/a?a/a/a",
        HOME + "/" * 30,
        "https://a/a/b/a",
    ],
)
def test_up_to_the_limit_a_url_is_no_trap(url: str) -> None:
    assert trap(url) is None


@pytest.mark.parametrize(
    ("url", "why"),
    [
        (HOME + "a" * (MAX_LENGTH - len(HOME) + 1), "URL longer than 2083 bytes"),
        (HOME + path(MAX_SEGMENTS + 1), "more than 20 path segments"),
        (HOME + path(MAX_SEGMENTS + 1) + "/", "more than 20 path segments"),
        (HOME + "a/" * (MAX_REPEATS + 1), "path segment 'a' more than 2 times"),
        (HOME + "a/a/a", "path segment 'a' more than 2 times"),
        (HOME + "a/b/a/b/a", "path segment 'a' more than 2 times"),
        (HOME + "x//a///a//a", "path segment 'a' more than 2 times"),
    ],
)
def test_beyond_the_limit_a_url_is_a_trap_and_says_why(url: str, why: str) -> None:
    assert trap(url) == why


def test_the_limits_are_those_of_the_design() -> None:
    assert (MAX_LENGTH, MAX_SEGMENTS, MAX_REPEATS) == (2_083, 20, 2)


@given(st.lists(st.sampled_from(["a", "b", "c", "d", ""]), max_size=30))
def test_a_url_that_grows_by_repeating_itself_ends_up_a_trap(segments: list[str]) -> None:
    named = [segment for segment in segments if segment]
    most = max((named.count(segment) for segment in named), default=0)

    found = trap(HOME + "/".join(segments))

    assert (found is not None) == (len(named) > MAX_SEGMENTS or most > MAX_REPEATS)
