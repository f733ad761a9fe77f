"""JSON lines: whole, numbered, filtered; one call a batch."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from crawler.errors import WriteFailed
from crawler.model import Line, Mark
from crawler.record import numbered
from crawler.sink.jsonl import JsonlSink
from crawler.sink.output import Existing, Output
from tests.sink.files import put, read

Opened = Callable[..., AbstractAsyncContextManager[tuple[JsonlSink, Output]]]


def line(number: int, type_: str = "page", padding: int = 0) -> Line:
    text = "ä" * padding
    return Line(type_, json.dumps({"n": number, "p": text}, ensure_ascii=False).encode())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the sink writes."""
    return tmp_path / "out.jsonl"


@pytest.fixture
def opened(path: Path) -> Opened:
    """Opens a sink onto ``path``."""

    @asynccontextmanager
    async def sink(
        types: Collection[str] = ("page",), existing: Existing = "refuse", name: str | None = None
    ) -> AsyncIterator[tuple[JsonlSink, Output]]:
        output = await Output.open(name or str(path), existing)
        try:
            yield JsonlSink(output, types), output
        finally:
            await output.close()

    return sink


def records(path: Path) -> list[dict[str, Any]]:
    data = read(path)
    assert not data or data.endswith(b"\n")
    return [json.loads(each) for each in data.splitlines()]


async def test_records_are_whole_lines_in_the_order_given(opened: Opened, path: Path) -> None:
    async with opened() as (sink, _):
        await sink.write([line(0), line(1)])
        assert records(path) == [{"n": 0, "p": "", "seq": 1}, {"n": 1, "p": "", "seq": 2}]
        await sink.write([line(2, padding=100_000)])
        assert records(path)[2] == {"n": 2, "p": "ä" * 100_000, "seq": 3}


async def test_only_the_types_wanted_are_written_and_numbered(opened: Opened, path: Path) -> None:
    async with opened(("page", "error")) as (sink, _):
        types = ["page", "skip", "error", "redirect", "summary", "page"]
        await sink.write([line(number, each) for number, each in enumerate(types)])
        await sink.write([line(9, "skip")])
        await sink.write([line(10, "error")])
    assert [(each["n"], each["seq"]) for each in records(path)] == [(0, 1), (2, 2), (5, 3), (10, 4)]


async def test_a_batch_is_one_call_and_nothing_is_none(opened: Opened) -> None:
    async with opened() as (sink, output):
        await sink.write([line(number) for number in range(500)])
        assert output.writes == 1
        await sink.write([])
        await sink.write([line(1, "skip")])
        assert output.writes == 1


async def test_marks_tell_how_far_the_file_is_written(opened: Opened, path: Path) -> None:
    async with opened() as (sink, _):
        for batch in ([line(0)], [line(1, "skip")], [], [line(2), line(3)]):
            assert await sink.write(batch) == (Mark(str(path), len(read(path))),)


async def test_marks_count_what_the_file_already_held(opened: Opened, path: Path) -> None:
    put(path, b'{"torn":')
    async with opened(existing="append") as (sink, _):
        (mark,) = await sink.write([line(0)])
    assert mark.offset == len(read(path))
    assert read(path).splitlines()[1] == b'{"n": 0, "p": "","seq":1}'


async def test_marks_of_what_cannot_be_resumed_have_no_offset(opened: Opened) -> None:
    async with opened(name="/dev/null") as (sink, _):
        assert await sink.write([line(0)]) == (Mark("/dev/null", None),)


async def test_concurrent_writers_do_not_interleave(opened: Opened, path: Path) -> None:
    async def write(sink: JsonlSink, writer: int) -> None:
        for batch in range(5):
            number = 1_000 * writer + 10 * batch
            await sink.write([line(number + each, padding=3_000) for each in range(10)])

    async with opened() as (sink, output):
        await asyncio.gather(*(write(sink, writer) for writer in range(8)))
        assert output.writes == 40

    got = records(path)
    assert [each["seq"] for each in got] == list(range(1, 401))
    for start in range(0, 400, 10):
        first = got[start]["n"]
        assert [each["n"] for each in got[start : start + 10]] == list(range(first, first + 10))
    for writer in range(8):
        mine = [each["n"] for each in got if each["n"] // 1_000 == writer]
        assert mine == sorted(mine)


class Unnumbered(JsonlSink):
    """Broken on purpose: takes no turns, and writes line by line."""

    async def write(self, lines: Any) -> tuple[Mark, ...]:
        for each in lines:
            await self._output.write(numbered(each.data, 1))
        return ()


async def test_writers_without_turns_would_be_noticed(path: Path) -> None:
    output = await Output.open(str(path), "refuse")
    sink = Unnumbered(output, ("page",))
    batches = [[line(100 * writer + each) for each in range(10)] for writer in range(8)]
    await asyncio.gather(*(sink.write(batch) for batch in batches))
    await output.close()
    numbers = [each["n"] for each in records(path)]
    assert sorted(numbers) == [
        each for writer in range(8) for each in range(100 * writer, 100 * writer + 10)
    ]
    assert numbers != sorted(numbers)


async def test_a_rotation_falls_between_two_batches(
    opened: Opened, path: Path, tmp_path: Path
) -> None:
    rotated = tmp_path / "rotated"
    async with opened() as (sink, _):
        await sink.write([line(0), line(1)])
        os.rename(path, rotated)
        writing = asyncio.gather(
            sink.write([line(2, padding=50_000)]), sink.reopen(), sink.write([line(3)])
        )
        await writing
    assert [each["seq"] for each in records(rotated)] == [1, 2, 3]
    assert [each["seq"] for each in records(path)] == [4]


async def test_a_device_that_is_full_ends_the_writing(opened: Opened) -> None:
    async with opened(name="/dev/full") as (sink, _):
        with pytest.raises(WriteFailed):
            await sink.write([line(0)])
