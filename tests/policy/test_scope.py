"""How far a crawl goes by links: the five scopes, the patterns, and where seeds redirect."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.choices import ScopeKind
from crawler.model import Refusal
from crawler.policy.scope import Scope, same_domain
from tests.policy.make import target

SEED = "https://www.example.com/docs/start?x=1"


def scope_of(kind: ScopeKind, *seeds: str, include: str = "", exclude: str = "") -> Scope:
    scope = Scope(
        kind,
        [re.compile(each) for each in include.split()],
        [re.compile(each) for each in exclude.split()],
    )
    for seed in seeds or (SEED,):
        scope.widen(seed)
    return scope


@pytest.mark.parametrize(
    ("kind", "url", "inside"),
    [
        ("page", SEED, False),
        ("page", "https://www.example.com/docs/", False),
        ("dir", "https://www.example.com/docs/", True),
        ("dir", "https://www.example.com/docs/a/b", True),
        ("dir", "http://www.example.com/docs/a", True),
        ("dir", "https://www.example.com/docs", False),
        ("dir", "https://www.example.com/docs2/", False),
        ("dir", "https://www.example.com/", False),
        ("dir", "https://www.example.com:8443/docs/", False),
        ("dir", "https://example.com/docs/", False),
        ("host", "https://www.example.com/", True),
        ("host", "http://www.example.com/else", True),
        ("host", "https://www.example.com:8443/", False),
        ("host", "https://example.com/", False),
        ("host", "https://www.example.com.evil.example/", False),
        ("domain", "https://example.com/", True),
        ("domain", "http://a.b.example.com:8080/", True),
        ("domain", "https://notexample.com/", False),
        ("domain", "https://example.org/", False),
        ("any", "http://203.0.113.1:81/x", True),
    ],
)
def test_a_scope_reaches_so_far_and_no_further(kind: ScopeKind, url: str, inside: bool) -> None:
    refusal = scope_of(kind).refuses(url)

    assert refusal == (None if inside else Refusal.SCOPE)


@pytest.mark.parametrize("kind", ["dir", "host", "domain"])
def test_a_scope_without_seeds_reaches_nothing(kind: ScopeKind) -> None:
    assert Scope(kind).refuses("https://example.com/") is Refusal.SCOPE


def test_every_seed_adds_to_the_scope() -> None:
    scope = scope_of("host", "https://a.example/", "https://b.example/")

    assert scope.refuses("https://a.example/x") is None
    assert scope.refuses("https://b.example/x") is None
    assert scope.refuses("https://c.example/x") is Refusal.SCOPE


def test_the_version_changes_only_when_the_scope_grows() -> None:
    scope = scope_of("host", "https://a.example/")
    before = scope.version

    scope.widen("https://a.example/other")
    same = scope.version
    scope.widen("https://b.example/")

    assert same == before
    assert scope.version > before


@pytest.mark.parametrize(
    ("include", "exclude", "path", "refusal"),
    [
        ("", "", "/a", None),
        ("/blog/", "", "/blog/1", None),
        ("/blog/", "", "/shop/1", Refusal.INCLUDE),
        ("/blog/ /news/", "", "/news/1", None),
        ("", r"\.pdf$", "/a.pdf", Refusal.EXCLUDE),
        ("", r"\.pdf$", "/a.pdf?x", None),
        ("/blog/", "draft", "/blog/draft", Refusal.EXCLUDE),
        ("", r"a b \?", "/c?d", Refusal.EXCLUDE),
        ("^https://www", "", "/x", None),
    ],
)
def test_patterns_narrow_the_scope(
    include: str, exclude: str, path: str, refusal: Refusal | None
) -> None:
    scope = scope_of("host", include=include, exclude=exclude)

    assert scope.refuses("https://www.example.com" + path) is refusal


def test_the_scope_is_asked_before_the_patterns() -> None:
    scope = scope_of("host", include="nowhere", exclude=".")

    assert scope.refuses("https://elsewhere.example/") is Refusal.SCOPE


def test_a_seed_takes_the_scope_along_within_its_domain() -> None:
    scope = scope_of("host", "https://example.com/")

    refusal = scope.redirected(target("https://example.com/"), "https://www.example.com/")

    assert refusal is None
    assert scope.refuses("https://www.example.com/page") is None


def test_a_seed_that_leaves_its_domain_goes_alone() -> None:
    scope = scope_of("host", "https://example.com/")

    refusal = scope.redirected(target("https://example.com/"), "https://other.example/")

    assert refusal is None
    assert scope.refuses("https://other.example/") is Refusal.SCOPE


@pytest.mark.parametrize("to", ["https://www.example.com/", "https://other.example/"])
def test_a_seed_may_be_redirected_whatever_the_patterns_say(to: str) -> None:
    scope = scope_of("page", "https://example.com/", exclude=".")

    assert scope.redirected(target("https://example.com/"), to) is None


def test_a_link_may_not_be_redirected_out_of_the_scope() -> None:
    scope = scope_of("host", "https://example.com/", exclude="secret")
    page = target("https://example.com/x", depth=1)

    assert scope.redirected(page, "https://www.example.com/") is Refusal.SCOPE
    assert scope.redirected(page, "https://example.com/secret") is Refusal.EXCLUDE
    assert scope.redirected(page, "https://example.com/y") is None
    assert scope.refuses("https://www.example.com/") is Refusal.SCOPE


def test_a_foreign_host_does_not_join_the_scope_by_a_second_hop() -> None:
    seed, abroad = "https://example.com/", "https://other.example/"
    scope = scope_of("host", seed)
    scope.redirected(target(seed), abroad)

    scope.redirected(target(abroad, seed=seed), "https://www.other.example/")

    assert scope.refuses("https://www.other.example/page") is Refusal.SCOPE


def test_a_seed_that_comes_home_by_way_of_a_foreign_host_widens_the_scope() -> None:
    seed, abroad = "https://example.com/", "https://login.other.example/"
    scope = scope_of("host", seed)
    scope.redirected(target(seed), abroad)

    scope.redirected(target(abroad, seed=seed), "https://www.example.com/")

    assert scope.refuses("https://www.example.com/page") is None


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("https://example.com/", "http://www.example.com:8080/x", True),
        ("https://a.github.io/", "https://b.github.io/", False),
        ("https://a.co.uk/", "https://b.co.uk/", False),
        ("http://127.0.0.1/", "http://127.0.0.1:8000/", True),
        ("http://127.0.0.1/", "http://127.0.0.2/", False),
        ("http://localhost/", "http://localhost:8000/", True),
        ("http://localhost/", "http://example.com/", False),
    ],
)
def test_hosts_of_one_owner_share_a_registrable_domain(one: str, other: str, same: bool) -> None:
    assert same_domain(one, other) is same
    assert same_domain(other, one) is same


HOSTS = st.sampled_from(["example.com", "www.example.com", "example.org", "example.com:81"])
FOLDERS = st.sampled_from(["/", "/a", "/a/", "/a/b", "/b/c?d", "/ab"])
URLS = st.builds("https://{}{}".format, HOSTS, FOLDERS)
REGEXES = st.lists(st.sampled_from(["a", "b$", "www", "org/", "x"]).map(re.compile), max_size=2)


@given(
    st.sampled_from(["page", "dir", "host", "domain", "any"]),
    st.lists(URLS, max_size=3), REGEXES, REGEXES, URLS,
)  # fmt: skip
def test_what_decides_is_named_and_the_decision_is_the_same(
    kind: ScopeKind,
    seeds: list[str],
    include: list[re.Pattern[str]],
    exclude: list[re.Pattern[str]],
    url: str,
) -> None:
    scope = Scope(kind, include, exclude)
    for seed in seeds:
        scope.widen(seed)
    refusal, seed_, pattern = scope.decide(url)

    assert refusal == scope.refuses(url)
    if refusal is Refusal.SCOPE:
        assert seed_ is None
    elif kind != "any":
        assert seed_ is not None
        alone = Scope(kind)
        alone.widen(seed_)
        assert alone.refuses(url) is None
    wanted = exclude if refusal is Refusal.EXCLUDE else include if refusal is None else []
    assert (pattern is None) == (not wanted)
    if pattern is not None:
        assert pattern in [each.pattern for each in wanted]
        assert re.search(pattern, url)
