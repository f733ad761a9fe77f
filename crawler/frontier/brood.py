"""What one page has brought, packed while it waits.

A target by itself takes 180 bytes, most of it for what it shares with all others from its
page. Packed it takes eight, and its text.
"""

import struct
from collections.abc import Callable, Iterator, Sequence

import msgspec

from crawler.model import Link, Target

WORTH_IT = 3
"""Links that take less, and cost less, when packed."""


class Brood(msgspec.Struct, frozen=True, gc=False):
    """Targets of one site and one page: the ``first``, and how the others differ from it.

    Of those ``urls`` has the URLs, a line each (canonical ones are of one line), and ``fps``
    the fingerprints, eight bytes each.
    """

    first: Target
    urls: str
    fps: bytes

    def __len__(self) -> int:
        return 1 + len(self.fps) // 8

    @property
    def site(self) -> str:
        """The site of them all."""
        return self.first.site

    @property
    def depth(self) -> int:
        """The depth of them all."""
        return self.first.depth

    @property
    def others(self) -> list[Target]:
        """All but the first, in the order in which they were found."""
        _, site, _, seed, via, depth, hops, meta = msgspec.structs.astuple(self.first)
        fps = struct.unpack(f"<{len(self) - 1}q", self.fps)
        return [
            Target(url, site, fp, seed, via, depth, hops, meta)
            for url, fp in zip(self.urls.split("\n"), fps, strict=True)
        ]


def broods(links: Sequence[Link], bring: Callable[[Link], Target]) -> Iterator[Target | Brood]:
    """Yield the targets that ``bring`` makes of a page's links: those of a site together."""
    if len(links) < WORTH_IT:
        yield from map(bring, links)
        return
    sites: dict[str, list[Link]] = {}
    for link in links:
        sites.setdefault(link.site, []).append(link)
    for first, *others in sites.values():
        target = bring(first)
        if others:
            fps = struct.pack(f"<{len(others)}q", *[link.fp for link in others])
            yield Brood(target, "\n".join([link.url for link in others]), fps)
        else:
            yield target
