"""A server inside that nobody outside may reach: it counts every connection, on all addresses."""

import socket
import threading
from types import TracebackType
from typing import Self

_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class Canary:
    """Listens on every address, IPv4 and IPv6, at one ``port``; ``callers`` are who came."""

    def __enter__(self) -> Self:
        self.callers: list[str] = []
        self._socket = socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True)
        self.port: int = self._socket.getsockname()[1]
        threading.Thread(target=self._accept, name="canary", daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._socket.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.callers.append(connection.getsockname()[0])
            with connection:
                connection.settimeout(1)
                try:
                    connection.recv(65_536)
                    connection.sendall(_ANSWER)
                except OSError:
                    continue
