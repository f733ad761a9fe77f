"""Seeds as people type them, links as pages write them, and one spelling for each URL."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.policy import urls
from crawler.policy.urls import Canon

PAGE = "https://example.com/dir/page?q=1"


@pytest.mark.parametrize(
    ("typed", "url"),
    [
        ("example.com", "https://example.com/"),
        ("  Example.COM/A  ", "https://example.com/A"),
        ("example", "https://example/"),
        ("example.com?u=http://x", "https://example.com/?u=http://x"),
        ("example.com/a b", "https://example.com/a%20b"),
        ("bücher.example", "https://xn--bcher-kva.example/"),
        ("example.com:443/x", "https://example.com/x"),
        ("example.com:8443", "http://example.com:8443/"),
        ("example.com:80", "http://example.com/"),
        ("localhost", "http://localhost/"),
        ("localhost:8000", "http://localhost:8000/"),
        ("localhost:443", "https://localhost/"),
        ("app.localhost", "http://app.localhost/"),
        ("127.0.0.1", "http://127.0.0.1/"),
        ("127.0.0.1:443", "https://127.0.0.1/"),
        ("2130706433", "http://127.0.0.1/"),
        ("[::1]", "http://[::1]/"),
        ("[::1]:8000/x", "http://[::1]:8000/x"),
        ("[::1]:443", "https://[::1]/"),
        ("//example.com/x", "https://example.com/x"),
        ("http://example.com", "http://example.com/"),
        ("http://example.com:443/", "http://example.com:443/"),
        ("HTTPS://EXAMPLE.COM:443/#top", "https://example.com/"),
        ("https://127.0.0.1", "https://127.0.0.1/"),
    ],
)
def test_a_seed_becomes_the_url_that_was_meant(typed: str, url: str) -> None:
    seed = urls.seed(typed)

    assert seed == (url, None)


@pytest.mark.parametrize(
    ("typed", "url", "userinfo"),
    [
        ("user:pw@example.com", "https://example.com/", ("user", "pw")),
        ("user:pw@localhost:8000/x", "http://localhost:8000/x", ("user", "pw")),
        ("https://user@example.com/", "https://example.com/", ("user", "")),
        ("https://:pw@example.com/", "https://example.com/", ("", "pw")),
        ("https://u%40h:p%3Aw@example.com/", "https://example.com/", ("u@h", "p:w")),
        ("https://@example.com/", "https://example.com/", None),
        ("https://example.com/@user", "https://example.com/@user", None),
    ],
)
def test_a_seed_hands_over_its_credentials(
    typed: str, url: str, userinfo: tuple[str, str] | None
) -> None:
    seed = urls.seed(typed)

    assert seed.url == url
    assert seed.userinfo == userinfo


@pytest.mark.parametrize(
    "typed", ["", "   ", "a b", "http://", "https://example.com:99999/", "example.com:port", "::1"]
)
def test_what_is_no_url_is_said_to_be_none(typed: str) -> None:
    with pytest.raises(ValueError, match="not a URL"):
        urls.seed(typed)


@pytest.mark.parametrize(
    "typed",
    [
        "ftp://example.com/",
        "file:///etc/passwd",
        "ws://example.com",
        "mailto:a@b.example",
        "javascript:alert(1)",
        "DATA:text/html,x",
    ],
)
def test_other_schemes_are_refused_by_name(typed: str) -> None:
    with pytest.raises(ValueError, match="only http and https"):
        urls.seed(typed)


def test_a_seed_too_long_to_be_a_url_is_refused() -> None:
    typed = "https://example.com/" + "a" * urls.MAX_REFERENCE

    with pytest.raises(ValueError, match="not a URL") as caught:
        urls.seed(typed)

    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    ("typed", "url"),
    [
        (
            "web.archive.org/web/2020/http://example.com/",
            "https://web.archive.org/web/2020/http://example.com/",
        ),
        ("localhost:8000/http://x", "http://localhost:8000/http://x"),
        ("example.com#http://x", "https://example.com/"),
    ],
)
def test_a_url_inside_a_seed_is_not_its_scheme(typed: str, url: str) -> None:
    seed = urls.seed(typed)

    assert seed.url == url


@pytest.mark.parametrize(
    "typed",
    [
        "ftp://user:secret@example.com/",
        "ftp://user:sec#ret@example.com/",
        "user:secret@exa mple.com",
        "http://user:secret#secret@example.com/",
        "http://user:secret/secret@example.com/",
        "http://user:secret?secret@example.com/",
        "//user:secret#secret@example.com",
        "user:secret#secret@example.com",
        "./user:secret@example.com",
    ],
)
def test_a_refused_seed_does_not_give_away_its_password(typed: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - what it must not say matters
        urls.seed(typed)

    assert "sec" not in str(caught.value)
    assert "ple.com" in str(caught.value)


def test_a_seed_whose_password_ends_it_is_told_how_to_write_that() -> None:
    with pytest.raises(ValueError, match=r"'http://example.com/' \(in a password write # as %23"):
        urls.seed("http://user:a#b@example.com/")

    assert urls.seed("http://user:a%23b@example.com/").userinfo == ("user", "a#b")


@pytest.mark.parametrize(
    "typed", ["https:/user:pw@example.com/x", "https:\\user:pw@example.com\\x"]
)
def test_a_slash_that_is_missing_is_forgiven_as_in_browsers(typed: str) -> None:
    assert urls.seed(typed) == ("https://example.com/x", ("user", "pw"))


@pytest.mark.parametrize(
    ("reference", "url"),
    [
        ("", PAGE),
        ("other", "https://example.com/dir/other"),
        ("./other", "https://example.com/dir/other"),
        ("../up", "https://example.com/up"),
        ("../../../../up", "https://example.com/up"),
        ("/root", "https://example.com/root"),
        ("?p=2", "https://example.com/dir/page?p=2"),
        ("//other.example/x", "https://other.example/x"),
        ("http:/x", "http://x/"),
        ("https:other", "https://example.com/dir/other"),
        ("\\root\\x", "https://example.com/root/x"),
        ("https:\\\\other.example\\x", "https://other.example/x"),
        (" \t\n/a\tb\nc ", "https://example.com/abc"),
        ("/a b", "https://example.com/a%20b"),
        ("/é?é", "https://example.com/%C3%A9?%C3%A9"),
        ("/%zz%2F", "https://example.com/%zz%2F"),
        ("/a/%2e%2E/b", "https://example.com/b"),
        ("?a=1&amp;b=2", "https://example.com/dir/page?a=1&amp;b=2"),
        ("https://example.com:443/", "https://example.com/"),
        ("https://EXAMPLE.com./", "https://example.com./"),
        ("https://bücher.example/", "https://xn--bcher-kva.example/"),
        ("http://0x7f.1/", "http://127.0.0.1/"),
        ("http://[::FFFF:7f00:1]/", "http://[::ffff:7f00:1]/"),
    ],
)
def test_a_reference_is_joined_as_browsers_do(reference: str, url: str) -> None:
    resolved = urls.resolve(PAGE, reference)

    assert resolved == url


@pytest.mark.parametrize(
    ("reference", "url"),
    [
        ("#top", PAGE),
        ("/x#a?b#c", "https://example.com/x"),
        ("https://user:pw@example.com/x", "https://example.com/x"),
        ("https://user@example.com", "https://example.com/"),
        ("https://a@b:c@d@example.com/x@y", "https://example.com/x@y"),
        ("/@user", "https://example.com/@user"),
    ],
)
def test_fragment_and_userinfo_are_dropped_from_links(reference: str, url: str) -> None:
    resolved = urls.resolve(PAGE, reference)

    assert resolved == url


@pytest.mark.parametrize(
    "reference",
    [
        "javascript:alert(1)",
        "mailto:a@b.example",
        "data:text/html,x",
        "ftp://example.com/",
        "file:///etc/passwd",
        "blob:https://example.com/x",
        "https://exa mple.com/",
        "https://example.com:99999/",
        "https://[::1/",
        "https://",
        "\ud800",
        "a" * (urls.MAX_REFERENCE + 1),
    ],
)
def test_what_is_no_http_url_is_no_link(reference: str) -> None:
    assert urls.resolve(PAGE, reference) is None
    assert Canon().link(PAGE, reference) is None


def test_a_reference_of_the_greatest_length_is_a_link() -> None:
    assert urls.resolve(PAGE, "a" * urls.MAX_REFERENCE) is not None


def test_only_an_absolute_url_has_a_canonical_form_of_its_own() -> None:
    assert urls.canonical("HTTP://Example.com:80/a/../b#c") == "http://example.com/b"
    assert urls.canonical("/a") is None
    assert urls.canonical("") is None


@given(st.text())
def test_resolving_never_raises(reference: str) -> None:
    resolved = urls.resolve(PAGE, reference)

    assert resolved is None or resolved.startswith(("http://", "https://"))


HOSTS = st.sampled_from(["example.com", "EXAMPLE.com.", "[::1]", "127.1", "ü.example", "u:p@h"])
PORTS = st.sampled_from(["", ":80", ":443", ":8080"])


@given(
    st.sampled_from(["http", "https", "HTTPS"]),
    HOSTS,
    PORTS,
    st.text(alphabet="/\\.%2eE?#&=@: aé\t+~'\"<>^`{}|;", max_size=40),
)
def test_a_canonical_url_stays_as_it_is(scheme: str, host: str, port: str, rest: str) -> None:
    once = urls.canonical(f"{scheme}://{host}{port}/{rest}")

    assert once is not None
    assert urls.canonical(once) == once
    assert urls.resolve(PAGE, once) == once
    assert urls.seed(once) == (once, None)
    assert once.isascii()
    assert "#" not in once
    assert "@" not in urls.origin(once)
    assert once.startswith(urls.origin(once) + "/")
    assert urls.origin(once).endswith("//" + urls.site(once))
    assert urls.directory(once).startswith(urls.origin(once) + "/")


@pytest.mark.parametrize(
    ("url", "origin", "site", "host"),
    [
        ("https://example.com/", "https://example.com", "example.com", "example.com"),
        ("http://a/", "http://a", "a", "a"),
        ("http://a.b:8080/x:1", "http://a.b:8080", "a.b:8080", "a.b"),
        ("http://[::1]/", "http://[::1]", "[::1]", "::1"),
        ("https://[::1]:8443/x", "https://[::1]:8443", "[::1]:8443", "::1"),
    ],
)
def test_a_url_names_its_origin_site_and_host(url: str, origin: str, site: str, host: str) -> None:
    assert urls.origin(url) == origin
    assert urls.site(url) == site
    assert urls.host(url) == host


@pytest.mark.parametrize(
    ("url", "folder"),
    [
        ("https://a.b/", "https://a.b/"),
        ("https://a.b/x", "https://a.b/"),
        ("https://a.b/x/", "https://a.b/x/"),
        ("https://a.b/x/y?z=/q/", "https://a.b/x/"),
    ],
)
def test_a_url_lies_in_its_folder(url: str, folder: str) -> None:
    assert urls.directory(url) == folder


@pytest.mark.parametrize(
    ("host", "domain"),
    [
        ("example.com", "example.com"),
        ("www.example.com", "example.com"),
        ("www.example.com.", "example.com"),
        ("a.b.example.co.uk", "example.co.uk"),
        ("user.github.io", "user.github.io"),
        ("co.uk", "co.uk"),
        ("localhost", "localhost"),
        ("127.0.0.1", "127.0.0.1"),
        ("::1", "::1"),
    ],
)
def test_a_host_belongs_to_its_registrable_domain(host: str, domain: str) -> None:
    assert urls.registrable(host) == domain


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://a.b/", "https://a.b/"),
        ("https://a.b/?", "https://a.b/?"),
        ("https://a.b/?sid=1", "https://a.b/"),
        ("https://a.b/?sid", "https://a.b/"),
        ("https://a.b/?x=1&utm_source=s&y=2&utm_id=3", "https://a.b/?x=1&y=2"),
        ("https://a.b/?y=2&x=%20&sid=9", "https://a.b/?y=2&x=%20"),
        ("https://a.b/?%73id=1&x=1", "https://a.b/?x=1"),
        ("https://a.b/?SID=1&sidx=2&asid=3", "https://a.b/?SID=1&sidx=2&asid=3"),
        ("https://a.b/?a=sid=1&&a=?sid=1", "https://a.b/?a=sid=1&&a=?sid=1"),
        ("https://a.b/sid=1/utm_x", "https://a.b/sid=1/utm_x"),
    ],
)
def test_dropped_parameters_leave_the_others_alone(url: str, kept: str) -> None:
    patterns = ("utm_*", "sid")

    assert urls.without_params(url, patterns) == kept
    assert Canon(patterns).of(url).url == (kept[:-1] if kept.endswith("/?") else kept)


@given(st.text(alphabet="sid=&?utm_x%7", max_size=30))
def test_dropping_parameters_twice_drops_no_more(query: str) -> None:
    canon = Canon(("utm_*", "sid"))

    once = canon.of(f"https://a.b/?{query}")

    assert canon.of(once.url) == once


def test_without_parameters_to_drop_a_link_is_spelt_as_it_is() -> None:
    link = Canon().link(PAGE, "?sid=1&sid=2")

    assert link is not None
    assert link.url == "https://example.com/dir/page?sid=1&sid=2"


@pytest.mark.parametrize(
    ("typed", "url", "words"),
    [
        ("Example.COM", "https://example.com/", ["https is meant"]),
        ("localhost:81/a", "http://localhost:81/a", ["http is meant"]),
        ("https://example.com:443/a#b", "https://example.com/a",
         ["#b is for browsers", ":443 is the default port"]),
        ("https://me:secret@example.com/@me", "https://example.com/@me",
         ["user and password are not part of it"]),
        ("https://example.com/?utm_a=1&b=2&utm_b=3", "https://example.com/?b=2",
         ["--drop-params takes utm_a, utm_b off"]),
        ("https://example.com/a/../ü", "https://example.com/%C3%BC",
         ["spelt as the URL standard has it"]),
        ("https://example.com/a?b", "https://example.com/a?b", []),
    ],
)  # fmt: skip
def test_what_is_done_to_a_typed_url_is_said(typed: str, url: str, words: list[str]) -> None:
    assert urls.normalised(typed, Canon(("utm_*",))) == (url, words)


def test_a_link_knows_its_site_and_its_fingerprint() -> None:
    link = Canon(("sid",)).link(PAGE, "http://Other.example:8080/x?sid=4#y")

    assert link is not None
    assert link.url == "http://other.example:8080/x"
    assert link.site == "other.example:8080"
    assert link.fp == urls.fingerprint(link.url)


def test_a_fingerprint_is_64_bits_and_the_same_in_every_process() -> None:
    prints = {urls.fingerprint(f"https://a.b/{page}") for page in range(1_000)}

    assert len(prints) == 1_000
    assert all(-(2**63) <= each < 2**63 for each in prints)
    assert urls.fingerprint("https://example.com/") == 6581209984513522196  # b2sum -l 64
