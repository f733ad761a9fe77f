"""Which fields of a record are wanted: dotted paths, in order.

Without ``--fields`` a table has the columns of the record types it is to hold, in the order
of this file: fixed sets, so that a file can be added to.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

_OF_A_URL = "type url status depth via at pass"
DEFAULT = {
    "page": f"{_OF_A_URL} content_type bytes elapsed_ms title lang canonical n_links hash change",
    "item": "type url depth via at pass index",
    "redirect": f"{_OF_A_URL} location",
    "error": f"{_OF_A_URL} error.class error.message",
    "gone": f"{_OF_A_URL} reason",
    "skip": "type url depth via at pass reason detail",
    "link": "type url depth via at pass index link.url link.text link.element refused",
    "summary": "type at pass bytes elapsed_ms end_reason discovered fetched redirected failed "
    "skipped gone left requests",
}
"""The columns of each record type."""

Tree = dict[str, Any]
"""Key → what is wanted below it; empty for all of it."""


def columns(types: Collection[str], selected: Sequence[str] = ()) -> Sequence[str]:
    """Return the columns of a table of these record types.

    ``selected`` are the paths of what is taken out of pages, for pages and items.
    """
    wanted = [path for type_, paths in DEFAULT.items() if type_ in types for path in paths.split()]
    if not {"page", "item"}.isdisjoint(types):
        wanted += selected
    return list(dict.fromkeys(wanted))


class Columns:
    """The columns ``names``: their values in a record, or what is left of a record."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = list(dict.fromkeys(names))
        self._paths = [name.split(".") for name in self.names]
        self._tree: Tree = {}
        for path in sorted(self._paths, key=len):
            _grow(self._tree, path)

    def row(self, record: Mapping[str, Any]) -> list[Any]:
        """Return the values of a record, None for each that it does not have."""
        return [_found(record, path) for path in self._paths]

    def prune(self, record: Mapping[str, Any]) -> dict[str, Any]:
        """Return what is wanted of a record, nested and ordered as in the record."""
        return _pruned(record, self._tree)


def _grow(tree: Tree, path: Sequence[str]) -> None:
    for key in path:
        known = key in tree
        tree = tree.setdefault(key, {})
        if known and not tree:
            return  # all of it is wanted already


def _found(value: Any, path: Sequence[str]) -> Any:
    for key in path:
        if not isinstance(value, Mapping):
            return None
        value = value.get(key)
    return value


def _pruned(record: Mapping[str, Any], tree: Tree) -> dict[str, Any]:
    return {
        key: (_pruned(value, below) if isinstance(value, Mapping) else None) if below else value
        for key, value in record.items()
        if (below := tree.get(key)) is not None
    }
