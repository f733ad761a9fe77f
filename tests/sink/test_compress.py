"""Compressed outputs: members and frames that end whole, and go on where others ended."""

from pathlib import Path

import pytest

from crawler.errors import CannotCreate
from crawler.sink.compress import Gzip, Zstd, compressor, ends_whole
from crawler.sink.output import Keeping, Output
from tests.sink.files import put, read
from tests.sink.kinds import COMPRESSED, KINDS, lines, packed, sealed, unpacked


@pytest.fixture
def path(tmp_path: Path, name: str) -> Path:
    """Where an output of the kind may be made."""
    return tmp_path / name


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.gz", Gzip),
        ("a.jsonl.gz", Gzip),
        ("a.zst", Zstd),
        ("a.zstd", Zstd),
        ("a.jsonl", None),
        ("gz", None),
        ("a.gz.jsonl", None),
        ("-", None),
    ],
)
def test_the_suffix_asks_for_a_compressor(name: str, kind: type | None) -> None:
    made = compressor(name)
    assert made is None if kind is None else type(made) is kind


@pytest.mark.parametrize("name", COMPRESSED)
def test_what_has_not_begun_has_no_end(name: str) -> None:
    made = compressor(name)
    assert made is not None
    assert made.end() == b""
    made.compress(b"one\n")
    assert made.end()
    assert made.end() == b""


@pytest.mark.parametrize("name", KINDS)
async def test_sealing_twice_adds_nothing(path: Path) -> None:
    output = await Output.open(str(path), Keeping(durable=True))
    await sealed(output)
    assert read(path) == b""
    await output.write(b"one\n")
    mark = await sealed(output)
    assert await sealed(output) == mark
    await output.close()
    assert len(read(path)) == mark.offset
    assert unpacked(path) == b"one\n"


@pytest.mark.parametrize("name", COMPRESSED)
async def test_compression_saves_something(path: Path) -> None:
    output = await Output.open(str(path), Keeping(durable=True))
    for _ in range(50):
        await output.write(b'{"type":"page","url":"https://example.com/"}\n' * 20)
    await output.close()
    assert len(read(path)) < len(unpacked(path)) / 20


# Which files end whole


@pytest.mark.parametrize("name", COMPRESSED)
def test_a_file_ends_whole_where_a_member_does_and_nowhere_else(path: Path, name: str) -> None:
    one, two = packed(name, b"one\n" * 9), packed(name, b"two\n")
    whole = one + two
    ends = []
    for length in range(1, len(whole) + 1):
        put(path, whole[:length])
        if ends_whole(str(path)):
            ends.append(length)
    assert ends == [len(one), len(whole)]


@pytest.mark.parametrize("name", COMPRESSED)
def test_damage_is_an_answer_and_no_exception(path: Path, name: str) -> None:
    plain = lines(1, 200) + b'{"a":1}\n' * 30
    whole = packed(name, plain)
    refused = 0
    for at in range(len(whole)):
        damaged = bytearray(whole)
        damaged[at] ^= 0x55
        put(path, damaged)
        if ends_whole(str(path)):
            assert unpacked(path) == plain, "only what no reader looks at may differ"
        else:
            refused += 1
    assert refused > len(whole) / 2


@pytest.mark.parametrize("name", COMPRESSED)
@pytest.mark.parametrize("durable", [False, True])
async def test_what_others_have_compressed_is_added_to(
    path: Path, name: str, durable: bool
) -> None:
    before = packed(name, b"zero\n") + packed(name, lines(1))
    put(path, before)
    output = await Output.open(str(path), Keeping("append", durable=durable))
    await output.write(b"one\n")
    await output.write(lines(2))
    await output.close()
    assert read(path).startswith(before)
    assert unpacked(path) == b"zero\n" + lines(1) + b"one\n" + lines(2)


@pytest.mark.parametrize("name", COMPRESSED)
@pytest.mark.parametrize("durable", [False, True])
async def test_append_ends_a_torn_last_line(path: Path, name: str, durable: bool) -> None:
    before = packed(name, b"zero\n") + packed(name, b'{"torn')
    put(path, before)
    output = await Output.open(str(path), Keeping("append", durable=durable))
    assert read(path) == before, "not before there is something to write"
    if durable:
        assert (await sealed(output)).offset == len(read(path)) > len(before)
    await output.write(b"one\n")
    await output.close()
    assert read(path).startswith(before)
    assert unpacked(path) == b'zero\n{"torn\none\n'


@pytest.mark.parametrize("name", COMPRESSED)
@pytest.mark.parametrize("cut", [1, 5, -1, -8, 0])
async def test_what_does_not_end_whole_is_not_added_to(path: Path, name: str, cut: int) -> None:
    torn = packed(name, lines(1))[:cut] if cut else b"plain text\n"
    put(path, torn)
    with pytest.raises(CannotCreate, match=r"amid compressed data; mend it, or use another -o"):
        await Output.open(str(path), Keeping("append"))
    assert read(path) == torn
    output = await Output.open(str(path), Keeping("overwrite"))  # its lock is free
    await output.close()


@pytest.mark.parametrize("name", COMPRESSED)
async def test_amid_deflated_data_damage_is_refused_too(path: Path, name: str) -> None:
    damaged = bytearray(packed(name, lines(1)))
    damaged[100:200] = b"\xff" * 100
    put(path, damaged)
    with pytest.raises(CannotCreate, match="mend it"):
        await Output.open(str(path), Keeping("append"))
    assert read(path) == damaged
