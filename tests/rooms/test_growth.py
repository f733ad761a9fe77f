"""Twice the text takes at most about twice the time, whatever its shape."""

import re
import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from tests.rooms.growth import TABLE, grown

RATIO = 2.5
"""What a doubling may cost; quadratic time has 4."""

STILL = 1e-4
"""CPU seconds that are nothing."""

SLOWEST = 2e-6
"""CPU seconds for a character of the largest text."""

DOUBLINGS = [1 << power for power in (17, 18, 19)]
ALL_DOUBLINGS = [1 << power for power in range(10, 21)]


def took(function: Callable[[str], Any], text: str) -> float:
    """Return the CPU seconds of this thread, which other processes disturb least."""
    start = time.thread_time()
    function(text)
    return time.thread_time() - start


def grows(function: Callable[[str], Any], shape: str, sizes: list[int]) -> list[float]:
    """Return by what each doubling multiplies the time, or an empty list where all is well.

    All is well if not both of the last two cost too much, nor ten of them on average. One
    may: where a guard begins to look closer, or a cache is full.
    """
    texts = [grown(shape, size) for size in sizes]
    slowest = SLOWEST * sizes[-1]
    best = [slowest] * len(sizes)
    for _ in range(8):
        for number, text in enumerate(texts):
            best[number] = min(best[number], took(function, text))
        ratios = [more / max(less, STILL) for less, more in pairwise(best)]
        steep = len(ratios) == 10 and best[-1] > max(best[0], STILL) * RATIO**10
        if min(ratios[-2:]) <= RATIO and not steep and best[-1] < slowest:
            return []
    return ratios


CASES = [(row.name, row.function, shape) for row in TABLE for shape in row.shapes]


@pytest.mark.parametrize(("name", "function", "shape"), CASES)
def test_twice_the_text_takes_twice_the_time(
    name: str, function: Callable[[str], Any], shape: str
) -> None:
    # The largest is only looked at where the first doubling does not settle it.
    assert not (grows(function, shape, DOUBLINGS[:2]) and grows(function, shape, DOUBLINGS))


@pytest.mark.slow
@pytest.mark.parametrize(("name", "function", "shape"), CASES)
def test_so_it_is_from_a_kilobyte_to_a_megabyte(
    name: str, function: Callable[[str], Any], shape: str
) -> None:
    assert not grows(function, shape, ALL_DOUBLINGS)


def test_quadratic_time_is_noticed() -> None:
    assert grows(re.compile(r"\s+$").search, "{ }x", [1 << power for power in range(9, 13)])
