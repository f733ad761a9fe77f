"""How the pages of a crawl are read: what travels to each parsing child, once."""

import re

import msgspec

from crawler.choices import ScopeKind, SitemapUse
from crawler.policy.scope import Scope
from crawler.recipe.model import Recipe


class Reading(msgspec.Struct, frozen=True, array_like=True):
    """How the pages of a crawl are read.

    ``agent`` is our product token, ``max_depth`` the depth from which on links are not
    followed (None: no limit), ``nofollow`` whether nofollow is obeyed, ``run`` the pass,
    ``sitemap`` whether sitemaps are read, too, or only they; ``content`` what of pages is
    kept, each in up to ``max_size`` bytes, and ``links`` whether each link gets a record;
    ``recipe`` and ``extract``, the name of a function, what is taken out of them; with
    ``only_changes`` pages that are as they were have no records, with ``keep`` what was taken out
    of them goes into the state; the others make the scope and the spelling of URLs.
    """

    agent: str
    max_depth: int | None = None
    nofollow: bool = True
    run: int = 1
    scope: ScopeKind = "host"
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    drop_params: tuple[str, ...] = ()
    sitemap: SitemapUse = "off"
    content: tuple[str, ...] = ()
    max_size: int = 10_000_000
    links: bool = False
    recipe: Recipe | None = None
    extract: str | None = None
    only_changes: bool = False
    keep: bool = False

    def make_scope(self) -> Scope:
        """Return the scope that it asks for, still without seeds."""
        return Scope(
            self.scope,
            [re.compile(pattern) for pattern in self.include],
            [re.compile(pattern) for pattern in self.exclude],
        )
