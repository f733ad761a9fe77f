"""Going on after a death: a file is taken up at its mark, and has every line once."""

import asyncio
import os
import signal
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiofiles
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from crawler.account import Mark
from crawler.errors import CannotCreate, TryLater
from crawler.sink.output import Existing, Keeping, Output
from tests.sink.files import locked_elsewhere, put, python, read
from tests.sink.kinds import COMPRESSED, KINDS, ZstdError, lines, marked, packed, sealed, unpacked

DURABLE = Keeping(durable=True)


def taking_up(mark: Mark, existing: Existing = "refuse") -> Keeping:
    """A state knows one output."""
    return Keeping(existing, (Mark("elsewhere", 7, 7), mark), durable=True)


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where an output may be made."""
    return tmp_path / "out.jsonl"


# Broken on purpose


class Tailed(Output):
    """Goes on behind whatever the file holds."""

    def _take_up(self, mark: Mark) -> None:
        self.offset, self.crc = mark.offset, mark.crc


class Endless(Output):
    """Seals without an end of the member or frame."""

    async def _end(self) -> None:
        pass


class Trusting(Output):
    """Takes the bytes before the mark for what they were."""

    def _take_up(self, mark: Mark) -> None:
        os.ftruncate(self._descriptor, mark.offset)
        self.offset, self.crc = mark.offset, mark.crc


# Taking up


@pytest.mark.parametrize("tail", [b"", b"\n", b'{"torn":', b"two\nthree\n", b"\0" * 5_000])
@pytest.mark.parametrize("existing", ["refuse", "append", "overwrite"])
async def test_what_is_behind_the_mark_is_cut_off(
    path: Path, tail: bytes, existing: Existing
) -> None:
    """Whatever was asked for files that no state owns: this one is owned."""
    put(path, b"one\n")
    mark = marked(path)
    put(path, b"one\n" + tail)
    output = await Output.open(str(path), taking_up(mark, existing))
    assert read(path) == b"one\n" + tail, "not before there is something to write"
    assert await sealed(output) == mark
    assert read(path) == b"one\n"
    await output.write(b"two\n")
    await sealed(output)
    await output.close()
    assert read(path) == b"one\ntwo\n"


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("left", [None, b"", b"torn"])
async def test_a_mark_of_nothing_starts_the_file(
    tmp_path: Path, name: str, left: bytes | None
) -> None:
    path = tmp_path / name
    if left is not None:
        put(path, left)
    output = await Output.open(str(path), taking_up(Mark(str(path), 0, 0)))
    assert await sealed(output) == Mark(str(path), 0, 0)
    await output.write(b"one\n")
    await output.close()
    assert unpacked(path) == b"one\n"


async def test_a_file_that_is_missing_is_not_made_again(path: Path) -> None:
    before = descriptors()
    with pytest.raises(CannotCreate, match=r"written 4 bytes.*bring it back.*--fresh"):
        await Output.open(str(path), taking_up(Mark(str(path), 4, 0)))
    assert os.listdir(path.parent) == []
    assert descriptors() == before


async def test_a_file_that_is_shorter_is_refused_and_left_alone(path: Path) -> None:
    put(path, b"one\ntwo\n")
    mark = marked(path)
    before = descriptors()
    for length in range(mark.offset):
        put(path, b"one\ntwo\n"[:length])
        with pytest.raises(CannotCreate, match=rf"holds {length} bytes.*written 8.*--fresh"):
            await Output.open(str(path), taking_up(mark, "overwrite"))
        assert read(path) == b"one\ntwo\n"[:length]
    assert descriptors() == before


async def notices_changes(path: Path, cls: type[Output]) -> None:
    """Change each byte in turn, with a tail behind the mark; the file stays as it is."""
    whole = b'{"n":1}\n{"n":2}\n'
    put(path, whole)
    mark = marked(path)
    for at in range(len(whole)):
        changed = bytearray(whole + b"tail")
        changed[at] ^= 1
        put(path, changed)
        with pytest.raises(CannotCreate, match=r"was changed.*bring back the file.*--fresh"):
            await (await cls.open(str(path), taking_up(mark, "overwrite"))).release()
        assert read(path) == changed


async def test_a_changed_byte_before_the_mark_is_noticed(path: Path) -> None:
    before = descriptors()
    await notices_changes(path, Output)
    assert descriptors() == before
    output = await Output.open(str(path), Keeping("append"))  # its lock is free
    await output.release()


async def test_unnoticed_changes_would_be_noticed(path: Path) -> None:
    with pytest.raises(pytest.fail.Exception, match="DID NOT RAISE"):
        await notices_changes(path, Trusting)


async def test_a_file_larger_than_one_look_is_summed_whole(path: Path) -> None:
    put(path, b"x" * 2_500_000)
    mark = marked(path)
    output = await Output.open(str(path), taking_up(mark))
    assert await sealed(output) == mark
    await output.release()
    put(path, b"x" * 2_499_999 + b"y")
    with pytest.raises(CannotCreate):
        await Output.open(str(path), taking_up(mark))


async def test_a_file_in_use_is_not_taken_up(path: Path) -> None:
    put(path, b"one\n")
    mark = marked(path)
    put(path, b"one\ntail")
    with locked_elsewhere(path), pytest.raises(TryLater, match="another run"):
        await Output.open(str(path), taking_up(mark))
    assert read(path) == b"one\ntail"


# Dying


@pytest.mark.parametrize("name", KINDS)
async def test_what_was_not_sealed_is_as_never_written(tmp_path: Path, name: str) -> None:
    path, plain = tmp_path / name, lines(1)
    output = await Output.open(str(path), DURABLE)
    await output.write(plain)
    await output.write(b"two\n")
    mark = await sealed(output)
    assert unpacked(path) == plain + b"two\n"
    await output.write(lines(2))
    await output.write(b"torn")
    assert path.stat().st_size > mark.offset, "something of it has reached the file"
    await output.release()

    output = await Output.open(str(path), taking_up(mark))
    assert await sealed(output) == mark == marked(path)
    await output.write(lines(3))
    await output.close()
    assert unpacked(path) == plain + b"two\n" + lines(3)


_MORTAL = """
import asyncio, os, signal, sys
from crawler.sink.output import Keeping, Output
from tests.sink.kinds import lines, sealed

async def main():
    for name in sys.argv[1:]:
        output = await Output.open(name, Keeping(durable=True))
        await output.write(lines(1))
        mark = await sealed(output)
        print(mark.offset, mark.crc, flush=True)
        await output.write(lines(2))
    os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""


async def test_a_process_that_is_killed_can_be_followed(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in KINDS]
    code, said, err = python(_MORTAL, *paths)
    assert code == -signal.SIGKILL, err
    for path, line in zip(paths, said.splitlines(), strict=True):
        offset, crc = map(int, line.split())
        assert path.stat().st_size > offset
        output = await Output.open(str(path), taking_up(Mark(str(path), offset, crc)))
        await output.write(b"three\n")
        await output.close()
        assert unpacked(path) == lines(1) + b"three\n"


class Stuck:
    """A file on a disk so slow that each write after the first is given up."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self.stuck = asyncio.Event()
        self.writes = 0

    async def write(self, data: memoryview) -> int:
        self.writes += 1
        taken: int = await self._file.write(data)
        if self.writes == 2:
            self.stuck.set()
            await asyncio.Event().wait()
        return taken

    async def close(self) -> None:
        await self._file.close()


@pytest.mark.parametrize("name", KINDS)
async def test_after_a_write_that_was_given_up_there_is_no_mark(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody knows how much of it is in the file: a mark would be wrong, and refused later."""
    path = tmp_path / name
    files: list[Stuck] = []
    with monkeypatch.context() as patch:
        really = aiofiles.open

        async def slowly(*args: Any, **options: Any) -> Stuck:
            files.append(Stuck(await really(*args, **options)))
            return files[-1]

        patch.setattr(aiofiles, "open", slowly)
        output = await Output.open(str(path), DURABLE)
    await output.write(b"one\n")
    mark = await output.seal()
    assert mark == marked(path)
    if name in COMPRESSED:
        assert files[0].writes == 1
    writing = asyncio.ensure_future(output.write(lines(1)))
    await files[0].stuck.wait()
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing
    await output.write(b"summary\n")
    assert await output.seal() is None
    await output.close()

    output = await Output.open(str(path), taking_up(mark))
    await output.write(b"two\n")
    await output.close()
    assert unpacked(path) == b"one\ntwo\n"


# Any life


LIVES = settings(
    max_examples=60,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
batches = st.lists(st.binary(max_size=20), min_size=1, max_size=3).map(
    lambda texts: b"".join(text.hex().encode() + b"\n" for text in texts)
)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("write"), batches),
        st.tuples(st.just("write much"), st.sampled_from([b"a", b"b"])),
        st.tuples(st.just("seal"), st.just(b"")),
        st.tuples(st.just("die"), st.binary(max_size=30)),
    ),
    max_size=14,
)
Step = tuple[str, bytes]


async def live(cls: type[Output], name: str, walk: list[Step]) -> None:
    """Write, seal and die; the file has to hold what was sealed, and then what was written."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        output: Output | None = await cls.open(str(path), DURABLE)
        written: list[bytes] = []
        kept = 0
        try:
            assert output is not None
            mark = await sealed(output)
            assert mark == Mark(str(path), 0, 0)
            for verb, data in walk:
                if verb.startswith("write"):
                    batch = data if verb == "write" else lines(data[0], 100_000)
                    await output.write(batch)
                    written.append(batch)
                elif verb == "seal":
                    mark, kept = await sealed(output), len(written)
                    assert unpacked(path) == b"".join(written)
                else:
                    dying, output = output, None
                    await dying.release()
                    put(path, read(path) + data)
                    output = await cls.open(str(path), taking_up(mark))
                    del written[kept:]
            await sealed(output)
            assert unpacked(path) == b"".join(written)
            await output.write(b"last\n")
            closing, output = output, None
            await closing.close()
        finally:
            if output is not None:
                await output.release()
        assert unpacked(path) == b"".join(written) + b"last\n"


def lives(cls: type[Output], name: str, how: settings = LIVES) -> Callable[[], None]:
    """Return the check that any life comes out well."""

    @how
    @given(steps)
    def check(walk: list[Step]) -> None:
        asyncio.run(live(cls, name, walk))

    return check


@pytest.mark.parametrize("name", KINDS)
def test_any_life_writes_what_was_sealed_once(name: str) -> None:
    lives(Output, name)()


@pytest.mark.parametrize(
    ("cls", "name"),
    [
        *((Tailed, name) for name in KINDS),
        *((Endless, name) for name in COMPRESSED),
    ],
)
def test_broken_lives_would_be_noticed(cls: type[Output], name: str) -> None:
    once = settings(LIVES, phases=[Phase.generate], report_multiple_bugs=False)
    with pytest.raises((AssertionError, EOFError, OSError, ZstdError)):
        lives(cls, name, once)()


# Files of others


@pytest.mark.parametrize("name", KINDS)
async def test_the_mark_counts_what_the_file_already_held(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    put(path, packed(name, b"zero\n"))
    output = await Output.open(str(path), Keeping("append", durable=True))
    first = await sealed(output)
    assert first.offset == len(packed(name, b"zero\n"))
    await output.write(b"one\n")
    second = await sealed(output)
    await output.write(lines(1))
    await output.release()
    output = await Output.open(str(path), taking_up(second))
    await output.write(b"two\n")
    await sealed(output)
    await output.close()
    assert unpacked(path) == b"zero\none\ntwo\n"


@pytest.mark.parametrize("torn", [b"zero", b'zero\n{"a"'])
async def test_the_mark_counts_the_end_of_a_torn_line(path: Path, torn: bytes) -> None:
    put(path, torn)
    output = await Output.open(str(path), Keeping("append", durable=True))
    assert (await sealed(output)).offset == len(torn) + 1
    await output.write(b"one\n")
    await sealed(output)
    await output.close()
    assert read(path) == torn + b"\none\n"


@pytest.mark.parametrize("name", KINDS)
async def test_the_mark_of_what_is_overwritten_starts_from_nothing(
    tmp_path: Path, name: str
) -> None:
    path = tmp_path / name
    put(path, b"something rather long")
    output = await Output.open(str(path), Keeping("overwrite", durable=True))
    assert read(path) == b"something rather long"
    assert await sealed(output) == Mark(str(path), 0, 0)
    await output.write(b"one\n")
    await sealed(output)
    await output.close()
    assert unpacked(path) == b"one\n"
