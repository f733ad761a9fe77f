"""CSS selectors as lexbor reads them, with the place where a wrong one goes wrong.

What a selector finds is the element that is searched, or below it, in the order of the
document; it may name what is around that element, and the element as ``:scope`` (which lexbor
does not know: it is marked while it is searched). ``> p`` is short for ``:scope > p``.
"""

import re
from collections.abc import Sequence

from selectolax.lexbor import LexborHTMLParser, LexborNode, SelectolaxError

from crawler.recipe.model import BadRecipe, Query, caret

_SCOPE = re.compile(r":scope(?![\w-])")
_MARK = "data-crawler-scope"
_ENDINGS = ("", "x", "1", '"x"', "x)", "1)")
"""One of them makes a selector of what begins like one."""

_HINTS = (
    (":contains", 'for elements with a text write :lexbor-contains("text")'),
    (":has-text", 'for elements with a text write :lexbor-contains("text")'),
    (":first", "the first match is taken anyway; NAME[] takes all"),
    (":eq(", "write :nth-child(N) or :nth-of-type(N)"),
    ("::", "::text, ::html or ::attr(NAME) comes once, at the end"),
    ("//", "this looks like XPath; a selector is CSS"),
)


class Selector:
    """A query's CSS, checked once. Raises BadRecipe."""

    __slots__ = ("_css", "_scoped")

    def __init__(self, query: Query) -> None:
        css = query.css
        if css.startswith(">"):
            css = f":scope {css}"
        self._css = _SCOPE.sub(f"[{_MARK}]", css)
        self._scoped = self._css != css
        if css and not _is_selector(self._css):
            raise _wrong(query)

    def first(self, tree: LexborHTMLParser, element: LexborNode | None) -> LexborNode | None:
        """Return the first match in ``element`` (None: on the page)."""
        if self._scoped or not self._css:
            return next(iter(self.all(tree, element)), None)
        return tree.css_first(self._css) if element is None else element.css_first(self._css)

    def all(self, tree: LexborHTMLParser, element: LexborNode | None) -> Sequence[LexborNode]:
        """Return all matches in ``element`` (None: on the page); it itself without CSS."""
        root = tree.root if element is None else element
        if root is None:
            return ()
        if not self._css:
            return (root,)
        if self._scoped:
            root.attrs[_MARK] = ""
            try:
                return root.css(self._css)
            finally:
                del root.attrs[_MARK]
        return tree.css(self._css) if element is None else element.css(self._css)


_NOTHING = LexborHTMLParser("")


def _is_selector(css: str) -> bool:
    try:
        _NOTHING.css(css)
    except SelectolaxError:
        return False
    return True


def _wrong(query: Query) -> BadRecipe:
    """Return what to tell of a selector that is none.

    lexbor does not say where it stopped: what can be completed to a selector is right, so
    the first character behind the longest such beginning is wrong.
    """
    css = query.css
    text = _SCOPE.sub(lambda match: ":root ", css)  # as long, and known
    lead = "*" if css.startswith(">") else ""
    at = next(
        end
        for end in range(len(css), -1, -1)
        if any(_is_selector(lead + text[:end] + ending) for ending in _ENDINGS)
    )
    words = f"unexpected {css[at]!r}" if at < len(css) else "something is missing at the end"
    for sign, hint in _HINTS:
        if css.startswith(sign, at) or (sign == "//" and css.startswith(sign)):
            words = hint
    return BadRecipe(f"{query.place}: not a CSS selector: {words}", caret(css, at))
