"""What the rounds came to: medians with their spread, and who left pages out."""

import statistics
import textwrap
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tests.bench.contest import Run
from tests.bench.peers.peer import OURS

TOLERATED = 0.02
"""The share of pages that a peer may miss or add; wget2 does not read ``&#45;`` in links."""

NAMED = 2
"""Pages that are named where sets differ."""


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of some rounds, the least and the most."""

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        return cls(statistics.median(values), min(values), max(values))

    def shown(self, digits: int = 0) -> str:
        """Return it for a table."""
        return f"{self.median:,.{digits}f} ({self.least:,.{digits}f}–{self.most:,.{digits}f})"


@dataclass(frozen=True, slots=True)
class Row:
    """One peer. ``behind`` is how many times faster ours is in the same round.

    ``missed`` are pages that someone else got in the same round, in the worst of the rounds;
    of who was ``late``, and so was ended, the speed is that of the time it had.
    ``memory`` is 0 where all was over before it could be looked at.
    """

    name: str
    pages: int
    requests: int
    kilobytes: float
    rate: Spread
    cpu: Spread
    memory: float
    behind: Spread
    missed: Sequence[str]
    late: bool
    failed: Sequence[str]
    settings: str

    @property
    def fair(self) -> bool:
        """Whether it did the same work as everyone else."""
        return len(self.missed) <= TOLERATED * (self.pages + len(self.missed)) and not self.failed


def rows(runs: Sequence[Run]) -> list[Row]:
    """Return a row for each peer, in the order of the first round."""
    order = [run.peer.name for run in runs if run.turn == 0]
    return [_row([run for run in runs if run.peer.name == name], runs) for name in order]


def _row(own: Sequence[Run], runs: Sequence[Run]) -> Row:
    first = own[0]
    pages = first.asked.pages
    ours = {run.turn: run.rate for run in runs if run.peer.name == OURS}
    return Row(
        name=first.peer.name,
        pages=len(pages),
        requests=first.asked.requests,
        kilobytes=sum(pages.values()) / 1e3 / max(1, len(pages)),
        rate=Spread.of([run.rate for run in own]),
        cpu=Spread.of([run.cpu_a_page for run in own]),
        memory=max(run.cost.memory for run in own),
        behind=Spread.of([ours[run.turn] / run.rate if run.rate else 0.0 for run in own]),
        missed=max((_missed(run, runs) for run in own), key=len),
        late=any(run.cost.late for run in own),
        failed=sorted({run.failure for run in own if run.failure}),
        settings=first.peer.settings,
    )


def _missed(run: Run, runs: Sequence[Run]) -> list[str]:
    """Return the pages that others got in the same round.

    Who had no time to get them all has missed none.
    """
    if run.cost.late:
        return []
    same = [each for each in runs if each.turn == run.turn]
    return sorted(set().union(*(each.asked.pages for each in same)) - set(run.asked.pages))


_COLUMNS: list[tuple[str, Callable[[Row], str]]] = [
    ("pages/s", lambda row: row.rate.shown()),
    ("CPU ms/page", lambda row: f"{row.cpu.median:.2f}"),
    ("memory MB", lambda row: f"{row.memory:,.0f}" if row.memory else "–"),
    ("ours ÷ it", lambda row: row.behind.shown(2 if row.behind.median < 10 else 1)),
]


def text(found: Sequence[Row], rounds: int) -> str:
    """Return the table in Markdown, with what has to be said of it."""
    best = max(found, key=lambda row: row.pages)
    lines = [
        f"{best.pages:,} pages, {best.kilobytes:.0f} KB each.",
        "",
        f"Medians of {rounds} interleaved rounds (least–most), each a whole process from start to",
        "exit; CPU and peak memory (PSS) are summed over all its processes.",
        "",
        "| | " + " | ".join(name for name, _ in _COLUMNS) + " |",
        "|---|" + "---:|" * len(_COLUMNS),
    ]
    lines += [_line(row) for row in sorted(found, key=lambda row: -row.rate.median)]
    lines.append("")
    for note in (*notes(found), *settings(found)):
        lines += textwrap.wrap(note, 96, subsequent_indent="  ", break_on_hyphens=False) or [""]
    return "\n".join(lines)


def _line(row: Row) -> str:
    name = f"**{row.name}**" if row.name == OURS else row.name
    if not row.fair:
        name += " (not the same work: see below)"
    return f"| {name} | " + " | ".join(show(row) for _, show in _COLUMNS) + " |"


def notes(found: Sequence[Row]) -> Iterator[str]:
    """Yield who did other work than the others."""
    for row in found:
        if row.late:
            yield f"- {row.name} was ended when its time was over: its speed is until then"
        for failure in row.failed:
            yield f"- {row.name}: {failure}"
        if row.missed:
            some = ", ".join(row.missed[:NAMED]) + (" …" if len(row.missed) > NAMED else "")
            yield f"- {row.name} did not fetch {len(row.missed)} of the pages: {some}"


def settings(found: Sequence[Row]) -> Iterator[str]:
    """Yield how each was called."""
    for name, said in {row.name: row.settings for row in found}.items():
        yield f"- {name}: {said}"


def machine(value: Any) -> Any:
    """Return rows as what JSON has."""
    if isinstance(value, (Row, Spread)):
        return {name: machine(getattr(value, name)) for name in value.__slots__}
    if isinstance(value, list):
        return [machine(item) for item in value]
    return value
