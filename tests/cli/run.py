"""Runs the real command in a process of its own."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.cli.starter import able, starter
from tests.records import read

COMMAND = [sys.executable, "-m", "crawler"]
ONE = {"CRAWLER_PARSERS": "1"}
"""One parsing child reads a few pages as soon as two, for half the CPU."""


@dataclass(frozen=True, slots=True)
class Ran:
    """What a run came to."""

    code: int
    out: str
    err: str

    @property
    def records(self) -> list[dict[str, Any]]:
        """The records on stdout, each as its schema has it."""
        return read(self.out)

    def of(self, type_: str) -> list[dict[str, Any]]:
        """The records of one type."""
        return [record for record in self.records if record["type"] == type_]


def crawler(
    *args: str,
    stdin: str | None = None,
    timeout: float = 60.0,
    cwd: Path | None = None,
    fresh: bool = False,
    **env: str,
) -> Ran:
    """Run ``crawler ARGS``; see :func:`finish`."""
    environment = os.environ | env
    return finish([*COMMAND, *args], stdin, timeout=timeout, env=environment, cwd=cwd, fresh=fresh)


def broken(code: str, *args: str, verb: str = "crawl", cwd: Path | None = None, **env: str) -> Ran:
    """Run ``crawler crawl ARGS`` after some ``code`` that breaks it on purpose."""
    code += "\nfrom crawler.cli import main\nmain()"
    command = [sys.executable, "-c", code, *verb.split(), *args]
    return finish(command, env=os.environ | (ONE if verb == "crawl" else {}) | env, cwd=cwd)


def finish(
    command: Sequence[str],
    stdin: str | None = None,
    *,
    timeout: float = 60.0,
    env: Mapping[str, str] = os.environ,
    cwd: Path | None = None,
    fresh: bool = False,
) -> Ran:
    """Run any command to its end; ``fresh``: with an interpreter of its own, whatever it costs."""
    if not fresh and able(command, env):
        return Ran(*starter(command[1]).run(command, stdin, env, cwd, timeout))
    done = subprocess.run(
        command,
        input=stdin or "",
        capture_output=True,
        text=True,
        timeout=timeout,
        env=env,
        cwd=cwd,
        check=False,
    )
    return Ran(done.returncode, done.stdout, done.stderr)


def crawl(*args: str, fresh: bool = False, **more: Any) -> Ran:
    """Run ``crawler crawl ARGS``: with one parsing child, if it is neither ``fresh`` nor told."""
    return crawler("crawl", *args, fresh=fresh, **({} if fresh else ONE) | more)
