"""One request over aiohttp: nothing followed, nothing trusted, everything bounded.

Redirects, retries and robots.txt are the engine's business; each comes back here as a
request of its own, and so passes the same guard, the same caps and the same credentials.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, NamedTuple, Self

import aiohttp
from aiohttp import BaseConnector, ClientRequest
from aiohttp.http_exceptions import HttpProcessingError
from isal import isal_zlib
from multidict import CIMultiDict
from yarl import URL

from crawler.errors import BadSetting
from crawler.fetch import faults, proxies
from crawler.fetch.addresses import Dial, Trust, dialling, guarded_socket
from crawler.fetch.connection import Connector
from crawler.fetch.credentials import Credentials
from crawler.fetch.digest import Digest, schemes
from crawler.fetch.exchange import Exchange
from crawler.fetch.jar import Jar
from crawler.fetch.proxies import Proxies, Proxy
from crawler.fetch.request import Requests, Response
from crawler.fetch.resolve import Resolver
from crawler.model import Failed, Fault, Fetched, Known, Outcome
from crawler.policy import media, urls

aiohttp.set_zlib_backend(isal_zlib)

LARGE_BODIES = 8

ACCEPT = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
ENCODINGS = "gzip, deflate, br, zstd"

REMEMBERED_NAMES = 20_000
"""Names whose addresses are remembered, for five minutes at most."""

IDLE = 15.0
"""Seconds that a connection is kept for the next request."""

MOST_ROUTES = 2_000
"""Origins whose requests are kept prepared, 2 KB each; it takes 13 µs to prepare them anew."""

MOST_TURNED_BACK = 10_000
"""URLs that were asked for once more because they redirected to themselves with a cookie."""

_ANYWHERE = Trust(everyone=True)


@dataclass(frozen=True, slots=True)
class Wire:
    """Settings of the wire. Times in seconds, sizes in bytes.

    With ``insecure`` the seeds' hosts are not asked for a valid certificate; with ``xml``
    XML and gzip files are read as HTML is, with ``plain`` plain text. ``overrides`` maps
    (host, port) to the address to use instead of the resolver's. ``proxies`` says through
    whom requests go; without a ``jar`` what servers want remembered is forgotten.
    """

    user_agent: str
    max_size: int = 10_000_000
    timeout: float = 30.0
    connect_timeout: float = 10.0
    insecure: bool = False
    xml: bool = False
    plain: bool = False
    overrides: Mapping[tuple[str, int], str] | None = None
    proxies: Proxies = field(default_factory=Proxies)
    jar: Jar | None = None


class _Route(NamedTuple):
    """What requests to one origin have in common."""

    host: str
    headers: Mapping[str, str] | None
    requests: Requests
    proxy: Proxy | None
    digest: Digest | None


class HttpFetcher:
    """The Fetcher port over aiohttp. Enter it to open the connectors."""

    def __init__(self, wire: Wire, credentials: Credentials, trust: Trust) -> None:
        self._wire = wire
        self._credentials = credentials
        self._trust = trust
        self._seed_hosts: set[str] = set()
        self._routes: dict[str, _Route] = {}
        self._turned_back: set[str] = set()
        self._through_socks: dict[Proxy, BaseConnector] = {}
        self._large = asyncio.Semaphore(LARGE_BODIES)
        self._now = asyncio.get_running_loop().time

    async def __aenter__(self) -> Self:
        wire = self._wire
        resolver = Resolver(wire.overrides or {}, wire.connect_timeout)
        self._everywhere = CIMultiDict(
            {"User-Agent": wire.user_agent, "Accept": ACCEPT, "Accept-Encoding": ENCODINGS}
        )
        self._everywhere.update(self._credentials.everywhere)
        self._direct = _Connector(  # without a limit: the workbench and the permits are it
            ttl_dns_cache=300,
            dns_cache_max_size=REMEMBERED_NAMES,
            keepalive_timeout=IDLE,
            resolver=resolver,
            socket_factory=guarded_socket,
        )
        for proxy in wire.proxies.socks:
            try:
                from crawler.fetch.socks import SocksConnector
            except ImportError:
                await self._direct.close()
                message = f"a proxy like {proxy} needs: pip install 'crawlway[socks]'"
                raise BadSetting(message) from None
            connector = SocksConnector(proxy, keepalive_timeout=IDLE)
            self._through_socks[proxy] = connector
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for connector in (self._direct, *self._through_socks.values()):
            await connector.close()

    def admit(self, url: str, userinfo: tuple[str, str] | None = None) -> None:
        """Let a seed's origin have the seeds' credentials."""
        self._credentials.admit(url, userinfo)
        if self._wire.insecure and urls.host(url) not in self._seed_hosts:
            self._routes.clear()  # what was asked of another origin of the host is for it, too
        self._seed_hosts.add(urls.host(url))
        self._routes.pop(urls.origin(url), None)

    async def fetch(
        self,
        url: str,
        most: int | None = None,
        *,
        whole: bool = False,
        known: Known | None = None,
    ) -> Outcome:
        """Make one request; see the port. The deadline covers it from DNS to the last byte."""
        origin = urls.origin(url)
        route = self._routes.get(origin) or self._route(origin)
        proxy = route.proxy
        if proxy is not None and (why := proxies.refused(route.host, self._trust)) is not None:
            return _private(why)
        dial = Dial(route.host, self._trust) if proxy is None else Dial(proxy.host, _ANYWHERE)
        dialling.set(dial)
        headers, nonce = None, None
        if self._wire.jar is not None or route.digest is not None:
            headers, nonce = self._own_headers(url, route)
        if known is not None and known.validators:
            headers = _conditional(headers, known)
        started = self._now()
        try:
            async with asyncio.timeout(self._wire.timeout) as deadline:
                response = await route.requests.get(url, headers)
                cap = self._wire.max_size if most is None else most
                exchange = Exchange(url, response, cap, deadline, self._large, started, self._now)
                content_type = response.headers.get("Content-Type", "")
                wanted = self._wire.xml and media.may_be_sitemap(content_type)
                wanted = wanted or (self._wire.plain and media.is_plain(content_type))
                outcome = await exchange.read(whole=whole or wanted)
                heard = self._heard(url, route, response, headers, nonce)
                if heard is None and response.status == 401 and not whole:
                    heard = _digest_only(route, response)  # of robots.txt a 401 says enough
                return heard or outcome
        except (aiohttp.ClientError, HttpProcessingError, OSError, ValueError) as error:
            if proxy is not None and (failed := proxies.failed(proxy, error)) is not None:
                return failed
            if isinstance(error, TimeoutError):  # an OSError
                return faults.late(error, self._wire.timeout, self._wire.connect_timeout)
            if dial.refused is not None:
                return _private(f"{dial.refused} is a private address")
            return faults.failed(error)

    def free(self, fetched: Fetched) -> None:
        """Give back a large body's permit."""
        if fetched.large:
            self._large.release()

    def _own_headers(self, url: str, route: _Route) -> tuple[Mapping[str, str], str | None]:
        """Return the headers of this one request, and the nonce that they answer."""
        headers: CIMultiDict[str] = CIMultiDict()
        nonce = None
        if route.digest is not None:
            nonce = route.digest.nonce
            answer = route.digest.answer("GET", url[len(urls.origin(url)) :])
            if answer is not None:
                headers["Authorization"] = answer
        if self._wire.jar is not None and (cookies := _cookies(self._wire.jar, url, route)):
            headers["Cookie"] = cookies
        return headers, nonce

    def _heard(
        self,
        url: str,
        route: _Route,
        response: Response,
        asked: Mapping[str, str] | None,
        nonce: str | None,
    ) -> Failed | None:
        """Take in what an answer to ``asked`` says of cookies, passwords and the proxy.

        Returns a failure if it is no answer of the origin's, or one to a request without
        the password, or the cookie, that it wants.
        """
        if response.status == 407 and route.proxy and route.requests.absolute:
            return proxies.fault(route.proxy, "407 Proxy Authentication Required", lasting=True)
        if self._wire.jar is not None:
            self._wire.jar.take(url, response.headers.getall("Set-Cookie", ()))
            if (
                _leads_back(url, response)
                and (asked or {}).get("Cookie", "") != _cookies(self._wire.jar, url, route)
                and self._first_time(url)
            ):
                return Failed(Fault.BAD_REDIRECT, "gave a cookie", response.status, again=True)
        if route.digest is not None:
            if response.status != 401:
                route.digest.accepted()
            elif route.digest.challenged(response.headers.getall("WWW-Authenticate", ()), nonce):
                return Failed(Fault.HTTP_4XX, "asked for a digest", 401, again=True)
        return None

    def _first_time(self, url: str) -> bool:
        """Whether ``url`` may be asked for again with its new cookie: once, not for ever."""
        if url in self._turned_back or len(self._turned_back) >= MOST_TURNED_BACK:
            return False
        self._turned_back.add(url)
        return True

    def _route(self, origin: str) -> _Route:
        wire, host = self._wire, urls.host(origin + "/")
        if len(self._routes) >= MOST_ROUTES:
            self._routes.clear()
        headers = self._credentials.headers(origin)
        proxy = wire.proxies.of(origin)
        every = self._everywhere.copy()
        every.update(headers or {})
        connector: BaseConnector = self._direct
        through: dict[str, Any] = {}
        if proxy is not None and proxy.kind == "socks5":
            connector = self._through_socks[proxy]
        elif proxy is not None:
            through = {"proxy": URL(str(proxy)), "proxy_headers": proxy.headers}
            if origin.startswith("http:") and proxy.headers:
                every.update(proxy.headers)  # the proxy reads the request itself
        verify = not (wire.insecure and host in self._seed_hosts)
        route = self._routes[origin] = _Route(
            host,
            headers,
            Requests(connector, origin, every, wire.connect_timeout, verify=verify, **through),
            proxy,
            self._credentials.digest(origin),
        )
        return route


class _Connector(Connector):
    """A connector for which ``ssl=False`` would hold for the proxy as well."""

    def _update_proxy_auth_header_and_build_proxy_req(self, req: ClientRequest) -> ClientRequest:
        asked = super()._update_proxy_auth_header_and_build_proxy_req(req)
        asked._ssl = True  # -k is for the seeds' hosts: what the proxy hears is not theirs
        return asked


def _cookies(jar: Jar, url: str, route: _Route) -> str:
    """Return the Cookie header of a request: what was given for the origin, and what is kept."""
    given = (route.headers or {}).get("Cookie", "")
    names = [pair.partition("=")[0].strip() for pair in given.split(";")]
    return "; ".join(filter(None, (given, jar.header(url, without=names))))


def _digest_only(route: _Route, response: Response) -> Failed | None:
    """Return what a 401 comes to that was sent a password as it is, and takes digests alone."""
    basic = (route.headers or {}).get("Authorization", "").startswith("Basic ")
    if not basic or schemes(response.headers.getall("WWW-Authenticate", ())) != {"digest"}:
        return None
    told = "401 Unauthorized: it takes digest authentication only (--digest)"
    return Failed(Fault.HTTP_4XX, told, 401, lasting=True)


def _leads_back(url: str, response: Response) -> bool:
    """Whether an answer redirects to the URL that was asked for."""
    location = response.headers.get("Location")
    return (
        location is not None
        and 300 <= response.status < 400
        and (urls.resolve(url, location) or "").partition("#")[0] == url
    )


def _conditional(headers: Mapping[str, str] | None, known: Known) -> Mapping[str, str]:
    """Return headers that ask for a page only if it is not as it was."""
    asked = CIMultiDict(headers or {})
    if known.etag is not None:
        asked["If-None-Match"] = known.etag
    if known.modified is not None:
        asked["If-Modified-Since"] = known.modified
    return asked


def _private(why: str) -> Failed:
    words = f"{why} (--allow-private permits it)"
    return Failed(Fault.PRIVATE_ADDRESS, words, lasting=True)
