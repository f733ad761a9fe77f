"""What an HTML page says of itself and where it leads.

Two queries a page, one for the head and one for the body: more of them cost more than the
parsing (82 µs a page for seven instead of two).
"""

import re
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import cast

from selectolax.lexbor import LexborHTMLParser, LexborNode

from crawler.policy import urls

MAX_TITLE = 2_000

_HEAD = "base, link, meta, title"
_BODY = "[href]:is(a, area){}, [src]:is(iframe, frame)"
"""The attribute first: lexbor compares names of elements slowly (90 µs a page against 53)."""

LINKS = _BODY.format("")
"""What is a link in a body, and not only a place for one."""

_LINKS_ELSEWHERE = _BODY.format(':not([href^="#"])')
"""Without links to the page itself, a third of all: what is not found costs nothing later."""

_REFRESH = re.compile(
    r"""\s*[\d.]*\s*[;,\s]\s*(?:url\s*=\s*)?(?:"([^"]*)|'([^']*)|(.*))""",
    re.IGNORECASE | re.DOTALL,
)
_WITH_VALUE = {"unavailable_after", "max-snippet", "max-image-preview", "max-video-preview"}
_ROBOT = re.compile(r"\s*[a-z][\w-]*\s*")
_FOLLOWED = {"next", "prev", "canonical"}
FRAMES = {"iframe", "frame"}


@dataclass(slots=True)
class Html:
    """A page's title, language, canonical URL, robots directives and raw references.

    ``base`` is what references are resolved against (``based``: the page says so).
    ``follow`` and ``nofollow`` are the references as written, in the order found, however
    often they repeat; one that is in both is followed.
    """

    base: str
    based: bool = False
    title: str | None = None
    lang: str | None = None
    canonical: str | None = None
    robots: list[str] = field(default_factory=list)
    follow: list[str] = field(default_factory=list)
    nofollow: list[str] = field(default_factory=list)


def tree(source: str | bytes) -> LexborHTMLParser:
    """Parse a page, as a browser that runs scripts would (without running any)."""
    return LexborHTMLParser(source, scripting=True)


def read(tree: LexborHTMLParser, url: str, agent: str, robots_headers: str = "") -> Html:
    """Read a page fetched from ``url``.

    ``agent`` is our product token: directives that name another robot are not for us.
    ``robots_headers`` is the X-Robots-Tag, a line for each.
    """
    page = Html(url, robots=directives(robots_headers, agent))
    root = tree.root
    if root is not None and (lang := root.attrs.get("lang")):
        page.lang = lang.strip()[:100] or None
    if tree.head is not None:
        _read_head(page, tree.head.css(_HEAD), url, agent)
        if page.title is None:  # perhaps a broken head has pushed it into the body
            page = Html(url, lang=page.lang, robots=directives(robots_headers, agent))
            _read_head(page, tree.css(_HEAD), url, agent)
    if root is not None:
        _read_body(page, tree)
    return page


def directives(header: str, agent: str) -> list[str]:
    """Return the directives of an X-Robots-Tag that are for everyone or for ``agent``.

    ``otherbot: noindex, nofollow`` names a robot for the rest of its line, or up to the
    next name.
    """
    found: list[str] = []
    for line in header.lower().split("\n"):
        ours = True
        for part in line.split(","):
            name, colon, rest = part.partition(":")
            directive = part.strip()
            if colon and _ROBOT.fullmatch(name) and name.strip() not in _WITH_VALUE:
                ours = name.strip() == agent
                directive = rest.strip()
            if ours and directive:
                found.append(directive)
    return found


def refresh(content: str) -> str | None:
    """Return where the content of a meta refresh leads, as written."""
    match = _REFRESH.match(content)
    return (match[1] or match[2] or match[3] or None) if match else None


def leads(rel: Collection[str], hreflang: str | None) -> bool:
    """Whether a link element is one to follow, by its rel in lower case."""
    return not _FOLLOWED.isdisjoint(rel) or ("alternate" in rel and bool(hreflang))


def reference(node: LexborNode) -> str:
    """Return where a link, or a frame, leads; without a value it is to the page itself."""
    return node.attrs.get("src" if node.tag in FRAMES else "href") or ""


def _read_head(page: Html, nodes: list[LexborNode], url: str, agent: str) -> None:
    links = []
    for node in nodes:
        tag = node.tag
        if tag == "title" and page.title is None and not _in_picture(node):
            page.title = " ".join(node.text()[:MAX_TITLE].split()) or None
        elif tag == "base" and not page.based:
            base = urls.resolve(url, node.attrs.get("href") or "") if "href" in node.attrs else None
            if base is not None:
                page.base, page.based = base, True
        elif tag == "meta":
            _read_meta(page, node, agent)
        elif tag == "link":
            links.append(node)
    for node in links:
        _read_link(page, node)


def _in_picture(title: LexborNode) -> bool:
    return title.parent is not None and title.parent.tag == "svg"


def _read_meta(page: Html, node: LexborNode, agent: str) -> None:
    attributes = node.attrs
    content = attributes.get("content")
    if not content:
        return
    name = (attributes.get("name") or "").strip().lower()
    if name in ("robots", agent):
        page.robots += [each.strip().lower() for each in content.split(",") if each.strip()]
    elif (attributes.get("http-equiv") or "").strip().lower() == "refresh" and (
        target := refresh(content)
    ):
        page.follow.append(target)


def _read_link(page: Html, node: LexborNode) -> None:
    attributes = node.attrs
    href = attributes.get("href")
    if not href:
        return
    rel = set((attributes.get("rel") or "").lower().split())
    if "canonical" in rel and page.canonical is None:
        page.canonical = urls.resolve(page.base, href)
    if leads(rel, attributes.get("hreflang")):
        page.follow.append(href)


def _read_body(page: Html, tree: LexborHTMLParser) -> None:
    """Collect references.

    All attributes of a link at once cost little more than one of them, as long as there are few,
    and less than to look for nofollow in the source (91 µs a page against 101).
    """
    nodes = tree.css(LINKS if page.based else _LINKS_ELSEWHERE)
    attributes = [node.attributes for node in nodes]
    references = [each.get("href") for each in attributes]
    if None in references or any("src" in each for each in attributes):
        references = [reference(node) for node in nodes]
    found = cast("list[str]", references)
    rels = [each.get("rel") for each in attributes]
    if not any(rels):
        page.follow += found
        return
    for written, rel in zip(found, rels, strict=True):
        marked = rel is not None and "nofollow" in rel.lower().split()
        (page.nofollow if marked else page.follow).append(written)
