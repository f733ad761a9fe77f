"""What a page says of itself for machines: JSON-LD, Open Graph and the other meta elements.

JSON-LD in the wild is broken in a few ways that do not make it ambiguous, and those are
forgiven: comments and CDATA marks around it, line breaks within strings, a comma or a
semicolon too many, HTML's escapes. A block that is still no JSON is counted and does no
harm to the others.
"""

import json
import re
from typing import Any

from selectolax.lexbor import LexborAttributes, LexborHTMLParser

from crawler.record import Structured

MAX_DEPTH = 100
"""Deeper JSON-LD is taken for broken: some readers give up at 256."""

_QUERY = 'script[type^="application/ld+json" i], meta'
_MARKS = ("<!--", "//", "/*", "*/", "<![CDATA[", "-->", "]]>")
_AROUND = " \t\r\n\f\ufeff;"
_COMMA_TOO_MANY = re.compile(r'("(?:[^"\\]|\\.)*+"?)|,(?=\s*[\]}])', re.DOTALL)
_ABOUT = ("og:", "twitter:")
_decode = json.JSONDecoder(strict=False, parse_constant=lambda _: None).decode


def structured(tree: LexborHTMLParser) -> Structured:
    """Return a page's structured data as it stands: nothing is resolved or interpreted."""
    found: list[Any] = []
    broken = 0
    opengraph: dict[str, list[str]] = {}
    meta: dict[str, list[str]] = {}
    for node in tree.css(_QUERY):
        if node.tag == "meta":
            _read_meta(node.attrs, opengraph, meta)
            continue
        try:
            found.append(_decoded(node.text()))
        except (ValueError, RecursionError):
            broken += 1
    return Structured(found, broken, opengraph, meta)


def _read_meta(
    attributes: LexborAttributes, opengraph: dict[str, list[str]], meta: dict[str, list[str]]
) -> None:
    content = attributes.get("content")
    about = attributes.get("property")
    name = (about or attributes.get("name") or "").strip().lower()
    if name and content is not None:
        into = opengraph if about or name.startswith(_ABOUT) else meta
        into.setdefault(name, []).append(content)


def _decoded(text: str) -> Any:
    """Return what a JSON-LD block says. Raises ValueError or RecursionError."""
    text = _bare(text)
    try:
        value = _decode(text)
    except ValueError:
        if "&quot;" in text:
            from html import unescape  # with a table of all entities, for who needs it

            text = unescape(text)
        value = _decode(_COMMA_TOO_MANY.sub(r"\1", text))
    if text.count("{") + text.count("[") > MAX_DEPTH and _is_deeper(value, MAX_DEPTH):
        raise ValueError("too deep")
    return value


def _bare(text: str) -> str:
    """Return a block without what browsers had to be told to skip, decades ago."""
    for _ in range(3):  # a comment in CDATA in a comment
        text = text.strip(_AROUND)
        for mark in _MARKS:
            text = text.removeprefix(mark).removesuffix(mark)
    return text.strip(_AROUND)


def _is_deeper(value: Any, most: int) -> bool:
    """Whether lists and objects are in one another more than ``most`` times."""
    inner = value.values() if isinstance(value, dict) else value
    if not isinstance(value, dict | list):
        return False
    return most == 0 or any(_is_deeper(each, most - 1) for each in inner)
