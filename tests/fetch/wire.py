"""What the tests of the wire share: a fetcher with short times, raw handlers, raw servers."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from crawler.fetch.addresses import Trust
from crawler.fetch.credentials import Credentials
from crawler.fetch.http import HttpFetcher, Wire
from crawler.fetch.jar import Jar
from crawler.fetch.proxies import Proxies
from crawler.model import Failed, Fetched, Outcome
from tests.web.server import Handler, Request

SHORT = 0.3
"""The deadline of a request that is meant to run into it, in seconds."""


@asynccontextmanager
async def fetching(
    trust: Trust | None = None,
    credentials: Credentials | None = None,
    *,
    timeout: float = 10.0,
    connect_timeout: float = 5.0,
    max_size: int = 10_000_000,
    overrides: dict[tuple[str, int], str] | None = None,
    proxies: Proxies | None = None,
    jar: Jar | None = None,
    insecure: bool = False,
) -> AsyncIterator[HttpFetcher]:
    """A fetcher that may go to loopback, unless ``trust`` says otherwise."""
    wire = Wire(
        user_agent="crawlway-test",
        max_size=max_size,
        timeout=timeout,
        connect_timeout=connect_timeout,
        overrides=overrides,
        proxies=proxies or Proxies(),
        jar=jar,
        insecure=insecure,
    )
    trust = Trust(everyone=True) if trust is None else trust
    async with HttpFetcher(wire, credentials or Credentials(), trust) as fetcher:
        yield fetcher


def raw(*pieces: bytes) -> Handler:
    """Answer with these bytes as they are, then hang up."""

    async def handler(request: Request) -> None:
        for piece in pieces:
            request.writer.write(piece)
            await request.writer.drain()

    return handler


def head(*lines: str, status: str = "200 OK", type: str | None = "text/html") -> bytes:  # noqa: A002
    """Return the head of an answer with these header lines."""
    typed = [] if type is None else [f"Content-Type: {type}"]
    return "\r\n".join([f"HTTP/1.1 {status}", *typed, *lines, "", ""]).encode("latin-1")


async def forever(request: Request) -> None:
    """Never answer."""
    await asyncio.Event().wait()


Connected = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def listening(
    connected: Connected, address: str = "127.0.0.1", port: int = 0
) -> AsyncIterator[int]:
    """A server below HTTP, in the test's own loop; yields its port."""

    async def connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await connected(reader, writer)
        except ConnectionError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(connection, address, port)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


def fetched(outcome: Outcome) -> Fetched:
    """Return an outcome that is an answer."""
    assert isinstance(outcome, Fetched), outcome
    return outcome


def failed(outcome: Outcome) -> Failed:
    """Return an outcome that is a failure."""
    assert isinstance(outcome, Failed), outcome
    return outcome
