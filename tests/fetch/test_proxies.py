"""Proxies: which there are, for what, what they are told, and what comes of their faults."""

import asyncio
import ssl
import sys

import aiohttp.connector
import pytest

from crawler.errors import BadSetting
from crawler.fetch import proxies
from crawler.fetch.addresses import Trust
from crawler.fetch.credentials import Credentials, basic
from crawler.fetch.proxies import Proxies, Proxy
from crawler.model import Fault
from tests.fetch.wire import failed, fetched, fetching, head, listening, raw
from tests.web.certificates import Certificates
from tests.web.proxy import ProxyWeb
from tests.web.server import Reply, Request

LOGIN = basic("me", "s3cret")


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """No proxy of the machine's."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "request_method"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    return monkeypatch


@pytest.mark.parametrize(
    ("text", "proxy"),
    [
        ("http://proxy.example:3128", Proxy("http", "proxy.example", 3128)),
        ("http://proxy.example:3128/", Proxy("http", "proxy.example", 3128)),
        ("proxy.example:3128", Proxy("http", "proxy.example", 3128)),
        ("PROXY.example", Proxy("http", "proxy.example", 80)),
        ("https://proxy.example", Proxy("https", "proxy.example", 443)),
        ("socks5://127.0.0.1", Proxy("socks5", "127.0.0.1", 1080)),
        ("socks5h://[::1]:9050", Proxy("socks5", "::1", 9050)),
        ("http://me:p%40ss@proxy:1", Proxy("http", "proxy", 1, ("me", "p@ss"))),
        ("http://me@proxy:1", Proxy("http", "proxy", 1, ("me", ""))),
    ],
)
def test_a_proxy_is_a_url(text: str, proxy: Proxy) -> None:
    assert proxies.parse(text, "--proxy") == proxy


@pytest.mark.parametrize(
    "text",
    [
        "", "http://", "ftp://me:s3cret@proxy", "socks4://proxy", "http://me:s3cret@:3128",
        "http://proxy:0", "http://proxy:99999", "http://proxy/path", "http://proxy?x",
        "http://me:s3cret%0d%0aX@proxy", "http://pro xy:1", "http://me:s3cret\udcff@proxy",
        "http://[::1",
    ],
)  # fmt: skip
def test_what_is_no_proxy_is_refused_and_no_password_is_quoted(text: str) -> None:
    with pytest.raises(ValueError, match="--proxy") as caught:
        proxies.parse(text, "--proxy")
    assert "s3cret" not in str(caught.value)


def test_a_password_is_never_shown() -> None:
    proxy = proxies.parse("http://me:s3cret@proxy:1", "--proxy")

    assert "s3cret" not in f"{proxy} {proxy!r} {Proxies({'http': proxy})}"
    assert proxy.headers == {"Proxy-Authorization": LOGIN}


def test_one_proxy_is_for_everything_whatever_the_environment_says(
    environment: pytest.MonkeyPatch,
) -> None:
    environment.setenv("HTTP_PROXY", "http://other:1")
    environment.setenv("NO_PROXY", "*")
    found = proxies.given("http://proxy:3128")

    for origin in ("http://a.example", "https://a.example:8443", "http://127.0.0.1:80"):
        assert str(found.of(origin)) == "http://proxy:3128"


def test_the_environment_names_proxies_by_scheme(environment: pytest.MonkeyPatch) -> None:
    assert not proxies.given(None)
    environment.setenv("HTTPS_PROXY", "http://secure:2")
    assert proxies.given(None).of("http://a.example") is None
    environment.setenv("ALL_PROXY", "socks5://all:3")
    found = proxies.given(None)

    assert str(found.of("http://a.example")) == "socks5://all:3"
    assert str(found.of("https://a.example")) == "http://secure:2"
    assert not proxies.given("off")


def test_a_bad_proxy_of_the_environment_is_told_with_the_way_out(
    environment: pytest.MonkeyPatch,
) -> None:
    environment.setenv("HTTP_PROXY", "gopher://me:s3cret@old")

    with pytest.raises(ValueError, match=r"HTTP_PROXY .*--proxy off") as caught:
        proxies.given(None)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("exceptions", "origin", "direct"),
    [
        ("example.com", "http://example.com", True),
        ("example.com", "http://www.example.com", True),
        (".example.com", "http://www.example.com", True),
        ("*.example.com", "http://www.example.com", True),
        ("example.com", "http://badexample.com", False),
        ("other, EXAMPLE.com ", "https://example.com", True),
        ("example.com:8080", "http://example.com:8080", True),
        ("example.com:8080", "http://example.com", False),
        ("example.com:443", "https://example.com", True),
        ("*", "http://anything.example", True),
        ("10.0.0.0/8", "http://10.1.2.3", True),
        ("10.0.0.0/8", "http://11.1.2.3", False),
        ("10.0.0.0/nonsense", "http://10.1.2.3", False),
        ("fd00::/8", "http://[fd00::1]:81", True),
        ("[fd00::1]:81", "http://[fd00::1]:81", True),
        ("fd00::1", "http://[fd00::1]:81", True),
        (", ,", "http://example.com", False),
        ("", "http://localhost:8000", True),
        ("", "http://www.localhost", True),
        ("", "http://127.0.0.9", True),
        ("", "http://[::1]", True),
        ("", "http://10.0.0.1", False),
    ],
)
def test_exceptions_of_the_environment(
    environment: pytest.MonkeyPatch, exceptions: str, origin: str, direct: bool
) -> None:
    environment.setenv("HTTP_PROXY", "http://proxy:1")
    environment.setenv("HTTPS_PROXY", "http://proxy:1")
    environment.setenv("NO_PROXY", exceptions)

    assert (proxies.given(None).of(origin) is None) == direct


def through(proxy: str, kind: str = "http") -> Proxies:
    found = proxies.parse(f"{kind}://{proxy}", "--proxy")
    return Proxies({"http": found, "https": found})


async def hello(request: Request) -> Reply:
    return Reply("hello " + request.host)


async def test_http_goes_through_with_the_proxys_password_and_nobody_elses(
    through_web: ProxyWeb,
) -> None:
    web = through_web
    web.names = {"a.test": "127.0.0.1"}
    web.login = LOGIN
    port = web.serve(hello).rpartition(":")[2]
    proxy = web.proxy()
    url = f"http://a.test:{port}/page"

    async with fetching(Trust(), proxies=through(f"me:s3cret@{proxy}")) as fetcher:
        answer = fetched(await fetcher.fetch(url))
    async with fetching(Trust(), proxies=through(f"me:wrong@{proxy}")) as fetcher:
        unwelcome = failed(await fetcher.fetch(url))

    assert answer.body == f"hello a.test:{port}".encode()
    assert [(asked.what, asked.target) for asked in web.asked] == [("GET", url)] * 2
    (request,) = web.requests("/page")
    assert "proxy-authorization" not in request.headers
    assert (unwelcome.fault, unwelcome.lasting) == (Fault.PROXY, True)
    assert "407" in unwelcome.message
    assert "wrong" not in unwelcome.message


@pytest.fixture
def trusted(certificates: Certificates, monkeypatch: pytest.MonkeyPatch) -> Certificates:
    """Our authority is one that everybody trusts."""
    context = ssl.create_default_context(cafile=str(certificates.file))
    monkeypatch.setattr(aiohttp.connector, "_SSL_CONTEXT_VERIFIED", context)
    return certificates


@pytest.mark.parametrize("kind", ["http", "https", "socks5"])
async def test_https_goes_through_a_tunnel_that_hides_everything(
    through_web: ProxyWeb, trusted: Certificates, kind: str
) -> None:
    web = through_web
    web.names = {"a.test": "127.0.0.1"}
    web.login = "me:s3cret" if kind == "socks5" else LOGIN
    port = web.serve(hello, tls=trusted.valid("a.test")).rpartition(":")[2]
    proxy = web.socks() if kind == "socks5" else web.proxy(
        trusted.valid("127.0.0.1") if kind == "https" else None
    )  # fmt: skip
    credentials = Credentials(["X-Key: 1"], ["c=1"], "user:password")

    async with fetching(
        Trust(), credentials, proxies=through(f"me:s3cret@{proxy}", kind)
    ) as fetcher:
        fetcher.admit(f"https://a.test:{port}/")
        for _ in range(2):
            answer = fetched(await fetcher.fetch(f"https://a.test:{port}/page"))

    assert answer.body == f"hello a.test:{port}".encode()
    (asked,) = web.asked  # the tunnel is kept
    assert asked.target == f"a.test:{port}"
    assert asked.login == web.login
    assert not asked.headers.keys() & {"x-key", "cookie", "authorization"}
    for request in web.requests("/page"):
        assert request.headers["x-key"] == "1"
        assert "proxy-authorization" not in request.headers


async def test_insecure_is_for_the_seeds_and_not_for_the_proxy(
    through_web: ProxyWeb, trusted: Certificates
) -> None:
    web = through_web
    web.names = {"a.test": "127.0.0.1"}
    port = web.serve(hello, tls=trusted.self_signed("a.test")).rpartition(":")[2]
    url = f"https://a.test:{port}/"
    good = web.proxy(trusted.valid("127.0.0.1"))
    bad = web.proxy(trusted.self_signed("127.0.0.1"))

    for proxy in (good, bad):
        async with fetching(
            Trust(), proxies=through(f"me:s3cret@{proxy}", "https"), insecure=True
        ) as fetcher:
            fetcher.admit(url)
            outcome = await fetcher.fetch(url)
        if proxy is good:
            fetched(outcome)
        else:
            assert (failed(outcome).fault, failed(outcome).lasting) == (Fault.PROXY, True)
    assert len(web.asked) == 1  # the second heard nothing, and no password


async def test_each_scheme_has_its_proxy_and_neither_hears_the_others_password(
    through_web: ProxyWeb, trusted: Certificates
) -> None:
    web = through_web
    web.names = {"a.test": "127.0.0.1"}
    plain = web.serve(hello).rpartition(":")[2]
    secure = web.serve(hello, tls=trusted.valid("a.test")).rpartition(":")[2]
    one = proxies.parse(f"http://one:1@{web.proxy()}", "HTTP_PROXY")
    other = proxies.parse(f"http://other:2@{web.proxy()}", "HTTPS_PROXY")

    async with fetching(Trust(), proxies=Proxies({"http": one, "https": other})) as fetcher:
        fetched(await fetcher.fetch(f"http://a.test:{plain}/"))
        fetched(await fetcher.fetch(f"https://a.test:{secure}/"))

    assert [(asked.what, asked.login) for asked in web.asked] == [
        ("GET", basic("one", "1")),
        ("CONNECT", basic("other", "2")),
    ]


async def test_two_socks_proxies_are_two(through_web: ProxyWeb, trusted: Certificates) -> None:
    web, other = through_web, ProxyWeb()
    web.names = {"a.test": "127.0.0.1"}
    plain = web.serve(hello).rpartition(":")[2]
    one = proxies.parse(f"socks5://{web.socks()}", "HTTP_PROXY")
    with other:
        two = proxies.parse(f"socks5://{other.socks()}", "HTTPS_PROXY")
        async with fetching(Trust(), proxies=Proxies({"http": one, "https": two})) as fetcher:
            fetched(await fetcher.fetch(f"http://a.test:{plain}/"))
            await fetcher.fetch("https://b.test:1/")
    assert [asked.target for asked in web.asked] == [f"a.test:{plain}"]
    assert [asked.target for asked in other.asked] == ["b.test:1"]


@pytest.mark.parametrize("kind", ["http", "socks5"])
async def test_a_proxy_that_is_not_there_is_its_own_fault(kind: str) -> None:
    async with listening(None) as port:  # type: ignore[arg-type]
        pass
    async with fetching(Trust(), proxies=through(f"127.0.0.1:{port}", kind)) as fetcher:
        for scheme in ("http", "https"):
            outcome = failed(await fetcher.fetch(f"{scheme}://a.test/"))
            assert (outcome.fault, outcome.lasting) == (Fault.PROXY, False)
            assert "connection refused" in outcome.message
    async with fetching(Trust(), proxies=through("no-such-proxy.invalid:1", kind)) as fetcher:
        outcome = failed(await fetcher.fetch("https://a.test/"))
        assert outcome.fault is Fault.PROXY
        assert "does not resolve" in outcome.message


@pytest.mark.parametrize(("status", "lasting"), [(403, True), (407, True), (502, False)])
async def test_a_tunnel_that_is_refused_is_the_proxys_fault(
    through_web: ProxyWeb, status: int, lasting: bool
) -> None:
    through_web.refuse = status
    async with fetching(Trust(), proxies=through(through_web.proxy())) as fetcher:
        outcome = failed(await fetcher.fetch("https://a.test/"))
    assert (outcome.fault, outcome.lasting) == (Fault.PROXY, lasting)
    assert str(status) in outcome.message


@pytest.mark.parametrize(
    ("code", "fault", "words"),
    [(2, Fault.PROXY, "not allowed"), (4, Fault.CONNECT, "no route"), (5, Fault.CONNECT, "refused"),
     (1, Fault.PROXY, "general")],
)  # fmt: skip
async def test_what_socks_says_of_the_target_is_the_targets_fault(
    through_web: ProxyWeb, code: int, fault: Fault, words: str
) -> None:
    through_web.refuse = code
    async with fetching(Trust(), proxies=through(through_web.socks(), "socks5")) as fetcher:
        outcome = failed(await fetcher.fetch("http://a.test/"))
    assert outcome.fault is fault
    assert words in outcome.message


async def test_a_socks_password_that_is_wrong_is_the_proxys_fault(through_web: ProxyWeb) -> None:
    through_web.login = "me:right"
    proxy = through_web.socks()
    for userinfo in ("me:wrong@", ""):
        async with fetching(Trust(), proxies=through(userinfo + proxy, "socks5")) as fetcher:
            outcome = failed(await fetcher.fetch("http://a.test/"))
        assert outcome.fault is Fault.PROXY
        assert "wrong" not in outcome.message


async def test_a_bad_certificate_behind_a_proxy_is_the_origins_fault(
    through_web: ProxyWeb, certificates: Certificates
) -> None:
    web = through_web
    web.names = {"a.test": "127.0.0.1"}
    port = web.serve(hello, tls=certificates.self_signed("a.test")).rpartition(":")[2]
    for kind, proxy in (("http", web.proxy()), ("socks5", web.socks())):
        async with fetching(Trust(), proxies=through(proxy, kind)) as fetcher:
            outcome = failed(await fetcher.fetch(f"https://a.test:{port}/"))
        assert (outcome.fault, outcome.lasting) == (Fault.TLS, True)
    assert not web.log


PRIVATE_URLS = [
    "http://127.0.0.1/", "http://2130706433/", "http://0x7f.1/", "http://10.0.0.1/",
    "http://169.254.169.254/", "http://[::1]/", "http://[::ffff:10.0.0.1]/", "http://[64:ff9b::a00:1]/",
    "http://localhost/", "http://LOCALHOST./", "http://www.localhost/", "https://localhost:8443/",
    "http://localhost.localdomain/",
]  # fmt: skip


@pytest.mark.parametrize("kind", ["http", "socks5"])
@pytest.mark.parametrize("url", PRIVATE_URLS)
async def test_behind_a_proxy_what_a_url_spells_out_as_private_is_refused(
    through_web: ProxyWeb, kind: str, url: str
) -> None:
    from crawler.policy import urls

    proxy = through_web.proxy() if kind == "http" else through_web.socks()
    canonical = urls.canonical(url)
    assert canonical is not None
    async with fetching(Trust(), proxies=through(proxy, kind)) as fetcher:
        outcome = failed(await fetcher.fetch(canonical))
    assert (outcome.fault, outcome.lasting) == (Fault.PRIVATE_ADDRESS, True)
    assert "--allow-private" in outcome.message
    assert not through_web.asked


async def test_behind_a_proxy_a_typed_private_seed_opens_its_own_host_only(
    through_web: ProxyWeb,
) -> None:
    web = through_web
    port = web.serve(hello).rpartition(":")[2]
    trust = Trust()
    trust.typed("localhost")
    trust.typed("127.0.0.1")
    async with fetching(trust, proxies=through(web.proxy())) as fetcher:
        for host in ("localhost", "127.0.0.1"):
            fetched(await fetcher.fetch(f"http://{host}:{port}/"))
        assert failed(await fetcher.fetch("http://127.0.0.2/")).fault is Fault.PRIVATE_ADDRESS
    assert len(web.asked) == 2


async def test_the_guard_would_be_missed(
    through_web: ProxyWeb, monkeypatch: pytest.MonkeyPatch
) -> None:
    web = through_web
    origin = web.serve(hello)
    monkeypatch.setattr(proxies, "refused", lambda host, trust: None)
    async with fetching(Trust(), proxies=through(web.proxy())) as fetcher:
        fetched(await fetcher.fetch(origin + "/"))
    assert web.asked  # which the tests above assert that there is not


async def test_socks_without_its_extra_is_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "python_socks", None)
    monkeypatch.delitem(sys.modules, "crawler.fetch.socks", raising=False)

    with pytest.raises(BadSetting, match=r"pip install 'crawlway\[socks\]'"):
        async with fetching(proxies=through("127.0.0.1:1080", "socks5")):
            pass


@pytest.mark.parametrize("kind", ["http", "socks5"])
@pytest.mark.parametrize(
    "answer",
    [
        head("Content-Length: 2") + b"ok",
        b"HTTP/1.1 103 Hint\r\nLink: x\r\n\r\n" * 3 + head("Content-Length: 2") + b"ok",
        head("no header", "Content-Length: 2") + b"ok",
        head("Content-Length: 2, 2") + b"ok",
    ],
    ids=["plain", "interim answers", "a line that is no header", "lengths that agree"],
)
async def test_answers_are_read_as_without_a_proxy(
    through_web: ProxyWeb, kind: str, answer: bytes
) -> None:
    web = through_web
    url = web.serve(raw(answer)) + "/"
    through_it = through(web.socks(), kind) if kind == "socks5" else None
    async with fetching(proxies=through_it) as fetcher:
        assert fetched(await fetcher.fetch(url)).body == b"ok"


async def test_behind_socks_late_bytes_are_no_answer_to_the_next_request(
    through_web: ProxyWeb,
) -> None:
    web = through_web

    async def handler(request: Request) -> None:
        request.writer.write(head("Content-Length: 2") + b"ok")
        await request.writer.drain()
        if request.path == "/a":
            await asyncio.sleep(0.1)
            request.writer.write(head("Content-Length: 5") + b"wrong")
            await request.writer.drain()
        await asyncio.Event().wait()

    origin = web.serve(handler)
    async with fetching(proxies=through(web.socks(), "socks5")) as fetcher:
        assert fetched(await fetcher.fetch(origin + "/a")).body == b"ok"
        (connector,) = fetcher._through_socks.values()
        ((idle, _),) = next(iter(connector._conns.values()))
        if idle.closed is not None:
            async with asyncio.timeout(5):
                await idle.closed  # the late bytes end it
        assert fetched(await fetcher.fetch(origin + "/b")).body == b"ok"


async def test_connections_through_a_proxy_are_used_again(through_web: ProxyWeb) -> None:
    web = through_web
    web.names = {"a.test": "127.0.0.1"}
    port = web.serve(hello).rpartition(":")[2]
    for given in ((), ("Host: b.test",)):
        credentials = Credentials(given)
        credentials.admit(f"http://a.test:{port}/", None)
        async with fetching(credentials=credentials, proxies=through(web.proxy())) as fetcher:
            for _ in range(3):
                fetched(await fetcher.fetch(f"http://a.test:{port}/"))
            assert [len(idle) for idle in fetcher._direct._conns.values()] == [1]
