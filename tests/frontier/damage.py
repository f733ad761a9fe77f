"""A crawl that can be left in the middle and damaged, and what must come of it nevertheless.

The graph is a tree with links back: each URL is found in one way only, so that in whatever
order it is crawled, depth, via and seed of every URL are the same in the end. On the second
pass pages answer that they are as they were, and one leads to half of the sites no more.
"""

import random
import shutil
import sqlite3
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from pathlib import Path
from unittest.mock import patch

from msgspec.structs import replace

from crawler.account import Mark
from crawler.errors import CrawlError
from crawler.frontier.sqlite import SqliteFrontier
from crawler.model import Fault, Gone, Lease, Link, Reason, Settled, Verdict
from tests.frontier.kinds import TTL, Clock, Options, filed, link, name_of, scratch, target

CHECKPOINT = "PRAGMA wal_checkpoint(PASSIVE)"
DIGEST, SELECTED = b"d" * 20, b'{"fields":{"a":1}}'
SITES, EACH = "abcde", 60
SEEDS = [target("a/0", meta=b'{"seed":1}'), target("b/0")]
BRIDGES = {"a/5": "c/0", "b/3": "d/0", "c/2": "e/0"}
FILES = ("state.db", "state.db-wal", "state.db-shm")

End = tuple[str, str, int, str | None, str | None]
"""url, verdict, depth, via, seed."""


def found(name: str) -> list[Link]:
    """Return what a page links to: three children, a bridge, and back to where it came from."""
    site, _, text = name.partition("/")
    number = int(text)
    children = [f"{site}/{3 * number + each}" for each in (1, 2, 3) if 3 * number + each < EACH]
    back = [f"{site}/0", f"{site}/{(number - 1) // 3}"] if number else [name]
    return [link(each) for each in (*back, *children, *children, BRIDGES.get(name, name))]


def verdict(lease: Lease) -> Settled:
    """Return how a URL ends: every fifth is tried again first."""
    name = name_of(lease)
    number = int(name.partition("/")[2])
    links = found(name)
    if lease.moot is not None:
        return Settled(lease, Verdict.GONE, why=Gone.UNLINKED)
    if name == "a/5" and lease.known is not None:
        return Settled(lease, Verdict.FETCHED, found=links[:-1], status=200)
    if number % 5 == 2 and not lease.attempt:
        return Settled(lease, None, again=3.0)
    if number % 11 == 4:
        return Settled(lease, Verdict.REDIRECTED, found=links, hop=True, status=301)
    if number % 7 == 3:
        why = Fault.HTTP_4XX
        return Settled(lease, Verdict.FAILED, found=links, status=404, why=why)
    if number % 13 == 5:
        return Settled(lease, Verdict.SKIPPED, found=links, why=Reason.ROBOTS)
    if lease.known is not None and lease.known.etag == f'"{name}"':
        return Settled(lease, Verdict.FETCHED, replay=True, status=304)
    said = Settled(lease, Verdict.FETCHED, found=links, status=200, etag=f'"{name}"')
    return replace(said, digest=DIGEST, selected=SELECTED)


def ends(folder: Path) -> set[End]:
    """Return how every URL in a state has ended; those that have not are left out."""
    with closing(sqlite3.connect(folder / "state.db")) as db:
        db.text_factory = lambda text: text.decode("utf-8", "replace")
        return set(
            db.execute(
                "SELECT u.url, u.verdict, u.depth, coalesce(v.url, u.via), coalesce(s.url, u.url) "
                "FROM url u LEFT JOIN url v ON v.id = u.via LEFT JOIN url s ON s.id = u.seed "
                "WHERE u.verdict IS NOT NULL AND u.pass = (SELECT max(number) FROM pass)"
            )
        )


@dataclass
class Crawl:
    """The crawl of the graph in a folder; ``log`` has the URLs ended at each mark."""

    folder: Path
    clock: Clock = field(default_factory=Clock)
    log: dict[int, frozenset[str]] = field(default_factory=lambda: {0: frozenset()})
    ended: set[str] = field(default_factory=set)

    async def go_on(self, frontier: SqliteFrontier, most: int = 10_000) -> None:
        """Crawl until ``most`` URLs have ended, or all."""
        await frontier.add(SEEDS)
        lent: list[Lease] = []
        while len(self.ended) < most:
            if not (await frontier.tally()).left and not await frontier.sweep():
                break
            holdings = await frontier.claim(3, 3, TTL)
            await frontier.pace([(holding.site, 2.0, 1.0) for holding in holdings])
            lent += [lease for holding in holdings for lease in holding.leases]
            if not lent:
                due = (await frontier.tally()).due
                if due is None:
                    raise AssertionError("something is never lent")
                self.clock.advance(due)
                continue
            batch, lent = [verdict(lease) for lease in lent[:5]], lent[5:]
            number = len(self.log)
            await frontier.settle(batch, [mark(number)])
            self.ended |= {each.lease.target.url for each in batch if each.verdict}
            self.log[number] = frozenset(self.ended)

    async def end(self, frontier: SqliteFrontier) -> None:
        """Have the pass ended, so that the next begins when the state is opened again."""
        number = len(self.log)
        await frontier.end("drained", [mark(number)])
        self.ended = set()
        self.log[number] = frozenset()

    def opened(self) -> "Opening":
        return Opening(self)


class Opening:
    """The frontier in the folder of a crawl, for ``async with``."""

    def __init__(self, crawl: Crawl) -> None:
        self.context = filed(SqliteFrontier)(crawl.folder, crawl.clock, Options())

    async def __aenter__(self) -> SqliteFrontier:
        frontier = await self.context.__aenter__()
        assert isinstance(frontier, SqliteFrontier)
        return frontier

    async def __aexit__(self, *error: object) -> None:
        await self.context.__aexit__(None, None, None)


def mark(number: int) -> Mark:
    return Mark("out.jsonl", number, zlib.crc32(b"%d" % number))


LEFT = ("written", "half", "folded", "closed", "again", "again closed")
"""How a state may be left: all in the write-ahead log, half, little, or nothing at all; and the
first and the last of these on the second pass.
"""


async def leave(folder: Path, how: str) -> Crawl:
    """Make a state as after a ``kill -9`` in the middle of a crawl."""
    with scratch() as alive, patch("crawler.frontier.seen.RECENT", 40):
        crawl = Crawl(alive)
        if how.startswith("again"):
            async with crawl.opened() as frontier:
                await crawl.go_on(frontier)
                await crawl.end(frontier)
        if how == "folded":
            async with crawl.opened() as frontier:
                await crawl.go_on(frontier, 150)
        async with crawl.opened() as frontier:
            if how == "half":
                await crawl.go_on(frontier, 90)
                db = frontier._state.db
                await frontier._state.run(lambda: db.execute(CHECKPOINT).fetchall())
            await crawl.go_on(frontier, 140 if how.startswith("again") else 170)
            await frontier.claim(3, 3, TTL)
            if not how.endswith("closed"):
                shutil.copytree(alive, folder, dirs_exist_ok=True)
        if how.endswith("closed"):
            shutil.copytree(alive, folder, dirs_exist_ok=True)
    return Crawl(folder, Clock(), crawl.log, crawl.ended)


@contextmanager
def copied(crawl: Crawl) -> Iterator[Crawl]:
    """Copy a state left in the middle."""
    with scratch() as folder:
        shutil.copytree(crawl.folder, folder, dirs_exist_ok=True)
        clock = Clock(epoch=crawl.clock.epoch + 3_600)
        yield Crawl(folder, clock, dict(crawl.log), set(crawl.ended))


def harm(folder: Path, dice: random.Random) -> str:
    """Damage a state at random; return what was done."""
    there = [name for name in (*FILES, *["state.db"] * 3) if (folder / name).exists()]
    path = folder / dice.choice(there)
    data = bytearray(path.read_bytes())
    way = dice.choice(["flip"] * 5 + ["cut", "zero", "delete"])
    if way == "flip":
        bits = [dice.randrange(8 * len(data)) for _ in range(dice.randint(1, 8))]
        for bit in bits:
            data[bit // 8] ^= 1 << bit % 8
        way = f"flip {bits}"
    elif way == "cut":
        del data[dice.randrange(len(data)) :]
    elif way == "zero":
        start = dice.randrange(len(data))
        length = min(dice.choice([16, 512, 4096]), len(data) - start)
        data[start : start + length] = bytes(length)
    path.write_bytes(data)
    if way == "delete":
        path.unlink()
    return f"{way} in {path.name}"


TABLES = {"pass": "number", "site": "id", "url": "id", "seen": "site, fp", "page": "id"}
"""What the frontier itself must find right, with keys; the sink sees to what ``output`` says."""


def columns() -> list[tuple[str, str]]:
    """Return every (table, column) of a state."""
    with closing(sqlite3.connect(":memory:")) as db:
        db.executescript((files("crawler.frontier") / "schema.sql").read_text())
        told = {table: db.execute(f"PRAGMA table_info({table})").fetchall() for table in TABLES}
    return [(table, row[1]) for table, rows in told.items() for row in rows]


def tamper(folder: Path, table: str, column: str, which: str) -> bool:
    """Change one value to another of its kind; return whether that could be done."""
    key = TABLES[table]
    with closing(sqlite3.connect(folder / "state.db", isolation_level=None)) as db:
        (many,) = db.execute(f"SELECT count(*) FROM {table} WHERE {which}").fetchone()
        done = db.execute(
            f"UPDATE OR IGNORE {table} SET {column} = CASE typeof({column}) "
            f"WHEN 'text' THEN replace(replace({column}, '/4', '/5'), 'e', 'd') "
            f"WHEN 'null' THEN 7 WHEN 'blob' THEN x'0100000002000000' ELSE {column} + 3 END "
            f"WHERE ({key}) IN (SELECT {key} FROM {table} WHERE {which} ORDER BY {key} LIMIT 1 "
            f"OFFSET {many // 2})"
        )
        return done.rowcount == 1


def differences(whole: Path, damaged: Path) -> set[str]:
    """Return which columns (``table.column``) of two states differ, as far as can be read."""
    wrong: set[str] = set()
    with closing(sqlite3.connect(whole)) as one, closing(sqlite3.connect(damaged)) as other:
        one.text_factory = other.text_factory = bytes
        for table in ("asked", "pass", "site", "url", "seen", "page", "output"):
            query = f"SELECT * FROM {table} ORDER BY 1, 2"
            try:
                told = one.execute(query)
                rows = list(zip(told.fetchall(), other.execute(query).fetchall(), strict=True))
            except (sqlite3.Error, ValueError):
                return {"?"}
            for before, after in rows:
                for (column, *_), a, b in zip(told.description, before, after, strict=True):
                    if a != b:
                        wrong.add(f"{table}.{column}")
    return wrong


@cache
def all_urls() -> frozenset[str]:
    """Return every URL of the graph."""
    return frozenset(link(f"{site}/{number}").url for site in SITES for number in range(EACH))


REMEDIES = ("give another --state", "bring back a copy", "choose another --state", "run again")


async def judge(crawl: Crawl, truth: Mapping[int, set[End]]) -> str:
    """Open and drain a damaged state; return ``equal``, ``refused``, ``late`` or what is wrong.

    Refused is what an error with a remedy meets before anything was changed, late what it
    meets in the middle of the crawl.
    """
    before = contents(crawl.folder)
    opening = crawl.opened()
    try:
        frontier = await opening.__aenter__()
    except CrawlError as error:
        told = str(error)
        if "\n" in told or not any(word in told for word in REMEDIES):
            return f"wrong: no remedy in {told!r}"
        if contents(crawl.folder) != before:
            return "wrong: refused, but changed"
        return "refused"
    try:
        marks: Sequence[Mark] = frontier.past.marks
        number = marks[0].offset if marks else 0
        if list(marks) != ([mark(number)] if number else []) or number not in crawl.log:
            return f"wrong: marks {marks}"
        if {end[0] for end in ends(crawl.folder)} != crawl.log[number]:
            return "wrong: marks and verdicts are of different commits"
        crawl.ended = set(crawl.log[number])
        await crawl.go_on(frontier)
    except CrawlError:
        return "late"
    except AssertionError as error:
        return f"wrong: {error}"
    finally:
        await opening.__aexit__()
    after, expected = ends(crawl.folder), truth[frontier.past.run]
    if after == expected:
        return "equal"
    return f"wrong: {sorted(map(str, after ^ expected))[:4]}"


def contents(folder: Path) -> dict[str, bytes]:
    """Return the bytes of a state's files.

    What has none is as good as not there, and -shm is only a cache.
    """
    there = {name: folder / name for name in ("state.db", "state.db-wal")}
    return {
        name: data for name, path in there.items() if path.exists() and (data := path.read_bytes())
    }
