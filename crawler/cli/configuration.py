"""``crawler.toml``: what a crawl is asked to do, in a file.

Its keys are the long names of the flags, with dashes or underscores, and ``seeds``; values
are written as on the command line, lists as arrays. They are handed to click as text, so
that a value means the same wherever it stands.

One file is read: the one that is named, else ``crawler.toml`` in the current folder, else
the user's own; they are not mixed, so that one look tells what holds. A file that lies in
the current folder by chance must not send a crawl elsewhere: one that belongs to another
user has to be named.
"""

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import click

from crawler.cli.units import DURATION, NAMES, NUMBER, PARSERS, RATE, SIZE
from crawler.errors import Misconfigured

NAME = "crawler.toml"

Value = str | bool | list[str]

_NUMBERS: dict[object, tuple[tuple[type, ...], str]] = {
    click.INT: ((int,), "a whole number"),
    PARSERS: ((int,), 'a whole number, or "auto"'),
    NUMBER: ((int,), 'a whole number, or text like "20k"'),
    SIZE: ((int,), 'a whole number, or text like "10M"'),
    DURATION: ((int, float), 'a number of seconds, or text like "20m"'),
    RATE: ((int, float), 'a number, or text like "5/s"'),
}
"""Numbers that may stand in a file without quotes, by the type of a parameter."""

_PLACE = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")


@dataclass(frozen=True, slots=True)
class Configuration:
    """A file as it was read: ``values`` by parameter, and the ``keys`` they stand under."""

    path: str
    text: str
    values: Mapping[str, Value]
    keys: Mapping[str, str]

    def place(self, name: str) -> str:
        """Return ``FILE:LINE`` of a parameter's value."""
        return f"{self.path}:{_line(self.text, self.keys[name])}"


def find() -> str | None:
    """Return the file to read when none is named, if there is one."""
    home = os.environ.get("XDG_CONFIG_HOME", "")
    home = home if os.path.isabs(home) else os.path.expanduser("~/.config")
    for path in (NAME, os.path.join(home, "crawler", NAME)):
        if os.path.isfile(path):
            return path
    return None


def read(path: str, params: Iterable[click.Parameter], *, named: bool) -> Configuration:
    """Read a file. Raises Misconfigured, with the place of what is wrong."""
    text = _text(path, named=named)
    try:
        table = _table(text)
    except ValueError as error:
        raise Misconfigured(_told(path, text, str(error))) from None
    except RecursionError:
        raise Misconfigured(f"{path}: nested too deeply") from None
    known = _known(params)
    values: dict[str, Value] = {}
    keys: dict[str, str] = {}
    for key, value in table.items():
        try:
            param = _param(key, value, known, keys)
            values[param.name] = _value(param, value)
            keys[param.name] = key
        except ValueError as error:
            told = f"{path}:{_line(text, key)}: {key}: {error}{_other(key, known)}"
            raise Misconfigured(told) from None
    return Configuration(path, text, values, keys)


def closest(word: str, known: Iterable[str], cutoff: float = 0.6) -> str | None:
    """Return the known word that was probably meant."""
    import difflib

    return next(iter(difflib.get_close_matches(word, list(known), 1, cutoff)), None)


def _text(path: str, *, named: bool) -> str:
    try:
        with open(path, "rb") as file:
            if not named and os.fstat(file.fileno()).st_uid not in (0, os.geteuid()):
                raise Misconfigured(
                    f"{path} belongs to another user: --config {path} uses it all the same, "
                    "--config off does without"
                )
            data = file.read()
        return data.decode("utf-8-sig")
    except OSError as error:
        raise Misconfigured(f"cannot read {path}: {(error.strerror or '').lower()}") from None
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise Misconfigured(f"{path}:{line}: not UTF-8") from None


def _table(text: str) -> dict[str, Any]:
    import tomllib

    return tomllib.loads(text)


def _told(path: str, text: str, message: str) -> str:
    """Return what the parser says in the form ``FILE:LINE:COLUMN: message``."""
    place = _PLACE.search(message)
    line, column = (place[1], place[2]) if place else (None, None)
    message = _PLACE.sub("", message)
    message = message[:1].lower() + message[1:]
    if column is None:
        return f"{path}:{text.rstrip().count(chr(10)) + 1}: {message}, at the end of the file"
    return f"{path}:{line}:{column}: {message}"


def _known(params: Iterable[click.Parameter]) -> dict[str, click.Parameter]:
    """Return the parameters that a file may set, by the keys that people may write."""
    known: dict[str, click.Parameter] = {}
    for param in params:
        if isinstance(param, click.Argument):
            known |= {param.name: param} if param.envvar is not None else {}
        elif param.expose_value and getattr(param, "allow_from_autoenv", False):
            known |= {opt[2:]: param for opt in param.opts if opt.startswith("--")}
    return known


def _param(
    key: str, value: Any, known: Mapping[str, click.Parameter], keys: Mapping[str, str]
) -> click.Parameter:
    """Return the parameter that a key stands for, if none of ``keys`` stands for it already."""
    param = known.get(key.replace("_", "-"))
    if param is not None and param.name in keys:
        raise ValueError(f"says again what {keys[param.name]} says")
    if param is not None:
        return param
    short = [name for name, each in known.items() if f"-{key}" in each.opts]
    meant = short[0] if short else closest(key.replace("_", "-"), known)
    if meant is not None:
        raise ValueError(f"no such key; did you mean {meant}?")
    other = "no such key; there are the long names of the flags, and seeds"
    raise ValueError("there are no sections here" if isinstance(value, dict) else other)


def _other(key: str, known: Mapping[str, click.Parameter]) -> str:
    """Return which key may be meant by that of a switch: headers is one, header is a list."""
    other = key.removesuffix("s")
    is_meant = getattr(known.get(key), "is_flag", False) and other != key and other in known
    return f"; did you mean {other}?" if is_meant else ""


def _value(param: click.Parameter, value: Any) -> Value:
    """Return a value as it would be typed."""
    many = getattr(param, "multiple", False) or param.nargs == -1
    if isinstance(value, list):
        if not many and param.type is not NAMES:
            one = "true or false" if getattr(param, "is_flag", False) else "one value"
            raise ValueError(f"takes {one}, not an array")
        items = [str(_scalar(param, each)) for each in value]
        return items if many else ",".join(items)
    scalar = _scalar(param, value)
    return [str(scalar)] if many else scalar


def _scalar(param: click.Parameter, value: Any) -> str | bool:
    numbers, wanted = _wanted(param)
    match value:
        case bool() if getattr(param, "is_flag", False):
            return value
        case bool():
            raise ValueError(f"takes {wanted}, not {str(value).lower()}")
        case str() if "\0" in value:
            raise ValueError("holds a NUL character")
        case str() if not getattr(param, "is_flag", False):
            return value
        case int() | float() if isinstance(value, numbers):
            return str(value)
        case str():  # it is not told: headers = "…" may have been meant for header
            raise ValueError(f"takes {wanted}, not text")
        case int() | float():
            raise ValueError(f"takes {wanted}, not {value!r}")
        case dict():
            raise ValueError(f"takes {wanted}, not a table")
        case list():
            raise ValueError(f"takes {wanted}, not arrays in an array")
    raise ValueError(f"takes {wanted}; put a date or time in quotes")


def _wanted(param: click.Parameter) -> tuple[tuple[type, ...], str]:
    """Return the kinds of numbers that a parameter takes besides text, and all of it in words."""
    if getattr(param, "is_flag", False):
        return (), "true or false"
    return _NUMBERS.get(param.type, ((), "text"))


def _line(text: str, key: str) -> int:
    """Return the line on which the statement begins that sets a key.

    Only the parser knows where statements end, so it is given more and more lines.
    """
    lines = text.split("\n")
    begin = 1
    for number in range(1, len(lines) + 1):
        try:
            table = _table("\n".join(lines[:number]))
        except ValueError:
            continue
        if key in table:
            return begin
        begin = number + 1
    return begin
