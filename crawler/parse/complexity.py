"""Pages built to make the HTML parser explode, told apart before it sees them.

lexbor has no limit on nesting: 100 KB of ``<div>`` take 0.4 s and 500 KB 22 s; 81 KB of
misnested formatting elements take 5 GB, because HTML has them reopened in every block. Nor
does its table of names grow: 30,000 different ones take 0.04 s, 500,000 over a minute.
The guard counts tags; it means "suspicious", not "invalid", as it also counts what stands
in scripts and comments. Of 1,941 pages of real documentation it flags none.
"""

import re
from collections import Counter

FORMATTING_TRIGGER, NESTING_TRIGGER = 2_000, 8_000
"""With fewer tags than these neither shape takes more than about 0.1 s."""

MAX_DEPTH = 512
MAX_FORMATTING = 64
MAX_REOPENED = 500_000
MAX_OPTIONS = 5_000
MAX_ATTRIBUTES = 5_000
MAX_NAMES = 30_000

_FORMATTING = "a b big code em font i nobr s small strike strong tt u".split()
_UNNESTED = frozenset(
    b"area base br col embed hr img input link meta source track wbr param "  # void
    b"li dt dd p rb rt rtc rp optgroup option colgroup thead tbody tfoot tr td th "  # end optional
    b"path circle rect line polygon polyline ellipse use stop image".split()  # SVG, self-closed
)
_TAG = re.compile(rb"</?[a-z][a-z0-9]*")
_FORMATTING_TAG = re.compile(rb"</?(?:%b)\b" % "|".join(_FORMATTING).encode())
_START = re.compile(rb"<[a-zA-Z]")
_NAME = re.compile(rb"""(?<=[\s/<"'])[^\s/=<>"']+""")  # also every word of the text
_BETWEEN = re.compile(rb"[\s/=]+")


def too_complex(body: bytes) -> str | None:
    """Return why a body should not be parsed unguarded, or None."""
    for tag in body.split(b">"):
        if len(tag) > 2 * MAX_ATTRIBUTES and _attributes(tag) > MAX_ATTRIBUTES:
            return f"an element with more than {MAX_ATTRIBUTES} attributes"
    if len(body) > 4 * MAX_NAMES and len(set(_NAME.findall(body))) > MAX_NAMES:
        return f"more than {MAX_NAMES} different names"
    opened = body.count(b"<")
    if opened < FORMATTING_TRIGGER:
        return None
    pattern = _FORMATTING_TAG if opened < NESTING_TRIGGER else _TAG
    tags = pattern.findall(_without_comments(body).lower())
    deepest = _deepest(tags)
    formatting = sum(deepest[name.encode()] for name in _FORMATTING)
    if formatting > MAX_FORMATTING:
        return f"more than {MAX_FORMATTING} formatting elements in one another"
    if formatting * opened > MAX_REOPENED:
        return "formatting elements reopened too often"
    if sum(depth for name, depth in deepest.items() if name not in _UNNESTED) > MAX_DEPTH:
        return f"more than {MAX_DEPTH} elements in one another"
    if tags.count(b"<option") > MAX_OPTIONS:
        return f"more than {MAX_OPTIONS} options"
    return None


def _attributes(tag: bytes) -> int:
    """Return about how many attributes there are in what comes before a ``>``."""
    start = _START.search(tag)
    if start is None:
        return 0
    parts = tag[start.start() :].split(b'"')
    return sum(len(_BETWEEN.findall(part)) + 1 for part in parts[::2])


def _without_comments(body: bytes) -> bytes:
    """Return a body without comments, whose tags the parser does not see."""
    first, *others = body.split(b"<!--")
    return first + b"".join(part.partition(b"-->")[2] for part in others)


def _deepest(tags: list[bytes]) -> Counter[bytes]:
    """Return for each element how deep it nests in its own kind.

    The sum over all kinds bounds the depth of the tree, and an end tag that closes nothing
    hides nothing.
    """
    depth: dict[bytes, int] = {}
    deepest: Counter[bytes] = Counter()
    for tag in tags:
        if tag[1] == ord("/"):
            name = tag[2:]
            depth[name] = max(0, depth.get(name, 0) - 1)
        else:
            name = tag[1:]
            depth[name] = level = depth.get(name, 0) + 1
            if level > deepest[name]:
                deepest[name] = level
    return deepest
