"""Opening anew, for what rotates logs: no file depends on another one."""

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from crawler.account import Mark
from crawler.errors import CannotCreate, TryLater
from crawler.sink.output import Existing, Keeping, Output
from tests.sink.files import put, read, reading
from tests.sink.kinds import COMPRESSED, KINDS, lines, marked, packed, sealed, unpacked


@asynccontextmanager
async def opened(path: Path | str, existing: Existing = "refuse") -> AsyncIterator[Output]:
    """An output whose marks count, closed at the end."""
    made = await Output.open(str(path), Keeping(existing, durable=True))
    try:
        yield made
    finally:
        await made.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where an output may be made."""
    return tmp_path / "out.jsonl"


# Renamed


async def test_reopening_after_a_rename_starts_a_new_file(path: Path, tmp_path: Path) -> None:
    rotated = tmp_path / "out.jsonl.1"
    async with opened(path) as out:
        await out.write(b"one\n")
        os.rename(path, rotated)
        await out.write(b"two\n")
        await out.reopen()
        assert (out.name, out.offset, out.seekable) == (str(path), 0, True)
        await out.write(b"three\n")
        with pytest.raises(TryLater):
            await Output.open(str(path), Keeping("append"))
        async with opened(rotated, "append"):
            pass  # the old file's lock is free
    assert read(rotated) == b"one\ntwo\n"
    assert read(path) == b"three\n"


@pytest.mark.parametrize("name", KINDS)
async def test_the_marks_of_a_new_file_start_from_nothing(tmp_path: Path, name: str) -> None:
    path, rotated = tmp_path / name, tmp_path / f"1.{name}"
    async with opened(path) as out:
        await out.write(b"one\n")
        await sealed(out)
        await out.write(lines(1))
        os.rename(path, rotated)
        await out.write(b"two\n")
        before = len(os.listdir("/proc/self/fd"))
        await out.reopen()
        assert len(os.listdir("/proc/self/fd")) == before
        assert unpacked(rotated) == b"one\n" + lines(1) + b"two\n", "it ends whole"
        assert await sealed(out) == Mark(str(path), 0, 0)
        await out.write(b"three\n")
        mark = await sealed(out)
        await out.write(lines(2))
    assert unpacked(path) == b"three\n" + lines(2)
    out = await Output.open(str(path), Keeping(marks=(mark,), durable=True))
    assert await sealed(out) == mark
    await out.close()
    assert unpacked(path) == b"three\n"


async def test_reopening_a_file_that_is_still_there_goes_on_with_it(path: Path) -> None:
    async with opened(path) as out:
        await out.write(b"one\n")
        await out.reopen()
        await out.write(b"two\n")
        assert out.offset == 8
        await sealed(out)
    assert read(path) == b"one\ntwo\n"


async def test_reopening_where_someone_else_has_made_a_file_adds_to_it(path: Path) -> None:
    async with opened(path) as out:
        os.unlink(path)
        put(path, b"torn")
        await out.reopen()
        await out.write(b"two\n")
        await sealed(out)
    assert read(path) == b"torn\ntwo\n"


async def test_what_is_renamed_before_it_is_overwritten_stays(path: Path, tmp_path: Path) -> None:
    """And what someone else has put in its place is not what was to be overwritten."""
    rotated = tmp_path / "rotated"
    put(path, b"old\n")
    async with opened(path, "overwrite") as out:
        os.rename(path, rotated)
        put(path, b"theirs\n")
        await out.reopen()
        await out.write(b"one\n")
        await sealed(out)
    assert read(rotated) == b"old\n"
    assert read(path) == b"theirs\none\n"


@pytest.mark.parametrize("name", KINDS)
async def test_reopening_that_fails_leaves_the_old_file_in_use(tmp_path: Path, name: str) -> None:
    folder, moved = tmp_path / "folder", tmp_path / "moved"
    folder.mkdir()
    async with opened(folder / name) as out:
        await out.write(b"one\n")
        os.rename(folder, moved)
        before = len(os.listdir("/proc/self/fd"))
        with pytest.raises(CannotCreate):
            await out.reopen()
        assert len(os.listdir("/proc/self/fd")) == before
        await out.write(b"two\n")
    assert unpacked(moved / name) == b"one\ntwo\n"


@pytest.mark.parametrize("name", COMPRESSED)
async def test_reopening_onto_torn_data_of_others_is_refused(tmp_path: Path, name: str) -> None:
    path, rotated = tmp_path / name, tmp_path / f"1.{name}"
    async with opened(path) as out:
        await out.write(b"one\n")
        os.rename(path, rotated)
        torn = packed(name, b"theirs\n")[:-2]
        put(path, torn)
        with pytest.raises(CannotCreate, match="mend it"):
            await out.reopen()
        await out.write(b"two\n")
    assert read(path) == torn
    assert unpacked(rotated) == b"one\ntwo\n"


async def test_reopening_a_pipe_does_nothing(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    with reading(fifo) as reader:
        async with opened(fifo) as out:
            await out.reopen()
            await out.write(b"one\n")
            assert os.read(reader, 100) == b"one\n"
            assert await out.seal() is None


# Copied and emptied


@pytest.mark.parametrize("name", KINDS)
async def test_reopening_after_copytruncate_knows_the_new_length(tmp_path: Path, name: str) -> None:
    path, copy = tmp_path / name, tmp_path / f"1.{name}"
    async with opened(path) as out:
        await out.write(b"one\n")
        await sealed(out)
        shutil.copy(path, copy)
        os.truncate(path, 0)
        await out.reopen()
        assert await sealed(out) == Mark(str(path), 0, 0)
        await out.write(b"two\n")
        await sealed(out)
        assert unpacked(path) == b"two\n"
    assert unpacked(copy) == b"one\n"


@pytest.mark.parametrize("name", KINDS)
async def test_what_was_written_since_the_copy_stays(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    async with opened(path) as out:
        await out.write(b"one\n")
        await out.seal()
        os.truncate(path, 0)
        await out.write(b"two\n")
        await out.seal()
        await out.reopen()
        assert await sealed(out) == marked(path)
        await out.write(b"three\n")
        await sealed(out)
    assert unpacked(path) == b"two\nthree\n"


@pytest.mark.parametrize("name", COMPRESSED)
@pytest.mark.parametrize("late", [b"", lines(2)])
async def test_no_member_spans_a_copy_and_the_file(tmp_path: Path, name: str, late: bytes) -> None:
    """What was begun is in the copy; its rest could be read by no one, and is dropped."""
    path, copy = tmp_path / name, tmp_path / f"1.{name}"
    async with opened(path) as out:
        await out.write(lines(1))
        assert out.offset > 0
        shutil.copy(path, copy)
        os.truncate(path, 0)
        await out.write(late)
        await out.reopen()
        assert await sealed(out) == Mark(str(path), 0, 0)
        await out.write(b"two\n")
        await sealed(out)
    assert unpacked(path) == b"two\n"


async def test_a_torn_line_that_was_emptied_needs_no_end(path: Path) -> None:
    put(path, b"torn")
    async with opened(path, "append") as out:
        os.truncate(path, 0)
        await out.reopen()
        await out.write(b"one\n")
        await sealed(out)
    assert read(path) == b"one\n"


# Broken on purpose


class Spanning(Output):
    """Goes on with the member it has begun, whatever happened to the file."""

    def _go_back(self) -> None:
        self.offset = os.fstat(self._descriptor).st_size


@pytest.mark.parametrize("name", COMPRESSED)
async def test_members_that_span_would_be_noticed(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    out = await Spanning.open(str(path), Keeping())
    await out.write(lines(1))
    os.truncate(path, 0)
    await out.reopen()
    await out.write(b"two\n")
    await out.close()
    try:
        assert unpacked(path) != b"two\n"
    except Exception as error:
        assert not isinstance(error, AssertionError)  # noqa: PT017 - any reader's complaint
