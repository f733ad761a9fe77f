"""What references on pages come to, resolved once for each folder.

Navigation repeats on every page of a folder, and resolving a reference is a good part of
a page's cost; remembering the answers saves about a seventh of all CPU. A page whose links
are all known costs one look-up for each, made in C.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import cast

import msgspec

from crawler.model import Link, Refusal
from crawler.policy import urls
from crawler.policy.scope import Scope
from crawler.policy.urls import Canon

MOST_LINKS = 20_000
"""Links taken from one page; references beyond them are counted as refused."""

MOST_KNOWN = 25_000
"""References remembered, of all folders together: about 10 MB. Then all are forgotten."""

_STRIPPED = "".join(map(chr, range(33)))  # what the URL standard strips: C0 and space


class Known(msgspec.Struct, frozen=True, eq=False):
    """A reference's link (None: it is no http(s) URL) and why it may not be followed."""

    link: Link | None
    refusal: Refusal | None


_NOWHERE = Known(None, None)
"""To the page itself."""


class References:
    """Resolves references; ``joins`` counts how often that could not be spared."""

    def __init__(self, canon: Canon, scope: Scope) -> None:
        self._canon = canon
        self._scope = scope
        self._version = scope.version
        self._folders: dict[tuple[str, bool], dict[str, Known]] = {}
        self._known = 0
        self.joins = 0

    def look_up(
        self,
        base: str,
        references: Sequence[str],
        *,
        based: bool = False,
        most: int = MOST_LINKS,
    ) -> tuple[list[Known], int]:
        """Return what the references on a page with this base come to, each once, in order.

        ``based``: the page has named its base, so that an empty reference leads there; else
        it is to the page itself, and none. The number is that of references beyond ``most``.
        """
        folder = self._folder(base, based=based)
        if len(references) > most:
            return self._first(base, folder, references, most)
        plain = [reference.partition("#")[0] for reference in references]
        found = dict.fromkeys(map(folder.get, plain))
        if None in found:
            found = dict.fromkeys(self._learn(base, folder, references, plain))
        found.pop(_NOWHERE, None)
        return cast("list[Known]", list(found)), 0

    def _learn(
        self,
        base: str,
        folder: dict[str, Known],
        references: Sequence[str],
        plain: Sequence[str],
    ) -> Iterator[Known]:
        """Yield what each reference comes to where not all is known."""
        bare: dict[str, Known] = {}  # what is not remembered is still one on this page
        for reference, known in zip(references, map(folder.get, plain), strict=True):
            if known is None:
                key = _plain(reference)
                known = folder.get(key) or bare.get(key)
                if known is None:
                    known = bare[key] = self._resolve(base, folder, key)
            yield known

    def _first(
        self, base: str, folder: dict[str, Known], references: Iterable[str], most: int
    ) -> tuple[list[Known], int]:
        """Return the same of a page that may have too many: no more than ``most`` are resolved."""
        found: dict[Known, None] = {}
        beyond: set[str] = set()
        for plain in dict.fromkeys(map(_plain, references)):
            known = folder.get(plain)
            if known is _NOWHERE:
                continue
            if len(found) >= most and known not in found:
                beyond.add(plain)
                continue
            found[known or self._resolve(base, folder, plain)] = None
        return list(found), len(beyond)

    def each(
        self, base: str, references: Iterable[str], *, based: bool = False
    ) -> Iterator[Known | None]:
        """Yield what each reference comes to, however often it is there.

        One to the page itself is None.
        """
        folder = self._folder(base, based=based)
        for plain in map(_plain, references):
            known = folder.get(plain) or self._resolve(base, folder, plain)
            yield None if known is _NOWHERE else known

    def _resolve(self, base: str, folder: dict[str, Known], plain: str) -> Known:
        """Resolve a reference, and remember what it comes to if that is so in all the folder."""
        self.joins += 1
        link = self._canon.link(base, plain)
        refusal = Refusal.INVALID if link is None else self._scope.refuses(link.url)
        known = Known(link, refusal)
        # A query alone, or a bare scheme, means another URL on another page.
        bare = plain[:1] in ("", "?") or (":" in plain and "//" not in plain)
        if not bare or link is None:
            folder[plain] = known
            self._known += 1
        return known

    def _folder(self, base: str, *, based: bool) -> dict[str, Known]:
        """Return what is known in the folder of a page, having forgotten all if it is much."""
        if self._version != self._scope.version or self._known > MOST_KNOWN:
            self._version = self._scope.version
            self._folders.clear()
            self._known = 0
        name = urls.directory(base), based
        folder = self._folders.get(name)
        if folder is None:
            folder = self._folders[name] = {} if based else {"": _NOWHERE}
        return folder


def _plain(reference: str) -> str:
    """Return a reference without the spaces around it and without fragment."""
    reference = reference.strip(_STRIPPED)
    if "#" in reference:
        reference = reference.partition("#")[0]
        if reference != reference.rstrip(_STRIPPED):
            reference += "#"  # without it, the spaces before it would go, too
    return reference
