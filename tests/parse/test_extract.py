"""What recipes and functions take out of pages."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from crawler import record
from crawler.encoding import encode
from crawler.model import Fetched, Page, Parsed, Refusal, Taken, Target
from crawler.parse import extract, function
from crawler.parse.extract import Extractor
from crawler.parse.function import BadFunction
from crawler.parse.page import Reader
from crawler.parse.reading import Reading
from crawler.recipe import flags, toml
from crawler.recipe.model import BadRecipe, Recipe
from crawler.selected import unpack

URL = "http://shop.example/a/list"


def read(
    body: str,
    recipe: Recipe | None = None,
    name: str | None = None,
    url: str = URL,
    *,
    keep: bool = False,
) -> Parsed:
    reader = Reader.of(Reading("crawlway", recipe=recipe, extract=name, keep=keep))
    reader.scope.widen(URL)
    fetched = Fetched(url, 200, {"content-type": "text/html"}, body.encode(), len(body), 0.1)
    parsed = reader.read(Page(Target(url, "shop.example", 1, URL), fetched, 1, 0.0))
    assert isinstance(parsed, Parsed)
    return parsed


def records(parsed: Parsed) -> list[dict[str, Any]]:
    assert [line.type for line in parsed.lines] == ["page", *["item"] * (len(parsed.lines) - 1)]
    return [json.loads(line.data) for line in parsed.lines]


def fields(body: str, *select: str) -> Any:
    """Return the fields, and the errors, that flags take out of a page."""
    (record,) = records(read(body, flags.recipe(select, None)))
    return record["fields"], record.get("field_errors")


def taken(body: str, recipe: str, url: str = URL) -> list[dict[str, Any]]:
    """Return the records with what a recipe takes out of a page."""
    return records(read(body, toml.recipe(recipe.encode(), "r.toml"), url=url))


def test_who_asks_for_nothing_gets_nothing() -> None:
    parsed = read("<p>x")
    (record,) = records(parsed)

    assert parsed.taken is None
    assert not {"fields", "field_errors"} & set(record)


def test_texts_attributes_and_sources() -> None:
    body = "<p class=a>x <b>y</b>\n z</p><a href=' ../q?x#f '>l</a><p>2</p><input checked>"

    assert fields(
        body, "t=p", "text=p::text", "href=a::attr(HREF)", "url:url=a", "html=p::html", "all[]=p",
        "none=i", "attr=p::attr(id)", "nones[]=i", "checked:bool=input::attr(checked)",
        "no:bool=i", "cls[]=p::attr(class)",
    ) == ({
        "t": "x y z", "text": "x y z", "href": "../q?x#f", "url": "http://shop.example/q?x",
        "html": '<p class="a">x <b>y</b>\n z</p>', "all": ["x y z", "2"],
        "none": None, "attr": None, "nones": [], "checked": True, "no": False, "cls": ["a"],
    }, None)  # fmt: skip


def test_what_cannot_be_read_is_an_error_and_null() -> None:
    body = "<b>call</b><i>1.2.3</i><a href='mailto:x'>m</a><u>1</u><u>x</u><u></u><time>soon</time>"

    assert fields(body, "n:int=b", "f:float=i", "l:url=a", "ns[]=u", "nos:int[]=u",
                  "d:date=time") == (
        {"n": None, "f": None, "l": None, "ns": ["1", "x"], "nos": [1, None], "d": None},
        {
            "n": "no number in 'call'",
            "f": "cannot tell which number '1.2.3' is",
            "l": "'mailto:x' is no http or https URL",
            "nos[1]": "no number in 'x'",
            "d": "'soon' is not an ISO 8601 or RFC 2822 date",
        },
    )  # fmt: skip


def test_defaults_stand_in_for_what_is_missing_and_for_what_cannot_be_read() -> None:
    (record,) = taken(
        "<b>call</b><i></i>",
        """[fields]
        a = {css = "b", type = "int", default = -1}
        b = {css = "i", default = "none"}
        c = {css = "u", default = ["x"], all = true}
        d = {css = "b", re = "x(.)", default = "?"}
        e = {css = "b", re = "c(.)(.)"}
        f = {css = "b", re = "a|(z)"}
        """,
    )

    assert record["fields"] == {
        "a": -1, "b": "none", "c": ["x"], "d": "?", "e": "a", "f": None,
    }  # fmt: skip
    assert record["field_errors"] == {"a": "no number in 'call'"}


def test_items_have_fields_relative_to_their_match() -> None:
    body = "".join(f"<li id=i{n}><b>B{n}</b><ul><li class=x>s</ul></li>" for n in range(3))
    recipe = flags.recipe(
        ["t=b", "id=li::attr(id)", "no=::attr(x)", "up=ul > li", "own=> b", "li=:scope li"],
        "body > li",
    )
    parsed = read(body, recipe)

    assert [(each["index"], each["fields"]) for each in records(parsed)[1:]] == [
        (n, {"t": f"B{n}", "id": f"i{n}", "no": None, "up": "s", "own": f"B{n}", "li": "s"})
        for n in range(3)
    ]
    looked = {"t": True, "id": True, "no": False, "up": True, "own": True, "li": True}
    assert parsed.taken == Taken(3, looked=looked)
    first, *items = records(parsed)
    shared = ("v", "url", "pass", "at", "depth", "via", "seed", "meta")
    assert all(item[key] == first[key] for item in items for key in shared)


def test_an_item_without_a_required_field_is_dropped_and_told_of() -> None:
    body = "<li><b>1</b></li><li></li><li><b>x</b></li><li><b>4</b></li>"
    recipe = 'each = "li"\n[fields]\nn = {css = "b", type = "int", required = true}'
    first, *items = taken(body, recipe)
    parsed = read(body, toml.recipe(recipe.encode(), "r"))

    assert [(item["index"], item["fields"]) for item in items] == [(0, {"n": 1}), (3, {"n": 4})]
    assert first["field_errors"] == {
        "items[1].n": "required, and nothing is found by b",
        "items[2].n": "no number in 'x'",
    }
    assert parsed.taken is not None
    assert (parsed.taken.items, parsed.taken.dropped) == (2, 2)


def test_what_was_looked_for_was_there_or_not_whatever_stands_in_for_it() -> None:
    body = "<p><b>x</b><p><i>y</i>"
    page = toml.recipe(
        b'[fields]\nd = {css = ".no", default = "z"}\nn = {css = "b", type = "int"}\n'
        b'yes = {css = ".no", type = "bool"}\n"l[]" = ".no"\n"m[]" = "b, i"\n'
        b'o = {css = "p", fields = {b = "b", no = ".no"}}', "r",
    )  # fmt: skip
    items = toml.recipe(
        b'each = "p"\n[fields]\nb = {css = "b", required = true}\ni = "i"\nno = ".no"', "r"
    )

    def looked(recipe: Recipe) -> object:
        taken = read(body, recipe).taken
        return None if taken is None else taken.looked

    there = {"d": False, "n": True, "yes": True, "l": False, "m": True, "o": True}
    assert looked(page) == there
    assert looked(items) == {"b": True, "i": True, "no": False}
    assert looked(flags.recipe(["b=b"], ".none")) == {}


def test_of_many_dropped_items_a_few_are_told_of() -> None:
    recipe = toml.recipe(b'each="li"\n[fields]\nn={css="b",required=true}', "r")
    parsed = read("<li>x</li>" * 100, recipe)

    assert parsed.taken is not None
    assert parsed.taken.dropped == 100
    assert len(parsed.taken.errors) == extract.MOST_TOLD


def test_a_page_without_a_required_field_stays_a_page() -> None:
    (record,) = taken("<p>", '[fields]\nn = {css = "b", required = true}')

    assert record["fields"] == {"n": None}
    assert record["field_errors"] == {"n": "required, and nothing is found by b"}


def test_nested_and_repeated_objects() -> None:
    body = """<div class=o><b>1</b><i>x</i></div><div class=o><i>y</i></div><div class=o><b>3</b>
    </div><p class=s><u>z</u>"""
    (record,) = taken(
        body,
        """
        [fields.os]
        css = ".o"
        all = true
        fields.n = {css = "b", type = "int", required = true}
        fields.inner = {fields = {x = "i", "all[]" = "i"}}
        [fields.s]
        css = ".s"
        fields = {u = "u", missing = "em"}
        [fields.gone]
        css = ".gone"
        fields.x = "b"
        [fields.broken]
        css = ".s"
        fields.x = {css = "b", required = true}
        """,
    )

    assert record["fields"] == {
        "os": [
            {"n": 1, "inner": {"x": "x", "all": ["x"]}},
            {"n": 3, "inner": {"x": None, "all": []}},
        ],
        "s": {"u": "z", "missing": None},
        "gone": None,
        "broken": None,
    }
    assert record["field_errors"] == {
        "os[1].n": "required, and nothing is found by b",
        "broken.x": "required, and nothing is found by b",
    }


SECTIONS = """
[[section]]
url = '/p/\\d+$'
[section.fields]
a = "b"
[[section]]
url = '/p/'
each = "b"
[section.fields]
t = ""
"""


def test_the_first_section_that_matches_is_for_the_page() -> None:
    def of(path: str) -> list[dict[str, Any]]:
        return taken("<b>x</b>", SECTIONS, f"http://shop.example{path}")

    assert of("/p/12")[0]["fields"] == {"a": "x"}
    assert [each.get("fields") for each in of("/p/x")] == [None, {"t": "x"}]
    assert [each.get("fields") for each in of("/q")] == [None]


LINKS = """<base href="/b/"><nav><a href=1>1</a><a href=2#x>2</a></nav><a class=next href=?p=2>n</a>
<a class=nf rel=nofollow href=3>3</a><a href=4>4</a><div class=js data-u=" 5 ">x</div><i>x</i>
<iframe href=no src=6></iframe>"""


@pytest.mark.parametrize(
    ("links", "found", "left_out"),
    [
        ("follow = 'nav'\nnext = '.next'", ["1", "2", "?p=2"], 3),
        ("follow = ['nav a', 'a.nf', 'nav']", ["1", "2"], 3),
        ("follow = '.js::attr(data-u)'", ["5"], 6),
        ("follow = ['iframe', 'i', '.none']", ["6"], 5),
        ("follow = []", [], 6),
        ("next = 'a::attr(rel)'", ["nofollow"], 6),
    ],
)
def test_only_what_follow_and_next_match_is_followed(
    links: str, found: list[str], left_out: int
) -> None:
    parsed = read(LINKS, toml.recipe(links.encode(), "r"))
    everything = read(LINKS)

    assert [link.url.removeprefix("http://shop.example/b/") for link in parsed.found] == found
    assert parsed.refused[Refusal.RECIPE] == left_out
    assert parsed.refused.get(Refusal.NOFOLLOW, 0) == (".nf" in links)
    assert records(parsed)[0]["n_links"] == records(everything)[0]["n_links"] == 6


def test_too_much_of_a_page_is_cut_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extract, "MOST_ITEMS", 5)
    first, *items = records(read("<b>x</b>" * 9, flags.recipe(["t=::text"], "b")))
    assert len(items) == 5
    assert first["field_errors"] == {"items": "more than 5 items of a page"}

    monkeypatch.setattr(extract, "MOST_BYTES", 1_000)
    first, *items = records(read(f"<b>{'x' * 300}</b>" * 9, flags.recipe(["t=::text"], "b")))
    assert 0 < len(items) < 5
    assert first["field_errors"]["items"] in (
        "more than 5 items of a page", "more than 1,000 bytes of a page",
    )  # fmt: skip
    (record,) = records(read(f"<b>{'x' * 3000}</b>", flags.recipe(["t=b"], None)))
    assert record["fields"] == {}
    assert record["field_errors"] == {"fields": "more than 1,000 bytes of a page"}


def test_what_records_hold_is_kept_where_there_is_a_state(monkeypatch: pytest.MonkeyPatch) -> None:
    body = "<p class=x>1</p><p class=x>y</p><p>3</p><p class=x>\x1b</p>"
    each = toml.recipe(
        b'each = "p"\n[fields]\nx = {css = ".x", required = true}\n'
        b'n = {css = ".x", type = "int"}', "r",
    )  # fmt: skip
    for recipe in (
        flags.recipe(["x:int[]=.x", "y=p"], None),
        each,
        flags.recipe(["x=::text"], "i"),
    ):
        parsed = read(body, recipe, keep=True)
        first, *items = records(parsed)
        assert parsed.selected is not None
        kept = unpack(parsed.selected)
        assert {key: first[key] for key in ("fields", "field_errors") if key in first} == {
            key: json.loads(encode(value)) for key, value in kept.keys().items()
        }
        assert parsed.taken is not None
        assert kept.taken(parsed.taken.looked) == parsed.taken
        shared = record.common(Target(URL, "shop.example", 1, URL), 1, 0.0)
        assert kept.lines(shared) == parsed.lines[1:]
        assert len(items) == len(kept.items)
    assert read(body, each).selected is None
    assert read(body, keep=True).selected is None

    monkeypatch.setattr(extract, "MOST_BYTES", 1_000)
    large = read(f"<b>{'x' * 300}</b>" * 9, flags.recipe(["t=::text"], "b"), keep=True)
    assert large.selected is not None
    assert len(unpack(large.selected).items) == len(large.lines) - 1 == 2
    large = read(f"<b>{'x' * 3000}</b>", flags.recipe(["t=b"], None), keep=True)
    assert large.selected is not None
    assert b'"fields":{}' in large.selected


def test_a_bad_selector_is_told_when_it_is_made_ready() -> None:
    with pytest.raises(BadRecipe, match=r"^r:2: fields\.a\.fields\.b: not a CSS selector"):
        Extractor(toml.recipe(b'[fields]\na = {css="p", fields={b="p:foo"}}', "r"), None)


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A module called ``own`` in the working directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield tmp_path / "own.py"
    sys.modules.pop("own", None)


OWN = """
import datetime, decimal
class Text(str): pass
def see(page):
    yield {"url": page.url, "status": page.status, "type": page.headers["content-type"],
           "html": page.html, "b": page.tree.css_first("b").text(), "to": page.resolve(" x ")}
def one(page): return {"a": 1}
def none(page): pass
def many(page): return [{"n": n} for n in range(3)]
def endless(page):
    while True: yield {}
def fails(page):
    yield {"a": 1}
    raise KeyError("x")
def leaves(page): raise SystemExit("bye")
def prints(page): print("seen")
def strings(page): return "ab"
def odd(page):
    cycle = []
    cycle.append(cycle)
    return {"set": {1}, "nan": [float("nan")], "cycle": cycle, "bytes": b"x", 5: 1,
            "key": {"a": {1: 2}}, "dec": decimal.Decimal(1), "none": None, "text": Text("t"),
            "tuple": (1, True, 2.5), "day": datetime.date(2024, 5, 1), "big": 2**70}
async def later(page): pass
async def gen(page): yield {}
def two(a, b): pass
class Deep:
    @staticmethod
    def extract(page): return {"deep": True}
number = 5
"""


def of(name: str) -> tuple[list[Any], Any]:
    """Return the fields of the items that ``own:NAME`` makes, and the page's errors."""
    first, *items = records(read("<b>x</b>", name=f"own:{name}"))
    return [item["fields"] for item in items], first.get("field_errors")


def test_a_function_sees_the_page_and_makes_items(module: Path) -> None:
    module.write_text(OWN)
    seen = {"url": URL, "status": 200, "type": "text/html", "html": "<b>x</b>", "b": "x",
            "to": "http://shop.example/a/x"}  # fmt: skip

    assert of("see") == ([seen], None)
    assert of("one") == ([{"a": 1}], None)
    assert of("none") == ([], None)
    assert of("many") == ([{"n": 0}, {"n": 1}, {"n": 2}], None)
    assert of("Deep.extract") == ([{"deep": True}], None)


def test_what_a_function_does_wrong_is_the_pages_error(module: Path) -> None:
    module.write_text(OWN)

    assert of("fails") == ([{"a": 1}], {"extract": "KeyError: 'x' (own.py:14)"})
    assert of("leaves") == ([], {"extract": "SystemExit: bye (own.py:15)"})
    assert of("strings") == ([], {"extract": "a value of type str is no item; a dict is"})


def test_a_function_that_never_ends_is_cut(module: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module.write_text(OWN)
    monkeypatch.setattr(function, "MOST_ITEMS", 50)

    assert of("endless") == ([{}] * 50, {"extract": "more than 50 items of a page"})


def test_what_json_cannot_hold_is_a_field_error(module: Path) -> None:
    module.write_text(OWN)
    _, item = records(read("<b>x</b>", name="own:odd"))

    assert item["fields"] == {
        "set": None, "nan": None, "cycle": None, "bytes": None, "key": None, "dec": None,
        "none": None, "text": "t", "tuple": [1, True, 2.5], "day": "2024-05-01", "big": 2**70,
    }  # fmt: skip
    assert item["field_errors"] == {
        "set": "JSON has no set", "nan": "nan is no number of JSON",
        "cycle": "nested too deeply", "bytes": "JSON has no bytes",
        "key": "a value of type int is no name in JSON", "dec": "JSON has no Decimal",
        "5": "a value of type int is no name of a field",
    }  # fmt: skip


def test_what_a_function_prints_is_no_data(
    module: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    module.write_text(OWN)

    assert of("prints") == ([], None)
    assert capsys.readouterr() == ("", "seen\n")


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("own", "it is MODULE:FUNC"),
        ("own.py:see", "without .py: own:see"),
        ("nowhere:see", "no module nowhere here or installed"),
        ("own:nothing", "own has no nothing"),
        ("own:number", "is no function"),
        ("own:later", "is async"),
        ("own:gen", "is async"),
        ("own:two", "has to take one argument"),
    ],
)
def test_a_function_that_cannot_be_had_is_told(module: Path, name: str, told: str) -> None:
    module.write_text(OWN)
    with pytest.raises(BadFunction) as caught:
        Extractor(None, name, strict=True)

    assert told in str(caught.value)


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("import nowhere", "ModuleNotFoundError: No module named 'nowhere' (own.py:1)"),
        ("\nx = 1 / 0", "ZeroDivisionError: division by zero (own.py:2)"),
        ("def (", "SyntaxError"),
        ("raise SystemExit(3)", "SystemExit: 3"),
    ],
)
def test_a_module_that_fails_is_told_and_for_a_child_an_error(
    module: Path, source: str, told: str
) -> None:
    module.write_text(source)
    with pytest.raises(BadFunction) as caught:
        Extractor(None, "own:f", strict=True)

    assert told in str(caught.value)
    assert told in of("f")[1]["extract"]


def test_a_recipe_and_a_function_go_together(module: Path) -> None:
    module.write_text(OWN)
    recipe = flags.recipe(["t=b"], "b")
    _, *items = records(read("<b>x</b><b>y</b>", recipe, "own:one"))

    assert [(item["index"], item["fields"]) for item in items] == [
        (0, {"t": "x"}), (1, {"t": "y"}), (2, {"a": 1}),
    ]  # fmt: skip
