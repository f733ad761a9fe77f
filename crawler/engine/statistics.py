"""What is counted while a crawl runs, beyond the frontier's own account."""

from collections import Counter
from dataclasses import dataclass, field

from crawler.account import Ended, Past
from crawler.model import Failed, Fault, Gone, Reason, Verdict


@dataclass(slots=True)
class SeedEnds:
    """How seeds ended (with the pages they redirect to), for the exit code.

    ``first`` tells people about the first that came to nothing.
    """

    pages: int = 0
    unresolved: int = 0
    untrusted: int = 0
    denied: int = 0
    redirected: int = 0
    others: int = 0
    first: str = ""

    def skipped(self, url: str, reason: Reason) -> None:
        """Count a seed that ended as a skip."""
        self.first = self.first or f"{url}: skipped ({reason}); crawler explain URL tells why"
        if reason is Reason.FRESH:  # it was a page when it was looked at last
            self.pages += 1
        elif reason is Reason.ROBOTS:
            self.denied += 1
        else:
            self.others += 1

    def failed(self, url: str, failed: Failed) -> None:
        """Count a seed that ended as an error."""
        self.first = self.first or f"{url}: {failed.message}"
        if failed.fault is Fault.DNS:
            self.unresolved += 1
        elif failed.fault in (Fault.TLS, Fault.PROXY):
            self.untrusted += 1
        elif failed.status in (401, 403):
            self.denied += 1
        else:
            self.others += 1

    def count(self, url: str, verdict: Verdict | None, why: Failed | Reason | Gone | None) -> None:
        """Count a seed that has ended, or returns to the frontier."""
        if isinstance(why, Failed):
            self.failed(url, why)
        elif isinstance(why, Reason):
            self.skipped(url, why)
        elif isinstance(why, Gone):
            self.first = self.first or f"{url}: gone"
            self.others += 1
        else:
            self.pages += verdict is Verdict.FETCHED
            self.redirected += verdict is Verdict.REDIRECTED

    def recall(self, ended: Ended) -> None:
        """Count seeds that ended before this run."""
        why: Failed | Reason | Gone | None = None
        if ended.verdict is Verdict.SKIPPED:
            why = Reason(str(ended.why))
        elif ended.verdict is Verdict.GONE:
            why = Gone(str(ended.why))
        elif ended.verdict is Verdict.FAILED:
            fault = Fault(str(ended.why))
            why = Failed(fault, fault.value, ended.status)
        for _ in range(ended.count):
            self.count(ended.url, ended.verdict, why)


@dataclass(slots=True)
class Statistics:
    """Counts of a run; ``errors``, ``skips``, ``gone``, ``statuses``, ``changes`` and ``seeds``
    are of the whole pass.

    ``statuses`` counts URLs by the HTTP status with which they ended, if there was one.

    ``requests`` includes robots.txt; ``bugs`` are errors of class ``internal``; ``wakes``,
    ``claims`` and ``commits`` tell how much the engine works for a page. ``items`` were made,
    ``dropped`` lacked a required field; ``field_errors`` counts the pages that have some.
    ``looked`` counts the pages that a field was looked for on, ``found`` are those fields that
    were there.
    """

    started: float = 0.0
    requests: int = 0
    bytes: int = 0
    wire_bytes: int = 0
    bugs: int = 0
    wakes: int = 0
    claims: int = 0
    commits: int = 0
    items: int = 0
    dropped: int = 0
    field_errors: int = 0
    looked: Counter[str] = field(default_factory=Counter)
    found: set[str] = field(default_factory=set)
    errors: Counter[str] = field(default_factory=Counter)
    skips: Counter[str] = field(default_factory=Counter)
    gone: Counter[str] = field(default_factory=Counter)
    statuses: Counter[int] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    changes: Counter[str] = field(default_factory=Counter)
    seeds: SeedEnds = field(default_factory=SeedEnds)

    @property
    def not_found(self) -> dict[str, int]:
        """The fields that were on no page, and how many pages they were looked for on."""
        return {name: pages for name, pages in self.looked.items() if name not in self.found}

    def recall(self, past: Past) -> None:
        """Count what ended before this run."""
        self.changes.update(past.changes)
        for ended in past.ended:
            if ended.status is not None:
                self.statuses[ended.status] += ended.count
            if ended.verdict is Verdict.FAILED:
                self.errors[str(ended.why)] += ended.count
            elif ended.verdict is Verdict.SKIPPED:
                self.skips[str(ended.why)] += ended.count
            elif ended.verdict is Verdict.GONE:
                self.gone[str(ended.why)] += ended.count
            if ended.seeds:
                self.seeds.recall(ended)
