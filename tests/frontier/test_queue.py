"""The queue of a site in memory against a plain one of single targets."""

from collections import deque
from collections.abc import Sequence
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.frontier.brood import broods
from crawler.frontier.queue import Queue
from crawler.model import Target
from tests.frontier.kinds import link, target

PARENT = target("a/")

steps = st.lists(st.tuples(st.sampled_from(["page", "pop", "pop", "back"]), st.integers(1, 6)))


def walk(queue: Queue, taken: Sequence[tuple[str, int]]) -> None:
    """Take these steps with a queue and with one that packs nothing, and compare."""
    truth, lent, number = deque[Target](), list[Target](), count()
    for step, many in taken:
        if step == "page":
            found = [link(f"a/{next(number)}") for _ in range(many)]
            for each in broods(found, PARENT.child):
                queue.append(each)
            truth += map(PARENT.child, found)
        elif step == "pop":
            for _ in range(min(many, len(truth))):
                lent.append(truth.popleft())
                assert queue.pop() == lent[-1]
        elif lent:
            back = lent.pop(many % len(lent))
            queue.put_back(back)
            truth.appendleft(back)
        assert bool(queue) == bool(truth)
    while truth:
        assert queue.pop() == truth.popleft()
    assert not queue


@given(steps)
def test_it_lends_in_the_order_of_a_plain_queue(taken: Sequence[tuple[str, int]]) -> None:
    walk(Queue(), taken)


class Unpacks(Queue):
    """Puts what a page has brought behind all that came since."""

    __slots__ = ()

    def pop(self) -> Target:
        head = super().pop()
        while len(self._first) > 1:
            self._last.append(self._first.pop())
        return head


class PutsBackLast(Queue):
    """Puts what comes back behind what waits."""

    __slots__ = ()

    def put_back(self, target: Target) -> None:
        self._last.append(target)


@pytest.mark.parametrize("broken", [Unpacks, PutsBackLast])
def test_another_order_is_noticed(broken: type[Queue]) -> None:
    with pytest.raises(AssertionError):
        walk(broken(), [("page", 5), ("page", 5), ("pop", 2), ("back", 1), ("page", 4)])
