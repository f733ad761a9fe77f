"""Where the main content of a page is, and what stands around it.

A page that says where its main content is (``main``, or a single ``article``) is taken at
its word; of any other all is taken but what is navigation by its tag, its role or a common
name. Guessing by the density of text, as the readability family does, was worse on
documentation: it took one section, or one listing, for the page.
"""

from collections.abc import Callable, Sequence
from typing import TypeVar

Node = TypeVar("Node")

UNSEEN = frozenset(
    "head script style noscript template iframe object embed svg canvas audio video select "
    "datalist textarea annotation".split()
)
"""Tags whose content nobody reads as text."""

NOISE = (
    "nav, [role=navigation], [role=search], [hidden], [aria-hidden=true], dialog:not([open]), "
    "a.headerlink, a.hash-link, a.anchorjs-link"
)
"""What is left out anywhere: navigation, what is hidden, and the ¶ of headings."""

AROUND = (
    f"{NOISE}, aside, footer, header:not(:has(h1)), [role=banner], [role=contentinfo], "
    "[role=complementary], .navheader, .navfooter, .navbar, .sidebar, .breadcrumb, "
    ".breadcrumbs, .footer, #footer, #sidebar, #nav, #menu"
)
"""What is left out of a page that does not say where its main content is."""


def of(css: Callable[[str], Sequence[Node]], body: Node) -> tuple[Node, str]:
    """Return the element that holds a page's main content, and what to leave out of it.

    ``css`` returns the page's elements that match a selector, ``body`` is what to take if
    none of them is it.
    """
    if said := css("main, [role=main]"):
        return said[0], NOISE
    articles = css("article")
    return (articles[0], NOISE) if len(articles) == 1 else (body, AROUND)
