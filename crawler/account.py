"""How a crawl stands, and what is remembered of its pass from run to run."""

from collections.abc import Mapping, Sequence

import msgspec

from crawler.model import Verdict


class Mark(msgspec.Struct, frozen=True):
    """How far an output is written: ``name``, ``offset`` in bytes and ``crc`` of them all.

    Of what is no regular file nothing can be taken back: it has no mark. ``closed``: a run
    has ended with it, so that what is behind it is not ours.
    """

    name: str
    offset: int
    crc: int
    closed: bool = False


class Ended(msgspec.Struct, frozen=True):
    """How many URLs of a pass have ended alike; ``url`` is one of them.

    ``seeds`` says that they were seeds, or what seeds redirected to.
    """

    verdict: Verdict
    why: str | None
    status: int | None
    seeds: bool
    count: int
    url: str


class Past(msgspec.Struct, frozen=True):
    """What is remembered of a pass from before this run; of a new pass, nothing.

    ``run`` is the number of the pass. ``seeds`` are their URLs, ``widened`` (seed, target)
    URLs where seeds redirected to, ``open_seeds`` how many seeds have not ended; ``changes``
    counts what was new, changed or unchanged.
    """

    run: int = 1
    marks: Sequence[Mark] = ()
    ended: Sequence[Ended] = ()
    seeds: Sequence[str] = ()
    widened: Sequence[tuple[str, str]] = ()
    open_seeds: int = 0
    changes: Mapping[str, int] = {}


class Tally(msgspec.Struct, frozen=True):
    """The frontier's account of a pass, read in one go.

    ``discovered`` = ``fetched`` + ``redirected`` + ``failed`` + ``skipped`` + ``gone`` +
    ``left`` at every instant. ``left`` counts queued, delayed and lent URLs alike, so
    ``left == 0`` is the one question that tells the end. ``due`` is in how many seconds
    the frontier could lend more (None: not before something is settled). ``waiting`` is
    the number of sites that could be lent if others were given back.
    """

    discovered: int = 0
    fetched: int = 0
    redirected: int = 0
    failed: int = 0
    skipped: int = 0
    gone: int = 0
    left: int = 0
    due: float | None = None
    waiting: int = 0

    @property
    def balanced(self) -> bool:
        """Whether every accepted URL is accounted for."""
        ended = self.fetched + self.redirected + self.failed + self.skipped + self.gone
        return self.discovered == ended + self.left


class Children(msgspec.Struct, frozen=True):
    """Parsing children: how many there are, are slow over a page, and have been replaced."""

    count: int = 0
    slow: int = 0
    replaced: int = 0


class Status(msgspec.Struct, frozen=True):
    """A crawl at one moment: ``elapsed`` in seconds, ``errors`` by class.

    ``slow`` are the busy sites with the longest time to the first byte of late, in seconds;
    ``held_back`` those that are given fewer requests at once than allowed, and how many.
    """

    elapsed: float
    tally: Tally
    requests: int = 0
    in_flight: int = 0
    errors: Mapping[str, int] = {}
    slow: Sequence[tuple[str, float]] = ()
    held_back: Sequence[tuple[str, int]] = ()
    children: Children = Children()
