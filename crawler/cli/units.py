"""Values with units on the command line, and help in groups."""

from collections.abc import Callable
from typing import Any

import click

from crawler import settings


class Unit(click.ParamType[Any]):
    """A value read by one of the settings' readers, whose errors are for people."""

    def __init__(self, name: str, read: Callable[[str], Any]) -> None:
        self.name = name
        self._read = read

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Read a string; anything else is a default and stays as it is."""
        if not isinstance(value, str):
            return value
        try:
            return self._read(value)
        except ValueError as error:
            self.fail(f"{value!r}: {error}", param, ctx)


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


DURATION = Unit("time", settings.duration)
SIZE = Unit("size", settings.size)
NUMBER = Unit("number", settings.number)
RATE = Unit("rate", settings.rate)
PARSERS = Unit("parsers", settings.parsers)
NAMES = Unit("a,b", _names)


class Grouped(click.Option):
    """An option that stands under a heading in the help."""

    def __init__(self, *args: Any, group: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.group = group


class GroupedCommand(click.Command):
    """A command whose help lists options by group, and the exit codes."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write one section a group, in the order in which the groups first appear."""
        groups: dict[str, list[tuple[str, str]]] = {}
        options = [param for param in self.get_params(ctx) if isinstance(param, click.Option)]
        for param in sorted(options, key=lambda option: not isinstance(option, Grouped)):
            entry = param.get_help_record(ctx)
            if entry is not None:
                groups.setdefault(getattr(param, "group", "Other"), []).append(entry)
        for name, entries in groups.items():
            with formatter.section(name):
                formatter.write_dl(entries)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the exit codes."""
        from crawler.errors import Exit

        with formatter.section("Exit codes (the first that applies, bugs and signals first)"):
            formatter.write_dl([(str(int(code)), code.meaning) for code in Exit])
