"""A recipe as flags: ``--each article -s title=h2 -s price:float=.price -s 'tags[]=.tag'``."""

from collections.abc import Sequence
from typing import cast

from crawler.recipe.model import (
    SHOWN,
    TYPES,
    BadRecipe,
    Field,
    Query,
    Recipe,
    Section,
    Type,
    field_name,
    query,
)


def recipe(select: Sequence[str], each: str | None) -> Recipe:
    """Return the recipe of ``--select`` and ``--each``. Raises BadRecipe, naming the flag."""
    if each is not None and not select:
        raise BadRecipe("--each goes with --select: which fields has an item?")
    fields = tuple(_field(text) for text in select)
    names = [field.name for field in fields]
    for name in names:
        if names.count(name) > 1:
            raise BadRecipe(f"--select names a field twice: {name}")
    return Recipe((Section(each=None if each is None else _each(each), fields=fields),))


def _each(text: str) -> Query:
    if not text.strip():
        raise BadRecipe("--each is empty")
    found = query(text, "--each")
    if found.take:
        raise BadRecipe("--each takes elements: without ::text, ::html, ::attr(…)")
    return found


def _field(text: str) -> Field:
    """Return the field of ``NAME=CSS``, ``NAME[]=CSS``, ``NAME:TYPE=CSS``, ``NAME:TYPE[]=CSS``."""
    left, mark, css = text.partition("=")
    if not mark:
        words = "a field is NAME=CSS, like 'price=.price' or 'image=img::attr(src)'"
        raise BadRecipe(f"--select {text[:SHOWN]!r}: {words}")
    title, mark, kind = left.removesuffix("[]").partition(":")
    name, many = field_name(title, "--select")
    place = f"--select {name}"
    if not css.strip():
        raise BadRecipe(f"{place}: the selector is missing")
    if mark and kind not in TYPES:
        raise BadRecipe(f"{place}: {kind[:SHOWN]!r} is no type; the types are {', '.join(TYPES)}")
    type_ = cast("Type", kind or "str")
    return Field(name, query(css, place), type_, all=many or left.endswith("[]"))
