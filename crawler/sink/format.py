"""Formats: how records become the bytes of an output.

What a terminal would obey (control and bidi characters) is in none of them: JSON, and with it
its cells, says ``\\u001b``; so do the cells of csv and tsv.

- csv: RFC 4180 with ``\\n`` at the ends of rows, as pipes expect. Lists and objects are JSON,
  null is empty. A text that a spreadsheet would take for a formula has a ``'`` put before it.
- tsv: a row is a line; ``\\t``, ``\\n``, ``\\r`` and ``\\\\`` stand for tab, line feed, carriage
  return and backslash, so that every text can be had back as it was.
- urls: the URLs alone, one a line.
"""

import csv
import io
import re
from collections.abc import Iterable, Sequence
from typing import Any, BinaryIO, Protocol

import msgspec

from crawler import destination
from crawler.encoding import OBEYED, encode
from crawler.sink.columns import Columns, columns

CHUNK = 1 << 20

FORMULA = tuple("=+-@\t\r\n＝＋－＠")
"""What a spreadsheet takes for the beginning of a formula, or skips before one."""

_NOT_IN_CSV = re.compile(rf"[\x00-\x08\x0b-\x1f{OBEYED}]")  # line feeds and tabs are quoted
_NOT_IN_TSV = re.compile(rf"[\x00-\x1f\\{OBEYED}]")
_SHORT = {"\t": r"\t", "\n": r"\n", "\r": r"\r", "\\": r"\\"}


class Entry(msgspec.Struct):
    """A numbered record: its ``type`` and its line of JSON."""

    type: str
    data: bytes
    decoded: dict[str, Any] | None = None

    @property
    def value(self) -> dict[str, Any]:
        """The record as an object, decoded when it is first asked for."""
        if self.decoded is None:
            self.decoded = msgspec.json.decode(self.data)
        return self.decoded


class Format(Protocol):
    """Turns records into bytes; ``head`` is what a file begins with."""

    head: bytes

    def encode(self, entries: Sequence[Entry]) -> bytes:
        """Return the records as they are in a file."""
        ...

    def ends_whole(self, file: BinaryIO) -> bool:
        """Whether more may be added to what a file holds, once its last line has an end."""
        ...


class _Lines:
    head = b""

    def ends_whole(self, _file: BinaryIO) -> bool:
        """A line can be ended wherever it is torn."""
        return True


class Jsonl(_Lines):
    """A record a line, as it is."""

    def encode(self, entries: Sequence[Entry]) -> bytes:
        """Return the records."""
        return b"".join([entry.data for entry in entries])


class Pruned(_Lines):
    """A record a line, with only some of its fields."""

    def __init__(self, wanted: Columns) -> None:
        self._wanted = wanted

    def encode(self, entries: Sequence[Entry]) -> bytes:
        """Return what is wanted of the records."""
        prune = self._wanted.prune
        return b"".join([encode(prune(entry.value)) + b"\n" for entry in entries])


class Tsv(_Lines):
    """A table with tabs between cells."""

    def __init__(self, wanted: Columns) -> None:
        self._wanted = wanted
        self.head = self._rows([wanted.names])

    def encode(self, entries: Sequence[Entry]) -> bytes:
        """Return the records as rows."""
        return self._rows(self._wanted.row(entry.value) for entry in entries)

    def _rows(self, rows: Iterable[Sequence[Any]]) -> bytes:
        lines = [
            "\t".join([_NOT_IN_TSV.sub(_escaped, _text(cell)) for cell in row]) for row in rows
        ]
        return "".join([f"{line}\n" for line in lines]).encode("utf-8", "replace")


class Csv:
    """A table with commas between cells."""

    def __init__(self, wanted: Columns) -> None:
        self._wanted = wanted
        self.head = self._rows([wanted.names])

    def encode(self, entries: Sequence[Entry]) -> bytes:
        """Return the records as rows."""
        return self._rows(self._wanted.row(entry.value) for entry in entries)

    def ends_whole(self, file: BinaryIO) -> bool:
        """Whether no cell is torn: quotes come in pairs."""
        quotes = 0
        while data := file.read(CHUNK):
            quotes += data.count(b'"')
        return quotes % 2 == 0

    def _rows(self, rows: Iterable[Sequence[Any]]) -> bytes:
        text = io.StringIO(newline="")
        write = csv.writer(text, lineterminator="\n").writerow
        for row in rows:
            write([_NOT_IN_CSV.sub(_escaped, _defused(cell)) for cell in row])
        return text.getvalue().encode("utf-8", "replace")


class Urls(_Lines):
    """The URLs of the records that have one."""

    def encode(self, entries: Sequence[Entry]) -> bytes:
        """Return the URLs, one a line."""
        urls = [entry.value.get("url") for entry in entries]
        return "".join([f"{url}\n" for url in urls if url]).encode()


def make(
    kind: destination.Format,
    types: Sequence[str],
    fields: Sequence[str] = (),
    selected: Sequence[str] = (),
) -> Format:
    """Return a format for records of ``types``, of which only ``fields`` are wanted, if any.

    Otherwise a table has columns for what is ``selected``, too.
    """
    if kind == "urls":
        return Urls()
    if kind == "jsonl":
        return Pruned(Columns(fields)) if fields else Jsonl()
    table = Csv if kind == "csv" else Tsv
    return table(Columns(fields or columns(types, selected)))


def _text(value: Any) -> str:
    """Return a value as the text of a cell."""
    if isinstance(value, str):
        return value
    if type(value) is int:
        return str(value)
    return "" if value is None else encode(value).decode()


def _defused(value: Any) -> str:
    text = _text(value)
    return f"'{text}" if isinstance(value, str) and text.startswith(FORMULA) else text


def _escaped(found: re.Match[str]) -> str:
    return _SHORT.get(found[0]) or f"\\u{ord(found[0]):04x}"
