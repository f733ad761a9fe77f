"""One response on its way in: decoded as it comes, capped on the wire and decoded."""

import asyncio
from collections.abc import Callable
from urllib.parse import quote

import aiohttp

from crawler.fetch import decode
from crawler.fetch.connection import BrokenFraming
from crawler.fetch.request import Response
from crawler.model import Failed, Fault, Fetched, Outcome, Truncated
from crawler.policy import media

SMALL_BODY = 1024 * 1024
"""Larger bodies need one of the permits for large ones."""

IDLE_BODY = 64 * 1024
"""A body that nothing reads is still taken off the wire up to this size: that is cheaper
than a new connection, and small files get their hash."""

_ASCII = "".join(map(chr, range(128)))
_LISTS = {"x-robots-tag", "content-encoding", "link", "cache-control", "vary"}


class Exchange:
    """The body of one response on its way in."""

    def __init__(
        self,
        url: str,
        response: Response,
        cap: int,
        deadline: asyncio.Timeout,
        large: asyncio.Semaphore,
        started: float,
        now: Callable[[], float],
    ) -> None:
        self._url = url
        self._response = response
        self._cap = cap
        self._deadline = deadline
        self._large = large
        self._now = now
        self._waited = now() - started
        self._started = started
        self._chunks: list[bytes] = []
        self._size = 0
        self._wire_bytes = 0
        self._holds_large = False
        self._broken: Exception | None = None

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
        transfer = decode.codings(",".join(response.headers.getall("Transfer-Encoding", ())))
        names += [name for name in transfer if name != "chunked"]  # that one aiohttp undoes
        decoder = decode.Decoder(names, self._cap) if names else None
        try:
            while chunk := await self._more():
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
        if self._broken is not None:
            if isinstance(self._broken, BrokenFraming) and not self._wire_bytes:
                raise self._broken  # nothing of the body was understood
            response.close()
            return "disconnect"
        return None if decoder is None or decoder.whole else "disconnect"

    async def _more(self) -> bytes:
        """Return what has come of the body since, or nothing at its end.

        ``_broken`` is why it ends early.
        """
        content = self._response.content
        try:
            return b"" if self._broken else await content.readany()
        except (aiohttp.ClientError, OSError) as error:
            self._broken = error
            content._exception = None  # aiohttp raises it before it hands out what had come
            return content.read_nowait()

    def _timed_out(self) -> bool:
        """Whether a cancellation is our deadline's, and nobody else's as well."""
        task = asyncio.current_task()
        return self._deadline.expired() and task is not None and task.cancelling() == 1

    async def _keep(self, piece: bytes) -> None:
        self._chunks.append(piece)
        self._size += len(piece)
        if self._size > SMALL_BODY and not self._holds_large:
            # Waiting for our own permits is not the server's time.
            left = (self._deadline.when() or 0.0) - self._now()
            self._deadline.reschedule(None)
            await self._large.acquire()
            self._holds_large = True
            self._deadline.reschedule(self._now() + left)

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
            self._now() - self._started,
            truncated,
            self._waited,
            self._holds_large,
        )


def _headers(response: Response) -> dict[str, str]:
    """Return headers by lower-case name: lists joined, of anything else the first.

    Bytes that are no UTF-8, which arrive as lone surrogates, are percent-encoded in a
    Location and U+FFFD anywhere else: nothing behind this door could encode them.
    """
    headers: dict[str, str] = {}
    for istr, value in response.headers.items():
        name = str(istr).lower()
        if not value.isascii():
            raw = value.encode("utf-8", "surrogateescape")
            value = quote(raw, safe=_ASCII) if name == "location" else raw.decode(errors="replace")
        if name not in headers:
            headers[name] = value
        elif name in _LISTS:
            headers[name] += ("\n" if name == "x-robots-tag" else ", ") + value
    return headers


def _readable(response: Response) -> bool:
    """Whether a body is of use: HTML, of unknown type, or so small that it costs nothing."""
    content_type = response.headers.get("Content-Type", "")
    if not media.kind(content_type) or media.is_html(content_type):
        return True
    length = response.content_length
    return length is not None and length <= IDLE_BODY
