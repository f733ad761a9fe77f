"""A recipe compiled: what its fields come to on a page.

Nothing here fails over what a page says: a value that cannot be read is None, or the field's
default, and an error in words. An empty text, a missing attribute and a ``re`` that does not
match are like a selector without a match: nothing is there, and that is an error only
for a ``required`` field.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any, Final

from selectolax.lexbor import LexborNode

from crawler.parse import values
from crawler.parse.document import Document
from crawler.parse.selector import Selector
from crawler.parse.words import words
from crawler.recipe.model import Field

Errors = dict[str, str]
"""What went wrong, by the place of the value: ``price``, ``seller.name``, ``sizes[2]``."""

Looked = dict[str, bool]
"""The fields that were looked for, and whether anything was there: once is enough."""

_NOTHING: Final = object()
_TAKEN = {"date": ("datetime", "content"), "url": ("href", "src", "action", "data", "content")}
"""Attributes that a type reads where the selector names none; then the text."""


class Fields:
    """The fields of a page, an item or an object. Raises BadRecipe."""

    def __init__(self, fields: Sequence[Field]) -> None:
        self._fields = [_Value(field) for field in fields]

    def read(
        self,
        document: Document,
        element: LexborNode | None,
        errors: Errors,
        where: str = "",
        looked: Looked | None = None,
    ) -> tuple[dict[str, Any], bool]:
        """Return the values by name, and whether every required one is there.

        ``element`` is searched, or the whole page if it is None; ``where`` goes before
        the names in ``errors``. What cannot be read is there, and has an error; of a bool
        nothing is an answer, too.
        """
        found = {}
        whole = True
        for each in self._fields:
            value = each.read(document, element, errors, where)
            nothing = value is _NOTHING
            if looked is not None and not looked.get(each.name):
                there = not nothing or each.nothing_is_no
                looked[each.name] = there or f"{where}{each.name}" in errors
            if nothing:
                value = each.substitute
                if each.required:
                    whole = False
                    errors.setdefault(f"{where}{each.name}", f"required, and {each.missing}")
            found[each.name] = value
        return found, whole


class _Value:
    """One field."""

    __slots__ = (
        "_all", "_convert", "_empty", "_fields", "_re", "_selector", "_take", "missing", "name",
        "nothing_is_no", "required", "substitute",
    )  # fmt: skip

    def __init__(self, field: Field) -> None:
        self.name = field.name
        self.required = field.required
        self.substitute: Any = field.default
        if field.default is None and (field.all or field.type == "bool"):
            self.substitute = [] if field.all else False
        self.missing = f"nothing is found by {field.query}"
        self._selector = Selector(field.query)
        self._all = field.all
        self._re = re.compile(field.re) if field.re is not None else None
        self._take = _taker(field)
        self._convert = _converter(field)
        self._empty = field.type == "bool"  # an attribute without a value says yes
        self._fields = Fields(field.fields) if field.fields else None
        self.nothing_is_no = self._empty and not field.all

    def read(
        self, document: Document, element: LexborNode | None, errors: Errors, where: str
    ) -> Any:
        """Return the value, or that there is nothing."""
        if not self._all:
            match = self._selector.first(document.tree, element)
            if match is None:
                return _NOTHING
            return self._value(document, match, errors, f"{where}{self.name}")
        found = []
        for number, match in enumerate(self._selector.all(document.tree, element)):
            at = f"{where}{self.name}[{number}]"
            value = self._value(document, match, errors, at)
            if value is not _NOTHING:
                found.append(value)
            elif at in errors:
                found.append(None)
        return found or _NOTHING

    def _value(self, document: Document, match: LexborNode, errors: Errors, at: str) -> Any:
        """Return what a match comes to."""
        if self._fields is not None:
            value, whole = self._fields.read(document, match, errors, f"{at}.")
            return value if whole else _NOTHING
        text = self._take(match)
        if self._re is not None and text is not None:
            text = _group(self._re.search(text))
        if text is None or (not text and not self._empty):
            return _NOTHING
        if self._convert is None:
            return text
        try:
            return self._convert(document, text)
        except ValueError as error:
            errors[at] = str(error)
            return _NOTHING


def _group(match: re.Match[str] | None) -> str | None:
    """Return the first group of a match, or all of it if it has none."""
    if match is None:
        return None
    text: str | None = match[1 if match.re.groups else 0]
    return None if text is None else text.strip()


def _taker(field: Field) -> Callable[[LexborNode], str | None]:
    """Return what gets the text of a match."""
    take = field.query.take
    if take == "html":
        return lambda match: match.html
    if take.startswith("@"):
        return lambda match: _attribute(match, (take[1:],))
    names = () if take else _TAKEN.get(field.type, ())
    if not names:
        return words
    return lambda match: _attribute(match, names) or words(match)


def _attribute(element: LexborNode, names: Sequence[str]) -> str | None:
    """Return the first of these attributes that an element has."""
    attributes = element.attrs
    for name in names:
        if name in attributes:
            return (attributes[name] or "").strip()
    return None


def _converter(field: Field) -> Callable[[Document, str], Any] | None:
    """Return what makes a text a value of the field's type, or None if it is one."""
    decimal, form = field.decimal, field.format
    match field.type:
        case "int":
            return lambda _, text: values.to_int(text, decimal)
        case "float":
            return lambda _, text: values.to_float(text, decimal)
        case "bool":
            return lambda _, text: values.to_bool(text)
        case "date":
            return lambda _, text: values.to_date(text, form)
        case "url":
            return _to_url
    return None


def _to_url(document: Document, text: str) -> str:
    url = document.resolve(text)
    if url is None:
        saved = document.url.startswith("file:") and ":" not in text.partition("/")[0]
        hint = "; --url says where the page is from" if saved else ""
        raise ValueError(f"{text[: values.SHOWN]!r} is no http or https URL{hint}")
    return url
