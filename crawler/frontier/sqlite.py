"""The frontier of a crawl that outlives its process: everything in one SQLite file.

A settlement is one transaction: verdicts, children, counts, and how far the outputs were
written. Leases are not written down: whoever opens the file next finds what was lent still
open. Every verb runs in the file's one thread, so that none sees another half done.
"""

import contextlib
from collections.abc import AsyncIterator, Callable, Sequence

from crawler.account import Mark, Past, Tally
from crawler.frontier.asked import Asked
from crawler.frontier.budget import Budget
from crawler.frontier.ledger import Ledger
from crawler.frontier.passes import Goal
from crawler.frontier.state import Ready, State
from crawler.model import Added, Holding, Lease, Settled, Target
from crawler.ports import Ending


class SqliteFrontier:
    """The Frontier port onto a state file; see :meth:`opened`."""

    durable = True
    books: type[Ledger] = Ledger

    def __init__(self, state: State, ledger: Ledger, max_pages: int | None) -> None:
        self._state = state
        self._ledger = ledger
        left = None if max_pages is None else max_pages - ledger.tally.fetched
        self._budget = Budget(left)

    @classmethod
    @contextlib.asynccontextmanager
    async def opened(
        cls,
        path: str,
        asked: Asked,
        ready: Ready,
        clock: Callable[[], float],
        max_pages: int | None = None,
        *,
        by_level: bool = False,
        deepest: int | None = None,
        max_age: float | None = None,
        pause: float = 0.0,
        fresh: bool = False,
        full: bool = False,
    ) -> AsyncIterator["SqliteFrontier"]:
        """Open the state at ``path``, made if need be; close it at the end.

        For ``asked``, ``ready``, ``fresh`` and ``full`` see :meth:`State.open`, for ``by_level``,
        ``deepest``, ``pause`` and ``max_age`` :class:`Ledger`. ``clock`` gives monotonic seconds;
        ``max_pages`` counts over the runs of a pass. Raises TryLater, StateUnusable, BadSetting.
        """
        goal = Goal(max_pages, aging=max_age is not None)
        state = await State.open(path, asked, ready, goal, fresh=fresh, full=full)
        try:
            ledger = await state.run(
                cls.books,
                state,
                clock,
                pause,
                by_level=by_level,
                deepest=deepest,
                max_age=max_age,
            )
            yield cls(state, ledger, max_pages)
        finally:
            await state.close()

    @property
    def past(self) -> Past:
        """What is remembered of the runs before."""
        return self._ledger.past

    async def add(self, targets: Sequence[Target]) -> Added:
        """Accept the targets not seen before; there is room for all."""
        return Added(await self._state.run(self._ledger.add, targets))

    async def claim(self, sites: int, per_site: int, ttl: float) -> Sequence[Holding]:
        """Lend more of the sites held, then of others that are due."""
        return await self._state.run(self._ledger.claim, sites, per_site)

    async def settle(self, batch: Sequence[Settled], marks: Sequence[Mark]) -> Sequence[Target]:
        """Commit; nothing is ever turned away."""
        await self._state.run(self._ledger.settle, batch, marks)
        return ()

    async def renew(self, ttl: float) -> None:
        """The file is ours alone: leases do not expire."""

    async def give_back(self, leases: Sequence[Lease]) -> None:
        """Take leases back; after a failed commit there is nothing left to do for them."""
        if leases and self._state.broken is None:
            await self._state.run(self._ledger.give_back, leases)

    async def pace(self, paces: Sequence[tuple[str, float, float]]) -> None:
        """Remember delays, and when sites may next be lent."""
        if paces:
            await self._state.run(self._ledger.pace, paces)

    async def reserve(self, most: int) -> int:
        """Take pages out of the budget."""
        return self._budget.reserve(most)

    async def refund(self, pages: int) -> None:
        """Put pages back into the budget."""
        self._budget.refund(pages)

    async def tally(self) -> Tally:
        """Return the account of the pass as of the last commit."""
        return self._ledger.tally

    async def sweep(self) -> int:
        """Open the known pages that nothing led to."""
        return await self._state.run(self._ledger.sweep)

    async def unconfirmed(self) -> int:
        """Return how many known pages nothing has led to."""
        return await self._state.run(self._ledger.unconfirmed)

    async def end(self, reason: Ending | None, marks: Sequence[Mark], unconfirmed: int = 0) -> None:
        """Commit marks, and why the pass has ended."""
        await self._state.run(self._ledger.end, reason, marks, unconfirmed)
