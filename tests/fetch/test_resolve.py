"""Names: overrides, unknown names remembered, and a resolver that does not answer."""

import asyncio
import socket
import threading
import traceback
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from crawler.fetch import resolve
from crawler.fetch.resolve import Resolver
from crawler.model import Fault
from tests.fetch.wire import SHORT, failed, fetched, fetching
from tests.web.server import Reply, Request, Web

Lookup = Callable[..., list[Any]]


class Names:
    """A stand-in for getaddrinfo that knows some names and notes what it is asked."""

    def __init__(self, **known: str) -> None:
        self.known = known
        self.asked: list[str] = []

    def __call__(self, host: str, port: int, family: int = 0, kind: int = 0) -> list[Any]:
        self.asked.append(host)
        if host not in self.known and not host[0].isdigit():
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (self.known.get(host, host), port))]


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    names = Names(here="192.0.2.1")
    monkeypatch.setattr(socket, "getaddrinfo", names)
    return names


@pytest.fixture
def silence(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Names that are never answered (until the test ends)."""
    over = threading.Event()

    def lookup(*asked: Any) -> list[Any]:
        over.wait(30)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    yield
    over.set()


async def addresses(resolver: Resolver, host: str, port: int = 80) -> list[str]:
    return [found["host"] for found in await resolver.resolve(host, port)]


async def test_a_name_has_its_addresses(names: Names) -> None:
    resolver = Resolver({}, 5)
    assert await addresses(resolver, "here") == ["192.0.2.1"]
    await resolver.close()


async def test_an_override_answers_for_its_host_and_port_only(names: Names) -> None:
    resolver = Resolver({("here", 443): "192.0.2.9", ("nowhere", 80): "192.0.2.8"}, 5)
    assert await addresses(resolver, "here", 443) == ["192.0.2.9"]
    assert await addresses(resolver, "here", 80) == ["192.0.2.1"]
    assert await addresses(resolver, "nowhere", 80) == ["192.0.2.8"]
    assert "nowhere" not in names.asked
    await resolver.close()


async def test_an_answer_keeps_the_name_for_certificates(names: Names) -> None:
    resolver = Resolver({("here", 443): "192.0.2.9"}, 5)
    (found,) = await resolver.resolve("here", 443)
    assert found["hostname"] == "here"
    assert found["port"] == 443
    await resolver.close()


async def test_an_unknown_name_is_remembered(names: Names) -> None:
    resolver = Resolver({}, 5)
    for port in (80, 443, 8080):
        with pytest.raises(socket.gaierror):
            await resolver.resolve("nowhere", port)
    assert names.asked == ["nowhere"]
    await resolver.close()


async def test_an_unknown_name_is_asked_again_later(
    names: Names, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resolve, "REMEMBERED", 0.0)
    resolver = Resolver({}, 5)
    with pytest.raises(socket.gaierror):
        await resolver.resolve("nowhere", 80)
    names.known["nowhere"] = "192.0.2.7"
    assert await addresses(resolver, "nowhere") == ["192.0.2.7"]
    await resolver.close()


async def test_remembering_a_name_does_not_grow(names: Names) -> None:
    resolver = Resolver({}, 5)
    lengths = []
    for _ in range(5):
        with pytest.raises(socket.gaierror) as caught:
            await resolver.resolve("nowhere", 80)
        lengths.append(len(traceback.extract_tb(caught.value.__traceback__)))
    await resolver.close()
    assert lengths[-1] <= lengths[1]


async def test_the_names_remembered_are_bounded(
    names: Names, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resolve, "_MOST_REMEMBERED", 3)
    resolver = Resolver({}, 5)
    for number in range(10):
        with pytest.raises(socket.gaierror):
            await resolver.resolve(f"nowhere{number}", 80)
        assert len(resolver._unknown) <= 3
    await resolver.close()


async def test_no_answer_for_a_name_is_an_error_after_the_timeout(silence: None) -> None:
    resolver = Resolver({}, 0.2)
    with pytest.raises(OSError, match=r"no answer for the name slow in 0\.2 s"):
        await resolver.resolve("slow", 80)
    await resolver.close()


async def test_closing_does_not_wait_for_names(silence: None) -> None:
    resolver = Resolver({}, 0.2)
    asking = asyncio.create_task(resolver.resolve("slow", 80))
    with pytest.raises(OSError, match="no answer"):
        await asking
    async with asyncio.timeout(1):
        await resolver.close()


async def test_a_request_to_an_unknown_name_is_a_lasting_dns_failure(names: Names) -> None:
    async with fetching() as fetcher:
        for _ in range(3):
            outcome = failed(await fetcher.fetch("http://nowhere/"))
            assert (outcome.fault, outcome.lasting) == (Fault.DNS, True)
            assert "not known" in outcome.message
    assert names.asked == ["nowhere"]


async def test_a_resolver_in_trouble_is_a_passing_dns_failure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def lookup(*asked: Any) -> list[Any]:
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    async with fetching() as fetcher:
        outcome = failed(await fetcher.fetch("http://anywhere/"))
    assert (outcome.fault, outcome.lasting) == (Fault.DNS, False)


async def test_no_answer_for_a_name_is_a_passing_dns_failure(silence: None) -> None:
    async with fetching(connect_timeout=SHORT) as fetcher:
        outcome = failed(await fetcher.fetch("http://slow/"))
    assert (outcome.fault, outcome.lasting) == (Fault.DNS, False)
    assert "no answer for the name slow" in outcome.message


@pytest.mark.parametrize("host", ["a" * 64 + ".example", "a..example"])
async def test_a_name_that_no_resolver_takes_is_a_dns_failure(host: str) -> None:
    async with fetching() as fetcher:
        outcome = failed(await fetcher.fetch(f"http://{host}/"))
    assert (outcome.fault, outcome.lasting) == (Fault.DNS, True)


async def test_an_override_is_where_the_request_goes_and_the_host_header_stays(web: Web) -> None:
    async def handler(request: Request) -> Reply:
        return Reply(request.host)

    origin = web.serve(handler)
    port = int(origin.rpartition(":")[2])
    async with fetching(overrides={("site.test", port): "127.0.0.1"}) as fetcher:
        answer = fetched(await fetcher.fetch(f"http://site.test:{port}/"))
    assert answer.body == f"site.test:{port}".encode()


async def test_a_name_that_hangs_holds_one_thread_and_never_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    over = threading.Event()
    asked: list[str] = []

    def lookup(host: str, *rest: Any) -> list[Any]:
        asked.append(host)
        if host.startswith("hang"):
            over.wait(30)
            raise socket.gaierror(socket.EAI_AGAIN, "later")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.1", 80))]

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    resolver = Resolver({}, SHORT)
    hanging = [f"hang{number}" for number in range(100)]
    for _ in range(3):
        tries = (resolver.resolve(name) for name in hanging)
        failures = await asyncio.gather(*tries, return_exceptions=True)
        assert all("no answer" in str(failure) for failure in failures)
    assert sorted(asked) == sorted(hanging)

    assert await addresses(resolver, "here") == ["192.0.2.1"]
    over.set()
    await resolver.close()
