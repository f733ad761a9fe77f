"""A crawl with a state, told run by run: some end by themselves, some are killed."""

import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crawler.frontier import passes
from tests.cli.run import COMMAND, Ran, finish
from tests.cli.written import rows

Balance = Mapping[str, Any]


def graph(pages: int) -> dict[str, list[str]]:
    """Return path → links of a site that is wide soon; ``/0`` leads everywhere."""
    return {
        f"/{number}": [
            f"/{other}"
            for other in (0, number - 1, *range(3 * number + 1, 3 * number + 4))
            if 0 <= other < pages
        ]
        for number in range(pages)
    }


def once(found: Iterable[dict[str, Any]]) -> dict[str, str]:
    """Return url → record type; a URL with two records in a pass is an error."""
    counts = Counter(
        (each.get("pass"), each["url"], each["type"]) for each in found if each["type"] != "summary"
    )
    ends = {(run, url): kind for run, url, kind in counts}
    assert len(ends) == counts.total(), [each for each, times in counts.items() if times > 1]
    return {url: kind for (_, url), kind in ends.items()}


def balanced(summary: Balance) -> bool:
    """Whether every URL of a summary has one end, and every error and skip a class."""
    ends = ("fetched", "redirected", "failed", "skipped", "gone", "left")
    return bool(
        summary["discovered"] == sum(summary[end] for end in ends)
        and summary["failed"] == sum(summary["errors"].values())
        and summary["skipped"] == sum(summary["skips"].values())
    )


def one_line(err: str, *words: str) -> bool:
    """Whether that is one line, ours, with these words."""
    lines = err.splitlines()
    return (
        len(lines) == 1
        and lines[0].startswith("crawler: ")
        and all(word in lines[0] for word in words)
    )


def wait_for(condition: Callable[[], object], seconds: float = 20.0) -> None:
    """Wait until a condition on the outside world holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.002)


@dataclass
class Life:
    """A folder with a state and outputs, and the command that is given again and again."""

    folder: Path
    seeds: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ("out.jsonl",)
    usual: tuple[str, ...] = ("--parsers", "0", "--per-host", "16")

    @property
    def state(self) -> Path:
        """The state file."""
        return self.folder / "crawl.db"

    @property
    def out(self) -> Path:
        """The first output."""
        return self.folder / self.outputs[0]

    def args(self, *more: str) -> list[str]:
        """Return the arguments of the command."""
        outputs = [word for name in self.outputs for word in ("-o", self._path(name))]
        return ["crawl", *self.seeds, "--state", str(self.state), *outputs, *self.usual, *more]

    def run(self, *more: str, stdin: str | None = None, **kwargs: Any) -> Ran:
        """Run the command until it ends."""
        return finish([*COMMAND, *self.args(*more)], stdin, **kwargs)

    def die(
        self,
        moment: str,
        number: int,
        *more: str,
        stdin: str | None = None,
        mortal: str = "tests.cli.mortal",
    ) -> Ran:
        """Run the command until the moment comes for the NUMBER-th time, or until it ends."""
        command = [sys.executable, "-m", mortal, moment, str(number), "-", *self.args(*more)]
        return finish(command, stdin)

    def killed(self, moment: str, number: int, *more: str, stdin: str | None = None) -> None:
        """Like :meth:`die`, and it has to."""
        ran = self.die(moment, number, *more, stdin=stdin)
        assert ran.code == -signal.SIGKILL, (ran.code, ran.err)

    @contextmanager
    def running(self, *more: str, **kwargs: Any) -> Iterator[subprocess.Popen[str]]:
        """Start the command; it is ended by force if nothing else has."""
        streams: dict[str, Any] = {
            "stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE,
        }  # fmt: skip
        process = subprocess.Popen([*COMMAND, *self.args(*more)], text=True, **(streams | kwargs))
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()
            process.communicate()

    def records(self, *names: str) -> list[dict[str, Any]]:
        """Return the records of outputs, the first one if none is named."""
        return [each for name in names or self.outputs[:1] for each in rows(self.folder / name)]

    def ends(self) -> dict[str, str]:
        """Return url → record type of the first output, each once."""
        return once(self.records())

    def files(self) -> dict[str, bytes]:
        """Return what is in the folder, but for locks and what a mere reader leaves there."""
        return {
            path.name: data
            for path in sorted(self.folder.iterdir())
            if path.is_file() and path.suffix != ".lock" and not path.name.endswith("-shm")
            if (data := path.read_bytes()) or not path.name.endswith("-wal")
        }

    def _path(self, name: str) -> str:
        return name if name == "-" else str(self.folder / name)


def unended(state: Path) -> None:
    """Make a state what it is when the run that ended its pass dies just before it says so."""
    with closing(sqlite3.connect(state, isolation_level=None)) as db:
        passes.store(db, passes.latest(db)._replace(ended=None))
