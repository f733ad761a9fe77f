"""How a run ended: its account, and the exit code of the command, and why."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from crawler.encoding import moment
from crawler.engine.crawl import Result
from crawler.errors import CrawlError, Exit
from crawler.policy.rules import Account, Rule, findings
from crawler.record import SummaryRecord

BUG = "unexpected error, please report it"
NO_MEMORY = "out of memory; try fewer workers (-c) or a smaller --max-size"

_STOPPED = {
    "interrupted": Exit.INTERRUPTED,
    "terminated": Exit.TERMINATED,
    "max_wait": Exit.TRY_LATER,
}


@dataclass(frozen=True, slots=True)
class Ending:
    """An exit code, what went wrong in one line, and what ``--fail-on`` found.

    ``notes`` are further lines: the text that is wrong, and a caret under the place.
    """

    code: Exit
    error: str | None = None
    findings: Sequence[str] = ()
    notes: Sequence[str] = ()


def of_error(error: BaseException) -> Ending:
    """Return the ending of a run that something has stopped."""
    if isinstance(error, CrawlError):
        return Ending(error.exit, str(error) or None, notes=getattr(error, "__notes__", ()))
    if isinstance(error, MemoryError):
        return Ending(Exit.OS_ERROR, NO_MEMORY)
    return Ending(Exit.SOFTWARE, BUG)


def of_crawl(result: Result, error: CrawlError | None, rules: Sequence[Rule] = ()) -> Ending:
    """Return the ending of a crawl, by precedence; ``error`` is what stopped it, if any."""
    if result.stats.bugs:
        return Ending(Exit.SOFTWARE)  # each was told when it came up
    if error is not None:
        return of_error(error)
    if result.reason in _STOPPED:
        late = "nothing is due within --max-wait; try again later, or wait longer"
        return Ending(_STOPPED[result.reason], late if result.reason == "max_wait" else None)
    if (ending := _of_seeds(result)) is not None:
        return ending
    stats = result.stats
    account = Account(
        result.tally, stats.errors, stats.statuses, stats.changes, stats.gone, result.unconfirmed
    )
    found = findings(rules, account)
    return Ending(Exit.FINDING if found else Exit.OK, None, found)


def summary(result: Result, run: int) -> SummaryRecord:
    """Return the summary record of a run that has just ended, in pass ``run``."""
    tally, stats = result.tally, result.stats
    return SummaryRecord(
        pass_=run,
        at=moment(time.time()),
        end_reason=result.reason,
        discovered=tally.discovered,
        fetched=tally.fetched,
        redirected=tally.redirected,
        failed=tally.failed,
        skipped=tally.skipped,
        gone=tally.gone,
        left=tally.left,
        unconfirmed=result.unconfirmed,
        changes=dict(stats.changes),
        errors=dict(stats.errors),
        skips={name: count for name, count in stats.skips.items() if count},
        refused=dict(stats.refused),
        requests=stats.requests,
        bytes=stats.bytes,
        wire_bytes=stats.wire_bytes,
        elapsed_ms=round(result.elapsed * 1000),
        items=stats.items,
        dropped=stats.dropped,
        field_errors=stats.field_errors,
        not_found=stats.not_found,
    )


def _of_seeds(result: Result) -> Ending | None:
    """Return why no seed became a page; None if one did, or may still become one."""
    ends = result.stats.seeds
    failed = ends.unresolved + ends.untrusted + ends.denied + ends.others
    if ends.pages or result.open_seeds or not (failed or ends.redirected):
        return None
    why = f"no seed became a page: {ends.first or 'redirects lead nowhere'}"
    for count, code in (
        (ends.unresolved, Exit.NO_HOST),
        (ends.untrusted, Exit.PROTOCOL),
        (ends.denied, Exit.DENIED),
    ):
        if count == failed and failed:
            return Ending(code, why)
    return Ending(Exit.UNAVAILABLE, why)
