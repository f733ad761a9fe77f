"""Proxies on loopback: HTTP with CONNECT, and SOCKS5. They find names in a table of theirs."""

import asyncio
import ssl
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from tests.web.server import Web

_END = b"\r\n\r\n"
_Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass(slots=True)
class Asked:
    """What a proxy was asked: ``GET http://…``, ``CONNECT host:port`` or ``SOCKS host:port``."""

    what: str
    target: str
    headers: dict[str, str] = field(default_factory=dict)
    login: str | None = None


class ProxyWeb(Web):
    """A web with proxies. ``names`` says where hosts are, ``asked`` what was wanted.

    With ``login`` (the value of a Proxy-Authorization header, or ``user:password`` for
    SOCKS) whoever has none is turned away; ``refuse`` is a status for every request, or a
    SOCKS reply code.
    """

    def __init__(self) -> None:
        super().__init__()
        self.names: dict[str, str] = {}
        self.asked: list[Asked] = []
        self.login: str | None = None
        self.refuse: int | None = None

    def proxy(self, tls: ssl.SSLContext | None = None) -> str:
        """Start an HTTP proxy and return its ``host:port``."""
        return self._start(self._http, tls)

    def socks(self) -> str:
        """Start a SOCKS5 proxy and return its ``host:port``."""
        return self._start(self._socks, None)

    def _start(self, serve: _Serve, tls: ssl.SSLContext | None) -> str:
        async def connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                await serve(reader, writer)
            except (OSError, asyncio.IncompleteReadError):
                pass
            finally:
                writer.close()

        async def start() -> int:
            server = await asyncio.start_server(connection, "127.0.0.1", 0, ssl=tls)
            self._servers.append(server)
            return int(server.sockets[0].getsockname()[1])

        port = asyncio.run_coroutine_threadsafe(start(), self._loop).result(10)
        return f"127.0.0.1:{port}"

    async def _http(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            method, target, lines = _parse(await reader.readuntil(_END))
            headers = {
                name.lower(): value.strip()
                for name, _, value in (line.partition(":") for line in lines)
            }
            login = headers.pop("proxy-authorization", None)
            self.asked.append(Asked(method, target, headers, login))
            if self.login is not None and login != self.login:
                writer.write(b"HTTP/1.1 407 Who are you\r\nContent-Length: 0\r\n\r\n")
                return
            if self.refuse is not None:
                writer.write(b"HTTP/1.1 %d No\r\nContent-Length: 0\r\n\r\n" % self.refuse)
                return
            if method == "CONNECT":
                host, _, port = target.rpartition(":")
                far = await self._dial(host, int(port))
                writer.write(b"HTTP/1.1 200 Connected\r\n\r\n")
                await _join(reader, writer, *far)
                return
            writer.write(await self._forward(method, target, lines))

    async def _forward(self, method: str, target: str, lines: list[str]) -> bytes:
        """Return what the origin answers, which has a Content-Length as all ours do."""
        authority = target.split("/")[2]
        host, _, port = authority.partition(":")
        far, to_far = await self._dial(host, int(port or 80))
        try:
            kept = [line for line in lines if not line.lower().startswith("proxy-")]
            first = f"{method} {target.partition(authority)[2]} HTTP/1.1"
            to_far.write("\r\n".join([first, *kept]).encode("latin-1"))
            head = await far.readuntil(_END)
            length = head.lower().partition(b"content-length:")[2].split()[0]
            return head + await far.readexactly(int(length))
        finally:
            to_far.close()

    async def _socks(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        _, methods = await reader.readexactly(2)
        offered = await reader.readexactly(methods)
        login = None
        if 2 in offered:
            writer.write(b"\x05\x02")
            _, size = await reader.readexactly(2)
            user = await reader.readexactly(size)
            password = await reader.readexactly((await reader.readexactly(1))[0])
            login = f"{user.decode()}:{password.decode()}"
            writer.write(b"\x01\x00" if login == self.login else b"\x01\x01")
        else:
            writer.write(b"\x05\xff" if self.login else b"\x05\x00")
        *_, kind = await reader.readexactly(4)
        if kind == 3:
            host = (await reader.readexactly((await reader.readexactly(1))[0])).decode()
        else:
            raw = await reader.readexactly(4 if kind == 1 else 16)
            host = ".".join(map(str, raw)) if kind == 1 else raw.hex(":")
        (port,) = struct.unpack(">H", await reader.readexactly(2))
        self.asked.append(Asked("SOCKS", f"{host}:{port}", login=login))
        writer.write(bytes((5, self.refuse or 0, 0, 1, 0, 0, 0, 0, 0, 0)))
        if self.refuse is None:
            await _join(reader, writer, *await self._dial(host, port))

    async def _dial(
        self, host: str, port: int
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection(self.names.get(host, host), port)


async def _join(
    near: asyncio.StreamReader,
    to_near: asyncio.StreamWriter,
    far: asyncio.StreamReader,
    to_far: asyncio.StreamWriter,
) -> None:
    async def pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65_536):
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()

    await asyncio.gather(pour(near, to_far), pour(far, to_near))


def _parse(head: bytes) -> tuple[str, str, list[str]]:
    first, *lines = head.decode("latin-1").split("\r\n")
    method, target, _ = first.split(" ", 2)
    return method, target, lines
