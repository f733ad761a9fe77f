"""A jar: what is kept, what is sent, and the file it lives in."""

import os
import stat
from http.cookiejar import MozillaCookieJar
from pathlib import Path

import pytest

from crawler.fetch import jar as jars
from crawler.fetch.cookie import NEVER, Cookie
from crawler.fetch.jar import MOST, MOST_PER_SITE, Jar, load, store
from crawler.policy import urls
from tests.fetch.wire import fetched, fetching
from tests.web.server import Reply, Request, Web

NOW = 1_700_000_000.0


def jar() -> Jar:
    return Jar(lambda: NOW)


def test_what_is_set_is_sent_back_to_where_it_belongs() -> None:
    kept = jar()
    kept.take("https://www.example.com/dir/x", ["host=1", "all=2; Domain=example.com; Path=/"])

    assert kept.header("https://www.example.com/dir/y") == "host=1; all=2"
    assert kept.header("https://www.example.com/") == "all=2"
    assert kept.header("https://example.com/") == "all=2"
    assert kept.header("https://a.b.example.com/?dir") == "all=2"
    for stranger in ("https://example.org/", "https://badexample.com/", "https://example.com.uk/"):
        assert kept.header(stranger) == ""


def test_longer_paths_come_first_and_then_older_cookies() -> None:
    kept = jar()
    kept.take(
        "http://a.example/x/y/z",
        ["one=1; path=/", "two=2; path=/x/y", "three=3; path=/x", "four=4; path=/"],
    )
    kept.take("http://a.example/", ["one=5; path=/"])  # as old as before

    assert kept.header("http://a.example/x/y/z") == "two=2; three=3; one=5; four=4"


def test_cookies_end() -> None:
    now = NOW
    kept = Jar(lambda: now)
    kept.take("http://a.example/", ["a=1; Max-Age=60", "b=2", "c=3"])
    kept.take("http://a.example/", ["b=gone; Max-Age=0", "c=; Expires=Thu, 01 Jan 1970 00:00:00"])
    assert kept.header("http://a.example/") == "a=1"
    now += 61
    assert kept.header("http://a.example/") == ""
    assert kept.cookies() == []


def test_a_cookie_for_a_public_suffix_reaches_nobody() -> None:
    kept = jar()
    for suffix in ("co.uk", ".co.uk", "uk", "co.uk."):
        kept.take("https://evil.co.uk/", [f"a=1; Domain={suffix}"])
    kept.take("https://evil.co.uk./", ["a=1; Domain=co.uk."])

    assert kept.header("https://victim.co.uk/") == kept.header("https://victim.co.uk./") == ""
    assert len(kept) == 0


def test_without_the_list_of_suffixes_it_would(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(urls, "is_public_suffix", lambda name: False)
    kept = jar()
    kept.take("https://evil.co.uk/", ["a=1; Domain=co.uk"])

    assert kept.header("https://victim.co.uk/") == "a=1"


def test_a_cookie_for_a_domain_reaches_below_a_public_suffix_within_it() -> None:
    kept = jar()
    kept.take("https://aws.amazonaws.com/", ["a=1; Domain=amazonaws.com"])

    assert kept.header("https://x.compute.amazonaws.com/") == "a=1"


def test_plain_http_does_not_overlay_what_https_has_set() -> None:
    kept = jar()
    kept.take("https://www.example.com/", ["a=good; Secure; Domain=example.com"])
    kept.take("http://www.example.com/", ["a=evil; Domain=example.com", "a=evil", "b=2"])

    assert kept.header("https://www.example.com/") == "a=good; b=2"
    assert kept.header("http://www.example.com/") == "b=2"


def test_no_site_fills_the_jar_or_pushes_anothers_cookies_out() -> None:
    kept = jar()
    kept.take("https://victim.example/", ["login=1"])
    for number in range(MOST_PER_SITE + 5):
        kept.take(f"https://h{number}.evil.example.com/", [f"c{number}=1; Domain=example.com"])
    assert len(kept) == MOST_PER_SITE + 1
    assert kept.header("https://victim.example/") == "login=1"
    assert not kept.header("https://example.com/").startswith("c0=")


def test_a_full_jar_takes_no_more() -> None:
    full = Jar(lambda: NOW, [Cookie(f"c{n}", "", f"h{n}.example") for n in range(MOST)])
    full.take("https://late.example/", ["a=1"])
    full.take("https://h1.example/", ["c1=new; Path=/"])
    assert len(full) == MOST
    assert full.header("https://late.example/") == ""
    assert full.header("https://h1.example/") == "c1=new"


FILE = (
    "# Netscape HTTP Cookie File\n"
    "# a comment\r\n"
    "\n"
    "www.example.com\tFALSE\t/\tTRUE\t0\thost\t1\n"
    "#HttpOnly_.example.com\tTRUE\t/dir\tFALSE\t2000000000\tall\t2\n"
    "example.net.\tFALSE\t/\tFALSE\t1999999999.5\tdot\t3\r\n"
    "127.0.0.1\tFALSE\t/\tFALSE\t0\tempty\t\n"
    "old.example\tFALSE\t/\tFALSE\t1000000000\told\t5"
)


def test_a_file_comes_back_as_it_was(tmp_path: Path) -> None:
    file = tmp_path / "cookies.txt"
    file.write_text(FILE)
    first = load(file, lambda: NOW)
    store(first, file)
    again = load(file, lambda: NOW)

    assert first.cookies() == again.cookies() == [
        Cookie("host", "1", "www.example.com", "/", None, True, True, False),
        Cookie("all", "2", "example.com", "/dir", 2_000_000_000, False, False, True),
        Cookie("dot", "3", "example.net.", "/", 1_999_999_999, True),
        Cookie("empty", "", "127.0.0.1", "/", None, True),
    ]  # fmt: skip
    assert first.header("https://www.example.com/dir/") == "all=2; host=1"
    assert first.header("http://example.net./") == "dot=3"
    assert first.header("http://example.net/") == ""


def test_what_is_stored_others_can_read(tmp_path: Path) -> None:
    kept = jar()
    kept.take("https://www.example.com/", ["a=1; Domain=example.com; Max-Age=1000000000; HttpOnly"])
    kept.take("https://www.example.com/", ["b=2; Max-Age=1000000000; Secure"])
    store(kept, tmp_path / "cookies.txt")
    others = MozillaCookieJar(tmp_path / "cookies.txt")
    others.load()

    found = {each.name: each for each in others}
    assert (found["a"].domain, found["a"].domain_specified) == (".example.com", True)
    assert (found["b"].domain, found["b"].domain_specified) == ("www.example.com", False)
    assert found["b"].secure


def test_a_file_is_replaced_whole_and_for_its_owner_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "real.txt"
    file.write_text(FILE)
    file.chmod(0o644)
    link = tmp_path / "cookies.txt"
    link.symlink_to(file)
    kept = load(link, lambda: NOW)
    before = file.read_text()

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="space"):
            store(kept, link)
    assert file.read_text() == before
    assert sorted(each.name for each in tmp_path.iterdir()) == ["cookies.txt", "real.txt"]

    store(kept, link)
    assert link.is_symlink()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"not cookies\n", "line 1: .*seven fields"),
        (b'[{"domain": "example.com"}]', "line 1: .*seven fields"),
        (b"# fine\na.example\tFALSE\t/\tFALSE\tsoon\ta\t1\n", "line 2: 'soon'"),
        (b"a.example\tYES\t/\tFALSE\t0\ta\t1\n", "TRUE or FALSE"),
        (b"a.example\tFALSE\t/\tmaybe\t0\ta\t1\n", "TRUE or FALSE"),
        (b"a.example\tFALSE\tx\tFALSE\t0\ta\t1\n", "path from /"),
        (b"a/b\tFALSE\t/\tFALSE\t0\ta\t1\n", "a host"),
        (b"a.example\tFALSE\t/\tFALSE\t0\t\t1\n", "a name"),
        (b"a.example\tFALSE\t/\tFALSE\t0\ta\t1\x002\n", "control"),
        (b"a.example\tFALSE\t/\tFALSE\tinf\ta\t1\n", "no time"),
        (b".co.uk\tTRUE\t/\tFALSE\t0\ta\t1\n", "public suffix"),
        (b"\xff\xfe\x00", "UTF-8"),
    ],
)
def test_a_file_that_is_something_else_is_named_with_its_line(
    tmp_path: Path, text: bytes, words: str
) -> None:
    file = tmp_path / "cookies.txt"
    file.write_bytes(text)
    with pytest.raises(ValueError, match=words):
        load(file, lambda: NOW)
    assert file.read_bytes() == text


def test_no_file_is_an_empty_jar(tmp_path: Path) -> None:
    assert len(load(tmp_path / "new.txt", lambda: NOW)) == 0


def test_an_expiry_beyond_time_is_the_end_of_time(tmp_path: Path) -> None:
    file = tmp_path / "cookies.txt"
    file.write_text("a.example\tFALSE\t/\tFALSE\t" + "9" * 30 + "\ta\t1\n")
    assert load(file, lambda: NOW).cookies()[0].expires == NEVER


async def echo(request: Request) -> Reply:
    if request.path == "/set":
        return Reply("", headers={"Set-Cookie": "a=1; Path=/"})
    if request.path == "/redirect":
        return Reply("", 302, headers={"Set-Cookie": "r=2; Path=/", "Location": "/set"})
    return Reply("page")


async def test_a_jar_on_the_wire_keeps_to_its_host_and_yields_to_cookies_given(web: Web) -> None:
    from crawler.fetch.credentials import Credentials

    one, other = web.serve(echo), web.serve(echo, "127.0.0.2")
    async with fetching(credentials=Credentials(cookies=["a=mine", "z=26"]), jar=jar()) as fetcher:
        fetcher.admit(other + "/")
        for url in (one + "/set", one + "/redirect", other + "/set", one + "/x", other + "/y"):
            fetched(await fetcher.fetch(url))

    (at_one,), (at_other,) = web.requests("/x"), web.requests("/y")
    assert at_one.headers["cookie"] == "a=1; r=2"
    assert at_other.headers["cookie"] == "a=mine; z=26"


def test_the_modules_bounds_are_what_the_rfc_asks_for() -> None:
    assert jars.MOST_PER_SITE >= 50
    assert jars.MOST >= 3_000
