"""Random walks at the frontier's counter, checked step by step against a small model."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from crawler.frontier.memory import MemoryFrontier
from crawler.model import Holding, Lease, Mark, Settled, Target, Verdict
from tests.frontier.kinds import KINDS, TTL, Clock, Kind, link, name_of, plain, target

NAMES = [f"{site}/{number}" for site in "abc" for number in range(10)]
names = st.lists(st.sampled_from(NAMES), max_size=5)
picks = st.integers(0, 1_000)

WALK = settings(
    stateful_step_count=50,
    deadline=None,
    database=None,
    derandomize=True,
    phases=[Phase.generate],
    report_multiple_bugs=False,
    suppress_health_check=list(HealthCheck),
)


@dataclass
class Url:
    """What the model knows of an accepted URL: queued, lent (``lease``) or ended."""

    depth: int
    due: float = 0.0
    attempt: int = 0
    lease: Lease | None = None
    ended: Verdict | None = None


class Counter(RuleBasedStateMachine):
    """A borrower who does everything one may do, and often says things twice.

    With ``each_lease`` a settlement is said again even where its URL is out once more with
    the same holder.
    """

    kind: Kind
    each_lease = False

    @initialize(
        sites=st.integers(1, 3),
        per_site=st.integers(1, 4),
        by_level=st.booleans(),
        max_queued=st.sampled_from([4, 1_000]),
        max_pages=st.sampled_from([None, 5]),
    )
    def open(
        self, sites: int, per_site: int, by_level: bool, max_queued: int, max_pages: int | None
    ) -> None:
        self.clock = Clock()
        self.runner = asyncio.Runner()
        self.stack = AsyncExitStack()
        opening = self.kind(self.clock, max_pages, max_queued, by_level=by_level)
        self.frontier = self.runner.run(self.stack.enter_async_context(opening))
        self.sites, self.per_site = sites, per_site
        self.by_level, self.max_queued, self.max_pages = by_level, max_queued, max_pages
        self.known: dict[str, Url] = {}
        self.skipped = self.reserved = 0
        self.blocked: dict[str, float] = {}
        self.pausing: dict[str, float] = {}
        self.with_us: set[str] = set()
        self.said: list[Settled] = []
        self.add([f"{site}/0" for site in "abc"], 0)

    # The model

    def of(self, site: str) -> list[Url]:
        return [url for name, url in self.open_urls().items() if name.startswith(f"{site}/")]

    def open_urls(self) -> dict[str, Url]:
        return {name: url for name, url in self.known.items() if url.ended is None}

    def lent(self) -> list[str]:
        return [name for name, url in self.known.items() if url.lease is not None]

    def level(self, site: str) -> int | None:
        return min((url.depth for url in self.of(site)), default=None)

    def lendable(self, site: str) -> list[Url]:
        return [
            url
            for url in self.of(site)
            if url.lease is None
            and url.due <= self.clock.now
            and (not self.by_level or url.depth == self.level(site))
        ]

    def accept(self, offered: Sequence[Target]) -> list[Target]:
        """Take targets in; return those for which there is no room."""
        refused = []
        for each in offered:
            name = name_of(each)
            if name in self.known:
                continue
            full = len(self.open_urls()) >= self.max_queued
            self.known[name] = Url(each.depth, ended=Verdict.SKIPPED if full else None)
            if full:
                refused.append(each)
        self.skipped += len(refused)
        return refused

    def tidy(self, site: str) -> None:
        """Note that a site has surely left us, or has ended altogether."""
        urls = self.of(site)
        if not any(url.lease for url in urls) and not self.lendable(site):
            self.with_us.discard(site)

    def settled(self, settled: Settled) -> list[Target]:
        """Change the model by one settlement; return the children turned away."""
        parent = settled.lease.target
        url = self.known[name_of(parent)]
        if url.lease != settled.lease:
            return []
        bring = parent.hop if settled.hop else parent.child
        refused = self.accept([bring(child) for child in settled.found])
        url.lease, url.ended = None, settled.verdict
        if settled.verdict is None:
            url.attempt += 1
            url.due = self.clock.now + settled.again
        self.tidy(parent.site)
        return refused

    # What one may do

    @rule(offered=names, depth=st.integers(0, 2))
    def offer(self, offered: list[str], depth: int) -> None:
        self.add(offered, depth)

    def add(self, offered: list[str], depth: int) -> None:
        before = len(self.open_urls())
        targets = [target(name, depth) for name in offered]
        added = self.runner.run(self.frontier.add(targets))
        assert list(added.turned_away) == self.accept(targets)
        assert added.accepted == len(self.open_urls()) - before

    @rule()
    def claim(self) -> None:
        self.borrow()

    def borrow(self) -> list[Lease]:
        """Claim, check what was lent and that nothing was withheld."""
        now = self.clock.now
        levels = {site: self.level(site) for site in "abc"}
        holdings = self.runner.run(self.frontier.claim(self.sites, self.per_site, TTL))
        for holding in holdings:
            assert self.blocked.get(holding.site, now) <= now, "lent while blocked"
            self.with_us.add(holding.site)
            for lease in holding.leases:
                name = name_of(lease)
                url = self.known[name]
                assert url.ended is None, f"{name} was lent after its end"
                assert url.lease is None, f"{name} was lent twice at once"
                assert url.due <= now, f"{name} was lent before its time"
                assert lease.attempt == url.attempt
                if self.by_level:
                    assert url.depth == levels[holding.site], f"{name} was lent out of turn"
                url.lease = lease
        held = {name[0] for name in self.lent()}
        assert len(held) <= self.sites
        for site in "abc":
            out = sum(url.lease is not None for url in self.of(site))
            assert out <= self.per_site
            room = out < self.per_site and (site in held or len(self.with_us) < self.sites)
            if room and self.pausing.get(site, now) <= now:
                assert not self.lendable(site), f"{site} was withheld"
        return [lease for holding in holdings for lease in holding.leases]

    def settle_with(self, settled: Settled) -> None:
        refused = self.runner.run(self.frontier.settle([settled], ()))
        assert list(refused) == self.settled(settled)
        self.said.append(settled)

    def pick(self, number: int) -> Lease:
        lent = self.lent()
        lease = self.known[lent[number % len(lent)]].lease
        assert lease is not None
        return lease

    @precondition(lambda self: self.lent())
    @rule(number=picks, verdict=st.sampled_from(Verdict), found=names, hop=st.booleans())
    def settle(self, number: int, verdict: Verdict, found: list[str], hop: bool) -> None:
        links = [link(name) for name in found]
        self.settle_with(Settled(self.pick(number), verdict, found=links, hop=hop))

    @precondition(lambda self: self.lent())
    @rule(number=picks, seconds=st.sampled_from([0.0, 1.0, 30.0]), found=names)
    def settle_again(self, number: int, seconds: float, found: list[str]) -> None:
        links = [link(name) for name in found]
        self.settle_with(Settled(self.pick(number), None, again=seconds, found=links))

    @precondition(lambda self: self.lent())
    @rule(chosen=st.lists(picks, min_size=1, max_size=4))
    def give_back(self, chosen: list[int]) -> None:
        leases = {name_of(lease): lease for lease in map(self.pick, chosen)}
        self.runner.run(self.frontier.give_back(list(leases.values())))
        for name in leases:
            self.known[name].lease = None

    @precondition(lambda self: self.lent())
    @rule(number=picks, whole=st.booleans())
    def settle_again_and_claim(self, number: int, whole: bool) -> None:
        """Have one URL, or all that is lent of its site, tried again at once."""
        chosen = self.pick(number)
        for name in self.lent() if whole else [name_of(chosen)]:
            lease = self.known[name].lease
            if lease is not None and lease.target.site == chosen.target.site:
                self.settle_with(Settled(lease, None))
        self.borrow()

    @precondition(lambda self: self.said)
    @rule(number=picks)
    def repeat_an_old_settlement(self, number: int) -> None:
        self.repeat(self.said[number % len(self.said)])

    @precondition(lambda self: self.out_again())
    @rule(number=picks)
    def repeat_what_was_said_of_a_url_that_is_out_again(self, number: int) -> None:
        among = self.out_again()
        self.repeat(among[number % len(among)])

    def out_again(self) -> list[Settled]:
        return [each for each in self.said if self.known[name_of(each.lease)].lease]

    def repeat(self, settled: Settled) -> None:
        now_out = self.known[name_of(settled.lease)].lease
        same_holder = now_out is not None and now_out.token == settled.lease.token
        if self.each_lease or not same_holder:
            assert list(self.runner.run(self.frontier.settle([settled], ()))) == []

    @rule(seconds=st.sampled_from([0.5, 5.0, 40.0]))
    def advance(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @rule(site=st.sampled_from("abc"), block=st.sampled_from([0.0, 3.0, 30.0]))
    def pace(self, site: str, block: float) -> None:
        self.runner.run(self.frontier.pace(site, 1.0, block))
        until = self.clock.now + block
        self.blocked[site] = until
        self.pausing[site] = max(until, self.pausing.get(site, 0.0))

    @rule(most=st.integers(0, 4))
    def reserve(self, most: int) -> None:
        granted = self.runner.run(self.frontier.reserve(most))
        free = most if self.max_pages is None else self.max_pages - self.reserved
        assert granted == min(most, free)
        self.reserved += granted

    @precondition(lambda self: self.reserved)
    @rule()
    def refund(self) -> None:
        self.runner.run(self.frontier.refund(1))
        self.reserved -= 1

    # What always holds

    @invariant()
    def the_accounts_agree(self) -> None:
        tally = self.runner.run(self.frontier.tally())
        ends = [url.ended for url in self.known.values()]
        assert tally.balanced
        assert tally.discovered == len(self.known)
        assert tally.fetched == ends.count(Verdict.FETCHED)
        assert tally.redirected == ends.count(Verdict.REDIRECTED)
        assert tally.failed == ends.count(Verdict.FAILED)
        assert tally.skipped == ends.count(Verdict.SKIPPED)
        assert tally.left == ends.count(None) <= self.max_queued

    def teardown(self) -> None:
        """Finish the pass: nothing is lost, and everything ends once."""
        if not hasattr(self, "runner"):
            return
        try:
            self.finish()
            self.the_accounts_agree()
        finally:
            self.runner.run(self.stack.aclose())
            self.runner.close()

    def finish(self) -> None:
        for name in self.lent():
            lease = self.known[name].lease
            assert lease is not None
            self.settle_with(Settled(lease, Verdict.FETCHED))
        for _ in range(4 * len(NAMES)):
            if not self.open_urls():
                break
            self.clock.advance(100.0)
            for lease in self.borrow():
                self.settle_with(Settled(lease, Verdict.FETCHED))
        assert not self.open_urls(), "something is never lent"


def walk(kind: Kind, *, each_lease: bool = False, examples: int = 250) -> None:
    """Walk at random; the first step that goes wrong is an AssertionError."""
    members: dict[str, Any] = {"kind": staticmethod(kind), "each_lease": each_lease}
    machine = type("Walk", (Counter,), members)
    run_state_machine_as_test(machine, settings=settings(WALK, max_examples=examples))


@pytest.mark.parametrize("name", sorted(KINDS))
def test_a_frontier_does_as_the_model(name: str) -> None:
    walk(KINDS[name])


@pytest.mark.parametrize("name", sorted(KINDS))
def test_a_settlement_is_fenced_lease_by_lease(name: str) -> None:
    walk(KINDS[name], each_lease=True, examples=1_000)


# The test of the test: frontiers broken on purpose


class ForgetsChildren(MemoryFrontier):
    async def settle(self, batch: Sequence[Settled], marks: Sequence[Mark]) -> Sequence[Target]:
        return await super().settle(
            [Settled(each.lease, each.verdict, each.again) for each in batch], marks
        )


class AcceptsStaleTokens(MemoryFrontier):
    def _lender(self, lease: Lease) -> Any:
        site = self._sites.get(lease.target.site)
        return site if site and lease.target.fp in site.out else None


class LendsTwice(MemoryFrontier):
    """Forgets on every third claim who has what."""

    claims = 0

    async def claim(self, sites: int, per_site: int, ttl: float) -> Sequence[Holding]:
        self.claims += 1
        if self.claims % 3 == 0:
            await super().give_back(
                [lease for site in self._sites.values() for lease in site.out.values()]
            )
        return await super().claim(sites, per_site, ttl)


class Impatient(MemoryFrontier):
    """Takes a retry's delay for no delay."""

    async def settle(self, batch: Sequence[Settled], marks: Sequence[Mark]) -> Sequence[Target]:
        return await super().settle(
            [Settled(e.lease, e.verdict, 0.0, e.found, e.hop) for e in batch], marks
        )


class LosesWhatIsGivenBack(MemoryFrontier):
    async def give_back(self, leases: Sequence[Lease]) -> None:
        pass


class CountsLeasesAsRetries(MemoryFrontier):
    async def give_back(self, leases: Sequence[Lease]) -> None:
        await super().settle([Settled(lease, None) for lease in leases], ())


class DeafToPace(MemoryFrontier):
    async def pace(self, site: str, delay: float, block: float) -> None:
        pass


class Generous(MemoryFrontier):
    async def reserve(self, most: int) -> int:
        return most


@pytest.mark.parametrize(
    "broken",
    [
        ForgetsChildren,
        AcceptsStaleTokens,
        LendsTwice,
        Impatient,
        LosesWhatIsGivenBack,
        CountsLeasesAsRetries,
        DeafToPace,
        Generous,
    ],
)
def test_a_broken_frontier_is_noticed(broken: Callable[..., MemoryFrontier]) -> None:
    with pytest.raises(AssertionError):
        walk(plain(broken), examples=1_000)
