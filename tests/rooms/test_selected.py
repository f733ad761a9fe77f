"""What is kept of a page comes back as it was, and differences are all that differs."""

import copy
import json
import re
import tracemalloc
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from crawler import selected
from crawler.encoding import encode
from crawler.frontier.lore import MOST_LENT
from crawler.model import Taken
from crawler.selected import DEFLATED_FROM, DEFLATED_TO, NONE, NOTHING, Difference, Item, Selected

plain = st.none() | st.booleans() | st.integers(-3, 3) | st.floats(-2, 2).map(float) | st.text()
names = st.text("ab", min_size=1, max_size=2)
values = st.recursive(
    plain, lambda each: st.lists(each, max_size=4) | st.dictionaries(names, each, max_size=3)
)
fields = st.dictionaries(names, values, max_size=4)
items = st.dictionaries(st.integers(0, 5), fields, max_size=4)


def kept(page: dict[str, Any] | None, listed: dict[int, dict[str, Any]]) -> bytes:
    """Return what is kept of a page with these fields and items."""
    return selected.pack(
        Selected(
            NONE if page is None else Raw(encode(page)),
            items=[Item(index, Raw(encode(each))) for index, each in sorted(listed.items())],
        )
    )


def json_of(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def changed(value: Any, differences: list[Difference]) -> Any:
    """Return a value with differences of its fields made to it: what came last goes first."""
    whole = {"": copy.deepcopy(value)}
    for each in reversed(differences):
        assert each.field is not None
        *above, last = [
            int(number) if number else name
            for name, number in re.findall(r"([^.\[\]]+)(?![^\[]*\])|\[(\d+)\]", each.field)
        ]
        at: Any = whole[""]
        for step in above:
            at = at[step]
        there = last < len(at) if isinstance(at, list) else last in at
        assert there == (each.before is not NOTHING)
        if there:
            assert json_of(at[last]) == json_of(each.before)
        if each.after is NOTHING:
            del at[last]
        elif isinstance(at, list) and not there:
            at.append(each.after)
        else:
            at[last] = each.after
    return whole[""]


def added_last(differences: list[Difference]) -> list[Difference]:
    """Put what is added to lists into the order in which it can be."""
    added = [each for each in differences if each.before is NOTHING]
    return [*reversed(added), *(each for each in differences if each.before is not NOTHING)]


def all_that_differs(
    one: dict[str, Any], listed: dict[int, Any], other: dict[str, Any], after: dict[int, Any]
) -> None:
    found = selected.differences(kept(one, listed), kept(other, after)) or []
    assert bool(found) == (json_of([one, listed]) != json_of([other, after]))
    of_page = [each for each in found if each.item is None]
    assert json_of(changed(one, added_last(of_page))) == json_of(other)
    for index in listed.keys() | after.keys():
        mine = [each for each in found if each.item == index]
        if index in listed and index in after:
            told = changed(listed[index], added_last(mine))
            assert json_of(told) == json_of(after[index])
        else:
            expected = listed.get(index, NOTHING), after.get(index, NOTHING)
            assert [(each.field, each.before, each.after) for each in mine] == [(None, *expected)]


@given(fields, items, fields, items)
def test_differences_lead_from_one_to_the_other(
    one: dict[str, Any], listed: dict[int, Any], other: dict[str, Any], after: dict[int, Any]
) -> None:
    all_that_differs(one, listed, other, after)
    all_that_differs(one, listed, one, listed)


ALIKE: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"a": 1}, {"a": True}),
    ({"a": 1}, {"a": 1.0}),
    ({"a": 0.0}, {"a": -0.0}),
    ({"a": [1]}, {"a": [1, 2]}),
    ({"a": None}, {}),
    ({"a": {"b": 1}}, {"a": {"b": 1, "c": None}}),
]


@pytest.mark.parametrize(("one", "other"), ALIKE)
def test_what_looks_alike_is_told_apart(one: dict[str, Any], other: dict[str, Any]) -> None:
    all_that_differs(one, {}, other, {})
    all_that_differs(other, {}, one, {})
    all_that_differs({}, {1: one}, {}, {1: other})


def test_who_takes_alike_for_the_same_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    within = selected._within

    def careless(path: str, before: Any, after: Any) -> Any:
        return (each for each in within(path, before, after) if each[1] != each[2])

    monkeypatch.setattr(selected, "_within", careless)
    with pytest.raises(AssertionError):
        all_that_differs({"a": 1}, {}, {"a": True}, {})
    monkeypatch.setattr(
        selected, "zip_longest", lambda one, other, **_: zip(one, other, strict=False)
    )
    with pytest.raises(AssertionError):
        all_that_differs({"a": [1]}, {}, {"a": [1, 2]}, {})


@pytest.mark.parametrize("many", [0, 1, 100])
def test_what_is_kept_comes_back(many: int) -> None:
    errors = {"b": "no number in '\x1b'"}
    there = Selected(
        Raw(b'{"a":1.0}'),
        errors,
        [Item(2 * number, Raw(b'{"x":[null,1e100]}'), errors) for number in range(many)],
        dropped=3,
    )
    data = selected.pack(there)
    assert (data[:1] == b"{") == (len(selected.text(data)) < DEFLATED_FROM)
    again = selected.unpack(data)
    shared = {"url": "u", "pass_": 1, "at": "t", "depth": 0, "via": None, "seed": "s", "meta": None}
    assert encode({"a": again}) == encode({"a": there})
    assert again.lines(shared) == there.lines(shared)
    assert again.taken() == there.taken()
    told = {f"items[{2 * number}].b": errors["b"] for number in range(many)}
    assert again.taken({}) == Taken(many, 3, errors | told)
    if many:
        record = json.loads(again.lines(shared)[-1].data)
        assert (record["index"], record["fields"]) == (2 * many - 2, {"x": [None, 1e100]})
        assert record["field_errors"] == errors


@pytest.mark.parametrize("over", [0, 1])
def test_nothing_that_is_deflated_becomes_more_than_a_megabyte(over: int) -> None:
    value = "0" * (DEFLATED_TO - len(kept({"a": ""}, {})) + over)
    data = kept({"a": value}, {})

    assert len(selected.text(data)) == DEFLATED_TO + over
    assert (data[:1] == b"{") == bool(over), "it is kept as it is, and too large to be lent"
    assert encode(selected.unpack(data).keys()) == encode({"fields": {"a": value}})


@pytest.mark.parametrize("more", [1, 64_000_000])
def test_a_bomb_is_none_of_ours(more: int) -> None:
    bomb = zlib.compress(b"{" + b" " * (DEFLATED_TO + more - 2) + b"}", 9)
    assert len(bomb) <= MOST_LENT

    tracemalloc.start()
    with pytest.raises(ValueError, match="more than was ever deflated"):
        selected.unpack(bomb)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert most < 3 * DEFLATED_TO


def test_what_is_cut_off_is_none_of_ours() -> None:
    data = kept({"a": "0" * 5_000}, {})
    with pytest.raises(ValueError, match="cut off"):
        selected.unpack(data[:-1])


def test_nothing_is_nothing() -> None:
    assert selected.pack(Selected()) == b"{}"
    assert selected.unpack(b"{}").keys() == {}
    assert selected.differences(b"{}", b"{}") is None
    assert selected.differences(b"{}", kept({}, {})) == []
    found = selected.differences(kept(None, {4: {"a": 1}}), b"{}")
    assert found == [Difference(4, None, {"a": 1}, NOTHING)]
    assert [each.record for each in found] == [{"item": 4, "field": None, "before": {"a": 1}}]


@pytest.mark.parametrize("data", [b"", b"\xff", b'{"fields"', b"[]", zlib.compress(b"x" * 9)])
def test_what_is_none_of_ours_is_a_value_error(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        selected.differences(data, data)
