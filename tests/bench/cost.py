"""What a command costs: seconds, CPU and memory, summed over all its processes. Linux only."""

import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

SAMPLE = 0.1
"""Seconds between two looks at the memory; one look takes a millisecond a process."""

_PSS = re.compile(r"^Pss: +(\d+) kB", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Cost:
    """``seconds`` on the wall, from before the interpreter starts until the process has gone;
    ``cpu`` seconds of all processes, ``memory`` the peak of their summed PSS in MB (1e6).

    ``late`` says that it was ended because its time was over, ``err`` is the end of its stderr.
    """

    seconds: float
    cpu: float
    memory: float
    code: int
    late: bool = False
    err: str = ""


def run(command: Sequence[str], scratch: Path, limit: float = 600.0) -> Cost:
    """Run a command to its end, or for at most ``limit`` seconds."""
    with (scratch / "stderr").open("w+b") as err:
        started = time.perf_counter()
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=err, cwd=_ROOT
        )
        watch = _Watch(process.pid, limit)
        watch.start()
        try:
            _, status, usage = os.wait4(process.pid, 0)
        except BaseException:
            kill(list(family(process.pid)))
            process.wait()
            raise
        seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        watch.end()
        err.seek(-min(2_000, err.tell()), os.SEEK_CUR)
        said = err.read().decode("utf-8", "replace")
    cpu = usage.ru_utime + usage.ru_stime
    return Cost(seconds, cpu, watch.peak / 1e6, process.returncode, watch.late, said)


_ROOT = Path(__file__).parents[2]


class _Watch(threading.Thread):
    """Samples the memory of a process and its descendants; ends them when time is over."""

    def __init__(self, pid: int, limit: float) -> None:
        super().__init__(name="watch", daemon=True)
        self.peak = 0
        self.late = False
        self._pid = pid
        self._until = time.monotonic() + limit
        self._over = threading.Event()

    def run(self) -> None:
        while not self._over.wait(SAMPLE):
            processes = list(family(self._pid))
            self.peak = max(self.peak, sum(map(pss, processes)))
            if time.monotonic() > self._until:
                self.late = True
                kill(processes)
                return

    def end(self) -> None:
        self._over.set()
        self.join()


def family(pid: int) -> Iterator[int]:
    """Yield a process and its descendants."""
    yield pid
    with suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                yield from family(int(child))


def kill(family: Sequence[int]) -> None:
    """Kill a process and its descendants, the youngest first."""
    for pid in reversed(family):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def kill_children() -> None:
    """Kill all descendants of this process, and see them dead."""
    _, *others = family(os.getpid())
    kill(others)
    for pid in others:
        with suppress(ChildProcessError):  # a child's child is not ours to wait for
            os.waitpid(pid, 0)


def pss(pid: int) -> int:
    """Return a process's proportional set size in bytes, 0 if it has gone."""
    with suppress(OSError):
        if match := _PSS.search(Path(f"/proc/{pid}/smaps_rollup").read_text()):
            return int(match[1]) * 1024
    return 0
