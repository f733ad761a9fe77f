"""Connections: aiohttp's protocol, forgiving where browsers are and bounded where it is not.

aiohttp's parser gets the head of an answer by itself and in order, so that neither a line
that is no header nor bytes after the end spoil an answer that is otherwise good. What a
server can send without end and without a body (interim answers, headers, chunk
extensions, trailers) ends here. So does an idle connection that a new one needs the
descriptor of.
"""

import asyncio
import re
import resource
from functools import partial
from typing import Any, cast

from aiohttp import ClientPayloadError, ClientRequest, ClientTimeout, TCPConnector
from aiohttp.client_proto import ResponseHandler
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.tracing import Trace

MOST_HEAD = 300 * 1024
"""Bytes of one head (curl's limit, too)."""

MOST_INTERIM = 100
"""Answers of status 1xx before the one that counts."""

MOST_FRAMING = 1024 * 1024
"""Bytes of chunk sizes, extensions and trailers, and ``PER_BYTE`` more a byte of body."""

PER_BYTE = 8

RESERVED = 24
"""Descriptors that are not for connections; of the others each may take two, as names with
two kinds of addresses are tried with both."""

_START = b"HTTP/"
_END = re.compile(rb"\n\r?\n")
_INTERIM = re.compile(rb"HTTP/\d\.\d 1(?!01)\d\d\b")
_TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_UNSOUND = re.compile(rb"\n(?!%b:|[ \t]|\r?\n)" % _TOKEN)
_FIELD = re.compile(rb"(%b)[ \t]*(:.*)" % _TOKEN, re.DOTALL)
_LENGTH = re.compile(rb"\ncontent-length[ \t]*:([^\r\n]*)\r?(?=\n)", re.IGNORECASE)


class BrokenFraming(ClientPayloadError):
    """Where the body's next piece begins cannot be told."""


class Connection(ResponseHandler):
    """A ResponseHandler for each answer of which ``_head`` gathers the head (then None).

    ``below`` is what carries it, where that has to be kept.
    """

    below: Any = None
    _head: bytearray | None = None
    _interim = 0
    _received = 0

    def set_response_params(self, **params: Any) -> None:
        """A request is about to be sent: an answer begins."""
        self._head = bytearray()
        self._interim = self._received = 0
        super().set_response_params(**params)

    def data_received(self, data: bytes) -> None:
        """Take in what came, or with ``b""`` what was left when reading paused."""
        if self._head is not None and data:
            self._gather(self._head, data)
        elif data and self._ended:
            self._hang_up()  # what follows an answer belongs to none
        else:
            self._pass_on(data)

    def connection_lost(self, exc: BaseException | None) -> None:
        """The connection has ended; half a head is for the parser to judge."""
        if self._head:
            self._let_go(bytes(self._head))
        super().connection_lost(exc)

    @property
    def _ended(self) -> bool:
        return self._payload is None or self._payload.is_eof()

    def _gather(self, head: bytearray, data: bytes) -> None:
        """Wait for the end of the head, and hand it to the parser."""
        searched = max(0, len(head) - 2)
        head += data
        while True:
            if not head.startswith(_START[: len(head)]):
                self._let_go(bytes(head))  # not HTTP: the parser will say so
                return
            end = _END.search(head, searched)
            if len(head) > MOST_HEAD and (end is None or end.end() > MOST_HEAD):
                self._refuse(f"a head of more than {MOST_HEAD} bytes")
                return
            if end is None:
                return
            if not _INTERIM.match(head):
                break
            self._interim += 1
            if self._interim > MOST_INTERIM:
                self._refuse(f"more than {MOST_INTERIM} interim answers")
                return
            del head[: end.end()]
            searched = 0
        rest = bytes(head[end.end() :])
        self._let_go(_sound(bytes(head[: end.end()])))
        if rest:
            self.data_received(rest)

    def _let_go(self, head: bytes) -> None:
        self._head = None
        super().data_received(head)

    def _pass_on(self, data: bytes) -> None:
        """Feed the parser with a body, and see that a broken one ends, too."""
        payload = self._payload
        super().data_received(data)
        if payload is None or payload.is_eof():
            return
        self._received += len(data)
        if self._received > MOST_FRAMING + (1 + PER_BYTE) * payload.total_bytes:
            self._hang_up()
            payload.set_exception(BrokenFraming("more framing than body"))
        elif self.exception() is not None:
            payload.set_exception(BrokenFraming("broken framing"))

    def _refuse(self, why: str) -> None:
        self._head = None
        self.set_exception(HttpProcessingError(code=0, message=why))
        self._hang_up()

    def _hang_up(self) -> None:
        self.force_close()
        if self.transport is not None:
            self.transport.close()


class Connector(TCPConnector):
    """A TCPConnector of :class:`Connection`, without a limit but that of the system.

    aiohttp does not count idle connections: many sites would take all descriptors there
    are, and what is then asked for fails. Here the longest idle make way.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(limit=0, **options)
        protocol = partial(Connection, loop=asyncio.get_running_loop())
        # aiohttp has no public way to bring one's own protocol.
        self._factory = cast("partial[ResponseHandler]", protocol)
        descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        self._most = max(1, (descriptors - RESERVED) // 2)

    async def _create_connection(
        self, req: ClientRequest, traces: list[Trace], timeout: ClientTimeout
    ) -> ResponseHandler:
        """Open a connection; ``_acquired`` counts it already."""
        if self._make_way(len(self._acquired) + sum(map(len, self._conns.values())) - self._most):
            await asyncio.sleep(0)  # a descriptor is free in the loop's next turn
        return await super()._create_connection(req, traces, timeout)

    def _make_way(self, number: int) -> bool:
        """Close so many idle connections; return whether there was one."""
        closed = False
        while number > 0 and self._conns:
            key, idle = next(iter(self._conns.items()))
            protocol, _ = idle.popleft()
            if not idle:
                del self._conns[key]
            protocol.abort()
            number, closed = number - 1, True
        return closed


def _sound(head: bytes) -> bytes:
    """Return a head without lines that are no header, and with one length if all agree."""
    if _UNSOUND.search(head):
        first, *lines = head.split(b"\n")
        sound, folding = [first], True
        for line in lines:
            if line in (b"", b"\r") or (line[:1] in (b" ", b"\t") and folding):
                sound.append(line)
            elif line[:1] not in (b" ", b"\t"):
                field = _FIELD.match(line)
                folding = field is not None
                if field is not None:
                    sound.append(field[1] + field[2])
        head = b"\n".join(sound)
    at = head.lower().find(b"\ncontent-length")
    return head if at < 0 else _with_one_length(head, at)


def _with_one_length(head: bytes, at: int) -> bytes:
    """Return a head whose first Content-Length is ``at``, with all of them in one if they agree."""
    rest = head[at + 1 :]
    if b"," in rest.partition(b"\n")[0] or b"\ncontent-length" in rest.lower():
        values = {value.strip() for each in _LENGTH.findall(head) for value in each.split(b",")}
        if len(values) == 1:
            line = b"\nContent-Length: %b\r\n" % values.pop()
            return _LENGTH.sub(b"", head).replace(b"\n", line, 1)
    return head
