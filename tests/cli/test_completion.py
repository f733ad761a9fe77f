"""The shell completes verbs, flags, choices and files: asked in real ones."""

import os
import pty
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import ClassVar, Self

import pytest

from tests.cli.run import crawler

PATH = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
OURS = {name: os.environ[name] for name in ("PYTHONPATH",) if name in os.environ}


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_script_is_printed(shell: str) -> None:
    ran = crawler("completion", shell, PATH=PATH)

    assert (ran.code, ran.err) == (0, "")
    assert "_CRAWLER_COMPLETE" in ran.out
    assert f"{shell}_complete" in ran.out


def test_the_help_says_how_to_install_it() -> None:
    ran = crawler("completion", "--help")

    assert 'eval "$(crawler completion bash)"' in ran.out
    assert crawler("completion", "tcsh").code == 2


def test_without_a_shell_one_line_says_which_there_are() -> None:
    ran = crawler("completion")
    assert (ran.code, ran.out, ran.err.count("\n")) == (2, "", 1)
    assert "bash, zsh, fish (see crawler completion --help)" in ran.err


LINES = {
    "crawler compl": "crawler completion ",
    "crawler crawl --max-pag": "crawler crawl --max-pages ",
    "crawler crawl --scope dom": "crawler crawl --scope domain ",
    "crawler crawl --scope=dom": "crawler crawl --scope=domain ",
    "crawler crawl -i seeds": "crawler crawl -i seeds-of-today.txt ",
    "crawler crawl --input=seeds": "crawler crawl --input=seeds-of-today.txt ",
    "crawler crawl --config cr": "crawler crawl --config crawler.toml ",
    "crawler state se": "crawler state seeds-of-today.txt ",
    "crawler diff se": "crawler diff seeds-of-today.txt ",
    "crawler extract se": "crawler extract seeds-of-today.txt ",
    "crawler config show --durab": "crawler config show --durability ",
    "crawler crawl --xyz": "crawler crawl --xyz",
}
"""What is typed, and what a tab makes of it."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with two files, one of which must not be read."""
    (tmp_path / "seeds-of-today.txt").touch()
    (tmp_path / "crawler.toml").write_text("broken = [")
    return tmp_path


@pytest.mark.parametrize("name", ["bash", "zsh"])
def test_a_real_shell_completes(folder: Path, name: str) -> None:
    with Shell(name, folder) as shell:
        assert {typed: shell.complete(typed) for typed in LINES} == LINES


def test_a_real_fish_completes(folder: Path) -> None:
    asked = "".join(f"complete -C '{typed}'; echo; " for typed in LINES)
    ran = subprocess.run(
        [found("fish"), "--no-config", "-c", f"crawler completion fish | source; {asked}"],
        cwd=folder, env={"PATH": PATH, "HOME": str(folder), "LANG": "C.UTF-8", **OURS},
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip

    told = [block.split("\t")[0] for block in ran.stdout.split("\n\n")]
    wanted = [whole.split()[-1] if whole.endswith(" ") else "" for whole in LINES.values()]
    assert [each.strip("\n") for each in told][: len(LINES)] == wanted, ran.stderr
    assert "the death of the process, or a power failure as well." in ran.stdout


def found(shell: str) -> str:
    """Return where a shell is, or skip."""
    return shutil.which(shell) or pytest.skip(f"there is no {shell}")


class Shell:
    """A shell on a terminal of its own, in a folder, with the completion loaded."""

    COMMANDS: ClassVar = {
        "bash": ("bash", "--norc", "--noprofile", "-i"),
        "zsh": ("zsh", "-f", "-i"),
    }
    SET_UP: ClassVar = {"bash": "", "zsh": "autoload -Uz compinit; compinit -u -D; "}

    def __init__(self, name: str, folder: Path) -> None:
        found(name)
        self._terminal, theirs = pty.openpty()
        self._process = subprocess.Popen(
            self.COMMANDS[name],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            cwd=folder,
            env={"PATH": PATH, "PS1": "> ", "TERM": "dumb", "INPUTRC": os.devnull,
                 "COLUMNS": "200", "HOME": str(folder), **OURS},
            start_new_session=True,
        )  # fmt: skip
        os.close(theirs)
        self._type(f'{self.SET_UP[name]}eval "$(crawler completion {name})"; echo rea""dy\n')
        assert "ready" in self._until("ready")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._terminal)

    def complete(self, typed: str) -> str:
        """Return what a tab makes of a line, which is then quoted and told."""
        self._type(f"\x15{typed}\t'\x01printf '<%s%s>\\n' '' '\n")
        return self._until(">\r\n").rpartition("\r\n<")[2].partition(">\r\n")[0]

    def _type(self, text: str) -> None:
        os.write(self._terminal, text.encode())

    def _until(self, word: str) -> str:
        """Return what comes up to a word."""
        seen = ""
        end = time.monotonic() + 20
        while word not in seen and time.monotonic() < end:
            ready, _, _ = select.select([self._terminal], [], [], 1)
            if ready:
                seen += os.read(self._terminal, 4_096).decode("utf-8", "replace")
        return seen
