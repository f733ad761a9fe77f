"""``crawler explain``: each decision about a URL is told, and is the one that a crawl makes."""

import asyncio
import json
import random
import sqlite3
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from crawler.cli.explain import USED
from crawler.encoding import encode
from crawler.explained.decisions import explain as explained
from crawler.explanation import Explanation
from crawler.frontier import trail
from crawler.frontier.inquiry import Inquiry
from crawler.frontier.seen import pack
from crawler.policy.scope import Scope
from crawler.settings import Settings
from tests.cli.lives import Life, one_line
from tests.cli.run import Ran, broken, crawler
from tests.web.server import Reply, Request, Web, html

ROBOTS = """\
User-agent: other
Disallow: /

# for everyone
User-agent: *\r
Allow: /cellar/key
Disallow: /cellar  # dark
Disallow: /*.iso$
"""
DEEP = "/a" * 21
LINKS = {
    "/": ["/a", "/cellar/rum", "/cellar/key", "/moved", "/away", "/missing", "/broken", "/no/x",
          "http://other.invalid/", DEEP, "/plain", "/iso.iso", "/loop", "/to-cellar", "/big"],
    "/a": ["/b", "/"],
    "/b": ["/c"],
    "/c": ["/d"],
    "/cellar/key": [], "/new": ["/"], "/no/x": [], "/big": [],
}  # fmt: skip
MOVED = {
    "/moved": "/new",
    "/away": "http://other.invalid/x",
    "/loop": "/loop",
    "/to-cellar": "/cellar/ale",
}


async def answer(request: Request) -> Reply:
    path = request.path.partition("?")[0]
    if path == "/robots.txt":
        return Reply(ROBOTS, type="text/plain")
    if path in MOVED:
        return Reply("", 302, headers={"Location": MOVED[path]})
    if path == "/broken":
        return Reply("oh", 500)
    if path == "/plain":
        return Reply("words", type="text/plain")
    if path == "/big":
        return Reply(html([]) + "x" * 5_000)
    if path == "/new":
        head = '<meta name=robots content="nofollow"><link rel=canonical href="/a">'
        return Reply(html(LINKS[path], "New", head))
    return Reply(html(LINKS[path])) if path in LINKS else Reply("", 404)


@pytest.fixture(scope="module")
def site() -> Iterator[tuple[Web, str]]:
    with Web() as web:
        yield web, web.serve(answer)


@pytest.fixture
def origin(site: tuple[Web, str]) -> str:
    web, origin = site
    web.log.clear()
    return origin


FAST: dict[str, Any] = {"parsers": 0, "retries": 0}


def told(
    url: str, *seeds: str, given: Sequence[str] = (), offline: bool = False, **flags: Any
) -> Explanation:
    """Explain a URL in this process."""
    settings = Settings(**{"seeds": seeds, **FAST, **flags})
    return asyncio.run(explained(settings, url, (*given, *flags), offline=offline))


def explain(*args: str, **more: Any) -> Ran:
    """Run ``crawler explain ARGS``."""
    return crawler("explain", "--config", "off", "--parsers", "0", "--retries", "0", *args, **more)


def rows(ran: Ran) -> dict[str, list[str]]:
    """Return what a text says, by word."""
    assert (ran.code, ran.err) == (0, ""), ran
    found: dict[str, list[str]] = {}
    word = ""
    for line in ran.out.splitlines():
        first, _, rest = line.partition("  ")
        word = first or word
        found.setdefault(word, []).append(rest.strip())
    return found


# What becomes of a URL is what becomes of it in a crawl.


@dataclass(frozen=True)
class Crawled:
    life: Life
    origin: str
    ends: dict[str, tuple[str, str | None]]


CRAWL = ("--parsers", "0", "--retries", "0", "-X", "/no/", "--depth", "2",
         "--emit", "page,redirect,error,gone,skip,link")  # fmt: skip
FLAGS: dict[str, Any] = {"exclude": ("/no/",), "depth": 2}


@pytest.fixture(scope="module")
def crawled(site: tuple[Web, str], tmp_path_factory: pytest.TempPathFactory) -> Crawled:
    """A finished crawl, and how each URL that it met ended in its records."""
    _, origin = site
    life = Life(tmp_path_factory.mktemp("explain"), (origin + "/",), usual=CRAWL)
    assert life.run().code == 0
    return Crawled(life, origin, ends(life.records()))


def ends(records: Sequence[dict[str, Any]]) -> dict[str, tuple[str, str | None]]:
    """Return how URLs ended; those that links led to and were refused as ``refused``."""
    found: dict[str, tuple[str, str | None]] = {}
    for record in records:
        if record["type"] == "link" and record["refused"]:
            found.setdefault(record["link"]["url"], ("refused", record["refused"]))
    for record in records:
        if record["type"] in ("page", "redirect", "error", "skip", "gone"):
            why = record.get("reason") or record.get("error", {}).get("class")
            found[record["url"]] = (record["type"], why)
    return found


def test_the_site_has_every_kind_of_end(crawled: Crawled) -> None:
    assert set(crawled.ends.values()) == {
        ("page", None), ("redirect", None), ("skip", "robots"), ("skip", "trap"),
        ("error", "http_4xx"), ("error", "http_5xx"), ("refused", "scope"),
        ("refused", "exclude"), ("refused", "depth"),
    }  # fmt: skip
    assert len(crawled.ends) >= 18


def test_without_a_state_every_end_is_the_crawls(crawled: Crawled) -> None:
    for url, end in crawled.ends.items():
        if end == ("refused", "depth"):
            continue  # that takes knowledge of how far it is
        found = told(url, crawled.origin, **FLAGS).end
        assert (found.type, found.reason) == end, url


def test_with_the_state_every_end_is_the_crawls_and_no_flags_are_needed(crawled: Crawled) -> None:
    for url, end in crawled.ends.items():
        found = told(url, state=str(crawled.life.state))
        expected = ("unmet", None) if end == ("refused", "depth") else end
        assert (found.end.type, found.end.reason) == expected, url
        assert found.otherwise == []
        if end[0] != "refused":
            assert found.state is not None
            (last,) = found.state.ends
            assert (last.since, last.type, last.reason) == (1, *end), url


def test_an_end_that_a_crawl_does_not_make_would_be_noticed(
    crawled: Crawled, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Scope, "refuses", lambda self, url: None)

    with pytest.raises(AssertionError):
        test_without_a_state_every_end_is_the_crawls(crawled)


def test_a_page_that_the_state_knows_and_that_is_no_more_is_gone(
    site: tuple[Web, str], tmp_path: Path
) -> None:
    web, _ = site
    there = {"/": ["/x"], "/x": []}

    async def handler(request: Request) -> Reply:
        return Reply(html(there[request.path])) if request.path in there else Reply("", 404)

    life = Life(tmp_path, (web.serve(handler) + "/",), usual=("--parsers", "0"))
    assert life.run().code == 0
    url = life.seeds[0] + "x"
    assert told(url, state=str(life.state)).end.type == "page"
    del there["/x"]
    end = told(url, state=str(life.state)).end
    assert (end.type, end.reason, end.status) == ("gone", "http", 404)
    assert told(url).end.type == "error"
    assert told(url, state=str(life.state), max_age=3600.0).end.reason == "fresh"


# One decision after another.


def test_the_normal_form() -> None:
    found = told("Example.COM/a?utm_a=1", offline=True, drop_params=("utm_*",))

    assert found.url == "https://example.com/a"
    assert found.normalised == ["https is meant", "--drop-params takes utm_a off"]
    assert found.seed
    assert found.end.type == "unknown"


@pytest.mark.parametrize(
    ("url", "flags", "refusal", "seed", "pattern"),
    [
        ("https://a.example.com/x", {}, "scope", None, None),
        ("https://example.com/x", {}, None, "https://example.com/docs/", None),
        ("https://b.example.org/x", {"scope": "domain"}, None, "https://example.org/", None),
        ("https://example.com/docs/x", {"scope": "dir"}, None, "https://example.com/docs/", None),
        ("https://example.com/x", {"scope": "dir"}, "scope", None, None),
        ("https://example.com/x", {"scope": "page"}, "scope", None, None),
        ("https://other.net/", {"scope": "any"}, None, None, None),
        ("https://example.com/x", {"include": ("y", "z")}, "include",
         "https://example.com/docs/", None),
        ("https://example.com/x", {"include": ("y", "x$")}, None,
         "https://example.com/docs/", "x$"),
        ("https://example.com/x", {"include": ("x",), "exclude": ("y", "/x")}, "exclude",
         "https://example.com/docs/", "/x"),
    ],
)  # fmt: skip
def test_the_scope(
    url: str, flags: dict[str, Any], refusal: str | None, seed: str | None, pattern: str | None
) -> None:
    found = told(url, "https://example.com/docs/", "https://example.org", offline=True, **flags)

    scope = found.scope
    assert (scope.refusal, scope.seed, scope.pattern) == (refusal, seed, pattern)
    assert (found.end.type, found.end.reason) == (
        ("refused", refusal) if refusal else ("unknown", None)
    )
    assert not scope.exempt


def test_where_a_redirect_of_a_seed_would_widen_the_scope() -> None:
    near = told("https://www.example.com/x", "https://example.com", offline=True)
    far = told("https://example.org/x", "https://example.com", offline=True)

    assert near.end.message == (
        "it would, if https://example.com/ redirected to https://www.example.com/"
    )
    assert far.end.message is None


def test_what_a_sitemap_may_list_is_not_too_deep() -> None:
    seed = "https://example.org/"
    depths: dict[str, Any] = {"depth": 0, "offline": True}
    assert told(f"{seed}a", seed, **depths).end.reason == "depth"
    for sitemap in ("add", "only"):
        assert told(f"{seed}a", seed, sitemap=sitemap, **depths).end.type == "unknown"


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--depth", "0"], "; --depth 0; any link is too deep"),
        (["--depth", "0", "--sitemap", "add"],
         "; --depth 0; any link is too deep, a sitemap may list it (--sitemap add)"),
        (["--depth", "0", "--sitemap", "only"],
         "; --depth 0; only a sitemap may lead to it (--sitemap only)"),
        (["--sitemap", "only"], "; no --depth; only a sitemap may lead to it (--sitemap only)"),
        (["--depth", "1", "--sitemap", "add"], "; --depth 1"),
    ],
)  # fmt: skip
def test_what_may_lead_to_a_url_of_unknown_depth(flags: list[str], words: str) -> None:
    ran = explain("https://example.org/a", "https://example.org", "--offline", *flags)
    assert rows(ran)["depth"] == [f"without a state that is not known{words}"]


def test_a_state_is_looked_into_once(crawled: Crawled, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a run commits meanwhile would be half in the answer."""
    opened: list[str] = []

    class Once(Inquiry):
        def __init__(self, path: str) -> None:
            opened.append(path)
            super().__init__(path)

    monkeypatch.setattr("crawler.explained.decisions.Inquiry", Once)
    found = told(f"{crawled.origin}/a", state=str(crawled.life.state), offline=True)

    assert found.state is not None
    assert found.state.known
    assert len(opened) == 1


def test_a_seed_is_exempt_from_the_scope_but_not_from_robots(origin: str) -> None:
    found = told(f"{origin}/cellar", f"{origin}/cellar", exclude=("cellar",))

    assert (found.seed, found.scope.exempt, found.scope.refusal) == (True, True, "exclude")
    assert (found.end.type, found.end.reason) == ("skip", "robots")


def test_what_is_refused_is_not_asked_for(site: tuple[Web, str], origin: str) -> None:
    web, _ = site
    for flags in ({"exclude": ("/a",)}, {"depth": 0}, {"scope": "page"}):
        assert told(f"{origin}/a", origin, **flags).end.type == "refused"
    assert told(f"{origin}{DEEP}", origin).end.reason == "trap"
    told(f"{origin}/a", origin, offline=True)
    assert web.requests() == []


@pytest.mark.parametrize(
    ("path", "line", "text", "allowed"),
    [
        ("/cellar/rum", 7, "Disallow: /cellar  # dark", False),
        ("/cellar/key", 6, "Allow: /cellar/key", True),
        ("/iso.iso", 8, "Disallow: /*.iso$", False),
        ("/a", None, None, True),
    ],
)
def test_the_line_of_robots_txt(
    site: tuple[Web, str], origin: str, path: str, line: int | None, text: str | None, allowed: bool
) -> None:
    found = told(origin + path, origin)

    (robots,) = found.robots
    assert (robots.line, robots.text, robots.allowed) == (line, text, allowed)
    assert (robots.group, robots.status, robots.bytes) == ("*", 200, len(ROBOTS))
    asked = [request.path for request in site[0].requests()]
    assert asked == ["/robots.txt", path] if allowed else ["/robots.txt"]


def test_a_robots_txt_that_redirects_fails_or_is_missing(web: Web) -> None:
    said: dict[str, Reply] = {}

    async def handler(request: Request) -> Reply:
        return said.get(request.path, Reply("<p>"))

    origin = web.serve(handler)
    said["/robots.txt"] = Reply("", 301, headers={"Location": "/r/"})
    said["/r/"] = Reply("user-agent: mine\ndisallow: /x\ncrawl-delay: 0.01\n", type="text/plain")
    (robots,) = told(f"{origin}/x", user_agent="mine/2").robots
    assert robots.places == [f"{origin}/robots.txt", f"{origin}/r/"]
    assert (robots.group, robots.line, robots.crawl_delay) == ("mine", 2, 0.01)
    (robots,) = told(f"{origin}/x").robots
    assert (robots.group, robots.line, robots.allowed) == (None, None, True)
    said["/robots.txt"] = Reply("", 404)
    (robots,) = told(f"{origin}/x").robots
    assert (robots.status, robots.allowed, robots.bytes) == (404, True, None)
    said["/robots.txt"] = Reply("", 503)
    found = told(f"{origin}/x")
    assert (found.robots[0].allowed, found.robots[0].error) == (False, "robots.txt answered 503")
    assert (found.end.type, found.end.reason) == ("skip", "robots")
    assert told(f"{origin}/x", ignore_robots=True).robots == []


def test_the_origin_that_a_robots_txt_and_a_page_redirect_to_has_its_own(web: Web) -> None:
    async def there(request: Request) -> Reply:
        return Reply("User-agent: *\nDisallow: /x", type="text/plain")

    async def here(request: Request) -> Reply:
        return Reply("", 301, headers={"Location": new + request.path.replace("/old", "/x")})

    new = web.serve(there)
    old = web.serve(here)
    found = told(f"{old}/old")

    assert [(each.url, each.places, each.line) for each in found.robots] == [
        (f"{old}/old", [f"{old}/robots.txt", f"{new}/robots.txt"], None),
        (f"{new}/x", [f"{new}/robots.txt"], 2),
    ]
    assert [(each.type, each.url) for each in (found.end, *found.further)] == [
        ("redirect", f"{old}/old"), ("skip", f"{new}/x")
    ]  # fmt: skip


def test_a_long_crawl_delay_is_not_waited_for(web: Web) -> None:
    async def handler(request: Request) -> Reply:
        delay = "" if request.path == "/x" else "User-agent: *\nCrawl-delay: 60"
        return Reply(delay, type="text/plain")

    origin = web.serve(handler)
    found = told(f"{origin}/x")
    assert (found.end.type, found.end.reason) == ("left", "max_wait")
    assert found.robots[0].crawl_delay == 60
    assert [request.path for request in web.log] == ["/robots.txt"]


def test_a_short_crawl_delay_is_kept(web: Web) -> None:
    async def handler(request: Request) -> Reply:
        return Reply("User-agent: *\nCrawl-delay: 0.4", type="text/plain")

    origin = web.serve(handler)
    assert told(f"{origin}/x").end.type == "page"
    robots, page = web.log
    assert page.started - robots.ended >= 0.4
    assert told(f"{origin}/x", max_wait=0.1).end.type == "left"


def test_requests_and_where_they_lead(origin: str) -> None:
    (first, second) = told(f"{origin}/moved", origin).requests
    assert (first.status, first.location, first.refused) == (302, f"{origin}/new", None)
    assert (second.url, second.status) == (f"{origin}/new", 200)

    found = told(f"{origin}/away", f"{origin}/a")
    (first,) = found.requests
    assert (first.location, first.refused) == ("http://other.invalid/x", "scope")
    assert (found.end.type, found.further) == ("redirect", [])

    found = told(f"{origin}/to-cellar", origin)
    assert [end.type for end in (found.end, *found.further)] == ["redirect", "skip"]
    assert [robots.allowed for robots in found.robots] == [True, False]

    (request,) = told(f"{origin}/broken", origin).requests
    assert (request.status, request.error) == (500, "http_5xx")


def test_a_guarded_address_is_told(web: Web) -> None:
    origin = web.pages({"/": []}, address="127.0.0.2")
    found = told(f"{origin}/x", "http://127.0.0.1:9/", scope="any")

    assert (found.end.type, found.end.reason) == ("error", "private_address")
    assert web.log == []


def test_the_page_and_its_size(origin: str, tmp_path: Path) -> None:
    found = told(f"{origin}/new", origin)
    assert found.page is not None
    page = found.page
    assert (page.use, page.title, page.canonical) == ("html", "New", f"{origin}/a")
    assert (page.robots, page.followed, page.refused) == (["nofollow"], 0, {"nofollow": 2})

    (tmp_path / "recipe.toml").write_text('follow = ".next"\neach = "a"\n[fields]\nto = ""\n')
    found = told(f"{origin}/a", origin, recipe=str(tmp_path / "recipe.toml"))
    assert found.page is not None
    assert (found.page.followed, found.page.refused) == (0, {"recipe": 2})
    assert (found.end.type, found.further) == ("page", [])

    found = told(f"{origin}/big", origin, max_size=1_000)
    (request,) = found.requests
    assert (request.bytes, request.truncated) == (1_000, "length")
    assert request.content_length is not None
    assert int(request.content_length) > 5_000

    found = told(f"{origin}/plain", origin)
    assert found.page is not None
    assert (found.page.use, found.requests[0].content_type) == ("recorded", "text/plain")


# The state.


def test_a_flag_beside_a_state_says_what_would_be(crawled: Crawled) -> None:
    state, origin = str(crawled.life.state), crawled.origin
    found = told(f"{origin}/no/x", state=state)
    assert (found.end.reason, found.scope.pattern) == ("exclude", "/no/")
    found = told(f"{origin}/no/x", state=state, exclude=())
    assert found.end.type == "page"
    assert found.otherwise == ["--exclude is none here, /no/ in the state"]
    found = told(f"{origin}/b", state=state, depth=1)
    assert (found.end.reason, found.depth.depth, found.depth.limit) == ("depth", 2, 1)


def test_seeds_beside_a_state_are_told_as_it_spells_them_and_without_credentials(
    crawled: Crawled,
) -> None:
    state, origin = str(crawled.life.state), crawled.origin
    typed = origin.replace("://", "://me:secret@")
    found = told(f"{origin}/a", typed, given=("seeds",), state=state, offline=True)
    assert found.otherwise == []
    found = told(f"{origin}/a", f"{typed}/a", given=("seeds",), state=state, offline=True)
    assert found.otherwise == [f"SEED is {origin}/a here, {origin}/ in the state"]
    assert b"secret" not in encode(found)


def test_what_is_fresh_is_asked_for_anew_by_another_crawl(crawled: Crawled) -> None:
    state, url = str(crawled.life.state), f"{crawled.origin}/a"
    end = told(url, state=state, max_age=3_600.0, offline=True).end
    assert (end.type, end.reason) == ("skip", "fresh")
    assert told(url, state=state, max_age=3_600.0, depth=3, offline=True).end.type == "unknown"


def test_what_is_not_typed_gives_way_to_the_state(crawled: Crawled) -> None:
    settings = Settings(
        seeds=("https://example.org",), state=str(crawled.life.state), depth=0, **FAST
    )
    found = asyncio.run(explained(settings, f"{crawled.origin}/a", ("state",)))

    assert (found.end.type, found.depth.depth, found.depth.limit) == ("page", 1, 2)
    assert found.seeds == [f"{crawled.origin}/"]


def test_what_the_state_knows(crawled: Crawled) -> None:
    found = told(f"{crawled.origin}/new", state=str(crawled.life.state), offline=True)
    state = found.state

    assert state is not None
    assert [(step.url.removeprefix(crawled.origin), step.by) for step in state.way] == [
        ("/", "seed"), ("/moved", "link"), ("/new", "redirect")
    ]  # fmt: skip
    assert (state.linked, state.sources) == (1, [f"{crawled.origin}/moved"])
    assert (found.depth.depth, state.fetched_pass, state.met) == (1, 1, 1)
    unknown = told(f"{crawled.origin}/nowhere", state=str(crawled.life.state)).state
    assert unknown is not None
    assert not unknown.known


def test_what_waits_and_what_nothing_leads_to_any_more(web: Web, tmp_path: Path) -> None:
    links = {"/": ["/x", "/y"], "/x": [], "/y": ["/z"], "/z": []}

    async def handler(request: Request) -> Reply:
        return Reply(html(links[request.path])) if request.path in links else Reply("", 404)

    def end(path: str) -> tuple[str, str | None, list[str]]:
        found = told(life.seeds[0] + path, state=str(life.state))
        return found.end.type, found.end.reason, [each.type for each in found.further]

    usual = ("--parsers", "0", "--retries", "0", "-c", "1")
    life = Life(tmp_path, (web.serve(handler) + "/",), usual=usual)
    assert life.run("-n", "1").code == 0
    assert end("") == ("page", None, [])
    assert end("x") == ("left", "max_pages", ["page"])
    assert life.run().code == 0
    assert [end(path)[0] for path in ("", "x", "y", "z")] == ["page"] * 4
    links["/"] = ["/x"]
    assert life.run().code == 0
    assert end("y") == ("gone", "unlinked", ["page"])
    assert life.run().code == 0
    assert end("y") == ("unmet", None, ["page"])
    assert end("nowhere") == ("unmet", None, ["error"])
    ran = explain(life.seeds[0] + "y", "--state", str(life.state), "--exclude", "nothing")
    assert rows(ran)["end"] == ["page"]
    ran = explain(life.seeds[0] + "y", "--state", str(life.state))
    assert rows(ran)["end"] == [
        "not met: no link that was followed in pass 3 leads to it; if it were asked for:",
        f"{life.seeds[0]}y: page",
    ]


NIGHTS = [200, 500, 500, 200, 301, 404]


def test_how_it_ended_from_pass_to_pass(web: Web, tmp_path: Path) -> None:
    night = 0

    async def handler(request: Request) -> Reply:
        if request.path == "/":
            return Reply(html(["/x"]))
        if request.path == "/robots.txt":
            return Reply("", 404)
        to = {"Location": "/"} if NIGHTS[night] == 301 else {}
        return Reply(f"<p>{night}", NIGHTS[night], headers=to)

    usual = ("--parsers", "0", "--retries", "0")
    life = Life(tmp_path, (web.serve(handler) + "/",), usual=usual)
    while night < len(NIGHTS):
        assert life.run().code == 0
        night += 1
    state = told(life.seeds[0] + "x", state=str(life.state), offline=True).state

    assert state is not None
    assert [(end.since, end.type, end.status, end.reason) for end in state.ends] == [
        (1, "page", 200, None), (2, "error", 500, "http_5xx"), (4, "page", 200, None),
        (5, "redirect", 301, None), (6, "gone", 404, "http"),
    ]  # fmt: skip
    assert ends_in_records(life.records(), life.seeds[0] + "x") == [
        "page", "error", "error", "page", "redirect", "gone"
    ]  # fmt: skip
    with closing(sqlite3.connect(life.state)) as db:
        (many,) = db.execute("SELECT count(*) FROM former").fetchone()
    assert many == 4  # and none for the page that ends alike each night


def ends_in_records(records: Sequence[dict[str, Any]], url: str) -> list[str]:
    return [each["type"] for each in records if each["url"] == url]


def naive(links: dict[int, tuple[list[int], bool]], starts: list[int], row: int) -> int | None:
    """Return the fewest links by relaxing until nothing changes."""
    depths = dict.fromkeys(starts, 0)
    todo = deque(starts)
    while todo:
        each = todo.popleft()
        found, hop = links.get(each, ([], False))
        for to in found:
            depth = depths[each] + (not hop)
            if depth < depths.get(to, 10**9):
                depths[to] = depth
                todo.append(to)
    return depths.get(row)


def graph_in(
    db: sqlite3.Connection, dice: random.Random
) -> tuple[dict[int, tuple[list[int], bool]], list[int]]:
    """Fill a state with a graph."""
    schema = Path(trail.__file__).with_name("schema.sql").read_text()
    db.executescript(schema)
    many = dice.randint(1, 30)
    starts = dice.sample(range(1, many + 1), dice.randint(1, min(3, many)))
    links: dict[int, tuple[list[int], bool]] = {}
    for row in range(1, many + 1):
        depth = 0 if row in starts else 1
        db.execute(
            "INSERT INTO url (id, site, fp, url, pass, level, depth, hops, stamp) "
            "VALUES (?1, 1, ?1, 'u' || ?1, 1, 0, ?2, 0, 0)", (row, depth),
        )  # fmt: skip
        hop = dice.random() < 0.3
        found = dice.choices(range(1, many + 1), k=dice.randint(0, 1 if hop else 3))
        if dice.random() < 0.8:
            links[row] = found, hop
            db.execute(
                "INSERT INTO page (id, links, verdict, hop, depth, fetched, pass, stamp) "
                "VALUES (?, ?, 'page', ?, 0, 0, 1, 0)",
                (row, pack(found), hop),
            )
    return links, starts


def test_the_shortest_path_against_a_naive_search() -> None:
    dice, told_apart = random.Random(7), 0
    for _ in range(150):
        with closing(sqlite3.connect(":memory:")) as db:
            links, starts = graph_in(db, dice)
            reads: list[str] = []
            (many,) = db.execute("SELECT max(id) FROM url").fetchone()
            for row in range(1, many + 1):
                best = naive(links, starts, row)
                reads.clear()
                db.set_trace_callback(reads.append)
                path = trail.shortest(db, row, 1)
                db.set_trace_callback(None)
                asked = [each for each in reads if "SELECT links" in each]
                assert len(set(asked)) == len(asked), "a page's links were read twice"
                if best is None:
                    assert path == []
                    continue
                assert (path[0][0] in starts, path[-1][0]) == (True, row)
                for (before, _), (after, hop) in pairwise(path):
                    assert after in links[before][0]
                    assert hop == links[before][1]
                assert sum(not hop for _, hop in path[1:]) == best
                told_apart += best != naive(
                    {at: (to, False) for at, (to, _) in links.items()}, starts, row
                )
    assert told_apart > 50  # where redirects would count as links, that is


# The command.


def test_the_text(crawled: Crawled) -> None:
    said = rows(explain(f"{crawled.origin}/cellar/rum#x", "--state", str(crawled.life.state)))

    assert list(said) == "url seed scope depth trap robots budget end state path".split()
    assert said["url"] == [f"{crawled.origin}/cellar/rum; #x is for browsers"]
    assert said["seed"] == [f"no: that is {crawled.origin}/"]
    assert said["depth"] == ["1 link from a seed; --depth 2"]
    assert said["robots"] == [
        f"disallowed by {crawled.origin}/robots.txt: group *, line 7, Disallow: /cellar  # dark"
    ]
    assert said["end"] == ["skip (robots): disallowed by robots.txt"]
    assert said["path"] == [
        f"from the seed {crawled.origin}/",
        f"links to {crawled.origin}/cellar/rum",
    ]


def test_what_the_web_says_does_not_reach_the_terminal_raw(web: Web) -> None:
    async def handler(request: Request) -> Reply:
        if request.path == "/robots.txt":
            return Reply("User-agent: *\nDisallow: /x\x1b[31m", type="text/plain")
        return Reply(
            "<title>\x1b[2J\u202e</title>", headers={"Content-Type": "text/html"}, type=None
        )

    origin = web.serve(handler)
    for path in ("/a", "/x%1B[31m"):
        out = explain(origin + path).out
        assert not {"\x1b", "\u202e"} & set(out)
    assert "\\x1b" in out


def test_json_is_as_its_schema_says(crawled: Crawled) -> None:
    schema = json.loads(crawler("schema", "explanation").out)
    check = jsonschema_rs.validator_for(schema)
    for url in (*crawled.ends, f"{crawled.origin}/nowhere"):
        for flags in ({"state": str(crawled.life.state)}, {"seeds": (crawled.origin,)}):
            check.validate(json.loads(encode(told(url, **flags))))
    ran = explain(f"{crawled.origin}/a", crawled.origin, "--json")
    (line,) = ran.out.splitlines()
    assert json.loads(line)["end"]["type"] == "page"
    with pytest.raises(jsonschema_rs.ValidationError):
        check.validate({**json.loads(line), "seed": "perhaps"})


def test_a_file_and_the_environment_are_read(crawled: Crawled, tmp_path: Path) -> None:
    lines = [
        f'seeds = ["{crawled.origin}"]',
        'exclude = ["/a$"]',
        'output = "x.jsonl"',
        "parsers = 0",
    ]
    (tmp_path / "crawler.toml").write_text("\n".join(lines))
    url = f"{crawled.origin}/a"
    ran = crawler("explain", url, "--json", cwd=tmp_path)
    assert json.loads(ran.out)["end"] == {
        "url": url, "type": "refused", "reason": "exclude", "status": None, "message": None
    }  # fmt: skip
    ran = crawler("explain", url, "--json", cwd=tmp_path, CRAWLER_EXCLUDE="/b$")
    assert json.loads(ran.out)["end"]["type"] == "page"
    with (tmp_path / "crawler.toml").open("a") as file:
        file.write('\nstate = "later.db"\n')
    assert crawler("explain", url, cwd=tmp_path).code == 0  # a crawl would make it
    assert [each.name for each in tmp_path.iterdir()] == ["crawler.toml"]


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (["example.com", "--state", "none.db"], 66, ["there is no state none.db"]),
        (["mailto:me@example.com"], 2, ["only http and https"]),
        (["http://"], 2, ["not a URL"]),
        ([], 2, ["Missing argument 'URL'", "crawler explain --help"]),
        (["example.com", "-o", "x"], 2, ["--output is for crawl"]),
        (["example.com", "--max-age", "1d"], 2, ["goes with --state"]),
        (["example.com", "-i", "none.txt"], 66, ["none.txt"]),
        (["example.com", "mailto:me@example.com"], 65, ["no usable seed"]),
    ],
)
def test_what_is_wrong_is_one_line(
    args: list[str], code: int, words: list[str], tmp_path: Path
) -> None:
    ran = crawler("explain", "--offline", *args, cwd=tmp_path)

    assert (ran.code, ran.out) == (code, ""), ran
    last = ran.err.splitlines()[-1]
    assert one_line(last, *words), ran.err


def test_help_lists_what_counts_here_and_nothing_else() -> None:
    ran = crawler("explain", "--help")

    for flag in ("--scope", "--exclude", "--state", "--offline", "--json", "--config", "--resolve"):
        assert flag in ran.out, flag
    for flag in ("--output", "--progress", "--fail-on", "--markdown"):
        assert flag not in ran.out, flag
    assert not USED - set(Settings.__dataclass_fields__)


def test_a_bug_while_it_looks_is_told_as_in_a_crawl(origin: str) -> None:
    code = """
from crawler.parse.page import Reader
def bug(self, page): raise RuntimeError("a bug")
Reader.read = bug
"""
    ran = broken(code, f"{origin}/a", "--parsers", "0", "--config", "off", verb="explain")

    assert "end      error (internal): RuntimeError: a bug" in ran.out
    assert "unexpected error at" in ran.err
