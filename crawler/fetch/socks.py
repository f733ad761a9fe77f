"""Connections through a SOCKS5 proxy (RFC 1928), which looks names up itself.

Apart, because python-socks is an extra: imported only when such a proxy is wanted.
"""

import asyncio
import socket
from ssl import SSLContext, SSLError
from typing import Any, cast

from aiohttp import ClientTimeout
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.client_proto import ResponseHandler
from python_socks import ProxyConnectionError, ProxyError, ProxyTimeoutError, ProxyType
from python_socks.async_.asyncio.v2 import Proxy as Tunnel

from crawler.fetch import faults, proxies
from crawler.fetch.connection import Connection, Connector
from crawler.fetch.proxies import NotThrough, Proxy
from crawler.model import Failed, Fault

_BY_THE_TARGET = {
    3: "network is unreachable",
    4: "no route to host",
    5: "connection refused",
    6: "time to live exceeded",
}
"""Reply codes that tell of the target, not of the proxy (RFC 1928, section 6)."""


class SocksConnector(Connector):
    """A connector whose connections go through ``proxy``. Raises NotThrough."""

    def __init__(self, proxy: Proxy, **options: Any) -> None:
        super().__init__(resolver=_AsNamed(), **options)
        self._proxy = proxy

    async def _wrap_create_connection(
        self,
        *args: Any,
        addr_infos: list[Any],
        timeout: ClientTimeout,
        ssl: SSLContext | None = None,
        **options: Any,
    ) -> tuple[asyncio.Transport, ResponseHandler]:
        host, port = addr_infos[0][4][:2]
        stream = await self._tunnel(host, port, ssl, timeout.sock_connect)
        protocol = self._factory()
        cast("Connection", protocol).below = stream  # which closes when nobody keeps it
        transport = stream.writer.transport
        transport.set_protocol(protocol)
        protocol.connection_made(transport)
        return transport, protocol

    async def _tunnel(
        self, host: str, port: int, ssl: SSLContext | None, timeout: float | None
    ) -> Any:
        user, password = self._proxy.userinfo or (None, None)
        tunnel = Tunnel(
            ProxyType.SOCKS5, self._proxy.host, self._proxy.port, user, password, rdns=True
        )
        try:
            return await tunnel.connect(host, port, ssl, timeout=timeout)
        except SSLError as error:  # the target's certificate
            raise NotThrough(faults.failed(error)) from None
        except ProxyTimeoutError:
            raise NotThrough(proxies.fault(self._proxy, "no connection in time")) from None
        except ProxyConnectionError as error:
            raise NotThrough(proxies.fault(self._proxy, proxies.words(error))) from None
        except ProxyError as error:
            told = _BY_THE_TARGET.get(error.error_code or 0)
            if told is not None:
                failed = Failed(Fault.CONNECT, f"{told}, says the proxy")
                raise NotThrough(failed) from None
            raise NotThrough(proxies.fault(self._proxy, str(error)[:200].lower())) from None


class _AsNamed(AbstractResolver):
    """Leaves names to the proxy."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return [ResolveResult(hostname=host, host=host, port=port, family=family, proto=0, flags=0)]

    async def close(self) -> None:
        """There is nothing to close."""
