"""Every kind of frontier, opened the same way, with a clock that only the test moves."""

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Protocol
from unittest.mock import patch

from crawler.account import Mark, Tally
from crawler.frontier.asked import Asked
from crawler.frontier.memory import MemoryFrontier
from crawler.frontier.sqlite import SqliteFrontier
from crawler.model import Lease, Link, Settled, Target, Verdict
from crawler.policy.urls import fingerprint
from crawler.ports import Frontier

TTL = 60.0

SHM = Path("/dev/shm")


@dataclass
class Clock:
    """Seconds that pass when a test says so.

    ``epoch`` is the time of day at its second 0: what ``time.time`` is made to say when a
    state is opened.
    """

    now: float = 1_000.0
    epoch: float = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now

    def wall(self) -> float:
        return self.epoch + self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds


@dataclass(frozen=True)
class Options:
    """What every kind of frontier may be asked for."""

    max_pages: int | None = None
    max_queued: int = 1_000_000
    by_level: bool = False
    pause: float = 0.0


class Kind(Protocol):
    """How a frontier is opened in a folder of its own; it is closed at the end of the context.

    What is to outlive the process a durable one keeps there. So whoever copies the folder of
    an open one has what is left of it after a ``kill -9``, and may open it anew.
    """

    def __call__(
        self, folder: Path, clock: Clock, options: Options
    ) -> AbstractAsyncContextManager[Frontier]: ...


def plain(make: Callable[..., Frontier]) -> Kind:
    """Return the kind for a frontier in memory."""

    @asynccontextmanager
    async def opened(folder: Path, clock: Clock, options: Options) -> AsyncIterator[Frontier]:
        yield make(clock, options.max_pages, options.max_queued, by_level=options.by_level)

    return opened


async def unready(marks: Sequence[Mark]) -> None:
    """There are no outputs to open."""


def filed(make: type[SqliteFrontier]) -> Kind:
    """Return the kind for a frontier in a state file; it has room for everything."""

    @asynccontextmanager
    async def opened(folder: Path, clock: Clock, options: Options) -> AsyncIterator[Frontier]:
        opening = make.opened(
            str(folder / "state.db"),
            Asked({}),
            unready,
            clock,
            options.max_pages,
            by_level=options.by_level,
            pause=options.pause,
        )
        told = SimpleNamespace(time=clock.wall)
        with (
            patch("crawler.frontier.ledger.time", told),
            patch("crawler.frontier.passes.time", told),
        ):
            frontier = await opening.__aenter__()
        try:
            yield frontier
        finally:
            await opening.__aexit__(None, None, None)

    return opened


KINDS: Mapping[str, Kind] = {"memory": plain(MemoryFrontier), "sqlite": filed(SqliteFrontier)}

DURABLE = ["sqlite"]
"""The kinds that go on where the process before them died."""

BOUNDED = ["memory"]
"""The kinds that turn away what they have no room for."""


class AtOnce:
    """Stands for the thread of a state: does its work at once, where it is asked to.

    So a walk of thousands of short steps need not change threads at each.
    """

    def __init__(self, *args: object, **kwargs: object) -> None:
        pass

    def submit(self, work: Callable[[], object]) -> Future[object]:
        future: Future[object] = Future()
        try:
            future.set_result(work())
        except BaseException as error:
            future.set_exception(error)
        return future

    def shutdown(self, *, wait: bool = True) -> None:
        pass


@contextmanager
def scratch() -> Iterator[Path]:
    """Make a folder that goes away again: in memory where that exists."""
    with TemporaryDirectory(dir=SHM if SHM.is_dir() else None) as folder:
        yield Path(folder)


def link(name: str) -> Link:
    """Return the link for ``site/path``: ``a/1`` is http://a/1."""
    url = f"http://{name}"
    return Link(url, name.partition("/")[0], fingerprint(url))


def target(name: str, depth: int = 0, meta: bytes | None = None) -> Target:
    """Return a target for ``site/path``."""
    to = link(name)
    return Target(to.url, to.site, to.fp, seed=to.url, depth=depth, meta=meta)


def name_of(lent: Lease | Target) -> str:
    """Return ``site/path`` again."""
    return (lent.target if isinstance(lent, Lease) else lent).url.removeprefix("http://")


@dataclass
class Borrower:
    """Someone at the frontier's counter who speaks in short names and keeps the leases."""

    frontier: Frontier
    clock: Clock
    leases: dict[str, Lease] = field(default_factory=dict)

    async def add(self, *names: str, depth: int = 0) -> int:
        """Offer targets; return how many were new and found room."""
        return (await self.frontier.add([target(name, depth) for name in names])).accepted

    async def claim(self, sites: int = 100, per_site: int = 100) -> list[str]:
        """Borrow, and return the names of what is newly lent."""
        holdings = await self.frontier.claim(sites, per_site, TTL)
        for holding in holdings:
            assert {lease.target.site for lease in holding.leases} == {holding.site}
        lent = [lease for holding in holdings for lease in holding.leases]
        self.leases |= {name_of(lease): lease for lease in lent}
        return [name_of(lease) for lease in lent]

    async def end(
        self,
        *names: str,
        verdict: Verdict = Verdict.FETCHED,
        found: Sequence[str] = (),
        hop: bool = False,
    ) -> list[str]:
        """Settle leases for good; return the children that were turned away."""
        links = [link(child) for child in found]
        batch = [Settled(self.leases[name], verdict, found=links, hop=hop) for name in names]
        return [name_of(each) for each in await self.frontier.settle(batch, ())]

    async def again(self, name: str, seconds: float = 0.0) -> None:
        """Settle a lease for now: it is to be tried again."""
        await self.frontier.settle([Settled(self.leases[name], None, again=seconds)], ())

    async def give_back(self, *names: str) -> None:
        """Return leases unused."""
        await self.frontier.give_back([self.leases[name] for name in names])

    async def tally(self) -> Tally:
        """Return the account, which always balances."""
        tally = await self.frontier.tally()
        assert tally.balanced
        return tally
