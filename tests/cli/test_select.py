"""Fields, items, recipes and functions, with the real command."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.run import Ran, broken, crawl, crawler
from tests.web.server import Reply, Request, Web
from tests.web.shop import RECIPE, Shop, hand_written

FAST = ("--per-host", "64", "--emit", "page,item,error,summary")


@pytest.fixture
def recipe(tmp_path: Path) -> str:
    path = tmp_path / "shop.toml"
    path.write_text(RECIPE)
    return str(path)


def plain(ran: Ran) -> list[dict[str, Any]]:
    """Return lines of JSON that are no whole records."""
    return [json.loads(line) for line in ran.out.splitlines()]


def wrong(ran: Ran, shop: Shop) -> list[str]:
    """Return what a crawl of the shop says that is not so."""
    fields: dict[str, list[Any]] = {}
    for record in ran.of("page") + ran.of("item"):
        if "fields" in record:
            path = record["url"].removeprefix(shop.origin)
            fields.setdefault(path, []).append(record["fields"])
    truth = {f"/p/{number}": [shop.truth(number)] for number in range(shop.products)}
    truth |= {path: [each] for path, each in hand_written(shop.origin).items()}
    return [
        f"{path}: {fields.get(path)} is not {truth.get(path)}"
        for path in sorted(fields.keys() | truth.keys())
        if fields.get(path) != truth.get(path)
    ]


def test_a_recipe_yields_every_product_with_its_typed_fields(web: Web, recipe: str) -> None:
    shop = Shop()
    ran = crawl(shop.serve(web), "--recipe", recipe, *FAST)

    assert ran.code == 0, ran.err
    assert ran.err == ""
    assert wrong(ran, shop) == []
    (summary,) = ran.of("summary")
    assert (summary["items"], summary["dropped"], summary["field_errors"]) == (1, 0, 0)
    assert summary["failed"] == 0
    followed = {request.path for request in web.log}
    assert not [path for path in followed if "cart" in path or "from" in path or "/about" in path]
    assert len(ran.of("page")) == 1 + 40 * 3 + 2_000 + 3


MARKS_AS_IN_ENGLISH = """
from crawler.parse import values
values._split = lambda digits, decimal, whole: (digits.replace(",", ""), "")
"""
WORDS_RUN_TOGETHER = """
from crawler.parse import fields
fields.words = lambda element: element.text()
"""
FOLLOWS_EVERYTHING = """
from crawler.parse import page
page._only = lambda wanted, follow, nofollow: (follow, nofollow, 0)
"""


@pytest.mark.parametrize("breakage", [MARKS_AS_IN_ENGLISH, WORDS_RUN_TOGETHER, FOLLOWS_EVERYTHING])
def test_a_broken_reading_of_the_shop_would_be_caught(web: Web, recipe: str, breakage: str) -> None:
    shop = Shop(products=40, categories=2)
    ran = broken(breakage, shop.serve(web), "--recipe", recipe, "--parsers", "0", *FAST)

    assert ran.code == 0, ran.err
    assert wrong(ran, shop) or len(ran.of("page")) + len(ran.of("error")) > 1 + 2 + 40 + 3


@pytest.mark.parametrize("parsers", ["0", "1"])
def test_flags_make_fields_and_items(web: Web, parsers: str) -> None:
    shop = Shop(products=20, categories=1)
    url = f"{shop.serve(web)}/c/0"
    flags = ("--scope", "page", "--parsers", parsers)

    ran = crawl(url, "-s", "first=.card h2", "-s", "u:url[]=h2 a", "-s", "t[]:int=h2", *flags)
    (record,) = ran.records
    assert record["type"] == "page"
    assert record["fields"] == {
        "first": "P0",
        "u": [f"{shop.origin}/p/{number}" for number in range(20)],
        "t": list(range(20)),
    }

    ran = crawl(url, "--each", ".card", "-s", "t=h2", "-s", "id:int=a", *flags)
    assert [(each["type"], each["index"], each["fields"]) for each in ran.records] == [
        ("item", number, {"t": f"P{number}", "id": number}) for number in range(20)
    ]


def test_tables_have_a_column_for_each_field(web: Web, tmp_path: Path) -> None:
    shop = Shop(products=3, categories=1)
    url, out = f"{shop.serve(web)}/c/0", tmp_path / "out.csv"
    select = ("--each", ".card", "-s", "t=h2", "-s", "id:int=a", "--scope", "page")
    assert crawl(url, *select, "-o", str(out)).code == 0
    with out.open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["type"], row["index"], row["fields.t"], row["fields.id"]) for row in rows] == [
        ("item", f"{number}", f"P{number}", f"{number}") for number in range(3)
    ]

    ran = crawl(url, *select, "--fields", "fields.id,fields.t", "-f", "tsv")
    assert ran.out == "fields.id\tfields.t\n0\tP0\n1\tP1\n2\tP2\n"
    ran = crawl(url, *select, "--fields", "fields.id")
    assert plain(ran) == [{"fields": {"id": number}} for number in range(3)]


@pytest.mark.parametrize(
    ("args", "code", "told"),
    [
        (["-s", "t=p:foo"], 2, ["--select t: not a CSS selector: unexpected ':'"]),
        (["-s", "t"], 2, ["a field is NAME=CSS"]),
        (["--each", "p"], 2, ["--each goes with --select"]),
        (["--each", "p[", "-s", "t=b"], 2, ["--each: not a CSS selector", "\n    p[\n      ^\n"]),
        (["--extract", "nowhere:f"], 2, ["no module nowhere here or installed"]),
        (["-s", "t=p", "--recipe", "x"], 2, ["--recipe and --select exclude each other"]),
        (["--recipe", "nowhere.toml"], 66, ["cannot read --recipe nowhere.toml"]),
        (["--extract", "bad:f"], 2, ["--extract bad:f: SyntaxError: ", "(bad.py:3)"]),
        (["--recipe", "BAD"], 78, ["bad.toml:2: fields.p.typ: no such key", "'type'?"]),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_before_the_first_request(
    web: Web, tmp_path: Path, args: list[str], code: int, told: list[str]
) -> None:
    bad = tmp_path / "bad.toml"
    bad.write_text('[fields]\np = {css = "b", typ = "int"}\n')
    out = tmp_path / "out.jsonl"
    (tmp_path / "bad.py").write_text("x = 1\n\ndef f(page)\n    pass\n")
    given = [str(bad) if arg == "BAD" else arg for arg in args]
    ran = crawl(web.pages({"/": []}), *given, "-o", str(out), "--state", str(tmp_path / "state"),
                cwd=tmp_path)  # fmt: skip

    assert ran.code == code, ran.err
    assert ran.out == ""
    for words in told:
        assert words in ran.err
    assert web.log == []
    assert not out.exists()


def test_notes_are_told_in_json_too(web: Web) -> None:
    ran = crawl(web.pages({"/": []}), "-s", "t=p:foo", "--log-format", "json")
    (line,) = ran.err.splitlines()

    assert json.loads(line)["notes"] == ["p:foo\n ^"]


def test_a_field_that_is_on_no_page_is_told_at_the_end(web: Web) -> None:
    origin = web.pages({"/": ["/2"], "/2": []})
    flags = (origin, "-s", "price:float=.prise", "-s", "link=a", "--emit", "summary")
    told = "field price: on none of 2 pages"

    ran = crawl(*flags)
    assert ran.err == f"crawler: warning: {told}\n"
    assert ran.of("summary")[0]["not_found"] == {"price": 2}
    assert f"\n{told}\n" in (loud := crawl(*flags, "-v").err)
    assert loud.count("price") == 1
    assert crawl(*flags, "-q").err == ""
    assert crawl(*flags[:1], *flags[3:]).err == ""

    assert crawl(origin, "--each", ".none", "-s", "x=i").err == ""
    assert crawl(origin, "--each", "a", "-s", "x=i").err == (
        "crawler: warning: field x: on none of 1 page\n"
    )


def test_a_field_may_be_on_pages_that_a_run_has_not_read(web: Web, tmp_path: Path) -> None:
    site = {"/": ["/2", "/3"], "/2": [], "/3": []}
    flags = ("-s", "first=a", "--state", str(tmp_path / "s.db"), "--emit", "summary")
    origin = web.pages(site)

    assert crawl(origin, *flags, "-n", "1").err == ""
    rest = crawl(origin, *flags)
    assert (rest.err, rest.of("summary")[0]["not_found"]) == ("", {"first": 2})


def test_a_dropped_item_is_told_of_once_and_counted(web: Web, tmp_path: Path) -> None:
    bodies = {"/": "<a href=/2>2</a><li><b>1</b><li>", "/2": "<li><li><b>2</b>"}

    async def handler(request: Request) -> Reply:
        body = bodies.get(request.path)
        return Reply("", 404) if body is None else Reply(body)

    file = tmp_path / "r.toml"
    file.write_text('each = "li"\n[fields]\nn = {css = "b", type = "int", required = true}')
    origin = web.serve(handler)
    ran = crawl(origin, "--recipe", str(file), "--emit", "item,summary")
    (summary,) = ran.of("summary")

    assert [record["fields"] for record in ran.of("item")] == [{"n": 1}, {"n": 2}]
    assert (summary["items"], summary["dropped"], summary["field_errors"]) == (2, 2, 2)
    (line,) = ran.err.splitlines()
    assert line.startswith(f"crawler: warning: {origin}/: items[1].n: required, and nothing")
    assert "2 items, 2 dropped (a required field is missing), 2 pages with field errors" in (
        crawl(origin, "--recipe", str(file), "-v").err
    )


FUNCTIONS = """
def quick(page):
    print("seen", page.url)
    yield {"url": page.url, "title": page.tree.css_first("title").text()}
def stuck(page):
    if page.url.endswith("/1"):
        print("stuck", flush=True)
        while True: pass
    yield {"url": page.url}
def greedy(page):
    if page.url.endswith("/1"):
        kept = [bytearray(100_000_000) for _ in range(20)]
    yield {"url": page.url}
def killed(page):
    if page.url.endswith("/1"):
        import os; os._exit(3)
    yield {"url": page.url}
"""


IMPATIENT = """
from crawler.parse import lab
start = lab.Lab.__init__
lab.Lab.__init__ = lambda *args, **named: start(*args, **named | {"deadline": 2.0})
"""


def extracted(web: Web, folder: Path, name: str, *flags: str, code: str = "") -> tuple[Ran, str]:
    """Crawl three pages with a function in a module in the working directory."""
    (folder / "own.py").write_text(FUNCTIONS)
    origin = web.pages({"/": ["/1", "/2"], "/1": [], "/2": []})
    code = f"import os\nos.chdir({str(folder)!r})\n{code}"
    return broken(code, origin, "--extract", f"own:{name}", *flags), origin


@pytest.mark.parametrize("parsers", ["0", "2"])
def test_a_function_makes_items_where_pages_are_parsed(
    web: Web, tmp_path: Path, parsers: str
) -> None:
    ran, origin = extracted(web, tmp_path, "quick", "--parsers", parsers)

    assert ran.code == 0, ran.err
    assert {record["type"] for record in ran.records} == {"item"}
    assert {record["fields"]["url"] for record in ran.records} == {
        f"{origin}{path}" for path in ("/", "/1", "/2")
    }
    assert sorted(ran.err.splitlines()) == [f"seen {origin}{path}" for path in ("/", "/1", "/2")]


def test_the_limits_of_a_child_hold_for_a_function(web: Web, tmp_path: Path) -> None:
    ran, origin = extracted(web, tmp_path, "greedy", "--parsers", "1", "--emit", "page,item,error")
    (page,) = [each for each in ran.of("page") if "field_errors" in each]
    assert page["url"] == f"{origin}/1"
    assert page["field_errors"]["extract"].startswith("MemoryError")
    assert len(ran.of("item")) == 2

    stuck = "the function of --extract took more than 2 s"
    for name, words, calls in (
        ("stuck", stuck, 1),
        ("killed", "the function of --extract ended its process with code 3", 0),
    ):
        flags = ("--parsers", "1", "--emit", "item,error")
        ran, origin = extracted(web, tmp_path, name, *flags, code=IMPATIENT)
        (error,) = ran.of("error")
        assert (error["url"], error["error"]["class"]) == (f"{origin}/1", "parser_crash")
        assert words in error["error"]["message"]
        assert len(ran.of("item")) == 2
        assert ran.err.count("stuck\n") == calls, "no second deadline"


def test_a_state_is_of_one_recipe(web: Web, tmp_path: Path, recipe: str) -> None:
    shop = Shop(products=30, categories=1)
    state, out = str(tmp_path / "state"), str(tmp_path / "out.jsonl")
    usual = (shop.serve(web), "--state", state, "-o", out)
    assert crawl(*usual, "--recipe", recipe, "-n", "5").code == 0
    written = Path(out).read_bytes()

    Path(recipe).write_text(RECIPE.replace('"h1"', '"h2"'))
    ran = crawl(*usual, "--recipe", recipe)
    assert ran.code == 2
    assert "was begun with --recipe" in ran.err
    ran = crawl(*usual, "-s", "t=h1", "--emit", "page,item,redirect,error")
    assert ran.code == 2
    assert "--select" in ran.err
    assert Path(out).read_bytes() == written

    Path(recipe).write_text(f"# The same, with a comment.\n{RECIPE}")
    assert crawl(*usual, "--recipe", recipe).code == 0
    records = [json.loads(line) for line in Path(out).read_text().splitlines()]
    products = {each["url"] for each in records if each.get("fields") and "/p/" in each["url"]}
    assert len(products) == 30
    keys = [(each["type"], each["url"], each.get("index")) for each in records]
    assert len(keys) == len(set(keys))


def test_select_each_and_extract_may_not_change_either(web: Web, tmp_path: Path) -> None:
    origin, state = web.pages({"/": ["/1", "/2"], "/1": [], "/2": []}), str(tmp_path / "state")
    usual = (origin, "--state", state, "-o", str(tmp_path / "out"), "--emit", "item")
    assert crawl(*usual, "-s", "t=a", "--each", "p", "-n", "1").code == 0

    for changed, flag in (
        (("-s", "t=b", "--each", "p"), "--select"),
        (("-s", "t=a", "--each", "b"), "--each"),
        (("-s", "t=a", "--each", "p", "--extract", "json:loads"), "--extract"),
    ):
        ran = crawl(*usual, *changed)
        assert ran.code == 2
        assert f"{flag} " in ran.err
    assert crawl(*usual, "-s", "t=a", "--each", "p").code == 0


def test_saved_pages_come_to_the_same_fields(web: Web, tmp_path: Path, recipe: str) -> None:
    shop = Shop(products=12, categories=1)
    origin = shop.serve(web)
    for number in range(12):
        (tmp_path / f"{number}.html").write_text(shop.page(f"/p/{number}"))
    for number in (0, 7, 11):
        ran = crawler("extract", str(tmp_path / f"{number}.html"), "--recipe", recipe,
                      "--url", f"{origin}/p/{number}")  # fmt: skip
        (record,) = plain(ran)
        assert (ran.code, ran.err) == (0, "")
        assert record["fields"] == shop.truth(number)
        assert record["file"].endswith(f"{number}.html")
        assert not {"status", "depth", "pass", "seq"} & set(record)

    flags = ("--recipe", recipe, "--url", f"{origin}/x/broken", "--emit", "item", "--links")
    (item,) = plain(crawler("extract", "-", *flags, stdin=shop.page("/x/broken")))
    assert (item["type"], item["file"]) == ("item", "-")
    assert item["fields"] == hand_written(origin)["/x/broken"]


def test_saved_pages_in_any_encoding_and_several_at_once(tmp_path: Path) -> None:
    one, two = tmp_path / "1.html", tmp_path / "2.html"
    one.write_bytes('<meta charset="windows-1251"><b>Цена 5</b>'.encode("cp1251"))
    two.write_bytes("\ufeff<b>№ 7</b><a href=x>".encode("utf-16"))
    flags = ("-s", "t=b", "-s", "n:int=b", "-s", "u:url=a")
    ran = crawler("extract", str(one), str(tmp_path / "none"), str(two), *flags)

    assert ran.code == 66
    assert [(each["file"], each["charset"], each["fields"]["t"]) for each in plain(ran)] == [
        (str(one), "windows-1251", "Цена 5"), (str(two), "utf-16le", "№ 7"),
    ]  # fmt: skip
    told = "'x' is no http or https URL; --url says where the page is from"
    assert plain(ran)[1]["field_errors"] == {"u": told}
    assert ran.err.splitlines()[0].endswith("none: no such file or directory")


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        ([], 2, "give the FILE of a saved page"),
        (["-", "-s", "t=p:foo"], 2, "\n    p:foo\n     ^"),
        (["-", "--url", "ftp://x"], 2, "--url: only http and https"),
        (["-", "--recipe", "nowhere.toml"], 66, "cannot read --recipe"),
        (["-", "--emit", "x"], 2, "the record types are"),
        (["-", "--emit", "page,error"], 2, "--emit error: of saved pages come page, item and link"),
        (["-", "--emit", "item"], 2, "--emit item: nothing makes items"),
        (["-", "--each"], 2, "(see crawler extract --help)"),
    ],
)
def test_extract_tells_what_is_wrong(args: list[str], code: int, words: str) -> None:
    ran = crawler("extract", *args, stdin="<p>")

    assert (ran.code, ran.out) == (code, "")
    assert words in ran.err


def test_what_of_an_item_cannot_be_read_is_told_and_counted(web: Web) -> None:
    async def handler(request: Request) -> Reply:
        there = request.path == "/"
        return Reply("<p class=b><i>free</i><p class=b><i>7</i>", 200 if there else 404)

    flags = ("--each", ".b", "-s", "price:float=i", "--emit", "item,summary")
    ran = crawl(web.serve(handler), *flags)

    assert [item["fields"]["price"] for item in ran.of("item")] == [None, 7.0]
    assert ran.of("summary")[0]["field_errors"] == 1
    assert "items[0].price" in ran.err
    assert "(first page with field errors; -v tells of all)" in ran.err
    assert "(first page with field errors)" in crawl(web.serve(handler), *flags, "-v").err


def test_that_no_item_was_made_is_told(web: Web) -> None:
    origin = web.pages({"/": []})

    assert "\n0 items\n" in crawl(origin, "--each", ".none", "-s", "x=i", "-v").err
    assert " item" not in crawl(origin, "-s", "x=i", "-v").err
