"""A set of fingerprints, of which a million take 25 MB. (As a Python set they take 81.)

While there are few a set is all there is. When it has become large they are put into buckets,
by their last two bytes, each the bytes of its fingerprints in a row. To look there costs half
a microsecond more; so what was met of late is in a set as before, and of the links of a page
nearly all are found in that.
"""

import struct
from collections.abc import Iterable
from typing import TypeVar

from crawler.model import Link, Target

RECENT = 1 << 17
"""Fingerprints in the set, at most: 11 MB."""

BUCKETS = 1 << 16

Url = TypeVar("Url", Link, Target)

_bytes = struct.Struct("<q").pack


class Fingerprints:
    """The fingerprints of all URLs so far. It only grows."""

    def __init__(self) -> None:
        self._recent: set[int] = set()
        self._buckets: list[bytes] = []  # none until the set is full for the first time

    def new(self, urls: Iterable[Url]) -> list[Url]:
        """Return those of the URLs that are new, each once; from here on they are known."""
        recent = self._recent
        unmet = {url.fp: url for url in urls if url.fp not in recent}
        if not unmet:
            return []
        recent.update(unmet.keys())
        new = [unmet[fp] for fp in self._put(unmet)] if self._buckets else list(unmet.values())
        if len(recent) >= RECENT:
            if not self._buckets:
                self._buckets = [b""] * BUCKETS
                self._put(recent)
            recent.clear()
        return new

    def _put(self, fps: Iterable[int]) -> list[int]:
        """Put fingerprints into their buckets; return those that were not there."""
        buckets, new = self._buckets, []
        for fp in fps:
            kept, number = _bytes(fp), fp % BUCKETS
            bucket = buckets[number]
            # That it is found where one ends and the next begins is a thousand times less
            # likely than that two URLs have one fingerprint.
            if kept not in bucket:
                buckets[number] = bucket + kept
                new.append(fp)
        return new
