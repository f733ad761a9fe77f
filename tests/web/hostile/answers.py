"""What a site may do instead of answering well: handlers for the table's lines."""

import asyncio
import gzip
import socket
import struct
import zlib
from collections import Counter
from collections.abc import Callable
from functools import cache

import brotli

from tests.web.server import Handler, Reply, Request, html

Answer = bytes | str | Reply | Handler
"""Bytes go out as they are and the connection ends; a string is a page."""

TITLE = "a title"
PAGE = html([], TITLE).encode()


def head(*lines: str | bytes, status: str = "200 OK", type: str | None = "text/html") -> bytes:  # noqa: A002
    """Return the head of an answer with these header lines."""
    typed = [] if type is None else [f"Content-Type: {type}"]
    encoded = [line if isinstance(line, bytes) else line.encode() for line in [*typed, *lines]]
    return b"\r\n".join([b"HTTP/1.1 " + status.encode(), *encoded, b"", b""])


def sized(*lines: str | bytes, body: bytes = PAGE, status: str = "200 OK") -> bytes:
    """Return a whole answer with these header lines and a right length.

    It says that the connection ends, as it does: what else happens is the row's affair.
    """
    lines = (*lines, f"Content-Length: {len(body)}", "Connection: close")
    return head(*lines, status=status) + body


def chunked(*chunks: bytes, lines: tuple[str, ...] = (), end: bytes = b"0\r\n\r\n") -> bytes:
    """Return an answer in chunks; without ``lines`` in that coding alone."""
    pieces = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)
    return head(*(lines or ("Transfer-Encoding: chunked",))) + pieces + end


def coded(coding: str, body: bytes) -> Reply:
    """Return an answer with this Content-Encoding."""
    return Reply(body, headers={"Content-Encoding": coding})


def to(location: str | bytes | None, status: int = 302) -> Answer:
    """Return a redirect; ``HOST`` in it is the site's own host and port."""
    raw = location.encode() if isinstance(location, str) else location

    async def handler(request: Request) -> None:
        lines = [] if raw is None else [b"Location: " + raw.replace(b"HOST", request.host.encode())]
        request.writer.write(sized(*lines, body=b"", status=f"{status} X"))
        await request.writer.drain()

    return handler


def links(*references: str, title: str = "", head: str = "") -> str:
    """Return a page with these links."""
    return html(references, title, head)


async def silence(request: Request) -> None:
    """Never answer."""
    await asyncio.Event().wait()


def then_silence(begun: bytes) -> Handler:
    """Begin, then never go on."""

    async def handler(request: Request) -> None:
        request.writer.write(begun)
        await silence(request)

    return handler


def drip(begun: bytes, drop: bytes, every: float = 0.1) -> Handler:
    """Begin, then send a drop now and then, for ever (``every`` is in seconds)."""

    async def handler(request: Request) -> None:
        request.writer.write(begun)
        while True:
            await request.writer.drain()
            await asyncio.sleep(every)
            request.writer.write(drop)

    return handler


def endless(begun: bytes, more: bytes) -> Handler:
    """Begin, then send more as fast as it is taken, for ever."""
    block = more * (65_536 // len(more) + 1)

    async def handler(request: Request) -> None:
        request.writer.write(begun)
        while True:
            request.writer.write(block)
            await request.writer.drain()

    return handler


def reset_after(begun: bytes, pause: float = 0.2) -> Handler:
    """Begin, and after so many seconds end the connection with RST."""

    async def handler(request: Request) -> None:
        request.writer.write(begun)
        await request.writer.drain()
        await asyncio.sleep(pause)
        own = request.writer.get_extra_info("socket")
        own.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        request.writer.transport.abort()

    return handler


def in_turn(*answers: Answer) -> Handler:
    """Give one answer after another, and the last again and again, each site for itself."""
    given: Counter[int] = Counter()

    async def handler(request: Request) -> Reply | None:
        turn = given[request.port]
        given[request.port] += 1
        return await give(answers[min(turn, len(answers) - 1)], request)

    return handler


def made(make: Callable[[Request], Reply | str]) -> Handler:
    """Answer with what is made of the request."""

    async def handler(request: Request) -> Reply:
        answer = make(request)
        return Reply(answer) if isinstance(answer, str) else answer

    return handler


async def give(answer: Answer, request: Request) -> Reply | None:
    """Give an answer of any kind."""
    if isinstance(answer, str):
        return Reply(answer)
    if isinstance(answer, Reply):
        return answer
    if isinstance(answer, bytes):
        request.writer.write(answer)
        await request.writer.drain()
        return None
    return await answer(request)


def lazily(make: Callable[[], Answer]) -> Handler:
    """Make an answer when it is first asked for, in a thread: some are large."""
    once = cache(make)

    async def handler(request: Request) -> Reply | None:
        return await give(await asyncio.to_thread(once), request)

    return handler


def robots(text: str | bytes, **headers: str) -> Reply:
    """Return a robots.txt; ``HOST`` in it is not replaced."""
    return Reply(text, type="text/plain", headers=headers)


def deflated(body: bytes) -> bytes:
    """Return raw deflate, which the name does not mean but some servers do."""
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(body) + packer.flush()


def gzip_bomb() -> bytes:
    """30 MB in 30 KB."""
    return gzip.compress(bytes(30_000_000))


def brotli_bomb() -> bytes:
    """100 MB in a hundred bytes."""
    packer = brotli.Compressor(quality=1)
    zeros = bytes(1 << 20)
    return bytes(b"".join(packer.process(zeros) for _ in range(100)) + packer.finish())


def sitemap(*locations: str, root: str = "urlset", entry: str = "url") -> str:
    """Return a sitemap; without a scheme a location is a path of the site's own."""
    listed = "".join(f"<{entry}><loc>{each}</loc></{entry}>" for each in locations)
    return f'<?xml version="1.0"?><{root}>{listed}</{root}>'


def here(text: str | bytes, type: str = "application/xml") -> Handler:  # noqa: A002
    """Answer with a text in which ``HOST`` becomes the site's own host and port."""
    raw = text.encode() if isinstance(text, str) else text

    async def handler(request: Request) -> Reply:
        return Reply(raw.replace(b"HOST", request.host.encode()), type=type)

    return handler
