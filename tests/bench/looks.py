"""A crawl looked at from outside, about once a second: how far it is and what it holds.

What the machine does for others beside it is told, too: by the clock nothing can be said of a
crawl that had only half of a core.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from tests.bench.cost import family, pss

CORES = os.cpu_count() or 1
TICK = 1 / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Look:
    """A moment ``at`` seconds after the start.

    ``fetched`` pages of ``known`` URLs so far; ``cpu`` seconds of all processes, and ``work`` of
    the main one; ``memory`` of all processes, and ``main`` of that one, in bytes (PSS). ``busy``
    is the part of the machine that was in use since the process began, from 0 to 1, and
    ``taken`` what of that went to others than the crawl and the server.
    """

    at: float
    fetched: int
    known: int
    cpu: float
    work: float
    memory: int
    main: int
    busy: float
    taken: float

    @property
    def queued(self) -> int:
        """URLs that wait."""
        return self.known - self.fetched


class Machine:
    """What the machine does, and what of that is ours, from now on."""

    def __init__(self) -> None:
        self._since = time.monotonic()
        self._ours = sum(map(_cpu, family(os.getpid())))
        self._busy = _busy()

    def look(self) -> tuple[float, float]:
        """Return which part of it was in use since then, and which by others than us."""
        seconds = CORES * (time.monotonic() - self._since)
        busy = _busy() - self._busy
        ours = sum(map(_cpu, family(os.getpid()))) - self._ours
        return busy / seconds, max(0.0, busy - ours) / seconds


def crawl(*flags: str, within: float = 3_600.0) -> list[Look]:
    """Run the command with these flags to its end; return the looks, the last of its summary.

    After ``within`` seconds it is asked to end.
    """
    command = [sys.executable, "-m", "crawler", "crawl", "--progress", "json", *flags]
    found: list[Look] = []
    machine = Machine()
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        text=True,
    ) as process:  # fmt: skip
        assert process.stderr is not None
        said = []
        for line in process.stderr:
            said.append(line)
            with suppress(ValueError):
                told = json.loads(line)
                found.append(_look(told, process.pid, machine, found))
                if found[-1].at > within:
                    process.terminate()
                    within = float("inf")
    assert process.returncode in (0, 143), "".join(said[-3:])
    return found


def _look(told: dict[str, Any], pid: int, machine: Machine, before: Sequence[Look]) -> Look:
    """Return what there is to see when the crawl has just told this."""
    tally = told.get("tally", told)
    at = told["elapsed"] if "elapsed" in told else told["elapsed_ms"] / 1_000
    processes = list(family(pid))
    cpu, memory = sum(map(_cpu, processes)), sum(map(pss, processes))
    work, main = _cpu(pid), pss(pid)
    if before and told["type"] == "summary":  # it is going, and some of its processes have gone
        last = before[-1]
        cpu, work, memory, main = last.cpu, last.work, last.memory, last.main
    return Look(at, tally["fetched"], tally["discovered"], cpu, work, memory, main, *machine.look())


def rates(looks: Sequence[Look], parts: int = 10) -> list[tuple[float, float, float]]:
    """Return what each tenth of the pages took: pages a second by the clock, pages a second of
    CPU, and of the CPU the part that the main process had.

    That part is what no neighbour changes: all pages cost the parsing children the same.
    """
    most = max(look.fetched for look in looks[:-1])  # the last look knows only the clock
    marks = [_when(looks[:-1], most * part / parts) for part in range(parts + 1)]
    return [
        (most / parts / (then - now), most / parts / (b - a), (end - begin) / (b - a))
        for (now, a, begin), (then, b, end) in pairwise(marks)
    ]


def _when(looks: Sequence[Look], pages: float) -> tuple[float, float, float]:
    """Return at what time so many pages had been fetched, and the CPU of all and of main."""
    for before, after in pairwise(looks):
        if after.fetched >= pages and after.fetched > before.fetched:
            part = max(0.0, (pages - before.fetched) / (after.fetched - before.fetched))
            return (
                before.at + part * (after.at - before.at),
                before.cpu + part * (after.cpu - before.cpu),
                before.work + part * (after.work - before.work),
            )
    raise AssertionError("the crawl has not come so far")


def table(looks: Sequence[Look], rows: int = 20) -> str:
    """Return the curve as lines to read."""
    step = max(1, len(looks) // rows)
    chosen = [*looks[:-1:step], looks[-1]]
    head = "     s    pages      known   queued  pages/s  CPU ms  main ms  all MB  main MB  others"
    return "\n".join([head, *map(_row, pairwise(chosen))])


def _row(ends: tuple[Look, Look]) -> str:
    before, look = ends
    seconds, pages = look.at - before.at, look.fetched - before.fetched
    rate, cost = pages / (seconds or 1), 1_000 * (look.cpu - before.cpu) / (pages or 1)
    work = 1_000 * (look.work - before.work) / (pages or 1)
    return (
        f"{look.at:6.1f} {look.fetched:8,} {look.known:10,} {look.queued:8,} {rate:8,.0f} "
        f"{cost:7.2f} {work:8.2f} {look.memory / 1e6:7.0f} {look.main / 1e6:8.0f} {look.taken:7.0%}"
    )


def _busy() -> float:
    """Return the CPU seconds that the machine has not been idle."""
    user, nice, system, _idle, _wait, *rest = map(
        int, Path("/proc/stat").read_text().partition("\n")[0].split()[1:9]
    )
    return TICK * (user + nice + system + sum(rest))


def _cpu(pid: int) -> float:
    """Return the CPU seconds of a process and of its children that have ended."""
    with suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return TICK * sum(map(int, fields[11:15]))
    return 0.0
