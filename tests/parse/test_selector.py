"""Selectors find what browsers find, and a wrong one is told with its place."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from selectolax.lexbor import LexborHTMLParser

from crawler.parse.selector import Selector
from crawler.parse.words import words
from crawler.recipe.model import BadRecipe, Query

PAGE = """<html lang=de><title>t</title><main><div id=o class=a><p>1</p><div class=a><p>2<p>3</div>
</div></main>"""


def told(css: str) -> list[str]:
    with pytest.raises(BadRecipe) as caught:
        Selector(Query(css, "", "-s x"))
    return [str(caught.value), *caught.value.__notes__]


@pytest.mark.parametrize(
    ("css", "at", "words"),
    [
        ("p >", 3, "something is missing at the end"),
        ("p[", 2, "something is missing at the end"),
        ("p:not(", 6, "something is missing at the end"),
        ("#", 1, "something is missing at the end"),
        ("p:nope", 1, "unexpected ':'"),
        (".1", 1, "unexpected '1'"),
        ("a,,b", 2, "unexpected ','"),
        ("a b c ] x", 6, "unexpected ']'"),
        ("p{", 1, "unexpected '{'"),
        ("a[b=]", 4, "unexpected ']'"),
        ("> p:foo", 3, "unexpected ':'"),
        ("+ p", 0, "unexpected '+'"),
        (":scope > p:foo", 10, "unexpected ':'"),
        ("p:nth-child(foo)", 12, "unexpected 'f'"),
        ("p:contains(x)", 1, "lexbor-contains"),
        ("p:first", 1, "the first match is taken anyway"),
        ("li:eq(2)", 2, ":nth-child(N)"),
        ("//a/b", 0, "XPath"),
    ],
)
def test_a_bad_selector_is_told_with_a_caret(css: str, at: int, words: str) -> None:
    message, shown = told(css)

    assert message.startswith("-s x: not a CSS selector: ")
    assert words in message
    assert shown == f"{css}\n{' ' * at}^"


def test_of_a_long_selector_the_place_is_shown() -> None:
    _, shown = told("x" * 150 + ":foo " + "y" * 100)
    text, caret = shown.split("\n")

    assert len(text) <= 100
    assert text[caret.index("^") :].startswith(":foo")


@pytest.mark.parametrize(
    ("css", "within", "whole"),
    [
        ("p", ["1", "2", "3"], ["1", "2", "3"]),
        (".a", ["1 23", "23"], ["1 23", "23"]),
        (":scope .a", ["23"], ["1 23", "23"]),
        ("> p", ["1"], []),
        ("> .a > p + p", ["3"], []),
        (":scope > .a p", ["2", "3"], []),
        ("main > div > p", ["1"], ["1"]),
        (":scope", ["1 23"], ["t 1 23"]),
        ("", ["1 23"], ["t 1 23"]),
        ("html", [], ["t 1 23"]),
        ("p:nth-child(2), title", ["3"], ["t", "3"]),
        ("b", [], []),
    ],
)
def test_what_is_found_is_in_the_element(css: str, within: list[str], whole: list[str]) -> None:
    tree = LexborHTMLParser(PAGE)
    element = tree.css_first("#o")
    before = tree.html
    selector = Selector(Query(css))

    for root, expected in ((element, within), (None, whole)):
        found = [words(each).replace("2 3", "23") for each in selector.all(tree, root)]
        first = selector.first(tree, root)
        assert found == expected
        assert (None if first is None else words(first).replace("2 3", "23")) == next(
            iter(expected), None
        )
    assert tree.html == before


@given(st.text(alphabet="ap.#>+~:[]()='\"*, \\1é", max_size=20))
def test_every_text_is_a_selector_or_is_told(css: str) -> None:
    with contextlib.suppress(BadRecipe):
        assert Selector(Query(css.strip())).all(LexborHTMLParser(PAGE), None) is not None


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("a", "a"),
        (" a\n b\N{NO-BREAK SPACE} c ", "a b c"),
        ("pr<b>ice</b>: £<span>12</span>.99", "price: £12.99"),
        ("a<br>b<p>c</p>d<table><tr><td>1<td>2</table>", "a b c d 1 2"),
        ("a<script>x</script><style>y</style><!-- z -->b<template>t</template>", "ab"),
        ("<ul><li>a<li>b</ul>", "a b"),
        ("", ""),
        ("<noscript>x</noscript>", ""),
        ("<i><b><u>deep</u></b></i> <p><b>er</b></p>", "deep er"),
    ],
)
def test_words_have_a_space_where_the_screen_has_a_gap(source: str, text: str) -> None:
    tree = LexborHTMLParser(f"<div>{source}</div>", scripting=True)
    (element,) = tree.css("div")

    assert words(element) == text


def test_the_words_of_a_script_are_its_text() -> None:
    tree = LexborHTMLParser('<script type="application/ld+json">{"a": 1}</script>')

    assert words(tree.css("script")[0]) == '{"a": 1}'
