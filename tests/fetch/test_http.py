"""One request at a time against a raw server: every way to answer, and every way not to."""

import asyncio
import gzip
import socket
import struct
import threading
import time
import zlib

import pytest

from crawler.fetch.exchange import IDLE_BODY, SMALL_BODY
from crawler.fetch.http import LARGE_BODIES, HttpFetcher
from crawler.model import Failed, Fault, Fetched
from crawler.parse.html import directives
from tests.fetch.wire import SHORT, failed, fetched, fetching, forever, head, listening, raw
from tests.web.server import Handler, Reply, Request, Web

PAGE = b"<!doctype html><title>x</title>" + b"<p>text</p>" * 1_000
LARGE = b"x" * (SMALL_BODY + 1_000)


async def get(web: Web, handler: Handler, **wire: float) -> Fetched | Failed:
    """Serve one handler, ask it once, and give back what came."""
    origin = web.serve(handler)
    async with fetching(**wire) as fetcher:  # type: ignore[arg-type]
        outcome = await fetcher.fetch(origin + "/page")
        if isinstance(outcome, Fetched):
            fetcher.free(outcome)
        return outcome


def always(reply: Reply) -> Handler:
    async def handler(request: Request) -> Reply:
        return reply

    return handler


# What is answered


async def test_a_page_arrives_whole(web: Web) -> None:
    answer = fetched(await get(web, always(Reply(PAGE))))
    assert (answer.status, answer.body, answer.truncated) == (200, PAGE, None)
    assert answer.wire_bytes == len(PAGE)
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert 0 < answer.elapsed < 5
    assert not answer.large


async def test_an_empty_page_is_an_empty_body(web: Web) -> None:
    assert fetched(await get(web, always(Reply(b"")))).body == b""


async def test_the_url_goes_out_as_it_is_spelled(web: Web) -> None:
    origin = web.serve(always(Reply("x")))
    paths = ["/a%2Fb", "/a%2fb", "/%zz", "/a+b?q=%20+&&x=%C3%A9", "/a|b", "/'();", "/a//b/;x=1?x"]
    async with fetching() as fetcher:
        for path in paths:
            await fetcher.fetch(origin + path)
    assert [request.path for request in web.log] == paths


async def test_a_connection_lives_on(web: Web) -> None:
    ports = []

    async def handler(request: Request) -> Reply:
        ports.append(request.writer.get_extra_info("peername"))
        status = 404 if request.path == "/gone" else 200
        return Reply(PAGE, status)

    origin = web.serve(handler)
    async with fetching() as fetcher:
        for path in ("/", "/gone", "/"):
            await fetcher.fetch(origin + path)
    assert len(set(ports)) == 1


@pytest.mark.parametrize("status", [400, 404, 410, 429, 500, 503])
async def test_an_error_status_is_an_answer_without_a_body(web: Web, status: int) -> None:
    reply = Reply("no such page", status, headers={"Retry-After": "7"})
    answer = fetched(await get(web, always(reply)))
    assert (answer.status, answer.body) == (status, None)
    assert answer.headers["retry-after"] == "7"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(web: Web, status: int) -> None:
    reply = Reply("moved", status, headers={"Location": "/next"})
    answer = fetched(await get(web, always(reply)))
    assert (answer.status, answer.headers["location"]) == (status, "/next")
    assert [request.path for request in web.log] == ["/page"]


@pytest.mark.parametrize(
    ("sent", "location"),
    [
        (b"/caf\xe9?q=\xfc", "/caf%E9?q=%FC"),
        ("/café".encode(), "/caf%C3%A9"),
        ("http://müller.example/ä b".encode(), "http://m%C3%BCller.example/%C3%A4 b"),
        (b"/a%20b%zz#x", "/a%20b%zz#x"),
        (b"\\\\host\\path", "\\\\host\\path"),
    ],
)
async def test_a_location_of_raw_bytes_keeps_them(web: Web, sent: bytes, location: str) -> None:
    answer = head("Content-Length: 0", status="302 Found").replace(
        b"Content-Length", b"Location: " + sent + b"\r\nContent-Length"
    )
    assert fetched(await get(web, raw(answer))).headers["location"] == location


async def test_a_redirect_with_an_endless_body_does_not_hold_us(web: Web) -> None:
    handler = _endless(head("Location: /next", status="302 Found"))
    answer = fetched(await get(web, handler))
    assert (answer.status, answer.headers["location"], answer.body) == (302, "/next", None)
    assert answer.wire_bytes < 1_000_000


async def test_a_not_modified_and_a_no_content_have_no_body(web: Web) -> None:
    for status in ("304 Not Modified", "204 No Content"):
        answer = fetched(await get(web, raw(head(status=status))))
        assert answer.body in (None, b"")
        assert answer.truncated is None


async def test_headers_that_are_lists_are_joined_and_of_others_the_first_counts(web: Web) -> None:
    answer = fetched(
        await get(
            web,
            raw(
                head(
                    "X-Robots-Tag: noindex",
                    "x-robots-tag: nofollow",
                    "Content-Type: text/plain",
                    "ETag: first",
                    "ETag: second",
                    "Content-Length: 0",
                )
            ),
        )
    )
    assert answer.headers["x-robots-tag"] == "noindex\nnofollow"
    assert answer.headers["content-type"] == "text/html"
    assert answer.headers["etag"] == "first"


async def test_a_robot_named_in_one_line_does_not_own_the_next(web: Web) -> None:
    lines = ("X-Robots-Tag: otherbot: noindex", "X-Robots-Tag: nofollow", "Content-Length: 0")
    answer = fetched(await get(web, raw(head(*lines))))
    assert directives(answer.headers["x-robots-tag"], "crawlway") == ["nofollow"]


async def test_large_headers_and_many_are_accepted(web: Web) -> None:
    long = fetched(await get(web, always(Reply(PAGE, headers={"X-Long": "x" * 9_000}))))
    assert long.headers["x-long"] == "x" * 9_000
    many = Reply(PAGE, headers={f"X-{number}": "x" for number in range(150)})
    assert len(fetched(await get(web, always(many))).headers) > 150


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok",
        b"HTTP/1.0 200 OK\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nok",
        (
            b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
        ),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"2;ext=1\r\nok\r\n0\r\nTrail: 1\r\n\r\n"
        ),
        b"HTTP/1.1 200 OK\r\nX-Bytes: \xff\xfe\r\nContent-Length: 2\r\n\r\nok",
    ],
    ids=["no reason", "bare LF", "1.0", "close", "hints", "chunked", "8-bit"],
)
async def test_odd_answers_are_read(web: Web, answer: bytes) -> None:
    assert fetched(await get(web, raw(answer))).body == b"ok"


# What is no answer


@pytest.mark.parametrize(
    "answer",
    [
        b"this is no status line\r\n\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/1.1 2000 OK\r\n\r\n",
        b"ICY 200 OK\r\n\r\n",
        b"\x15\x03\x01\x00\x02\x02\x46",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: abc\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: x\r\n" * 5_000 + b"\r\n",
    ],
    ids=str,
)
async def test_garbage_is_a_protocol_failure(web: Web, answer: bytes) -> None:
    outcome = failed(await get(web, raw(answer)))
    assert outcome.fault is Fault.PROTOCOL
    assert outcome.lasting
    assert len(outcome.message) <= 300


async def test_a_connection_closed_without_an_answer_is_a_disconnect(web: Web) -> None:
    for handler in (raw(), raw(b"HTTP/1.1 200 OK\r\nContent-")):
        outcome = failed(await get(web, handler))
        assert (outcome.fault, outcome.lasting) == (Fault.DISCONNECT, False)


async def test_a_connection_reset_without_an_answer_is_a_disconnect(web: Web) -> None:
    async def handler(request: Request) -> None:
        _reset(request.writer)

    assert failed(await get(web, handler)).fault is Fault.DISCONNECT


async def test_a_refused_connection_is_a_connect_failure() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, but it does not listen
        port = taken.getsockname()[1]
        async with fetching() as fetcher:
            outcome = failed(await fetcher.fetch(f"http://127.0.0.1:{port}/"))
    assert (outcome.fault, outcome.lasting) == (Fault.CONNECT, False)
    assert outcome.message == "connection refused"


async def test_tls_to_a_plain_port_is_a_tls_failure() -> None:
    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()

    async with listening(plain) as port, fetching() as fetcher:
        outcome = failed(await fetcher.fetch(f"https://127.0.0.1:{port}/"))
    assert (outcome.fault, outcome.lasting) == (Fault.TLS, True)


async def test_tls_that_is_never_answered_is_a_timeout() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with listening(silent) as port, fetching(connect_timeout=SHORT) as fetcher:
        outcome = failed(await fetcher.fetch(f"https://127.0.0.1:{port}/"))
    assert outcome.fault is Fault.TIMEOUT
    assert "no connection" in outcome.message


async def test_a_server_that_never_answers_is_a_timeout(web: Web) -> None:
    started = time.monotonic()
    outcome = failed(await get(web, forever, timeout=SHORT))
    assert (outcome.fault, outcome.lasting) == (Fault.TIMEOUT, False)
    assert "no answer within 0.3 s" in outcome.message
    assert SHORT <= time.monotonic() - started < 5


async def test_headers_that_drip_are_a_timeout(web: Web) -> None:
    async def handler(request: Request) -> None:
        request.writer.write(b"HTTP/1.1 200 OK\r\n")
        while True:
            request.writer.write(b"X: x\r\n")
            await request.writer.drain()
            await asyncio.sleep(0.02)

    assert failed(await get(web, handler, timeout=SHORT)).fault is Fault.TIMEOUT


async def test_interim_answers_without_end_are_a_timeout(web: Web) -> None:
    async def handler(request: Request) -> None:
        while True:
            request.writer.write(b"HTTP/1.1 103 Early Hints\r\n\r\n")
            await request.writer.drain()
            await asyncio.sleep(0.02)

    assert failed(await get(web, handler, timeout=SHORT)).fault is Fault.TIMEOUT


async def test_one_fetch_is_one_request(web: Web) -> None:
    async def handler(request: Request) -> Reply | None:
        return Reply("ok") if request.path == "/first" else None

    origin = web.serve(handler)
    async with fetching() as fetcher:
        await fetcher.fetch(origin + "/first")
        outcome = await fetcher.fetch(origin + "/second")
    assert failed(outcome).fault is Fault.DISCONNECT
    assert len(web.requests("/second")) == 1


# Bodies that are not whole


def _endless(answer: bytes) -> Handler:
    async def handler(request: Request) -> None:
        request.writer.write(answer)
        while True:
            request.writer.write(b"x" * 65_536)
            await request.writer.drain()

    return handler


def _reset(writer: asyncio.StreamWriter) -> None:
    """End a connection with RST."""
    own = writer.get_extra_info("socket")
    own.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


@pytest.mark.parametrize("size", [1, 1_000, 70_000, 1_500_000])
async def test_of_a_body_over_the_limit_exactly_the_limit_is_kept(web: Web, size: int) -> None:
    body = bytes(range(256)) * 8_000
    answer = fetched(await get(web, always(Reply(body)), max_size=size))
    assert (answer.body, answer.truncated) == (body[:size], "length")


async def test_a_body_of_exactly_the_limit_is_whole(web: Web) -> None:
    answer = fetched(await get(web, always(Reply(PAGE)), max_size=len(PAGE)))
    assert (answer.body, answer.truncated) == (PAGE, None)


async def test_one_request_may_ask_for_less(web: Web) -> None:
    origin = web.serve(always(Reply(PAGE)))
    async with fetching(max_size=5_000) as fetcher:
        assert fetched(await fetcher.fetch(origin + "/", 100)).body == PAGE[:100]
        assert fetched(await fetcher.fetch(origin + "/", 9_000)).body == PAGE[:9_000]


async def test_an_endless_body_is_cut_at_the_limit(web: Web) -> None:
    answer = fetched(await get(web, _endless(head()), max_size=100_000))
    assert (answer.body, answer.truncated) == (b"x" * 100_000, "length")


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
async def test_a_bomb_is_cut_at_the_limit(web: Web, coding: str) -> None:
    zeros = bytes(30_000_000)
    bomb = gzip.compress(zeros) if coding == "gzip" else zlib.compress(zeros)
    reply = Reply(bomb, headers={"Content-Encoding": coding})
    answer = fetched(await get(web, always(reply), max_size=100_000))
    assert (answer.body, answer.truncated) == (bytes(100_000), "length")
    assert answer.wire_bytes <= len(bomb)


async def test_a_body_that_drips_is_cut_by_the_deadline(web: Web) -> None:
    async def handler(request: Request) -> None:
        request.writer.write(head() + b"begun,")
        while True:
            await request.writer.drain()
            await asyncio.sleep(0.02)
            request.writer.write(b"x")

    answer = fetched(await get(web, handler, timeout=SHORT))
    assert answer.truncated == "time"
    assert answer.body is not None
    assert answer.body.startswith(b"begun,x")
    assert SHORT <= answer.elapsed < 5


async def test_a_body_that_stops_is_cut_by_the_deadline(web: Web) -> None:
    async def handler(request: Request) -> None:
        request.writer.write(head("Content-Length: 1000") + b"begun")
        await asyncio.Event().wait()

    answer = fetched(await get(web, handler, timeout=SHORT))
    assert (answer.body, answer.truncated) == (b"begun", "time")


async def test_a_reset_within_the_body_is_a_disconnect(web: Web) -> None:
    async def handler(request: Request) -> None:
        request.writer.write(head("Content-Length: 100000") + b"begun")
        await request.writer.drain()
        _reset(request.writer)

    answer = fetched(await get(web, handler))
    assert answer.truncated == "disconnect"
    assert answer.body is not None
    assert b"begun".startswith(answer.body)


@pytest.mark.parametrize(
    "answer",
    [
        head("Content-Length: 1000") + b"begun",
        head("Transfer-Encoding: chunked") + b"5\r\nbegun\r\n",
        head("Transfer-Encoding: chunked") + b"ff\r\nbegun",
    ],
    ids=["length", "no last chunk", "half a chunk"],
)
async def test_a_body_that_ends_early_is_a_disconnect_with_what_came(
    web: Web, answer: bytes
) -> None:
    got = fetched(await get(web, raw(answer)))
    assert (got.status, got.body, got.truncated) == (200, b"begun", "disconnect")


async def test_a_broken_chunk_size_ends_the_body_or_the_request(web: Web) -> None:
    answer = head("Transfer-Encoding: chunked") + b"5\r\nbegun\r\nzz\r\nnonsense"
    outcome = await get(web, raw(answer))
    if isinstance(outcome, Fetched):  # the head was read before the rest came
        assert outcome.truncated == "disconnect"
    else:
        assert outcome.fault is Fault.PROTOCOL


async def test_truncated_gzip_is_a_disconnect_with_what_came(web: Web) -> None:
    packed = gzip.compress(PAGE)
    reply = Reply(packed[:-8], headers={"Content-Encoding": "gzip"})
    answer = fetched(await get(web, always(reply)))
    assert (answer.body, answer.truncated) == (PAGE, "disconnect")
    assert answer.wire_bytes == len(packed) - 8


async def test_false_gzip_is_passed_as_it_is(web: Web) -> None:
    answer = fetched(await get(web, always(Reply(PAGE, headers={"Content-Encoding": "gzip"}))))
    assert (answer.body, answer.truncated) == (PAGE, None)


async def test_gzip_is_undone_and_counted_both_ways(web: Web) -> None:
    packed = gzip.compress(PAGE)
    reply = Reply(packed, headers={"Content-Encoding": "x-gzip"})
    answer = fetched(await get(web, always(reply)))
    assert (answer.body, answer.wire_bytes) == (PAGE, len(packed))


async def test_codings_in_two_header_lines_are_both_undone(web: Web) -> None:
    packed = zlib.compress(gzip.compress(PAGE))
    lines = (
        "Content-Encoding: gzip",
        "Content-Encoding: deflate",
        f"Content-Length: {len(packed)}",
    )
    assert fetched(await get(web, raw(head(*lines) + packed))).body == PAGE


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("br", PAGE),
        ("sdch", PAGE),
        ("gzip, gzip, gzip, gzip, gzip, gzip", PAGE),
        ("gzip", gzip.compress(PAGE, mtime=0)[:-8] + bytes(8)),
    ],
)
async def test_a_body_that_cannot_be_decoded_is_a_lasting_failure_with_its_status(
    web: Web, coding: str, body: bytes
) -> None:
    outcome = failed(await get(web, always(Reply(body, headers={"Content-Encoding": coding}))))
    assert (outcome.fault, outcome.status, outcome.lasting) == (Fault.DECODE, 200, True)


# Bodies that nothing reads


async def test_a_large_image_is_not_read(web: Web) -> None:
    answer = head("Content-Length: 4000000000", type="application/x-iso9660-image")
    origin = web.serve(_then_wait(answer))
    async with fetching() as fetcher:
        got = fetched(await fetcher.fetch(origin + "/image.iso"))
    assert (got.status, got.body, got.wire_bytes, got.truncated) == (200, None, 0, None)


async def test_a_small_image_is_read(web: Web) -> None:
    body = b"\x89PNG" + bytes(IDLE_BODY - 4)
    assert fetched(await get(web, always(Reply(body, type="image/png")))).body == body
    assert fetched(await get(web, always(Reply(body + b"x", type="image/png")))).body is None


async def test_an_image_of_unknown_length_is_not_read(web: Web) -> None:
    got = fetched(await get(web, _endless(head(type="video/mp4"))))
    assert (got.body, got.truncated) == (None, None)
    assert got.wire_bytes < 1_000_000


async def test_an_image_that_stalls_is_an_answer_after_the_deadline(web: Web) -> None:
    handler = _then_wait(head("Content-Length: 60001", type="video/mp4", status="404 No") + b"x")
    got = fetched(await get(web, handler, timeout=SHORT))
    assert (got.status, got.body) == (404, None)


async def test_any_type_is_read_whole_on_demand(web: Web) -> None:
    origin = web.serve(always(Reply(bytes(IDLE_BODY + 1), type="text/plain")))
    async with fetching() as fetcher:
        answer = fetched(await fetcher.fetch(origin + "/robots.txt", whole=True))
    assert answer.body == bytes(IDLE_BODY + 1)


@pytest.mark.parametrize(
    "kind", [None, "", "text/html", "TEXT/HTML ;charset=x", "application/xhtml+xml"]
)
async def test_html_and_bodies_of_unknown_type_are_read(web: Web, kind: str | None) -> None:
    body = PAGE * 10
    answer = fetched(await get(web, always(Reply(body, type=kind))))
    assert answer.body == body


def _then_wait(answer: bytes) -> Handler:
    async def handler(request: Request) -> None:
        request.writer.write(answer)
        await request.writer.drain()
        await asyncio.Event().wait()

    return handler


# Permits for large bodies


async def _hold_all(fetcher: HttpFetcher, url: str) -> list[Fetched]:
    """Take every permit there is; that it ends at all shows that none was lost."""
    async with asyncio.timeout(10):
        held = await asyncio.gather(*(fetcher.fetch(url) for _ in range(LARGE_BODIES)))
    bodies = [fetched(each) for each in held]
    assert all(each.large and each.body == LARGE for each in bodies)
    return bodies


async def test_waiting_for_a_permit_is_not_the_servers_time(web: Web) -> None:
    origin = web.serve(always(Reply(LARGE)))
    async with fetching(timeout=1.0) as fetcher:
        held = await _hold_all(fetcher, origin + "/")
        waiting = asyncio.create_task(fetcher.fetch(origin + "/"))
        done, _ = await asyncio.wait({waiting}, timeout=1.3)
        assert not done
        fetcher.free(held.pop())
        answer = fetched(await waiting)
        assert (answer.body, answer.truncated, answer.large) == (LARGE, None, True)


async def test_after_the_wait_the_deadline_goes_on(web: Web) -> None:
    async def handler(request: Request) -> Reply | None:
        if request.path == "/":
            return Reply(LARGE)
        request.writer.write(head() + LARGE)
        await request.writer.drain()
        await asyncio.Event().wait()
        return None

    origin = web.serve(handler)
    async with fetching(timeout=0.5) as fetcher:
        held = await _hold_all(fetcher, origin + "/")
        waiting = asyncio.create_task(fetcher.fetch(origin + "/stalls"))
        done, _ = await asyncio.wait({waiting}, timeout=0.8)
        assert not done
        fetcher.free(held.pop())
        async with asyncio.timeout(5):
            assert fetched(await waiting).truncated == "time"


async def test_small_bodies_need_no_permit(web: Web) -> None:
    async def handler(request: Request) -> Reply:
        return Reply(LARGE if request.path == "/large" else bytes(SMALL_BODY))

    origin = web.serve(handler)
    async with fetching() as fetcher:
        await _hold_all(fetcher, origin + "/large")
        async with asyncio.timeout(5):
            assert not fetched(await fetcher.fetch(origin + "/small")).large


async def test_permits_are_given_back_by_free_and_only_by_those_who_hold_one(web: Web) -> None:
    async def handler(request: Request) -> Reply:
        return Reply(LARGE if request.path == "/large" else PAGE)

    origin = web.serve(handler)
    async with fetching() as fetcher:
        for _ in range(2):
            for each in await _hold_all(fetcher, origin + "/large"):
                fetcher.free(each)
        fetcher.free(fetched(await fetcher.fetch(origin + "/small")))
        await _hold_all(fetcher, origin + "/large")
        ninth = asyncio.create_task(fetcher.fetch(origin + "/large"))
        done, _ = await asyncio.wait({ninth}, timeout=0.2)
        assert not done  # freeing the small body made no permit
        ninth.cancel()
        await asyncio.wait({ninth})


def _broken(name: str) -> Handler:
    """A large body that goes wrong after the permit was taken."""

    async def handler(request: Request) -> Reply | None:
        if request.path == "/large":
            return Reply(LARGE)
        if name == "undecodable":
            bad = gzip.compress(LARGE)[:-8] + bytes(8)
            return Reply(bad, headers={"Content-Encoding": "gzip"})
        request.writer.write(head("Content-Length: 9000000") + LARGE)
        await request.writer.drain()
        if name == "reset":
            _reset(request.writer)
        if name == "stalls":
            await asyncio.Event().wait()
        if name == "too long":
            request.writer.write(bytes(8_000_000))
            await request.writer.drain()
        return None

    return handler


@pytest.mark.parametrize(
    ("name", "ends"),
    [
        ("undecodable", Fault.DECODE),
        ("hangs up", "disconnect"),
        ("stalls", "time"),
        ("too long", "length"),
    ],
)
async def test_no_permit_is_lost_however_a_body_ends(web: Web, name: str, ends: str) -> None:
    origin = web.serve(_broken(name))
    timeout = SHORT if name == "stalls" else 10.0
    async with fetching(timeout=timeout, max_size=3_000_000) as fetcher:
        async with asyncio.timeout(20):
            tries = [fetcher.fetch(origin + "/broken") for _ in range(LARGE_BODIES)]
            for outcome in await asyncio.gather(*tries):
                if isinstance(outcome, Fetched):
                    assert (outcome.truncated, outcome.large) == (ends, True)
                    fetcher.free(outcome)
                else:
                    assert outcome.fault is ends
        fetcher._wire = type(fetcher._wire)("x", max_size=3_000_000)  # time enough for these
        await _hold_all(fetcher, origin + "/large")


# Cancellation


async def _started(web: Web, answer: bytes) -> tuple[str, threading.Event]:
    """Serve a beginning; the event says that it was sent."""
    sent = threading.Event()

    async def handler(request: Request) -> None:
        request.writer.write(answer)
        await request.writer.drain()
        sent.set()
        await asyncio.Event().wait()

    return web.serve(handler), sent


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        head()[:20],
        head() + b"begun",
        head(status="404 No") + b"begun",
        head(type="image/png") + b"begun",
    ],
    ids=["nothing", "half a head", "body", "404", "unwanted"],
)
async def test_cancellation_from_outside_comes_through(web: Web, answer: bytes) -> None:
    origin, sent = await _started(web, answer)
    async with fetching() as fetcher:
        task = asyncio.create_task(fetcher.fetch(origin + "/"))
        assert await asyncio.to_thread(sent.wait, 5)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_a_permit_held_or_waited_for_is_given_back_on_cancellation(web: Web) -> None:
    origin = web.serve(_broken("stalls"))
    async with fetching() as fetcher:
        held = await _hold_all(fetcher, origin + "/large")
        waiting = [asyncio.create_task(fetcher.fetch(origin + "/x")) for _ in range(3)]
        await asyncio.wait(waiting, timeout=0.2)
        for task in waiting:
            task.cancel()
        await asyncio.wait(waiting)
        assert all(task.cancelled() for task in waiting)
        for each in held:
            fetcher.free(each)
        holding = [asyncio.create_task(fetcher.fetch(origin + "/x")) for _ in range(LARGE_BODIES)]
        await asyncio.wait(holding, timeout=0.2)
        for task in holding:
            task.cancel()
        await asyncio.wait(holding)
        await _hold_all(fetcher, origin + "/large")


async def _cancelled_as_the_deadline_passes(web: Web, answer: bytes) -> None:
    """Cancel a request in the very turn of the loop in which its own time runs out."""
    origin, sent = await _started(web, answer)
    loop = asyncio.get_running_loop()
    async with fetching(timeout=0.5) as fetcher:
        task = asyncio.create_task(fetcher.fetch(origin + "/"))
        assert await asyncio.to_thread(sent.wait, 5)
        loop.call_later(0.1, time.sleep, 0.6)  # both timers run out while the loop is held
        loop.call_later(0.3, task.cancel)
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_cancellation_comes_through_though_the_deadline_passes_too(web: Web) -> None:
    await _cancelled_as_the_deadline_passes(web, head() + b"begun")


async def test_cancellation_of_an_unwanted_body_comes_through_likewise(web: Web) -> None:
    await _cancelled_as_the_deadline_passes(web, head(status="404 No") + b"begun")
