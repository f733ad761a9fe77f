"""The last stage: records into the sink, then verdicts and children into the frontier.

In that order, batch by batch: what has been committed has been written. A batch is what
came while the one before was being written, so records leave at once when there are few
and in large writes when there are many.

Where a commit is durable it costs time, so what is written is gathered for one: until a
site has nothing left to visit (its next URLs may be among what waits to be committed), or
there is much, or it is a second old. What is written and not committed when we die is
fetched and written once more: the sink goes back to where the last commit left it.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from crawler import record
from crawler.engine.line import SEEDS_AHEAD, Done, Note, Shared
from crawler.errors import CrawlError
from crawler.model import Failed, Fetched, Gone, Reason, Taken, Target
from crawler.ports import Sink

BATCH = 500
"""Records that are settled together at most, where nothing is durable."""

LINKS = 20_000
"""Links that are in memory until a commit, at most but for those of the last batch."""

SELECTED = 4_000_000
"""Bytes of what was selected of pages that are, likewise."""

TOLD = 5
"""Field errors of one page in the log."""

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Gathered:
    """What is written and not committed, and what it comes to, summed as it comes."""

    done: list[Done] = field(default_factory=list)
    sites: set[str] = field(default_factory=set)
    links: int = 0
    selected: int = 0

    def take(self, batch: Sequence[Done]) -> None:
        """Gather what has been written."""
        self.done += batch
        for each in batch:
            settled = each.settled
            self.sites.add(settled.lease.target.site)
            self.links += len(settled.found)
            self.selected += len(settled.selected or b"")

    @property
    def large(self) -> bool:
        """Whether it takes much memory."""
        return self.links >= LINKS or self.selected >= SELECTED


@dataclass(slots=True)
class Settle:
    """Writes and commits until ``done`` ends; ``finished`` says that it did so undisturbed.

    ``free`` gives back the permits of large bodies whose records have been written.
    """

    shared: Shared
    sink: Sink
    free: Callable[[Fetched], None]
    finished: bool = False
    _gathered: _Gathered = field(default_factory=_Gathered)

    async def run(self) -> None:
        """Settle batch after batch; whatever fails here ends the crawl."""
        shared = self.shared
        if shared.frontier.durable:
            await shared.frontier.settle((), await self.sink.seal())
        async for batch in shared.done.batches(self._most):
            notes = {each for each in batch if isinstance(each, Note)}
            done = [each for each in batch if isinstance(each, Done)]
            if len(self._gathered.done) + len(done) > self._most:
                await self._commit()
            await self._write(done)
            if notes or self._urgent():
                await self._commit()
            if Note.REOPEN in notes:
                await self._reopen()
        await self._commit()
        self.finished = True

    @property
    def _most(self) -> int:
        return self.sink.at_once if self.shared.frontier.durable else BATCH

    async def turn_away(self, targets: Sequence[Target]) -> None:
        """Record targets that the frontier had no room for."""
        skips = self.shared.stats.skips
        if not skips[Reason.QUEUE_FULL]:
            log.warning(
                "the queue is full (--max-queued): further URLs are skipped; "
                "--state FILE has room for them"
            )
        skips[Reason.QUEUE_FULL] += len(targets)
        run, at = self.shared.run, time.time()
        await self.sink.write(
            [record.skip(target, Reason.QUEUE_FULL, None, run, at) for target in targets]
        )

    async def _write(self, batch: list[Done]) -> None:
        lines = [line for done in batch for line in done.lines]
        if lines:
            await self.sink.write(lines)
        for done in batch:
            done.lines = ()  # until they are committed they need not be in memory
            if done.held is not None:
                self.free(done.held)
        self._gathered.take(batch)
        if batch and self.shared.gathered is None:
            self.shared.gathered = asyncio.get_running_loop().time()

    def _urgent(self) -> bool:
        """Whether what is gathered is better committed now than gathered further."""
        gathered, shared = self._gathered, self.shared
        if not shared.frontier.durable or gathered.large or len(gathered.done) >= self._most:
            return True
        return not all(map(shared.bench.stocks, gathered.sites))

    async def _commit(self) -> None:
        """Commit what is gathered, and with it how far the outputs are written."""
        shared = self.shared
        batch, self._gathered = self._gathered.done, _Gathered()
        shared.gathered = None
        if not batch:
            return
        marks = await self.sink.seal() if shared.frontier.durable else ()
        full = await shared.frontier.settle([done.settled for done in batch], marks)
        if full:
            await self.turn_away(full)
        self._count(batch)
        shared.in_hand -= len(batch)
        shared.rouse(news=True)
        if shared.open_seeds < SEEDS_AHEAD:
            shared.seeds_wanted.set()

    async def _reopen(self) -> None:
        """Open the outputs anew; a file that is new has to be committed before it is written."""
        try:
            await self.sink.reopen()
        except CrawlError as error:
            log.error("%s; still writing to the old file", error)
        if self.shared.frontier.durable:
            await self.shared.frontier.settle((), await self.sink.seal())

    def _count(self, batch: list[Done]) -> None:
        stats = self.shared.stats
        stats.commits += 1
        for done in batch:
            settled = done.settled
            target = settled.lease.target
            if done.refused:
                stats.refused.update(done.refused)
            if settled.change is not None:
                stats.changes[settled.change.value] += 1
            if settled.status is not None:
                stats.statuses[settled.status] += 1
            if done.taken is not None:
                self._count_taken(target, done.taken)
            if isinstance(done.why, Failed):
                stats.errors[done.why.fault.value] += 1
                log.info("%s: %s", target.url, done.why.message)
            elif isinstance(done.why, Reason):
                stats.skips[done.why.value] += 1
            elif isinstance(done.why, Gone):
                stats.gone[done.why.value] += 1
            if target.via is None and settled.verdict is not None:
                self.shared.open_seeds -= 1
            if target.depth == 0:
                stats.seeds.count(target.url, settled.verdict, done.why)

    def _count_taken(self, target: Target, taken: Taken) -> None:
        """Count items and fields; tell of field errors, of the first in any case."""
        stats = self.shared.stats
        stats.items += taken.items
        stats.dropped += taken.dropped
        stats.looked.update(taken.looked.keys())
        stats.found.update(name for name, there in taken.looked.items() if there)
        if not taken.errors:
            return
        stats.field_errors += 1
        told = "; ".join(f"{at}: {why}" for at, why in [*taken.errors.items()][:TOLD])
        if len(taken.errors) > TOLD:
            told += f"; and {len(taken.errors) - TOLD:,} more"
        if stats.field_errors > 1:
            log.info("%s: %s", target.url, told)
        else:
            more = "" if log.isEnabledFor(logging.INFO) else "; -v tells of all"
            log.warning("%s: %s (first page with field errors%s)", target.url, told, more)
