"""``--extract MODULE:FUNC``: a function of the user's own that makes items of a page.

It runs where pages are parsed, under the deadline and the memory limit of that process. Its
exceptions are the page's field errors, and what it prints goes to stderr.
"""

import contextlib
import importlib
import inspect
import math
import os
import sys
import traceback
from collections.abc import Callable
from datetime import date, time
from typing import Any

from crawler.parse.document import Document
from crawler.parse.fields import Errors

MOST_ITEMS = 10_000
"""Items of one page; a function may never end."""

DEEPEST = 100
"""Lists and objects in one another."""

_OURS = (__file__, importlib.__file__)
"""Files that are on the way to a function, and not what is wrong with it."""

Function = Callable[[Document], Any]


class BadFunction(Exception):
    """It cannot be had; ``str()`` says why."""


def load(name: str) -> Function:
    """Import ``MODULE:FUNC``, from the working directory as well. Raises BadFunction."""
    module_name, colon, path = name.partition(":")
    if not colon or not module_name or not path:
        raise BadFunction(f"--extract {name!r}: it is MODULE:FUNC, like shop:extract")
    if module_name.endswith(".py"):
        without = module_name.removesuffix(".py").replace("/", ".")
        raise BadFunction(f"--extract {name!r}: a module is named without .py: {without}:{path}")
    folder = os.getcwd()
    if folder not in sys.path:
        sys.path.insert(0, folder)
    try:
        found: Any = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module_name}.".startswith(f"{error.name}."):
            raise BadFunction(f"--extract {name}: {_told(error)}") from None
        raise BadFunction(f"--extract {name}: no module {error.name} here or installed") from None
    except (Exception, SystemExit) as error:
        raise BadFunction(f"--extract {name}: {_told(error)}") from None
    try:
        for part in path.split("."):
            found = getattr(found, part)
    except AttributeError:
        raise BadFunction(f"--extract {name}: {module_name} has no {path}") from None
    return _checked(name, found)


def _checked(name: str, found: Any) -> Function:
    """Return a function that takes a page. Raises BadFunction."""
    if not callable(found):
        raise BadFunction(f"--extract {name}: is no function")
    if inspect.iscoroutinefunction(found) or inspect.isasyncgenfunction(found):
        raise BadFunction(f"--extract {name}: is async; it has to be a plain function")
    try:
        inspect.signature(found).bind(None)
    except TypeError:
        raise BadFunction(f"--extract {name}: has to take one argument, the page") from None
    except ValueError:
        pass  # some built-in functions do not tell
    function: Function = found
    return function


def run(function: Function, document: Document, errors: Errors) -> list[dict[Any, Any]]:
    """Return the items that a function makes of a page, at most ``MOST_ITEMS``.

    That it raises is an error, and the end; what it made before that counts.
    """
    found: list[dict[Any, Any]] = []
    try:
        with contextlib.redirect_stdout(sys.stderr):
            made = function(document)
            for item in () if made is None else (made,) if isinstance(made, dict) else made:
                if len(found) == MOST_ITEMS:
                    errors["extract"] = f"more than {MOST_ITEMS:,} items of a page"
                    break
                if not isinstance(item, dict):
                    errors["extract"] = f"a value of type {_kind(item)} is no item; a dict is"
                    break
                found.append(item)
    except (Exception, SystemExit) as error:
        errors["extract"] = _told(error)
    return found


def plain(item: dict[Any, Any], errors: Errors) -> dict[str, Any]:
    """Return an item as JSON can hold it; what it cannot becomes None, and an error."""
    found: dict[str, Any] = {}
    for name, value in item.items():
        if not isinstance(name, str):
            errors[repr(name)] = f"a value of type {_kind(name)} is no name of a field"
            continue
        try:
            found[name] = _json(value, 0)
        except ValueError as error:
            found[name] = None
            errors[name] = str(error)
    return found


def _json(value: Any, depth: int) -> Any:
    """Return a value of JSON. Raises ValueError in words."""
    if value is None or type(value) in (str, bool, int):
        return value
    if isinstance(value, str):
        return str.__str__(value)  # a text that is more than that
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"{value} is no number of JSON")
        return value
    if depth > DEEPEST:
        raise ValueError("nested too deeply")
    if isinstance(value, list | tuple):
        return [_json(each, depth + 1) for each in value]
    if isinstance(value, dict):
        if odd := [key for key in value if not isinstance(key, str)]:
            raise ValueError(f"a value of type {_kind(odd[0])} is no name in JSON")
        return {key: _json(each, depth + 1) for key, each in value.items()}
    if isinstance(value, date | time):
        return value.isoformat()
    raise ValueError(f"JSON has no {_kind(value)}")


def _kind(value: Any) -> str:
    return type(value).__name__


def _told(error: BaseException) -> str:
    """Return an exception in words, and the line of the user's file that it comes from."""
    words = traceback.format_exception_only(error)[-1].strip()
    if isinstance(error, SyntaxError) and error.filename and not error.filename.startswith("<"):
        return f"{words} ({os.path.basename(error.filename)}:{error.lineno})"
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename not in _OURS and not frame.filename.startswith("<frozen")
    ]
    folder = os.getcwd()
    here = [each for each in frames if os.path.dirname(each.filename) == folder]
    last = (here or frames)[-1:]
    return words + "".join(f" ({os.path.basename(at.filename)}:{at.lineno})" for at in last)
