"""Which row is that URL? The seen-set of a state file, with what was met of late in memory.

New URLs are kept in memory until there are many, and then written into the index in its own
order, all at once: an index kept up row by row costs four times as much at a million URLs,
and ever more beyond.

Each time most of the index is touched, so that it costs more the larger it is: for each new URL
1.7 µs of CPU at one million, 4.5 at five, 8 at ten, and 11 from twelve on, where each has a page of
the index for itself. To visit one costs hundreds; where a page has 25 new links the main process
spends a seventeenth of its CPU on it in a crawl up to a million. It takes place beside the event
loop, which waited 5 ms meanwhile on a quiet machine. Tiers that are merged into one another might
save half of that at ten million (an estimate), and cost look-ups of known URLs a second search.
"""

import sqlite3
import struct
from collections.abc import Iterable, Sequence

import msgspec

from crawler.model import Link, Target

RECENT = 100_000
"""URLs whose rows are in memory; after as many new ones, the index on disk takes them in."""

FILTER = 1 << 25
"""Bits that tell that a URL cannot be in the index: 4 MB, of use up to 30 M URLs."""


class Seen:
    """Rows by fingerprint. All URLs after row ``merged`` are in ``new``, others that were met
    of late in ``old``. A filter saves most new URLs from being looked for on disk: at a
    million known it is right about 97 of 100.


    Reads and writes within whatever transaction is open on ``db``.
    """

    def __init__(self, db: sqlite3.Connection, merged: int) -> None:
        self._db = db
        self._merged = merged
        self.new: dict[int, int] = dict(
            db.execute("SELECT fp, id FROM url WHERE id > ?", (merged,))
        )
        self.old: dict[int, int] = {}
        self._filter = bytearray(FILTER // 8)
        self._note(fp for (fp,) in db.execute("SELECT fp FROM seen"))

    @property
    def full(self) -> bool:
        """Whether it is time to :meth:`merge`."""
        return len(self.new) >= RECENT

    def row(self, fp: int) -> int | None:
        """Return the row of a URL that was looked up before, or None if it is new."""
        row = self.new.get(fp)
        return self.old.get(fp) if row is None else row

    def add(self, fp: int, row: int) -> None:
        """Remember the row of a new URL."""
        self.new[fp] = row

    def look_up(self, urls: Iterable[Link | Target]) -> None:
        """Fetch the rows of the URLs that the index knows."""
        if not self._merged:
            return
        new, old, known = self.new, self.old, self._filter
        missing: dict[str, list[int]] = {}
        for url in urls:
            fp = url.fp
            if fp not in new and fp not in old:
                bit = fp % FILTER
                if known[bit >> 3] & 1 << (bit & 7):
                    missing.setdefault(url.site, []).append(fp)
        for site, fps in missing.items():
            old.update(
                self._db.execute(
                    "SELECT fp, id FROM seen WHERE site = (SELECT id FROM site WHERE name = ?) "
                    "AND fp IN (SELECT value FROM json_each(?))",
                    (site, msgspec.json.encode(fps).decode()),
                )
            )

    def merge(self, last: int) -> None:
        """Take all URLs up to row ``last``, the newest, into the index."""
        self._db.execute(
            "INSERT INTO seen SELECT site, fp, id FROM url WHERE id > ? ORDER BY site, fp",
            (self._merged,),
        )
        self._db.execute("UPDATE pass SET merged = ?", (last,))
        self._merged = last
        self._note(self.new)
        self.new, self.old = {}, self.new

    def _note(self, fps: Iterable[int]) -> None:
        known = self._filter
        for fp in fps:
            bit = fp % FILTER
            known[bit >> 3] |= 1 << (bit & 7)

    def forget(self) -> None:
        """Drop what was looked up, if that has become much."""
        if len(self.old) > 2 * RECENT:
            self.old = {}


class Met:
    """Which of the URLs known from passes before have been met in this one: a bit for each.

    ``base`` is the last of those rows; all after it are of this pass.
    """

    def __init__(self, db: sqlite3.Connection, base: int, run: int) -> None:
        self._base = base
        self._bits = bytearray(base // 8 + 1)
        if base:
            rows = db.execute("SELECT id FROM url WHERE id <= ? AND pass = ?", (base, run))
            self.add(row for (row,) in rows)

    def __contains__(self, row: int) -> bool:
        return row > self._base or bool(self._bits[row >> 3] & 1 << (row & 7))

    def add(self, rows: Iterable[int]) -> None:
        """Note that these rows, of passes before, have been met."""
        bits = self._bits
        for row in rows:
            bits[row >> 3] |= 1 << (row & 7)

    def missing(self, rows: Iterable[int]) -> list[int]:
        """Return those of the rows that have not been met."""
        base, bits = self._base, self._bits
        return [row for row in rows if row <= base and not bits[row >> 3] & 1 << (row & 7)]


def pack(rows: Sequence[int]) -> bytes:
    """Return the rows that a page links to as the blob it keeps: four bytes each."""
    return struct.pack(f"<{len(rows)}I", *rows)


def unpack(links: bytes) -> tuple[int, ...]:
    """Return the rows in a page's blob."""
    return struct.unpack(f"<{len(links) // 4}I", links)
