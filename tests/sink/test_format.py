"""Formats: what a reader gets back is what the record holds, and no reader is harmed."""

import csv
import io
import json
import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crawler.encoding import encode
from crawler.errors import CannotCreate
from crawler.settings import RECORD_TYPES
from crawler.sink.columns import DEFAULT, Columns, columns
from crawler.sink.format import Csv, Entry, Format, Jsonl, Pruned, Tsv, Urls, make
from crawler.sink.output import Existing, Keeping, Output
from tests.rooms.naughty import STRINGS
from tests.sink.files import put, read
from tests.sink.kinds import marked, packed, unpacked

DISOBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
"""What a terminal obeys, but for line feeds and tabs."""

FORMULAS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")

EXAMPLES = settings(
    max_examples=200,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
texts = st.text(max_size=30) | st.sampled_from([each[:2_000] for each in STRINGS])
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda below: st.lists(below, max_size=3) | st.dictionaries(texts, below, max_size=3),
    max_leaves=6,
)  # fmt: skip
records = st.lists(st.lists(values, min_size=2, max_size=2), max_size=5)

NAMES = ["a", "b"]


def entry(**record: Any) -> Entry:
    return Entry(record.get("type", "page"), encode(record) + b"\n")


def entries(rows: Sequence[Sequence[Any]]) -> list[Entry]:
    return [entry(**dict(zip(NAMES, row, strict=True))) for row in rows]


def cell(value: Any) -> str:
    """Return what a value is in a cell, before anything is escaped."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return "" if value is None else encode(value).decode()


def visible(text: str) -> str:
    return DISOBEYED.sub(
        lambda found: r"\r" if found[0] == "\r" else f"\\u{ord(found[0]):04x}", text
    )


def in_csv(value: Any) -> str:
    """Return what a reader of csv gets."""
    text = cell(value)
    formula = isinstance(value, str) and text.startswith(FORMULAS)
    return f"'{visible(text)}" if formula else visible(text)


def rows_of_csv(data: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(data.decode(), newline=""), strict=True))


def rows_of_tsv(data: bytes) -> list[list[str]]:
    """Read tsv as its readers do: lines, tabs, then escapes."""

    def plain(found: re.Match[str]) -> str:
        short = {"t": "\t", "n": "\n", "r": "\r", "\\": "\\"}
        return short.get(found[1]) or chr(int(found[1][1:], 16))

    return [
        [re.sub(r"\\(u[0-9a-f]{4}|.)", plain, each) for each in line.split("\t")]
        for line in data.decode().split("\n")[:-1]
    ]


def reads_back(form: Format, seen: Callable[[Any], str], read_rows: Any) -> Callable[[], None]:
    """Return the check that a table is what the records are."""

    @EXAMPLES
    @given(records)
    def check(rows: list[list[Any]]) -> None:
        data = form.encode(entries(rows))
        table = read_rows(form.head + data)
        assert table == [NAMES, *([seen(value) for value in row] for row in rows)]
        assert not DISOBEYED.search(data.decode())

    return check


def test_csv_reads_back_as_the_record() -> None:
    reads_back(Csv(Columns(NAMES)), in_csv, rows_of_csv)()


def test_tsv_reads_back_as_the_record() -> None:
    reads_back(Tsv(Columns(NAMES)), cell, rows_of_tsv)()


class Careless(Csv):
    """Broken on purpose: puts cells side by side."""

    def _rows(self, rows: Any) -> bytes:
        return "".join(",".join(map(cell, row)) + "\n" for row in rows).encode()


class CarelessTsv(Tsv):
    """Broken on purpose: knows tabs and line feeds, and not what stands for them."""

    def _rows(self, rows: Any) -> bytes:
        escaped = str.maketrans({"\t": "\\t", "\n": "\\n"})
        lines = ("\t".join(cell(each).translate(escaped) for each in row) for row in rows)
        return "".join(f"{line}\n" for line in lines).encode()


def test_careless_tables_would_be_noticed() -> None:
    for form, seen, rows in (
        (Careless(Columns(NAMES)), in_csv, rows_of_csv),
        (CarelessTsv(Columns(NAMES)), cell, rows_of_tsv),
    ):
        with pytest.raises((AssertionError, csv.Error, ExceptionGroup)):
            reads_back(form, seen, rows)()


TABLES_READ: list[tuple[Format, Any, Any]] = [
    (Csv(Columns(NAMES)), in_csv, rows_of_csv),
    (Tsv(Columns(NAMES)), cell, rows_of_tsv),
]


@pytest.mark.parametrize("text", STRINGS)
def test_naughty_strings_do_no_harm(text: str) -> None:
    rows: list[list[Any]] = [[text, "after"], ["before", [text]], [{text: 1}, None]]
    for form, seen, read_rows in TABLES_READ:
        data = form.encode(entries(rows))
        assert read_rows(data) == [[seen(value) for value in row] for row in rows]
        assert not DISOBEYED.search(data.decode())


@pytest.mark.parametrize("start", FORMULAS)
def test_no_spreadsheet_runs_a_cell(start: str) -> None:
    data = Csv(Columns(NAMES)).encode(entries([[f"{start}1+1", -1], [[start], "a=1"]]))
    (first, number), (listed, text) = rows_of_csv(data)
    assert first.startswith("'")
    assert (number, text) == ("-1", "a=1"), "numbers are none, and what begins otherwise"
    assert listed.startswith("[")


def test_a_tsv_record_is_a_line() -> None:
    data = Tsv(Columns(NAMES)).encode(entries([["a\tb", "c\nd\re\\f\x1b"]]))
    assert data == b"a\\tb\tc\\nd\\re\\\\f\\u001b\n"


def test_values_are_as_in_json_and_nothing_is_empty() -> None:
    data = Csv(Columns(["a", "b", "c"])).encode([entry(a=True, b=1.5), entry(c={"x": ["é"]})])
    assert data == 'true,1.5,\n,,"{""x"":[""é""]}"\n'.encode()


def test_urls_are_urls_alone() -> None:
    data = Urls().encode(
        [entry(url="http://a/?x=1,2"), entry(type="summary"), entry(url="http://b/")]
    )
    assert data == b"http://a/?x=1,2\nhttp://b/\n"
    assert Urls.head == b""


# Fields


RECORD = {"v": 1, "url": "u", "meta": {"a": {"x": 1, "y": None}, "b": [1]}, "error": None}


@pytest.mark.parametrize(
    ("names", "row", "pruned"),
    [
        (["url"], ["u"], {"url": "u"}),
        (["url", "v"], ["u", 1], {"v": 1, "url": "u"}),
        (["meta.b", "meta.a.x"], [[1], 1], {"meta": {"a": {"x": 1}, "b": [1]}}),
        (["meta.a.y"], [None], {"meta": {"a": {"y": None}}}),
        (["meta", "meta.a.x"], [RECORD["meta"], 1], {"meta": RECORD["meta"]}),
        (["meta.a.x", "meta.a"], [1, {"x": 1, "y": None}], {"meta": {"a": RECORD["meta"]["a"]}}),  # type: ignore[index]
        (["error.class"], [None], {"error": None}),
        (["meta.b.x", "title"], [None, None], {"meta": {"b": None}}),
        (["url", "url"], ["u"], {"url": "u"}),
    ],
)  # fmt: skip
def test_fields_are_found_by_path(names: list[str], row: list[Any], pruned: Any) -> None:
    wanted = Columns(names)
    assert wanted.row(RECORD) == row
    assert wanted.prune(RECORD) == pruned
    assert list(wanted.prune(RECORD)) == list(pruned), "in the order of the record"


def test_pruned_lines_are_as_tame_as_whole_ones() -> None:
    for text in STRINGS:
        (line,) = Pruned(Columns(["a"])).encode([entry(a=text, b=1)]).splitlines()
        assert json.loads(line) == {"a": cell(text)}
        assert not DISOBEYED.search(line.decode())


def test_every_type_has_columns() -> None:
    assert DEFAULT.keys() == set(RECORD_TYPES)
    for type_ in RECORD_TYPES:
        assert columns([type_])[0] == "type"
    both = columns(["error", "page"])
    assert both == columns(["page", "error"]), "whatever the order in which types are named"
    assert len(set(both)) == len(both)


def test_a_plain_line_is_passed_on_as_it_is() -> None:
    """Nothing is decoded on the way of every record."""
    odd = b'{"a": 1,  "b" :2}\n'
    found = Entry("page", odd)
    assert Jsonl().encode([found]) == odd
    assert found.decoded is None


def test_a_record_is_decoded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    really = msgspec.json.decode

    def decode(data: bytes) -> Any:
        calls.append(1)
        return really(data)

    monkeypatch.setattr(msgspec.json, "decode", decode)
    found = [entry(url="http://a/", a=1)]
    for form in (Csv(Columns(NAMES)), Tsv(Columns(NAMES)), Urls(), Pruned(Columns(NAMES))):
        form.encode(found)
    assert calls == [1]


@pytest.mark.parametrize(
    ("kind", "fields", "made"),
    [("jsonl", (), Jsonl), ("jsonl", ("url",), Pruned), ("csv", (), Csv), ("tsv", (), Tsv),
     ("urls", (), Urls)],
)  # fmt: skip
def test_formats_are_made_by_name(kind: Any, fields: tuple[str, ...], made: type) -> None:
    assert type(make(kind, ["page"], fields)) is made


# Heads


TABLES = ["out.csv", "out.csv.gz", "out.tsv.zst"]
FORM = Csv(Columns(["url", "title"]))
HEAD = b"url,title\n"


async def write(path: Path, keeping: Keeping, *batches: bytes, form: Format = FORM) -> None:
    output = await Output.open(str(path), keeping, form)
    try:
        for batch in batches:
            await output.write(batch)
        await output.seal()
    finally:
        await output.close()


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("existing", ["refuse", "append", "overwrite"])
async def test_a_file_begins_with_the_head(tmp_path: Path, name: str, existing: Existing) -> None:
    path = tmp_path / name
    if existing == "overwrite":
        put(path, packed(name, b"something else\n"))
    await write(path, Keeping(existing, durable=True), b"a,b\n", b"c,d\n")
    assert unpacked(path) == HEAD + b"a,b\nc,d\n"
    await write(path, Keeping("append", durable=True), b"e,f\n")
    assert unpacked(path) == HEAD + b"a,b\nc,d\ne,f\n"


@pytest.mark.parametrize("name", TABLES)
async def test_there_is_a_head_even_without_records(tmp_path: Path, name: str) -> None:
    await write(tmp_path / name, Keeping(), b"")
    assert unpacked(tmp_path / name) == HEAD


@pytest.mark.parametrize("name", TABLES)
async def test_what_is_gone_on_with_has_its_head(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    output = await Output.open(str(path), Keeping(durable=True), FORM)
    first = await output.seal()
    assert first is not None
    assert first.offset == 0, "before the first commit there is nothing in it"
    await output.write(b"a,b\n")
    second = await output.seal()
    assert second is not None
    await output.release()
    await write(path, Keeping(marks=(second,), durable=True), b"c,d\n")
    assert unpacked(path) == HEAD + b"a,b\nc,d\n"
    await write(path, Keeping(marks=(first,), durable=True), b"e,f\n")
    assert unpacked(path) == HEAD + b"e,f\n"


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("how", ["renamed", "emptied"])
async def test_what_is_opened_anew_has_a_head(tmp_path: Path, name: str, how: str) -> None:
    path = tmp_path / name
    output = await Output.open(str(path), Keeping(durable=True), FORM)
    await output.write(b"a,b\n")
    await output.seal()
    if how == "renamed":
        path.rename(tmp_path / f"1.{name}")
    else:
        os.truncate(path, 0)
    await output.reopen()
    await output.write(b"c,d\n")
    await output.close()
    assert unpacked(path) == HEAD + b"c,d\n"


@pytest.mark.parametrize("name", TABLES)
async def test_what_holds_nothing_is_given_a_head(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    put(path, packed(name, b""))
    for row in (b"a,b\n", b"c,d\n"):
        await write(path, Keeping("append"), row)
    assert unpacked(path) == HEAD + b"a,b\nc,d\n"


@pytest.mark.parametrize("name", TABLES)
async def test_other_columns_are_not_added_to(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    other = Csv(Columns(["url", "lang"]))
    await write(path, Keeping(), b"a,b\n", form=other)
    for data in (read(path), packed(name, b"{}\n")):
        put(path, data)
        for keeping in (Keeping("append"), Keeping(marks=(marked(path),), durable=True)):
            with pytest.raises(CannotCreate, match=r"does not begin with the columns.*--fields"):
                await Output.open(str(path), keeping, FORM)
            assert read(path) == data


@pytest.mark.parametrize("name", TABLES[:2])
async def test_a_torn_cell_is_not_added_to(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    for torn in (b'a,"b', b'a,"b\n', b'a,"b""\n'):
        put(path, packed(name, HEAD + torn))
        with pytest.raises(CannotCreate, match="ends amid a cell; mend it"):
            await Output.open(str(path), Keeping("append"), FORM)
        assert unpacked(path) == HEAD + torn
    for whole in (b"a,b\n", b'a,"b\n"\n', b'a,"b""c"\n'):
        put(path, packed(name, HEAD + whole))
        await write(path, Keeping("append"), b"c,d\n")
        assert len(rows_of_csv(unpacked(path))) == 3


async def test_a_torn_row_is_ended(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    put(path, HEAD + b'a,"b\n"')
    await write(path, Keeping("append"), b"c,d\n")
    assert rows_of_csv(read(path))[1:] == [["a", "b\n"], ["c", "d"]]
