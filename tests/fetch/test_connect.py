"""Connecting: two families of which one is dead, names that move, tables that do not grow."""

import asyncio
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from crawler.fetch import addresses, http
from crawler.fetch.addresses import Trust
from crawler.model import Fault
from tests.fetch.wire import failed, fetched, fetching
from tests.web.server import Reply, Request, Web

HASTE = 1.5
"""Seconds within which a connection is made though its first address is dead (RFC 8305)."""


async def hello(request: Request) -> Reply:
    return Reply("hello", close=True)


@contextmanager
def dead(address: str, port: int) -> Iterator[None]:
    """An address at which connections are neither taken nor refused: its backlog is full."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with ExitStack() as stack:
        full = stack.enter_context(socket.socket(family))
        full.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        full.bind((address, port))
        full.listen(0)
        for _ in range(8):
            waiting = stack.enter_context(socket.socket(family))
            waiting.setblocking(False)
            waiting.connect_ex((address, port))
        yield


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """Where names lead: change it, and they lead elsewhere."""
    table: dict[str, list[str]] = {}

    def lookup(host: str, port: int, *rest: Any) -> list[Any]:
        found = []
        for address in table[host]:
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            place: Any = (address, port, 0, 0) if ":" in address else (address, port)
            found.append((family, socket.SOCK_STREAM, 6, "", place))
        return found

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    return table


@pytest.mark.parametrize(("gone", "alive"), [("::1", "127.0.0.1"), ("127.0.0.1", "::1")])
async def test_of_two_families_the_dead_one_costs_little(
    web: Web, names: dict[str, list[str]], gone: str, alive: str
) -> None:
    port = int(web.serve(hello, alive).rpartition(":")[2])
    names["both.test"] = [gone, alive]
    with dead(gone, port):
        async with fetching(connect_timeout=10) as fetcher:
            started = time.monotonic()
            answer = fetched(await fetcher.fetch(f"http://both.test:{port}/"))
            elapsed = time.monotonic() - started
        assert answer.body == b"hello"
        assert elapsed < HASTE
        async with fetching(connect_timeout=0.3) as fetcher:  # that it is dead indeed
            names["both.test"] = [gone]
            outcome = failed(await fetcher.fetch(f"http://both.test:{port}/"))
        assert outcome.fault is Fault.TIMEOUT


async def test_a_crawler_that_takes_its_time_would_be_caught(
    web: Web, names: dict[str, list[str]]
) -> None:
    port = int(web.serve(hello).rpartition(":")[2])
    names["both.test"] = ["::1", "127.0.0.1"]
    with dead("::1", port):
        async with fetching(connect_timeout=10, timeout=HASTE) as fetcher:
            connector: Any = fetcher._direct
            connector._happy_eyeballs_delay = None
            outcome = failed(await fetcher.fetch(f"http://both.test:{port}/"))
    assert outcome.fault is Fault.TIMEOUT


async def test_a_refused_family_costs_nothing(web: Web, names: dict[str, list[str]]) -> None:
    port = int(web.serve(hello).rpartition(":")[2])
    names["both.test"] = ["::1", "127.0.0.1"]
    async with fetching() as fetcher:
        fetched(await fetcher.fetch(f"http://both.test:{port}/"))


@pytest.fixture
def outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """127.0.0.3 is the internet."""
    monkeypatch.setattr(addresses, "public", lambda address: address == "127.0.0.3")


async def test_a_name_that_moves_inside_is_refused(
    web: Web, names: dict[str, list[str]], outside: None
) -> None:
    port = int(web.serve(hello, "127.0.0.3").rpartition(":")[2])
    web.serve(hello, "127.0.0.1", port)
    trust = Trust()
    trust.typed("rebind.test")
    url = f"http://rebind.test:{port}/"
    async with fetching(trust) as fetcher:
        connector: Any = fetcher._direct
        for _ in range(2):
            names["rebind.test"] = ["127.0.0.3"]
            fetched(await fetcher.fetch(url))
            connector.clear_dns_cache()  # a time to live of nothing
            names["rebind.test"] = ["127.0.0.1"]
            outcome = failed(await fetcher.fetch(url))
            assert outcome.fault is Fault.PRIVATE_ADDRESS
            connector.clear_dns_cache()
            names["rebind.test"] = ["127.0.0.1", "127.0.0.3"]
            fetched(await fetcher.fetch(url))
            connector.clear_dns_cache()
    assert {request.address for request in web.log} == {"127.0.0.3"}


async def test_the_address_connected_to_is_the_address_checked(
    web: Web, names: dict[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    port = int(web.serve(hello, "127.0.0.3").rpartition(":")[2])
    web.serve(hello, "127.0.0.1", port)
    checked: list[str] = []

    def asked_once(address: str) -> bool:
        checked.append(address)
        names["flips.test"] = ["127.0.0.1"]  # the name has moved by the time of the connect
        return address == "127.0.0.3"

    monkeypatch.setattr(addresses, "public", asked_once)
    names["flips.test"] = ["127.0.0.3"]
    async with fetching(Trust()) as fetcher:
        fetched(await fetcher.fetch(f"http://flips.test:{port}/"))
    assert checked == [web.log[0].address] == ["127.0.0.3"]


async def test_a_guard_that_checks_names_would_be_caught(
    web: Web, names: dict[str, list[str]], outside: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Looking a name up, judging it, and having it looked up again: the usual mistake."""
    port = int(web.serve(hello, "127.0.0.1").rpartition(":")[2])
    names["rebind.test"] = ["127.0.0.3"]
    trust = Trust()

    def admits(host: str, address: str) -> bool:
        return addresses.public(names[host][0])

    async with fetching(trust) as fetcher:
        monkeypatch.setattr(trust, "admits", lambda host, address: admits(host, address))
        looked_up = asyncio.Event()
        lookup = socket.getaddrinfo

        def moving(host: str, *rest: Any) -> Any:
            if not looked_up.is_set():
                looked_up.set()
                names["rebind.test"] = ["127.0.0.1"]
                found = lookup(host, *rest)
                names["rebind.test"] = ["127.0.0.3"]
                return found
            return lookup(host, *rest)

        monkeypatch.setattr(socket, "getaddrinfo", moving)
        fetched(await fetcher.fetch(f"http://rebind.test:{port}/"))
    assert web.log[0].address == "127.0.0.1"


async def test_the_names_remembered_are_bounded(
    names: dict[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "REMEMBERED_NAMES", 10)
    async with fetching(Trust()) as fetcher:
        for number in range(30):
            names[f"h{number}.test"] = ["127.0.0.1"]
            await fetcher.fetch(f"http://h{number}.test/")
        connector: Any = fetcher._direct
        assert len(connector._cached_hosts._addrs_rr) == 10
