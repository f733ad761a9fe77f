"""A page that has been parsed, for whoever takes something out of it."""

from collections.abc import Mapping
from functools import cached_property

from selectolax.lexbor import LexborHTMLParser

from crawler.policy import urls


class Document:
    """An HTML page: what ``--extract`` functions get.

    ``url`` is where it came from, ``status`` the HTTP status, ``headers`` the response's by
    lower-case name, ``base`` what its references are resolved against, and ``tree`` its
    parsed tree (https://selectolax.readthedocs.io).
    """

    def __init__(
        self,
        url: str,
        status: int,
        headers: Mapping[str, str],
        base: str,
        tree: LexborHTMLParser,
        source: str | bytes,
    ) -> None:
        self.url = url
        self.status = status
        self.headers = headers
        self.base = base
        self.tree = tree
        self._source = source

    @cached_property
    def html(self) -> str:
        """The page's source, decoded."""
        source = self._source
        return source if isinstance(source, str) else source.decode("utf-8", "replace")

    def resolve(self, href: str) -> str | None:
        """Return a reference of the page as an absolute http(s) URL, or None if it is none."""
        return urls.resolve(self.base, href.strip())
