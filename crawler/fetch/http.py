"""One request over aiohttp: nothing followed, nothing trusted, everything bounded.

Redirects, retries and robots.txt are the engine's business; each comes back here as a
request of its own, and so passes the same guard, the same caps and the same credentials.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import NamedTuple, Self

import aiohttp
from aiohttp import ClientSession, ClientTimeout, DummyCookieJar, TCPConnector
from isal import isal_zlib
from multidict import CIMultiDict
from yarl import URL

from crawler.fetch import faults
from crawler.fetch.addresses import Dial, Trust, dialling, guarded_socket
from crawler.fetch.credentials import Credentials
from crawler.fetch.exchange import Exchange
from crawler.fetch.resolve import Resolver
from crawler.model import Failed, Fault, Fetched, Outcome
from crawler.policy import media, urls

aiohttp.set_zlib_backend(isal_zlib)

LARGE_BODIES = 8

ACCEPT = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
ENCODINGS = "gzip, deflate, br, zstd"

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
                exchange = Exchange(url, response, cap, deadline, self._large, started)
                content_type = response.headers.get("Content-Type", "")
                xml = self._wire.xml and media.may_be_sitemap(content_type)
                return await exchange.read(whole=whole or xml)
        except TimeoutError as error:
            return faults.late(error, self._wire.timeout, self._wire.connect_timeout)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            if dial.refused is not None:
                message = f"{dial.refused} is a private address (--allow-private permits it)"
                return Failed(Fault.PRIVATE_ADDRESS, message, lasting=True)
            return faults.failed(error)

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
