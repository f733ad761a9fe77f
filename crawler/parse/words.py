"""The text of an element as one line, with a space where the screen has a gap."""

from selectolax.lexbor import LexborNode

_UNSEEN = frozenset(("script", "style", "template", "noscript"))
_INLINE = frozenset(
    "a abbr acronym b bdi bdo big cite code data del dfn em font i ins kbd label mark nobr q rb "
    "ruby s samp small span strike strong sub sup time tt u var wbr".split()
)


def words(element: LexborNode) -> str:
    """Return an element's text, white space normalised.

    Scripts and styles below it are left out; the text of a script itself is its text.
    """
    child = element.child
    if child is None:
        return ""
    if child.next is None and child.is_text_node:
        return " ".join((child.text_content or "").split())
    return " ".join(_joined(element).split())


def _joined(element: LexborNode) -> str:
    """Return the text nodes in order, with a space around each that is not inline."""
    pieces: list[str] = []
    above: list[tuple[LexborNode, str]] = []
    node = element.child
    while node is not None or above:
        if node is None:
            node, gap = above.pop()
            pieces.append(gap)
        elif node.is_text_node:
            pieces.append(node.text_content or "")
        elif (tag := node.tag or "") not in _UNSEEN and not tag.startswith("-"):
            gap = "" if tag in _INLINE else " "
            pieces.append(gap)
            above.append((node, gap))
            node = node.child
            continue
        node = node.next
    return "".join(pieces)
