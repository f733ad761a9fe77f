"""Names to addresses, in threads of their own.

The default thread pool has six threads on two cores and serves file writes too; a few
dead names would stop both. uvloop's own resolver has four. A name that does not resolve
is remembered for a minute, and one that is not answered holds one thread however often it
is asked for: the system gives a look-up up much later than we do.
"""

import asyncio
import socket
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from aiohttp.abc import AbstractResolver, ResolveResult

THREADS = 256
REMEMBERED = 60.0
_MOST_REMEMBERED = 20_000


class Resolver(AbstractResolver):
    """``getaddrinfo`` with overrides and a deadline.

    ``overrides`` maps (host, port) to the address to use; ``timeout`` is in seconds.
    """

    def __init__(self, overrides: Mapping[tuple[str, int], str], timeout: float) -> None:
        self._overrides = overrides
        self._timeout = timeout
        self._unknown: dict[str, tuple[Any, ...]] = {}  # until when, and the error
        self._asked: dict[tuple[str, int, int], asyncio.Future[list[Any]]] = {}
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="resolve")

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Return the addresses of a host. Raises OSError: unknown name, or no answer."""
        loop = asyncio.get_running_loop()
        asked = self._overrides.get((host, port), host)
        until, *known = self._unknown.get(asked, (0.0,))
        if loop.time() < until:
            raise socket.gaierror(*known)
        try:
            async with asyncio.timeout(self._timeout):
                found = await asyncio.shield(self._look_up(asked, port, family))
        except TimeoutError:
            raise OSError(f"no answer for the name {host} in {self._timeout:g} s") from None
        except UnicodeError:  # a label that is empty or too long
            raise socket.gaierror(socket.EAI_NONAME, "not a host name") from None
        except socket.gaierror as error:
            if len(self._unknown) >= _MOST_REMEMBERED:
                self._unknown.clear()
            self._unknown[asked] = (loop.time() + REMEMBERED, *error.args)
            raise
        return [
            ResolveResult(
                hostname=host,
                host=str(address[0]),
                port=port,
                family=kind,
                proto=proto,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for kind, _, proto, _, address in found
        ]

    def _look_up(
        self, name: str, port: int, family: socket.AddressFamily
    ) -> "asyncio.Future[list[Any]]":
        """Return the look-up of a name, the one under way if there is one."""
        key = (name, port, family)
        if key not in self._asked:
            self._asked[key] = asyncio.get_running_loop().run_in_executor(
                self._threads, socket.getaddrinfo, name, port, family, socket.SOCK_STREAM
            )
            self._asked[key].add_done_callback(lambda done: self._answered(key, done))
        return self._asked[key]

    def _answered(self, key: tuple[str, int, int], done: "asyncio.Future[list[Any]]") -> None:
        del self._asked[key]
        if not done.cancelled():
            done.exception()  # asyncio would report one that nobody waits for any more

    async def close(self) -> None:
        """Leave; threads that still wait for a name are not waited for."""
        self._threads.shutdown(wait=False, cancel_futures=True)
