"""What the stages of the line share."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto

from crawler.engine.pipe import Pipe
from crawler.engine.statistics import Statistics
from crawler.engine.stop import Stop
from crawler.model import Failed, Fetched, Gone, Line, Reason, Refusal, Settled, Taken
from crawler.policy.site import Visit
from crawler.policy.workbench import Workbench
from crawler.ports import Frontier

SEEDS_AHEAD = 1_000
"""Seeds that may be open before reading more of them pauses."""


@dataclass(slots=True)
class Done:
    """A lease that is through: its records (none: it comes back) and its settlement.

    ``why`` is the failure, or the reason, where it ended as one, ``refused`` counts the
    links that were not accepted, ``taken`` what was taken out of the page. ``held`` is the
    answer, without its body, whose permit for a large one is held until the records are
    written: they may be as large.
    """

    settled: Settled
    lines: Sequence[Line] = ()
    why: Failed | Reason | Gone | None = None
    refused: Mapping[Refusal, int] = field(default_factory=dict)
    taken: Taken | None = None
    held: Fetched | None = None


class Note(Enum):
    """What settle is told between leases: commit what is gathered; open the outputs anew."""

    COMMIT = auto()
    REOPEN = auto()


@dataclass(slots=True)
class Shared:
    """The state that dispatch, workers and settle have in common.

    ``wake`` rouses dispatch; ``news`` says that the frontier may have more to lend;
    ``in_hand`` counts leases between dispatch and settlement, ``gathered`` is when the oldest
    of those written but not committed was; ``seeding`` is true while seeds may still come,
    ``open_seeds`` counts those that have not ended.
    """

    frontier: Frontier
    bench: Workbench
    todo: Pipe[Visit]
    done: Pipe[Done | Note]
    run: int = 1
    only_changes: bool = False
    stop: Stop = field(default_factory=Stop)
    stats: Statistics = field(default_factory=Statistics)
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    news: bool = True
    seeding: bool = True
    in_hand: int = 0
    gathered: float | None = None
    open_seeds: int = 0
    seeds_wanted: asyncio.Event = field(default_factory=asyncio.Event)

    def rouse(self, *, news: bool = False) -> None:
        """Let dispatch look again."""
        self.news = self.news or news
        self.wake.set()
