"""``crawler diff`` as text: counts, then kind by kind, however much there is."""

import tracemalloc
from collections.abc import Iterator
from importlib import import_module

import pytest

from crawler.cli.diff import KINDS, _text
from crawler.frontier.changed import Changed

MANY = 15_000
MODULE = import_module("crawler.cli.diff")  # not the verb of that name


def changes() -> Iterator[Changed]:
    """Yield changes of each kind by turns, in order of URLs."""
    for number in range(MANY):
        kind = KINDS[::-1][number % 3]
        yield Changed(f"{number:06}/{'x' * 100}", 7, kind, None, 200, 200, None)


def much() -> None:
    """What is told is whole, in its order, and not in memory."""
    truth = ((kind, number) for kind in KINDS for number in range(MANY))
    tracemalloc.start()
    lines = _text(changes(), lambda number: False)
    head = next(lines)
    for line in lines:
        kind, number = next(each for each in truth if KINDS[::-1][each[1] % 3] == each[0])
        assert line.startswith(f"{kind:<8} {number:06}/x")
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert head == "pass 7: 5,000 new, 5,000 changed, 5,000 gone"
    assert next(truth, (KINDS[-1], MANY))[1] >= MANY - 3, "all of them"
    assert most < 50 * MANY, "less than the lines"


def test_much_has_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MODULE, "IN_MEMORY", 10_000)
    much()


def test_who_has_all_lines_in_memory_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MODULE, "IN_MEMORY", 0)  # to tempfile: no limit
    with pytest.raises(AssertionError, match="less than the lines"):
        much()


@pytest.mark.parametrize(("direct", "aside"), [(True, " (301, elsewhere)"), (False, " (301)")])
def test_a_redirect_may_have_come_back_meanwhile(direct: bool, aside: str) -> None:
    moved = Changed("http://a/", 7, "changed", None, 301, 301, None)

    assert [*_text(iter([moved]), lambda number: False, direct=direct)][1:] == [
        f"changed  http://a/{aside}"
    ]
