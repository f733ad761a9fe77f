"""Installs what the comparison needs, as far as it can: ``python -m tests.bench.peers.install``.

System packages with apt, by root; the Python peers in a virtual environment of their own.
What cannot be installed is said, and is then left out of the table.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.real.docs import FOLDERS, program

HOME = Path(__file__).parents[3] / ".venv-bench"
PYTHON = HOME / "bin/python"

PEERS = ("Scrapy==2.19.0", "crawlee[parsel]==1.11.0")
"""Pinned, so that a table can be measured again."""

_DOCS = {"python": "python3.11-doc", "postgres": "postgresql-doc-15", "git": "git-doc"}


def main() -> None:
    """Install, and say what could not be."""
    for package in _absent():
        if not _apt(package):
            print(f"not installed: {package} (apt-get install {package}, as root)")
    for requirement in PEERS:
        if not _pip(requirement):
            print(f"not installed: {requirement}")


def _absent() -> Iterator[str]:
    """Yield the system packages that are missing."""
    if program() is None:
        yield "nginx-light"
    for command in ("wget2", "strace"):
        if shutil.which(command) is None:
            yield command
    for name, package in _DOCS.items():
        if not FOLDERS[name].is_dir():
            yield package


def _apt(package: str) -> bool:
    if os.getuid() or shutil.which("apt-get") is None:
        return False
    command = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", package]
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for prepare in ([], ["apt-get", "update", "-qq"]):
        if prepare:
            _quietly(prepare, environment)
        if _quietly(command, environment):
            return True
    return False


def _pip(requirement: str) -> bool:
    done = HOME / f"{requirement}.installed"
    if done.exists():
        return True
    if not PYTHON.exists() and not _quietly([sys.executable, "-m", "venv", str(HOME)]):
        return False
    pip = [str(PYTHON), "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    if not _quietly([*pip, requirement]):
        return False
    done.touch()
    return True


def _quietly(command: list[str], environment: dict[str, str] | None = None) -> bool:
    ran = subprocess.run(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False
    )
    return ran.returncode == 0


if __name__ == "__main__":
    main()
