"""References resolved once a folder: the same answers as resolving each, and fewer joins."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from crawler.model import Refusal
from crawler.parse import references as room
from crawler.parse.references import MOST_LINKS, Known, References
from crawler.policy import urls
from crawler.policy.scope import Scope
from crawler.policy.urls import Canon

BASES = [
    "http://h/d/page",
    "http://h/d/page?old=1",
    "http://h/d/page?x=/y/z",
    "http://h/d/other",
    "http://h/d/",
    "http://h/d/e/f",
    "http://h/",
    "http://h/?q",
    "https://h/d/page",
    "http://h:81/d/page",
    "http://i/d/page",
]
REFERENCES = [
    "",
    "?q",
    "?q=/x",
    "x",
    "x?q",
    ".",
    "./",
    "..",
    "../x",
    "../../../x",
    "/",
    "/x",
    "//h",
    "//i/x?q",
    "///x",
    "\\x",
    "\\\\i\\x",
    "http:?x",
    "https:?x",
    "HTTP:?x",
    "http:x",
    "http:/x",
    "http:///x",
    "http://h/d/page",
    "http://h",
    "https://user:secret@i/x",
    "mailto:x@y",
    "javascript:void(0)",
    "data:,x",
    "http://[bad",
    "x:?y",
    "%zz",
    "é?é",
    "a\tb",
    "\ud800",
    ":?",
    "x" * 20_000,
]


def one(references: References, base: str, reference: str) -> Known:
    (known,), cut = references.look_up(base, [reference], based=True)
    assert not cut
    return known


def fresh(kind: str = "host") -> tuple[References, Scope]:
    scope = Scope("any" if kind == "any" else "host")
    scope.widen("http://h/")
    return References(Canon(), scope), scope


# References come here without fragments and surrounding space. A scheme alone keeps the page's
# query, which the cache does not know (below).
_SCHEME_ALONE = re.compile(r"https?:(\?.*)?", re.IGNORECASE | re.DOTALL)


def comes_to_us(reference: str) -> bool:
    if "#" in reference or reference != reference.strip("".join(map(chr, range(33)))):
        return False
    bare = re.sub(r"[\t\n\r]", "", reference)
    return not _SCHEME_ALONE.fullmatch(bare) or ":?" in reference


written = st.one_of(st.sampled_from(REFERENCES), st.text("ab/.?:\\%@ \t\nhtp", max_size=8)).filter(
    comes_to_us
)
visits = st.lists(st.tuples(st.sampled_from(BASES), st.lists(written, max_size=6)), max_size=8)


@given(visits)
@example([(base, [each for each in REFERENCES if comes_to_us(each)]) for base in BASES])
def test_the_cache_changes_no_answer(pages: list[tuple[str, list[str]]]) -> None:
    references, scope = fresh()
    for base, written_there in pages:
        together, _ = references.look_up(base, written_there, based=True)
        singly = [one(references, base, reference) for reference in written_there]
        assert {(known.link, known.refusal) for known in together} == {
            (known.link, known.refusal) for known in singly
        }
        for reference, known in zip(written_there, singly, strict=True):
            url = urls.resolve(base, reference)
            url = url and Canon().of(url).url
            if url is None:
                assert (known.link, known.refusal) == (None, Refusal.INVALID)
            else:
                assert known.link is not None
                assert known.link.url == url
                assert known.link == Canon().of(url)
                assert known.refusal == scope.refuses(url)


@pytest.mark.parametrize("reference", ["http:", "HTTP:", "htt\np:", "http:\n?x"])
def test_a_scheme_alone_is_not_the_same_for_the_whole_folder(reference: str) -> None:
    references, _ = fresh()
    for base in ("http://h/d/one?x", "http://h/d/two"):
        known = one(references, base, reference)
        assert known.link is not None
        assert known.link.url == urls.resolve(base, reference)


def test_a_folder_resolves_a_reference_once() -> None:
    references, _ = fresh()
    for page in ("a", "b", "c?q=/x/y", ""):
        references.look_up(f"http://h/d/{page}", ["x", "../y", "//i/z", "mailto:x@y"])
    assert references.joins == 4


def test_another_folder_resolves_anew() -> None:
    references, _ = fresh()
    for folder in ("d", "e", "d/e", "d"):
        references.look_up(f"http://h/{folder}/", ["x"])
    assert references.joins == 3


@pytest.mark.parametrize("reference", ["", "?q", "http:?q"])
def test_what_depends_on_the_page_is_resolved_every_time(reference: str) -> None:
    references, _ = fresh()
    for page in ("a", "b", "a"):
        references.look_up(f"http://h/d/{page}", [reference], based=True)
    assert references.joins == 3


def test_a_change_of_scope_drops_what_was_remembered() -> None:
    references, scope = fresh()
    ask = ("http://h/d/", "http://i/x")
    assert one(references, *ask).refusal is Refusal.SCOPE
    assert one(references, *ask).refusal is Refusal.SCOPE
    assert references.joins == 1
    scope.widen("http://h/other")  # nothing new
    one(references, *ask)
    assert references.joins == 1
    scope.widen("http://i/")
    assert one(references, *ask).refusal is None
    assert references.joins == 2


def test_patterns_refuse_by_their_own_reasons() -> None:
    scope = Scope("any", [re.compile("/in")], [re.compile("/inner")])
    references = References(Canon(), scope)
    found, _ = references.look_up("http://h/", ["/in", "/inner", "/out"])
    assert [known.refusal for known in found] == [None, Refusal.EXCLUDE, Refusal.INCLUDE]


def test_dropped_parameters_are_gone_before_urls_are_compared() -> None:
    scope = Scope("any")
    references = References(Canon(["utm_*"]), scope)
    (tagged, plain), _ = references.look_up("http://h/", ["/x?utm_source=a&b=1", "/x?b=1"])
    assert tagged.link == plain.link


def test_only_so_much_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "MOST_KNOWN", 3)
    references, _ = fresh()
    for page in range(10):
        references.look_up(f"http://h/{page % 2}/", [f"x{page}", f"y{page}"])
        assert sum(map(len, references._folders.values())) <= 3 + 2 + 2
    assert references.joins == 20


@pytest.mark.parametrize("reference", ["", " ", "#top", " #top", "\t#\n"])
def test_a_reference_to_the_page_itself_is_none(reference: str) -> None:
    references, _ = fresh()
    for _ in range(2):
        assert (
            references.look_up("http://h/d/x", ["a", reference])[0]
            == (references.look_up("http://h/d/x", ["a"])[0])
        )
    based, _ = references.look_up("http://h/d/base", [reference], based=True)
    assert [known.link and known.link.url for known in based] == ["http://h/d/base"]


@pytest.mark.parametrize(
    ("reference", "url"),
    [
        (" x ", "http://h/d/x"),
        ("x#a", "http://h/d/x"),
        ("x#", "http://h/d/x"),
        ("x #a", "http://h/d/x%20"),
        ("\nx#a b ", "http://h/d/x"),
        ("x?q#a?b", "http://h/d/x?q"),
    ],
)
def test_spaces_around_and_fragments_count_for_nothing(reference: str, url: str) -> None:
    references, _ = fresh()
    for _ in range(2):
        known = one(references, "http://h/d/page", reference)
        assert known.link is not None
        assert known.link.url == url
        assert urls.resolve("http://h/d/page", reference) == url


def test_fragments_of_one_page_are_one_link() -> None:
    references, _ = fresh()
    for _ in range(2):
        assert len(references.look_up("http://h/", ["/x#a", "/x", "/x#b", " /x"])[0]) == 1
    assert references.joins == 1


@pytest.mark.parametrize("known", [False, True])
def test_no_more_than_so_many_links_of_a_page_count(*, known: bool) -> None:
    references, _ = fresh()
    many = [str(number) for number in range(MOST_LINKS + 7)]
    if known:
        references.look_up("http://h/", many, most=MOST_LINKS + 7)
    found, cut = references.look_up("http://h/", [*many, "0#again", *many[-3:]])
    assert (len(found), cut) == (MOST_LINKS, 7)
    assert [each.link and each.link.url for each in found[:2]] == ["http://h/0", "http://h/1"]
    assert references.look_up("http://h/", [*many[:MOST_LINKS], "0", "#x"])[1] == 0
