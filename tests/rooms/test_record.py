"""Records: one line of strict JSON each, whatever the web or the seed file held."""

import json
import re
from itertools import pairwise
from typing import Annotated, Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler import encoding, paths, record
from crawler.encoding import encode, moment, numbered
from crawler.model import Failed, Fault, Lease, Reason, Target
from crawler.paths import check_field
from crawler.record import PageRecord, SummaryRecord, common

META = b'{"a":[1.5,null,"x"],"id":123456789012345678901234567890,"deep":{"z":"\xc3\xa4"}}'

ODD = '\u2028\u2029\x85\ud800\udfff\0\n"\\'
anything = st.text(st.one_of(st.characters(codec=None), st.sampled_from(ODD)))


def target(meta: bytes | None = None) -> Target:
    return Target("http://a/1", "a", 1, "http://a/", "http://a/", 2, 0, meta)


def page(meta: bytes | None = None, **fields: Any) -> PageRecord:
    known: dict[str, Any] = {
        "status": 200,
        "content_type": "text/html",
        "bytes": 10,
        "wire_bytes": 5,
        "elapsed_ms": 3,
        "attempts": 1,
        "truncated": None,
    }
    return PageRecord(**known | fields, **common(target(meta), 1, 0.0))


def summary(**fields: Any) -> SummaryRecord:
    names = "discovered fetched redirected failed skipped gone left requests bytes wire_bytes"
    known: dict[str, Any] = dict.fromkeys([*names.split(), "elapsed_ms"], 0)
    known |= {"errors": {}, "skips": {}, "refused": {}, "end_reason": "drained"}
    return SummaryRecord(pass_=1, at=moment(0), **known | fields)


def strict(data: bytes) -> Any:
    """Return what a strict reader makes of a line."""

    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is no JSON")

    return json.loads(data.decode("utf-8"), parse_constant=refuse)


def scrubbed(text: str) -> str:
    return "".join("\ufffd" if "\ud800" <= each <= "\udfff" else each for each in text)


def pairless(text: str) -> bool:
    """Whether no high surrogate stands before a low one, which would be a pair."""
    return not any(
        "\ud800" <= first <= "\udbff" and "\udc00" <= then <= "\udfff"
        for first, then in pairwise(text)
    )


@given(anything, st.lists(anything))
def test_a_record_is_one_line_of_strict_json(text: str, robots: list[str]) -> None:
    data = encode(page(META, title=text, robots=robots, lang=text))
    got = strict(data)
    if pairless(text):
        assert got["title"] == got["lang"] == scrubbed(text)
    assert len(got["robots"]) == len(robots)
    assert got["meta"] == json.loads(META)
    assert len(numbered(data, 1).decode().splitlines()) == 1


@pytest.mark.parametrize("text", ["\ud800", "a\udc80b", "\udfff\ud800", "\ud800" * 3, "x\udbff"])
def test_lone_surrogates_become_replacement_characters(text: str) -> None:
    assert strict(encode(page(title=text)))["title"] == scrubbed(text)
    assert strict(encode(page(robots=["ok", text])))["robots"] == ["ok", scrubbed(text)]


def test_lone_surrogates_in_nested_values() -> None:
    lease = Lease(target(META), 1)
    failed = Failed(Fault.PROTOCOL, "bad \udcff header", 200)
    got = strict(record.error(lease, failed, 2, 1, 0.0).data)
    assert got["error"] == {"class": "protocol", "message": "bad \ufffd header", "attempts": 2}
    assert got["pass"] == 1
    assert got["meta"] == json.loads(META)


def test_lone_surrogates_in_names_of_fields() -> None:
    assert strict(encode(summary(errors={"a\ud800": 1})))["errors"] == {"a\ufffd": 1}


def test_a_record_keeps_its_fields_and_their_order_when_scrubbed() -> None:
    plain, odd = encode(page(META, title="#")), encode(page(META, title="\ud800"))
    assert odd == plain.replace(b"#", "\ufffd".encode())


@pytest.mark.parametrize("separator", ["\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c", "\x1e"])
def test_no_line_splitter_sees_two_lines(separator: str) -> None:
    meta = json.dumps({separator: separator}, ensure_ascii=False).encode()
    for title in (f"a{separator}b", f"a{separator}b\ud800"):
        text = numbered(
            encode(page(msgspec.json.encode(json.loads(meta)), title=title)), 7
        ).decode()
        assert text.endswith("\n")
        assert text.splitlines() == [text[:-1]]
        assert strict(text.encode())["title"] == scrubbed(title)
        assert strict(text.encode())["meta"] == {separator: separator}
        assert strict(text.encode())["seq"] == 7


@pytest.mark.parametrize(
    "control", ["\x7f", "\x80", "\x9b", "\x9f", "\u061c", "\u200e", "\u202e", "\u2066", "\u2069"]
)
def test_what_a_terminal_would_obey_is_escaped(control: str) -> None:
    data = encode(page(title=f"a{control}b"))

    assert control.encode() not in data
    assert json.loads(data)["title"] == f"a{control}b"


def test_neighbours_of_what_is_escaped_stay_as_they_are() -> None:
    text = "\u2027\u2019\u202f\u200d\u2065\u206a\x7e\xa0\xc2é\u061b"
    assert json.dumps(text, ensure_ascii=False).encode() in encode(page(title=text))


@pytest.mark.parametrize(
    "meta", [META, b"0", b"false", b'""', b"[]", b"1.5", b'"\xc3\xa4"', b"-0.001"]
)
def test_meta_is_echoed_verbatim(meta: bytes) -> None:
    for line in (
        encode(page(meta)),
        encode(page(meta, title="\ud800")),
        record.redirect(target(meta), 301, "http://b/", 1, 0.0).data,
        record.skip(target(meta), Reason.TRAP, "\ud800", 1, 0.0).data,
        record.error(Lease(target(meta), 1), Failed(Fault.DNS, "no"), 1, 1, 0.0).data,
    ):
        assert b'"meta":' + meta + b"," in line
        strict(line)


def test_no_meta_is_null() -> None:
    assert strict(encode(page()))["meta"] is None
    assert strict(encode(page(title="\ud800")))["meta"] is None


def test_every_type_has_the_common_fields() -> None:
    lines = [
        record.redirect(target(), 302, "http://b/", 3, 1.0),
        record.skip(target(), Reason.ROBOTS, None, 3, 1.0),
        record.error(Lease(target(), 1), Failed(Fault.TLS, "no"), 1, 3, 1.0),
    ]
    for line in lines:
        got = strict(line.data)
        assert got["type"] == line.type
        assert {name: got[name] for name in "v url pass at depth via seed meta".split()} == {
            "v": 1,
            "url": "http://a/1",
            "pass": 3,
            "at": "1970-01-01T00:00:01.000Z",
            "depth": 2,
            "via": "http://a/",
            "seed": "http://a/",
            "meta": None,
        }


@pytest.mark.parametrize(
    ("at", "text"),
    [
        (0, "1970-01-01T00:00:00.000Z"),
        (0.5, "1970-01-01T00:00:00.500Z"),
        (1_000_000_000.25, "2001-09-09T01:46:40.250Z"),
        (951_782_400, "2000-02-29T00:00:00.000Z"),
        (4_102_444_799.999, "2099-12-31T23:59:59.999Z"),
    ],
)
def test_a_moment_is_rfc_3339_in_utc(at: float, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Kathmandu")
    assert moment(at) == text


@pytest.mark.parametrize(
    "path",
    ["url", "v", "pass", "seq", "title", "error", "error.class", "end_reason", "meta", "meta.a",
     "meta.any key.at.all", "errors.http_4xx", "refused.scope"],
)  # fmt: skip
def test_fields_that_records_may_have(path: str) -> None:
    check_field(path)


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("urll", "no record has 'urll'; there are v, type, url, pass, .*, seq$"),
        ("", "no record has ''"),
        ("pass_", "no record has 'pass_'"),
        ("error.klass", "'error.klass': there is no 'klass' in it"),
        ("title.x", "there is no 'x' in it"),
        ("robots.0", "'robots.0': robots is a list, which has no names in it; write robots$"),
        ("links.url", "'links.url': links is a list, which has no names in it; write links$"),
        ("structured.json_ld.0", "structured.json_ld is a list, .*; write structured.json_ld$"),
        ("seq.a", "there is no 'a' in it"),
        ("meta..a", "there is no '' in it"),
        ("meta.", "there is no '' in it"),
    ],
)
def test_fields_that_no_record_has(path: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        check_field(path)


def test_what_describes_a_field_hides_nothing_of_it() -> None:
    described = Annotated[dict[str, int] | None, msgspec.Meta(description="Counts.")]
    (found,) = paths._below(msgspec.inspect.type_info(described), "any")
    assert isinstance(found, msgspec.inspect.IntType)


def test_what_is_escaped_in_bytes_is_what_is_obeyed_in_text() -> None:
    obeyed = re.compile(f"[{encoding.OBEYED}]")
    texts = [chr(number) for number in range(0x20, 0x1_1000) if not 0xD800 <= number < 0xE000]

    assert [text for text in texts if b"\\u" in encode({"": text})] == obeyed.findall(
        "".join(texts)
    )
