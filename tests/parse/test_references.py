"""References resolved once a folder: the same answers as resolving each, and fewer joins."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from crawler.model import Refusal
from crawler.parse import references as room
from crawler.parse.references import References
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
        found = references.look_up(base, written_there)
        for reference, known in zip(written_there, found, strict=True):
            url = urls.resolve(base, reference)
            url = url and Canon().of(url).url
            if url is None:
                assert known == (None, Refusal.INVALID)
            else:
                assert known.link is not None
                assert known.link.url == url
                assert known.link == Canon().of(url)
                assert known.refusal == scope.refuses(url)


@pytest.mark.parametrize("reference", ["http:", "HTTP:", "htt\np:", "http:\n?x"])
def test_a_scheme_alone_is_not_the_same_for_the_whole_folder(reference: str) -> None:
    references, _ = fresh()
    for base in ("http://h/d/one?x", "http://h/d/two"):
        (known,) = references.look_up(base, [reference])
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
        references.look_up(f"http://h/d/{page}", [reference])
    assert references.joins == 3


def test_a_change_of_scope_drops_what_was_remembered() -> None:
    references, scope = fresh()
    ask = ("http://h/d/", ["http://i/x"])
    assert references.look_up(*ask)[0].refusal is Refusal.SCOPE
    assert references.look_up(*ask)[0].refusal is Refusal.SCOPE
    assert references.joins == 1
    scope.widen("http://h/other")  # nothing new
    references.look_up(*ask)
    assert references.joins == 1
    scope.widen("http://i/")
    assert references.look_up(*ask)[0].refusal is None
    assert references.joins == 2


def test_patterns_refuse_by_their_own_reasons() -> None:
    scope = Scope("any", [re.compile("/in")], [re.compile("/inner")])
    references = References(Canon(), scope)
    found = references.look_up("http://h/", ["/in", "/inner", "/out"])
    assert [known.refusal for known in found] == [None, Refusal.EXCLUDE, Refusal.INCLUDE]


def test_dropped_parameters_are_gone_before_urls_are_compared() -> None:
    scope = Scope("any")
    references = References(Canon(["utm_*"]), scope)
    one, other = references.look_up("http://h/", ["/x?utm_source=a&b=1", "/x?b=1"])
    assert one == other


def test_only_so_many_folders_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "FOLDERS", 2)
    references, _ = fresh()
    for folder in ("a", "b", "a", "c"):  # c drives out b, the one longest unused
        references.look_up(f"http://h/{folder}/", ["x"])
    assert references.joins == 3
    references.look_up("http://h/a/", ["x"])
    assert references.joins == 3
    references.look_up("http://h/b/", ["x"])
    assert references.joins == 4


def test_only_so_much_of_a_folder_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "MOST_IN_FOLDER", 3)
    references, _ = fresh()
    for page in range(10):
        references.look_up(f"http://h/d/{page}", [f"x{page}", f"y{page}"])
        assert all(len(folder) <= 5 for folder in references._folders.values())
