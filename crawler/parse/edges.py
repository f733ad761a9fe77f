"""The links of a page one by one, with their words: for ``--links`` and ``link`` records.

They are those that the crawl goes by (:mod:`crawler.parse.html`), but in the order of the
page and each as often as it stands there, where one look at each is enough for the crawl.
"""

import re
from collections.abc import Collection, Iterable, Iterator
from typing import Literal, NamedTuple, cast

from selectolax.lexbor import LexborAttributes, LexborHTMLParser, LexborNode

from crawler.encoding import encode
from crawler.model import Line, Page, Refusal
from crawler.parse import html
from crawler.parse.html import Html
from crawler.parse.references import MOST_LINKS, Known
from crawler.policy.traps import MAX_LENGTH
from crawler.record import LinkRecord, PageLink, common

MAX_WORDS = 500
"""Characters of a link's text; somebody may have put the whole page into one."""

MOST_BYTES = 8 * 1024 * 1024
"""A page's links take no more than about this: with a long base 20,000 would take far more."""

Element = Literal["a", "area", "iframe", "frame", "link", "meta"]

_ELEMENTS = f"{html.LINKS}, link[href], meta[http-equiv]"
_USERINFO = re.compile(r"//[^/?#]*@")


class Anchor(NamedTuple):
    """A link as written."""

    reference: str
    text: str
    rel: list[str]
    element: Element


class Edge(NamedTuple):
    """A link, and why it is not followed (None: it is)."""

    link: PageLink
    refused: Refusal | None


def anchors(tree: LexborHTMLParser, said: Html) -> Iterator[Anchor]:
    """Yield the links of a page; ``said`` is what has been read of it.

    Links to the page itself are among them, so it is more than will be of use.
    """
    of_head = set(said.follow)
    for node in tree.css(_ELEMENTS)[: 2 * MOST_LINKS]:
        element = cast("Element", node.tag)
        attributes = node.attrs
        rel = (attributes.get("rel") or "").lower().split()
        if element == "meta":
            written = html.refresh(attributes.get("content") or "") or ""
        elif element == "link" and not html.leads(rel, attributes.get("hreflang")):
            continue
        else:
            written = html.reference(node)
        if element not in ("meta", "link") or written in of_head:
            yield Anchor(written, _words(node, element, attributes), rel, element)


def edges(
    anchors: Iterable[Anchor],
    known: Iterable[Known | None],
    barred: Refusal | None,
    left_out: Collection[int] = (),
    *,
    obey: bool,
) -> Iterator[Edge]:
    """Yield links with what their references come to, but for those to the page itself.

    ``barred`` is why nothing on this page is followed that could be, ``left_out`` are the
    fingerprints of what a recipe does not follow; ``obey`` says that rel=nofollow is.
    """
    size = count = 0
    for anchor, what in zip(anchors, known, strict=True):
        if what is None:
            continue
        link, refusal = what.link, what.refusal
        url = link.url if link is not None else _as_written(anchor.reference)
        count += 1
        size += len(url) + len(anchor.text) + sum(map(len, anchor.rel))
        if size > MOST_BYTES or count > MOST_LINKS:
            return
        if link is not None and link.fp in left_out:
            refusal = Refusal.RECIPE
        elif refusal is None:
            refusal = Refusal.NOFOLLOW if obey and "nofollow" in anchor.rel else barred
        yield Edge(PageLink(url, anchor.text, anchor.rel, anchor.element), refusal)


def records(found: Iterable[Edge], page: Page, run: int) -> Iterator[Line]:
    """Yield a ``link`` record for each link of a page in pass ``run``."""
    fields = common(page.target, run, page.at)
    size = 0
    for index, (link, refused) in enumerate(found):
        line = Line("link", encode(LinkRecord(index=index, link=link, refused=refused, **fields)))
        size += len(line.data)
        if size > 2 * MOST_BYTES:
            return
        yield line


def _as_written(reference: str) -> str:
    """Return what is no URL to us as it is, but without a password and not without end."""
    return _USERINFO.sub("//", reference.strip()[: 2 * MAX_LENGTH])[:MAX_LENGTH]


def _words(node: LexborNode, element: Element, attributes: LexborAttributes) -> str:
    """Return what a reader is told: its text, or what stands for a picture or a frame."""
    if element == "a":
        if words := " ".join(node.text().split()):
            return words[:MAX_WORDS]
        picture = node.css_first("img[alt]")
        if picture is not None and (alt := picture.attrs.get("alt")):
            return " ".join(alt.split())[:MAX_WORDS]
    given = attributes.get("aria-label") or attributes.get("alt") or attributes.get("title") or ""
    return " ".join(given.split())[:MAX_WORDS]
