"""The published schema is a schema, fits what is written, and what is broken does not fit it."""

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import jsonschema_rs
import msgspec
import pytest

from crawler import schema
from crawler.encoding import encode, numbered
from crawler.model import Fault, Reason, Refusal
from crawler.record import SCHEMA_VERSION, PageRecord
from crawler.settings import CONTENT, RECORD_TYPES
from tests.cli.run import crawl, crawler
from tests.records import checked, wrong
from tests.web.server import Reply, Request, Web

FACTS: dict[str, Any] = {
    "url": "http://a/", "pass_": 1, "at": "2026-01-01T00:00:00.000Z", "depth": 0, "via": None,
    "seed": "http://a/", "meta": msgspec.Raw(b'{"k":[1]}'), "status": 200, "wire_bytes": 1,
    "content_type": "text/html", "bytes": 1, "elapsed_ms": 1, "attempts": 1, "truncated": None,
}  # fmt: skip


def page(**more: Any) -> dict[str, Any]:
    line = numbered(encode(PageRecord(**FACTS | more)), 1)
    found: dict[str, Any] = json.loads(line)
    return found


def test_the_command_prints_it() -> None:
    ran = crawler("schema")
    assert (ran.code, ran.err) == (0, "")
    assert json.loads(ran.out) == schema.schema()
    for name in RECORD_TYPES:
        assert json.loads(crawler("schema", name).out) == schema.schema(name)


def test_a_type_that_there_is_not() -> None:
    ran = crawler("schema", "pages")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.count("\n") == 1
    assert "pages" in ran.err
    assert "summary" in ran.err


@pytest.mark.parametrize("name", [None, *RECORD_TYPES])
def test_it_is_a_schema_of_its_dialect(name: str | None) -> None:
    document = schema.schema(name)
    jsonschema_rs.meta.validate(document)
    assert document["$schema"].endswith("2020-12/schema")
    assert "only ever grows" in document["description"]
    assert '"additionalProperties": false' not in json.dumps(document)


def test_there_is_one_of_each_kind() -> None:
    assert set(schema.kinds()) == set(RECORD_TYPES)
    assert len(schema.schema()["oneOf"]) == len(RECORD_TYPES)


def test_it_says_which_keys_are_always_there() -> None:
    document = schema.schema("page")
    selected = {"fields", "field_errors"}
    assert set(document["properties"]) - set(document["required"]) == {*CONTENT, *selected}
    for name in set(RECORD_TYPES) - {"page"}:
        document = schema.schema(name)
        optional = {"item": {"field_errors"}, "summary": {"seq"}}.get(name, set())
        assert set(document["properties"]) - set(document["required"]) == optional
        assert {"v", "type"} < set(document["required"])
        assert document["properties"]["v"]["const"] == SCHEMA_VERSION


def test_the_published_lists_are_in_it() -> None:
    text = json.dumps(schema.schema())
    for word in [*Fault, *Reason, *Refusal]:
        assert f'"{word}"' in text


def test_whatever_is_any_record_is_one_of_them() -> None:
    validator = jsonschema_rs.validator_for(schema.schema(), validate_formats=True)
    assert validator.is_valid(page())
    assert validator.is_valid(page() | {"some": "new key"})
    assert not validator.is_valid(page() | {"type": "skip"})


def test_a_page_with_everything() -> None:
    everything = {
        "text": "t", "markdown": None, "html": "", "headers": {"a": "b"},
        "links": [{"url": "u", "text": "", "rel": [], "element": "a"}],
        "structured": {"json_ld": [1, {}], "broken": 0, "opengraph": {"a": ["b"]}, "meta": {}},
    }  # fmt: skip
    assert not wrong(page(title="t", robots=["noindex"]) | everything)


async def test_progress_for_machines_fits_its_schema(web: Web) -> None:
    async def handler(request: Request) -> Reply:
        if request.path == "/robots.txt":
            return Reply("User-agent: *\nCrawl-delay: 0.6")
        return Reply("<a href=/2>2</a><a href=/404>4</a>", 404 if request.path == "/404" else 200)

    ran = crawl(web.serve(handler), "--progress", "json")
    *told, last = [json.loads(line) for line in ran.err.splitlines()]
    document = schema.progress()
    validator = jsonschema_rs.validator_for(document)

    jsonschema_rs.meta.validate(document)
    assert json.loads(crawler("schema", "progress").out) == document
    assert len(told) >= 2
    assert all(validator.is_valid(each) for each in told)
    assert all(each.keys() == document["properties"].keys() for each in told)
    assert last["type"] == "summary"
    assert jsonschema_rs.validator_for(schema.schema("summary")).is_valid(last)
    sites = {"slow": [["a.test", 1.5]], "held_back": [["a.test", 1]]}
    assert validator.is_valid(told[-1] | sites)
    for key, value in {
        "type": "page",
        "v": 2,
        "rate": "1",
        "tally": {},
        "slow": [["a"]],
        "held_back": {"a": 1},
        "in_flight": -1,
        "errors": {"dns": "1"},
    }.items():
        assert not validator.is_valid(told[-1] | {key: value}), key
    assert not validator.is_valid({key: told[-1][key] for key in told[-1].keys() - {"requests"}})


LESS = object()


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("title", LESS), ("meta", LESS), ("seq", LESS), ("title", 1), ("status", "200"),
        ("status", 99), ("bytes", -1), ("bytes", 1.5), ("robots", "noindex"), ("robots", [1]),
        ("at", "now"), ("at", "2026-01-01 00:00:00"), ("via", 0), ("truncated", "bored"),
        ("v", 2), ("pass", 0), ("depth", None), ("type", "pages"), ("seq", 0), ("extra", 1),
        ("text", ["t"]), ("headers", {"a": 1}), ("links", [{"url": "u"}]), ("links", {}),
        ("structured", {"json_ld": []}), ("structured.meta", {"a": "b"}), ("links.0.rel", "a"),
        ("links.0.element", "img"), ("links.0.why", "x"),
    ],
)  # fmt: skip
def test_a_record_broken_on_purpose_is_caught(path: str, value: object) -> None:
    whole = page() | {
        "links": [{"url": "u", "text": "", "rel": [], "element": "a"}],
        "structured": {"json_ld": [], "broken": 0, "opengraph": {}, "meta": {}},
    }
    assert not wrong(whole)
    record: Any = deepcopy(whole)
    *above, key = path.split(".")
    inner = record
    for each in above:
        inner = inner[int(each) if each.isdecimal() else each]
    if value is LESS:
        del inner[key]
    else:
        inner[key] = value
    assert wrong(record)
    with pytest.raises(AssertionError):
        checked(record)


async def test_records_of_every_kind_fit_it(web: Web, tmp_path: Path) -> None:
    removed: set[str] = set()

    async def handler(request: Request) -> Reply:
        if request.path in removed:
            return Reply("", 404)
        if "if-none-match" in request.headers:
            return Reply("", 304, None)
        match request.path:
            case "/robots.txt":
                return Reply("User-agent: *\nDisallow: /no")
            case "/":
                links = "<a href=/to>1</a><a href=/lost>2</a><a href=/no>3</a><a href=/a/a/a/>4"
                links += "</a><a href=http://other/>5</a>"
                return Reply(links, headers={"ETag": '"1"'})
            case "/to":
                return Reply("", 302, headers={"Location": "/end"})
            case "/end":
                return Reply("plain", type="text/plain")
        return Reply("", 404)

    flags = [*(f"--{kind}" for kind in CONTENT), "--each", "a", "-s", "t=a", "-s", "n:int=b"]
    flags += ["--emit", ",".join(RECORD_TYPES), "--state", str(tmp_path / "crawl.db")]
    seed = web.serve(handler)
    first = crawl(seed, *flags)
    removed.add("/end")
    second = crawl(seed, *flags)

    assert [(ran.code, ran.err) for ran in (first, second)] == [
        (0, "crawler: warning: field n: on none of 1 page\n"),
        (0, ""),
    ]
    whole = jsonschema_rs.validator_for(schema.schema(), validate_formats=True)
    records = first.records + second.records  # each checked against the schema of its kind
    assert all(whole.is_valid(each) for each in records)
    assert {each["type"] for each in records} == set(RECORD_TYPES)
    assert {each["status"] for each in records if each["type"] == "page"} == {200, 304}
