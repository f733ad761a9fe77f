"""A command whose flags may also come from the environment and from ``crawler.toml``.

Flag over ``CRAWLER_*`` over file over default: click looks in this order. What is added here
is that a mistake is told with the place where it stands.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import click
from click.core import ParameterSource

from crawler.cli import configuration
from crawler.cli.configuration import Configuration
from crawler.cli.units import GroupedCommand
from crawler.errors import BadSetting, CrawlError, Misconfigured

PREFIX = "CRAWLER"

_FILE = "crawler.configuration"
_FLAG = re.compile(r"(?<![\w-])--?[a-zA-Z][a-z-]*")

Kind = Literal["flag", "environment", "file", "default"]

_KINDS: dict[ParameterSource | None, Kind] = {
    ParameterSource.COMMANDLINE: "flag",
    ParameterSource.ENVIRONMENT: "environment",
    ParameterSource.DEFAULT_MAP: "file",
}


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a value comes from; ``place`` is its variable, or ``FILE:LINE``."""

    kind: Kind
    place: str | None = None


class Configured(GroupedCommand):
    """Reads flags from ``CRAWLER_*`` and a file as well. Raises Misconfigured for both."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.context_settings = {**self.context_settings, "auto_envvar_prefix": PREFIX}

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse; what the command line is not to blame for is told with its place."""
        try:
            rest = super().parse_args(ctx, args)
        except click.BadParameter as error:
            place = None if error.param is None else origin(ctx, error.param).place
            if place is None:
                raise
            raise Misconfigured(f"{place}: {_key(ctx, error)}{_told(self, error)}") from None
        if not ctx.resilient_parsing:
            _check_variables(self)
        return rest


def load(ctx: click.Context, param: click.Parameter, path: str | None) -> None:
    """Read the file that ``--config`` names, or the one that is there (a click callback)."""
    if ctx.resilient_parsing or path in ("off", "none"):
        return
    named = path is not None
    path = path if path is not None else configuration.find()
    if path is not None:
        file = configuration.read(path, ctx.command.params, named=named)
        ctx.meta[_FILE] = file
        ctx.default_map = dict(file.values)


def origin(ctx: click.Context, param: click.Parameter) -> Origin:
    """Return where the value of a parameter comes from."""
    kind = _KINDS.get(ctx.get_parameter_source(param.name), "default")
    if kind == "environment":
        return Origin("environment", _variable(param))
    if kind == "file":
        file: Configuration = ctx.meta[_FILE]
        return Origin("file", file.place(param.name))
    return Origin(kind)


def blame(ctx: click.Context, error: BadSetting) -> CrawlError:
    """Return the error with the places of the flags it is about, if they are outside.

    A message says what is wrong before its first colon, and what to do about it after.
    """
    by_flag = {opt: param for param in ctx.command.params for opt in param.opts}
    found = []

    def placed(flag: re.Match[str]) -> str:
        param = by_flag.get(flag[0])
        place = origin(ctx, param).place if param is not None else None
        if place is None:
            return flag[0]
        found.append(place)
        return f"{flag[0]} ({place})"

    wrong, colon, advice = str(error).partition(":")
    told = _FLAG.sub(placed, wrong) + colon + advice
    if not found:
        return error
    blamed = Misconfigured(told)
    for note in getattr(error, "__notes__", ()):
        blamed.add_note(note)
    return blamed


def _variable(param: click.Parameter) -> str:
    return f"{PREFIX}_{param.name.upper()}"


def _key(ctx: click.Context, error: click.BadParameter) -> str:
    """Return the key that a file has a bad value under; a variable is its own place."""
    param = error.param
    if param is None or origin(ctx, param).kind != "file":
        return ""
    file: Configuration = ctx.meta[_FILE]
    return f"{file.keys[param.name]}: "


def _told(command: click.Command, error: click.BadParameter) -> str:
    """Return what is wrong; a switch's value is not told, for it may be meant for another flag."""
    if not isinstance(error.param, click.Option) or not error.param.is_bool_flag:
        return error.message
    meant = _variable(error.param).removesuffix("S")
    other = meant != _variable(error.param) and meant in set(_variables(command))
    return "takes true or false" + (f"; did you mean {meant}?" if other else "")


def _variables(command: click.Command) -> Iterator[str]:
    """Yield the variables that are read."""
    for param in command.params:
        if param.envvar is not None or getattr(param, "allow_from_autoenv", False):
            yield _variable(param)


def _check_variables(command: click.Command) -> None:
    """Refuse a variable that is nearly one of ours: a limit that is not kept does harm.

    Others are left alone: a cluster may tell every process of a service named crawler.
    """
    prefix = PREFIX + "_"
    known = set(_variables(command))
    for name in os.environ:
        if name.startswith(prefix) and name not in known:
            names = {each.removeprefix(prefix): each for each in known}
            meant = configuration.closest(name.removeprefix(prefix), names, cutoff=0.8)
            if meant is not None:
                raise Misconfigured(f"{name}: no such variable; did you mean {names[meant]}?")
