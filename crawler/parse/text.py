"""The text of a page as a reader sees it: a line a block, an empty one between paragraphs.

Cells of a row stand between tabs, preformatted text stays as it is, and other white space
is one space, as on the screen.
"""

from collections.abc import Collection, Iterator

from selectolax.lexbor import LexborHTMLParser, LexborNode

from crawler.parse import main_content

_LINE, _PARAGRAPH, _CELL, _ROW, _TABLE, _VERBATIM = range(1, 7)
_SEPARATORS = ("", "\n", "\n\n", "\t", "\n", "\n\n", "\n\n")
"""What stands between two texts, by the strongest boundary between them.

A row's is stronger than a cell's, and that stronger than a paragraph's: paragraphs often
fill cells, and must not tear their row apart.
"""

_BOUNDARIES = {
    tag: boundary
    for boundary, tags in (
        (_LINE, "address br center dd details div dl dt fieldset figcaption form hgroup"),
        (_LINE, "legend li menu ol summary ul"),
        (_PARAGRAPH, "article aside blockquote body dialog figure footer h1 h2 h3 h4 h5 h6"),
        (_PARAGRAPH, "header hr main nav p search section"),
        (_CELL, "td th"),
        (_ROW, "tr caption"),
        (_TABLE, "table"),
        (_VERBATIM, "listing plaintext pre xmp"),
    )
    for tag in tags.split()
}  # fmt: skip


def text(tree: LexborHTMLParser) -> str:
    """Return the text of a page's main content, or of all of it if there is none."""
    body = tree.body or tree.root
    if body is None:
        return ""
    root, noise = main_content.of(tree.css, body)
    without = {node.mem_id for node in root.css(noise)}
    return _joined(_texts(root, without)) or _joined(_texts(body, ()))


def _texts(root: LexborNode, noise: Collection[int]) -> Iterator[tuple[str, int, bool]]:
    """Yield the text nodes below an element, but for those of the elements in ``noise``.

    With each come the strongest boundary since the one before, and whether it is
    preformatted.
    """
    above = [(root, 0)]
    strongest = verbatim = 0
    node = root.child
    while True:
        if node is None:
            left, boundary = above.pop()
            if not above:
                return
            verbatim -= boundary == _VERBATIM
            node = left.next
        elif (tag := node.tag or "") == "-text":
            yield node.text_content or "", strongest, verbatim > 0
            strongest = boundary = 0
            node = node.next
        elif tag in main_content.UNSEEN or (noise and node.mem_id in noise):
            boundary = _BOUNDARIES.get(tag, 0)
            node = node.next
        elif (boundary := _BOUNDARIES.get(tag, 0)) == _VERBATIM and not node.css_first("br"):
            yield node.text(), boundary, True  # listings are full of spans for their colours
            strongest = boundary
            node = node.next
        else:
            verbatim += boundary == _VERBATIM
            above.append((node, boundary))
            node = node.child
        if boundary > strongest:
            strongest = boundary


def _joined(texts: Iterator[tuple[str, int, bool]]) -> str:
    """Return texts as one, with what stands between them on the screen."""
    pieces: list[str] = []
    boundary = 0
    space = loose = False
    for text, before, verbatim in texts:
        if before > boundary:
            boundary = before
        words = text if verbatim else " ".join(text.split())
        if not words or (boundary and words.isspace()):
            space = True
            continue
        if boundary:
            if loose:
                _trim(pieces)
            if pieces:
                pieces.append(_SEPARATORS[boundary])
            words = words.lstrip("\r\n")
        elif not verbatim and (space or text[0].isspace()):
            pieces.append(" ")
        pieces.append(words)
        boundary, loose, space = 0, verbatim, not verbatim and text[-1].isspace()
    return "".join(pieces).rstrip()


def _trim(pieces: list[str]) -> None:
    """Take white space off the end of a text in pieces, all of one being possible."""
    while pieces:
        last = pieces.pop().rstrip()
        if last:
            pieces.append(last)
            return
