"""What a request looks like on the wire, byte for byte."""

import asyncio

import pytest
from multidict import CIMultiDict

from crawler.fetch import http
from crawler.fetch.addresses import Trust
from crawler.fetch.connection import Connector
from crawler.fetch.request import Requests
from tests.fetch.wire import fetching, listening


@pytest.mark.parametrize("header", ["a\r\nb", "a\nb", "a\rb", "a\0b"])
async def test_a_header_cannot_become_two(header: str) -> None:
    async with Connector() as connector:
        with pytest.raises(ValueError, match="line end or NUL in the header 'X'"):
            Requests(connector, "http://h", {"X": header}, 1.0)
        requests = Requests(connector, "http://h", {}, 1.0)
        with pytest.raises(ValueError, match="line end or NUL in the header 'X'"):
            await requests.get("http://h/", {"X": header})


async def test_a_request_is_its_target_and_the_headers_given() -> None:
    heard: asyncio.Queue[bytes] = asyncio.Queue()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await reader.readuntil(b"\r\n\r\n"):
            await heard.put(head)
            writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")

    async with listening(answer) as port, Connector() as connector:
        origin = f"http://127.0.0.1:{port}"
        given = CIMultiDict({"Accept": "a/b", "Accept-Encoding": "gzip", "User-Agent": "me"})
        requests = Requests(connector, origin, given, 1.0)
        always = f"Host: 127.0.0.1:{port}\r\nAccept: a/b\r\nAccept-Encoding: gzip\r\nUser-Agent: me"
        for path in ("/", "/a%20b?c=d&e=%2F", "/?x"):
            response = await requests.get(origin + path)
            assert response.status == 204
            assert (await heard.get()).decode() == f"GET {path} HTTP/1.1\r\n{always}\r\n\r\n"
        await requests.get(origin + "/", {"user-agent": "you", "X": "y"})
        said = (await heard.get()).decode()
        assert "User-Agent: me" not in said
        assert said.endswith("\r\nuser-agent: you\r\nX: y\r\n\r\n")
        assert len(connector._conns) == 1  # all over one connection


async def test_only_so_many_origins_are_kept_prepared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "MOST_ROUTES", 3)
    async with fetching(Trust()) as fetcher:  # to which all of these are private
        for number in range(1, 9):
            await fetcher.fetch(f"http://127.0.0.{number}/")
            assert len(fetcher._routes) <= 3
        assert "http://127.0.0.8" in fetcher._routes


async def test_a_seed_that_comes_late_opens_what_was_asked_of_its_host_before() -> None:
    async with fetching(Trust(), insecure=True) as fetcher:
        await fetcher.fetch("https://127.0.0.1/")
        assert fetcher._routes["https://127.0.0.1"].requests.verify
        fetcher.admit("http://127.0.0.1/")
        await fetcher.fetch("https://127.0.0.1/")
        assert not fetcher._routes["https://127.0.0.1"].requests.verify
