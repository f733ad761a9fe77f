"""One request over aiohttp: nothing followed, nothing trusted, everything bounded.

Redirects, retries and robots.txt are the engine's business; each comes back here as a
request of its own, and so passes the same guard, the same caps and the same credentials.
"""

import asyncio
import os
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import NamedTuple, Self
from urllib.parse import quote

import aiohttp
from aiohttp import ClientResponse, ClientSession, ClientTimeout, DummyCookieJar, TCPConnector
from isal import isal_zlib
from multidict import CIMultiDict
from yarl import URL

from crawler.fetch import decode
from crawler.fetch.addresses import Dial, Trust, dialling, guarded_socket
from crawler.fetch.credentials import Credentials
from crawler.fetch.resolve import Resolver
from crawler.model import Failed, Fault, Fetched, Outcome, Truncated
from crawler.policy import urls

aiohttp.set_zlib_backend(isal_zlib)

SMALL_BODY = 1024 * 1024
"""Larger bodies need one of the permits for large ones."""

LARGE_BODIES = 8

IDLE_BODY = 64 * 1024
"""A body that nothing reads is still taken off the wire up to this size: that is cheaper
than a new connection, and small files get their hash."""

ACCEPT = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
ENCODINGS = "gzip, deflate, br, zstd"
HTML = ("text/html", "application/xhtml+xml")

_LISTS = {"x-robots-tag", "content-encoding", "link", "cache-control", "vary"}
_MOST_ROUTES = 20_000


@dataclass(frozen=True, slots=True)
class Wire:
    """Settings of the wire. Times in seconds, sizes in bytes.

    With ``insecure`` the seeds' hosts are not asked for a valid certificate; with ``xml``
    XML and gzip files are read as HTML is. ``overrides`` maps (host, port) to the address
    to use instead of the resolver's.
    """

    user_agent: str
    max_size: int = 10_000_000
    timeout: float = 30.0
    connect_timeout: float = 10.0
    insecure: bool = False
    xml: bool = False
    overrides: Mapping[tuple[str, int], str] | None = None


class _Route(NamedTuple):
    """What requests to one origin have in common."""

    host: str
    headers: Mapping[str, str] | None
    ssl: bool


class HttpFetcher:
    """The Fetcher port over aiohttp. Enter it to open the session."""

    def __init__(self, wire: Wire, credentials: Credentials, trust: Trust) -> None:
        self._wire = wire
        self._credentials = credentials
        self._trust = trust
        self._seed_hosts: set[str] = set()
        self._routes: dict[str, _Route] = {}
        self._large = asyncio.Semaphore(LARGE_BODIES)
        self._now = asyncio.get_running_loop().time

    async def __aenter__(self) -> Self:
        wire = self._wire
        connector = TCPConnector(
            limit=0,  # the workbench and the permits are the limit
            ttl_dns_cache=300,
            dns_cache_max_size=20_000,
            keepalive_timeout=15,
            resolver=Resolver(wire.overrides or {}, wire.connect_timeout),
            socket_factory=guarded_socket,
        )
        everywhere = CIMultiDict(
            {"User-Agent": wire.user_agent, "Accept": ACCEPT, "Accept-Encoding": ENCODINGS}
        )
        everywhere.update(self._credentials.everywhere)
        self._session = ClientSession(
            connector=connector,
            headers=everywhere,
            cookie_jar=DummyCookieJar(),
            timeout=ClientTimeout(total=None, sock_connect=wire.connect_timeout),
            auto_decompress=False,
            trust_env=False,
            max_line_size=16_384,
            max_field_size=65_536,
            max_headers=1_000,
        )
        # A request is one request: aiohttp would repeat it at once, without the site's delay,
        # when a connection that was kept alive turns out to be closed.
        self._session._retry_connection = False
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._session.close()

    def admit(self, url: str, userinfo: tuple[str, str] | None = None) -> None:
        """Let a seed's origin have the seeds' credentials."""
        self._credentials.admit(url, userinfo)
        self._seed_hosts.add(urls.host(url))
        self._routes.pop(urls.origin(url), None)

    async def fetch(self, url: str, most: int | None = None, *, whole: bool = False) -> Outcome:
        """Make one request; see the port. The deadline covers it from DNS to the last byte."""
        origin = urls.origin(url)
        route = self._routes.get(origin) or self._route(origin)
        dial = Dial(route.host, self._trust)
        dialling.set(dial)
        started = self._now()
        try:
            async with asyncio.timeout(self._wire.timeout) as deadline:
                response = await self._session.get(
                    URL(url, encoded=True),
                    allow_redirects=False,
                    headers=route.headers,
                    ssl=route.ssl,
                )
                cap = self._wire.max_size if most is None else most
                exchange = _Exchange(url, response, cap, deadline, self._large, started)
                return await exchange.read(whole=whole or (self._wire.xml and _is_xml(response)))
        except TimeoutError as error:
            return _late(error, self._wire)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            if dial.refused is not None:
                message = f"{dial.refused} is a private address (--allow-private permits it)"
                return Failed(Fault.PRIVATE_ADDRESS, message, lasting=True)
            return _failed(error)

    def free(self, fetched: Fetched) -> None:
        """Give back a large body's permit."""
        if fetched.large:
            self._large.release()

    def _route(self, origin: str) -> _Route:
        wire, host = self._wire, urls.host(origin + "/")
        if len(self._routes) >= _MOST_ROUTES:
            self._routes.clear()
        route = self._routes[origin] = _Route(
            host,
            self._credentials.headers(origin),
            not (wire.insecure and host in self._seed_hosts),
        )
        return route


class _Exchange:
    """The body of one response on its way in."""

    def __init__(
        self,
        url: str,
        response: ClientResponse,
        cap: int,
        deadline: asyncio.Timeout,
        large: asyncio.Semaphore,
        started: float,
    ) -> None:
        self._url = url
        self._response = response
        self._cap = cap
        self._deadline = deadline
        self._large = large
        self._waited = asyncio.get_running_loop().time() - started
        self._started = started
        self._chunks: list[bytes] = []
        self._size = 0
        self._wire_bytes = 0
        self._holds_large = False

    async def read(self, *, whole: bool) -> Outcome:
        """Read what is wanted of the body and return the outcome."""
        response = self._response
        wanted = 200 <= response.status < 300 and (whole or _readable(response))
        if not wanted:
            await self._pass_over()
            return self._fetched(None, None)
        try:
            truncated = await self._read()
        except decode.Undecodable as error:
            response.close()
            self._let_go()
            return Failed(Fault.DECODE, str(error), response.status, lasting=True)
        except BaseException:
            response.close()
            self._let_go()
            raise
        chunks = self._chunks
        return self._fetched(chunks[0] if len(chunks) == 1 else b"".join(chunks), truncated)

    async def _read(self) -> Truncated | None:
        """Take the body in up to the cap; return why it is not whole, or None."""
        response = self._response
        names = decode.codings(",".join(response.headers.getall("Content-Encoding", ())))
        decoder = decode.Decoder(names, self._cap) if names else None
        content = response.content
        try:
            while chunk := await content.readany():
                self._wire_bytes += len(chunk)
                if decoder is None:
                    await self._keep(chunk)
                else:
                    for piece in decoder.feed(chunk):
                        await self._keep(piece)
                if self._size > self._cap or self._wire_bytes > self._cap:
                    return self._cut()
        except decode.TooLong:
            return self._cut()
        except asyncio.CancelledError:
            if not self._timed_out():
                raise
            response.close()
            return "time"
        except (aiohttp.ClientError, OSError):
            response.close()
            return "disconnect"
        return None if decoder is None or decoder.whole else "disconnect"

    def _timed_out(self) -> bool:
        """Whether a cancellation is our deadline's, and nobody else's as well."""
        task = asyncio.current_task()
        return self._deadline.expired() and task is not None and task.cancelling() == 1

    async def _keep(self, piece: bytes) -> None:
        self._chunks.append(piece)
        self._size += len(piece)
        if self._size > SMALL_BODY and not self._holds_large:
            # Waiting for our own permits is not the server's time.
            left = (self._deadline.when() or 0.0) - asyncio.get_running_loop().time()
            self._deadline.reschedule(None)
            await self._large.acquire()
            self._holds_large = True
            self._deadline.reschedule(asyncio.get_running_loop().time() + left)

    def _cut(self) -> Truncated:
        """Hang up, and cut what was kept down to the cap."""
        self._response.close()
        over = self._size - self._cap
        while over > 0:
            last = self._chunks.pop()
            if len(last) > over:
                self._chunks.append(last[: len(last) - over])
            over -= len(last)
        return "length"

    async def _pass_over(self) -> None:
        """Take a small unwanted body off the wire, so that the connection lives on."""
        response = self._response
        length = response.content_length
        if length is not None and length > IDLE_BODY:
            response.close()
            return
        try:
            while chunk := await response.content.readany():
                self._wire_bytes += len(chunk)
                if self._wire_bytes > IDLE_BODY:
                    response.close()
                    return
        except (aiohttp.ClientError, OSError):
            response.close()
        except asyncio.CancelledError:
            response.close()
            if not self._timed_out():
                raise

    def _let_go(self) -> None:
        if self._holds_large:
            self._large.release()
            self._holds_large = False

    def _fetched(self, body: bytes | None, truncated: Truncated | None) -> Fetched:
        return Fetched(
            self._url,
            self._response.status,
            _headers(self._response),
            body,
            self._wire_bytes,
            asyncio.get_running_loop().time() - self._started,
            truncated,
            self._waited,
            self._holds_large,
        )


def _headers(response: ClientResponse) -> dict[str, str]:
    """Return headers by lower-case name: lists joined, of anything else the first."""
    headers: dict[str, str] = {}
    for istr, value in response.headers.items():
        name = str(istr).lower()
        if name not in headers:
            headers[name] = value
        elif name in _LISTS:
            headers[name] += ("\n" if name == "x-robots-tag" else ", ") + value
    location = headers.get("location")
    if location is not None and not location.isascii():
        # Bytes that are no UTF-8 arrive as lone surrogates: percent-encode what came.
        raw = location.encode("utf-8", "surrogateescape")
        headers["location"] = quote(raw, safe="".join(map(chr, range(128))))
    return headers


def _readable(response: ClientResponse) -> bool:
    """Whether a body is of use: HTML, of unknown type, or so small that it costs nothing."""
    kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if not kind or kind in HTML:
        return True
    length = response.content_length
    return length is not None and length <= IDLE_BODY


def _is_xml(response: ClientResponse) -> bool:
    kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    return kind.endswith(("xml", "gzip"))


def _late(error: TimeoutError, wire: Wire) -> Failed:
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return Failed(Fault.TIMEOUT, f"no connection within {wire.connect_timeout:g} s")
    return Failed(Fault.TIMEOUT, f"no answer within {wire.timeout:g} s")


def _failed(error: Exception) -> Failed:
    """Return the failure that an exception of the wire stands for."""
    match error:
        case aiohttp.ClientConnectorDNSError():
            return _unresolved(error.os_error)
        case aiohttp.ClientConnectorCertificateError():
            words = getattr(error.certificate_error, "verify_message", "") or "bad certificate"
            return Failed(Fault.TLS, f"certificate: {words}", lasting=True)
        case aiohttp.ClientConnectorSSLError():
            return Failed(Fault.TLS, _words(error.os_error), lasting=True)
        case aiohttp.ClientSSLError() | ssl.SSLError():
            return Failed(Fault.TLS, _words(error), lasting=True)
        case aiohttp.ClientConnectorError():
            return Failed(Fault.CONNECT, _words(error.os_error))
        case aiohttp.ServerDisconnectedError():
            return Failed(Fault.DISCONNECT, "the server closed the connection without an answer")
        case aiohttp.ClientResponseError():
            return Failed(Fault.PROTOCOL, _words(error), lasting=True)
        case aiohttp.InvalidURL():
            return Failed(Fault.PROTOCOL, "the URL cannot be requested", lasting=True)
        case OSError():
            return Failed(Fault.DISCONNECT, _words(error))
    return Failed(Fault.PROTOCOL, _words(error), lasting=True)


def _unresolved(error: OSError) -> Failed:
    if isinstance(error, socket.gaierror):
        lasting = error.errno in (socket.EAI_NONAME, getattr(socket, "EAI_NODATA", 0))
        return Failed(Fault.DNS, (error.strerror or str(error)).lower(), lasting=lasting)
    return Failed(Fault.DNS, str(error))


def _words(error: BaseException) -> str:
    """Return an exception in a few words for a record."""
    if isinstance(error, ssl.SSLError) and error.reason:
        return f"TLS handshake failed: {error.reason.replace('_', ' ').lower()}"
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno).lower()
    return (getattr(error, "message", "") or str(error) or type(error).__name__)[:300]
