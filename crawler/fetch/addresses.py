"""Which addresses may be connected to: the guard at the last moment before a connect.

aiohttp calls the socket factory with the very address it is about to connect to, for
names and literals alike, so what is checked is what is connected: a name that resolves
differently a second time gains nothing.
"""

import errno
import socket
from collections.abc import Iterable
from contextvars import ContextVar
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Any

_NAT64 = IPv6Network("64:ff9b::/96")
_NEVER = (
    IPv6Network("64:ff9b:1::/48"),  # NAT64 for local use (RFC 8215)
    IPv4Network("192.0.0.0/24"),  # protocol assignments; clouds keep metadata there
)


class Trust:
    """Which hosts may have private addresses: all (``everyone``), or those named.

    The host of a seed typed by the user is trusted by its first address: private, and it
    is a private site that may stay so; public, and it may not become private later.
    """

    def __init__(self, hosts: Iterable[str] = (), *, everyone: bool = False) -> None:
        self.everyone = everyone
        self._hosts: dict[str, bool | None] = dict.fromkeys(hosts, True)

    def typed(self, host: str) -> None:
        """The user typed this host as a seed."""
        self._hosts.setdefault(host, None)

    def admits(self, host: str, address: str) -> bool:
        """Whether a connection to ``host`` may go to ``address``."""
        if self.everyone:
            return True
        open_to_all = public(address)
        trusted = self._hosts.get(host, False)
        if trusted is None:
            trusted = self._hosts[host] = not open_to_all
        return open_to_all or trusted


@dataclass(slots=True)
class Dial:
    """One request on its way to a connection; ``refused`` is the address it may not reach."""

    host: str
    trust: Trust
    refused: str | None = None


dialling: ContextVar[Dial] = ContextVar("dialling")
"""The current request's dial, for the socket factory, which is told no more than an address."""


def guarded_socket(info: tuple[Any, ...]) -> socket.socket:
    """Return a socket for aiohttp to connect to ``info``'s address.

    Raises PermissionError, before anything is sent, if the request may not reach it.
    """
    family, kind, proto, _, address = info
    dial = dialling.get()
    if not dial.trust.admits(dial.host, address[0]):
        dial.refused = address[0]
        raise PermissionError(errno.EACCES, f"{address[0]} is a private address")
    dial.refused = None  # another address of the same name will do
    return socket.socket(family, kind, proto)


def public(text: str) -> bool:
    """Whether an address is one of the public internet.

    Addresses that carry an IPv4 address (mapped, NAT64, 6to4, Teredo) are as public as
    that one; ``ipaddress`` calls several of them global whatever they carry.
    """
    address = ip_address(text.partition("%")[0])
    if any(address in network for network in _NEVER):
        return False
    if isinstance(address, IPv6Address):
        carried = _carried(address)
        if carried is not None:
            return public(str(carried))
        if address.is_site_local:
            return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def _carried(address: IPv6Address) -> IPv4Address | None:
    """Return the IPv4 address that packets to an IPv6 address end up at, or None."""
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    if address in _NAT64 or int(address) >> 32 == 0:
        return IPv4Address(int(address) & 0xFFFFFFFF)  # NAT64, or IPv4-compatible (::a.b.c.d)
    return None
