"""The seen-set of a state file against a plain dict."""

import random
import sqlite3
from importlib.resources import files

import pytest

from crawler.frontier import seen
from crawler.frontier.passes import Pass, store
from crawler.frontier.seen import Met, Seen, pack, unpack
from crawler.model import Link

RECENT = 20


class Crawl:
    """A database with URLs, and what a dict knows of them."""

    def __init__(self, index: type[Seen] = Seen) -> None:
        self.db = sqlite3.connect(":memory:", isolation_level=None)
        self.db.executescript((files("crawler.frontier") / "schema.sql").read_text())
        store(self.db, Pass(1, 0, 1, 1))
        self.db.executemany(
            "INSERT INTO site (id, name) VALUES (?, ?)",
            [(each, f"site{each}") for each in range(7)],
        )
        self.truth: dict[int, int] = {}
        self.index = index
        self.seen = index(self.db, 0)

    def reopen(self) -> None:
        (merged,) = self.db.execute("SELECT merged FROM pass").fetchone()
        self.seen = self.index(self.db, merged)

    def look(self, fps: list[int]) -> None:
        self.seen.look_up([Link("", f"site{fp % 7}", fp) for fp in fps])
        for fp in fps:
            assert self.seen.row(fp) == self.truth.get(fp)

    def accept(self, fps: list[int]) -> None:
        self.look(fps)
        for fp in fps:
            if self.seen.row(fp) is None:
                row = len(self.truth) + 1
                self.db.execute(
                    "INSERT INTO url (id, site, fp, url, pass, level, depth, hops, stamp) "
                    "VALUES (?, ?, ?, '', 1, 0, 0, 0, 0)",
                    (row, fp % 7, fp),
                )
                self.seen.add(fp, row)
                self.truth[fp] = row

    def walk(self, dice: random.Random, steps: int = 400) -> None:
        """Do at random what a frontier does, within what it may hold in memory."""
        for _ in range(steps):
            fps = [dice.randint(-300, 300) * 10**15 for _ in range(dice.randint(0, 12))]
            step = dice.random()
            if step < 0.5:
                self.accept(fps)
            elif step < 0.9:
                self.look(fps)
            elif step < 0.95:
                self.reopen()
            if self.seen.full:
                self.seen.merge(len(self.truth))
            self.seen.forget()
            assert len(self.seen.new) <= RECENT
            assert len(self.seen.old) <= 2 * RECENT
        self.reopen()
        self.look(list(self.truth))


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seen, "RECENT", RECENT)


@pytest.mark.parametrize("number", range(10))
def test_it_knows_what_a_dict_knows_and_remembers_less(number: int) -> None:
    crawl = Crawl()
    crawl.walk(random.Random(number))
    (merged,) = crawl.db.execute("SELECT count(*) FROM seen").fetchone()
    assert merged > 10 * RECENT, "most are on disk"


def test_an_index_that_loses_a_merge_is_noticed() -> None:
    class Loses(Seen):
        def merge(self, last: int) -> None:
            self._merged = last
            self.new, self.old = {}, {}

    with pytest.raises(AssertionError):
        Crawl(Loses).walk(random.Random(0))


def test_an_index_that_never_forgets_is_noticed() -> None:
    class Elephant(Seen):
        def forget(self) -> None:
            pass

    with pytest.raises(AssertionError):
        Crawl(Elephant).walk(random.Random(0))


def test_an_index_that_confuses_sites_is_noticed() -> None:
    class Confused(Seen):
        def merge(self, last: int) -> None:
            super().merge(last)
            self._db.execute("UPDATE OR IGNORE seen SET site = 0")
            self.old = {}

    with pytest.raises(AssertionError):
        Crawl(Confused).walk(random.Random(0))


@pytest.mark.parametrize("rows", [[], [1], [3, 1, 2**32 - 1]])
def test_links_are_packed_and_unpacked(rows: list[int]) -> None:
    assert list(unpack(pack(rows))) == rows
    assert len(pack(rows)) == 4 * len(rows)


@pytest.mark.parametrize("base", [0, 1, 7, 8, 100])
def test_what_has_been_met_is_what_a_set_has(base: int) -> None:
    crawl, dice, truth = Crawl(), random.Random(base), set[int]()
    crawl.accept([fp * 10**15 for fp in range(1, base + 1)])
    crawl.db.execute("UPDATE url SET pass = 2 WHERE id % 3 = 0")
    truth = {row for row in range(1, base + 1) if row % 3 == 0}
    met = Met(crawl.db, base, 2)
    for _ in range(20):
        rows = [dice.randint(1, base + 5) for _ in range(10)]
        assert met.missing(rows) == [row for row in rows if row <= base and row not in truth]
        assert [row in met for row in rows] == [row > base or row in truth for row in rows]
        new = [row for row in rows[:2] if row <= base]
        met.add(new)
        truth |= set(new)
