"""Seeds: typed, from a file, and from a pipe as they come."""

import asyncio
import json
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from crawler import seeds
from crawler.errors import InputMissing, NoUsableSeed
from crawler.seeds import Seed, Seeds

GOOD = b"https://good.test/\n"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A seed file to be written."""
    return tmp_path / "seeds.txt"


def put(path: Path, data: bytes) -> None:
    path.write_bytes(data)


async def every(*typed: str, source: Path | str | None = None) -> list[Seed]:
    """Return all the seeds that there are."""
    reading = Seeds(typed, None if source is None else str(source))
    return [seed async for batch in reading.batches() for seed in batch]


async def urls_in(source: Path, data: bytes) -> list[str]:
    put(source, data)
    return [seed.url for seed in await every(source=source)]


def echoed(seed: Seed) -> Any:
    return None if seed.meta is None else json.loads(seed.meta)


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [each.getMessage() for each in caplog.records if each.levelno >= logging.WARNING]


# Typed


async def test_typed_seeds_come_first_and_in_order(source: Path) -> None:
    put(source, b"c.test\n")
    got = await every("a.test", "localhost:8000/x", source=source)
    assert [(seed.url, seed.typed) for seed in got] == [
        ("https://a.test/", True),
        ("http://localhost:8000/x", True),
        ("https://c.test/", False),
    ]


async def test_a_password_is_taken_off_the_url() -> None:
    (seed,) = await every("https://me:p%40ss@a.test/")
    assert (seed.url, seed.userinfo) == ("https://a.test/", ("me", "p@ss"))


async def test_a_typed_seed_that_is_none_is_told_and_passed_over(
    caplog: pytest.LogCaptureFixture,
) -> None:
    got = await every("ftp://a.test", "good.test", "http://[")
    assert [seed.url for seed in got] == ["https://good.test/"]
    first, second = warnings(caplog)
    assert "ftp://a.test" in first
    assert "http://[" in second


async def test_a_typed_seed_that_is_a_file_is_told_how_files_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    put(tmp_path / "urls.txt", GOOD)
    (tmp_path / "good.test").mkdir()

    got = await every("urls.txt", "good.test", "https://other.test/")

    assert [seed.url for seed in got] == [
        "https://urls.txt/", "https://good.test/", "https://other.test/"
    ]  # fmt: skip
    assert warnings(caplog) == ["urls.txt is also a file here; -i urls.txt reads seeds from it"]


@pytest.mark.parametrize("typed", [(), ("http://",), ("ftp://a.test", "")])
async def test_no_usable_seed_at_all(typed: tuple[str, ...]) -> None:
    with pytest.raises(NoUsableSeed):
        await every(*typed)


async def test_many_typed_seeds_come_in_batches() -> None:
    typed = [f"a.test/{number}" for number in range(600)]
    batches = [batch async for batch in Seeds(typed, None).batches()]
    assert max(map(len, batches)) <= seeds.BATCH
    assert [seed.url for batch in batches for seed in batch] == [
        f"https://{each}" for each in typed
    ]


# From a file


async def test_a_file_is_read_line_by_line(source: Path) -> None:
    data = b"# a comment\n\nhttps://a.test/\n   \n  b.test  \r\n#c.test\n\td.test/#frag"
    assert await urls_in(source, data) == ["https://a.test/", "https://b.test/", "https://d.test/"]


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n", b"\n\n\n"])
async def test_the_last_line_needs_no_newline(source: Path, end: bytes) -> None:
    assert await urls_in(source, b"a.test\nb.test" + end) == ["https://a.test/", "https://b.test/"]


@pytest.mark.parametrize("data", [b"", b"\n\n", b"# only words\n", b"http://\n"])
async def test_a_file_without_a_url_is_no_seed(source: Path, data: bytes) -> None:
    with pytest.raises(NoUsableSeed):
        await urls_in(source, data)


async def test_a_typed_seed_is_enough_for_an_empty_file(source: Path) -> None:
    put(source, b"")
    assert len(await every("a.test", source=source)) == 1


@pytest.mark.parametrize(
    "meta",
    [0, False, "", [], 1.5, "ä\u2028\n", 123456789012345678901234567890, {"a": {"b": [1, None]}}],
)
async def test_json_lines_carry_meta(source: Path, meta: Any) -> None:
    for ascii_only in (True, False):
        entry = {"url": "a.test", "meta": meta, "more": 1}
        put(source, json.dumps(entry, ensure_ascii=ascii_only).encode() + b"\n")
        (seed,) = await every(source=source)
        assert seed.url == "https://a.test/"
        assert seed.meta is not None
        assert echoed(seed) == meta
        assert b"\n" not in seed.meta


@pytest.mark.parametrize("line", [b'{"url":"a.test"}', b' {"meta":null,"url":"a.test"} '])
async def test_json_lines_without_meta(source: Path, line: bytes) -> None:
    put(source, line)
    (seed,) = await every(source=source)
    assert (seed.url, seed.meta, seed.typed) == ("https://a.test/", None, False)


@pytest.mark.parametrize(
    "line",
    [
        b"http://",
        b"ftp://a.test/",
        b"mailto:a@b.test",
        b"http://a b/",
        b"http://a.test:99999/",
        b"{",
        b"{}",
        b'{"url":5}',
        b'{"url":""}',
        b'{"url":"http://["}',
        b'{"url":"a.test","meta":}',
        b'{"url":"a.test"} {"url":"b.test"}',
        b'{"url":"a.test","meta":"\\ud800"}',
        b'{"url":"a.test","meta":"\xff"}',
        b'{"url":"a.test","meta":NaN}',
        b"\0",
        pytest.param(
            b'{"url":"a.test","meta":' + b"[" * 5_000 + b"]" * 5_000 + b"}",
            id="deep",
        ),
    ],
)
async def test_a_bad_line_is_told_with_its_number_and_passed_over(
    source: Path, line: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    got = await urls_in(source, b"# first\n" + GOOD + line + b"\n" + GOOD)
    assert got == ["https://good.test/"] * 2
    (warning,) = warnings(caplog)
    assert warning.startswith(f"{source}, line 3: ")


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(b"https://" + b"x" * 3_000_000 + b".test/", id="host"),
        pytest.param(b"https://a.test/" + b"x" * 3_000_000, id="path"),
        pytest.param(
            b'{"url":"a.test","meta":"' + b"x" * 3_000_000 + b'"}',
            id="meta",
        ),
    ],
)
async def test_an_over_long_line_is_told_and_passed_over(
    source: Path, line: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    assert await urls_in(source, line + b"\n" + GOOD) == ["https://good.test/"]
    (warning,) = warnings(caplog)
    assert warning.startswith(f"{source}, line 1: ")


@pytest.mark.parametrize(
    "line",
    [
        b"https://a.test/" + b"x" * 50_000,
        b"http://[" + b"x" * 50_000,
        b"ftp://a.test/" + b"x" * 50_000,
    ],
    ids=["path", "no-url", "scheme"],
)
async def test_a_warning_quotes_no_more_than_a_line_can_show(
    source: Path, line: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    await urls_in(source, GOOD + line)
    (warning,) = warnings(caplog)
    assert len(warning) < 1_000


async def test_a_line_longer_than_a_chunk_is_read_whole(source: Path) -> None:
    meta = "x" * 300_000
    put(source, json.dumps({"url": "a.test", "meta": meta}).encode() + b"\n" + GOOD)
    first, second = await every(source=source)
    assert echoed(first) == meta
    assert second.url == "https://good.test/"


async def test_a_byte_order_mark_is_passed_over(source: Path) -> None:
    assert await urls_in(source, b"\xef\xbb\xbfa.test\n" + GOOD) == [
        "https://a.test/",
        "https://good.test/",
    ]


async def test_a_big_file_comes_in_batches_and_in_order(source: Path) -> None:
    data = b"".join(b"https://a.test/%d\n" % number for number in range(20_000))
    put(source, data)
    batches = [batch async for batch in Seeds((), str(source)).batches()]
    assert max(map(len, batches)) <= seeds.BATCH
    got = [seed.url for batch in batches for seed in batch]
    assert got == [f"https://a.test/{number}" for number in range(20_000)]


# What cannot be read


def test_a_missing_file_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(InputMissing, match=r"cannot read .*nowhere: no such file"):
        Seeds(("a.test",), str(tmp_path / "nowhere"))


def test_a_closed_stdin_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(InputMissing, match="stdin"):
        Seeds((), "-")


async def test_a_folder_is_no_seed_file(tmp_path: Path) -> None:
    with pytest.raises(InputMissing, match="directory"):
        await every(source=tmp_path)


# From a pipe


@pytest.fixture
def pipe(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Stdin is a pipe; this is its far end."""
    reader, writer = os.pipe()
    with os.fdopen(reader) as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        yield writer


async def test_seeds_come_out_before_the_end_of_the_input(pipe: int) -> None:
    batches = Seeds(("typed.test",), "-").batches()
    seen = []
    async with asyncio.timeout(10):
        seen += await anext(batches)
        assert [seed.url for seed in seen] == ["https://typed.test/"]
        for number in range(3):
            os.write(pipe, b"https://a.test/%d\nhttps://a.te" % number)
            while seen[-1].url != f"https://a.test/{number}":
                seen += await anext(batches)
            os.write(pipe, b"st/half%d\n" % number)
            while seen[-1].url != f"https://a.test/half{number}":
                seen += await anext(batches)
        os.write(pipe, b"last.test")
        os.close(pipe)
        seen += [seed async for batch in batches for seed in batch]
    assert len(seen) == 8
    assert seen[-1].url == "https://last.test/"


async def test_bad_lines_of_a_pipe_are_told_as_stdins(
    pipe: int, caplog: pytest.LogCaptureFixture
) -> None:
    os.write(pipe, b"a.test\n\nhttp://[\n")
    os.close(pipe)
    assert [seed.url for seed in await every(source="-")] == ["https://a.test/"]
    (warning,) = warnings(caplog)
    assert warning.startswith("stdin, line 3: ")


async def test_a_pipe_that_says_nothing_is_no_seed(pipe: int) -> None:
    os.close(pipe)
    with pytest.raises(NoUsableSeed):
        await every(source="-")


async def test_reading_goes_no_further_than_it_is_asked_to(pipe: int) -> None:
    """What is not wanted yet stays with whoever writes it."""
    os.set_blocking(pipe, False)
    line = b"https://a.test/%06d\n"
    lines = iter(range(1_000_000))
    reading = Seeds((), "-").batches()
    written = os.write(pipe, line % next(lines))
    async with asyncio.timeout(10):
        await anext(reading)
        with suppress(BlockingIOError):
            while written < 1_000_000:
                written += os.write(pipe, b"".join(line % next(lines) for _ in range(100)))
        assert written < 1_000_000
        os.close(pipe)
        await reading.aclose()  # type: ignore[attr-defined]
