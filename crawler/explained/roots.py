"""The seeds of a crawl, as far as they matter to one URL."""

from dataclasses import dataclass, field

from msgspec import structs

from crawler.frontier.fingerprints import Fingerprints
from crawler.policy import urls
from crawler.policy.urls import Canon
from crawler.seeds import Seed

NAMED = 5
"""Seeds that are named."""


@dataclass(slots=True)
class Roots:
    """Takes seeds in, however many there are, and keeps those that open something to the URL.

    These are ``kept``, with canonical URLs: the first of each origin (with ``folders`` of each
    folder) and password, which is what the scope and credentials go by. ``itself``: the URL is one.
    ``count`` is how many there were, ``named`` are the first few.
    """

    url: str
    canon: Canon
    folders: bool
    count: int = 0
    named: list[str] = field(default_factory=list)
    itself: bool = False
    kept: list[Seed] = field(default_factory=list)
    _opened: set[object] = field(default_factory=set)
    _met: Fingerprints = field(default_factory=Fingerprints)

    def take(self, seed: Seed) -> None:
        """Take a seed in, which may have come before."""
        link = self.canon.of(seed.url)
        if self._met.new([link]):
            self.count += 1
            if len(self.named) < NAMED:
                self.named.append(link.url)
        place = urls.directory(link.url) if self.folders else urls.origin(link.url)
        opens = (place, seed.userinfo, seed.typed)
        self.itself = self.itself or link.url == self.url
        if opens not in self._opened:
            self._opened.add(opens)
            self.kept.append(structs.replace(seed, url=link.url))
