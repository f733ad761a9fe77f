"""``crawler config``."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from crawler.cli.configured import Configured, origin
from crawler.cli.crawl import crawl, make
from crawler.cli.units import NAMES, TYPED

if TYPE_CHECKING:
    from crawler.settings import Settings

HIDDEN = "***"

_USERINFO = re.compile(  # what comes after a colon and is no port is a password, up to the last @
    r"(?<=//)[^/?#\s]+@|(?:^|(?<=//))[^/?#\s:@]*:(?!//|\d*(?:[/?#\s]|$))\S*@"
)
_WIDEST = 48


@click.group(short_help="Tell what a crawl is asked to do, and where that was said.")
def config() -> None:
    """Tell what a crawl is asked to do, and where that was said."""


class _Show(Configured):
    """Has the flags of ``crawl``, which its help need not repeat."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options that are its own."""
        own = [param for param in self.get_params(ctx) if param not in crawl.params]
        with formatter.section("Options"):
            formatter.write_dl([entry for each in own if (entry := each.get_help_record(ctx))])

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Leave the exit codes to ``crawl``."""


@config.command(
    "show",
    cls=_Show,
    params=list(crawl.params),
    options_metavar="[FLAGS OF CRAWL]",
    short_help="Every flag with its value and where it comes from.",
)
@click.option("--json", "as_json", is_flag=True, allow_from_autoenv=False,
              help="One JSON object a flag: name, value, origin (flag, environment, file, "
              "default) and place.")  # fmt: skip
@click.pass_context
def show(ctx: click.Context, /, *, as_json: bool, **_: Any) -> int:
    """Show every flag with its value and where it comes from.

    Takes the flags of 'crawler crawl' and looks where that would: on the command line, in
    the environment (CRAWLER_MAX_PAGES=100), in a file (crawler.toml). Nothing is crawled.
    Passwords, headers and cookies are masked.
    """
    settings = make(ctx)
    params = [param for param in crawl.params if param.expose_value]
    for line in _objects(ctx, params, settings) if as_json else _rows(ctx, params):
        click.echo(line)
    return 0


def _objects(
    ctx: click.Context, params: Iterable[click.Parameter], settings: "Settings"
) -> Iterator[str]:
    import json

    found = asdict(settings)
    for param in params:
        where = origin(ctx, param)
        value = found[param.name]
        if isinstance(value, tuple):
            value = [_masked(param, item) for item in value]
        elif isinstance(value, str):
            value = _masked(param, value)
        entry = {"name": param.name, "value": value, "origin": where.kind, "place": where.place}
        yield json.dumps(entry)


def _rows(ctx: click.Context, params: Iterable[click.Parameter]) -> Iterator[str]:
    """Yield a line a flag, or more where it has several values, in three columns."""
    from crawler.report import safe

    rows = []
    for param in params:
        where = origin(ctx, param)
        name = max((opt.removeprefix("--") for opt in param.opts), key=len)
        first, *others = map(safe, _texts(ctx, param))
        rows += [(name, first, where.place or where.kind), *(("", text, "") for text in others)]
    left = max(len(name) for name, _, _ in rows)
    middle = max(len(value) for _, value, _ in rows if len(value) <= _WIDEST)
    for name, value, told in rows:
        yield f"{name:{left}}  {value:{middle}}  {safe(told)}".rstrip()


def _texts(ctx: click.Context, param: click.Parameter) -> list[str]:
    """Return a value as people write it, one text an item."""
    value = ctx.meta[TYPED].get(param.name, ctx.params[param.name])
    if isinstance(value, bool):
        return [str(value).lower()]
    if isinstance(value, str):
        return [_masked(param, value)]
    if isinstance(value, list | tuple):
        items = [_masked(param, str(item)) for item in value]
        return ([",".join(items)] if param.type is NAMES and items else items) or ["none"]
    return [str(value) if isinstance(value, int | float) else "none"]


def _masked(param: click.Parameter, text: str) -> str:
    """Return a value without what is nobody's business."""
    separator = getattr(param, "masked_after", None)
    if separator is None:
        return _USERINFO.sub(f"{HIDDEN}@", text)
    place, space, rest = text.partition(" ") if text.startswith("@") else ("", "", text)
    name, found, _ = rest.partition(separator)
    shown = f"{name}{found}{HIDDEN}" if found else HIDDEN
    return f"{_USERINFO.sub(f'{HIDDEN}@', place)}{space}{shown}"
