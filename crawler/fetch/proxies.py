"""Through whom requests go: nobody, the proxy of ``--proxy``, or those of the environment.

The environment is read once, here: aiohttp's ``trust_env`` reads it for every request, at
200 µs each. What ``--proxy`` names is for everything; ``NO_PROXY`` makes exceptions only to
the environment's own proxies, as do loopback hosts, which no proxy elsewhere can reach.

A proxy looks names up by itself, so that the guard of addresses cannot see where they lead.
What a URL says by itself is still refused: private address literals and localhost.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from typing import Literal
from urllib.request import getproxies_environment

import aiohttp
from yarl import URL

from crawler.fetch.addresses import Trust
from crawler.fetch.credentials import basic
from crawler.model import Failed, Fault
from crawler.policy import urls

_PORTS = {"http": 80, "https": 443, "socks5": 1080}
_SCHEME = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]*)://")


@dataclass(frozen=True, slots=True)
class Proxy:
    """One proxy; ``userinfo`` is (user, password) for it alone, and never shown."""

    kind: Literal["http", "https", "socks5"]
    host: str
    port: int
    userinfo: tuple[str, str] | None = field(default=None, repr=False)

    def __str__(self) -> str:
        return f"{self.kind}://{_bracketed(self.host)}:{self.port}"

    @property
    def headers(self) -> dict[str, str]:
        """What the proxy is told that nobody else may hear."""
        return {"Proxy-Authorization": basic(*self.userinfo)} if self.userinfo else {}


class NotThrough(aiohttp.ClientError):
    """No connection came about through a proxy; ``failed`` is what that comes to."""

    def __init__(self, failed: Failed) -> None:
        super().__init__(failed.message)
        self.failed = failed


class Proxies:
    """Which proxy a request goes through, by scheme (``http``, ``https``).

    ``exceptions`` is the text of NO_PROXY: names (with what is below them), addresses,
    networks, each optionally with a port, or ``*``. With ``elsewhere`` loopback hosts are
    exceptions, too.
    """

    def __init__(
        self,
        by_scheme: Mapping[str, Proxy] | None = None,
        exceptions: str = "",
        *,
        elsewhere: bool = False,
    ) -> None:
        self._by_scheme = dict(by_scheme or {})
        self._exceptions = [entry.strip().lower() for entry in exceptions.split(",")]
        self._elsewhere = elsewhere

    def __str__(self) -> str:
        return ", ".join(dict.fromkeys(map(str, self._by_scheme.values())))

    def __bool__(self) -> bool:
        return bool(self._by_scheme)

    @property
    def socks(self) -> set[Proxy]:
        """Those that speak SOCKS."""
        return {each for each in self._by_scheme.values() if each.kind == "socks5"}

    def of(self, origin: str) -> Proxy | None:
        """Return the proxy for requests to ``origin``; None: connect directly."""
        proxy = self._by_scheme.get(origin.partition(":")[0])
        return None if proxy is None or self._excepts(origin) else proxy

    def _excepts(self, origin: str) -> bool:
        url = URL(origin, encoded=True)
        host, port = urls.host(origin + "/"), url.port or 0
        if self._elsewhere and (_is_localhost(host) or _is_loopback(host)):
            return True
        return any(entry and _covers(entry, host, port) for entry in self._exceptions)


def given(text: str | None) -> Proxies:
    """Return the proxies of ``--proxy`` (``off`` for none), or those of the environment.

    Raises ValueError with a sentence for people, which quotes no password.
    """
    if text == "off":
        return Proxies()
    if text is not None:
        proxy = parse(text, "--proxy")
        return Proxies({"http": proxy, "https": proxy})
    environment = getproxies_environment()
    by_scheme = {}
    for scheme in ("http", "https"):
        name = scheme if scheme in environment else "all"
        if name in environment:
            named = f"{name.upper()}_PROXY (ignored with --proxy off)"
            by_scheme[scheme] = parse(environment[name], named)
    return Proxies(by_scheme, environment.get("no", ""), elsewhere=True)


def parse(text: str, source: str) -> Proxy:
    """Return the proxy that a URL names; without a scheme it is http.

    ``source`` is where the text is from. Raises ValueError without quoting a password.
    """
    wrong = f"{source}: a proxy is like http://proxy.example:3128 or socks5://127.0.0.1:1080"
    match = _SCHEME.match(text)
    scheme = match[1].lower() if match else "http"
    kind = "socks5" if scheme in ("socks", "socks5", "socks5h") else scheme
    if not text.isprintable():  # yarl would drop what is no text
        raise ValueError(wrong)
    if kind not in _PORTS:
        raise ValueError(f"{wrong}, not {scheme}://")
    try:
        url = URL("http://" + text[match.end() if match else 0 :])
        port = url.explicit_port
        canonical = urls.canonical(f"http://{_bracketed(url.host or '')}/")
    except ValueError:
        raise ValueError(wrong) from None
    if canonical is None or port == 0 or url.raw_path not in ("", "/") or url.query_string:
        raise ValueError(wrong)
    userinfo = (url.user or "", url.password or "")
    if not "".join(userinfo).isprintable():
        raise ValueError(f"{source}: user and password have no control characters")
    return Proxy(
        kind,  # type: ignore[arg-type]  # one of _PORTS
        urls.host(canonical),
        port or _PORTS[kind],
        userinfo if userinfo != ("", "") else None,
    )


def refused(host: str, trust: Trust) -> str | None:
    """Return what a proxy may not be asked for: a private address, or localhost.

    Other names lead where the proxy finds that they lead.
    """
    if urls.is_address(host):
        return None if trust.admits(host, host) else f"{host} is a private address"
    if _is_localhost(host) and not trust.admits(host, "127.0.0.1"):
        return f"{host} is this machine, or the proxy's"
    return None


def fault(proxy: Proxy, words: str, *, lasting: bool = False) -> Failed:
    """Return the failure of a request that ``proxy`` did not let through."""
    return Failed(Fault.PROXY, f"the proxy {proxy}: {words}", lasting=lasting)


def failed(proxy: Proxy, error: Exception) -> Failed | None:
    """Return the failure, if what was raised on the way through ``proxy`` is its doing."""
    match error:
        case NotThrough():
            return error.failed
        case aiohttp.ClientHttpProxyError():
            status = error.status
            lasting = 400 <= status < 500 and status not in (408, 429)
            return fault(proxy, f"{status} {error.message}".strip()[:200], lasting=lasting)
        case aiohttp.ClientConnectorDNSError():
            return fault(proxy, "its name does not resolve")
        case aiohttp.ClientProxyConnectionError():
            return fault(proxy, words(error.os_error))
        case aiohttp.ConnectionTimeoutError():
            return fault(proxy, "no connection in time")
        case (
            aiohttp.ClientConnectorCertificateError(host=host, port=port)
            | aiohttp.ClientConnectorSSLError(host=host, port=port)
        ) if (host, port) == (proxy.host, proxy.port):
            return fault(proxy, "no TLS that can be trusted", lasting=True)
    return None


def words(error: OSError) -> str:
    """Return why there was no connection to a proxy."""
    if error.errno is None or error.errno < 0:  # a resolver's
        return "its name does not resolve"
    return os.strerror(error.errno).lower()


def _covers(entry: str, host: str, port: int) -> bool:
    """Whether an entry of NO_PROXY is for a host and port."""
    if entry == "*":
        return True
    if "/" in entry:
        try:
            return urls.is_address(host) and ip_address(host) in ip_network(entry, strict=False)
        except ValueError:
            return False
    name, colon, number = entry.rpartition(":")
    if colon and number.isdecimal() and (":" not in name or name.endswith("]")):
        if int(number) != port:
            return False
        entry = name
    name = entry.strip("[]").lstrip("*.")
    return host == name or host.endswith("." + name)


def _is_localhost(host: str) -> bool:
    name = host.rstrip(".")
    return name.rpartition(".")[2] == "localhost" or name == "localhost.localdomain"


def _is_loopback(host: str) -> bool:
    return urls.is_address(host) and ip_address(host).is_loopback


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
