"""Rotation: one full file after another, each with its mark, and none of them clobbered."""

import asyncio
import logging
import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from zlib import crc32

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from crawler.account import Mark
from crawler.destination import part
from crawler.errors import CannotCreate, TryLater
from crawler.sink.columns import Columns
from crawler.sink.format import Csv, Format, Jsonl
from crawler.sink.output import Existing, Keeping
from crawler.sink.series import Series
from tests.sink.files import locked_elsewhere, put, read, reading
from tests.sink.kinds import KINDS, ZstdError, lines, marked, packed, unpacked

DURABLE = Keeping(durable=True)
LIMIT = 1_000
TABLE = Csv(Columns(["url"]))
"""Its head is ``url``."""


def rotated(path: Path) -> list[Path]:
    """Return the files of an output that are there, in order."""
    found = [path] if path.exists() else []
    return found + sorted(path.parent.glob(f"{path.name.partition('.')[0]}.[0-9]*"))


def joined(path: Path) -> bytes:
    """Return what is in all files of an output."""
    return b"".join(map(unpacked, rotated(path)))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where an output may be made."""
    return tmp_path / "out.jsonl"


async def opened(
    path: Path | str,
    keeping: Keeping = DURABLE,
    form: Format | None = None,
    limit: int | None = LIMIT,
) -> Series:
    return await Series.open(str(path), keeping, form or Jsonl(), limit)


def taking_up(marks: Sequence[Mark], existing: Existing = "refuse") -> Keeping:
    return Keeping(existing, (Mark("elsewhere", 7, 7), *marks), durable=True)


class Book:
    """The marks that a state has committed."""

    def __init__(self) -> None:
        self.marks: dict[str, Mark] = {}

    async def seal(self, series: Series) -> None:
        """Commit; each mark has to tell the truth."""
        marks = await series.seal()
        assert list(marks) == [marked(Path(mark.name)) for mark in marks]
        self.marks |= {mark.name: mark for mark in marks}

    def keeping(self) -> Keeping:
        return taking_up(list(self.marks.values()))


# Rotating


async def test_with_a_state_a_full_file_ends_with_a_commit(path: Path) -> None:
    book, series = Book(), await opened(path)
    await book.seal(series)
    for number in range(3):
        await series.write(lines(number, 700))
        await series.write(b"x\n")
        assert len(rotated(path)) == number + 1, "not between two commits"
        await book.seal(series)
        assert read(rotated(path)[-1]) == b"", "and the next begins with the same one"
    await series.write(b"last\n")
    await book.seal(series)
    await series.close()
    assert [each.name for each in rotated(path)] == [
        "out.jsonl", "out.0002.jsonl", "out.0003.jsonl", "out.0004.jsonl"
    ]  # fmt: skip
    assert list(book.marks) == list(map(str, rotated(path)))
    assert [read(each)[-2:] for each in rotated(path)] == [b"x\n"] * 3 + [b"t\n"]


@pytest.mark.parametrize("name", KINDS)
async def test_without_one_it_ends_between_two_batches(tmp_path: Path, name: str) -> None:
    path, batches = tmp_path / name, [lines(number, 200_000) for number in range(5)]
    series = await opened(path, Keeping())
    for batch in batches:
        await series.write(batch)
    await series.close()
    assert [unpacked(each) for each in rotated(path)] == batches


async def test_a_file_begun_in_vain_does_not_stay(path: Path) -> None:
    book, series = Book(), await opened(path, form=TABLE)
    await series.write(lines(1))
    await book.seal(series)
    assert [each.name for each in rotated(path)] == ["out.jsonl", "out.0002.jsonl"]
    await series.close()
    assert rotated(path) == [path]
    series = await opened(path, book.keeping(), TABLE)
    await series.write(b"two\n")
    await series.close()
    assert joined(path) == b"url\n" + lines(1) + b"two\n"


async def test_every_file_begins_with_the_head(path: Path) -> None:
    book, series = Book(), await opened(path, form=TABLE)
    for number in range(3):
        await book.seal(series)
        await series.write(lines(number))
    await series.close()
    assert [read(each) for each in rotated(path)] == [b"url\n" + lines(n) for n in range(3)]


async def test_a_pipe_never_rotates(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    with reading(fifo) as reader:
        series = await opened(fifo, limit=1)
        for _ in range(3):
            await series.write(b"one\n")
            assert await series.seal() == []
        assert os.read(reader, 100) == b"one\n" * 3
        await series.close()
    assert os.listdir(tmp_path) == ["fifo"]


async def test_no_descriptor_stays_open(path: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    series = await opened(path, Keeping())
    for number in range(9):
        await series.write(lines(number))
    assert len(os.listdir("/proc/self/fd")) == before + 1
    await series.close()
    assert len(os.listdir("/proc/self/fd")) == before


async def test_a_file_that_holds_data_is_passed_over(path: Path) -> None:
    series = await opened(path, Keeping())
    put(path.with_name("out.0002.jsonl"), b"precious")
    path.with_name("out.0003.jsonl").mkdir()
    os.symlink("nowhere/at/all", path.with_name("out.0004.jsonl"))
    put(path.with_name("out.0005.jsonl"), b"")
    with locked_elsewhere(path.with_name("out.0005.jsonl")):
        for number in range(2):
            await series.write(lines(number))
    await series.close()
    assert read(path.with_name("out.0002.jsonl")) == b"precious"
    assert read(path.with_name("out.0005.jsonl")) == b""
    assert read(path.with_name("out.0006.jsonl")) == lines(1)


# What is there already


async def test_files_of_an_earlier_crawl_are_refused(path: Path) -> None:
    put(path.with_name("out.0002.jsonl"), b"")
    put(path.with_name("out.0003.jsonl"), b"old\n")
    with pytest.raises(CannotCreate, match=r"out\.0003\.jsonl already holds data"):
        await opened(path)
    series = await opened(path, limit=None)  # without --rotate they are none of its business
    await series.close()


@pytest.mark.parametrize("durable", [False, True])
async def test_append_goes_on_in_the_last(path: Path, durable: bool) -> None:
    for number in range(1, 4):
        put(Path(part(str(path), number)), b"%d\n" % number)
    put(path.with_name("out.2024.jsonl"), b"not of the line\n")
    series = await opened(path, Keeping("append", durable=durable))
    await series.write(b"more\n")
    await series.close()
    assert read(path.with_name("out.0003.jsonl")) == b"3\nmore\n"
    assert len(rotated(path)) == 4


@pytest.mark.parametrize("durable", [False, True])
async def test_overwrite_removes_them_when_there_is_something_to_write(
    path: Path, durable: bool
) -> None:
    for number in range(1, 4):
        put(Path(part(str(path), number)), lines(number))
    put(path.with_name("out.2024.jsonl"), b"not of the line\n")
    series = await opened(path, Keeping("overwrite", durable=durable))
    assert [read(each) for each in rotated(path)][:3] == [lines(number) for number in (1, 2, 3)]
    with pytest.raises(TryLater):
        await opened(path.with_name("out.0003.jsonl"), Keeping("append"))
    await series.write(b"new\n")
    await series.close()
    assert [read(each) for each in rotated(path)] == [b"new\n", b"not of the line\n"]


async def test_one_in_use_stops_all(path: Path) -> None:
    for number in range(1, 4):
        put(Path(part(str(path), number)), lines(number))
    with locked_elsewhere(path.with_name("out.0003.jsonl")):
        before = len(os.listdir("/proc/self/fd"))
        with pytest.raises(TryLater, match="0003"):
            await opened(path, Keeping("overwrite"))
        assert len(os.listdir("/proc/self/fd")) == before
    assert [read(each) for each in rotated(path)] == [lines(number) for number in (1, 2, 3)]


# Going on


async def begun(path: Path, form: Format | None = None) -> Book:
    """Write three full files and a bit, with a commit each, and die amid the next batch."""
    book, series = Book(), await opened(path, form=form)
    await book.seal(series)
    for number in range(3):
        await series.write(lines(number))
        await book.seal(series)
    await series.write(b"three\n")
    await book.seal(series)
    await series.write(b"torn")
    await series.release()
    return book


@pytest.mark.parametrize("name", KINDS)
async def test_the_last_file_goes_on(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    book = await begun(path)
    before = [read(each) for each in rotated(path)]
    series = await opened(path, book.keeping())
    assert [read(each) for each in rotated(path)] == before, "nothing is changed by looking"
    await book.seal(series)
    await series.write(b"four\n")
    await book.seal(series)
    await series.close()
    assert [read(each) for each in rotated(path)][:3] == before[:3]
    assert joined(path) == lines(0) + lines(1) + lines(2) + b"three\nfour\n"


async def test_without_the_flag_it_goes_on_all_the_same(path: Path) -> None:
    book = await begun(path)
    series = await opened(path, book.keeping(), limit=None)
    await series.write(lines(9))
    await book.seal(series)
    await series.close()
    assert len(rotated(path)) == 4
    assert joined(path).endswith(b"three\n" + lines(9))


@pytest.mark.parametrize("committed", [False, True])
async def test_what_was_written_to_a_new_file_and_not_committed_is_gone(
    path: Path, committed: bool
) -> None:
    book, series = Book(), await opened(path, form=TABLE)
    await book.seal(series)
    await series.write(lines(0))
    seen = dict(book.marks)
    await book.seal(series)
    if not committed:
        book.marks = seen
    else:
        await series.write(b"never\n")
    await series.release()
    series = await opened(path, book.keeping(), TABLE)
    await book.seal(series)
    await series.write(b"one\n")
    await book.seal(series)
    await series.close()
    assert joined(path) == (b"url\n" + lines(0) if committed else b"") + b"url\none\n"


@pytest.mark.parametrize("number", [1, 2, 3])
async def test_a_finished_file_that_was_changed_is_noticed(path: Path, number: int) -> None:
    book, changed = await begun(path), Path(part(str(path), number))
    for data in (read(changed)[:-1], read(changed) + b"more\n", read(changed)[:-2] + b"?\n"):
        put(changed, data)
        before = [read(each) for each in rotated(path)]
        with pytest.raises(CannotCreate, match=rf"{changed.name} was changed.*--fresh"):
            await opened(path, book.keeping())
        assert [read(each) for each in rotated(path)] == before


async def test_a_finished_file_may_be_moved_away_which_is_told(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    book = await begun(path)
    for away, told in (
        (path, f"{path}, a finished file, is not there any more"),
        (path.with_name("out.0003.jsonl"), f"2 finished files, {path} to"),
    ):
        os.unlink(away)
        caplog.clear()
        series = await opened(path, book.keeping())
        await series.release()
        (line,) = caplog.records
        assert line.levelno == logging.WARNING
        assert line.getMessage().startswith(told)
    series = await opened(path, book.keeping())
    await series.write(lines(7))
    await book.seal(series)
    await series.write(b"five\n")
    await series.close()
    assert [each.name for each in rotated(path)] == [
        "out.0002.jsonl", "out.0004.jsonl", "out.0005.jsonl"
    ]  # fmt: skip


async def test_one_that_is_moved_as_soon_as_it_is_full(path: Path) -> None:
    """Nothing of the next one has been committed then."""
    book, series = Book(), await opened(path)
    await series.write(lines(1))
    await book.seal(series)
    os.unlink(path)
    await series.write(b"uncommitted\n")
    await series.release()
    series = await opened(path, book.keeping())
    await book.seal(series)
    await series.write(b"two\n")
    await book.seal(series)
    await series.close()
    assert rotated(path) == [path.with_name("out.0002.jsonl")]
    assert joined(path) == b"two\n"


async def test_the_file_that_goes_on_may_not_be_away(path: Path) -> None:
    book = await begun(path)
    os.unlink(path.with_name("out.0004.jsonl"))
    with pytest.raises(CannotCreate, match="bring it back"):
        await opened(path, book.keeping())


@pytest.mark.parametrize("before", [b"", b"before\n"])
async def test_to_start_anew_is_to_have_the_first_as_it_was_and_no_other(
    path: Path, before: bytes
) -> None:
    await begun(path)
    put(path, before + lines(0))
    marks = [Mark(str(path), len(before), crc32(before))]
    marks += [Mark(part(str(path), number), 0, 0) for number in (2, 3, 4)]
    for _ in range(2):  # it may die before it has written anything
        series = await opened(path, taking_up(marks))
        await series.release()
        assert len(rotated(path)) == 4
    series = await opened(path, taking_up(marks))
    assert [mark.offset for mark in await series.seal()] == [len(before)]
    assert rotated(path) == [path]
    await series.write(b"new\n")
    await series.close()
    assert joined(path) == before + b"new\n"


async def test_opening_anew_concerns_the_file_that_is_written(path: Path, tmp_path: Path) -> None:
    book, series = Book(), await opened(path, form=TABLE)
    await series.write(lines(0))
    await book.seal(series)
    await series.write(b"one\n")
    path.with_name("out.0002.jsonl").rename(tmp_path / "away")
    await series.reopen()
    await book.seal(series)
    await series.write(b"two\n")
    await book.seal(series)
    await series.close()
    assert read(tmp_path / "away") == b"url\none\n"
    assert [read(each) for each in rotated(path)] == [b"url\n" + lines(0), b"url\ntwo\n"]
    series = await opened(path, book.keeping(), TABLE)
    await series.close()


# Any life


class Forgetful(Series):
    """Broken on purpose: leaves what was not committed in files behind the last."""

    async def _begin(self) -> None:
        for output in self._leftover:
            await output.release()
        self._leftover.clear()


class Unmarked(Series):
    """Broken on purpose: begins a file without its mark."""

    async def seal(self) -> Sequence[Mark]:
        return (await super().seal())[:1]


LIVES = settings(
    max_examples=40,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("write"), st.integers(0, 40)),
        st.tuples(st.just("write much"), st.integers(0, 3)),
        st.tuples(st.just("commit"), st.just(0)),
        st.tuples(st.just("die"), st.just(0)),
        st.tuples(st.just("die sealed"), st.just(0)),
    ),
    max_size=16,
)


async def live(cls: type[Series], name: str, walk: Sequence[tuple[str, int]]) -> None:
    """Write, commit and die; the files have to hold what was committed, and then was written."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        marks: dict[str, Mark] = {}
        written: list[bytes] = []
        kept = 0
        series = await cls.open(str(path), DURABLE, Jsonl(), LIMIT)
        try:
            for verb, number in [("commit", 0), *walk, ("commit", 0)]:
                if verb.startswith("write"):
                    much = verb == "write much"
                    batch = lines(number, 20_000) if much else b"%d\n" % number
                    await series.write(batch)
                    written.append(batch)
                    continue
                sealed = await series.seal() if verb in ("commit", "die sealed") else ()
                if verb == "commit":
                    marks |= {mark.name: mark for mark in sealed}
                    kept = len(written)
                    continue
                await series.release()
                series = await cls.open(str(path), taking_up(list(marks.values())), Jsonl(), LIMIT)
                marks |= {mark.name: mark for mark in await series.seal()}
                del written[kept:]
        finally:
            await series.close()
        equal = joined(path) == b"".join(written)
        assert equal, walk  # the bytes themselves would take minutes to compare line by line


def lives(cls: type[Series], name: str, how: settings = LIVES) -> Callable[[], None]:
    """Return the check that any life comes out well."""

    @how
    @given(steps)
    def check(walk: Sequence[tuple[str, int]]) -> None:
        asyncio.run(live(cls, name, walk))

    return check


@pytest.mark.parametrize("name", KINDS)
def test_any_life_writes_what_was_committed_once(name: str) -> None:
    lives(Series, name)()


@pytest.mark.parametrize("cls", [Forgetful, Unmarked])
def test_broken_lives_would_be_noticed(cls: type[Series]) -> None:
    once = settings(LIVES, phases=[Phase.generate], report_multiple_bugs=False)
    with pytest.raises((AssertionError, CannotCreate, EOFError, OSError, ZstdError)):
        lives(cls, KINDS[0], once)()


async def test_a_compressed_file_is_full_by_what_is_on_the_disk(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl.gz"
    book, series = Book(), await opened(path)
    for _ in range(3):
        await series.write(b"the same again\n" * 100)
        await book.seal(series)
    await series.close()
    assert rotated(path) == [path]
    assert len(read(path)) < len(packed(path.name, b"x" * 999)) + LIMIT
