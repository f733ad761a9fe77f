"""Credentials are bound to origins: on paper, and in what arrives at real servers."""

import os
import re
from base64 import b64encode
from pathlib import Path

import pytest

from crawler.fetch.credentials import Credentials, basic
from crawler.policy import urls
from tests.fetch.wire import fetched, fetching
from tests.web.server import Reply, Request, Web

SEED = "https://seed.example/start"
ORIGIN = "https://seed.example"
OTHERS = [
    "http://seed.example",
    "https://seed.example:8443",
    "https://www.seed.example",
    "https://seed.example.evil.example",
    "https://evil.example",
]


def admitted(*, credentials: Credentials, userinfo: tuple[str, str] | None = None) -> Credentials:
    credentials.admit(SEED, userinfo)
    return credentials


def test_headers_cookies_and_auth_go_to_the_seeds_origin() -> None:
    credentials = admitted(
        credentials=Credentials(["X-Key: 1"], ["a=1", "b=2"], "user:pass:word"),
    )
    assert credentials.headers(ORIGIN) == {
        "X-Key": "1",
        "Cookie": "a=1; b=2",
        "Authorization": basic("user", "pass:word"),
    }


@pytest.mark.parametrize("other", OTHERS)
def test_no_other_origin_is_told_anything(other: str) -> None:
    credentials = admitted(
        credentials=Credentials(["X-Key: 1"], ["a=1"], "user:password"), userinfo=("me", "secret")
    )
    assert credentials.headers(other) is None


def test_before_it_is_a_seed_an_origin_is_told_nothing() -> None:
    credentials = Credentials(["X-Key: 1"], ["a=1"], "user:password")
    assert credentials.headers(ORIGIN) is None


def test_every_seed_has_the_seeds_headers() -> None:
    credentials = admitted(credentials=Credentials(["X-Key: 1"]))
    credentials.admit("http://second.example:8080/", None)
    assert credentials.headers("http://second.example:8080") == {"X-Key": "1"}


def test_a_header_may_be_for_one_origin_that_is_no_seed() -> None:
    credentials = admitted(credentials=Credentials(["@https://api.example X-Key: 1"]))
    assert credentials.headers("https://api.example") == {"X-Key": "1"}
    assert credentials.headers("http://api.example") is None
    assert credentials.headers(ORIGIN) is None


@pytest.mark.parametrize(
    "place",
    ["@https://API.example", "@https://api.example:443", "@https://api.example/any/path?x"],
)
def test_an_origin_may_be_spelled_in_any_way(place: str) -> None:
    credentials = Credentials([f"{place} X-Key: 1"])
    assert credentials.headers("https://api.example") == {"X-Key": "1"}


def test_a_header_for_one_origin_wins_over_the_seeds() -> None:
    credentials = admitted(
        credentials=Credentials(["X-Key: seeds", f"@{ORIGIN} X-Key: its own"]),
    )
    assert credentials.headers(ORIGIN) == {"X-Key": "its own"}


def test_userinfo_is_its_own_origins_auth_and_wins_over_auth() -> None:
    credentials = Credentials(auth="user:password")
    credentials.admit(SEED, ("me", "secret"))
    credentials.admit("https://second.example/", None)
    assert credentials.headers(ORIGIN) == {"Authorization": basic("me", "secret")}
    assert credentials.headers("https://second.example") == {
        "Authorization": basic("user", "password")
    }


def test_a_second_seed_of_the_origin_without_userinfo_takes_nothing_away() -> None:
    credentials = admitted(credentials=Credentials(), userinfo=("me", "secret"))
    credentials.admit("https://seed.example/other", None)
    assert credentials.headers(ORIGIN) == {"Authorization": basic("me", "secret")}


def test_userinfo_typed_with_a_seed_is_decoded() -> None:
    seed = urls.seed("https://m%C3%A9:s%3Acret@seed.example/")
    assert seed.url == "https://seed.example/"
    credentials = Credentials()
    credentials.admit(seed.url, seed.userinfo)
    expected = "Basic " + b64encode("mé:s:cret".encode()).decode()
    assert credentials.headers(ORIGIN) == {"Authorization": expected}


@pytest.mark.parametrize(
    "line",
    [
        "Accept: text/html",
        "accept-language: de",
        "Accept-Encoding: gzip",
        "User-Agent: me",
        "user-agent: me",
    ],
)
def test_accept_and_user_agent_go_everywhere(line: str) -> None:
    credentials = admitted(credentials=Credentials([line]))
    name, _, value = line.partition(": ")
    assert credentials.everywhere == {name: value}
    assert credentials.headers(ORIGIN) is None


@pytest.mark.parametrize("name", ["X-Accept", "Acceptance", "User-Agents", "Referer", "From"])
def test_names_that_only_look_alike_do_not_go_everywhere(name: str) -> None:
    assert Credentials([f"{name}: 1"]).everywhere == {}


def test_what_goes_everywhere_may_still_be_bound() -> None:
    credentials = Credentials(["@https://api.example Accept: application/json"])
    assert credentials.everywhere == {}
    assert credentials.headers("https://api.example") == {"Accept": "application/json"}


@pytest.mark.parametrize(
    "line",
    [
        "no colon",
        ": no name",
        "two words: 1",
        "Naïve: 1",
        "X-Key\r\nX-Other: 1",
        "X-Key: 1\r\nX-Other: 2",
        "X-Key: 1\nX-Other: 2",
        "X-Key: 1\0",
        "X-Key: 1\x7f2",
        "X-Key: \x1b[31mred",
        "@https://api.example no colon",
        "@https://api.example",
        "@api.example X-Key: 1",
        "@ftp://api.example X-Key: 1",
        "@ X-Key: 1",
    ],
)
def test_what_is_no_header_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        Credentials([line])


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("Authorization Bearer secret", "-H 'Authorization …': a header is"),
        ("X Key: secret", "-H 'X Key: …': a header is"),
        ("secret", "-H '…': a header is"),
        ("@ftp://me:sec#ret@api.example X-Key: secret", "-H '@ftp://api.example …': @ORIGIN"),
        ("@https://api.example X-Key secret", "-H 'X-Key …': a header is"),
        ("Content-Length: secret", "-H Content-Length: this header"),
    ],
)
def test_what_is_wrong_with_a_header_is_told_without_its_value(line: str, named: str) -> None:
    with pytest.raises(ValueError, match=re.escape(named)) as caught:
        Credentials([line])
    assert "sec" not in str(caught.value)


def test_what_is_no_cookie_is_not_quoted() -> None:
    with pytest.raises(ValueError, match=r"^-b: a cookie is NAME=VALUE$"):
        Credentials(cookies=["a=1", "secret"])


def test_control_characters_in_cookies_are_refused() -> None:
    with pytest.raises(ValueError, match="control"):
        Credentials(cookies=["a=1\r\nX-Other: 2"])


def test_auth_needs_a_colon() -> None:
    with pytest.raises(ValueError, match="USER:PASSWORD"):
        Credentials(auth="user")


def test_auth_is_text() -> None:
    with pytest.raises(ValueError, match="UTF-8"):
        Credentials(auth="me:\udcff")


def test_auth_may_have_an_empty_password() -> None:
    credentials = admitted(credentials=Credentials(auth="token:"))
    assert credentials.headers(ORIGIN) == {"Authorization": basic("token", "")}


def test_a_header_value_may_be_empty_or_have_colons_and_tabs() -> None:
    credentials = admitted(credentials=Credentials(["X-Empty:", "X-Url: http://x/\ty"]))
    assert credentials.headers(ORIGIN) == {"X-Empty": "", "X-Url": "http://x/\ty"}


@pytest.mark.parametrize(
    ("given", "auth"),
    [
        ([f"@{ORIGIN} authorization: Bearer it"], "user:password"),
        (["X-Key: seeds", f"@{ORIGIN} x-key: its own"], None),
        (["X-Key: first", "x-key: second"], None),
    ],
)
def test_header_names_have_no_case(given: list[str], auth: str | None) -> None:
    credentials = admitted(credentials=Credentials(given, auth=auth))
    headers = credentials.headers(ORIGIN)
    assert headers is not None
    assert len(headers) == 1


def test_cookies_given_in_both_ways_are_both_sent() -> None:
    credentials = admitted(credentials=Credentials(["Cookie: a=1"], ["b=2"]))
    assert credentials.headers(ORIGIN) == {"Cookie": "a=1; b=2"}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def write_netrc(home: Path, text: str) -> None:
    file = home / ".netrc"
    file.write_text(text, errors="surrogateescape")
    os.chmod(file, 0o600)


def test_netrc_is_looked_up_for_seeds_only(home: Path) -> None:
    write_netrc(
        home,
        "machine seed.example login me password secret\n"
        "machine other.example login you password other\n",
    )
    credentials = admitted(credentials=Credentials(use_netrc=True))
    assert credentials.headers(ORIGIN) == {"Authorization": basic("me", "secret")}
    assert credentials.headers("https://other.example") is None


def test_without_netrc_the_file_is_not_read(home: Path) -> None:
    write_netrc(home, "machine seed.example login me password secret\n")
    assert admitted(credentials=Credentials()).headers(ORIGIN) is None


def test_userinfo_wins_over_netrc(home: Path) -> None:
    write_netrc(home, "machine seed.example login me password secret\n")
    credentials = admitted(credentials=Credentials(use_netrc=True), userinfo=("typed", "here"))
    assert credentials.headers(ORIGIN) == {"Authorization": basic("typed", "here")}


def test_a_seed_that_netrc_does_not_know_has_no_password(home: Path) -> None:
    write_netrc(home, "machine else.example login me password secret\n")
    assert admitted(credentials=Credentials(use_netrc=True)).headers(ORIGIN) is None


def test_auth_given_by_hand_wins_over_netrc(home: Path) -> None:
    write_netrc(home, "machine seed.example login me password secret\n")
    credentials = admitted(credentials=Credentials(auth="typed:here", use_netrc=True))
    assert credentials.headers(ORIGIN) == {"Authorization": basic("typed", "here")}


@pytest.mark.parametrize(
    "text",
    [None, "machine\n", "nonsense here\n", "machine a login b password c secret\n", "\udcff"],
)
def test_a_netrc_that_cannot_be_read_is_a_sentence_for_people(home: Path, text: str | None) -> None:
    if text is not None:
        write_netrc(home, text)
    with pytest.raises(ValueError, match=r"^--netrc: .*/\.netrc") as caught:
        Credentials(use_netrc=True)
    assert not [word for word in ("Errno", "here", "secret") if word in str(caught.value)]


async def _hello(request: Request) -> Reply:
    return Reply("hello")


SECRETS = ("x-key", "cookie", "authorization", "referer")


async def test_what_arrives_at_a_seed_and_at_another_origin(web: Web) -> None:
    seed, other = web.serve(_hello), web.serve(_hello)
    credentials = Credentials(
        ["X-Key: 1", "Accept-Language: de", "Referer: https://from.example/"],
        ["a=1", "b=2"],
        "user:password",
    )
    async with fetching(credentials=credentials) as fetcher:
        fetcher.admit(seed + "/")
        for url in (seed + "/page", other + "/page"):
            assert fetched(await fetcher.fetch(url)).status == 200
    at_seed, at_other = (request.headers for request in web.requests("/page"))
    assert at_seed["x-key"] == "1"
    assert at_seed["cookie"] == "a=1; b=2"
    assert at_seed["authorization"] == basic("user", "password")
    assert at_seed["referer"] == "https://from.example/"
    assert not at_other.keys() & set(SECRETS)
    for headers in (at_seed, at_other):
        assert headers["accept-language"] == "de"
        assert headers["user-agent"] == "crawlway-test"


async def test_a_seed_admitted_after_the_first_request_is_told_from_then_on(web: Web) -> None:
    origin = web.serve(_hello)
    async with fetching(credentials=Credentials(["X-Key: 1"])) as fetcher:
        await fetcher.fetch(origin + "/before")
        fetcher.admit(origin + "/", ("me", "secret"))
        await fetcher.fetch(origin + "/after")
    (before,), (after,) = web.requests("/before"), web.requests("/after")
    assert not before.headers.keys() & set(SECRETS)
    assert after.headers["x-key"] == "1"
    assert after.headers["authorization"] == basic("me", "secret")


async def test_a_bound_header_arrives_where_it_is_bound(web: Web) -> None:
    seed, bound = web.serve(_hello), web.serve(_hello)
    async with fetching(credentials=Credentials([f"@{bound} X-Key: 1"])) as fetcher:
        fetcher.admit(seed + "/")
        await fetcher.fetch(seed + "/seed")
        await fetcher.fetch(bound + "/bound")
    assert "x-key" not in web.requests("/seed")[0].headers
    assert web.requests("/bound")[0].headers["x-key"] == "1"


async def test_what_goes_everywhere_replaces_our_own(web: Web) -> None:
    origin = web.serve(_hello)
    lines = ["accept: text/plain", "user-agent: someone else"]
    async with fetching(credentials=Credentials(lines)) as fetcher:
        await fetcher.fetch(origin + "/")
    (request,) = web.requests("/")
    assert request.headers["accept"] == "text/plain"
    assert request.headers["user-agent"] == "someone else"


async def test_cookies_that_servers_set_are_not_kept(web: Web) -> None:
    async def handler(request: Request) -> Reply:
        return Reply("hello", headers={"Set-Cookie": "id=1; Path=/"})

    origin = web.serve(handler)
    async with fetching() as fetcher:
        for _ in range(2):
            await fetcher.fetch(origin + "/")
    assert all("cookie" not in request.headers for request in web.requests())


async def test_netrc_and_proxies_of_the_environment_are_not_for_us(
    web: Web, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_netrc(home, "machine 127.0.0.1 login me password secret\n")
    monkeypatch.setenv("NETRC", str(home / ".netrc"))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    origin = web.serve(_hello)
    async with fetching() as fetcher:
        fetcher.admit(origin + "/")
        assert fetched(await fetcher.fetch(origin + "/")).status == 200
    assert "authorization" not in web.requests("/")[0].headers
