"""Microseconds of CPU by stage, the least of several runs."""

import contextlib
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field


@dataclass(slots=True)
class Meter:
    """Adds up CPU time (of this process with its threads) and what was done in it, by stage."""

    spent: dict[tuple[str, str], float] = field(default_factory=dict)
    done: dict[tuple[str, str], int] = field(default_factory=dict)

    @contextlib.contextmanager
    def __call__(self, stage: str, unit: str, count: int) -> Iterator[None]:
        """Time what happens in the context: ``count`` pages, or links, in a stage."""
        started = time.process_time()
        yield
        key = stage, unit
        self.spent[key] = self.spent.get(key, 0.0) + time.process_time() - started
        self.done[key] = self.done.get(key, 0) + count

    @property
    def costs(self) -> dict[tuple[str, str], float]:
        """Microseconds a unit, by stage and unit."""
        return {key: 1e6 * spent / self.done[key] for key, spent in self.spent.items()}


@dataclass(slots=True)
class Least:
    """The least cost that any of several runs had, by stage and unit."""

    costs: dict[tuple[str, str], float] = field(default_factory=dict)

    def take(self, costs: Mapping[tuple[str, str], float]) -> None:
        """Take one run in."""
        for key, cost in costs.items():
            self.costs[key] = min(cost, self.costs.get(key, cost))

    def text(self) -> str:
        """Return a table in Markdown."""
        lines = ["| stage | µs CPU | a |", "|---|---:|---|"]
        for (stage, unit), cost in self.costs.items():
            lines.append(f"| {stage} | {cost:,.{1 if cost < 100 else 0}f} | {unit} |")
        return "\n".join(lines)
