"""The URL standard to the letter, and four ways of joining that the tables notice."""

import re
from collections.abc import Callable
from urllib.parse import urljoin, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from crawler.policy import urls
from crawler.policy.urls import Canon
from tests.policy import joins
from tests.policy.joins import Case

PAGE = "https://example.com/dir/page?q=1"


@pytest.mark.parametrize("case", joins.ALL, ids=lambda case: f"{case.reference!r} on {case.base}")
def test_a_join_is_the_standards(case: Case) -> None:
    assert urls.resolve(case.base, case.reference) == case.url


def test_there_are_enough_of_them() -> None:
    assert len(joins.ALL) >= 400
    assert len(set(joins.ALL)) == len(joins.ALL)


@pytest.mark.parametrize("url", sorted({case.url for case in joins.ALL if case.url}))
def test_where_a_join_leads_is_canonical(url: str) -> None:
    assert urls.canonical(url) == url
    assert url.isascii()
    assert urls.host(url)
    assert urls.resolve(PAGE, url) == urls.resolve(url, "") == urls.resolve(url, "#x") == url


@pytest.mark.parametrize(("reference", "url"), joins.FOLDED.items())
def test_an_empty_query_is_none(reference: str, url: str) -> None:
    link = Canon().link(PAGE, reference)

    assert link is not None
    assert link == Canon().of(link.url)
    assert link.url == url


# Any text

PIECES = (
    "http https : // / \\ . .. %2e ? # @ [ ] ::1 127.1 0x 080 xn-- é ß 。 \t \n \0 % %zz | ^".split(
        " "
    )
)
pieces = st.lists(st.sampled_from([*PIECES, " ", "example.com", "\ud800", "\u202e", "\u00ad"]))
soups = st.one_of(st.text(), pieces.map("".join), pieces.map(lambda each: "http:" + "".join(each)))
pages = st.sampled_from(
    [PAGE, "http://a", "http://[::1]:8080/x/y/", "about:blank", "http://a/b//c?d"]
)


@given(pages, soups)
def test_joining_never_raises_and_is_done_once(base: str, reference: str) -> None:
    url = urls.resolve(base, reference)
    link = Canon(("x*",)).link(base, reference)

    assert (url is None) == (link is None)
    if url is not None and link is not None:
        assert url.isascii()
        assert not re.search(r"[\0-\x20\x7f#]", url)
        assert urls.canonical(url) == url
        assert urls.resolve(PAGE, url) == url
        assert Canon(("x*",)).of(link.url) == link
        assert urls.canonical(link.url) == link.url
        assert urls.host(url)
        assert "@" not in urls.site(url)


# What another way of joining would fail


def stripped(url: str) -> str | None:
    """Return a URL without fragment and credentials, as far as the library knows them."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return None
    return parts._replace(fragment="", netloc=parts.netloc.rpartition("@")[2]).geturl()


def by_the_standard_library(base: str, reference: str) -> str | None:
    return stripped(urljoin(base, reference))


def by_yarl(base: str, reference: str) -> str | None:
    return stripped(str(URL(base).join(URL(reference))))


def fragment_first(base: str, reference: str) -> str | None:
    """As we do, but blind to the spaces before a fragment."""
    return urls.resolve(base, reference.partition("#")[0])


def with_credentials(base: str, reference: str) -> str | None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(urls, "_without_userinfo", lambda href: href)
        return urls.resolve(base, reference)


@pytest.mark.parametrize(
    ("broken", "least"),
    [(by_the_standard_library, 150), (by_yarl, 100), (fragment_first, 3), (with_credentials, 10)],
)
def test_the_joins_notice_another_way(broken: Callable[[str, str], str | None], least: int) -> None:
    def wrong(case: Case) -> bool:
        try:
            return broken(case.base, case.reference) != case.url
        except ValueError:
            return case.url is not None

    assert sum(map(wrong, joins.ALL)) >= least
