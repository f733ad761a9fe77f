"""What a crawl is asked for, as the state remembers it: what may not change within a pass."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from crawler.account import Mark
from crawler.destination import part_number
from crawler.errors import BadSetting
from crawler.settings import CONTENT

OVERWRITE = "--overwrite"

WRITING = {"--output", "--emit", "--format", "--fields", OVERWRITE}
"""Flags that say what is written, and not what is asked of whom."""

SELECTING = {
    "--select", "--each", "--recipe", "--extract", "--extract code",
    *(f"--{kind}" for kind in CONTENT),
}  # fmt: skip
"""Flags that say what is taken out of pages."""

LEADING = {"--recipe"}
"""Those of them that may also say where pages lead."""


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

    def reaches(self, before: Mapping[str, str]) -> bool:
        """Whether pages lead to the same for both."""
        return self._alike(before, self.flags.keys() - WRITING - (SELECTING - LEADING))

    def selects(self, before: Mapping[str, str]) -> bool:
        """Whether both take the same out of pages."""
        return self._alike(before, SELECTING)

    def _alike(self, before: Mapping[str, str], flags: Iterable[str]) -> bool:
        return all(self.flags.get(flag) == before.get(flag, self.flags.get(flag)) for flag in flags)

    @property
    def overwrites(self) -> bool:
        """Whether outputs are to be emptied."""
        return bool(self.flags.get(OVERWRITE))

    def spare(self, path: str, marks: Sequence[Mark]) -> None:
        """Raise BadSetting if what earlier passes have written is to be emptied."""
        for mark in marks:
            if self.overwrites and mark.offset and self.writes(mark.name):
                raise BadSetting(
                    f"{OVERWRITE} would lose what the crawl in {path} has written to {mark.name}: "
                    "leave it out to add another pass, give another -o, or start anew with --fresh"
                )

    def going_on(self, before: Mapping[str, str]) -> Mapping[str, str]:
        """Return the flags to remember of a pass that goes on: it may have begun by emptying."""
        return {**self.flags, OVERWRITE: before.get(OVERWRITE) or self.flags.get(OVERWRITE, "")}

    def compare(self, path: str, before: Mapping[str, str]) -> None:
        """Raise BadSetting if another crawl than this is in the state.

        Outputs that were emptied at its beginning are not to be emptied again, but the same
        command goes on.
        """
        for flag, value in self.flags.items():
            was = before.get(flag, value)
            if was != value and (flag != OVERWRITE or value):
                raise BadSetting(
                    f"the crawl in {path} was begun {_phrase(flag, was)}, not "
                    f"{_phrase(flag, value)}: give the same options to go on with it, another "
                    "--state, or --fresh to start anew"
                )


def _phrase(flag: str, value: str) -> str:
    if not flag.startswith("--"):
        return f"from {value}" if value else "from --input"
    return f"with {flag} {value}" if value else f"without {flag}"
