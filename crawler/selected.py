"""What is selected of a page, kept from pass to pass: its fields, and those of its items.

So the records of a page that was not sent again are whole, and of one that has changed it can
be told which field did. What is kept is JSON; from a kilobyte on it is deflated: to a quarter,
in 10 µs, where smaller ones gain little. What is over a megabyte is not: so nothing that is
deflated can become more than that in the hands of the one process that reads it.
"""

import re
import zlib
from collections.abc import Iterator, Mapping
from itertools import zip_longest
from typing import Any, Final, NamedTuple

import msgspec
from msgspec import Raw

from crawler.encoding import encode
from crawler.model import Line, Taken
from crawler.record import item

DEFLATED_FROM, DEFLATED_TO = 1_000, 1_000_000
"""Bytes of JSON."""

NONE: Final = Raw(b"")
"""No fields, which ``{}`` is not."""

NOTHING: Final = object()
"""A value that is not there, which null is not."""


class Item(msgspec.Struct, frozen=True, omit_defaults=True):
    """An item of a page: its place among the matches, its fields as JSON, and field errors."""

    index: int
    fields: Raw
    field_errors: Mapping[str, str] = {}


class Selected(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the records of a page hold that was selected.

    ``fields`` are the page's, as JSON (:data:`NONE`: it has none), with their errors; ``dropped``
    counts items that were not made, for want of a required field.
    """

    fields: Raw = NONE
    field_errors: Mapping[str, str] = {}
    items: list[Item] = []
    dropped: int = 0

    @property
    def tells(self) -> bool:
        """Whether there is anything that the page is compared by."""
        return bool(self.fields or self.items)

    def keys(self) -> dict[str, Any]:
        """Return what it adds to the page's record."""
        found: dict[str, Any] = {}
        if self.fields:
            found["fields"] = self.fields
        if self.field_errors:
            found["field_errors"] = self.field_errors
        return found

    def lines(self, shared: dict[str, Any]) -> list[Line]:
        """Return the records of the items; ``shared`` are the keys of the page's as well."""
        return [item(each.index, each.fields, each.field_errors, shared) for each in self.items]

    def taken(self, looked: Mapping[str, bool] | None = None) -> Taken:
        """Return the same for the account.

        Where it is not known which fields were ``looked`` for, those that have a value, or an
        error, were found.
        """
        errors = dict(self.field_errors)
        for each in self.items:
            errors |= {f"items[{each.index}].{at}": why for at, why in each.field_errors.items()}
        there = self._there() if looked is None else looked
        return Taken(len(self.items), self.dropped, errors, there)

    def _there(self) -> dict[str, bool]:
        kept = [self.fields or _EMPTY, *(each.fields for each in self.items)]
        found = [
            name for each in kept for name, value in _values(each).items() if value not in _EMPTIES
        ]
        wrong = [
            _IN_A_FIELD.split(at, 1)[0]
            for errors in (self.field_errors, *(each.field_errors for each in self.items))
            for at in errors
        ]
        return dict.fromkeys((*found, *wrong), True)


_IN_A_FIELD: Final = re.compile(r"[.\[]")
_EMPTY: Final = Raw(b"{}")
_EMPTIES: Final = (Raw(b"null"), Raw(b"[]"))
_values = msgspec.json.Decoder(dict[str, Raw]).decode
_decode = msgspec.json.Decoder(Selected).decode


def pack(selected: Selected) -> bytes:
    """Return what is kept of it."""
    data = encode(selected)
    return zlib.compress(data, 1) if DEFLATED_FROM <= len(data) <= DEFLATED_TO else data


def text(data: bytes) -> bytes:
    """Return what is kept as JSON. Raises ValueError if it is none of ours."""
    if data[:1] == b"{":
        return data
    inflate = zlib.decompressobj()
    try:
        found = inflate.decompress(data, DEFLATED_TO + 1)
    except zlib.error as error:
        raise ValueError(str(error)) from None
    if not inflate.eof or len(found) > DEFLATED_TO:
        raise ValueError("it is cut off, or more than was ever deflated")
    return found


def unpack(data: bytes) -> Selected:
    """Return what was packed. Raises ValueError (of msgspec's) if it is none of ours."""
    return _decode(text(data))


class Difference(NamedTuple):
    """A value that is otherwise: a field (or ``offers[2].price``), of the page or of an ``item``.

    Without a ``field`` it is an item that came or went. ``before`` and ``after`` are
    :data:`NOTHING` where there was, or is, no such value.
    """

    item: int | None
    field: str | None
    before: Any
    after: Any

    @property
    def record(self) -> dict[str, Any]:
        """The same for machines: a value that is not there has no key."""
        told = {"item": self.item, "field": self.field}
        both = {"before": self.before, "after": self.after}
        return told | {name: value for name, value in both.items() if value is not NOTHING}


def differences(before: bytes, after: bytes) -> list[Difference] | None:
    """Return what is otherwise in what was kept of a page, then and now.

    None: neither had anything that it could be compared by. Raises ValueError.
    """
    one, other = unpack(before), unpack(after)
    if not (one.tells or other.tells):
        return None
    found = [
        Difference(None, *each)
        for each in _within("", _value(one.fields or _EMPTY), _value(other.fields or _EMPTY))
    ]
    old = {each.index: each.fields for each in one.items}
    new = {each.index: each.fields for each in other.items}
    for index in sorted(old.keys() | new.keys()):
        was, now = _value(old.get(index, NONE)), _value(new.get(index, NONE))
        if was is NOTHING or now is NOTHING:
            found.append(Difference(index, None, was, now))
        else:
            found += [Difference(index, *each) for each in _within("", was, now)]
    return found


def _value(data: Raw) -> Any:
    return msgspec.json.decode(data) if data else NOTHING


def _within(path: str, before: Any, after: Any) -> Iterator[tuple[str, Any, Any]]:
    """Yield path, before and after of what differs in two values."""
    if isinstance(before, dict) and isinstance(after, dict):
        for name in dict.fromkeys((*before, *after)):
            at = f"{path}.{name}" if path else name
            yield from _within(at, before.get(name, NOTHING), after.get(name, NOTHING))
    elif isinstance(before, list) and isinstance(after, list):
        pairs = zip_longest(before, after, fillvalue=NOTHING)
        for number, (was, now) in enumerate(pairs):
            yield from _within(f"{path}[{number}]", was, now)
    elif NOTHING in (before, after) or msgspec.json.encode(before) != msgspec.json.encode(after):
        yield path, before, after  # as JSON: 1 is neither true nor 1.0
