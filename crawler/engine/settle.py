"""The last stage: records into the sink, then verdicts and children into the frontier.

In that order, batch by batch: what has been committed has been written. A batch is what
came while the one before was being written, so records leave at once when there are few
and in large writes when there are many.
"""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass

from crawler import record
from crawler.engine.line import SEEDS_AHEAD, Done, Shared
from crawler.model import Failed, Reason, Target, Verdict
from crawler.ports import Sink

BATCH = 500

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Settle:
    """Writes and commits until ``done`` ends."""

    shared: Shared
    sink: Sink

    async def run(self) -> None:
        """Settle batch after batch; whatever fails here ends the crawl."""
        shared = self.shared
        async for batch in shared.done.batches(BATCH):
            lines = [done.line for done in batch if done.line is not None]
            marks = await self.sink.write(lines) if lines else ()
            full = await shared.frontier.settle([done.settled for done in batch], marks)
            if full:
                await self.turn_away(full)
            self._count(batch)
            shared.in_hand -= len(batch)
            shared.rouse(news=True)
            if shared.open_seeds < SEEDS_AHEAD:
                shared.seeds_wanted.set()

    async def turn_away(self, targets: Sequence[Target]) -> None:
        """Record targets that the frontier had no room for."""
        skips = self.shared.stats.skips
        if not skips[Reason.QUEUE_FULL]:
            log.warning("the queue is full (--max-queued): further URLs are skipped")
        skips[Reason.QUEUE_FULL] += len(targets)
        run, at = self.shared.run, time.time()
        await self.sink.write(
            [record.skip(target, Reason.QUEUE_FULL, None, run, at) for target in targets]
        )

    def _count(self, batch: list[Done]) -> None:
        stats = self.shared.stats
        stats.commits += 1
        for done in batch:
            if done.refused:
                stats.refused.update(done.refused)
            target = done.settled.lease.target
            seed = target.depth == 0
            if target.via is None and done.settled.verdict is not None:
                self.shared.open_seeds -= 1
            if isinstance(done.why, Failed):
                stats.errors[done.why.fault.value] += 1
                log.info("%s: %s", target.url, done.why.message)
                if seed:
                    stats.seeds.failed(target.url, done.why)
            elif isinstance(done.why, Reason):
                stats.skips[done.why.value] += 1
                if seed:
                    stats.seeds.skipped(target.url, done.why)
            elif done.settled.verdict is Verdict.FETCHED:
                stats.seeds.pages += seed
            elif done.settled.verdict is Verdict.REDIRECTED:
                stats.seeds.redirected += seed
