"""A page's record and links: every field, every count, and JSON that any reader can read."""

import json
from collections.abc import Mapping
from hashlib import sha1
from typing import Any

import pytest

from crawler.model import Failed, Fault, Fetched, Page, Parsed, Refusal, Target, Truncated
from crawler.parse.page import Reader
from crawler.parse.reading import Reading
from crawler.parse.references import MOST_LINKS
from crawler.policy.urls import fingerprint
from crawler.recipe import toml
from tests.records import wrong

URL = "http://h/dir/page"


def page(
    body: bytes | str | None,
    headers: Mapping[str, str] | None = None,
    *,
    depth: int = 0,
    meta: bytes | None = None,
    truncated: Truncated | None = None,
) -> Page:
    """A page as the wire hands it over."""
    data = body.encode() if isinstance(body, str) else body
    target = Target(
        URL,
        "h",
        fingerprint(URL),
        "http://h/",
        via="http://h/index",
        depth=depth,
        meta=meta,
    )
    headers = {"content-type": "text/html; charset=utf-8"} if headers is None else headers
    fetched = Fetched(URL, 200, headers, data, 1_234, 0.0564, truncated)
    return Page(target, fetched, 2, 1_700_000_000.5)


def reader(reading: Reading | None = None, *, guarded: bool = True) -> Reader:
    reading = reading or Reading("crawlway")
    scope = reading.make_scope()
    scope.widen("http://h/")
    return Reader(reading, scope, guarded=guarded)


def parsed(outcome: Parsed | Failed) -> Parsed:
    assert isinstance(outcome, Parsed), outcome
    return outcome


def record(outcome: Parsed | Failed) -> dict[str, Any]:
    (line,) = parsed(outcome).lines
    assert line.type == "page"
    fields: dict[str, Any] = json.loads(line.data)
    assert not wrong(fields | {"seq": 1})
    return fields


def found(outcome: Parsed | Failed) -> list[str]:
    return [link.url for link in parsed(outcome).found]


# The record


def test_a_record_has_every_field() -> None:
    body = (
        "<html lang=de><title>Tïtle</title><meta name=robots content=noindex>"
        "<link rel=canonical href=/c><a href=x>x</a><a href=y>y</a>"
    )
    outcome = reader(Reading("crawlway", run=3)).read(page(body, meta=b'{"k": [1]}', depth=4))
    assert record(outcome) == {
        "v": 1,
        "type": "page",
        "url": URL,
        "pass": 3,
        "at": "2023-11-14T22:13:20.500Z",
        "depth": 4,
        "via": "http://h/index",
        "seed": "http://h/",
        "meta": {"k": [1]},
        "status": 200,
        "content_type": "text/html; charset=utf-8",
        "charset": "utf-8",
        "bytes": len(body.encode()),
        "wire_bytes": 1_234,
        "elapsed_ms": 56,
        "attempts": 2,
        "truncated": None,
        "title": "Tïtle",
        "lang": "de",
        "canonical": "http://h/c",
        "robots": ["noindex"],
        "n_links": 3,
        "hash": sha1(body.encode()).hexdigest(),
        "change": "new",
    }


async def test_the_port_gives_what_reading_gives() -> None:
    assert await reader().parse(page("<a href=x>")) == reader().read(page("<a href=x>"))


def test_a_truncated_page_says_so_and_is_read_as_far_as_it_came() -> None:
    outcome = reader().read(page("<title>x</title><a href=y>", truncated="time"))
    assert record(outcome)["truncated"] == "time"
    assert found(outcome) == ["http://h/dir/y"]


def test_the_charset_is_the_one_it_was_read_in() -> None:
    body = "<title>Привет</title>".encode("koi8-r")
    fields = record(reader().read(page(body, {"content-type": "text/html; charset=koi"})))
    assert (fields["charset"], fields["title"]) == ("koi8-r", "Привет")


@pytest.mark.parametrize("kind", ["image/png", "text/plain", "application/pdf", "text/htmlx"])
def test_what_is_no_html_has_a_hash_and_no_links(kind: str) -> None:
    body = b"<a href=x>"
    outcome = reader().read(page(body, {"content-type": kind}))
    fields = record(outcome)
    assert (fields["content_type"], fields["bytes"]) == (kind, 10)
    assert fields["hash"] == sha1(body).hexdigest()
    assert (fields["charset"], fields["title"], fields["n_links"]) == (None, None, 0)
    assert parsed(outcome).found == ()


def test_a_body_that_was_not_read_has_no_size_and_no_hash() -> None:
    fields = record(reader().read(page(None, {"content-type": "video/mp4"})))
    assert (fields["bytes"], fields["hash"]) == (None, None)


def test_an_empty_body_has_a_size_and_a_hash() -> None:
    fields = record(reader().read(page(b"")))
    assert (fields["bytes"], fields["hash"]) == (0, sha1(b"").hexdigest())


def test_an_empty_body_is_an_empty_document_to_a_recipe() -> None:
    recipe = toml.recipe(b"[fields]\nt = {css = 'h1', required = true}\n'a[]' = 'a'", "r.toml")
    reading = Reading("crawlway", recipe=recipe, content=("text", "links"))
    fields = record(reader(reading).read(page(b"")))
    assert fields["fields"] == {"t": None, "a": []}
    assert fields["field_errors"] == {"t": "required, and nothing is found by h1"}
    assert (fields["text"], fields["links"]) == ("", [])
    assert "fields" not in record(reader(reading).read(page(b"", {"content-type": "text/plain"})))


@pytest.mark.parametrize(
    "kind", ["text/html", "TEXT/HTML", " text/html ;x=y", "application/xhtml+xml"]
)
def test_html_is_told_by_its_type(kind: str) -> None:
    assert found(reader().read(page("<a href=x>", {"content-type": kind}))) == ["http://h/dir/x"]


@pytest.mark.parametrize(
    ("body", "is_html"),
    [
        (b"<a href=x>", True),
        (b" \r\n\t<a href=x>", True),
        (b"\xef\xbb\xbf<a href=x>", True),
        (b"plain text <a href=x>", False),
        (b"\x89PNG<a href=x>", False),
        (b" " * 2_000 + b"<a href=x>", False),
    ],
)
def test_a_body_without_a_type_is_told_by_its_look(body: bytes, is_html: bool) -> None:
    for headers in ({}, {"content-type": ""}):
        outcome = reader().read(page(body, headers))
        assert bool(found(outcome)) == is_html
    assert record(outcome)["bytes"] == len(body)
    assert record(reader().read(page(body, {})))["content_type"] is None


def test_the_robots_of_what_is_no_html_are_recorded() -> None:
    headers = {"content-type": "application/pdf", "x-robots-tag": "noindex"}
    assert record(reader().read(page(b"%PDF", headers)))["robots"] == ["noindex"]


def test_a_page_too_complex_is_a_lasting_failure() -> None:
    outcome = reader().read(page(b"<div>" * 20_000))
    assert isinstance(outcome, Failed)
    assert (outcome.fault, outcome.status, outcome.lasting) == (Fault.TOO_COMPLEX, 200, True)


def test_where_there_are_other_limits_no_page_is_too_complex() -> None:
    outcome = reader(guarded=False).read(page(b"<div>" * 9_000 + b"<a href=x>"))
    assert found(outcome) == ["http://h/dir/x"]


def test_a_reader_may_make_its_own_scope() -> None:
    own = Reader.of(Reading("crawlway", scope="any", include=("/in",), exclude=("/inner",)))
    outcome = parsed(own.read(page("<a href=/in><a href=/inner><a href=/out>")))
    assert found(outcome) == ["http://h/in"]
    assert outcome.refused == {Refusal.EXCLUDE: 1, Refusal.INCLUDE: 1}


def test_what_is_no_html_is_never_too_complex() -> None:
    outcome = reader().read(page(b"<div>" * 20_000, {"content-type": "text/plain"}))
    assert record(outcome)["bytes"] == 100_000


# Links


def test_n_links_counts_distinct_http_urls_wherever_they_lead() -> None:
    body = (
        "<a href=x><a href=./x><a href=x#frag><a href=/dir/x>"  # one
        "<a href=https://elsewhere/>"  # two, though out of scope
        "<a rel=nofollow href=y><a rel=nofollow href=x>"  # three
        "<a href=mailto:x@y><a href=javascript:x><a href=http://[bad>"
    )
    assert record(reader().read(page(body)))["n_links"] == 3


def test_found_links_are_distinct_with_site_and_fingerprint() -> None:
    (link,) = parsed(reader().read(page("<a href=x><a href=./x><a href=x#y>"))).found
    assert (link.url, link.site) == ("http://h/dir/x", "h")
    assert link.fp == fingerprint("http://h/dir/x")


def test_refusals_are_counted_as_occurrences_by_reason() -> None:
    body = (
        "<a href=in><a href=http://i/1><a href=http://i/2><a rel=nofollow href=marked>"
        "<a href=mailto:x@y><a href=http://[bad>"
    )
    outcome = parsed(reader().read(page(body)))
    assert found(outcome) == ["http://h/dir/in"]
    assert outcome.refused == {Refusal.SCOPE: 2, Refusal.NOFOLLOW: 1, Refusal.INVALID: 2}


def test_a_link_out_of_scope_is_refused_for_that_though_marked_nofollow() -> None:
    outcome = parsed(reader().read(page("<a rel=nofollow href=http://i/>")))
    assert outcome.refused == {Refusal.SCOPE: 1}


def test_links_beyond_the_cap_are_counted_as_too_many() -> None:
    body = "".join(f"<a href={number}>x</a>" for number in range(MOST_LINKS + 5))
    outcome = parsed(reader().read(page(body)))
    assert len(outcome.found) == MOST_LINKS
    assert outcome.refused == {Refusal.TOO_MANY: 5}


@pytest.mark.parametrize(("depth", "deep_enough"), [(0, True), (1, True), (2, False)])
def test_from_the_depth_limit_on_links_are_not_followed(depth: int, deep_enough: bool) -> None:
    outcome = parsed(reader(Reading("crawlway", max_depth=2)).read(page("<a href=x>", depth=depth)))
    assert bool(outcome.found) == deep_enough
    assert outcome.refused == ({} if deep_enough else {Refusal.DEPTH: 1})
    assert record(outcome)["n_links"] == 1


def test_a_depth_of_none_is_no_limit() -> None:
    assert found(reader().read(page("<a href=x>", depth=10_000)))


NOFOLLOW_PAGES = [
    ("<meta name=robots content=nofollow>", {}),
    ("<meta name=robots content='noindex, nofollow'>", {}),
    ("<meta name=robots content=none>", {}),
    ("<meta name=crawlway content=nofollow>", {}),
    ("", {"x-robots-tag": "nofollow"}),
    ("", {"x-robots-tag": "otherbot: noindex, crawlway: none"}),
]


@pytest.mark.parametrize(("head", "headers"), NOFOLLOW_PAGES)
def test_a_nofollow_page_is_obeyed_and_counted(head: str, headers: dict[str, str]) -> None:
    given = page(head + "<a href=x><a href=y>", {"content-type": "text/html", **headers})
    outcome = parsed(reader().read(given))
    assert outcome.found == []
    assert outcome.refused == {Refusal.NOFOLLOW: 2}
    assert record(outcome)["n_links"] == 2


@pytest.mark.parametrize(("head", "headers"), NOFOLLOW_PAGES)
def test_nofollow_may_be_ignored(head: str, headers: dict[str, str]) -> None:
    given = page(head + "<a rel=nofollow href=x>", {"content-type": "text/html", **headers})
    outcome = parsed(reader(Reading("crawlway", nofollow=False)).read(given))
    assert found(outcome) == ["http://h/dir/x"]
    assert outcome.refused == {}


@pytest.mark.parametrize(
    ("head", "headers"),
    [
        ("<meta name=robots content=noindex>", {}),
        ("<meta name=googlebot content=nofollow>", {}),
        ("", {"x-robots-tag": "noindex"}),
        ("", {"x-robots-tag": "googlebot: nofollow"}),
    ],
)
def test_noindex_and_the_rules_of_others_stop_nothing(head: str, headers: dict[str, str]) -> None:
    given = page(head + "<a href=x>", {"content-type": "text/html", **headers})
    assert found(reader().read(given)) == ["http://h/dir/x"]


def test_a_link_that_is_followed_somewhere_is_followed() -> None:
    assert found(reader().read(page("<a rel=nofollow href=x><a href=x>"))) == ["http://h/dir/x"]


def test_links_are_resolved_against_the_base() -> None:
    outcome = reader(Reading("crawlway", scope="any")).read(
        page("<base href=http://b/x/y><a href=z><a href=?q>")
    )
    assert found(outcome) == ["http://b/x/z", "http://b/x/y?q"]


def test_parameters_to_be_dropped_are_dropped() -> None:
    outcome = reader(Reading("crawlway", drop_params=("sid",))).read(
        page("<a href='x?sid=1'><a href='x?sid=2'>")
    )
    assert found(outcome) == ["http://h/dir/x"]
    assert record(outcome)["n_links"] == 1


# JSON


def lines(outcome: Parsed | Failed) -> list[str]:
    """A record as every line-splitter sees it."""
    return parsed(outcome).lines[0].data.decode().splitlines()


def test_a_record_is_one_line_to_every_splitter() -> None:
    breaks = "a\u2028b\u2029c\u0085d\x0be\x0cf\x1cg\x1dh\x1ei\rj\nk"
    outcome = reader().read(
        page(f'<html lang="{breaks}"><title>{breaks}</title><meta name=robots content="{breaks}">')
    )
    assert len(lines(outcome)) == 1
    fields = record(outcome)
    assert fields["title"] == "a b c d e f g h i j k"
    assert {"\u2028", "\u2029", "\u0085"} <= set(fields["lang"])
    assert fields["robots"] == [breaks.replace("\r", "\n").lower()]


def test_line_breaks_in_meta_are_escaped() -> None:
    meta = '{"k": "a\u2028b\u2029c\u0085d"}'.encode()
    outcome = reader().read(page("x", meta=meta))
    assert len(lines(outcome)) == 1
    assert record(outcome)["meta"] == {"k": "a\u2028b\u2029c\u0085d"}


SURROGATES = "text/html; charset=utf-8; x=\udcff\ud83d\ude00\udc00z"


def test_lone_surrogates_become_u_fffd() -> None:
    fields = record(reader().read(page("<title>x</title>", {"content-type": SURROGATES})))
    assert fields["content_type"] == "text/html; charset=utf-8; x=\ufffd\U0001f600\ufffdz"
    assert fields["title"] == "x"


def test_lone_surrogates_become_u_fffd_in_a_record_with_meta() -> None:
    given = page("x", {"content-type": SURROGATES}, meta='{"k": [1, "é", null]}'.encode())
    fields = record(reader().read(given))
    assert fields["content_type"] == "text/html; charset=utf-8; x=\ufffd\U0001f600\ufffdz"
    assert fields["meta"] == {"k": [1, "é", None]}


def test_surrogates_in_the_markup_become_u_fffd() -> None:
    body = b"<title>&#xD800;\xed\xa0\x80</title>"
    title = record(reader().read(page(body)))["title"]
    assert set(title) == {"\ufffd"}


def test_quotes_and_controls_are_escaped() -> None:
    kind = 'text/html; x="\\\x01\x1b[31m'
    assert record(reader().read(page("x", {"content-type": kind})))["content_type"] == kind
    assert b"\x1b" not in parsed(reader().read(page("x", {"content-type": kind}))).lines[0].data
