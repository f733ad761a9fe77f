"""A server that answers every request after the same time: ``python -m tests.bench.lag SECONDS``.

It prints its port. As lean as asyncio allows, for it shares the machine with the crawler.
"""

import asyncio
import sys

BODY = b"<!doctype html><title>A page</title><p>It says nothing, and it takes its time."
PAGE = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: %d\r\n\r\n%b" % (
    len(BODY),
    BODY,
)
NOTHING = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"


class Late(asyncio.Protocol):
    """One connection, one request at a time; robots.txt there is none."""

    def __init__(self, lag: float) -> None:
        self._lag = lag
        self._later = asyncio.get_running_loop().call_later

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._write = transport.write

    def data_received(self, data: bytes) -> None:
        self._later(self._lag, self._write, NOTHING if b" /robots.txt " in data else PAGE)


async def main(lag: float) -> None:
    """Serve until stdin ends."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Late(lag), "127.0.0.1", 0, backlog=1_024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)
    server.close()


if __name__ == "__main__":
    asyncio.run(main(float(sys.argv[1])))
