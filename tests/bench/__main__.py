"""``make bench``: ours and its peers on the same real site, in interleaved rounds."""

import argparse
import compileall
import datetime
import json
import platform
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.bench import cost, site, table
from tests.bench.contest import Contest
from tests.bench.peers import known
from tests.bench.peers.peer import OURS
from tests.real.docs import program

MEMORY = Path("/dev/shm")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; return 1 if someone did not do the same work as the others."""
    asked = _arguments(arguments)
    if why := _impossible(asked.site):
        print(f"cannot measure: {why}", file=sys.stderr)
        return 2
    compileall.compile_dir("crawler", quiet=1)  # as everyone else was when they were installed
    entries = [ways for ways in known.everyone() if _wanted(ways[0].name, asked.only)]
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as scratch:
        run = Path(scratch)
        with site.served(asked.site, run) as served:
            contest = Contest(served, run, asked.limit, lambda line: print(line, file=sys.stderr))
            if asked.quick:
                peers = [ways[0] for ways in entries]
            else:
                peers = contest.choose(entries)
                contest.warm_up(peers[0])
            rows = table.rows(list(contest.rounds(peers, asked.rounds)))
    if asked.json:
        print(json.dumps(_where() | {"rounds": asked.rounds, "rows": table.machine(rows)}))
    else:
        where = _where()
        print(f"{where['date']}, {where['machine']}, Python {where['python']}.\n")
        print(table.text(rows, asked.rounds))
    return 0 if all(row.fair for row in rows) else 1


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    add = parser.add_argument
    add("--rounds", type=int, default=5)
    add("--site", type=Path, help="a folder to serve instead of the documentation")
    add("--only", action="append", default=[], metavar="NAME", help="ours and these peers alone")
    add("--limit", type=float, default=300.0, metavar="SECONDS", help="for one crawl")
    add("--quick", action="store_true", help="no trials, and nothing is warmed up")
    add("--json", action="store_true", help="print an object for machines")
    return parser.parse_args(arguments)


def _impossible(folder: Path | None) -> str | None:
    """Return why nothing can be measured here, or None."""
    if not Path("/proc/self/smaps_rollup").exists():
        return "memory is measured by /proc, which Linux has"
    if program() is None:
        return "nginx is not installed"
    if folder is None and (names := site.missing()):
        return f"no documentation of {', '.join(names)}; install it or give SITE=/path"
    if folder is not None and not folder.is_dir():
        return f"{folder} is no folder"
    return None


def _wanted(name: str, only: Sequence[str]) -> bool:
    return not only or name == OURS or any(name.startswith(each) for each in only)


def _where() -> dict[str, str | int]:
    """Return when and on what this is measured."""
    info = Path("/proc/cpuinfo").read_text()
    models = [line.partition(": ")[2] for line in info.splitlines() if line.startswith("model n")]
    cores = models or [platform.machine()]
    return {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "machine": f"{len(cores)} × {cores[0]}, with the web server",
        "python": platform.python_version(),
    }


if __name__ == "__main__":
    for each in (signal.SIGTERM, signal.SIGINT):  # also where a shell has it ignored, after &
        signal.signal(each, lambda number, frame: sys.exit(128 + number))
    try:
        sys.exit(main())
    finally:  # a signal may come while a process is being started
        cost.kill_children()
