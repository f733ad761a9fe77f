"""A server that answers every request after the same time.

``python -m tests.bench.lag SECONDS [SITES [PAGES]]`` prints the ports of its sites, whose
``/`` links to all but one of so many pages. As lean as asyncio allows, for it shares the
machine with the crawler.
"""

import asyncio
import sys

TEXT = "<!doctype html><title>A page</title><p>It says nothing, and it takes its time."
NOTHING = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"


def page(links: int) -> bytes:
    """Return the answer with a page that links to ``/1`` and so on."""
    body = TEXT + "".join(f"<a href=/{number}>x</a>" for number in range(1, links + 1))
    head = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: "
    return f"{head}{len(body)}\r\n\r\n{body}".encode()


class Late(asyncio.Protocol):
    """One connection, one request at a time; robots.txt there is none."""

    def __init__(self, lag: float, first: bytes, other: bytes) -> None:
        self._lag = lag
        self._first = first
        self._other = other
        self._later = asyncio.get_running_loop().call_later

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._write = transport.write

    def data_received(self, data: bytes) -> None:
        path = data.split(b" ", 2)[1]
        answer = self._first if path == b"/" else self._other
        self._later(self._lag, self._write, NOTHING if path == b"/robots.txt" else answer)


async def main(lag: float, sites: int = 1, pages: int = 1) -> None:
    """Serve until stdin ends."""
    loop = asyncio.get_running_loop()
    first, other = page(pages - 1), page(0)
    servers = [
        await loop.create_server(lambda: Late(lag, first, other), "127.0.0.1", 0, backlog=1_024)
        for _ in range(sites)
    ]
    print(*(server.sockets[0].getsockname()[1] for server in servers), flush=True)
    await asyncio.to_thread(sys.stdin.read)
    for server in servers:
        server.close()


if __name__ == "__main__":
    asyncio.run(main(float(sys.argv[1]), *map(int, sys.argv[2:])))
