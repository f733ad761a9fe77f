"""What several rooms let people choose between, spelt once; --help needs it, so it is light."""

from typing import Literal

ScopeKind = Literal["page", "dir", "host", "domain", "any"]
"""How far links may lead from the seeds: nowhere, their folders, hosts, domains, anywhere."""

SitemapUse = Literal["off", "add", "only"]
"""Whether sitemaps are not followed, as well as links, or instead of them."""
