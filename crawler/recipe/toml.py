"""A recipe as a TOML file, checked key by key: every error says where and what to do.

TOML gives no line for a key, so a line is told where what is wrong stands on one line only.
"""

import re
import tomllib
from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from difflib import get_close_matches
from typing import Any, NoReturn

from crawler.recipe.model import (
    SHOWN,
    TYPES,
    BadRecipe,
    Field,
    Query,
    Recipe,
    Section,
    caret,
    field_name,
    pattern,
    query,
)

SECTION = {"url": "a string", "each": "a string", "fields": "a table",
           "follow": "a string or a list of strings",
           "next": "a string or a list of strings"}  # fmt: skip
FIELD = {"css": "a string", "type": "a string", "all": "true or false", "re": "a string",
         "format": "a string", "decimal": "a string", "default": "a value",
         "required": "true or false", "fields": "a table"}  # fmt: skip
"""The keys of a section and of a field, and what each has to be."""

DEFAULT = {"str": "a string", "int": "a whole number", "float": "a number",
           "bool": "true or false", "date": "a date", "url": "an http or https URL"}  # fmt: skip
"""What the default of a field has to be, by the field's type."""

_OF_VALUES = ("type", "re", "format", "decimal", "default")
_KINDS: dict[str, Any] = {
    "a string": str,
    "a table": dict,
    "true or false": bool,
    "a string or a list of strings": str | list,
    "a value": object,
}
_SYNTAX = re.compile(r"(.*) \(at (?:line (\d+), column (\d+)|(end of document))\)", re.DOTALL)
_URL = re.compile(r"https?://[^/]", re.IGNORECASE)
_MOST_INTEGER = 2**63


def recipe(data: bytes, name: str) -> Recipe:
    """Return the recipe in the bytes of a TOML file called ``name``. Raises BadRecipe."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise BadRecipe(f"{name}:{line}: not in UTF-8") from None
    try:
        return _File(name, text.splitlines()).recipe(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise _syntax(str(error), text, name) from None
    except RecursionError:
        raise BadRecipe(f"{name}: nested too deeply") from None


def _syntax(message: str, text: str, name: str) -> BadRecipe:
    """Return what TOML says of a file, in our way of saying where."""
    match = _SYNTAX.fullmatch(message)
    lines = text.splitlines() or [""]
    if match is None:
        return BadRecipe(f"{name}: {message}")
    number = int(match[2] or len(lines))
    line = lines[number - 1] if number <= len(lines) else ""
    column = int(match[3] or len(line) + 1)
    return BadRecipe(f"{name}:{number}: {match[1]}", caret(line, column - 1))


class _File:
    """A file's lines, for telling where something stands, and its tables' readers."""

    def __init__(self, name: str, lines: list[str]) -> None:
        self._name = name
        self._lines = lines

    def recipe(self, table: Mapping[str, Any]) -> Recipe:
        """Read the whole file."""
        if "section" not in table:
            self._check(table, SECTION | {"section": "tables"}, "")
            if not table:
                self._wrong("", "an empty recipe: give it [fields], or [[section]] tables")
            return Recipe((self._section(table, ""),))
        for key in table:
            if key != "section":
                words = "stands beside [[section]]; put it below one (without url: for all pages)"
                self._wrong(key, words, key)
        sections = table["section"]
        if not isinstance(sections, list) or not all(isinstance(each, dict) for each in sections):
            self._wrong("section", "sections are written [[section]]")
        return Recipe(
            tuple(
                self._section(each, f"section {number}") for number, each in enumerate(sections, 1)
            )
        )

    def _section(self, table: Mapping[str, Any], where: str) -> Section:
        self._check(table, SECTION, where)
        each: Query | None = None
        follow: tuple[Query, ...] | None = None
        if "each" in table:
            each = self._query(table["each"], _path(where, "each"))
            if each.take or not each.css:
                self._wrong(each.place, "takes elements: CSS without ::text, ::html, ::attr(…)")
            if not table.get("fields"):
                self._wrong(each.place, "goes with [fields]: which fields has an item?")
        if "follow" in table or "next" in table:
            follow = self._links(table, where)
        url: str | None = None
        if "url" in table:
            url = pattern(table["url"], self._place(_path(where, "url"), table["url"]))
        return Section(url, each, self._fields(table.get("fields", {}), where), follow)

    def _links(self, table: Mapping[str, Any], where: str) -> tuple[Query, ...]:
        """Return what ``follow`` and ``next`` select, which are followed alike."""
        found = []
        for key in ("follow", "next"):
            given = table.get(key, [])
            for text in [given] if isinstance(given, str) else given:
                link = self._query(text, _path(where, key))
                if link.take and not link.take.startswith("@"):
                    self._wrong(link.place, "takes links: CSS alone, or with ::attr(…)")
                found.append(link)
        return tuple(found)

    def _fields(self, table: Mapping[str, Any], where: str) -> tuple[Field, ...]:
        fields: dict[str, Field] = {}
        for key, value in table.items():
            path = _path(where, "fields", key)
            field = self._field(key, value, path)
            if field.name in fields:
                self._wrong(path, f"{field.name} is there twice, with [] and without", key)
            fields[field.name] = field
        return tuple(fields.values())

    def _field(self, key: str, value: Any, path: str) -> Field:
        name, many = field_name(key, self._place(path, key))
        if isinstance(value, str):
            return Field(name, self._query(value, path), all=many)
        if not isinstance(value, dict):
            self._wrong(path, 'a field is CSS in quotes, or a table like {css = "…"}', key)
        self._check(value, FIELD, path)
        inner = self._query(value.get("css", ""), path)
        many = many or value.get("all", False)
        if "fields" in value:
            self._check_object(value, inner, path, key)
            fields = self._fields(value["fields"], path)
            required = value.get("required", False)
            return Field(name, inner, all=many, required=required, fields=fields)
        if "css" not in value:
            self._wrong(path, 'css is missing (css = "" is the element itself)', key)
        self._check_value(value, path)
        default = self._default(value, path, key, many=many)
        options = {each: value[each] for each in ("type", "format", "decimal") if each in value}
        if "re" in value:
            options["re"] = pattern(value["re"], self._place(f"{path}.re", value["re"]))
        required = value.get("required", False)
        return Field(name, inner, all=many, default=default, required=required, **options)

    def _check_object(self, value: Mapping[str, Any], inner: Query, path: str, key: str) -> None:
        if inner.take:
            self._wrong(inner.place, "has fields, so css selects elements, without ::…")
        for other in _OF_VALUES:
            if other in value:
                self._wrong(path, f"{other} does not go with fields: it is for each of them", key)
        if not value["fields"]:
            self._wrong(path, "fields is empty", key)

    def _check_value(self, value: Mapping[str, Any], path: str) -> None:
        type_ = value.get("type", "str")
        if type_ not in TYPES:
            words = f"{type_[:SHOWN]!r} is no type{_meant(type_, TYPES)}; the types are "
            self._wrong(f"{path}.type", words + ", ".join(TYPES), type_)
        if value.get("required") and "default" in value:
            self._wrong(path, "required and default exclude each other")
        if "format" in value:
            if type_ != "date":
                self._wrong(f"{path}.format", 'goes with type = "date"', value["format"])
            if bad := _bad_format(value["format"]):
                self._wrong(f"{path}.format", bad, value["format"])
        if "decimal" in value:
            if type_ not in ("int", "float"):
                self._wrong(f"{path}.decimal", 'goes with type = "float" or "int"')
            if value["decimal"] not in (".", ","):
                self._wrong(f"{path}.decimal", 'is "." or ","', value["decimal"])

    def _check(self, table: Mapping[str, Any], known: Mapping[str, str], where: str) -> None:
        """Refuse a key that is not known, and a value of the wrong kind."""
        for key, value in table.items():
            if key not in known:
                shown = key[:SHOWN] if key and key.isprintable() else repr(key[:SHOWN])
                words = f"no such key{_meant(key, known)}; the keys are "
                self._wrong(_path(where, shown), words + ", ".join(known), key)
            kind = known[key]
            right = isinstance(value, _KINDS[kind])
            if kind.endswith("list of strings") and isinstance(value, list):
                right = all(isinstance(each, str) for each in value)
            if not right:
                self._wrong(_path(where, key), f"has to be {kind}", key)

    def _query(self, text: str, path: str) -> Query:
        return query(text, self._place(path, text))

    def _default(self, value: Mapping[str, Any], path: str, key: str, *, many: bool) -> Any:
        """Return what stands in for a field, which is of the field's type; None: nothing."""
        if "default" not in value:
            return None
        default = self._json(value["default"], path)
        type_ = value.get("type", "str")
        if not many and not _fits(default, type_):
            self._wrong(f"{path}.default", f"has to be {DEFAULT[type_]}, as type says", key)
        if many and not (isinstance(default, list) and all(_fits(each, type_) for each in default)):
            self._wrong(f"{path}.default", f"has to be a list, each of it {DEFAULT[type_]}", key)
        return default

    def _json(self, value: Any, path: str) -> Any:
        """Return a default as JSON has it; TOML's dates become text."""
        if isinstance(value, list):
            return [self._json(each, path) for each in value]
        if isinstance(value, dict):
            return {key: self._json(each, path) for key, each in value.items()}
        if isinstance(value, date | datetime | time):
            return value.isoformat()
        large = isinstance(value, int) and not -_MOST_INTEGER <= value < _MOST_INTEGER
        if large or (isinstance(value, float) and value - value != 0):
            self._wrong(f"{path}.default", "is no number that JSON can hold")
        return value

    def _wrong(self, path: str, words: str, text: str = "") -> NoReturn:
        place = path if path.startswith(f"{self._name}:") else self._place(path, text)
        raise BadRecipe(f"{place}: {words}")

    def _place(self, path: str, text: str) -> str:
        """Return ``FILE:LINE: path``, without a line if the text is not on just one."""
        whole = re.compile(rf"(?<![\w-]){re.escape(text)}(?![\w-])") if text else None
        found = [
            number for number, line in enumerate(self._lines, 1) if whole and whole.search(line)
        ]
        line = f":{found[0]}" if len(found) == 1 else ""
        return f"{self._name}{line}: {path}" if path else f"{self._name}{line}"


def _path(*parts: str) -> str:
    return ".".join(each for each in parts if each)


def _meant(text: str, known: Any) -> str:
    close = get_close_matches(text, list(known), 1)
    return f" (did you mean {close[0]!r}?)" if close else ""


def _fits(value: Any, type_: str) -> bool:
    """Whether a value of JSON is one of a field's type."""
    match type_:
        case "bool":
            return isinstance(value, bool)
        case "int" | "float":
            number = int if type_ == "int" else int | float
            return isinstance(value, number) and not isinstance(value, bool)
        case "date":
            return isinstance(value, str) and _is_date(value)
        case "url":
            return isinstance(value, str) and bool(_URL.match(value))
    return isinstance(value, str)


def _is_date(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def _bad_format(text: str) -> str | None:
    """Return what is wrong with a format of dates, or None."""
    now = datetime.now(UTC)
    try:
        datetime.strptime(now.strftime(text), text)  # noqa: DTZ007 - is it read at all?
    except (ValueError, re.error) as error:
        if "directive" in str(error) or "stray" in str(error):
            return f"is none of strptime's: {error}"
    return None
