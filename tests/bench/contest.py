"""Rounds in which everyone crawls the same site in turn, so that a slow minute is everyone's."""

import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.bench import cost
from tests.bench.cost import Cost
from tests.bench.peers.peer import OURS, Peer
from tests.bench.site import Asked, Sites

TRIALS = 3


@dataclass(frozen=True, slots=True)
class Run:
    """One crawl of one site by one peer in round ``turn``."""

    peer: Peer
    site: str
    turn: int
    cost: Cost
    asked: Asked

    @property
    def failure(self) -> str | None:
        """Why it did not go well, if so."""
        if self.cost.code not in self.peer.codes and not self.cost.late:
            return f"ended with code {self.cost.code}: {self.cost.err}"
        return None

    @property
    def rate(self) -> float:
        """Pages a second, of the whole process."""
        return len(self.asked.pages) / self.cost.seconds

    @property
    def cpu_a_page(self) -> float:
        """Milliseconds of CPU a page."""
        return 1_000 * self.cost.cpu / max(1, len(self.asked.pages))


@dataclass(slots=True)
class Contest:
    """Who crawls what; ``scratch`` is for outputs, ``limit`` seconds may one crawl take."""

    sites: Sites
    scratch: Path
    limit: float
    tell: Callable[[str], None]

    def choose(self, entries: Sequence[Sequence[Peer]]) -> list[Peer]:
        """Return for each entry the way that is fastest in a trial on the small site."""
        chosen = []
        for ways in entries:
            turns = range(TRIALS if len(ways) > 1 else 0)
            trials = [self._run(peer, self.sites.small, -1) for _ in turns for peer in ways]
            chosen.append(max(trials, key=lambda run: run.rate).peer if trials else ways[0])
        return chosen

    def warm_up(self, peer: Peer) -> None:
        """Crawl once: the files are in memory from here on."""
        for site in {self.sites.whole, self.sites.small}:
            self._run(peer, site, -1)

    def rounds(self, peers: Sequence[Peer], count: int) -> Iterator[Run]:
        """Yield the runs of ``count`` rounds; the order shifts with each."""
        entries = self._entries(peers)
        for turn in range(count):
            shift = turn % len(entries)
            for peer, site in entries[shift:] + entries[:shift]:
                yield self._run(peer, site, turn)

    def _entries(self, peers: Sequence[Peer]) -> list[tuple[Peer, str]]:
        """Return who crawls which site; ours crawls the small one, too, for comparison."""
        whole, small = self.sites.whole, self.sites.small
        if not self.sites.two:
            return [(peer, whole) for peer in peers]
        slow = [peer for peer in peers if peer.slow]
        compared = [peer for peer in peers if peer.name == OURS and slow]
        quick = [peer for peer in peers if not peer.slow]
        return [(peer, whole) for peer in quick] + [(peer, small) for peer in compared + slow]

    def _run(self, peer: Peer, site: str, turn: int) -> Run:
        out = self.scratch / "out"
        out.mkdir()
        try:
            spent = cost.run(peer.command(site, out), self.scratch, self.limit)
        finally:
            shutil.rmtree(out)
        run = Run(peer, site, turn, spent, self.sites.log.read())
        went = f"{peer.name}: {len(run.asked.pages):,} pages in {spent.seconds:.1f} s"
        more = "its time was over" if spent.late else run.failure
        self.tell(f"{went}; {more}" if more else went)
        return run
