"""What records of pages hold for a flag each: there when asked for, absent otherwise."""

import json
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import pytest

from crawler.model import Parsed
from crawler.parse.edges import MAX_WORDS, MOST_BYTES
from crawler.parse.reading import Reading
from crawler.parse.references import MOST_LINKS
from crawler.settings import CONTENT, ContentKind
from tests.parse.test_page import page, parsed, reader, record
from tests.records import checked

PAGE = (
    "<!doctype html><html lang=en><head><title>t</title><meta name=description content=d>"
    "<link rel=next href=/2><link rel=stylesheet href=/style></head><body><nav><a href=/>Home"
    "</a></nav><main><h1>Über</h1><p>See <a href=x rel='NoFollow ugc'>the <b>x</b></a>.</main>"
)


def read(
    source: str | bytes,
    *kinds: ContentKind,
    headers: Mapping[str, str] | None = None,
    **reading: Any,
) -> dict[str, Any]:
    wanted = Reading("crawlway", content=kinds, **reading)
    return record(reader(wanted).read(page(source, headers)))


def test_without_flags_there_is_none_of_it() -> None:
    assert not set(CONTENT) & set(read(PAGE))


@pytest.mark.parametrize("kind", CONTENT)
def test_each_flag_brings_its_key_alone(kind: ContentKind) -> None:
    found = read(PAGE, kind)
    assert set(found) - set(read(PAGE)) == {kind}
    assert {key: found[key] for key in read(PAGE)} == read(PAGE)


def test_all_of_it() -> None:
    sent = {"content-type": "text/html; charset=utf-8", "etag": '"x"', "set-cookie": "id=secret",
            "x-robots-tag": "noindex\nunavailable_after: never"}  # fmt: skip
    found = read(PAGE, *CONTENT, headers=sent)
    assert {key: found[key] for key in CONTENT} == {
        "text": "Über\n\nSee the x.",
        "markdown": "# Über\n\nSee [the **x**](http://h/dir/x).",
        "html": PAGE,
        "links": [
            {"url": "http://h/2", "text": "", "rel": ["next"], "element": "link"},
            {"url": "http://h/", "text": "Home", "rel": [], "element": "a"},
            {"url": "http://h/dir/x", "text": "the x", "rel": ["nofollow", "ugc"], "element": "a"},
        ],
        "headers": {
            "content-type": "text/html; charset=utf-8",
            "etag": '"x"',
            "x-robots-tag": "noindex, unavailable_after: never",
        },
        "structured": {
            "json_ld": [],
            "broken": 0,
            "opengraph": {},
            "meta": {"description": ["d"]},
        },
    }


def test_the_decoded_page_is_in_its_own_encoding_no_more() -> None:
    source = "<meta charset=koi8-r><p>Привет"
    assert read(source.encode("koi8-r"), "html", headers={})["html"] == source
    assert read(b"\xef\xbb\xbfa\xff", "html")["html"] == "a\ufffd"
    wide = read("\ufeffé".encode("utf-16-le"), "html", headers={"content-type": "text/html"})
    assert wide["html"] == "é"


@pytest.mark.parametrize(
    ("kind", "body", "text"),
    [
        ("text/plain; charset=iso-8859-1", b"a\n  <b>\xe9", "a\n  <b>é"),
        ("text/plain", "ä".encode(), "ä"),
        ("text/plain", b"", None),
        ("text/plain", None, None),
        ("image/png", b"a", None),
        ("application/json", b"{}", None),
    ],
)
def test_what_is_no_html_has_null_but_for_headers_and_plain_text(
    kind: str, body: bytes | None, text: str | None
) -> None:
    wanted = Reading("crawlway", content=CONTENT)
    found = record(reader(wanted).read(page(body, {"content-type": kind})))
    assert {key: found[key] for key in CONTENT} == dict.fromkeys(CONTENT) | {
        "text": text,
        "headers": {"content-type": kind},
    }


def test_a_sitemap_has_none_either() -> None:
    found = read(
        "<urlset><url><loc>http://h/a</loc></url></urlset>", *CONTENT,
        headers={"content-type": "text/xml"}, sitemap="add",
    )  # fmt: skip
    assert {key for key in CONTENT if found[key] is not None} == {"headers"}


@pytest.mark.parametrize("most", [1, 2, 3, 10, 1_000])
@pytest.mark.parametrize("letter", ["a", "é", "日", "😀"])
def test_none_takes_more_than_a_body_may(most: int, letter: str) -> None:
    found = read(f"<p>{letter * 1_200}", "text", "markdown", "html", max_size=most)
    for key in ("text", "markdown", "html"):
        assert most - 4 < len(found[key].encode()) <= most, key
        assert "\ufffd" not in found[key]


def test_decoding_may_make_a_body_larger_but_not_its_text() -> None:
    found = read(b"<p>" + b"\xe9" * 997, "html", headers={"content-type": "text/html; "
                 "charset=windows-1252"}, max_size=1_000)  # fmt: skip
    assert len(found["html"].encode()) in (999, 1_000)


# Links, one by one


def links(source: str, **reading: Any) -> list[tuple[str, str, str | None]]:
    """Return (url, text, refused) of each link record."""
    wanted = Reading("crawlway", links=True, **reading)
    outcome = parsed(reader(wanted).read(page(source)))
    found = [json.loads(line.data) for line in outcome.lines]
    assert [line.type for line in outcome.lines] == ["page"] + ["link"] * (len(found) - 1)
    assert [each["index"] for each in found[1:]] == list(range(len(found) - 1))
    for each in found:
        checked(each | {"seq": 1})
        assert {
            key: each[key] for key in ("url", "pass", "at", "depth", "via", "seed", "meta")
        } == {key: found[0][key] for key in ("url", "pass", "at", "depth", "via", "seed", "meta")}
    return [(each["link"]["url"], each["link"]["text"], each["refused"]) for each in found[1:]]


@pytest.mark.parametrize(
    ("source", "seen"),
    [
        ("<a href=x>one</a><a href=x>two</a>", [("x", "one"), ("x", "two")]),
        ("<a href=' x '> a \n <i>b</i></a>", [("x", "a b")]),
        ("<a href=x#part>a</a><a href=#part>no</a><a href=''>no</a><a>no</a>", [("x", "a")]),
        ("<a href=x><img alt='the  pic'></a>", [("x", "the pic")]),
        ("<a href=x aria-label=label><svg/></a>", [("x", "label")]),
        ("<a href=x title=t></a>", [("x", "t")]),
        ("<map><area href=x alt=place></map>", [("x", "place")]),
        ("<iframe src=x title=t></iframe>", [("x", "t")]),
        ("<frameset><frame src=x></frameset>", [("x", "")]),
        ("<meta http-equiv=Refresh content='0; url=x'>", [("x", "")]),
        ("<link rel=alternate hreflang=de href=x title=t><link rel=icon href=y>", [("x", "t")]),
        ("<a href=x>a</a><link rel=shortlink href=x>", [("x", "a")]),
        ("<base href=/o/><a href=x>a</a><a href=''>b</a>", [("/o/x", "a"), ("/o/", "b")]),
        (f"<a href=x>{'long ' * 400}</a>", [("x", ("long " * 400)[:MAX_WORDS])]),
    ],
)  # fmt: skip
def test_each_link_is_told(source: str, seen: list[tuple[str, str]]) -> None:
    base = "http://h/dir/"
    assert links(source) == [
        ("http://h" + path if path.startswith("/") else base + path, words, None)
        for path, words in seen
    ]


def test_why_a_link_is_not_followed_is_told() -> None:
    source = (
        "<a href=a>a</a><a href=http://other/>b</a><a href=c rel=nofollow>c</a>"
        "<a href=mailto:d@e>d</a><a href='http://user:secret@e e/'>e</a><a href=f.pdf>f</a>"
    )
    told = [
        ("http://h/dir/a", "a", None),
        ("http://other/", "b", "scope"),
        ("http://h/dir/c", "c", "nofollow"),
        ("mailto:d@e", "d", "invalid"),
        ("http://e e/", "e", "invalid"),
        ("http://h/dir/f.pdf", "f", "exclude"),
    ]
    assert links(source, exclude=("pdf$",)) == told
    free = [(url, text, None if why == "nofollow" else why) for url, text, why in told]
    assert links(source, exclude=("pdf$",), nofollow=False) == free


@pytest.mark.parametrize(
    ("source", "reading", "why"),
    [
        ("", {"max_depth": 0}, "depth"),
        ("", {"sitemap": "only"}, "not_in_sitemap"),
        ("<meta name=robots content=nofollow>", {}, "nofollow"),
        ("<meta name=robots content=nofollow>", {"nofollow": False}, None),
    ],
)
def test_a_page_whose_links_are_not_followed_says_why(
    source: str, reading: dict[str, Any], why: str | None
) -> None:
    assert links(source + "<a href=x>a</a>", **reading) == [("http://h/dir/x", "a", why)]


@pytest.mark.parametrize("nofollow", [True, False])
def test_what_is_told_as_followed_is_what_is_followed(nofollow: bool) -> None:
    source = (
        "<a href=a>1</a><a href=a rel=nofollow>2</a><a href=b rel=nofollow>3</a>"
        "<a href=http://o/>4</a><a href=c>5</a><link rel=next href=d>"
    )
    wanted = Reading("crawlway", links=True, nofollow=nofollow)
    outcome = parsed(reader(wanted).read(page(source)))
    records = [json.loads(line.data) for line in outcome.lines[1:]]

    told = {each["link"]["url"] for each in records if each["refused"] is None}

    assert told == {link.url for link in outcome.found}
    assert told == {f"http://h/dir/{name}" for name in ("acd" if nofollow else "abcd")}


def test_there_is_an_end_to_links() -> None:
    many = "".join(f"<a href={number}>x</a>" for number in range(MOST_LINKS + 10))
    assert len(links(many)) == len(read(many, "links")["links"]) == MOST_LINKS


def test_a_long_base_does_not_multiply() -> None:
    source = f"<base href=http://h/{'x' * 4_000}/>" + "".join(
        f"<a href={number}>x</a>" for number in range(10_000)
    )
    wanted = Reading("crawlway", content=("links",), links=True)
    outcome = reader(wanted).read(page(source))
    assert isinstance(outcome, Parsed)
    sizes = [len(line.data) for line in outcome.lines]
    assert sizes[0] < 2 * MOST_BYTES
    assert sum(sizes[1:]) < 3 * MOST_BYTES
    assert len(outcome.found) == 10_000


def test_nothing_is_imported_for_who_wants_nothing() -> None:
    code = "import sys, crawler.parse.child; print('turbohtml' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
