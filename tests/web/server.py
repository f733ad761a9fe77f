"""A web server in a thread of its own, on raw asyncio: it can do anything, right or wrong.

A handler gets a :class:`Request` and returns a :class:`Reply`; or it takes the connection
in hand with ``request.writer`` and returns None. Every request is logged with monotonic
times, which other processes on the machine share.
"""

import asyncio
import ssl
import threading
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self


@dataclass(slots=True)
class Request:
    """One request; ``started`` when its head had come, ``ended`` when the reply was sent."""

    method: str
    path: str
    headers: dict[str, str]
    address: str
    port: int
    started: float
    writer: asyncio.StreamWriter
    ended: float = 0.0

    @property
    def host(self) -> str:
        """The Host header."""
        return self.headers.get("host", "")


@dataclass(slots=True)
class Reply:
    """What to answer; ``delay`` seconds pass before the head is sent."""

    body: bytes | str = b""
    status: int = 200
    type: str | None = "text/html; charset=utf-8"
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0.0
    close: bool = False

    def encode(self) -> bytes:
        """Return the bytes of a well-formed answer."""
        body = self.body.encode() if isinstance(self.body, str) else self.body
        lines = [f"HTTP/1.1 {self.status} X"]
        if self.type is not None:
            lines.append(f"Content-Type: {self.type}")
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        lines.append(f"Content-Length: {len(body)}")
        if self.close:
            lines.append("Connection: close")
        return "\r\n".join(lines).encode("utf-8", "surrogateescape") + b"\r\n\r\n" + body


Handler = Callable[[Request], Awaitable[Reply | None]]


class Web:
    """Any number of sites on loopback addresses, each with its handler.

    Use it as a context manager. ``log`` holds the requests of all sites in order;
    ``most`` is the largest number of requests that one site had open at once.
    """

    def __init__(self) -> None:
        self.log: list[Request] = []
        self.most: dict[tuple[str, int], int] = {}
        self._open: dict[tuple[str, int], int] = {}
        self._servers: list[asyncio.Server] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="web", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        async def finish() -> None:
            for server in self._servers:
                server.close()
            tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

        asyncio.run_coroutine_threadsafe(finish(), self._loop).result(5)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    def serve(
        self,
        handler: Handler,
        address: str = "127.0.0.1",
        port: int = 0,
        tls: ssl.SSLContext | None = None,
    ) -> str:
        """Start a site and return its origin, ``http://127.0.0.1:PORT`` (https with ``tls``)."""

        async def start() -> int:
            server = await asyncio.start_server(
                lambda reader, writer: self._connection(handler, reader, writer),
                address,
                port,
                limit=1_000_000,
                backlog=2_048,
                ssl=tls,
            )
            self._servers.append(server)
            return int(server.sockets[0].getsockname()[1])

        bound = asyncio.run_coroutine_threadsafe(start(), self._loop).result(10)
        host = f"[{address}]" if ":" in address else address
        return f"{'http' if tls is None else 'https'}://{host}:{bound}"

    def pages(self, pages: Mapping[str, Iterable[str]], **serve: str | int) -> str:
        """Serve a graph: path → links. ``/robots.txt`` is 404 unless it is in the graph."""
        bodies = {path: html(links) for path, links in pages.items()}

        async def handler(request: Request) -> Reply:
            body = bodies.get(request.path)
            return Reply("no such page", 404) if body is None else Reply(body)

        return self.serve(handler, **serve)  # type: ignore[arg-type]

    def requests(self, path: str | None = None) -> list[Request]:
        """Return the logged requests, of one path if given."""
        return [request for request in list(self.log) if path is None or request.path == path]

    async def _connection(
        self, handler: Handler, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        address, port = writer.get_extra_info("sockname")[:2]
        site = (address, port)
        try:
            first = await reader.readexactly(1)
            if first == b"\x16":  # a TLS hello
                writer.write(b"HTTP/1.1 400 This is plain HTTP\r\n\r\n")
                return
            while head := first + await reader.readuntil(b"\r\n\r\n"):
                first = b""
                request = _parse(head, address, port, writer)
                self.log.append(request)
                self._open[site] = self._open.get(site, 0) + 1
                self.most[site] = max(self.most.get(site, 0), self._open[site])
                try:
                    reply = await handler(request)
                    if reply is None:
                        return
                    if reply.delay:
                        await asyncio.sleep(reply.delay)
                    # The request ends for the log before the client can know of it.
                    request.ended = time.monotonic()
                    self._open[site] -= 1
                    writer.write(reply.encode())
                    await writer.drain()
                finally:
                    if not request.ended:
                        request.ended = time.monotonic()
                        self._open[site] -= 1
                if reply.close:
                    return
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.LimitOverrunError):
            pass
        except asyncio.CancelledError:
            pass  # the end of the server, which asyncio.streams would take for a fault
        finally:
            writer.close()


def html(links: Iterable[str], title: str = "", head: str = "") -> str:
    """Return a page with these links."""
    anchors = "\n".join(f'<a href="{link}">{link}</a>' for link in links)
    return f"<!doctype html><html><head><title>{title}</title>{head}</head><body>{anchors}"


def _parse(head: bytes, address: str, port: int, writer: asyncio.StreamWriter) -> Request:
    first, *lines = head.decode("latin-1").split("\r\n")
    method, path, _ = first.split(" ", 2)
    headers = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if colon:
            headers[name.lower()] = value.strip()
    return Request(method, path, headers, address, port, time.monotonic(), writer)
