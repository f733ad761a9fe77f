"""The shell completes verbs, flags, choices and files: asked in a real bash."""

import os
import pty
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Self

import pytest

from tests.cli.run import crawler

BASH = shutil.which("bash")
PATH = f"{Path(sys.executable).parent}:{os.environ['PATH']}"


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


@pytest.mark.skipif(BASH is None, reason="there is no bash")
def test_a_real_bash_completes(tmp_path: Path) -> None:
    (tmp_path / "seeds-of-today.txt").touch()
    (tmp_path / "crawler.toml").write_text("broken = [")

    with Bash(tmp_path) as bash:
        assert bash.completes("crawler compl", "crawler completion ")
        assert bash.completes("crawler crawl --max-pag", "crawler crawl --max-pages ")
        assert bash.completes("crawler crawl --scope dom", "crawler crawl --scope domain ")
        assert bash.completes("crawler crawl -i seeds", "crawler crawl -i seeds-of-today.txt ")
        assert bash.completes("crawler crawl --config cr", "crawler crawl --config crawler.toml ")
        assert bash.completes("crawler state se", "crawler state seeds-of-today.txt ")
        assert bash.completes("crawler config show --durab", "crawler config show --durability ")
        assert not bash.completes("crawler crawl --xyz", "crawler crawl --xyz-")


class Bash:
    """A bash on a terminal of its own, in a folder, with the completion loaded."""

    def __init__(self, folder: Path) -> None:
        self._terminal, theirs = pty.openpty()
        self._process = subprocess.Popen(
            [str(BASH), "--norc", "--noprofile", "-i"],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            cwd=folder,
            env={"PATH": PATH, "PS1": "> ", "TERM": "dumb", "INPUTRC": os.devnull,
                 "COLUMNS": "200", "HOME": str(folder)},
            start_new_session=True,
        )  # fmt: skip
        os.close(theirs)
        os.write(self._terminal, b'eval "$(crawler completion bash)"; echo rea""dy\n')
        assert self._until("ready")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._terminal)

    def completes(self, typed: str, whole: str) -> bool:
        """Whether a tab makes a line whole; it is then taken back."""
        os.write(self._terminal, b"\x15" + typed.encode() + b"\t\t#")
        found = self._until(whole) if whole.endswith(" ") else self._until("#", whole)
        os.write(self._terminal, b"\x15\n")
        return found

    def _until(self, *words: str) -> bool:
        """Read until the first of some words comes; whether the last has come by then."""
        seen = ""
        end = time.monotonic() + 20
        while words[0] not in seen and time.monotonic() < end:
            ready, _, _ = select.select([self._terminal], [], [], 1)
            if ready:
                seen += os.read(self._terminal, 4_096).decode("utf-8", "replace").replace("\a", "")
        return words[-1] in seen
