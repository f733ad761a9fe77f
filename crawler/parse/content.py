"""What of a page its record holds besides the facts: each for a flag, paid by who asks for it.

Measured on 400 pages of real documentation (35 KB each), CPU beside the 430 µs that reading
one takes (a loaded machine: the ratios hold) and bytes of record beside 500: text 590 µs and
10 KB, Markdown 650 µs and 12 KB, HTML 150 µs and 37 KB, links 230 µs and 4 KB, a record a link
250 µs and 11 KB, headers and structured data less than can be told. Of a whole crawl that is
1.8, 1.9, 1.2, 1.5 and 1.6 times the CPU.
"""

from collections.abc import Collection, Iterable
from typing import Any

from selectolax.lexbor import LexborHTMLParser

from crawler.model import Page
from crawler.parse import charset
from crawler.parse.edges import Edge
from crawler.parse.html import Html
from crawler.parse.structured import structured
from crawler.parse.text import text
from crawler.policy import media

_SECRET = frozenset(("set-cookie", "set-cookie2"))
"""What a server would have a client keep to itself."""


class Content:
    """Takes the wanted ``kinds`` from pages, each cut off after ``most`` bytes of UTF-8."""

    def __init__(self, kinds: Collection[str], most: int) -> None:
        self._kinds = frozenset(kinds)
        self._most = most

    def of_html(
        self,
        page: Page,
        source: str | bytes,
        tree: LexborHTMLParser,
        said: Html,
        edges: Iterable[Edge],
    ) -> dict[str, Any]:
        """Return what a page's record holds; ``source`` is what its ``tree`` was made of."""
        kinds = self._kinds
        found: dict[str, Any] = {}
        decoded = ""
        if "html" in kinds or "markdown" in kinds:
            decoded = source if isinstance(source, str) else source.decode("utf-8", "replace")
        if "text" in kinds:
            found["text"] = self._cut(text(tree))
        if "markdown" in kinds:
            from crawler.parse.markdown import markdown  # an extra

            found["markdown"] = self._cut(markdown(decoded, said.base))
        if "html" in kinds:
            found["html"] = self._cut(decoded)
        if "links" in kinds:
            found["links"] = [edge.link for edge in edges]
        if "structured" in kinds:
            found["structured"] = structured(tree)
        return found | self._headers(page)

    def of_other(self, page: Page) -> dict[str, Any]:
        """Return the same of what is no HTML: little applies but plain text and headers."""
        found: dict[str, Any] = dict.fromkeys(self._kinds)
        kind = page.fetched.headers.get("content-type", "")
        if "text" in found and page.fetched.body and media.is_plain(kind):
            plain = charset.text(page.fetched.body, charset.sniff(page.fetched.body, kind))
            decoded = plain if isinstance(plain, str) else plain.decode("utf-8", "replace")
            found["text"] = self._cut(decoded)
        return found | self._headers(page)

    def _headers(self, page: Page) -> dict[str, Any]:
        if "headers" not in self._kinds:
            return {}
        sent = page.fetched.headers.items()
        told = {name: value.replace("\n", ", ") for name, value in sent if name not in _SECRET}
        return {"headers": told}

    def _cut(self, text: str) -> str:
        most = self._most
        if 4 * len(text) <= most or len(data := text.encode("utf-8", "surrogatepass")) <= most:
            return text
        return data[:most].decode("utf-8", "ignore")
