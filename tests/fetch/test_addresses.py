"""The guard at the last moment before a connect: which addresses, for which hosts."""

import asyncio
import socket
from ipaddress import ip_address
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.fetch import addresses
from crawler.fetch.addresses import Dial, Trust, dialling, guarded_socket, public
from crawler.model import Fault
from crawler.policy import urls
from tests.fetch.wire import failed, fetched, fetching, listening, raw
from tests.web.server import Reply, Request, Web

PRIVATE = [
    # this host, loopback
    "0.0.0.0",
    "0.1.2.3",
    "127.0.0.1",
    "127.1.2.3",
    "127.255.255.254",
    "::",
    "::1",
    # private networks, carrier NAT, benchmarks, documentation
    "10.0.0.1",
    "10.255.255.255",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.0.1",
    "192.168.255.255",
    "100.64.0.1",
    "100.127.255.255",
    "198.18.0.1",
    "198.19.255.255",
    "192.0.2.1",
    "198.51.100.1",
    "203.0.113.1",
    "2001:db8::1",
    "fc00::1",
    "fd12:3456:789a::1",
    # link-local, site-local
    "169.254.0.1",
    "fe80::1",
    "fe80::1%eth0",
    "febf::1",
    "fec0::1",
    "feff::1",
    # metadata services
    "169.254.169.254",
    "169.254.170.2",
    "100.100.100.200",
    "fd00:ec2::254",
    "fe80::a9fe:a9fe",
    # multicast, broadcast, reserved
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "ff02::1",
    "ff05::2",
    "ff0e::1",
    "100::1",
    "4000::1",
    # an IPv4 address inside: mapped, compatible, translated
    "::ffff:127.0.0.1",
    "::ffff:7f00:1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "::127.0.0.1",
    "::a00:1",
    "::ffff:0:127.0.0.1",
    # NAT64, well-known and local
    "64:ff9b::127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b::192.168.1.1",
    "64:ff9b:1::127.0.0.1",
    "64:ff9b:1::10.0.0.1",
    # 6to4
    "2002:7f00:1::",
    "2002:a00:1::1",
    "2002:c0a8:101::1",
    "2002:a9fe:a9fe::",
    # Teredo: the client's address is written inverted
    "2001:0:4136:e378:8000:63bf:80ff:fffe",
    "2001:0:808:808:0:0:f5ff:fffe",
    "2001:0:808:808::5601:5601",
]
PUBLIC = [
    "1.1.1.1",
    "8.8.8.8",
    "93.184.216.34",
    "9.255.255.255",
    "11.0.0.1",
    "100.63.255.255",
    "100.128.0.1",
    "126.255.255.255",
    "128.0.0.1",
    "169.253.255.255",
    "172.15.255.255",
    "172.32.0.1",
    "192.167.255.255",
    "192.169.0.1",
    "223.255.255.254",
    "2606:4700:4700::1111",
    "2a00:1450:4001:81b::200e",
    "::ffff:8.8.8.8",
    "64:ff9b::8.8.8.8",
    "2002:808:808::1",
]


@pytest.mark.parametrize("address", PRIVATE)
def test_an_address_that_is_not_of_the_internet_is_refused(address: str) -> None:
    assert not public(address)
    assert not Trust().admits("anyone.example", address)


@pytest.mark.parametrize("address", PUBLIC)
def test_an_address_of_the_internet_is_admitted(address: str) -> None:
    assert public(address)
    assert Trust().admits("anyone.example", address)


@pytest.mark.parametrize("address", ["192.0.0.192", "192.0.0.8", "::ffff:192.0.0.192"])
def test_the_protocol_block_is_refused_on_every_python(address: str) -> None:
    assert not public(address)


@pytest.mark.parametrize("address", ["64:ff9b:1:7f00:0:100:808:808", "64:ff9b:1::808:808"])
def test_local_nat64_is_refused_whatever_it_carries(address: str) -> None:
    assert not public(address)


@given(st.integers(0, 2**32 - 1))
def test_a_carried_address_is_never_more_public_than_itself(number: int) -> None:
    bare = str(ip_address(number))
    high, low = number >> 16, number & 0xFFFF
    carriers = [
        f"::ffff:{bare}",
        f"64:ff9b::{bare}",
        f"2002:{high:x}:{low:x}::1",
        f"2001:0:808:808:0:0:{high ^ 0xFFFF:x}:{low ^ 0xFFFF:x}",
    ]
    assert [public(each) for each in carriers] == [public(bare)] * len(carriers)


@given(st.ip_addresses(v=6))
def test_any_address_has_an_answer(address: Any) -> None:
    assert public(str(address)) in (True, False)


def test_everyone_may_be_trusted() -> None:
    trust = Trust(everyone=True)
    assert all(trust.admits("any.example", address) for address in PRIVATE + PUBLIC)


def test_a_named_host_is_trusted_and_no_other() -> None:
    trust = Trust(["intranet.example"])
    assert trust.admits("intranet.example", "10.0.0.1")
    assert not trust.admits("www.intranet.example", "10.0.0.1")
    assert not trust.admits("10.0.0.1", "10.0.0.1")


def test_a_typed_seed_with_a_private_address_may_stay_private() -> None:
    trust = Trust()
    trust.typed("intranet.example")
    assert trust.admits("intranet.example", "10.0.0.1")
    assert trust.admits("intranet.example", "10.0.0.2")
    assert trust.admits("intranet.example", "8.8.8.8")
    assert trust.admits("intranet.example", "10.0.0.1")


def test_a_typed_seed_opens_its_own_host_only() -> None:
    trust = Trust()
    trust.typed("127.0.0.1")
    assert trust.admits("127.0.0.1", "127.0.0.1")
    assert not trust.admits("localhost", "127.0.0.1")
    assert not trust.admits("127.0.0.2", "127.0.0.2")


def test_a_typed_seed_with_a_public_address_may_not_become_private() -> None:
    trust = Trust()
    trust.typed("rebind.example")
    assert trust.admits("rebind.example", "8.8.8.8")
    assert not trust.admits("rebind.example", "127.0.0.1")
    trust.typed("rebind.example")  # the same seed once more changes nothing
    assert not trust.admits("rebind.example", "127.0.0.1")


def test_a_host_refused_before_may_still_be_typed() -> None:
    trust = Trust()
    assert not trust.admits("late.example", "10.0.0.1")
    trust.typed("late.example")
    assert trust.admits("late.example", "10.0.0.1")


def test_typing_a_named_host_takes_no_trust_away() -> None:
    trust = Trust(["mapped.example"])
    trust.typed("mapped.example")
    assert trust.admits("mapped.example", "8.8.8.8")
    assert trust.admits("mapped.example", "10.0.0.1")


def test_the_socket_factory_refuses_before_there_is_a_socket() -> None:
    dial = Dial("host.example", Trust())
    token = dialling.set(dial)
    info = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("10.0.0.1", 80))
    try:
        with pytest.raises(PermissionError):
            guarded_socket(info)
    finally:
        dialling.reset(token)
    assert dial.refused == "10.0.0.1"


LITERALS = [
    "127.0.0.1",
    "127.1",
    "127.0.1",
    "0x7f.0.0.1",
    "0x7f000001",
    "0177.0.0.1",
    "017700000001",
    "2130706433",
    "127.0.0.1.",
    "①②⑦.⓪.⓪.①",
    "%31%32%37.0.0.1",
    "0.0.0.0",
    "0",
    "localhost",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[0:0:0:0:0:ffff:127.0.0.1]",
]


@pytest.mark.parametrize("literal", LITERALS)
async def test_nothing_reaches_a_canary_on_loopback(literal: str) -> None:
    callers = []

    async def canary(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        callers.append(writer.get_extra_info("peername"))
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()

    async with listening(canary) as port:
        url = urls.canonical(f"http://{literal}:{port}/")
        assert url is not None
        async with fetching(Trust()) as fetcher:
            outcome = failed(await fetcher.fetch(url))
        assert (outcome.fault, outcome.lasting) == (Fault.PRIVATE_ADDRESS, True)
        assert "--allow-private" in outcome.message
        assert not callers
        async with fetching(Trust(everyone=True)) as fetcher:  # the canary is alive
            assert fetched(await fetcher.fetch(url)).status == 200
        assert len(callers) == 1


async def test_nothing_reaches_a_canary_on_ipv6_loopback() -> None:
    callers = []

    async def canary(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        callers.append(writer)

    async with listening(canary, "::1") as port, fetching(Trust()) as fetcher:
        for literal in ("[::1]", "[0:0:0:0:0:0:0:1]", "[::]"):
            url = urls.canonical(f"http://{literal}:{port}/")
            assert url is not None
            assert failed(await fetcher.fetch(url)).fault is Fault.PRIVATE_ADDRESS
    assert not callers


async def test_a_name_that_leads_to_loopback_is_refused(web: Web) -> None:
    origin = web.pages({"/": []})
    port = int(origin.rpartition(":")[2])
    overrides = {("innocent.example", port): "127.0.0.1"}
    async with fetching(Trust(), overrides=overrides) as fetcher:
        outcome = failed(await fetcher.fetch(f"http://innocent.example:{port}/"))
    assert outcome.fault is Fault.PRIVATE_ADDRESS
    assert "127.0.0.1" in outcome.message
    assert not web.log


async def test_a_typed_private_seed_is_fetched_and_its_neighbour_is_not(web: Web) -> None:
    seed = web.pages({"/": []})
    neighbour = web.pages({"/": []}, address="127.0.0.2")
    trust = Trust()
    trust.typed("127.0.0.1")
    async with fetching(trust) as fetcher:
        assert fetched(await fetcher.fetch(seed + "/")).status == 200
        outcome = failed(await fetcher.fetch(neighbour + "/"))
    assert outcome.fault is Fault.PRIVATE_ADDRESS
    assert [request.address for request in web.log] == ["127.0.0.1"]


async def test_a_redirect_to_loopback_is_refused_at_its_own_request(web: Web) -> None:
    canary = web.pages({"/": []}, address="127.0.0.2")

    async def handler(request: Request) -> Reply:
        return Reply("", 302, headers={"Location": canary + "/"})

    seed = web.serve(handler)
    trust = Trust()
    trust.typed("127.0.0.1")
    async with fetching(trust) as fetcher:
        answer = fetched(await fetcher.fetch(seed + "/"))
        assert answer.headers["location"] == canary + "/"
        outcome = failed(await fetcher.fetch(answer.headers["location"]))
    assert outcome.fault is Fault.PRIVATE_ADDRESS
    assert len(web.log) == 1


async def test_an_environment_proxy_is_no_way_around(
    web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    canary = web.pages({"/": []})
    monkeypatch.setenv("http_proxy", canary)
    async with fetching(Trust()) as fetcher:
        assert failed(await fetcher.fetch(canary + "/")).fault is Fault.PRIVATE_ADDRESS
    assert not web.log


async def test_one_private_address_among_public_ones_does_not_name_a_later_failure(
    web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = int(web.serve(raw(), "127.0.0.2").rpartition(":")[2])  # hangs up without an answer

    def lookup(host: str, port: int, *rest: Any) -> list[Any]:
        found = ["127.0.0.1", "127.0.0.2"]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port)) for each in found]

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    monkeypatch.setattr(addresses, "public", lambda address: address == "127.0.0.2")
    async with fetching(Trust()) as fetcher:
        outcome = failed(await fetcher.fetch(f"http://both.example:{port}/"))
    assert web.log  # it got there
    assert outcome.fault is Fault.DISCONNECT
