"""Nothing on the web leads inside: every way to a private address, in the real command.

The seed is typed and lives at 127.0.0.3, which so is open. A canary listens on every
other address of this machine, IPv4 and IPv6, and must never be called.
"""

from collections.abc import Iterator

import pytest

from tests.cli.run import broken, crawl
from tests.web.canary import Canary
from tests.web.server import Reply, Request, Web, html

SPELLINGS = [
    # loopback, in every base and length
    "127.0.0.1", "127.1", "127.0.1", "127.0.0.1.", "2130706433", "0x7f000001", "0x7F.0.0.1",
    "0x7f.1", "0177.0.0.1", "0177.1", "017700000001", "0x7f.0x0.0x0.0x1", "0177.0x0.0.1",
    "00000177.0.0.1", "127.0.0.2", "127.255.255.254", "%31%32%37.0.0.1", "①②⑦.⓪.⓪.①",
    "127。0。0。1", "１２７.0.0.1",
    # this host
    "0.0.0.0", "0", "0x0", "00.0.0", "0.0.0.1", "[::]", "[0::0]",
    # IPv6 loopback, and IPv4 inside IPv6
    "[::1]", "[0:0:0:0:0:0:0:1]", "[0000::0001]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]",
    "[::FFFF:7F00:0001]", "[0:0:0:0:0:ffff:127.0.0.1]", "[::127.0.0.1]", "[::7f00:1]",
    "[::ffff:0:127.0.0.1]", "[64:ff9b::127.0.0.1]", "[64:ff9b::7f00:1]", "[64:ff9b:1::7f00:1]",
    "[2002:7f00:1::]", "[2002:7f00:1::1]", "[2001:0:808:808::80ff:fffe]",
    # names
    "localhost", "localhost.", "LOCALHOST", "LocalHost.",
    # private networks, link-local, metadata, and what routes nowhere
    "10.0.0.1", "172.16.0.1", "192.168.0.1", "100.64.0.1", "169.254.0.1", "169.254.169.254",
    "2852039166", "0xa9fea9fe", "0251.0376.0251.0376", "[::ffff:169.254.169.254]",
    "[::ffff:a9fe:a9fe]", "[fd00:ec2::254]", "[fe80::1]", "[fec0::1]", "100.100.100.200",
    "192.0.0.192", "198.18.0.1", "224.0.0.1", "255.255.255.255", "[ff02::1]",
]  # fmt: skip

OPEN = """
from crawler.fetch import addresses
addresses.public = lambda address: True
"""
NAMED = """
import socket
real = socket.getaddrinfo
def lookup(host, port, *rest):
    return real("127.0.0.1" if host == "innocent.test" else host, port, *rest)
socket.getaddrinfo = lookup
"""
QUICK = ("--retries", "0", "--connect-timeout", "300ms", "--scope", "any", "--per-host", "16")


@pytest.fixture
def canary() -> Iterator[Canary]:
    with Canary() as bird:
        yield bird


def serve(web: Web, pages: dict[str, Reply]) -> str:
    async def handler(request: Request) -> Reply:
        return pages.get(request.path, Reply("", 404))

    return web.serve(handler, "127.0.0.3") + "/"


def ways(web: Web, canary: Canary) -> tuple[str, int]:
    """Serve a page with every way inside; return its URL, and how many there are."""
    inside = [f"http://{host}:{canary.port}/n{n}" for n, host in enumerate(SPELLINGS)]
    away = f"http://127.0.0.2:{canary.port}/"
    pages = {f"/r{n}": Reply("", 302, headers={"Location": url}) for n, url in enumerate(inside)}
    pages |= {
        f"/status{status}": Reply("", status, headers={"Location": f"{away}{status}"})
        for status in (301, 303, 307, 308)
    }
    pages["/hop1"] = Reply("", 302, headers={"Location": "/hop2"})
    pages["/hop2"] = Reply("", 302, headers={"Location": f"//127.0.0.2:{canary.port}/hops"})
    pages["/base"] = Reply(f'<base href="{away}"><a href="below/base">x</a>')
    pages["/refresh"] = Reply(f'<meta http-equiv="refresh" content="0; url={away}refresh">')
    pages["/frames"] = Reply(
        f'<iframe src="{away}iframe"></iframe><link rel="canonical" href="{away}canonical">'
    )
    pages["/map.xml"] = Reply(
        f"<urlset><url><loc>{away}mapped</loc></url></urlset>", type="application/xml"
    )
    pages["/robots.txt"] = Reply(
        f"Sitemap: /map.xml\nSitemap: {away}sitemap.xml", type="text/plain"
    )
    pages["/"] = Reply(html([*pages, *inside]))
    # The statuses, hops, base, refresh, iframe and canonical, the sitemap's and robots.txt's.
    return serve(web, pages), len(inside) + 4 + 1 + 1 + 1 + 2 + 1 + 1


def test_no_spelling_and_no_way_leads_inside(web: Web, canary: Canary) -> None:
    seed, many = ways(web, canary)
    listed = f"http://127.0.0.1:{canary.port}/listed\n"
    ran = crawl(seed, "-", *QUICK, "--sitemap", "add", stdin=listed)

    ends = {record["url"]: record["error"]["class"] for record in ran.of("error")}
    refused = [record["url"] for record in ran.of("error") if "127.0.0.3" not in record["url"]]
    # Not every resolver knows localhost with a dot.
    assert {end for url, end in ends.items() if "localhost." not in url} == {"private_address"}
    assert len(refused) == len(set(refused)) == many + 1
    assert canary.callers == []
    assert {request.address for request in web.log} == {"127.0.0.3"}


def test_with_permission_the_same_ways_do_lead_there(web: Web, canary: Canary) -> None:
    seed, _ = ways(web, canary)
    crawl(seed, *QUICK, "--sitemap", "add", "--allow-private", "--max-time", "5s")

    assert {"127.0.0.1", "127.0.0.2", "::1"} <= {
        each.removeprefix("::ffff:") for each in canary.callers
    }


def test_a_crawler_without_the_guard_would_be_caught(web: Web, canary: Canary) -> None:
    seed, _ = ways(web, canary)
    broken(OPEN, seed, *QUICK, "--sitemap", "add", "--max-time", "5s")

    assert canary.callers


def test_robots_txt_leads_nowhere_inside_either(web: Web, canary: Canary) -> None:
    for host in ("127.0.0.1", "[::1]", "localhost"):
        target = f"http://{host}:{canary.port}/robots.txt"
        seed = serve(web, {"/robots.txt": Reply("", 301, headers={"Location": target})})
        ran = crawl(seed, *QUICK)

        assert [record["error"]["class"] for record in ran.records] == ["private_address"]
        assert broken(OPEN, seed, *QUICK).code != 70
        assert len(canary.callers) == 1
        canary.callers.clear()


def test_a_name_that_leads_inside_is_refused(web: Web, canary: Canary) -> None:
    url = f"http://innocent.test:{canary.port}/"
    seed = serve(web, {"/": Reply(html([url])), "/r": Reply("", 302, headers={"Location": url})})

    ran = broken(NAMED, seed, *QUICK)
    assert [record["error"]["class"] for record in ran.of("error")] == ["private_address"]
    assert canary.callers == []
    broken(NAMED + OPEN, seed, *QUICK)
    assert canary.callers


@pytest.mark.parametrize("line", ["http://127.0.0.1:{}/", "localhost:{}", "http://[::1]:{}/"])
def test_a_list_of_seeds_opens_nothing(canary: Canary, line: str) -> None:
    ran = crawl("-", *QUICK, stdin=line.format(canary.port))

    assert (ran.code, canary.callers) == (69, [])
    assert ran.records[0]["error"]["class"] == "private_address"
