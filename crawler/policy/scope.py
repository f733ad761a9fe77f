"""May this link be followed? Seeds widen the scope; patterns and depth narrow it.

A seed is always fetched. Its redirect target joins the scope if both share a registrable
domain; otherwise only that page is fetched.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

from crawler.choices import ScopeKind
from crawler.model import Refusal, Target
from crawler.policy import urls


class Decision(NamedTuple):
    """What the scope says of a link, and which of its parts says so.

    ``seed`` is the URL that has widened the scope as far as this link (None with the kind
    ``any``, or where none has); ``pattern`` the include or exclude that decides.
    """

    refusal: Refusal | None
    seed: str | None = None
    pattern: str | None = None


class Scope:
    """The set of URLs that a crawl may reach by links.

    ``kind``: ``page`` only the seeds; ``dir`` the seeds' folders; ``host`` their sites
    (hostname and port); ``domain`` their registrable domains; ``any`` the whole web.
    ``include`` needs one match in a URL, ``exclude`` none.
    """

    def __init__(
        self,
        kind: ScopeKind = "host",
        include: Sequence[re.Pattern[str]] = (),
        exclude: Sequence[re.Pattern[str]] = (),
    ) -> None:
        self.kind = kind
        self.widened: list[str] = []
        self._include = tuple(include)
        self._exclude = tuple(exclude)
        self._keys: set[str] = set()

    def widen(self, url: str) -> None:
        """Let a seed, or the page it redirects to, into the scope."""
        key = self._key(url)
        if key not in self._keys:
            self._keys.add(key)
            self.widened.append(url)

    @property
    def version(self) -> int:
        """How often the scope has grown; ``widened`` are the URLs by which it has."""
        return len(self.widened)

    def refuses(self, url: str) -> Refusal | None:
        """Return why a link to a canonical URL may not be followed, or None."""
        if not self._reaches(url):
            return Refusal.SCOPE
        if self._include and not any(each.search(url) for each in self._include):
            return Refusal.INCLUDE
        if any(each.search(url) for each in self._exclude):
            return Refusal.EXCLUDE
        return None

    def decide(self, url: str) -> Decision:
        """Return what :meth:`refuses` does, and why."""
        refusal = self.refuses(url)
        if refusal is Refusal.SCOPE:
            return Decision(refusal)
        key = self._key(url)
        fits = key.startswith if self.kind == "dir" else key.__eq__
        seed = None
        if self.kind != "any":
            seed = next((each for each in self.widened if fits(self._key(each))), None)
        decisive = () if refusal is Refusal.INCLUDE else self._exclude if refusal else self._include
        pattern = next((each.pattern for each in decisive if each.search(url)), None)
        return Decision(refusal, seed, pattern)

    def redirected(self, target: Target, url: str) -> Refusal | None:
        """Return why the redirect of ``target`` to ``url`` may not be followed, or None.

        A seed may go anywhere, and takes the scope along within its registrable domain.
        """
        if target.depth:
            return self.refuses(url)
        if same_domain(target.seed, url):
            self.widen(url)
        return None

    def _reaches(self, url: str) -> bool:
        if self.kind == "any":
            return True
        if self.kind == "page":
            return False
        if self.kind == "dir":
            key = self._key(url)
            return any(key.startswith(each) for each in self._keys)
        return self._key(url) in self._keys

    def _key(self, url: str) -> str:
        if self.kind == "host":
            return urls.site(url)
        if self.kind == "domain":
            return urls.registrable(urls.host(url))
        if self.kind == "dir":
            return urls.directory(url).partition("//")[2]
        return ""


def same_domain(one: str, other: str) -> bool:
    """Whether two canonical URLs share a registrable domain (the seed-redirect rule)."""
    return urls.registrable(urls.host(one)) == urls.registrable(urls.host(other))
