"""Outputs as people type them: formats by suffix, types behind a colon, numbered files."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.destination import Destination, part, part_number, read
from crawler.settings import RECORD_TYPES

EMIT = ("page", "error")


def typed(text: str) -> Destination:
    return read(text, "jsonl", EMIT, RECORD_TYPES)


@pytest.mark.parametrize(
    ("text", "name", "format_", "types"),
    [
        ("-", "-", "jsonl", EMIT),
        ("-:error", "-", "jsonl", ["error"]),
        ("a.csv", "a.csv", "csv", EMIT),
        ("a.CSV.gz", "a.CSV.gz", "csv", EMIT),
        ("b.d/a.tsv.zst:skip,error", "b.d/a.tsv.zst", "tsv", ["skip", "error"]),
        ("a.urls:page, redirect", "a.urls", "urls", ["page", "redirect"]),
        ("a.ndjson", "a.ndjson", "jsonl", EMIT),
        ("a.csv.txt", "a.csv.txt", "jsonl", EMIT),
        ("csv", "csv", "jsonl", EMIT),
        ("page:error", "page", "jsonl", ["error"]),
        ("a:b", "a:b", "jsonl", EMIT),
        ("a:page:b", "a:page:b", "jsonl", EMIT),
        ("a.jsonl:12", "a.jsonl:12", "jsonl", EMIT),
        ("a.jsonl:Error", "a.jsonl:Error", "jsonl", EMIT),
        ("a.csv:", "a.csv:", "jsonl", EMIT),
        ("12:30.csv", "12:30.csv", "csv", EMIT),
        ("a.csv:eror:page", "a.csv:eror", "jsonl", ["page"]),
    ],
)
def test_what_is_typed(text: str, name: str, format_: str, types: list[str]) -> None:
    found = typed(text)
    assert (found.name, found.format, list(found.types)) == (name, format_, list(types))


def test_the_flag_tells_where_no_suffix_does() -> None:
    assert read("a.txt", "urls", EMIT, RECORD_TYPES).format == "urls"
    assert read("-", "csv", EMIT, RECORD_TYPES).format == "csv"
    assert read("a.jsonl.gz", "csv", EMIT, RECORD_TYPES).format == "jsonl"
    for name in ("a", "a.log", "a.2026-11-21", "example.com", "a.db/b", "/dev/fd/3", "-", ".db"):
        assert read(name, None, EMIT, RECORD_TYPES).format == "jsonl", name
        assert read(f"{name}:page", None, EMIT, RECORD_TYPES).format == "jsonl", name


@pytest.mark.parametrize("name", ["a.parquet", "a.PARQUET", "a.xlsx.gz", "a/b.db"])
def test_a_suffix_of_another_format_needs_the_flag(name: str) -> None:
    for behind in ("", ":page", ":eror,page"):
        with pytest.raises(ValueError, match=rf"^--output {name}.*: "):
            read(name + behind, None, EMIT, RECORD_TYPES)
    told = f"^--output {name}: the formats are jsonl, csv, tsv and urls; -f "
    with pytest.raises(ValueError, match=told):
        read(name, None, EMIT, RECORD_TYPES)
    assert read(name, "jsonl", EMIT, RECORD_TYPES).format == "jsonl"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a.csv:eror", "eror is no record type; they are page, item"),
        ("-:eror", "eror is no record type"),
        ("a:page,x", "x is no record type"),
        ("a.csv.bz2", "are .gz and .zst"),
        ("a.jsonl.GZ", "are .gz and .zst"),
        ("a.xz", "are .gz and .zst"),
        ("a.gz:eror", "eror is no record type"),
        ("a.zst:eror,page", "eror is no record type"),
    ],
)
def test_a_slip_of_the_hand(text: str, told: str) -> None:
    with pytest.raises(ValueError, match=f"--output {text}.*{told}"):
        typed(text)


def test_of_two_slips_the_one_in_the_name_is_told_first() -> None:
    with pytest.raises(ValueError, match=r"^--output a\.zip: the suffixes that compress"):
        typed("a.zip:eror")


@pytest.mark.parametrize("text", ["", " ", ":page"])
def test_no_name_at_all(text: str) -> None:
    with pytest.raises(ValueError, match=f"^--output '{text}' names no file$"):
        typed(text)


@pytest.mark.parametrize(
    ("name", "number", "file"),
    [
        ("a.jsonl", 1, "a.jsonl"),
        ("a.jsonl", 2, "a.0002.jsonl"),
        ("a.jsonl.zst", 3, "a.0003.jsonl.zst"),
        ("b.c/a", 2, "b.c/a.0002"),
        ("a.tar.csv.gz", 12_345, "a.tar.12345.csv.gz"),
        (".jsonl", 2, ".jsonl.0002"),
    ],
)
def test_numbers_stand_before_the_suffixes(name: str, number: int, file: str) -> None:
    assert part(name, number) == file
    assert part_number(file, name) == number


@pytest.mark.parametrize(
    "other",
    ["a.0001.jsonl", "a.002.jsonl", "a.00002.jsonl", "a.0002.csv", "b.0002.jsonl",
     "a.0002.jsonl.gz", "x/a.0002.jsonl", "a.x0002.jsonl", "a.0002.jsonl\n", "a.２０２４.jsonl"],
)  # fmt: skip
def test_other_files_have_no_number(other: str) -> None:
    assert part_number(other, "a.jsonl") is None


@given(st.text(min_size=1), st.integers(1, 20_000))
def test_any_name_can_be_numbered(name: str, number: int) -> None:
    assert part_number(part(name, number), name) == number
