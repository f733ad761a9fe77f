"""What the engine asks of the outer rooms. A port exists where two implementations do.

Batches everywhere; times cross as durations in seconds, so that clocks never have to
agree; the web's faults come back as values.
"""

from collections.abc import Sequence
from typing import Literal, Protocol

from crawler.account import Children, Mark, Past, Tally
from crawler.model import (
    Added,
    Failed,
    Fetched,
    Holding,
    Known,
    Lease,
    Line,
    Outcome,
    Page,
    Parsed,
    Settled,
    Target,
)

Ending = Literal["drained", "max_pages"]
"""Why a pass ends; all other ends of a run leave it to be gone on with."""


class Frontier(Protocol):
    """The store of URLs. The *site* is what is lent: no two holders ever share one.

    Every verb may be repeated after a lost reply, and a stale token changes nothing.
    """

    @property
    def past(self) -> Past:
        """What it remembers of the pass from before this run."""
        ...

    @property
    def durable(self) -> bool:
        """Whether a settlement outlives the process.

        Then one costs a commit, so that they are best gathered, and marks count.
        """
        ...

    async def add(self, targets: Sequence[Target]) -> Added:
        """Accept the targets not seen before."""
        ...

    async def claim(self, sites: int, per_site: int, ttl: float) -> Sequence[Holding]:
        """Lend more: up to ``sites`` sites in all, up to ``per_site`` URLs out of each.

        What this process holds already counts towards both; only new leases are returned.
        A lease ends by itself ``ttl`` seconds after it was lent or renewed.
        """
        ...

    async def settle(self, batch: Sequence[Settled], marks: Sequence[Mark]) -> Sequence[Target]:
        """Commit verdicts, children and output marks in one step.

        Children come before, or with, their parent's verdict. Returns the children that
        were turned away: discovered and skipped in one, for want of room.
        """
        ...

    async def renew(self, ttl: float) -> None:
        """Keep what this process holds for ``ttl`` seconds more."""
        ...

    async def give_back(self, leases: Sequence[Lease]) -> None:
        """Return leases unused; they are lent again as if they had never been out."""
        ...

    async def pace(self, paces: Sequence[tuple[str, float, float]]) -> None:
        """Remember for each (site, delay, block) the delay; lend it to no one for ``block`` s."""
        ...

    async def reserve(self, most: int) -> int:
        """Take up to ``most`` pages out of the budget and return how many there were."""
        ...

    async def refund(self, pages: int) -> None:
        """Put reserved pages that did not become one back into the budget."""
        ...

    async def tally(self) -> Tally:
        """Return the account of the pass; ``left == 0`` is its end, after :meth:`sweep`."""
        ...

    async def sweep(self) -> int:
        """Open the known pages that nothing led to in this pass, to be lent as moot.

        Returns how many: none where nothing is known of passes before, or where the pass has
        not seen enough to say so.
        """
        ...

    async def unconfirmed(self) -> int:
        """Return how many known pages nothing has led to, of which it is not known why."""
        ...

    async def end(self, reason: Ending | None, marks: Sequence[Mark], unconfirmed: int = 0) -> None:
        """Commit how far outputs are written at the end of a run, and why the pass has ended.

        None: it has not ended, only the run. ``unconfirmed`` is remembered of a pass that has.
        """
        ...


class Fetcher(Protocol):
    """The wire. It neither sleeps nor raises for what servers do."""

    async def fetch(
        self,
        url: str,
        most: int | None = None,
        *,
        whole: bool = False,
        known: Known | None = None,
    ) -> Outcome:
        """Make one request and follow nothing.

        With the validators of ``known``, what is as it was answers 304, without a body.
        At most ``most`` decoded bytes are kept (None: the crawl's limit). A body of a type
        that nothing here reads is left on the wire unless it is small or ``whole`` is set.
        """
        ...

    def free(self, fetched: Fetched) -> None:
        """Say that a body is no longer needed."""
        ...


class Parser(Protocol):
    """From a fetched page to its record and links."""

    async def parse(self, page: Page) -> Parsed | Failed:
        """Read one page. Failed means that it cannot be read, whoever tries."""
        ...

    @property
    def state(self) -> Children:
        """How its children are, for people."""
        ...


class Sink(Protocol):
    """Where records go, as whole lines in the order given.

    ``at_once`` is how many records one durable commit may cover.
    """

    @property
    def at_once(self) -> int:
        """At most so many records between two seals, where there is a state."""
        ...

    async def write(self, lines: Sequence[Line]) -> None:
        """Append the records and pass them on at once.

        Raises WriteFailed, or ReaderClosed when a pipe has no reader any more.
        """
        ...

    async def seal(self) -> Sequence[Mark]:
        """Bring every output to a point that writing may go on from after a death.

        Returns the marks to commit. Raises WriteFailed.
        """
        ...

    async def reopen(self) -> None:
        """Open the outputs' paths anew, for what rotates logs. Raises CrawlError."""
        ...
