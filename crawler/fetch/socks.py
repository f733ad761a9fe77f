"""Connections through a SOCKS5 proxy (RFC 1928), which looks names up itself.

Apart, because aiohttp-socks is an extra: imported only when such a proxy is wanted.
"""

from ssl import SSLContext, SSLError
from typing import Any

from aiohttp_socks import ProxyConnector
from python_socks import ProxyConnectionError, ProxyError, ProxyTimeoutError, ProxyType

from crawler.fetch import faults, proxies
from crawler.fetch.proxies import NotThrough, Proxy
from crawler.model import Failed, Fault

_BY_THE_TARGET = {
    3: "network is unreachable",
    4: "no route to host",
    5: "connection refused",
    6: "time to live exceeded",
}
"""Reply codes that tell of the target, not of the proxy (RFC 1928, section 6)."""


class SocksConnector(ProxyConnector):
    """A connector whose connections go through ``proxy``. Raises NotThrough."""

    def __init__(self, proxy: Proxy, **options: Any) -> None:
        user, password = proxy.userinfo or (None, None)
        super().__init__(
            proxy.host,
            proxy.port,
            ProxyType.SOCKS5,
            user,
            password,
            rdns=True,
            **options,
        )
        self._proxy = proxy

    async def _connect_via_proxy(
        self,
        host: str,
        port: int,
        ssl: SSLContext | None = None,
        timeout: float | None = None,
    ) -> Any:
        try:
            return await super()._connect_via_proxy(host, port, ssl, timeout)
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
