"""Disks: what is on them when the power fails, and when they are full."""

import json
import os
import stat
import zlib
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from crawler.account import Mark
from crawler.errors import CannotCreate, WriteFailed
from crawler.sink.format import Jsonl
from crawler.sink.output import Keeping, Output
from crawler.sink.series import Series
from tests.sink.files import put, python, read
from tests.sink.kinds import KINDS, lines, marked, packed, sealed, unpacked

FULL = Keeping(durable=True, full=True)


@dataclass
class Disk:
    """What was asked to be on the disk: how long files were then, and how often folders."""

    files: list[int] = field(default_factory=list)
    folders: int = 0


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    """Watches what is brought to the disk."""
    seen = Disk()
    really = os.fsync

    def fsync(descriptor: int) -> None:
        really(descriptor)
        status = os.fstat(descriptor)
        if stat.S_ISDIR(status.st_mode):
            seen.folders += 1
        else:
            seen.files.append(status.st_size)

    monkeypatch.setattr(os, "fsync", fsync)
    return seen


@pytest.fixture
def path(tmp_path: Path, name: str) -> Path:
    """Where an output of the kind may be made."""
    return tmp_path / name


async def outlasts(output: Output, disk: Disk) -> None:
    """Each seal has all data on the disk before it returns, and costs nothing if it can."""
    assert (disk.files, disk.folders) == ([], 1), "the entry of the file is there"
    await sealed(output)
    assert disk.files == []
    for written in (lines(1), b"two\n"):
        await output.write(written)
        assert disk.files == []
        mark = await sealed(output)
        assert disk.files == [mark.offset]
        assert await sealed(output) == mark
        assert disk.files == [mark.offset]
        disk.files.clear()
    await output.close()


@pytest.mark.parametrize("name", KINDS)
async def test_full_durability_waits_for_the_disk(path: Path, disk: Disk) -> None:
    await outlasts(await Output.open(str(path), FULL), disk)


@pytest.mark.parametrize("name", KINDS)
async def test_normal_durability_does_not(path: Path, disk: Disk) -> None:
    output = await Output.open(str(path), Keeping(durable=True))
    await output.write(b"one\n")
    await sealed(output)
    await output.close()
    assert (disk.files, disk.folders) == ([], 0)


@pytest.mark.parametrize("name", KINDS)
async def test_what_was_there_is_brought_to_the_disk_once(path: Path, disk: Disk) -> None:
    """Whoever wrote it may not have waited: a power failure must not make the mark wrong."""
    put(path, packed(path.name, b"zero\n"))
    output = await Output.open(str(path), Keeping("append", durable=True, full=True))
    mark = await sealed(output)
    await sealed(output)
    assert disk.files == [mark.offset]
    await output.release()
    output = await Output.open(str(path), Keeping(marks=(mark,), durable=True, full=True))
    await sealed(output)
    await sealed(output)
    assert disk.files == [mark.offset] * 2
    await output.release()


@pytest.mark.parametrize("name", KINDS)
async def test_a_file_opened_anew_is_as_safe(path: Path, tmp_path: Path, disk: Disk) -> None:
    output = await Output.open(str(path), FULL)
    await output.write(b"one\n")
    await sealed(output)
    os.rename(path, tmp_path / "rotated")
    await output.reopen()
    assert disk.folders == 2
    await sealed(output)
    disk.files.clear()
    await output.write(b"two\n")
    mark = await sealed(output)
    assert disk.files == [mark.offset]
    await output.close()


class Hasty(Output):
    """Broken on purpose: first waits for the disk, then ends the member or frame."""

    async def seal(self) -> Mark | None:
        if self._keeping.full and self._unsynced:
            os.fsync(self._descriptor)
            self._unsynced = False
        await self._begin()
        await self._end()
        self._unsynced = False
        return Mark(self.name, self.offset, self.crc)


@pytest.mark.parametrize("name", KINDS[1:])
async def test_a_wait_that_comes_too_early_would_be_noticed(path: Path, disk: Disk) -> None:
    output = await Hasty.open(str(path), FULL)
    try:
        with pytest.raises(AssertionError):
            await outlasts(output, disk)
    finally:
        await output.release()


# Full


_SMALL = """
import asyncio, json, resource, sys
from crawler.errors import WriteFailed
from crawler.sink.output import Keeping, Output
from tests.sink.kinds import lines, sealed

async def fill(name):
    output = await Output.open(name, Keeping(durable=True))
    await output.write(lines(1))
    mark = await sealed(output)
    try:
        for number in range(2, 20):
            await output.write(lines(number))
    except WriteFailed as error:
        failed = str(error)
    await output.close()
    return [mark.offset, mark.crc, failed]

resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, 2_000_000))
print(json.dumps([asyncio.run(fill(name)) for name in sys.argv[1:]]))
"""


async def test_a_file_that_can_grow_no_further_keeps_whole_lines(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in KINDS]
    code, said, err = python(_SMALL, *paths)
    assert code == 0, err
    for path, (offset, crc, failed) in zip(paths, json.loads(said), strict=True):
        assert failed == (
            f"writing {path} failed: file too large; raise the limit on file sizes (ulimit -f)"
        )
        held = read(path)
        assert offset < len(held) < 2_000_000
        rest = b"".join(map(lines, range(2, 20)))
        if path.name == KINDS[0]:
            assert held.endswith(b"\n")
            assert (lines(1) + rest).startswith(held)
        if path.name == KINDS[1]:  # what there is of it can be read, and nothing is behind it
            reader = zlib.decompressobj(31)
            assert reader.decompress(held) == lines(1)
            torn = zlib.decompressobj(31)
            got = torn.decompress(reader.unused_data)
            assert got
            assert rest.startswith(got)
            assert not torn.eof
        mark = Mark(str(path), offset, crc)
        output = await Output.open(str(path), Keeping(marks=(mark,), durable=True))
        await output.write(b"two\n")
        await output.close()
        assert unpacked(path) == lines(1) + b"two\n"


async def test_a_full_device_is_told_each_time_and_has_no_mark() -> None:
    output = await Output.open("/dev/full", Keeping(durable=True))
    for _ in range(2):
        with pytest.raises(WriteFailed, match=r"failed: no space left.*; free some space"):
            await output.write(b"one\n")
    assert await output.seal() is None
    await output.close()


@pytest.mark.parametrize("name", KINDS[1:])
async def test_a_compressed_full_device_is_closed_all_the_same(path: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    os.symlink("/dev/full", path)
    output = await Output.open(str(path), Keeping())
    await output.write(b"one\n")  # the compressor still holds it
    with pytest.raises(WriteFailed, match="free some space"):
        await output.close()
    assert len(os.listdir("/proc/self/fd")) == before


# Rotation


async def test_a_full_file_and_the_next_ones_entry_are_on_the_disk(
    tmp_path: Path, disk: Disk
) -> None:
    path = tmp_path / "out.jsonl"
    series = await Series.open(str(path), FULL, Jsonl(), 1_000)
    assert (disk.files, disk.folders) == ([], 1)
    await series.write(lines(1))
    full, begun = await series.seal()
    assert (full, begun.offset) == (marked(path), 0)
    assert (disk.files, disk.folders) == ([full.offset], 2)
    await series.write(b"two\n")
    (mark,) = await series.seal()
    assert disk.files == [full.offset, mark.offset]
    await series.close()


async def test_where_no_further_file_can_be_made_nothing_is_lost(tmp_path: Path) -> None:
    folder, moved = tmp_path / "folder", tmp_path / "moved"
    folder.mkdir()
    series = await Series.open(str(folder / "out.jsonl"), Keeping(durable=True), Jsonl(), 1_000)
    await series.write(lines(1))
    os.rename(folder, moved)
    with pytest.raises(CannotCreate, match=r"out\.0002\.jsonl"):
        await series.seal()
    await series.close()
    assert read(moved / "out.jsonl") == lines(1)
    assert os.listdir(moved) == ["out.jsonl"]


_SMALL_TABLES = """
import asyncio, resource, sys
from crawler.destination import Destination
from crawler.errors import WriteFailed
from crawler.model import Line
from crawler.sink.output import Keeping
from crawler.sink.records import Records

async def fill():
    to = [Destination(name, "csv", ["page"]) for name in sys.argv[1:]]
    sink = await Records.open(to, Keeping(durable=True), ["a", "seq"], 100_000)
    line = Line("page", b'{"type":"page","a":"' + b"x" * 1_000 + b'"}')
    try:
        for _ in range(100):
            await sink.write([line] * 10)
            if _ == 14:
                print([mark.name for mark in await sink.seal()])
    except WriteFailed as error:
        print(error)
    await sink.close()

resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
asyncio.run(fill())
"""


async def test_a_table_that_can_grow_no_further_keeps_whole_rows(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    code, said, err = python(_SMALL_TABLES, path)
    assert code == 0, err
    sealed_, failed = said.splitlines()
    assert "out.0002.csv" in sealed_
    assert failed.startswith(f"writing {tmp_path}/out.0002.csv failed: file too large")
    numbers = []
    for each in (path, tmp_path / "out.0002.csv"):
        head, *rows = read(each).decode().removesuffix("\n").split("\n")
        assert head == "a,seq"
        assert {len(row.partition(",")[0]) for row in rows} == {1_000}
        numbers += [int(row.partition(",")[2]) for row in rows]
    assert numbers == list(range(1, len(numbers) + 1))
