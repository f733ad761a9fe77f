"""A fetched page's record and its links: all the CPU work of a page, in one place.

What only some crawls ask for is imported when one does: each child imports for itself.
"""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from selectolax.lexbor import LexborHTMLParser

from crawler.account import Children
from crawler.encoding import encode
from crawler.model import Change, Failed, Fault, Line, Link, Page, Parsed, Refusal, Taken, Verdict
from crawler.parse import charset, complexity, html, sitemap
from crawler.parse.document import Document
from crawler.parse.reading import Reading
from crawler.parse.references import Known, References
from crawler.policy import media, news
from crawler.policy.scope import Scope
from crawler.policy.urls import Canon
from crawler.record import PageRecord, common

if TYPE_CHECKING:
    from crawler.parse.content import Content
    from crawler.parse.edges import Edge
    from crawler.parse.extract import Extract, Extractor


class _Compared(NamedTuple):
    """A page against the pass before: the SHA-1 of its body, what it is compared by, what came
    of that, and whether it is told.
    """

    body: bytes
    digest: bytes
    change: Change | None
    told: bool


class Reader:
    """Reads pages; also the Parser port in this process, behind the complexity guard."""

    def __init__(self, reading: Reading, scope: Scope, *, guarded: bool = False) -> None:
        self._reading = reading
        self._guarded = guarded
        self.scope = scope
        self.references = References(Canon(reading.drop_params), scope)
        self._content = _content(reading)
        self._extractor = _extractor(reading)
        self._edged = reading.links or "links" in reading.content

    @classmethod
    def of(cls, reading: Reading) -> Self:
        """Return a reader with a scope of its own, in a process with limits of its own."""
        return cls(reading, reading.make_scope())

    def on_function(self, enter: Callable[[bool], None]) -> None:
        """Have ``enter`` called when the user's function begins, and when it has ended."""
        if self._extractor is not None:
            self._extractor.enter = enter

    @property
    def state(self) -> Children:
        """There are no children here."""
        return Children()

    async def parse(self, page: Page) -> Parsed | Failed:
        """Read a page at once; it waits for nothing."""
        return self.read(page)

    def read(self, page: Page) -> Parsed | Failed:
        """Return a page's record and links, or why it cannot be parsed."""
        fetched = page.fetched
        kind = fetched.headers.get("content-type", "")
        robots_tag = fetched.headers.get("x-robots-tag", "")
        if self._reading.sitemap != "off" and fetched.body and media.may_be_sitemap(kind):
            listed = sitemap.read(fetched.body)
            if listed is not None:
                return self._sitemap(page, listed)
        if fetched.body is None or not _is_html(kind, fetched.body):
            robots = html.directives(robots_tag, self._reading.agent)
            return self._plain(page, html.Html(page.target.url, robots=robots))
        if self._guarded and (why := complexity.too_complex(fetched.body)):
            return Failed(Fault.TOO_COMPLEX, why, fetched.status, lasting=True)
        return self._html(page, fetched.body, kind, robots_tag)

    def _html(self, page: Page, body: bytes, kind: str, robots_tag: str) -> Parsed:
        """Return what an HTML page comes to."""
        name = charset.sniff(body, kind)
        source = charset.text(body, name)
        tree = html.tree(source)
        said = html.read(tree, page.target.url, self._reading.agent, robots_tag)
        follow, cut = self._look_up(said, said.follow)
        nofollow: list[Known] = []
        if said.nofollow:
            nofollow, also = self._look_up(said, said.nofollow)
            cut += also
        n_links = len({known.link.fp for known in (*follow, *nofollow) if known.link})
        extract = document = None
        left_out: set[int] = set()
        if self._extractor is not None:
            document = _document(page, said, tree, source)
            extract = self._extractor.read(document)
            if extract.links is not None:
                wanted, cut = self._look_up(said, extract.links)
                follow, nofollow, left_out = _only(wanted, follow, nofollow)
        found, refused = self._admit(page, said, follow, nofollow)
        if cut:
            refused[Refusal.TOO_MANY] = cut
        if left_out:
            refused[Refusal.RECIPE] = len(left_out)
        links = self._edges(page, said, tree, left_out) if self._edged else []
        more = self._content.of_html(page, source, tree, said, links) if self._content else {}
        lines: list[Line] = []
        taken = kept = None
        if self._extractor is not None and extract is not None and document is not None:
            self._extractor.call(document, extract)  # the last to see the tree: it may change it
            shared = common(page.target, self._reading.run, page.at)
            selected = extract.selected(shared)
            lines, taken = selected.lines(shared), selected.taken(extract.looked)
            more = more | selected.keys()
            if self._reading.keep:
                from crawler.selected import pack

                kept = pack(selected)
        compared = self._compare(page, extract)
        if compared.told:
            lines.insert(0, self._record(page, said, name, n_links, compared, more))
            if self._reading.links:
                from crawler.parse.edges import records

                lines += records(links, page, self._reading.run)
        else:
            lines = []
            taken = taken and Taken(looked=taken.looked)
        return Parsed(lines, found, refused, False, taken, compared.digest, compared.change, kept)

    def _look_up(self, said: html.Html, references: list[str]) -> tuple[list[Known], int]:
        return self.references.look_up(said.base, references, based=said.based)

    def _sitemap(self, page: Page, listed: list[str]) -> Parsed:
        """Return a sitemap's record, and what it lists."""
        known, _ = self.references.look_up(page.target.url, listed, most=sitemap.MOST_URLS)
        refused = Counter(each.refusal for each in known if each.refusal is not None)
        found = [each.link for each in known if each.link and each.refusal is None]
        if page.target.hops >= sitemap.MOST_NESTED:
            refused[Refusal.DEPTH] += len(found)
            found = []
        said = html.Html(page.target.url)
        return self._plain(page, said, len(known), found, refused, hop=True)

    def _plain(
        self,
        page: Page,
        said: html.Html,
        n_links: int = 0,
        found: Sequence[Link] = (),
        refused: Mapping[Refusal, int] = {},
        *,
        hop: bool = False,
    ) -> Parsed:
        """Return what comes of a page that content cannot be taken from."""
        compared = self._compare(page)
        lines = [self._record(page, said, None, n_links, compared)] if compared.told else []
        return Parsed(lines, found, refused, hop, None, compared.digest, compared.change)

    def _compare(self, page: Page, extract: "Extract | None" = None) -> _Compared:
        """Compare a page with what it was on the pass before: by what is taken, if anything is."""
        body = digest = news.digest(page.fetched)
        if extract is not None and (extract.fields is not None or extract.items):
            digest = news.digest_of_bytes(
                encode({"": extract.fields, "items": [item.fields for item in extract.items]})
            )
        change = news.compare(page, digest, self._reading.run)
        told = change is not Change.UNCHANGED or not self._reading.only_changes
        return _Compared(body, digest, change, told)

    def _admit(
        self, page: Page, said: html.Html, follow: list[Known], nofollow: list[Known]
    ) -> tuple[list[Link], Counter[Refusal]]:
        """Return the links that may be followed from a page, and count the others."""
        refused: Counter[Refusal] = Counter()
        obeyed = self._reading.nofollow
        page_nofollow = self._is_nofollow(said)
        barred = self._barred(page)
        found: dict[int, Link] = {}
        for links, marked in ((follow, page_nofollow), (nofollow, obeyed)):
            for known in links:
                link = known.link
                if link is None or known.refusal is not None:
                    refused[known.refusal or Refusal.INVALID] += 1
                elif marked:
                    refused[Refusal.NOFOLLOW] += 1
                elif barred is not None:
                    refused[barred] += 1
                else:
                    found[link.fp] = link
        return list(found.values()), refused

    def _is_nofollow(self, said: html.Html) -> bool:
        """Whether a page asks that none of its links be followed, and we obey."""
        return self._reading.nofollow and not {"nofollow", "none"}.isdisjoint(said.robots)

    def _barred(self, page: Page) -> Refusal | None:
        """Return why no link of a page is followed, however good it is."""
        if self._reading.sitemap == "only":
            return Refusal.NOT_IN_SITEMAP
        return Refusal.DEPTH if page.target.depth == self._reading.max_depth else None

    def _edges(
        self, page: Page, said: html.Html, tree: LexborHTMLParser, left_out: Collection[int]
    ) -> "list[Edge]":
        """Return the links of a page one by one, with what becomes of them.

        ``left_out`` are the fingerprints of those that a recipe does not follow.
        """
        from crawler.parse import edges

        anchors = list(edges.anchors(tree, said))
        written = [each.reference for each in anchors]
        known = self.references.each(said.base, written, based=said.based)
        barred = Refusal.NOFOLLOW if self._is_nofollow(said) else self._barred(page)
        obey = self._reading.nofollow
        return list(edges.edges(anchors, known, barred, left_out, obey=obey))

    def _record(
        self,
        page: Page,
        said: html.Html,
        charset_name: str | None,
        n_links: int,
        compared: _Compared,
        more: Mapping[str, Any] | None = None,
    ) -> Line:
        """Return a page's record; without ``more`` it is none that content can be taken from."""
        fetched = page.fetched
        if more is None:
            more = self._content.of_other(page) if self._content else {}
        body = fetched.body
        record = PageRecord(
            status=fetched.status,
            content_type=fetched.headers.get("content-type"),
            charset=charset_name,
            bytes=None if body is None else len(body),
            wire_bytes=fetched.wire_bytes,
            elapsed_ms=round(fetched.elapsed * 1000),
            attempts=page.attempts,
            truncated=fetched.truncated,
            title=said.title,
            lang=said.lang,
            canonical=said.canonical,
            robots=said.robots,
            n_links=n_links,
            hash=None if body is None else compared.body.hex(),
            change=compared.change and compared.change.value,
            **more,
            **common(page.target, self._reading.run, page.at),
        )
        return Line(Verdict.FETCHED, encode(record))


def _content(reading: Reading) -> "Content | None":
    if not reading.content:
        return None
    from crawler.parse.content import Content

    return Content(reading.content, reading.max_size)


def _extractor(reading: Reading) -> "Extractor | None":
    """Return what takes something out of pages, if anything is to be."""
    if reading.recipe is None and reading.extract is None:
        return None
    from crawler.parse.extract import Extractor  # takes 10 ms

    return Extractor(reading.recipe, reading.extract)


def _document(page: Page, said: html.Html, tree: LexborHTMLParser, source: str | bytes) -> Document:
    """Return a page for those who take something out of it."""
    fetched = page.fetched
    return Document(page.target.url, fetched.status, fetched.headers, said.base, tree, source)


def _only(
    wanted: list[Known], follow: list[Known], nofollow: list[Known]
) -> tuple[list[Known], list[Known], set[int]]:
    """Return which wanted links to follow, which are nofollow, and which others are left out.

    One that is marked everywhere on the page stays so.
    """
    marked = _fingerprints(nofollow) - _fingerprints(follow)
    stay = [known for known in wanted if known.link and known.link.fp in marked]
    go = [known for known in wanted if not (known.link and known.link.fp in marked)]
    left_out = _fingerprints(follow) | _fingerprints(nofollow)
    return go, stay, left_out - _fingerprints(wanted)


def _fingerprints(links: list[Known]) -> set[int]:
    return {known.link.fp for known in links if known.link}


def _is_html(content_type: str, body: bytes) -> bool:
    """Whether to parse a body as HTML: by its type or, where it has none, by its look."""
    if media.kind(content_type):
        return media.is_html(content_type)
    return body[:1024].lstrip(b"\xef\xbb\xbf\t\n\f\r ")[:1] == b"<"
