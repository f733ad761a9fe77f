"""What is crawled: folders of real documentation behind nginx, and who asked for what."""

import contextlib
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from tests.real.docs import FOLDERS, serving
from tests.web.server import html

COPIES = {"python": 2, "postgres": 6, "git": 8}
"""Of each documentation: about 10,000 pages of 27 KB on average."""

ROBOTS = "User-agent: *\nDisallow: /private/\n"
QUIET = 0.05
"""Seconds without a new line after which the log is taken to be whole."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked of the server: ``pages``, the HTML pages it gave, with their sizes by
    path, and how many ``requests`` there were in all."""

    pages: Mapping[str, int]
    requests: int


class Log:
    """nginx's access log, read from where the last reading ended."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._at = 0
        path.touch()

    def read(self) -> Asked:
        """Wait until nothing is added any more and return what is new."""
        size = -1
        while size != (size := self._path.stat().st_size):
            time.sleep(QUIET)
        with self._path.open("rb") as file:
            file.seek(self._at)
            lines = file.read().decode("utf-8", "replace").splitlines()
        self._at = size
        return Asked(dict(page for page in map(_page, lines) if page), len(lines))


def _page(line: str) -> tuple[str, int] | None:
    """Return path and size of a page that was given, or None for any other request."""
    method, status, size, path, content_type = line.split(" ", 4)
    given = (method, status) == ("GET", "200") and content_type.startswith("text/html")
    return (unquote(path), int(size)) if given else None


@dataclass(frozen=True, slots=True)
class Site:
    """Where everyone starts, and what was asked for there."""

    url: str
    log: Log


@contextlib.contextmanager
def served(folder: Path | None, run: Path) -> Iterator[Site]:
    """Serve ``folder`` (None: the documentation) as long as the context lasts."""
    root = _documentation(run / "site") if folder is None else folder.resolve()
    log = run / "access.log"
    with serving({"site": f"root {root};"}, run, log) as origins:
        yield Site(origins["site"] + "/", Log(log))


def missing() -> list[str]:
    """Return the names of the documentations that are not installed."""
    return [name for name, folder in FOLDERS.items() if not folder.is_dir()]


def _documentation(root: Path) -> Path:
    """Make a site in which each documentation is there several times over."""
    root.mkdir()
    names = [f"{name}-{number}" for name, count in COPIES.items() for number in range(count)]
    for name in names:
        (root / name).symlink_to(FOLDERS[name.partition("-")[0]])
    (root / "index.html").write_text(html(f"/{name}/index.html" for name in names))
    (root / "robots.txt").write_text(ROBOTS)
    return root
