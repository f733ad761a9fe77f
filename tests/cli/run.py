"""Runs the real command in a process of its own."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.records import read

COMMAND = [sys.executable, "-m", "crawler"]


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
    **env: str,
) -> Ran:
    """Run ``crawler ARGS``."""
    return _run([*COMMAND, *args], stdin, timeout, env, cwd)


def broken(code: str, *args: str, verb: str = "crawl", cwd: Path | None = None, **env: str) -> Ran:
    """Run ``crawler crawl ARGS`` after some ``code`` that breaks it on purpose."""
    code += "\nfrom crawler.cli import main\nmain()"
    return _run([sys.executable, "-c", code, *verb.split(), *args], None, 60.0, env, cwd)


def _run(
    command: list[str],
    stdin: str | None,
    timeout: float,
    env: dict[str, str],
    cwd: Path | None = None,
) -> Ran:
    done = subprocess.run(
        command,
        input=stdin,
        stdin=subprocess.DEVNULL if stdin is None else None,
        capture_output=True,
        text=True,
        timeout=timeout,
        env=os.environ | env,
        cwd=cwd,
        check=False,
    )
    return Ran(done.returncode, done.stdout, done.stderr)


def crawl(
    *args: str,
    stdin: str | None = None,
    timeout: float = 60.0,
    cwd: Path | None = None,
    **env: str,
) -> Ran:
    """Run ``crawler crawl ARGS``."""
    return crawler("crawl", *args, stdin=stdin, timeout=timeout, cwd=cwd, **env)
