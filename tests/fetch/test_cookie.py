"""One cookie: what Set-Cookie means, and where a cookie may go (RFC 6265)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.fetch.cookie import NEVER, Cookie, date, received

URL = "https://www.example.com/dir/page?query"
NOW = 1_700_000_000.0


def got(header: str, url: str = URL) -> Cookie | None:
    return received(header, url, NOW)


def test_a_plain_cookie_is_for_its_host_its_folder_and_the_session() -> None:
    assert got("a=1") == Cookie("a", "1", "www.example.com", "/dir", None, True)


@pytest.mark.parametrize(
    ("header", "name", "value"),
    [
        ("a=1; Secure", "a", "1"),
        ("  a  =  1 ;", "a", "1"),
        ("a=", "a", ""),
        ("a=b=c", "a", "b=c"),
        ('a="quoted; not"', "a", '"quoted'),
        ("a=1, b=2", "a", "1, b=2"),
        ("a b=c d", "a b", "c d"),
        ("A=1", "A", "1"),
        ("a=春节回", "a", "春节回"),
        ("a=1\t2", "a", "1\t2"),
        ("a=" + "x" * 4_095, "a", "x" * 4_095),
    ],
)
def test_name_and_value_are_taken_as_they_are(header: str, name: str, value: str) -> None:
    cookie = got(header)
    assert cookie is not None
    assert (cookie.name, cookie.value) == (name, value)


@pytest.mark.parametrize(
    "header",
    ["", ";", "a", "=1", " =1", "; a=1", "a\x00=1", "a=1\x00", "a=1\r\nX: 2", "a=\x7f", "a\t=1\x1b",
     "a=" + "x" * 4_096, "a=\udc80"],
)  # fmt: skip
def test_what_is_no_cookie_is_passed_over(header: str) -> None:
    assert got(header) is None


DOMAINS = [
    # (host, attribute, domain, host-only), None where the cookie is refused
    ("www.example.com", "example.com", ("example.com", False)),
    ("www.example.com", ".example.com", ("example.com", False)),
    ("www.example.com", "EXAMPLE.com", ("example.com", False)),
    ("www.example.com", "www.example.com", ("www.example.com", False)),
    ("www.example.com", "", ("www.example.com", True)),
    ("www.example.com", ".", ("www.example.com", True)),
    ("www.example.com", "..example.com", None),
    ("www.example.com", "ample.com", None),
    ("www.example.com", "other.com", None),
    ("www.example.com", "sub.www.example.com", None),
    ("www.example.com", "example.com.", None),
    ("www.example.com", "example.com:8080", None),
    ("www.example.com.", "example.com", None),
    ("www.example.com.", "example.com.", ("example.com.", False)),
    ("www.example.com.", "com.", None),
    ("xn--bcher-kva.example.com", "bücher.example.com", ("xn--bcher-kva.example.com", False)),
    # public suffixes
    ("www.example.com", "com", None),
    ("www.example.co.uk", "co.uk", None),
    ("www.example.co.uk", ".uk", None),
    ("www.example.co.uk", "example.co.uk", ("example.co.uk", False)),
    ("me.github.io", "github.io", None),
    ("me.github.io", "me.github.io", ("me.github.io", False)),
    ("github.io", "github.io", ("github.io", True)),
    ("b.test.ck", "test.ck", None),
    ("a.b.test.ck", "b.test.ck", ("b.test.ck", False)),
    ("www.www.ck", "www.ck", ("www.ck", False)),
    ("a.city.kawasaki.jp", "city.kawasaki.jp", ("city.kawasaki.jp", False)),
    ("a.b.kawasaki.jp", "b.kawasaki.jp", None),
    ("www.xn--85x722f.com.cn", "com.cn", None),
    ("a.xn--55qx5d.cn", "xn--55qx5d.cn", None),
    ("a.公司.cn", "公司.cn", None),
    ("intranet", "intranet", ("intranet", True)),
    ("a.unlisted", "unlisted", None),
    # addresses
    ("127.0.0.1", "127.0.0.1", ("127.0.0.1", True)),
    ("127.0.0.1", "0.0.1", None),
    ("127.0.0.1", "1", None),
    ("[::1]", "::1", ("::1", True)),
]


@pytest.mark.parametrize(("host", "attribute", "expected"), DOMAINS)
def test_domains(host: str, attribute: str, expected: tuple[str, bool] | None) -> None:
    from crawler.policy import urls

    url = urls.canonical(f"https://{host}/")
    assert url is not None
    cookie = got(f"a=1; Domain={attribute}", url)
    assert (cookie and (cookie.domain, cookie.host_only)) == expected


@pytest.mark.parametrize(
    ("attributes", "domain"),
    [
        ("domain=example.com; domain=", "example.com"),
        ("domain=www.example.com; domain=example.com", "example.com"),
        ("domain=example.com; domain=other.com", None),
        ("domain", "www.example.com"),
    ],
)
def test_the_last_attribute_that_means_something_counts(
    attributes: str, domain: str | None
) -> None:
    cookie = got(f"a=1; {attributes}")
    assert (cookie and cookie.domain) == domain


@pytest.mark.parametrize(
    ("url", "attribute", "path"),
    [
        ("https://a.example/", None, "/"),
        ("https://a.example/page", None, "/"),
        ("https://a.example/dir/page", None, "/dir"),
        ("https://a.example/dir/", None, "/dir"),
        ("https://a.example/a/b/c?x=/y/z", None, "/a/b"),
        ("https://a.example/dir/page", "/other", "/other"),
        ("https://a.example/dir/page", "relative", "/dir"),
        ("https://a.example/dir/page", "", "/dir"),
    ],
)
def test_paths(url: str, attribute: str | None, path: str) -> None:
    cookie = got("a=1" if attribute is None else f"a=1; Path={attribute}", url)
    assert cookie is not None
    assert cookie.path == path


@pytest.mark.parametrize(
    ("attributes", "expires"),
    [
        ("", None),
        ("Max-Age=60", NOW + 60),
        ("max-age=0", 0),
        ("max-age=-1", 0),
        ("max-age=1.5", None),
        ("max-age=+5", None),
        ("max-age=60; max-age=nonsense", NOW + 60),
        ("max-age=" + "9" * 500, NEVER),
        ("Expires=Wed, 21 Oct 2065 07:28:00 GMT", 3_023_335_680),
        ("Expires=Wed, 21 Oct 2065 07:28:00 GMT; Expires=never", 3_023_335_680),
        ("Expires=Wed, 21 Oct 2015 07:28:00 GMT; Max-Age=60", NOW + 60),
        ("Expires=soon", None),
    ],
)
def test_expiry(attributes: str, expires: float | None) -> None:
    cookie = got(f"a=1; {attributes}")
    assert cookie is not None
    assert cookie.expires == expires


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_777),
        ("Sunday, 06-Nov-94 08:49:37 GMT", 784_111_777),
        ("Sun Nov  6 08:49:37 1994", 784_111_777),
        ("1994 Nov 6 8:49:37", 784_111_777),
        ("08:49:37x 6th november 94", 784_111_777),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
        ("Mon, 29 Feb 2016 00:00:00 GMT", 1_456_704_000),
        ("1 Jan 69 00:00:00", 3_124_224_000),
        ("Mon, 29 Feb 2015 00:00:00 GMT", None),
        ("Mon, 31 Apr 2015 00:00:00 GMT", None),
        ("Sun, 06 Nov 1994 24:00:00 GMT", None),
        ("Sun, 06 Nov 1994 08:60:00 GMT", None),
        ("Sun, 06 Nov 1600 08:49:37 GMT", None),
        ("Sun, 00 Nov 1994 08:49:37 GMT", None),
        ("Sun, 06 Nov 1994", None),
        ("08:49:37", None),
        ("", None),
    ],
)
def test_dates(text: str, seconds: int | None) -> None:
    assert date(text) == seconds


@given(st.text(max_size=200))
def test_no_header_is_too_odd(text: str) -> None:
    cookie = got(text)
    assert cookie is None or not set("\r\n\0;") & set(cookie.name + cookie.value)
    got("a=1; " + text)
    date(text)


def test_only_https_may_set_what_is_secure() -> None:
    assert got("a=1; Secure", "http://a.example/") is None
    cookie = got("a=1; Secure; HttpOnly")
    assert cookie is not None
    assert (cookie.secure, cookie.http_only) == (True, True)


@pytest.mark.parametrize(
    ("header", "taken"),
    [
        ("__Secure-a=1; Secure", True),
        ("__Secure-a=1", False),
        ("__host-a=1; Secure; Path=/", True),
        ("__Host-a=1; Secure", False),
        ("__Host-a=1; Secure; Path=/dir", False),
        ("__Host-a=1; Secure; Path=/; Domain=example.com", False),
        ("__Host-a=1; Path=/", False),
    ],
)
def test_prefixes_mean_what_they_say(header: str, taken: bool) -> None:
    assert (got(header) is not None) == taken


@pytest.mark.parametrize(
    ("cookie", "host", "path", "secure", "sent"),
    [
        (Cookie("a", "1", "example.com"), "example.com", "/", False, True),
        (Cookie("a", "1", "example.com"), "www.example.com", "/", False, False),
        (Cookie("a", "1", "example.com"), "example.com.", "/", False, False),
        (Cookie("a", "1", "example.com", host_only=False), "www.example.com", "/", False, True),
        (Cookie("a", "1", "example.com", host_only=False), "badexample.com", "/", False, False),
        (Cookie("a", "1", "example.com", host_only=False), "com", "/", False, False),
        (Cookie("a", "1", "0.0.1", host_only=False), "127.0.0.1", "/", False, False),
        (Cookie("a", "1", "a.example", "/dir"), "a.example", "/dir", False, True),
        (Cookie("a", "1", "a.example", "/dir"), "a.example", "/dir/x", False, True),
        (Cookie("a", "1", "a.example", "/dir"), "a.example", "/dirty", False, False),
        (Cookie("a", "1", "a.example", "/dir/"), "a.example", "/dir", False, False),
        (Cookie("a", "1", "a.example", "/dir/"), "a.example", "/dir/x", False, True),
        (Cookie("a", "1", "a.example", secure=True), "a.example", "/", False, False),
        (Cookie("a", "1", "a.example", secure=True), "a.example", "/", True, True),
    ],
)
def test_where_a_cookie_goes(
    cookie: Cookie, host: str, path: str, secure: bool, sent: bool
) -> None:
    assert cookie.goes_to(host, path, secure=secure) == sent
