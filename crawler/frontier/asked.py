"""What a crawl is asked for, as the state remembers it: what may not change within a pass."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from crawler.destination import part_number
from crawler.errors import BadSetting

WRITING = {"--output", "--emit", "--format", "--fields"}
"""Flags that say what is written, and not what is asked of whom."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a crawl is asked for that gives it its meaning: flag → value as people type it.

    ``outputs`` are the files it writes.
    """

    flags: Mapping[str, str]
    outputs: Sequence[str] = ()

    def writes(self, name: str) -> bool:
        """Whether a file is an output, or one of the numbered files of one."""
        return any(part_number(name, output) for output in self.outputs)

    def means(self, before: Mapping[str, str]) -> bool:
        """Whether pages mean the same to both: what is written where does not matter."""
        return all(
            before.get(flag, value) == value
            for flag, value in self.flags.items()
            if flag not in WRITING
        )

    def compare(self, path: str, before: Mapping[str, str]) -> None:
        """Raise BadSetting if another crawl than this is in the state."""
        for flag, value in self.flags.items():
            was = before.get(flag, value)
            if was != value:
                raise BadSetting(
                    f"the crawl in {path} was begun {_phrase(flag, was)}, not "
                    f"{_phrase(flag, value)}: give the same options to go on with it, another "
                    "--state, or --fresh to start anew"
                )


def _phrase(flag: str, value: str) -> str:
    if not flag.startswith("--"):
        return f"from {value}" if value else "from --input"
    return f"with {flag} {value}" if value else f"without {flag}"
