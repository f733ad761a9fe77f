"""The real command in a process that dies, with kill -9 from its own hand, at a chosen moment.

``python -m tests.cli.mortal MOMENT NUMBER VARIANT crawl …``: when MOMENT comes for the
NUMBER-th time, the process is gone. VARIANT names a promise broken on purpose, or is ``-``.
"""

import os
import signal
import sys
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from crawler import cli
from crawler.account import Mark
from crawler.engine.crew import Crew
from crawler.engine.line import Done
from crawler.engine.settle import Settle
from crawler.frontier.state import State
from crawler.sink.files import checksum
from crawler.sink.output import Output
from crawler.sink.records import Records
from crawler.sink.series import Series

MOMENTS = (
    "after page",  # fetched and parsed
    "before write", "amid write", "after write",
    "before seal", "after seal",
    "before commit", "after commit",
    "before truncate", "after truncate",
    "before rotate", "after rotate",
)  # fmt: skip


class Reaper:
    """Counts the moments of one kind, and kills at the last."""

    def __init__(self, moment: str, number: int) -> None:
        self._moment = moment
        self._left = number

    def comes(self, moment: str) -> None:
        """Say that a moment has come."""
        if moment == self._moment:
            self._left -= 1
            if not self._left:
                os.kill(os.getpid(), signal.SIGKILL)

    def is_next(self, moment: str) -> bool:
        """Whether the moment is the last when it comes next."""
        return moment == self._moment and self._left == 1

    def watch(self) -> None:
        """Have every moment of interest told."""
        self._around(Output, "seal", "seal")
        self._around(Series, "_rotate", "rotate")
        self._around(Crew, "_end", "page")
        write, cut, commit = Output._append, Output._cut, State.commit

        async def append(output: Output, data: bytes) -> None:
            self.comes("before write")
            if self.is_next("amid write"):
                os.write(output._descriptor, data[: len(data) // 2])
            self.comes("amid write")
            await write(output, data)
            self.comes("after write")

        def cut_off(output: Output, length: int) -> None:
            self.comes("before truncate")
            cut(output, length)
            self.comes("after truncate")

        @contextmanager
        def committed(state: State) -> Iterator[None]:
            with commit(state):
                yield
                self.comes("before commit")
            self.comes("after commit")

        _put(Output, "_append", append)
        _put(Output, "_cut", cut_off)
        _put(State, "commit", committed)

    def _around(self, of: Any, name: str, what: str) -> None:
        real: Callable[..., Awaitable[Any]] = getattr(of, name)

        async def told(*args: Any) -> Any:
            self.comes(f"before {what}")
            result = await real(*args)
            self.comes(f"after {what}")
            return result

        _put(of, name, told)


def _put(of: type, name: str, value: object) -> None:
    setattr(of, name, value)


def break_promise(variant: str) -> None:
    """Leave out what keeps records from being lost or repeated."""
    if variant != "-":  # a moment is to come as often on a busy machine, whose batches are full
        _put(Records, "at_once", 50)
    if variant == "no truncation":

        def keep_all(output: Output, mark: Mark) -> None:
            output.offset = os.fstat(output._descriptor).st_size
            output.crc = checksum(output.name, output.offset)

        _put(Output, "_take_up", keep_all)
    if variant == "no mark of a new file":
        seal = Series.seal

        async def seal_one(series: Series) -> Sequence[Mark]:
            return [mark for mark in await seal(series) if mark.name == series.name]

        _put(Series, "seal", seal_one)
    if variant == "commit before write":
        commit = Settle._commit

        async def commit_first(settle: Settle, batch: list[Done]) -> None:
            settle._gathered.take(batch)
            await commit(settle)
            await settle.sink.write([line for done in batch for line in done.lines])

        _put(Settle, "_write", commit_first)


def main() -> None:
    """Run the command until it is over, or until then."""
    moment, number, variant, *command = sys.argv[1:]
    break_promise(variant)
    Reaper(moment, int(number)).watch()
    sys.argv[1:] = command
    cli.main()


if __name__ == "__main__":
    main()
