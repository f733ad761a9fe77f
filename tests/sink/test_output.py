"""Outputs: files that are never clobbered, and pipes whose reader may go."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiofiles
import pytest

from crawler.errors import CannotCreate, ReaderClosed, TryLater, WriteFailed
from crawler.sink.output import Existing, Keeping, Output
from tests.sink.files import locked_elsewhere, put, read, reading


@asynccontextmanager
async def opened(path: Path | str, existing: Existing = "refuse") -> AsyncIterator[Output]:
    """An output, closed at the end."""
    made = await Output.open(str(path), Keeping(existing))
    try:
        yield made
    finally:
        await made.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where an output may be made."""
    return tmp_path / "out.jsonl"


# What is there already


@pytest.mark.parametrize("existing", ["refuse", "append", "overwrite"])
async def test_a_new_or_empty_file_is_written_whatever_was_asked(
    path: Path, existing: Existing
) -> None:
    async with opened(path, existing) as out:
        assert (out.name, out.seekable, out.offset) == (str(path), True, 0)
    async with opened(path, existing) as out:
        await out.write(b"one\n")
        assert out.offset == 4
        assert read(path) == b"one\n", "it is there before anything is closed"


async def test_a_file_with_data_is_refused_and_left_alone(path: Path) -> None:
    put(path, b"precious")
    with pytest.raises(CannotCreate, match="--append, --overwrite") as refused:
        await Output.open(str(path), Keeping("refuse"))
    assert str(path) in str(refused.value)
    assert read(path) == b"precious"
    async with opened(path, "append"):
        pass  # and its lock is free


async def test_append_adds(path: Path) -> None:
    put(path, b"one\n")
    async with opened(path, "append") as out:
        assert out.offset == 4
        await out.write(b"two\n")
        assert out.offset == 8
    assert read(path) == b"one\ntwo\n"


@pytest.mark.parametrize("torn", [b"one\n{", b"x", "é".encode(), b"\n\n\0"])
async def test_append_ends_a_torn_last_line(path: Path, torn: bytes) -> None:
    put(path, torn)
    async with opened(path, "append") as out:
        assert read(path) == torn, "not before there is something to write"
        await out.write(b"two\n")
        assert out.offset == len(torn) + 5
    assert read(path) == torn + b"\ntwo\n"


async def test_overwrite_empties_when_there_is_something_to_write(path: Path) -> None:
    put(path, b"something rather long")
    async with opened(path, "overwrite") as out:
        assert (out.offset, read(path)) == (0, b"something rather long")
        await out.write(b"two\n")
        assert out.offset == 4
    assert read(path) == b"two\n"


async def test_overwrite_empties_at_the_end_if_nothing_was_written(path: Path) -> None:
    put(path, b"something rather long")
    async with opened(path, "overwrite"):
        pass
    assert read(path) == b""


@pytest.mark.parametrize("held", [b"one\n", b"torn"])
@pytest.mark.parametrize("existing", ["append", "overwrite"])
async def test_a_file_that_is_let_go_is_as_it_was(
    path: Path, existing: Existing, held: bytes
) -> None:
    put(path, held)
    out = await Output.open(str(path), Keeping(existing))
    await out.release()
    assert read(path) == held
    async with opened(path, "append"):
        pass  # and its lock is free


@pytest.mark.parametrize("existing", ["refuse", "append", "overwrite"])
async def test_a_file_in_use_by_another_run_is_not_touched(path: Path, existing: Existing) -> None:
    put(path, b"torn")
    with locked_elsewhere(path):
        with pytest.raises(TryLater, match="another run"):
            await Output.open(str(path), Keeping(existing))
        assert read(path) == b"torn"
    async with opened(path, "append"):
        pass


async def test_an_output_locks_its_file_until_it_is_closed(path: Path) -> None:
    async with opened(path):
        with pytest.raises(TryLater):
            await Output.open(str(path), Keeping("append"))
    async with opened(path):
        pass


async def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(CannotCreate, match=f"create the folder {tmp_path / 'no'} first"):
        await Output.open(str(tmp_path / "no" / "out.jsonl"), Keeping("refuse"))


async def test_a_folder_is_no_output(tmp_path: Path) -> None:
    with pytest.raises(CannotCreate, match="directory"):
        await Output.open(str(tmp_path), Keeping("overwrite"))


async def test_refusals_leave_no_descriptor_open(path: Path) -> None:
    put(path, b"precious")
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        with pytest.raises(CannotCreate):
            await Output.open(str(path), Keeping("refuse"))
    assert len(os.listdir("/proc/self/fd")) == before


# Writing


async def test_a_full_device_is_told_with_the_remedy() -> None:
    async with opened("/dev/full") as out:
        assert not out.seekable
        with pytest.raises(WriteFailed, match=r"writing /dev/full failed: no space.*free some"):
            await out.write(b"one\n")


async def test_the_null_device_takes_everything() -> None:
    async with opened("/dev/null", "refuse") as out:
        assert not out.seekable
        await out.write(b"one\n" * 100_000)


async def test_a_fifo_is_written_while_someone_reads(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    with reading(fifo) as reader:
        out = await Output.open(str(fifo), Keeping("refuse"))
        await out.write(b"one\n")
        assert os.read(reader, 100) == b"one\n"
        assert not out.seekable
    with pytest.raises(ReaderClosed, match="fifo"):
        await out.write(b"two\n")
    await out.close()


async def test_stdout_is_written_but_not_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.pipe()
    with os.fdopen(reader, "rb", buffering=0) as far, os.fdopen(writer, "w") as near:
        monkeypatch.setattr(sys, "stdout", near)
        async with opened("-") as out:
            await out.write(b"one\n")
            assert (out.name, out.seekable) == ("-", False)
        assert far.read(100) == b"one\n"
        os.write(writer, b"still open\n")


async def test_a_file_behind_stdout_is_the_shells_affair(
    monkeypatch: pytest.MonkeyPatch, path: Path
) -> None:
    """``>> file``: what it holds stays, nothing is locked or truncated."""
    put(path, b"zero\n")
    file = os.fdopen(os.open(path, os.O_WRONLY | os.O_APPEND), "w")
    with file, locked_elsewhere(path):
        monkeypatch.setattr(sys, "stdout", file)
        async with opened("-", "refuse") as out:
            assert not out.seekable
            await out.write(b"one\n")
    assert read(path) == b"zero\none\n"


async def test_a_closed_stdout_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    with pytest.raises(CannotCreate, match="-o"):
        await Output.open("-", Keeping("refuse"))


class Reluctant:
    """A file that takes at most three bytes at a time, and sometimes none."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self.calls = 0

    async def write(self, data: memoryview) -> int | None:
        self.calls += 1
        if self.calls % 4 == 0:
            return None
        taken: int = await self._file.write(data[:3])
        return taken

    async def close(self) -> None:
        await self._file.close()


async def test_partial_writes_are_completed(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = []
    really = aiofiles.open

    async def reluctantly(*args: Any, **options: Any) -> Reluctant:
        files.append(Reluctant(await really(*args, **options)))
        return files[-1]

    monkeypatch.setattr(aiofiles, "open", reluctantly)
    data = bytes(range(256))

    async with opened(path) as out:
        await out.write(data)
        assert (out.offset, out.writes) == (256, 1)

    assert read(path) == data
    assert files[0].calls > 80


async def test_two_outputs_do_not_wait_for_each_other(tmp_path: Path) -> None:
    """A pipe that nobody empties holds up its own writer only."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    with reading(fifo) as reader:
        async with opened(fifo) as stalled, opened(tmp_path / "file") as out:
            writing = asyncio.ensure_future(stalled.write(b"x" * 1_000_000))
            for _ in range(20):
                await out.write(b"one\n")
            assert not writing.done()
            taken = 0
            while taken < 1_000_000:
                try:
                    taken += len(os.read(reader, 1_000_000))
                except BlockingIOError:
                    await asyncio.sleep(0)
            await writing
