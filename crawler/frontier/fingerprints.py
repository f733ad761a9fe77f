"""A set of fingerprints, of which a million take 25 MB. (As a Python set they take 81.)

While there are few a set is all there is. When it has become large they are put into buckets,
each the bytes of its fingerprints in a row. To look there costs half a microsecond more; so
what was met of late is in a set as before, and of the links of a page nearly all are found in
that. Which bucket it is nobody outside can know: a site that could make up URLs for one and the
same would have us look through all of them for each.
"""

import secrets
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
        self._key = secrets.randbits(64) | 1

    def new(self, urls: Iterable[Url]) -> list[Url]:
        """Return those of the URLs that are new, each as it came first; they are known then."""
        recent = self._recent
        unmet: dict[int, Url] = {}
        for url in urls:
            if url.fp not in recent:
                unmet.setdefault(url.fp, url)
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
        buckets, key, new = self._buckets, self._key, []
        for fp in fps:
            kept, number = _bytes(fp), (fp * key >> 48) % BUCKETS
            bucket = buckets[number]
            if not _holds(bucket, kept):
                buckets[number] = bucket + kept
                new.append(fp)
        return new


def _holds(bucket: bytes, kept: bytes) -> bool:
    """Whether a fingerprint is in a bucket, and not only where one ends and the next begins."""
    at = bucket.find(kept)
    while at > 0 and at % len(kept):
        at = bucket.find(kept, at + 1)
    return at >= 0
