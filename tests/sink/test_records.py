"""Records: whole, numbered, filtered; one call a batch and output."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, Self

import pytest

from crawler.destination import Destination, part
from crawler.encoding import numbered
from crawler.errors import CannotCreate, CrawlError, TryLater, WriteFailed
from crawler.model import Line
from crawler.sink.format import Jsonl
from crawler.sink.output import Existing, Keeping, Output
from crawler.sink.records import Channel, Records
from crawler.sink.series import Series
from tests.sink.files import locked_elsewhere, put, read
from tests.sink.kinds import KINDS, marked, packed, unpacked

Opened = Callable[..., AbstractAsyncContextManager[tuple[Records, Output]]]


def line(number: int, type_: str = "page", padding: int = 0) -> Line:
    text = "ä" * padding
    return Line(type_, json.dumps({"n": number, "p": text}, ensure_ascii=False).encode())


def to(names: list[str], *types: str) -> list[Destination]:
    """Return outputs that get pages, or records of the ``types``."""
    return [Destination(name, types=types or ("page",)) for name in names]


def written(sink: Records) -> Output:
    """Return the file that a sink's only output writes."""
    (channel,) = sink._channels
    return channel.series._file


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
    ) -> AsyncIterator[tuple[Records, Output]]:
        keeping = Keeping(existing, durable=True)
        sink = await Records.open([Destination(name or str(path), types=list(types))], keeping)
        try:
            yield sink, written(sink)
        finally:
            await sink.close()

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
            await sink.write(batch)
            assert await sink.seal() == [marked(path)]


async def test_marks_count_what_the_file_already_held(opened: Opened, path: Path) -> None:
    put(path, b'{"torn":')
    async with opened(existing="append") as (sink, _):
        await sink.write([line(0)])
        assert await sink.seal() == [marked(path)]
    assert read(path).splitlines()[1] == b'{"n": 0, "p": "","seq":1}'


async def test_what_cannot_be_resumed_has_no_mark(opened: Opened) -> None:
    async with opened(name="/dev/null") as (sink, _):
        await sink.write([line(0)])
        assert await sink.seal() == []


async def test_marks_fall_between_two_batches(opened: Opened, path: Path) -> None:
    async with opened() as (sink, _):
        _, marks, _ = await asyncio.gather(
            sink.write([line(0, padding=50_000), line(1)]), sink.seal(), sink.write([line(2)])
        )
    assert [mark.offset for mark in marks or ()] == [sum(map(len, read(path).splitlines(True)[:2]))]


async def test_concurrent_writers_do_not_interleave(opened: Opened, path: Path) -> None:
    async def write(sink: Records, writer: int) -> None:
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


class Unnumbered(Records):
    """Broken on purpose: takes no turns, and writes line by line."""

    async def write(self, lines: Any) -> None:
        for each in lines:
            await self._channels[0].series.write(numbered(each.data, 1))


async def test_writers_without_turns_would_be_noticed(path: Path) -> None:
    sink = await Unnumbered.open(to([str(path)]), Keeping())
    batches = [[line(100 * writer + each) for each in range(10)] for writer in range(8)]
    await asyncio.gather(*(sink.write(batch) for batch in batches))
    await sink.close()
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


# Several outputs


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    """One output of each kind."""
    return [tmp_path / name for name in KINDS]


def held(paths: list[Path]) -> list[bytes | None]:
    """Return what files hold; None for one that is not there."""
    return [read(path) if path.is_file() else None for path in paths]


async def test_all_outputs_get_the_same_numbered_lines(paths: list[Path]) -> None:
    names = ["/dev/null", *map(str, paths)]
    sink = await Records.open(to(names), Keeping(durable=True))
    await sink.write([line(0), line(1, "skip"), line(2)])
    assert await sink.seal() == [marked(path) for path in paths], "and one mark for each file"
    await sink.write([line(3, padding=1_000)])
    await sink.close()
    assert [each["seq"] for each in records(paths[0])] == [1, 2, 3]
    assert {unpacked(path) for path in paths} == {read(paths[0])}


async def test_all_outputs_are_taken_up(paths: list[Path]) -> None:
    names = list(map(str, paths))
    sink = await Records.open(to(names), Keeping(durable=True))
    await sink.write([line(0)])
    marks = await sink.seal()
    await sink.write([line(1)])
    await sink.close()
    sink = await Records.open(to(names[::-1]), Keeping(marks=marks, durable=True))
    assert await sink.seal() == marks[::-1]
    await sink.write([line(2)])
    await sink.close()
    assert [each["n"] for each in records(paths[0])] == [0, 2]
    assert {unpacked(path) for path in paths} == {read(paths[0])}


async def test_an_output_that_is_named_like_a_file_of_another_is_its_own(path: Path) -> None:
    names = [str(path), part(str(path), 2024)]
    sink = await Records.open(to(names), Keeping(durable=True))
    await sink.write([line(0)])
    marks = await sink.seal()
    await sink.close()
    sink = await Records.open(to(names), Keeping(marks=marks, durable=True))
    assert await sink.seal() == marks
    await sink.close()


async def test_all_outputs_are_opened_anew(paths: list[Path], tmp_path: Path) -> None:
    sink = await Records.open(to(list(map(str, paths))), Keeping(durable=True))
    await sink.write([line(0)])
    rotated = [path.rename(tmp_path / f"1.{path.name}") for path in paths]
    await sink.reopen()
    await sink.write([line(1)])
    await sink.close()
    assert {unpacked(path) for path in rotated} == {b'{"n": 0, "p": "","seq":1}\n'}
    assert {unpacked(path) for path in paths} == {b'{"n": 1, "p": "","seq":2}\n'}


async def opens_all_or_none(
    cls: type[Records], paths: list[Path], keeping: Keeping, refusal: type[CrawlError]
) -> None:
    """The last cannot be opened: the others are as they were, and free."""
    before, descriptors = held(paths), len(os.listdir("/proc/self/fd"))
    with pytest.raises(refusal):
        await cls.open(to(list(map(str, paths))), keeping)
    assert [data or b"" for data in held(paths)] == [data or b"" for data in before]
    assert len(os.listdir("/proc/self/fd")) == descriptors
    for path in paths[:-1]:
        output = await Output.open(str(path), Keeping("overwrite"))
        await output.release()


@pytest.mark.parametrize("existing", ["refuse", "append", "overwrite"])
@pytest.mark.parametrize("data", [None, b"torn"])
async def test_outputs_are_opened_all_or_none(
    paths: list[Path], existing: Existing, data: bytes | None
) -> None:
    keeping = Keeping(existing, durable=True, full=True)
    if data is not None and existing != "refuse":
        put(paths[0], data)
        put(paths[1], packed(paths[1].name, data))
    paths[-1].mkdir()
    await opens_all_or_none(Records, paths, keeping, CannotCreate)
    paths[-1].rmdir()
    with locked_elsewhere(paths[-1]):
        await opens_all_or_none(Records, paths, keeping, TryLater)


async def test_one_that_cannot_be_taken_up_leaves_the_others(paths: list[Path]) -> None:
    for path in paths:
        put(path, packed(path.name, b"one\n"))
    keeping = Keeping(marks=[marked(path) for path in paths], durable=True)
    put(paths[-1], b"changed" * 100)
    await opens_all_or_none(Records, paths, keeping, CannotCreate)


async def test_the_same_file_twice_is_refused(path: Path) -> None:
    put(path, b"torn")
    await opens_all_or_none(Records, [path, path], Keeping("append"), TryLater)


class Holding(Records):
    """Broken on purpose: keeps what it has opened."""

    kept: list[Series]

    @classmethod
    async def open(cls, destinations: Any, keeping: Keeping, *more: Any, **named: Any) -> Self:
        cls.kept = []
        for output in destinations:
            cls.kept.append(await Series.open(output.name, keeping, Jsonl()))
        return cls([Channel(series, Jsonl(), frozenset(["page"])) for series in cls.kept])


async def test_outputs_that_are_kept_would_be_noticed(paths: list[Path]) -> None:
    paths[-1].mkdir()
    with pytest.raises(AssertionError):
        await opens_all_or_none(Holding, paths, Keeping(), CannotCreate)
    for output in Holding.kept:
        await output.release()
