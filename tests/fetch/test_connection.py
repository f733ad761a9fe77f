"""Heads in every disorder and in every number of pieces; what has no end is ended."""

import asyncio

import pytest

from crawler.fetch.connection import MOST_FRAMING, MOST_HEAD, MOST_INTERIM, _sound
from crawler.model import Fault
from tests.fetch.wire import failed, fetched, fetching, head, listening, raw
from tests.web.server import Request, Web

LINE = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize(
    ("lines", "sound"),
    [
        (b"A: 1\r\nB: 2\r\n", b"A: 1\r\nB: 2\r\n"),
        (b"A: 1\nB: 2\n", b"A: 1\nB: 2\n"),
        (b"A: 1\r\n more\r\n", b"A: 1\r\n more\r\n"),
        (b"nonsense\r\nB: 2\r\n", b"B: 2\r\n"),
        (b"nonsense\r\n folded: 1\r\nB: 2\r\n", b"B: 2\r\n"),
        (b": 1\r\nB: 2\r\n", b"B: 2\r\n"),
        (b"A b: 1\r\nB: 2\r\n", b"B: 2\r\n"),
        (b"\xc3\x84: 1\r\nB: 2\r\n", b"B: 2\r\n"),
        (b"A \t: 1\r\n", b"A: 1\r\n"),
        (b"A: b: c\r\n", b"A: b: c\r\n"),
        (b"Content-Length: 5\r\n", b"Content-Length: 5\r\n"),
        (b"Content-Length: 5\r\nA: 1\r\ncontent-length : 5\r\n", b"Content-Length: 5\r\nA: 1\r\n"),
        (b"A: 1\r\nContent-Length: 5, 5\r\n", b"Content-Length: 5\r\nA: 1\r\n"),
        (b"Content-Length: 5\r\nContent-Length: 6\r\n",) * 2,
        (b"Content-Length: 5, 6\r\n",) * 2,
        (b"X-Content-Length: 5\r\nContent-Length: 5\r\n",) * 2,
    ],
)
def test_a_head_is_put_in_order_and_left_alone_if_it_is(lines: bytes, sound: bytes) -> None:
    end = b"\r\n" if b"\r\n" in lines else b"\n"
    assert _sound(LINE + lines + end) == LINE + sound + end


@pytest.mark.parametrize("size", [1, 2, 3, 7, 50])
async def test_the_pieces_that_a_head_comes_in_do_not_matter(size: int) -> None:
    answer = (b"\r\n".join([b"HTTP/1.1 100 X", b"", b"HTTP/1.1 200 OK", b"nonsense", b"A : 1",
              b"Content-Length: 2", b"", b"ok"]))  # fmt: skip

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for start in range(0, len(answer), size):
            writer.write(answer[start : start + size])
            await writer.drain()
            await asyncio.sleep(0)
        await reader.read()

    async with listening(connected) as port, fetching() as fetcher:
        got = fetched(await fetcher.fetch(f"http://127.0.0.1:{port}/"))
    assert (got.body, got.headers) == (b"ok", {"a": "1", "content-length": "2"})


async def test_after_a_surplus_the_connection_is_not_used_again(web: Web) -> None:
    peers = []

    async def handler(request: Request) -> None:
        peers.append(request.writer.get_extra_info("peername"))
        surplus = head("Content-Length: 5") + b"wrong"
        request.writer.write(head("Content-Length: 2") + b"ok" + surplus)
        await request.writer.drain()
        await asyncio.Event().wait()

    origin = web.serve(handler)
    async with fetching() as fetcher:
        bodies = [fetched(await fetcher.fetch(origin + path)).body for path in ("/a", "/b", "/c")]
    assert bodies == [b"ok"] * 3
    assert len(set(peers)) == 3


async def test_bytes_that_come_late_are_no_answer_to_the_next_request(web: Web) -> None:
    peers = []

    async def handler(request: Request) -> None:
        peers.append(request.writer.get_extra_info("peername"))
        request.writer.write(head("Content-Length: 2") + b"ok")
        await request.writer.drain()
        if request.path == "/a":
            await asyncio.sleep(0.1)
            request.writer.write(head("Content-Length: 5") + b"wrong")
            await request.writer.drain()
        await asyncio.Event().wait()

    origin = web.serve(handler)
    async with fetching() as fetcher:
        assert fetched(await fetcher.fetch(origin + "/a")).body == b"ok"
        connector = fetcher._direct
        assert connector is not None
        ((idle, _),) = next(iter(connector._conns.values()))
        if idle.closed is not None:
            async with asyncio.timeout(5):
                await idle.closed  # the late bytes end it
        assert fetched(await fetcher.fetch(origin + "/b")).body == b"ok"
    assert len(set(peers)) == 2


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"HTTP/1.1 103 X\r\n\r\n" * (MOST_INTERIM + 1), "interim"),
        (LINE + b"X: " + b"x" * 60_000 + b"\r\n" * 2 + b"\r\n", None),
        (LINE + (b"X: " + b"x" * 60_000 + b"\r\n") * 6 + b"\r\n", f"{MOST_HEAD} bytes"),
        (head("Transfer-Encoding: chunked") + b"2;" + b"x" * (MOST_FRAMING + 1), "framing"),
    ],
    ids=["interim", "a large header", "a large head", "extension"],
)
async def test_what_comes_beside_a_body_is_bounded(
    web: Web, answer: bytes, words: str | None
) -> None:
    async def handler(request: Request) -> None:
        request.writer.write(answer)
        await request.writer.drain()
        if words is not None:
            await asyncio.Event().wait()

    async with fetching(timeout=20.0) as fetcher:
        outcome = await fetcher.fetch(web.serve(handler) + "/")
    if words is None:
        fetched(outcome)
    else:
        assert failed(outcome).fault is Fault.PROTOCOL
        assert words in failed(outcome).message


async def test_chunks_of_one_byte_are_no_attack(web: Web) -> None:
    answer = head("Transfer-Encoding: chunked") + b"1\r\nx\r\n" * 500_000 + b"0\r\n\r\n"
    async with fetching() as fetcher:
        got = fetched(await fetcher.fetch(web.serve(raw(answer)) + "/"))
    assert (got.body, got.truncated) == (b"x" * 500_000, None)


@pytest.mark.parametrize("value", [b"\xff\xfe", "\N{SNOWMAN}".encode(), b"\xed\xa0\x80"])
async def test_headers_of_any_bytes_are_text(web: Web, value: bytes) -> None:
    answer = head("Content-Length: 0", type=None).replace(b"\r\n", b"\r\nX: " + value + b"\r\n", 1)
    async with fetching() as fetcher:
        got = fetched(await fetcher.fetch(web.serve(raw(answer)) + "/"))
    assert got.headers["x"] == value.decode(errors="replace")
    got.headers["x"].encode()


@pytest.mark.parametrize(
    ("end", "body", "truncated"),
    [(b"0\r\n\r\n", b"begun", None), (b"zz\r\n", b"begun", "disconnect")],
)
async def test_what_came_before_the_framing_broke_is_kept(
    web: Web, end: bytes, body: bytes, truncated: str | None
) -> None:
    answer = head("Transfer-Encoding: chunked") + b"5\r\nbegun\r\n" + end
    async with fetching() as fetcher:
        got = fetched(await fetcher.fetch(web.serve(raw(answer)) + "/"))
    assert (got.body, got.truncated) == (body, truncated)
