"""Naughty strings in every field of every record and log line: one line, strict, and tame."""

import io
import json
import logging
import os
import re
import shutil
import subprocess
import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import msgspec
import pytest

from crawler import record
from crawler.encoding import encode, numbered
from crawler.record import ErrorDetail, PageLink, Record, Structured, SummaryRecord
from crawler.report.log import _Json, _Text
from crawler.settings import RECORD_TYPES
from tests.rooms.naughty import STRINGS

DISOBEYED = re.compile(
    rb"[\x00-\x1f\x7f]|\xc2[\x80-\x9f]|\xd8\x9c|\xe2\x80[\x8e\x8f\xa8-\xae]|\xe2\x81[\xa6-\xa9]"
)
"""Octets that a terminal obeys, or that end a line: controls, bidi, U+2028 and U+2029."""


def types_of_records() -> Iterator[type[msgspec.Struct]]:
    """Yield the classes of all records there are."""
    for each in vars(record).values():
        known = isinstance(each, type) and issubclass(each, (Record, SummaryRecord))
        if known and each is not Record:
            yield each


def filled(kind: Any, text: str) -> Any:
    """Return a value of a type with ``text`` wherever it holds a string."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated or origin in (Union, types.UnionType):
        return filled(arguments[0], text)
    if origin is Literal:
        return arguments[0]
    if origin is list:
        return [filled(arguments[0], text)] * 2
    if origin is dict:
        return {filled(arguments[0], text): filled(arguments[1], text)}
    if kind is msgspec.Raw:
        return msgspec.Raw(msgspec.json.encode({scrubbed(text): [scrubbed(text)]}))
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return made(kind, text)
    assert kind in (str, int, Any)
    return 7 if kind is int else text


def made(kind: type[msgspec.Struct], text: str) -> Any:
    """Return a record with ``text`` in every field that can hold it."""
    fields = msgspec.structs.fields(kind)
    return kind(**{field.name: filled(field.type, text) for field in fields})


def scrubbed(text: str) -> str:
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def tame(line: bytes) -> bool:
    """Whether a line is one by any splitter, and holds nothing that a terminal obeys."""
    body = line.removesuffix(b"\n")
    text = body.decode("utf-8")
    return (
        line.endswith(b"\n")
        and not DISOBEYED.search(body)
        and body.splitlines() == [body]
        and text.splitlines() == [text]
        and len(list(io.TextIOWrapper(io.BytesIO(line), "utf-8", newline=None))) == 1
    )


def strings(value: Any) -> Iterator[str]:
    """Yield the strings of a JSON value, names included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, item in value.items():
            yield name
            yield from strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from strings(item)


KINDS = list(types_of_records())
OF_OURS = {*RECORD_TYPES, "length", "a"} | {
    field.encode_name for each in (PageLink, Structured) for field in msgspec.structs.fields(each)
}
"""Literals of records, and names within them."""


def lines() -> Iterator[bytes]:
    """Yield a line for each kind of record and naughty string."""
    for kind in KINDS:
        for text in STRINGS:
            yield numbered(encode(made(kind, text)), 1)


def test_there_are_enough_of_them() -> None:
    assert len(STRINGS) == len(set(STRINGS)) >= 150
    assert {kind.__name__ for kind in KINDS} >= {
        f"{name}Record" for name in ("Page", "Link", "Redirect", "Error", "Gone", "Skip", "Summary")
    }
    assert issubclass(ErrorDetail, msgspec.Struct)


@pytest.mark.parametrize("kind", KINDS)
def test_every_field_takes_any_string(kind: type[msgspec.Struct]) -> None:
    names = {field.encode_name for field in msgspec.structs.fields(kind)}
    for text in STRINGS:
        line = numbered(encode(made(kind, text)), 1)
        assert tame(line), text[:50]
        got = json.loads(line, strict=True)
        assert set(got) == names | {"seq"}
        known = {*names, "seq", "class", "message", "attempts"} | OF_OURS
        assert set(strings(got)) <= known | {scrubbed(text)}
        assert scrubbed(text) in set(strings(got))


def test_a_strict_reader_of_another_make_reads_them_all() -> None:
    jq = shutil.which("jq")
    if jq is None:
        pytest.skip("no jq here")
    written = b"".join(lines())
    done = subprocess.run([jq, "-c", ".seq"], input=written, capture_output=True, check=True)

    assert done.stdout.split() == [b"1"] * len(KINDS) * len(STRINGS)


def formatted(formatter: logging.Formatter, text: str) -> str:
    entry = logging.LogRecord("crawler", logging.WARNING, "x", 1, "%s: %s", (text, "x"), None)
    return formatter.format(entry)


@pytest.mark.parametrize("formatter", [_Text(), _Json()])
def test_every_log_line_is_one_and_tame(formatter: logging.Formatter) -> None:
    for text in STRINGS:
        said = formatted(formatter, text)
        line = said.encode("utf-8", "backslashreplace") + b"\n"  # as stderr writes it
        assert tame(line.replace(b"\t", b" ")), text[:50]
        if isinstance(formatter, _Json):
            assert json.loads(line, strict=True)["message"] == f"{paired(text)}: x"


def paired(text: str) -> str:
    """Return a text as JSON escapes have it: two surrogates that follow make a character."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")


SAYING = """
import logging, sys
from crawler.report import log
from crawler.report.progress import Progress
from crawler.report.stderr import Stderr
from tests.rooms.naughty import STRINGS
from tests.rooms.test_naughty import lines

stderr = Stderr()
log.set_up(logging.INFO, sys.argv[1], Progress(stderr, shown=None))
for each in STRINGS:
    logging.getLogger("crawler").warning("%s", each)
    stderr.flush()
sys.stdout.buffer.writelines(lines())
"""


def said(style: str, locale: dict[str, str]) -> tuple[bytes, bytes]:
    """Return what a process with a locale writes to stdout and stderr."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("LC_", "LANG"))
    }
    done = subprocess.run(
        [sys.executable, "-c", SAYING, style],
        capture_output=True,
        check=True,
        cwd=Path(__file__).parents[2],
        env=kept | locale | {"PYTHONCOERCECLOCALE": "0"},
        timeout=60,
    )
    return done.stdout, done.stderr


@pytest.mark.parametrize("style", ["text", "json"])
def test_a_poor_locale_changes_no_line(style: str) -> None:
    rich = said(style, {"LC_ALL": "C.UTF-8"})
    poor = said(style, {"LC_ALL": "C", "PYTHONUTF8": "0"})

    assert poor[0] == rich[0]
    assert len(rich[0].splitlines()) == len(KINDS) * len(STRINGS)
    for _, err in (rich, poor):
        heard = err.split(b"\n")
        assert len(heard) == len(STRINGS) + 1
        assert not any(DISOBEYED.search(line.replace(b"\t", b" ")) for line in heard)


# What would be noticed


def test_a_writer_that_escapes_too_little_is_noticed() -> None:
    def noticed(write: Callable[[str], bytes]) -> int:
        wild = 0
        for text in STRINGS:
            try:
                wild += not tame(write(text) + b"\n")
            except UnicodeError:
                wild += 1
        return wild

    assert noticed(lambda text: encode(made(record.SkipRecord, text))) == 0
    assert noticed(lambda text: json.dumps(text, ensure_ascii=False).encode()) > 30
    assert noticed(lambda text: msgspec.json.encode(text)) > 30
    assert noticed(str.encode) > 60
