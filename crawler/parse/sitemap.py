"""Sitemaps (sitemaps.org): the URLs that a site names itself.

Read with expat as a stream; declarations of its own in a document end the reading, so that
there is no entity to expand and no default attribute to add (which expat does in quadratic
time). Broken XML is read as far as it goes. Three times faster than a tree.
"""

import contextlib
import zlib
from xml.parsers import expat

MOST_URLS = 50_000
MOST_BYTES = 50 * 1024 * 1024
"""The standard's limits for one file, uncompressed."""

MOST_NESTED = 3
"""Sitemaps that may lead to one another before the last."""

DEEPEST = 100
"""Elements in one another; a sitemap has three, and a few more where it is extended."""

_ROOTS = {"urlset", "sitemapindex"}
_GZIP = b"\x1f\x8b"


class _Stop(Exception):
    """Enough, or not to be trusted."""


def read(body: bytes) -> list[str] | None:
    """Return the URLs as written, or None if a body is no sitemap (or index of them)."""
    if body.startswith(_GZIP):
        try:
            body = zlib.decompressobj(31).decompress(body, MOST_BYTES)
        except zlib.error:
            return None
    reader = _Reader()
    with contextlib.suppress(expat.ExpatError, _Stop):
        reader.parser.Parse(body, True)
    return reader.urls if reader.is_sitemap else None


class _Reader:
    def __init__(self) -> None:
        self.urls: list[str] = []
        self.is_sitemap = False
        self._level = 0
        self._text: list[str] | None = None
        self.parser = expat.ParserCreate(namespace_separator=" ")
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._data
        self.parser.StartDoctypeDeclHandler = self._doctype

    def _start(self, name: str, attributes: object) -> None:
        local = name.rpartition(" ")[2]
        if self._level == 0:
            self.is_sitemap = local in _ROOTS
            if not self.is_sitemap:
                raise _Stop
        self._level += 1
        if self._level > DEEPEST:
            raise _Stop
        # Only <url><loc> and <sitemap><loc>: images and videos have locations, too.
        if local == "loc" and self._level == 3:
            self._text = []

    def _data(self, data: str) -> None:
        if self._text is not None:
            self._text.append(data)

    def _end(self, name: str) -> None:
        self._level -= 1
        if self._text is not None:
            url = "".join(self._text).strip()
            self._text = None
            if url:
                self.urls.append(url)
            if len(self.urls) >= MOST_URLS:
                raise _Stop

    def _doctype(self, name: str, system: object, public: object, declares: int) -> None:
        if declares:
            raise _Stop
