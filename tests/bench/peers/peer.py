"""A crawler as a competitor: how it is called, and what is said of how it is called."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

OURS = "crawler"


@dataclass(frozen=True, slots=True)
class Peer:
    """``command`` returns what to run for a URL and a folder to write to.

    ``settings`` is told under the table. ``codes`` are the exit codes of a crawl that
    went well.
    """

    name: str
    settings: str
    command: Callable[[str, Path], Sequence[str]]
    codes: tuple[int, ...] = (0,)
