"""Proxies, digest passwords and cookie jars in the real command."""

import os
import socket
import stat
from itertools import pairwise
from pathlib import Path

import pytest

from crawler.fetch.credentials import basic
from tests.cli.run import Ran, crawl
from tests.fetch.test_digest import Guarded
from tests.web.certificates import Certificates
from tests.web.proxy import ProxyWeb
from tests.web.server import Handler, Reply, Request, Web, html


def nowhere() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


def told(ran: Ran) -> str:
    """Return the one line on stderr."""
    (line,) = ran.err.splitlines()
    assert line.startswith("crawler: ")
    return line


@pytest.mark.parametrize(
    ("kind", "loop"),
    [("http", "uvloop"), ("https", "uvloop"), ("https", "asyncio"), ("socks5", "uvloop")],
)
def test_a_crawl_goes_through_a_proxy_and_shows_no_password(
    through_web: ProxyWeb, certificates: Certificates, kind: str, loop: str
) -> None:
    web = through_web
    web.login = "me:s3cret" if kind == "socks5" else basic("me", "s3cret")
    web.names = {"a.test": "127.0.0.1", "b.test": "127.0.0.1"}
    secure = web.serve(page("/two"), tls=certificates.valid("b.test")).rpartition(":")[2]
    plain = web.serve(page(f"https://b.test:{secure}/")).rpartition(":")[2]
    tls = certificates.valid("127.0.0.1") if kind == "https" else None
    proxy = web.socks() if kind == "socks5" else web.proxy(tls)

    ran = crawl(
        f"http://a.test:{plain}/", "--scope", "any", "--loop", loop, "-v", "--debug",
        "-x", f"{kind}://me:s3cret@{proxy}", SSL_CERT_FILE=str(certificates.file),
    )  # fmt: skip

    assert ran.code == 0, ran.err
    pages = {record["url"] for record in ran.of("page")}
    assert pages == {
        f"http://a.test:{plain}/", f"https://b.test:{secure}/", f"https://b.test:{secure}/two"
    }  # fmt: skip
    assert all(asked.login == web.login for asked in web.asked)
    assert not any("proxy-authorization" in request.headers for request in web.log)
    assert "s3cret" not in ran.out + ran.err
    assert "Warning" not in ran.err


def page(*links: str) -> Handler:
    async def handler(request: Request) -> Reply:
        if request.path == "/robots.txt":
            return Reply("", 404)
        return Reply(html(links if request.path == "/" else ()))

    return handler


def test_the_environments_proxy_is_used_except_where_it_says_and_off_ignores_it(
    through_web: ProxyWeb,
) -> None:
    web = through_web
    web.names = {"a.test": "127.0.0.1"}
    port = web.serve(page()).rpartition(":")[2]
    proxy = f"http://me:s3cret@{web.proxy()}"
    seed = f"http://a.test:{port}/"

    through = crawl(seed, "-v", http_proxy=proxy, no_proxy="")
    asked = len(web.asked)
    resolve = ("--resolve", f"a.test:{port}:127.0.0.1")
    excepted = crawl(seed, *resolve, http_proxy=proxy, no_proxy="a.test")
    off = crawl(seed, *resolve, "--proxy", "off", http_proxy=proxy)
    local = crawl(f"http://127.0.0.1:{port}/", http_proxy=proxy)

    assert [each.code for each in (through, excepted, off, local)] == [0, 0, 0, 0]
    assert asked == 2
    assert len(web.asked) == asked
    assert "the environment names a proxy" in through.err
    assert "s3cret" not in through.err


@pytest.mark.parametrize("kind", ["http", "socks5"])
def test_a_proxy_that_fails_for_every_seed_is_76(kind: str) -> None:
    ran = crawl(
        "http://a.test/", "https://b.test/", "-x", f"{kind}://me:s3cret@{nowhere()}",
        "--retries", "0",
    )  # fmt: skip

    assert ran.code == 76
    assert {record["error"]["class"] for record in ran.records} == {"proxy"}
    assert "connection refused" in told(ran)
    assert "s3cret" not in ran.out + ran.err


def test_a_proxy_that_wants_another_password_is_76(through_web: ProxyWeb) -> None:
    through_web.login = basic("me", "right")
    ran = crawl("http://a.test/", "https://b.test/", "-x", f"http://me:wr0ng@{through_web.proxy()}")

    assert ran.code == 76
    assert "407" in told(ran)
    assert "wr0ng" not in ran.out + ran.err
    assert len(through_web.asked) == 2


@pytest.mark.parametrize("proxy", ["gopher://me:s3cret@x", "http://me:s3cret@x:no", ""])
def test_a_proxy_that_is_none_is_two(proxy: str) -> None:
    ran = crawl("http://a.test/", "-x", proxy)

    assert (ran.code, ran.out) == (2, "")
    assert "--proxy" in told(ran)
    assert "s3cret" not in ran.err


def test_behind_a_proxy_links_to_private_literals_are_errors(through_web: ProxyWeb) -> None:
    web = through_web
    web.names = {"a.test": "127.0.0.1"}
    port = web.serve(
        page(*(f"http://{host}:1/" for host in ("10.0.0.1", "0x7f.1", "localhost.", "[::1]")))
    ).rpartition(":")[2]

    ran = crawl(f"http://a.test:{port}/", "--scope", "any", "-x", web.proxy())

    assert [record["error"]["class"] for record in ran.of("error")] == ["private_address"] * 4
    assert len(web.asked) == 2  # robots.txt and the page


def test_a_digest_password_is_politely_asked_for(web: Web) -> None:
    site = Guarded(lives=2)

    async def handler(request: Request) -> Reply:
        reply = await site(request)
        if reply.body == "in" and request.path == "/":
            return Reply(html(["/1", "/2", "/3"]))
        return reply

    origin = web.serve(handler)
    seed = origin.replace("//", "//me:s3cret@") + "/"
    ran = crawl(seed, "--digest", "--delay", "50ms", "--retries", "0")

    assert ran.code == 0, ran.err
    assert len(ran.of("page")) == 4
    assert {record["attempts"] for record in ran.of("page")} == {1}
    assert "s3cret" not in ran.out + ran.err
    log = web.log
    assert web.most[("127.0.0.1", int(origin.rpartition(":")[2]))] == 1
    for one, two in pairwise(log):
        assert two.started - one.ended >= 0.045  # asked again, but not out of turn


def test_an_impolite_answer_to_a_challenge_would_be_noticed(web: Web) -> None:
    """aiohttp's own middleware answers at once, whatever the delay."""
    import asyncio

    from aiohttp import ClientSession, DigestAuthMiddleware

    origin = web.serve(Guarded())

    async def ask() -> None:
        login = DigestAuthMiddleware("me", "s3cret")
        async with ClientSession(middlewares=[login]) as session, session.get(origin) as response:
            assert response.status == 200

    asyncio.run(ask())
    one, two = web.log
    assert two.started - one.ended < 0.045


def test_a_jar_lives_from_run_to_run(web: Web, tmp_path: Path) -> None:
    async def handler(request: Request) -> Reply:
        if request.path == "/robots.txt":
            return Reply("", 404, headers={"Set-Cookie": "robots=1; Path=/; Max-Age=1000"})
        return Reply(html(["/next"]), headers={"Set-Cookie": "session=2; Path=/; HttpOnly"})

    origin = web.serve(handler)
    file = tmp_path / "cookies.txt"

    without = crawl(origin)
    assert not any("cookie" in request.headers for request in web.log)
    web.log.clear()
    first = crawl(origin, "--cookie-jar", str(file))
    sent = [request.headers.get("cookie") for request in web.log]
    again = crawl(origin, "--cookie-jar", str(file))

    assert [ran.code for ran in (without, first, again)] == [0, 0, 0]
    assert sent == [None, "robots=1", "robots=1; session=2"]
    assert web.log[3].headers["cookie"] == "robots=1; session=2"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "#HttpOnly_127.0.0.1\tFALSE\t/\tFALSE\t0\tsession\t2\n" in file.read_text()
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("satisfied", [True, False])
def test_a_page_that_redirects_to_itself_with_a_cookie_is_asked_for_once_more(
    web: Web, tmp_path: Path, satisfied: bool
) -> None:
    async def handler(request: Request) -> Reply:
        if request.path == "/robots.txt":
            return Reply(status=404)
        if "in=" in request.headers.get("cookie", "") and satisfied:
            return Reply(html(["/next"] if request.path == "/" else []))
        cookie = f"in={len(web.log)}; Path=/"  # never the same
        return Reply("", 302, headers={"Location": f"{request.path}#top", "Set-Cookie": cookie})

    origin = web.serve(handler)
    ran = crawl(origin, "--cookie-jar", str(tmp_path / "cookies.txt"), "--retries", "0")
    asked = [request.path for request in web.log]
    without = crawl(origin)

    assert [record["type"] for record in without.records] == ["redirect"]
    if satisfied:
        assert asked == ["/robots.txt", "/", "/", "/next"]
        assert [(page["url"], page["attempts"]) for page in ran.records] == [
            (f"{origin}/", 1), (f"{origin}/next", 1)
        ]  # fmt: skip
    else:
        assert asked == ["/robots.txt", "/", "/"]
        assert [record["type"] for record in ran.records] == ["redirect"]


def test_a_bad_jar_is_two_before_anything_is_asked_and_stays_as_it_is(
    web: Web, tmp_path: Path
) -> None:
    origin = web.serve(page())
    file = tmp_path / "cookies.txt"
    file.write_text("precious but no cookies\n")

    ran = crawl(origin, "--cookie-jar", str(file))
    folder = crawl(origin, "--cookie-jar", str(tmp_path))
    missing = crawl(origin, "--cookie-jar", str(tmp_path / "no" / "cookies.txt"))

    assert (ran.code, folder.code, missing.code) == (2, 73, 73)
    assert "cookies.txt, line 1" in told(ran)
    assert "directory" in told(folder)
    assert "--cookie-jar" in told(missing)
    assert file.read_text() == "precious but no cookies\n"
    assert not web.log


def test_a_jar_that_cannot_be_kept_is_74(web: Web, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()

    async def handler(request: Request) -> Reply:
        if folder.exists():
            os.rmdir(folder)
        return Reply("", headers={"Set-Cookie": "a=1"})

    ran = crawl(web.serve(handler), "--cookie-jar", str(folder / "cookies.txt"))

    assert ran.code == 74
    assert "--cookie-jar" in told(ran)
