"""The seeds that are kept say of a URL what all of them do."""

from hypothesis import given, settings
from hypothesis import strategies as st

from crawler.choices import ScopeKind
from crawler.explained import roots
from crawler.explained.roots import Roots
from crawler.policy import urls
from crawler.policy.scope import Scope, same_domain
from crawler.policy.urls import Canon
from crawler.seeds import Seed

URLS = [
    f"{scheme}://{host}{path}"
    for scheme in ("http", "https")
    for host in ("example.com", "www.example.com", "example.com:8080", "example.org")
    for path in ("/", "/a/", "/a/b", "/a/c", "/d/?x=1")
]
seeds = st.lists(
    st.builds(
        Seed,
        st.sampled_from(URLS),
        st.sampled_from([None, None, ("user", "password")]),
        st.none(),
        st.booleans(),
    ),
    max_size=12,
)
kinds: st.SearchStrategy[ScopeKind] = st.sampled_from(["page", "dir", "host", "domain", "any"])


def sown(url: str, kind: ScopeKind, among: list[Seed]) -> Roots:
    found = Roots(url, Canon(()), kind == "dir")
    for seed in among:
        found.take(seed)
    return found


def scope(kind: ScopeKind, among: list[str]) -> Scope:
    made = Scope(kind)
    for url in among:
        made.widen(url)
    return made


@settings(deadline=None)  # the first of them reads the public suffix list
@given(st.sampled_from(URLS), kinds, seeds)
def test_those_that_are_kept_say_what_all_say(url: str, kind: ScopeKind, among: list[Seed]) -> None:
    found, every = sown(url, kind, among), [seed.url for seed in among]

    kept = [seed.url for seed in found.kept]
    assert found.itself == (url in every)
    assert found.count == len(set(every))
    assert found.named == list(dict.fromkeys(every))[: roots.NAMED]
    for other in URLS:
        assert scope(kind, kept).decide(other) == scope(kind, every).decide(other)
        near = [next((e for e in them if same_domain(e, other)), None) for them in (kept, every)]
        assert near[0] == near[1]
    for each in ("userinfo", "typed"):
        assert {(urls.origin(seed.url), getattr(seed, each)) for seed in found.kept} == {
            (urls.origin(seed.url), getattr(seed, each)) for seed in among
        }


def test_of_many_few_are_kept() -> None:
    many = [Seed(f"https://example.com/{number}", None) for number in range(1_000)]

    found = sown("https://example.com/999", "host", many)

    assert found.kept == many[:1]
    assert (found.count, found.itself) == (1_000, True)
