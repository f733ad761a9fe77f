"""What a reader finds in an output of any format: in all its files, each of them whole."""

import csv
import gzip
import io
import json
import re
from pathlib import Path
from typing import Any

from backports import zstd

from crawler import destination
from crawler.settings import RECORD_TYPES
from tests.records import checked

Row = dict[str, Any]


def rows(output: Path) -> list[Row]:
    """Return the records of an output, ``FILE`` or ``FILE:TYPES``, file after file.

    A torn line, row, member or frame is an error, and so is a head that is not where a file
    begins, and only there.
    """
    to = destination.read(str(output), "jsonl", (), RECORD_TYPES)
    return [row for path in parts(Path(to.name)) for row in _rows(path, to.format)]


def parts(first: Path) -> list[Path]:
    """Return the files of an output that are there, in order."""
    stem, dot, suffixes = first.name.partition(".")
    named = re.compile(rf"{re.escape(stem)}(\.\d{{4,}})?{re.escape(dot + suffixes)}")
    found = [path for path in first.parent.iterdir() if named.fullmatch(path.name)]
    return sorted(found, key=lambda path: (path != first, path.name))


def unpacked(path: Path) -> bytes:
    """Return what a reader of the file finds; a file that does not end whole is an error."""
    opening: Any = {".gz": gzip.open, ".zst": zstd.open}.get(path.suffix, open)
    try:
        with opening(path, "rb") as file:
            data: bytes = file.read()
    except (EOFError, OSError, zstd.ZstdError) as error:
        raise AssertionError(f"torn: {error}") from None
    assert not data or data.endswith(b"\n"), "torn"
    return data


def _rows(path: Path, kind: destination.Format) -> list[Row]:
    text = unpacked(path).decode()
    if kind == "urls":
        return [{"url": url} for url in text.splitlines()]
    if kind == "jsonl":
        found = [json.loads(line) for line in text.splitlines()]
        return [checked(row) if "v" in row else row for row in found]  # or --fields left it out
    if kind == "csv":
        table = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    else:
        table = [line.split("\t") for line in text.splitlines()]
    for row in table[1:]:
        assert row != table[0], f"a second head in {path.name}"
        assert len(row) == len(table[0]), f"torn: {row}"
    assert not table or "url" in table[0], f"no head in {path.name}"
    return [dict(zip(table[0], row, strict=True)) for row in table[1:]]
