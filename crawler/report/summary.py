"""The closing summary for people."""

from collections.abc import Mapping

from crawler.account import Tally
from crawler.model import Change, Reason
from crawler.record import SummaryRecord
from crawler.report import safe

_ENDS = {
    "drained": "nothing left to do",
    "max_pages": "the number of pages asked for (--max-pages)",
    "max_time": "the time given is over (--max-time)",
    "max_wait": "nothing due for longer than --max-wait",
    "interrupted": "interrupted",
    "terminated": "terminated",
    "reader_closed": "the reader has closed the output",
    "failed": "stopped by an error",
}


def balance(
    tally: Tally | SummaryRecord, errors: Mapping[str, int], skips: Mapping[str, int]
) -> str:
    """Return the account of a pass as one line that balances."""
    terms = [
        _count(tally.fetched, "page"),
        _count(tally.redirected, "redirect"),
        _count(tally.failed, "error") + _parts(errors),
        f"{tally.skipped:,} skipped{_parts(skips)}",
        *([f"{tally.gone:,} gone"] if tally.gone else []),
        f"{tally.left:,} left",
    ]
    return f"{_count(tally.discovered, 'URL')} = {' + '.join(terms)}"


def lines(summary: SummaryRecord, before: int = 0, *, makes_items: bool = False) -> list[str]:
    """Return the summary as a few lines; ``before`` pages are from earlier runs.

    Where items are made, none is told as well.
    """
    seconds = summary.elapsed_ms / 1000
    rate = (summary.fetched - before) / seconds if seconds else 0.0
    megabytes = summary.wire_bytes / 1e6
    told = [
        balance(summary, summary.errors, summary.skips),
        f"{_count(summary.requests, 'request')}, {megabytes:,.1f} MB, {seconds:,.1f} s, "
        f"{rate:,.0f} pages/s: " + _ENDS.get(summary.end_reason, summary.end_reason),
    ]
    told[1:1] = not_found(summary, before)
    if makes_items or summary.items or summary.dropped or summary.field_errors:
        told.insert(1, _taken(summary))
    if summary.refused:
        links = _count(sum(summary.refused.values()), "link")
        told.insert(1, f"{links} not followed{_parts(summary.refused)}")
    if summary.pass_ > 1:
        told.insert(1, news(summary))
    return told


def not_found(summary: SummaryRecord, before: int = 0) -> list[str]:
    """Return a line for each field that was on no page.

    There is none if it may have been on pages that this run did not read: those of earlier
    runs, or such as are fresh.
    """
    if before or summary.skips.get(Reason.FRESH):
        return []
    return [
        f"field {safe(name)}: on none of {_count(pages, 'page')}"
        for name, pages in summary.not_found.items()
    ]


def _taken(summary: SummaryRecord) -> str:
    """Return what was made of pages, and what was not."""
    terms = [_count(summary.items, "item")]
    if summary.dropped:
        terms.append(f"{summary.dropped:,} dropped (a required field is missing)")
    if summary.field_errors:
        terms.append(f"{_count(summary.field_errors, 'page')} with field errors")
    return ", ".join(terms)


def news(summary: SummaryRecord) -> str:
    """Return what is otherwise than on the pass before, as one line."""
    terms = [f"{summary.changes.get(change.value, 0):,} {change}" for change in Change]
    terms.append(f"{summary.gone:,} gone")
    unmet = summary.unconfirmed
    told = f"; {unmet:,} not met, and perhaps gone" if unmet else ""
    return f"pass {summary.pass_}: {', '.join(terms)}{told}"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _parts(counts: Mapping[str, int]) -> str:
    """Return counts by name, the largest first, in brackets."""
    if not counts:
        return ""
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return f" ({', '.join(f'{name} {count:,}' for name, count in ordered)})"
