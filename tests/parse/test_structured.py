"""Structured data: what can be read is there, and what cannot does no harm."""

import json
from typing import Any

import pytest

from crawler.parse import html
from crawler.parse.structured import MAX_DEPTH, structured
from crawler.record import Structured


def read(source: str) -> Structured:
    return structured(html.tree(source))


def block(text: str) -> Structured:
    return read(f"<script type=application/ld+json>{text}</script>")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"@type": "Product", "offers": [{"price": 1.5}]}',
         {"@type": "Product", "offers": [{"price": 1.5}]}),
        ('[{"a": 1}, {"a": 2}]', [{"a": 1}, {"a": 2}]),
        ('<!-- {"a": 1} -->', {"a": 1}),
        ('<![CDATA[{"a": 1}]]>', {"a": 1}),
        ('//<![CDATA[\n{"a": 1}\n//]]>', {"a": 1}),
        ('/*<![CDATA[*/ {"a": 1} /*]]>*/', {"a": 1}),
        ('<!--//--><![CDATA[//><!--\n{"a": 1}\n//--><!]]>', None),
        ('\ufeff{"a": 1};', {"a": 1}),
        ('{"a": "one\ntwo\tthree"}', {"a": "one\ntwo\tthree"}),
        ('{"a": [1, 2,], }', {"a": [1, 2]}),
        ('{"a": ",]", "b": "\\",}",}', {"a": ",]", "b": '",}'}),
        ("{&quot;a&quot;: &quot;b &amp; c&quot;}", {"a": "b & c"}),
        ('{"a": "b &amp; c"}', {"a": "b &amp; c"}),
        ('{"a": NaN, "b": Infinity}', {"a": None, "b": None}),
        ('{"a": 12345678901234567890123}', {"a": 12345678901234567890123}),
        ('{"a": 1, "a": 2}', {"a": 2}),
        ("[" * MAX_DEPTH + "]" * MAX_DEPTH, json.loads("[" * MAX_DEPTH + "]" * MAX_DEPTH)),
        # what nobody can read
        ("", None),
        ("{", None),
        ("{'a': 1}", None),
        ('{"a": 1} {"a": 2}', None),
        ("var x = {}", None),
        ("1" * 5_000, None),
        ("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1), None),
        ('{"a":' * 500 + "1" + "}" * 500, None),
        ("[" * 100_000, None),
    ],
)  # fmt: skip
def test_json_ld(text: str, said: Any) -> None:
    found = block(text)
    assert (found.json_ld, found.broken) == (([], 1) if said is None else ([said], 0))


def test_a_broken_block_does_not_harm_the_others() -> None:
    found = read(
        "<script type='application/ld+json'>{\"a\": 1}</script>"
        "<script type=application/ld+json>{broken</script><script>{}</script>"
        "<body><script type='Application/LD+JSON; charset=utf-8'>{\"a\": 2}</script>"
    )
    assert (found.json_ld, found.broken) == ([{"a": 1}, {"a": 2}], 1)


def test_meta_elements() -> None:
    found = read(
        "<meta property=og:title content=t><meta property=OG:Image content=1>"
        "<meta property=og:image content=2><meta name=twitter:card content=c>"
        "<meta property=article:tag content='a  b'><meta name=og:type content=w>"
        "<meta name=Description content=' d '><meta name=keywords content=''>"
        "<meta charset=utf-8><meta name=none><meta content=x><meta http-equiv=a content=b>"
    )
    assert found.opengraph == {
        "og:title": ["t"],
        "og:image": ["1", "2"],
        "twitter:card": ["c"],
        "article:tag": ["a  b"],
        "og:type": ["w"],
    }
    assert found.meta == {"description": [" d "], "keywords": [""]}


def test_there_may_be_none() -> None:
    assert read("<p>x") == Structured([], 0, {}, {})
