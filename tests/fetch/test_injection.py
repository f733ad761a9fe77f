"""Whatever a link holds, what goes over the wire is exactly one well-formed request."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crawler.api import crawl
from crawler.checked import USER_AGENT
from crawler.errors import BadSetting
from crawler.fetch.credentials import Credentials
from crawler.fetch.jar import Jar
from crawler.policy import urls
from tests.fetch.wire import fetching, listening

ONE_REQUEST = re.compile(
    rb"GET /[!-~]* HTTP/1\.1\r\n(?:[!#$%&'*+.^_`|~0-9A-Za-z-]+: [^\r\n\0]*\r\n)+\r\n"
)
EVIL = "GET /evil HTTP/1.1\r\nHost: evil\r\n\r\n"
CONTROLS = ["\r\n", "\r", "\n", "\0", "\t", "\x7f", "\x0b", "\x85", "\u2028", " "]
ENCODED = ["%0d%0a", "%0D%0A", "%0d", "%0a", "%00", "%09", "%7f", "%250d%250a", "%E5%98%8A", "%20"]
PLACES = [
    "http://127.0.0.1{}.test:{port}/",
    "http://127.0.0.1{}:{port}/",
    "http://127.0.0.1:{port}{}/",
    "http://127.0.0.1:{port}/{}HTTP/1.1{}X: y{}{}GET /evil HTTP/1.1{}",
    "http://127.0.0.1:{port}/a{}b",
    "http://127.0.0.1:{port}/?q={}X-Evil: 1{}",
    "http://127.0.0.1:{port}/?{}",
    "http://127.0.0.1:{port}/#{}X-Evil: 1",
    "http://me{}X-Evil: 1{}:pa{}ss@127.0.0.1:{port}/",
    "{}http://127.0.0.1:{port}/",
    "http://127.0.0.1:{port}/{}",
    "ht{}tp://127.0.0.1:{port}/",
    "//127.0.0.1:{port}/{}",
    "/{}/..{}/x",
]


@dataclass
class Wire:
    """What has come, by connection, byte for byte."""

    port: int = 0
    came: list[bytearray] = field(default_factory=list)
    set_cookie: str = ""

    @property
    def clean(self) -> bool:
        """Whether each connection has brought one request, and nothing of another."""
        return all(ONE_REQUEST.fullmatch(bytes(each)) for each in self.came)


@asynccontextmanager
async def tapped() -> AsyncIterator[Wire]:
    """A server that writes down what comes, and answers once on each connection."""
    wire = Wire()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        wire.came.append(came := bytearray())
        while b"\r\n\r\n" not in came and (data := await reader.read(65_536)):
            came += data
        cookie = f"Set-Cookie: {wire.set_cookie}\r\n" if wire.set_cookie else ""
        writer.write(
            f"HTTP/1.1 200 OK\r\n{cookie}Content-Length: 0\r\nConnection: close\r\n\r\n".encode()
        )
        await writer.drain()
        came += await reader.read()  # until the other side closes, too

    async with listening(connected) as port:
        wire.port = port
        yield wire


def links(port: int) -> list[str]:
    return [
        place.replace("{port}", str(port)).replace("{}", each)
        for place in PLACES
        for each in [*CONTROLS, *ENCODED]
    ]


async def test_every_link_is_one_request_or_none() -> None:
    async with tapped() as wire, fetching(credentials=Credentials(["X-Key: 1"])) as fetcher:
        base = f"http://127.0.0.1:{wire.port}/"
        fetcher.admit(base)
        asked = 0
        for reference in links(wire.port):
            url = urls.resolve(base, reference)
            if url is not None and urls.site(url) == urls.site(base):
                await fetcher.fetch(url)
                asked += 1
                assert wire.clean, reference
        assert len(wire.came) == asked > 150


@given(st.text(max_size=60))
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_any_text_is_one_request_or_none(text: str) -> None:
    async def ask() -> None:
        async with tapped() as wire, fetching() as fetcher:
            base = f"http://127.0.0.1:{wire.port}/"
            url = urls.resolve(base, text)
            if url is not None and urls.site(url) == urls.site(base):
                await fetcher.fetch(url)
                assert wire.came
                assert wire.clean

    asyncio.run(ask())


async def test_a_client_that_sends_what_it_reads_would_be_caught() -> None:
    async with tapped() as wire:
        for path in ("/x HTTP/1.1\r\nX: y\r\n\r\nGET /evil", "/a b", "/\0", "/\x7f"):
            reader, writer = await asyncio.open_connection("127.0.0.1", wire.port)
            writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            writer.write_eof()
            await reader.read()
            writer.close()
            await writer.wait_closed()
            assert not wire.clean
            wire.came.clear()


@pytest.mark.parametrize("control", ["\r\n", "\r", "\n", "\0", "\x7f", "\x1b", "\x0b"])
def test_what_a_user_gives_with_a_control_character_is_refused(control: str) -> None:
    evil = f"1{control}X-Evil: 2"
    with pytest.raises(ValueError, match="control"):
        Credentials([f"X-Key: {evil}"])
    with pytest.raises(ValueError, match="header"):
        Credentials([f"X{control}Key: 1"])
    with pytest.raises(ValueError, match="control"):
        Credentials([f"@http://a.example X-Key: {evil}"])
    with pytest.raises(ValueError, match="control"):
        Credentials(cookies=[f"a={evil}"])


async def test_a_user_agent_with_a_control_character_is_refused() -> None:
    for control in "\r\n\0\t\x7f\x1b\u2028":
        with pytest.raises(BadSetting, match="--user-agent"):
            async for _ in crawl(["http://127.0.0.1:1"], user_agent=f"me{control}X-Evil: 1"):
                pass


@pytest.mark.parametrize("control", ["\r", "\0", "\t", "\x7f", "\x1b", "\x0b", "é", "\u2028"])
async def test_a_cookie_that_a_server_sets_is_no_way_in(control: str) -> None:
    async with tapped() as wire, fetching(jar=Jar(lambda: 0.0)) as fetcher:
        url = f"http://127.0.0.1:{wire.port}/"
        for text in ("a=1{}X-Evil: 2", "a{}X-Evil: 1=2", "a=1; Path=/{}X-Evil: 1"):
            wire.set_cookie = text.format(control)
            await fetcher.fetch(url)
            wire.set_cookie = ""
            await fetcher.fetch(url)
        assert len(wire.came) == 6
        assert wire.clean
        assert not any(b"\nX-Evil" in each for each in wire.came)


async def test_tabs_and_bytes_beyond_ascii_are_no_way_in() -> None:
    given = Credentials(["X-Key: a\tb", "X-Name: Jäsøn"], ["c=ü"], "ü:ß\r\nX: y")
    async with tapped() as wire, fetching(credentials=given) as fetcher:
        url = f"http://127.0.0.1:{wire.port}/"
        fetcher.admit(url)
        await fetcher.fetch(url)
        assert wire.clean
        assert wire.came


def test_our_own_name_is_one_line() -> None:
    assert USER_AGENT.isprintable()
    assert EVIL not in USER_AGENT
