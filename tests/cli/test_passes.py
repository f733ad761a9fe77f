"""The same command again asks only for what has changed, and says what is new, changed or gone."""

import json
import os
import random
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import crawler as api
from tests.cli.lives import Life, balanced, one_line
from tests.cli.nights import SELECT, WITH_ITEMS, Nights, Script, Truth, selected, summary
from tests.cli.run import Ran, crawl, crawler
from tests.web.changing import Site, tree
from tests.web.server import Reply, Request, Web, html

ALL = ("--emit", "page,redirect,error,gone,skip,summary")
USUAL = ("--parsers", "0", "--per-host", "16", "--retries", "0", *ALL)
PAGES = 40

Make = Callable[..., Nights]


@pytest.fixture
def make(web: Web, tmp_path: Path) -> Make:
    """Return nights over a site of so many pages."""

    def made(pages: int = PAGES, broken: str = "", **given: tuple[str, ...]) -> Nights:
        site = Site(web, **given)  # type: ignore[arg-type]
        tree(site, pages)
        return Nights(site, Life(tmp_path, (site.url("/0"),), usual=USUAL), broken)

    return made


# Nothing has changed.


def nothing_changed(nights: Nights) -> None:
    first = nights.night()
    again = nights.night()
    site = nights.site

    assert {each["change"] for each in first[:-1]} == {None}
    assert sorted(site.asked) == sorted(site.conditional) == sorted(site.links)
    assert site.sent == 0
    assert {(each["status"], each["change"], each["bytes"]) for each in again[:-1]} == {
        (304, "unchanged", 0)
    }
    assert nights.ends(again) == {(path, "page", "unchanged") for path in site.links}
    assert {each["pass"] for each in again} == {2}
    told = summary(again)
    assert (told["fetched"], told["bytes"], told["end_reason"]) == (PAGES, 0, "drained")
    assert told["changes"] == {"unchanged": PAGES}
    assert balanced(told)


@pytest.mark.parametrize("validators", [("etag",), ("modified",), ("etag", "modified")])
def test_what_has_a_validator_is_asked_for_with_it(make: Make, validators: tuple[str, ...]) -> None:
    nothing_changed(make(validators=validators))


BLUNT = """
from crawler.fetch import http
http._conditional = lambda headers, known: headers
"""
FORGETS_LINKS = """
from crawler.frontier.lore import Led, Lore
Lore.led = lambda lore, row, depth: Led((), False)
"""


@pytest.mark.parametrize("broken", [BLUNT, FORGETS_LINKS])
def test_who_asks_for_everything_or_stops_at_a_304_is_noticed(make: Make, broken: str) -> None:
    with pytest.raises(AssertionError):
        nothing_changed(make(broken=broken))


def test_without_validators_pages_are_compared_by_what_they_say(make: Make) -> None:
    nights = make(validators=())
    nights.night()
    nights.site.edit("/7", "other words")
    ends = nights.ends(nights.night())

    assert not nights.site.conditional
    assert {end for end in ends if end[2] != "unchanged"} == {("/7", "page", "changed")}
    assert len(ends) == PAGES


def test_only_changes_writes_nothing_where_nothing_has_changed(make: Make) -> None:
    nights = make()
    nights.life.usual = USUAL[:-2]
    site = nights.site
    site.links["/3"].append("/missing")
    nights.night()

    assert nights.night("--only-changes") == []
    assert len(site.asked) == PAGES + 1
    site.edit("/7", "other words")
    site.validators = ()
    assert nights.ends(nights.night("--only-changes")) == {("/7", "page", "changed")}


def test_where_something_is_selected_that_is_what_pages_are_compared_by(make: Make) -> None:
    nights = make(validators=())
    select = ("-s", "first=a")
    nights.night(*select)
    nights.site.edit("/7", "words that are not selected")
    nights.site.links["/8"].insert(0, "/9")

    ends = nights.ends(nights.night(*select))

    assert {end for end in ends if end[2] != "unchanged"} == {("/8", "page", "changed")}
    assert nights.night(*select, "--only-changes")[:-1] == []


@pytest.mark.parametrize("validators", [(), ("etag",)])
def test_items_that_are_as_they_were_are_not_counted_where_only_changes_are_told(
    make: Make, validators: tuple[str, ...]
) -> None:
    nights = make(3, validators=validators)
    select = ("--each", "a", "-s", "n:date=a")
    assert "field errors" in nights.run(*select).err

    ran = nights.run(*select, "--only-changes")

    told = nights.life.records()[-1]
    assert (told["items"], told["dropped"], told["field_errors"]) == (0, 0, 0)
    assert not ran.err


def whole(nights: Nights) -> None:
    """Pages that are not sent again have their fields and items nevertheless."""
    site = nights.site
    nights.night(*SELECT)
    site.edit("/7", "other words")
    site.links["/8"].insert(0, "/9")

    records = nights.night(*SELECT)

    sent = {each["url"].removeprefix(site.origin) for each in records[:-1] if each.get("bytes")}
    assert sent == {"/7", "/8"}
    truth = {path: selected(site, path) for path in site.links}
    assert nights.says(records) == truth
    assert summary(records)["items"] == sum(len(items) for _, items in truth.values())
    assert nights.says(nights.night(*SELECT)) == truth, "also from what was not sent twice"
    changes = nights.night(*SELECT, "--only-changes")
    assert [each["type"] for each in changes] == ["summary"]
    assert nights.says(nights.night(*SELECT)) == truth, "also after they were left out"


def test_what_is_not_sent_again_has_its_fields_and_items(make: Make) -> None:
    whole(make())


def test_so_it_has_from_parsing_children(make: Make) -> None:
    nights = make()
    nights.life.usual = ("--parsers", "1", *USUAL[2:])
    whole(nights)


FORGETS_SELECTED = """
from crawler.frontier import lore
lore.MOST_LENT = 0
lore.COLUMNS = lore.COLUMNS.replace("p.selected, NULL)", "NULL, NULL)")
from crawler.frontier import loans
loans.COLUMNS = lore.COLUMNS
"""
KEEPS_THE_FIRST = """
from msgspec.structs import replace
from crawler.frontier.lore import Lore
note = Lore.note
def noted(lore, settled, row, *more):
    old = lore._db.execute("SELECT selected FROM page WHERE id = ?", (row,)).fetchone()
    return note(lore, replace(settled, selected=old[0]) if old else settled, row, *more)
Lore.note = noted
"""
NO_ITEMS = """
from crawler.selected import Selected
Selected.lines = lambda selected, shared: []
"""


@pytest.mark.parametrize("broken", [FORGETS_SELECTED, KEEPS_THE_FIRST, NO_ITEMS])
def test_who_has_nothing_of_what_is_not_sent_is_noticed(make: Make, broken: str) -> None:
    with pytest.raises(AssertionError):
        whole(make(broken=broken))


def test_what_is_too_large_to_be_lent_is_asked_for_in_whole(make: Make) -> None:
    nights = make(4)
    dice = random.Random(1)
    words = [f"{dice.getrandbits(64):x}" for _ in range(9_000)]  # which cannot be deflated much
    nights.site.edit("/2", " ".join(words))
    nights.night(*SELECT)

    records = nights.night(*SELECT)

    assert sorted(nights.site.conditional) == ["/0", "/1", "/3"]
    assert nights.says(records) == {path: selected(nights.site, path) for path in nights.site.links}
    assert summary(records)["changes"] == {"unchanged": 4}


def test_a_function_that_was_changed_has_everything_asked_for(make: Make, tmp_path: Path) -> None:
    nights = make(4)
    module = tmp_path / "own_of_passes.py"
    path: dict[str, Any] = {
        "env": os.environ | {"PYTHONPATH": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"}
    }
    flags = ("--extract", "own_of_passes:made", *WITH_ITEMS)
    for number, sent in ((1, 4), (1, 0), (2, 4), (2, 0)):
        module.write_text(f"def made(page):\n    yield {{'number': {number}}}\n")
        before = nights.written()
        nights.site.night()
        ran = nights.life.run(*flags, **path)
        assert ran.code == 0, ran.err
        made = [each["fields"] for each in nights.life.records()[before:] if each["type"] == "item"]
        assert made == [{"number": number}] * 4
        assert len(nights.site.asked) - len(nights.site.conditional) == sent


def test_pages_without_a_selection_keep_nothing(make: Make) -> None:
    nights = make(4)
    nights.night()
    nights.site.edit("/2", "other words")
    nights.night()

    assert not any("fields" in each for each in nights.life.records())
    lines = crawler("state", str(nights.life.state), "--json", "--sql",
                    "SELECT selected, fields_before, fields_after FROM page LEFT JOIN change "
                    "USING (id)").out.splitlines()  # fmt: skip
    assert len(lines) == 4
    assert {value for line in lines for value in json.loads(line).values()} == {None}


# Something has.


def told(nights: Nights, *passes: str) -> dict[str, list[dict[str, Any]] | None]:
    """Return path → what ``diff --json`` says of its fields."""
    records = [json.loads(line) for line in nights.diff(*passes, "--json")]
    return {each["url"]: each["fields"] for each in records}


def fields_changed(nights: Nights) -> None:
    site = nights.site
    nights.night(*SELECT)
    before = site.texts["/7"]
    site.edit("/7", "\u202eother words\x07")
    site.links["/8"][0:1] = ["/9", "/10"]
    site.add("/100")
    site.links["/9"].append("/100")
    site.remove("/39")  # which /12 linked to
    seven = [{"item": None, "field": "words", "before": before, "after": site.texts["/7"]}]
    eight = [
        {"item": None, "field": "to[0]", "before": "/0", "after": "/9"},
        {"item": None, "field": "to[1]", "before": "/25", "after": "/10"},
        {"item": None, "field": "to[2]", "before": "/26", "after": "/25"},
    ]

    nights.night(*SELECT)

    now = told(nights)
    assert now.keys() == {"/7", "/8", "/9", "/12", "/39", "/100"}
    assert now["/39"] is now["/100"] is None
    assert now["/7"] == seven
    assert (now["/8"] or [])[:3] == eight
    nine = [
        {"item": None, "field": "to[4]", "after": "/100"},
        {"item": 4, "field": None, "after": {"to": "/100", "words": "/100"}},
    ]
    assert now["/9"] == nine
    twelve = [
        {"item": None, "field": "to[3]", "before": "/39"},
        {"item": 3, "field": None, "before": {"to": "/39", "words": "/39"}},
    ]
    assert now["/12"] == twelve
    assert nights.diff() == [
        "pass 2: 1 new, 4 changed, 1 gone",
        "new      /100",
        "changed  /12",
        '    to[3]: removed "/39"',
        '    items[3]: removed {"to":"/39","words":"/39"}',
        "changed  /7",
        f'    words: "{before}" → "\\x202eother words\\u0007"',
        "changed  /8",
        '    to[0]: "/0" → "/9"',
        '    to[1]: "/25" → "/10"',
        '    to[2]: "/26" → "/25"',
        '    to[3]: "/27" → "/26"',
        '    to[4]: added "/27"',
        '    items[0].to: "/0" → "/9"',
        '    items[0].words: "/0" → "/9"',
        '    items[1].to: "/25" → "/10"',
        '    items[1].words: "/25" → "/10"',
        '    items[2].to: "/26" → "/25"',
        '    items[2].words: "/26" → "/25"',
        '    items[3].to: "/27" → "/26"',
        '    items[3].words: "/27" → "/26"',
        '    items[4]: added {"to":"/27","words":"/27"}',
        "changed  /9",
        '    to[4]: added "/100"',
        '    items[4]: added {"to":"/100","words":"/100"}',
        "gone     /39 (nothing links to it)",
    ]
    # And what is as it was again was never otherwise.
    site.edit("/7", before)
    site.edit("/9", "nine")
    nights.night(*SELECT)
    now = told(nights)
    assert now.keys() == {"/7", "/9"}
    assert now["/7"] == [seven[0] | {"before": seven[0]["after"], "after": before}]
    both = told(nights, "1", "3")
    assert both.keys() == {"/8", "/9", "/12", "/39", "/100"}
    assert [each["field"] for each in both["/9"] or []] == ["words", "to[4]", None]


def test_diff_tells_which_field_has_changed(make: Make) -> None:
    nights = make()
    fields_changed(nights)
    with closing(sqlite3.connect(nights.life.state, isolation_level=None)) as db:
        db.execute("UPDATE change SET fields_before = x'ff' WHERE fields_before IS NOT NULL")
    ran = crawler("diff", str(nights.life.state))
    assert (ran.code, ran.out) == (73, "")
    assert one_line(ran.err, "is damaged", "bring back a copy"), ran.err


NO_LISTS = """
from crawler import selected
within = selected._within
selected._within = lambda path, *both: () if type(both[0]) is list else within(path, *both)
"""
TELLS_STEPS = """
from crawler.frontier import inquiry
sum_ = inquiry._sum
inquiry._sum = lambda url, after, steps: sum_(url, after, steps[-1:])
"""


@pytest.mark.parametrize("broken", [KEEPS_THE_FIRST, NO_LISTS, TELLS_STEPS])
def test_who_tells_other_fields_is_noticed(make: Make, broken: str) -> None:
    with pytest.raises(AssertionError):
        fields_changed(make(broken=broken))


def changed(nights: Nights) -> None:
    """Ten pages edited, five added, five removed, of which two are still linked to."""
    site = nights.site
    nights.night()
    for number in range(2, 12):
        site.edit(f"/{number}", f"other words of {number}")
    for number in range(100, 105):
        site.add(f"/{number}")
    site.links["/1"] += [f"/{number}" for number in range(100, 105)]
    removed = ["/30", "/31", "/32", "/33", "/34"]
    for path in removed[:3]:
        site.remove(path)
    for path in removed[3:]:
        del site.links[path], site.texts[path]
    # Where links went, the page has changed, too.
    edited = {"/1", *(f"/{number}" for number in range(2, 12))}
    truth = {(path, "page", "changed") for path in edited}
    truth |= {(f"/{number}", "page", "new") for number in range(100, 105)}
    truth |= {(path, "gone", "unlinked") for path in removed[:3]}
    truth |= {(path, "gone", "http") for path in removed[3:]}

    records = nights.night()

    assert {end for end in nights.ends(records) if end[2] != "unchanged"} == truth
    told = summary(records)
    assert (told["discovered"], told["gone"], told["unconfirmed"]) == (PAGES + 5, 5, 0)
    assert balanced(told)
    state = str(nights.life.state)
    lines = [json.loads(line) for line in crawler("diff", state, "--json").out.splitlines()]
    assert {
        (each["url"].removeprefix(site.origin), each["change"], each["reason"]) for each in lines
    } == {
        (path, kind if type_ == "gone" else what, what if type_ == "gone" else None)
        for path, type_, what in truth
        for kind in ["gone"]
    }
    mail = crawler("diff", state).out.splitlines()
    assert mail[0] == "pass 2: 5 new, 11 changed, 5 gone"
    assert len(mail) == 22
    again = nights.night()
    assert {end[2] for end in nights.ends(again)} == {"unchanged", "http_4xx"}
    assert crawler("diff", state).out == ""


def test_what_is_new_changed_or_gone_is_named_and_nothing_else(make: Make) -> None:
    changed(make())


NEVER_GONE = """
from crawler.frontier.ledger import Ledger
Ledger.sweep = lambda ledger: 0
"""
SAME_TO_ME = """
from crawler.model import Change
from crawler.policy import news
compare = news.compare
news.compare = lambda *args: None if compare(*args) is None else Change.UNCHANGED
"""


KEEPS_CURSORS = """
from crawler.frontier.loans import Loans
grow = Loans.grow
Loans.grow = lambda loans, name, many, first=None: grow(loans, name, many)
"""


@pytest.mark.parametrize("broken", [NEVER_GONE, SAME_TO_ME, KEEPS_CURSORS])
def test_who_overlooks_what_has_changed_is_noticed(make: Make, broken: str) -> None:
    with pytest.raises(AssertionError):
        changed(make(broken=broken))


def test_passes_are_told_one_a_line(make: Make) -> None:
    nights = make()
    state = str(nights.life.state)
    nights.night("-n", "10")
    assert crawler("diff", state) == Ran(0, "", "")
    only = crawler("diff", state, "1", "2")
    assert (only.code, only.out) == (2, "")
    assert one_line(only.err, "only one pass"), only.err
    nights.night("-n", "10")
    nights.life.killed("after page", 5, "-n", "10")

    names, *rows = crawler("state", state, "passes").out.splitlines()

    told = [dict(zip(names.split("\t"), row.split("\t"), strict=True)) for row in rows]
    assert [(each["pass"], each["ended"], each["pages"]) for each in told] == [
        ("1", "max_pages", "10"), ("2", "max_pages", "10"), ("3", "", told[2]["pages"]),
    ]  # fmt: skip
    assert crawler("state", state).out.splitlines()[-4:] == [names, *rows]
    account = json.loads(crawler("state", state, "--json").out.splitlines()[0])
    assert told[2]["started"] == account["started"]  # one form of time
    for wrong in (["1"], ["2", "1"], ["0", "1"], ["1", "4"], ["a", "b"]):
        ran = crawler("diff", state, *wrong)
        assert (ran.code, ran.out) == (2, ""), wrong
        assert len(ran.err.splitlines()) == 1, ran.err


def unconfirmed(nights: Nights) -> list[str]:
    """Return how many known pages each pass has not met, as the state tells it."""
    names, *rows = crawler("state", str(nights.life.state), "passes").out.splitlines()
    at = names.split("\t").index("unconfirmed")
    return [row.split("\t")[at] for row in rows]


def section_down(nights: Nights, status: int = 500) -> None:
    """A section is in trouble while pages are removed elsewhere, and all is well a night later."""
    site = nights.site
    nights.night()
    below = {"/1", "/4", "/5", "/6"}
    site.refuses = lambda path: status if path in below else None
    site.remove("/30")

    records = nights.night()

    ends = nights.ends(records)
    assert {end for end in ends if end[1] == "error"} == {
        (path, "error", "http_5xx") for path in below
    }
    assert not any(end[1] == "gone" for end in ends)
    assert ("/13", "page", "unchanged") in ends, "found by what /4 said the night before"
    assert summary(records)["unconfirmed"] == 1
    site.refuses = lambda path: None
    records = nights.night()
    assert unconfirmed(nights) == ["0", "1", "0"]
    assert {end for end in nights.ends(records) if end[2] != "unchanged"} == {
        ("/30", "gone", "unlinked")
    }


def test_silence_is_not_taken_for_an_end(make: Make) -> None:
    section_down(make())


@pytest.mark.slow
def test_a_server_that_asks_for_fewer_requests_is_not_taken_for_an_end(make: Make) -> None:
    section_down(make(), 503)


HASTY = """
from crawler.frontier.ledger import Ledger
sweep = Ledger.sweep
def hasty(ledger):
    ledger._pass = ledger._pass._replace(unsure=0)
    return sweep(ledger)
Ledger.sweep = hasty
"""


@pytest.mark.parametrize("broken", [HASTY, FORGETS_LINKS])
def test_who_takes_silence_for_an_end_is_noticed(make: Make, broken: str) -> None:
    with pytest.raises(AssertionError):
        section_down(make(broken=broken))


def test_a_robots_txt_that_cannot_be_had_is_silence(make: Make) -> None:
    nights = make()
    nights.night()
    nights.site.robots = 500
    ran = nights.run()
    records = [each for each in nights.life.records() if each["pass"] == 2]

    assert ran.code == 77
    assert nights.ends(records) == {(path, "skip", "robots") for path in nights.site.links}
    nights.site.robots = 404
    assert summary(nights.night())["changes"] == {"unchanged": PAGES}


def test_half_a_page_says_nothing_of_the_rest(make: Make) -> None:
    nights = make()
    site = nights.site
    site.edit("/1", "words " * 200)  # the links come after them
    nights.night()
    site.edit("/1", "other words " * 200)
    site.halves = {"/1"}

    records = nights.night()

    (half,) = [each for each in records if each.get("url") == site.url("/1")]
    assert (half["status"], half["truncated"], half["change"]) == (200, "disconnect", None)
    assert len(nights.ends(records)) == PAGES
    site.halves = set()
    assert {end for end in nights.ends(nights.night()) if end[2] != "unchanged"} == {
        ("/1", "page", "changed")
    }


def risen(nights: Nights) -> None:
    """A page at the deepest level, whose links were not followed, comes one level up."""
    site = nights.site
    assert summary(nights.night("--depth", "2"))["fetched"] == 13
    site.links["/0"].append("/4")

    records = nights.night("--depth", "2")

    assert {end for end in nights.ends(records) if end[2] != "unchanged"} == {
        ("/0", "page", "changed"),
        *((f"/{number}", "page", "new") for number in (13, 14, 15)),
    }
    assert "/4" not in site.conditional
    assert "/5" in site.conditional


def test_a_page_that_rises_is_asked_for_its_links(make: Make) -> None:
    risen(make())


CONTENT = """
from crawler.frontier.lore import Lore
Lore._whole = lambda *args: True
"""


def test_who_is_content_with_the_links_of_before_is_noticed(make: Make) -> None:
    with pytest.raises(AssertionError):
        risen(make(broken=CONTENT))


TURNS = {
    "moves": ((301, "/a"), (301, "/b"), "redirect", "changed", " (301, elsewhere)"),
    "lasting": ((302, "/a"), (301, "/a"), "redirect", "changed", " (302 → 301)"),
    "away": (None, (301, "/a"), "redirect", "changed", " (200 → 301)"),
    "home": ((301, "/a"), None, "page", "changed", " (301 → 200)"),
    "dead": ((301, "/a"), (404, ""), "gone", "gone", " (404)"),
    "over": ((308, "/a"), (410, ""), "gone", "gone", " (410)"),
    "born": ((404, ""), None, "page", "new", ""),
    "ill": ((301, "/a"), (503, ""), "error", None, ""),
    "turned": ((404, ""), (301, "/a"), "redirect", None, ""),
    "same": ((301, "/a"), (301, "/a"), None, None, ""),
    "broken": ((404, ""), (404, ""), None, None, ""),
}
"""By path: what is answered on the first nights and from then on (status and Location; None: a
page), the type of the record that this is told by, what it is to a diff, and its words there.
"""


def turns(web: Web, tmp_path: Path, broken: str = "") -> None:
    """Records, diff, summary and rules mean the same by what has changed."""
    night = [0]

    async def handler(request: Request) -> Reply:
        if request.path == "/robots.txt":
            return Reply("", 404)
        first, then, *_ = TURNS.get(request.path[1:], (None, None))
        status, to = (then if night[0] > 1 else first) or (200, "")
        links = ["/a", "/b", *(f"/{name}" for name in TURNS)]
        return Reply(html(links), status, headers={"Location": to} if to else {})

    life = Life(tmp_path, (web.serve(handler) + "/",), usual=USUAL)
    nights = Nights(Site(web), life, broken)
    told = []
    for number in range(4):
        night[0] = number
        before = nights.written()
        ran = nights.run("--only-changes", "--exit-on-change")
        assert ran.code == (number == 2), (number, ran.err)
        told.append(life.records()[before:])

    assert [len(each) for each in told] == [len(TURNS) + 4, 1, 9 + 1, 1]
    ends = {each["url"].rpartition("/")[2]: each for each in told[2][:-1]}
    assert {name: each["type"] for name, each in ends.items()} == {
        name: row[2] for name, row in TURNS.items() if row[2]
    }
    assert (ends["home"]["change"], ends["born"]["change"]) == ("changed", "new")
    counted = summary(told[2])
    assert (counted["changes"]["new"], counted["changes"]["changed"], counted["gone"]) == (1, 4, 2)
    assert balanced(counted)
    origin = life.seeds[0]
    told_of = crawler("diff", str(life.state), "2", "3").out.replace(origin, "").splitlines()
    assert told_of[0] == "pass 3: 1 new, 4 changed, 2 gone"
    assert sorted(told_of[1:]) == sorted(
        f"{row[3]:<8} {name}{row[4]}" for name, row in TURNS.items() if row[3]
    )
    assert crawler("diff", str(life.state)).out == ""


def test_what_answers_otherwise_has_changed_to_all_who_ask(web: Web, tmp_path: Path) -> None:
    turns(web, tmp_path)


ONLY_PAGES = """
from crawler.policy import news
before = news.before
news.before = lambda lease: before(lease) if lease.known and lease.known.page else None
"""
BLIND_TO_TARGETS = """
from crawler.policy import news
news.turned = lambda lease, digest: lease.known is not None and bool(lease.known.page)
"""


@pytest.mark.parametrize("broken", [ONLY_PAGES, BLIND_TO_TARGETS])
def test_who_overlooks_redirects_is_noticed(web: Web, tmp_path: Path, broken: str) -> None:
    with pytest.raises(AssertionError):
        turns(web, tmp_path, broken)


@pytest.mark.parametrize("status", [404, 410])
def test_a_redirect_that_is_no_more_leads_nowhere(web: Web, tmp_path: Path, status: int) -> None:
    there = [True]

    async def handler(request: Request) -> Reply:
        if request.path == "/old" and there:
            return Reply("", 301, headers={"Location": "/new"})
        return Reply(html(["/old"]), 200 if request.path in ("/", "/new") else status)

    life = Life(tmp_path, (web.serve(handler) + "/",), usual=USUAL)
    assert life.run().code == 0
    there.clear()
    assert life.run().code == 0

    ends = {each["url"]: each for each in life.records() if each.get("url") and each["pass"] == 2}
    assert ends[f"{life.seeds[0]}old"]["reason"] == "http"
    assert ends[f"{life.seeds[0]}new"]["reason"] == "unlinked"
    links = crawler("state", str(life.state), "links", "in", f"{life.seeds[0]}new", "--json")
    assert not links.out


async def test_from_python_a_second_pass_yields_what_has_changed(web: Web, tmp_path: Path) -> None:
    site = Site(web)
    tree(site, PAGES)
    found = []
    for night in range(3):
        if night == 2:
            site.edit("/7", "other words")
        async with api.Crawl(
            [site.url("/0")], state=str(tmp_path / "crawl.db"), parsers=0, only_changes=True
        ) as running:
            found.append([record async for record in running])

    assert [len(each) for each in found] == [PAGES, 0, 1]
    assert (found[2][0]["url"], found[2][0]["change"]) == (site.url("/7"), "changed")


# The pass that a run goes on with.


def test_a_larger_number_goes_on_and_the_same_begins_again(make: Make) -> None:
    nights = make()
    one = ("-c", "1")  # so that they come in the same order each time
    first, more, again = (nights.night("-n", number, *one) for number in ("10", "15", "15"))

    assert [{each["pass"] for each in records} for records in (first, more, again)] == [
        {1}, {1}, {2},
    ]  # fmt: skip
    assert [summary(records)["fetched"] for records in (first, more, again)] == [10, 15, 15]
    assert len(nights.ends(first + more)) == 15
    assert {end[2] for end in nights.ends(again)} == {"unchanged"}
    rest = nights.night()
    assert {each["pass"] for each in rest} == {2}
    assert {end[2] for end in nights.ends(again + rest)} == {"unchanged", "new"}
    assert len(nights.ends(again + rest)) == PAGES


def test_max_time_and_death_go_on_with_the_pass(make: Make) -> None:
    nights = make()
    nights.night("--max-time", "1ms")
    assert nights.last() == (1, None)
    nights.life.killed("after page", 10)
    assert nights.last() == (1, None)
    nights.run()
    assert nights.last() == (1, "drained")
    nights.life.killed("after page", 10)
    assert nights.last() == (2, None)
    nights.run()
    assert nights.last() == (2, "drained")
    seconds = [each for each in nights.life.records() if each["pass"] == 2]
    assert nights.ends(seconds) == {(path, "page", "unchanged") for path in nights.site.links}


def test_a_pass_in_several_runs_counts_what_is_as_it_was_in_all_of_them(make: Make) -> None:
    nights = make()
    nights.night()
    nights.site.edit("/1", "other words")
    nights.site.refuses = lambda path: 404 if path == "/20" else None  # it leads nowhere
    nights.night("-n", str(PAGES - 3))

    told = summary(nights.night())

    assert nights.last() == (2, "drained")
    assert told["gone"] == 1
    assert told["changes"] == {"unchanged": PAGES - 2, "changed": 1}


def test_the_diff_of_a_pass_that_has_not_ended_says_so(make: Make) -> None:
    nights = make()
    nights.night()
    nights.site.edit("/0", "other words")
    nights.life.killed("after page", PAGES - 2)
    assert nights.diff() == ["pass 2 so far: 0 new, 1 changed, 0 gone", "changed  /0"]

    nights.run()

    assert nights.diff() == ["pass 2: 0 new, 1 changed, 0 gone", "changed  /0"]


def test_another_scope_is_taken_up_by_a_new_pass_and_asks_for_everything(make: Make) -> None:
    nights = make()
    nights.night("--depth", "2")
    changed = nights.night("--depth", "3")
    again = nights.night("--depth", "3")

    assert summary(changed)["fetched"] == 40
    assert summary(changed)["changes"] == {"unchanged": 13, "new": 27}
    assert summary(again)["changes"] == {"unchanged": 40}
    assert {each["status"] for each in again[:-1]} == {304}
    narrow = nights.night("--depth", "1")
    assert summary(narrow)["changes"] == {"unchanged": 4}
    assert {each["status"] for each in narrow[:-1]} == {200}
    assert (summary(narrow)["gone"], summary(narrow)["unconfirmed"]) == (0, 0)
    assert summary(nights.night("--depth", "1"))["gone"] == 0


def test_who_failed_while_options_changed_is_asked_for_in_whole(make: Make) -> None:
    """What it said to other options stands in no record, and leads nowhere."""
    nights = make(8)
    site = nights.site
    nights.night("-s", "old=title")
    site.refuses = lambda path: 403 if path == "/1" else None
    nights.night("-s", "new=title", "--exclude", "/5$")
    nights.night("-s", "new=title", "--exclude", "/5$")
    assert "/5" not in site.asked, "which only /1 leads to, and is not in the scope any more"
    state = ("--state", str(nights.life.state), "--offline", "--json")
    for path, conditional in (("/1", False), ("/2", True)):
        told = json.loads(crawler("explain", site.url(path), *state).out)
        assert told["state"]["conditional"] is conditional
    site.refuses = lambda path: None

    records = nights.night("-s", "new=title", "--exclude", "/5$")

    assert "/1" not in site.conditional
    assert {(*each["fields"],) for each in records if each["type"] == "page"} == {("new",)}


def reselected(nights: Nights) -> None:
    nights.night("-s", "old=title")
    nights.site.edit("/1", "otherwise")
    nights.site.add("/new", text="new")
    nights.site.links["/2"].append("/new")
    nights.site.unlink("/7")

    records = nights.night("-s", "new=title")

    told = {path: change for path, type_, change in nights.ends(records) if type_ == "page"}
    assert told == dict.fromkeys(told, None) | {"/new": "new"}
    assert summary(records)["changes"] == {"new": 1}
    assert [end for end in nights.ends(records) if end[1] == "gone"] == [("/7", "gone", "unlinked")]
    assert not nights.site.conditional
    again = nights.night("-s", "new=title")
    assert summary(again)["changes"] == {"unchanged": len(told)}


def test_what_else_is_selected_cannot_be_compared(make: Make) -> None:
    reselected(make(8))


WHO_COMPARES_ALL_THE_SAME = """
from crawler.frontier import passes
take_up = passes.take_up
def forgetful(db, goal, *, changed, reselected):
    take_up(db, goal, changed=changed, reselected=False)
passes.take_up = forgetful
"""


def test_who_compares_what_is_selected_anew_is_noticed(make: Make) -> None:
    with pytest.raises(AssertionError):
        reselected(make(8, broken=WHO_COMPARES_ALL_THE_SAME))


def test_half_a_page_while_options_changed_is_asked_for_in_whole(make: Make) -> None:
    nights = make(4)
    nights.night("-s", "old=title")
    nights.site.halves = {"/1"}
    nights.night("-s", "new=title")
    nights.site.halves = set()

    records = nights.night("-s", "new=title")

    assert {path: change for path, _, change in nights.ends(records)}["/1"] is None
    assert "/1" not in nights.site.conditional
    assert {(*each["fields"],) for each in records if each["type"] == "page"} == {("new",)}


def test_another_user_agent_asks_for_everything(make: Make) -> None:
    nights = make()
    nights.night()
    records = nights.night("-A", "other/1")

    assert not nights.site.conditional
    assert summary(records)["changes"] == {"unchanged": PAGES}


def test_within_a_pass_nothing_may_change(make: Make) -> None:
    nights = make()
    nights.night()
    nights.life.killed("after page", 10)

    ran = nights.run("--depth", "3")

    assert ran.code == 2
    assert one_line(ran.err, "--depth", "the same options", "--fresh"), ran.err


# A few pages a night.


def few_a_night(nights: Nights, number: int, age: str, most: int) -> None:
    seen: set[str] = set()
    passes = 0
    while len(seen) < len(nights.site.links):
        records = nights.night("-n", str(number), "--max-age", age)
        told = summary(records)
        assert told["fetched"] == number or told["end_reason"] == "drained"
        assert balanced(told)
        seen |= {path for path, type_, _ in nights.ends(records) if type_ == "page"}
        passes += 1
        assert passes <= most, f"{len(seen)} pages after {passes - 1} passes"


@pytest.mark.parametrize("age", ["7d", "1ms"])
def test_a_few_pages_a_night_come_to_all_of_them(make: Make, age: str) -> None:
    few_a_night(make(60), 10, age, 7)


NEAREST_FIRST = """
from crawler.frontier import passes
take_up = passes.take_up
def flat(db, goal, **options):
    take_up(db, passes.Goal(goal.pages), **options)
passes.take_up = flat
"""


def test_who_asks_for_the_nearest_first_is_noticed(make: Make) -> None:
    with pytest.raises(AssertionError, match="pages after"):
        few_a_night(make(60, broken=NEAREST_FIRST), 10, "1ms", 7)


@pytest.mark.slow
@pytest.mark.parametrize("age", ["7d", "1ms"])
def test_a_hundred_a_night_come_to_a_thousand(make: Make, age: str) -> None:
    few_a_night(make(1_000), 100, age, 12)


def test_pages_that_are_fresh_are_not_asked_for(make: Make) -> None:
    nights = make()
    nights.night()
    records = nights.night("--max-age", "1h")

    assert nights.site.asked == []
    assert nights.ends(records) == {(path, "skip", "fresh") for path in nights.site.links}
    assert summary(records)["skips"] == {"fresh": PAGES}
    assert nights.night("--max-age", "1h", "--only-changes")[:-1] == []
    time.sleep(0.01)
    assert len(nights.night("--max-age", "1ms")) == PAGES + 1


@pytest.mark.parametrize("flag", [["--only-changes"], ["--max-age", "7d"]])
def test_what_needs_a_memory_needs_a_state(flag: list[str]) -> None:
    ran = crawl("http://127.0.0.1:9/", *flag)

    assert ran.code == 2
    assert one_line(ran.err, *flag[:1], "--state"), ran.err


# Thirty nights.


def nights_by_script(nights: Nights, seed: int, many: int) -> None:
    script, truth = Script(nights.site, seed), Truth(nights.site)
    dice = random.Random(seed)
    for night in range(1, many + 1):
        expected = truth.night()
        records = nights.night_with_deaths(dice, *SELECT)
        assert nights.ends(records) == expected, f"night {night}"
        assert nights.says(records) == truth.says, f"night {night}"
        script.day()


def test_five_nights_with_deaths_tell_the_truth(make: Make) -> None:
    nights_by_script(make(30), 3, 5)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_thirty_nights_with_deaths_tell_the_truth(make: Make, seed: int) -> None:
    nights_by_script(make(60), seed, 30)


def test_what_is_broken_is_the_same_to_a_rule_and_to_the_state(make: Make) -> None:
    """Gone by 404 and still linked is broken; what nothing links to any more is not."""
    nights = make()
    site, life = nights.site, nights.life
    nights.night()

    def broken() -> list[str]:
        answer = crawler("state", str(life.state), "broken", "--json").out
        return [json.loads(line)["url"] for line in answer.splitlines()]

    site.remove("/39")
    ran = life.run("--fail-on", "broken", "--fail-on", "gone>0")
    assert (ran.code, ran.err) == (1, "crawler: error: --fail-on gone>0: 1 gone\n")
    assert broken() == []

    del site.links["/38"]
    ran = life.run("--fail-on", "broken")
    assert (ran.code, ran.err) == (1, "crawler: error: --fail-on broken: 1 broken\n")
    assert broken() == [site.url("/38")]
    told = crawler("state", str(life.state), "broken").out.splitlines()[1]
    assert told.split("\t") == [site.url("/38"), "gone", "404", site.url("/12")]


def test_exit_on_change_is_met_by_what_is_new_changed_or_gone(make: Make) -> None:
    nights = make(validators=())
    flag = "--exit-on-change"

    assert (nights.life.run(flag).code, nights.life.run(flag).code) == (0, 0)
    nights.site.edit("/7", "other words")
    ran = nights.life.run(flag)

    assert (ran.code, ran.err) == (1, "crawler: error: --fail-on changes>0: 1 change\n")
    assert nights.life.run(flag).code == 0
    nights.site.edit("/8", "other words")
    assert nights.life.run("--fail-on", "changed>1", "--fail-on", "new>0").code == 0
    nights.site.edit("/8", "yet others")
    assert nights.life.run("--fail-on", "changed>=1").code == 1
