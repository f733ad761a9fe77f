"""Where records go, as people type it: ``FILE[:TYPES]``, and the names of the files it is in."""

import os
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

Format = Literal["jsonl", "csv", "tsv", "urls"]

FORMATS: dict[str, Format] = {
    ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl", ".csv": "csv", ".tsv": "tsv",
    ".urls": "urls",
}  # fmt: skip
"""The format that a suffix tells, in front of that of a compression."""

COMPRESSIONS = (".gz", ".zst", ".zstd")

FOREIGN = (".bz2", ".xz", ".lzma", ".lz4", ".lzo", ".br", ".z", ".zip", ".7z", ".sz")
"""Suffixes, in lower case, of compressions that there are elsewhere."""

OTHERS = frozenset(
    ".parquet .arrow .feather .avro .orc .xls .xlsx .ods .xml .rss .html .htm .md .pdf .yaml .yml "
    ".toml .sql .db .sqlite .sqlite3 .duckdb .warc .pickle .pkl".split()
)
"""Suffixes, in lower case, of formats that there are elsewhere: nobody means JSON lines by them."""

_TYPES = re.compile(r"[a-z]+(\s*,\s*[a-z]+)*")


@dataclass(frozen=True, slots=True)
class Destination:
    """An output: its ``name`` is a path, or ``-`` for stdout; it gets records of ``types``."""

    name: str
    format: Format = "jsonl"
    types: Sequence[str] = ()


def read(
    text: str, otherwise: Format | None, emit: Sequence[str], known: Collection[str]
) -> Destination:
    """Read what was typed.

    ``otherwise`` is the format where no suffix tells one (None: JSON lines, if the suffix is
    not that of something else), ``emit`` the types where none are given, ``known`` are all
    there are. A colon may be in a file's name: what comes behind it
    is taken for types if it can be nothing else. Raises ValueError.
    """
    name, types = _divided(text, known)
    if not name.strip():
        raise ValueError(f"--output {text!r} names no file")
    if _is_compressed(name) and not name.endswith(COMPRESSIONS):
        raise ValueError(f"--output {name}: the suffixes that compress are .gz and .zst")
    if unknown := [each for each in types if each not in known]:
        wrong = ", ".join(unknown)
        raise ValueError(f"--output {text}: {wrong} is no record type; they are {', '.join(known)}")
    form = _told(name) or otherwise
    if form is None and _suffix(name) in OTHERS:
        why = "the formats are jsonl, csv, tsv and urls; -f writes one of them into any file"
        raise ValueError(f"--output {name}: {why}")
    return Destination(name, form or "jsonl", types or emit)


def part(output: str, number: int) -> str:
    """Return the name of the ``number``-th file of an output; the first has the output's."""
    root, suffix = _around_number(output)
    return output if number == 1 else f"{root}.{number:04}{suffix}"


def part_number(name: str, output: str) -> int | None:
    """Return which file of ``output`` has this ``name``, if any."""
    if name == output:
        return 1
    root, suffix = _around_number(output)
    found = re.fullmatch(rf"{re.escape(root)}\.(\d{{4,}}){re.escape(suffix)}", name, re.DOTALL)
    number = int(found[1]) if found else 0
    return number if number > 1 and part(output, number) == name else None


def _divided(text: str, known: Collection[str]) -> tuple[str, Sequence[str]]:
    name, _, behind = text.rpartition(":")
    if not _TYPES.fullmatch(behind) or name == text:
        return text, ()
    types = [each.strip() for each in behind.split(",")]
    told = _suffix(name) in (*FORMATS, *OTHERS) or _is_compressed(name) or name == "-"
    return (name, types) if told or not set(known).isdisjoint(types) else (text, ())


def _is_compressed(name: str) -> bool:
    """Whether a name has the suffix of a compression, ours or another."""
    return name.lower().endswith((*FOREIGN, *COMPRESSIONS))


def _told(name: str) -> Format | None:
    return FORMATS.get(_suffix(name))


def _suffix(name: str) -> str:
    return os.path.splitext(_uncompressed(name))[1].lower()


def _uncompressed(name: str) -> str:
    return next((name.removesuffix(each) for each in COMPRESSIONS if name.endswith(each)), name)


def _around_number(output: str) -> tuple[str, str]:
    plain = _uncompressed(output)
    root, _ = os.path.splitext(plain)
    return root, output[len(root) :]
