"""Rounds in which everyone crawls the same site in turn, so that a slow minute is everyone's."""

import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.bench import cost
from tests.bench.cost import Cost
from tests.bench.peers.peer import Peer
from tests.bench.site import Asked, Site

TRIALS = 3


@dataclass(frozen=True, slots=True)
class Run:
    """One crawl by one peer in round ``turn``."""

    peer: Peer
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

    site: Site
    scratch: Path
    limit: float
    tell: Callable[[str], None]

    def choose(self, entries: Sequence[Sequence[Peer]]) -> list[Peer]:
        """Return for each entry the way that is fastest in a trial."""
        chosen = []
        for ways in entries:
            turns = range(TRIALS if len(ways) > 1 else 0)
            trials = [self._run(peer, -1) for _ in turns for peer in ways]
            chosen.append(max(trials, key=lambda run: run.rate).peer if trials else ways[0])
        return chosen

    def warm_up(self, peer: Peer) -> None:
        """Crawl once: the files are in memory from here on."""
        self._run(peer, -1)

    def rounds(self, peers: Sequence[Peer], count: int) -> Iterator[Run]:
        """Yield the runs of ``count`` rounds; the order shifts with each."""
        for turn in range(count):
            shift = turn % len(peers)
            for peer in (*peers[shift:], *peers[:shift]):
                yield self._run(peer, turn)

    def _run(self, peer: Peer, turn: int) -> Run:
        out = self.scratch / "out"
        out.mkdir()
        try:
            spent = cost.run(peer.command(self.site.url, out), self.scratch, self.limit)
        finally:
            shutil.rmtree(out)
        run = Run(peer, turn, spent, self.site.log.read())
        went = f"{peer.name}: {len(run.asked.pages):,} pages in {spent.seconds:.1f} s"
        more = "its time was over" if spent.late else run.failure
        self.tell(f"{went}; {more}" if more else went)
        return run
