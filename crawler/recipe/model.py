"""A recipe: sections by URL, each with fields, items and links to follow.

``-s`` and ``--each`` are a recipe of one section for all pages; ``--recipe`` reads one from
a file. It travels to the parsing children as it is.
"""

import re
from typing import Any, Literal, get_args

import msgspec

Type = Literal["str", "int", "float", "bool", "date", "url"]
TYPES: tuple[Type, ...] = get_args(Type)

SHOWN = 100
"""Characters shown of a text that is wrong."""

_QUERY = re.compile(r"(?P<css>.*?)(?:::(?P<take>text|html|attr\(\s*(?P<name>[^\s()]+)\s*\)))?")
_NAME = re.compile(r"[^\s.:=\[\]]+")


class BadRecipe(ValueError):
    """A recipe is wrong; a note shows where, where it can: the text and a caret below."""

    def __init__(self, message: str, shown: str = "") -> None:
        super().__init__(message)
        if shown:
            self.add_note(shown)


class Query(msgspec.Struct, frozen=True, array_like=True):
    """Which elements, and what of them.

    ``css`` is empty for the element that is searched. ``take`` is ``text``, ``html``,
    ``@NAME`` for an attribute, or empty for what the type wants. ``place`` tells people
    where it is written.
    """

    css: str
    take: str = ""
    place: str = ""

    def __str__(self) -> str:
        return self.css or "the element"


class Field(msgspec.Struct, frozen=True, array_like=True):
    """A named value of a page or an item.

    ``all``: the list of what all matches come to. ``re`` is searched in the text and its
    first group taken. ``default`` stands in for what is not there or cannot be read.
    ``format`` is strptime's, for dates; ``decimal`` the decimal mark, where the text leaves
    it open. With ``fields`` it is an object, whose fields are searched in the match.
    """

    name: str
    query: Query
    type: Type = "str"
    all: bool = False
    re: str | None = None
    format: str | None = None
    decimal: Literal[".", ","] | None = None
    default: Any = None
    required: bool = False
    fields: tuple["Field", ...] = ()


class Section(msgspec.Struct, frozen=True, array_like=True):
    """What to do with the pages whose URL ``url`` matches (None: all pages).

    With ``each`` its matches become items, which the fields belong to; without it they
    belong to the page. ``follow`` are the links to follow (None: all of them).
    """

    url: str | None = None
    each: Query | None = None
    fields: tuple[Field, ...] = ()
    follow: tuple[Query, ...] | None = None


class Recipe(msgspec.Struct, frozen=True, array_like=True):
    """Sections; the first that matches a page's URL is for it."""

    sections: tuple[Section, ...]

    @property
    def makes_items(self) -> bool:
        """Whether any section has items."""
        return any(section.each is not None for section in self.sections)

    @property
    def fills_pages(self) -> bool:
        """Whether any section puts fields into page records."""
        return any(section.fields and section.each is None for section in self.sections)


def query(text: str, place: str) -> Query:
    """Return what ``.price::text`` or ``a::attr(href)`` asks for. Raises BadRecipe."""
    match = _QUERY.fullmatch(text.strip())
    if match is None:  # a newline: CSS takes it for a space
        return query(" ".join(text.split()), place)
    take = f"@{match['name'].lower()}" if match["name"] else match["take"] or ""
    css = match["css"].strip()
    if "::" in css:
        words = "after :: comes text, html or attr(NAME), once and at the end"
        raise BadRecipe(f"{place}: {words}", caret(text, text.index("::")))
    return Query(css, take, place)


def field_name(text: str, place: str) -> tuple[str, bool]:
    """Return a field's name, and whether all matches are wanted (``NAME[]``)."""
    name = text.strip()
    plain = name.removesuffix("[]")
    if not _NAME.fullmatch(plain):
        words = "a field has a name without spaces and . : = [ ], or such a name and [] for a list"
        raise BadRecipe(f"{place}: {words}: {name[:SHOWN]!r}")
    return plain, plain != name


def pattern(text: str, place: str) -> str:
    """Return a regular expression, known to be one. Raises BadRecipe."""
    try:
        re.compile(text)
    except re.error as error:
        words = f"{place}: not a regular expression: {error.msg}"
        raise BadRecipe(words, caret(text, error.pos or 0)) from None
    except (OverflowError, RecursionError) as error:
        raise BadRecipe(f"{place}: not a regular expression: {error}", caret(text, 0)) from None
    return text


def caret(text: str, at: int) -> str:
    """Return a text, or what fits of it, and a caret under the character ``at``."""
    flat = "".join(each if each.isprintable() else " " for each in text)
    start = max(0, at - SHOWN // 2) if len(flat) > SHOWN else 0
    return f"{flat[start : start + SHOWN]}\n{' ' * (at - start)}^"
