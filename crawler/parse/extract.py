"""What is taken out of a page beyond its record: fields, items, and which links to follow.

A recipe's section and a function may both have their say. One page's items are bounded, and
so are the bytes of them: selectors can repeat a page's text many times over.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from msgspec import Raw

from crawler import selected
from crawler.encoding import encode
from crawler.parse import function, html
from crawler.parse.document import Document
from crawler.parse.fields import Errors, Fields, Looked
from crawler.parse.selector import Selector
from crawler.recipe.model import Query, Recipe, Section
from crawler.selected import NONE, Selected

MOST_ITEMS = function.MOST_ITEMS
MOST_BYTES = 32 * 1024 * 1024
"""Of a page's items together, and of its own record with fields."""

MOST_TOLD = 20
"""Items dropped from a page whose errors are told."""

_LINKS = "a[href], area[href], iframe[src], frame[src]"


@dataclass(frozen=True, slots=True)
class Item:
    """``index`` is its place among the matches of a page, or what the function makes."""

    index: int
    fields: dict[str, Any]
    errors: Errors


@dataclass(slots=True)
class Extract:
    """What was taken: the page's ``fields`` (None: it has none) and ``errors``, ``items``.

    ``dropped`` counts items without a required field, which ``errors`` tell of. ``looked``
    says of each field of the recipe whether anything was there. ``links`` are the references
    to follow, as written (None: all those of the page).
    """

    fields: dict[str, Any] | None = None
    errors: Errors = field(default_factory=dict)
    items: list[Item] = field(default_factory=list)
    dropped: int = 0
    looked: Looked = field(default_factory=dict)
    links: list[str] | None = None

    def selected(self, shared: dict[str, Any]) -> Selected:
        """Return what records hold of it, which is not too much.

        ``shared`` are the keys that the records of items have in common with the page.
        """
        errors = dict(self.errors)
        fields = None if self.fields is None else encode(self.fields)
        if fields is not None and len(fields) > MOST_BYTES:
            fields = b"{}"
            errors["fields"] = f"more than {MOST_BYTES:,} bytes of a page"
        items: list[selected.Item] = []
        size, each = 0, len(encode(shared)) if self.items else 0
        for item in self.items:
            data = encode(item.fields)
            size += each + len(data) + (len(encode(item.errors)) if item.errors else 0)
            if size > MOST_BYTES:
                errors["items"] = f"more than {MOST_BYTES:,} bytes of a page"
                break
            items.append(selected.Item(item.index, Raw(data), item.errors))
        return Selected(NONE if fields is None else Raw(fields), errors, items, self.dropped)


class Extractor:
    """A recipe and a function, made ready. Raises BadRecipe, or BadFunction if ``strict``.

    Otherwise a function that cannot be had is every page's error: it could be had by who
    checked it, but a parsing child, for one, has less memory. ``enter`` is called with True
    before the function and with False after it.
    """

    def __init__(self, recipe: Recipe | None, name: str | None, *, strict: bool = False) -> None:
        self._sections = [] if recipe is None else [_Section(each) for each in recipe.sections]
        self._function: function.Function | None = None
        self._lacking: str | None = None
        self.enter: Callable[[bool], None] = lambda _: None
        if name is not None:
            try:
                self._function = function.load(name)
            except function.BadFunction as error:
                if strict:
                    raise
                self._lacking = str(error)

    def read(self, document: Document) -> Extract:
        """Take out of a page what the recipe asks for."""
        taken = Extract()
        for section in self._sections:
            if section.matches(document.url):
                section.read(document, taken)
                break
        return taken

    def call(self, document: Document, taken: Extract) -> None:
        """Add the items that the function makes of a page."""
        if self._lacking is not None:
            taken.errors["extract"] = self._lacking
        if self._function is None:
            return
        first = taken.items[-1].index + 1 if taken.items else 0
        self.enter(True)
        made = function.run(self._function, document, taken.errors)
        self.enter(False)
        for index, each in enumerate(made, first):
            errors: Errors = {}
            taken.items.append(Item(index, function.plain(each, errors), errors))


class _Section:
    def __init__(self, section: Section) -> None:
        self._url = None if section.url is None else re.compile(section.url)
        self._each = None if section.each is None else Selector(section.each)
        self._fields = Fields(section.fields) if section.fields else None
        self._links = None
        if section.follow is not None:
            self._links = [(Selector(query), _names(query)) for query in section.follow]

    def matches(self, url: str) -> bool:
        return self._url is None or self._url.search(url) is not None

    def read(self, document: Document, taken: Extract) -> None:
        if self._links is not None:
            taken.links = self._follow(document)
        if self._fields is None:
            return
        if self._each is None:
            taken.fields, _ = self._fields.read(document, None, taken.errors, looked=taken.looked)
            return
        for index, element in enumerate(self._each.all(document.tree, None)):
            if len(taken.items) == MOST_ITEMS:
                taken.errors["items"] = f"more than {MOST_ITEMS:,} items of a page"
                break
            errors: Errors = {}
            fields, whole = self._fields.read(document, element, errors, looked=taken.looked)
            if whole:
                taken.items.append(Item(index, fields, errors))
            else:
                taken.dropped += 1
                if taken.dropped <= MOST_TOLD:
                    taken.errors |= {f"items[{index}].{at}": why for at, why in errors.items()}

    def _follow(self, document: Document) -> list[str]:
        """Return the references that ``follow`` and ``next`` select, in their order.

        An element without one stands for the links in it.
        """
        found: list[str] = []
        for selector, names in self._links or ():
            for element in selector.all(document.tree, None):
                attributes = element.attrs
                own = ("src",) if len(names) > 1 and element.tag in html.FRAMES else names
                given = [attributes[name] for name in own if name in attributes]
                nodes = () if given or len(names) == 1 else element.css(_LINKS)
                given += [html.reference(node) for node in nodes]
                found += [reference for reference in given if reference is not None]
        return found


def _names(query: Query) -> tuple[str, ...]:
    """Return the attributes that hold a link, the one that is there counts."""
    return (query.take[1:],) if query.take else ("href", "src")
