"""Values with units on the command line, and help in groups."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click
from click.core import augment_usage_errors

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

from crawler import measures


class Unit(click.ParamType[Any]):
    """A value that a reader of ``measures`` reads, whose errors are for people."""

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


DURATION = Unit("time", measures.duration)
SIZE = Unit("size", measures.size)
NUMBER = Unit("number", measures.number)
RATE = Unit("rate", measures.rate)
PARSERS = Unit("parsers", measures.parsers)
NAMES = Unit("a,b", _names)


TYPED = "crawler.typed"
"""Where a context keeps values as they were written, by parameter."""


class Grouped(click.Option):
    """An option that stands under a heading in the help.

    ``masked_after`` is the character after which its value is nobody's business. A switch
    can be taken back: ``--no-insecure``. A list stands in a variable one item a line, since
    headers and patterns hold any other separator.
    """

    def __init__(
        self, *args: Any, group: str, masked_after: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.group = group
        self.masked_after = masked_after

    def add_to_parser(self, parser: Any, ctx: click.Context) -> None:
        """Add the option, and what takes it back."""
        super().add_to_parser(parser, ctx)
        if self.is_bool_flag:
            negative = [f"--no-{opt[2:]}" for opt in self.opts if opt.startswith("--")]
            parser.add_option(self, negative, self.name, "store_const", const=False)

    def value_from_envvar(self, ctx: click.Context) -> Any:
        """Return the variable's value, a list if there may be several."""
        text = self.resolve_envvar_value(ctx)
        if text is None or not self.multiple:
            return super().value_from_envvar(ctx)
        return [line.strip() for line in text.split("\n") if line.strip()]

    def consume_value(self, ctx: click.Context, opts: Any) -> Any:
        """Return a value and its source, and remember it as it is written."""
        value, source = super().consume_value(ctx, opts)
        ctx.meta.setdefault(TYPED, {})[self.name] = value
        return value, source

    def shell_complete(self, ctx: click.Context, incomplete: str) -> "list[CompletionItem[Any]]":
        """Complete the names of files where a FILE is wanted."""
        if "FILE" in (self.metavar or ""):
            return files(ctx, self, incomplete)
        return super().shell_complete(ctx, incomplete)


def files(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> "list[CompletionItem[Any]]":
    """Have the shell complete the names of files."""
    from click.shell_completion import CompletionItem

    return [CompletionItem(incomplete, type="file")]


class Verb(click.Command):
    """A command whose mistakes in use all lead to its own help."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse; also an option without its value is a mistake in the use of this command."""
        with augment_usage_errors(ctx):
            return super().parse_args(ctx, args)


class GroupedCommand(Verb):
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
