"""What becomes of URLs of which something is known from the passes before."""

import logging
import zlib
from collections.abc import Mapping

import pytest
from msgspec import Raw
from msgspec.structs import replace

from crawler.account import Ended, Past
from crawler.engine.crawl import Result
from crawler.errors import CannotCreate, StateUnusable
from crawler.model import Failed, Known, Outcome, Page, Parsed, Taken, Verdict
from crawler.policy import news
from crawler.selected import Item, Selected, pack
from tests import virtual
from tests.engine.make import ListSink, MemoryWeb, Rig, answer, page, rig

FIRST = "http://a.test/"
SECOND = "http://a.test/2"
THIRD = "http://a.test/3"

TAKEN = Selected(Raw(b'{"price":7.5}'), {"name": "missing"}, [Item(0, Raw(b'{"n":1}'))], 2)

ASKED_BEFORE = {
    FIRST: Known(page=True, digest=b"1", etag='"1"', selected=pack(TAKEN)),
    SECOND: Known(page=True, digest=b"2", modified="yesterday"),
    THIRD: Known(status=500, why="http_5xx"),
    "http://a.test/4": Known(page=True, digest=b"4"),
    "http://a.test/5": Known(
        301, page=False, digest=news.digest_of_redirect(301, "http://a.test/6")
    ),
}


def again(
    known: Mapping[str, Known] = ASKED_BEFORE, *, only_changes: bool = False
) -> tuple[Rig, Result]:
    """Crawl on a second pass: two pages as they were, an error, one gone, a redirect."""

    def answers(url: str) -> Outcome:
        match url[len(FIRST) :]:
            case "" | "2":
                return answer(url, 304)
            case "3":
                return answer(url, 500)
            case "5":
                return answer(url, 301, location="/6")
            case "6":
                return page(url)
        return answer(url, 404)

    async def main() -> tuple[Rig, Result]:
        past = Past(run=2)
        made = rig(MemoryWeb(answers), known=known, past=past, only_changes=only_changes)
        return made, await made.run(*ASKED_BEFORE)

    return virtual.run(main())


def test_a_page_that_is_as_it_was_has_what_was_selected_of_it() -> None:
    made, result = again()

    (first, second, _), (item,) = made.sink.of("page"), made.sink.of("item")
    assert (first["change"], first["fields"], first["pass"]) == ("unchanged", {"price": 7.5}, 2)
    assert first["field_errors"] == {"name": "missing"}
    assert (item["url"], item["index"], item["fields"]) == (FIRST, 0, {"n": 1})
    assert second["change"] == "unchanged"
    assert "fields" not in second
    assert (result.stats.items, result.stats.dropped, result.stats.field_errors) == (1, 2, 1)
    assert result.stats.changes == {"unchanged": 2}


def test_other_ends_are_told_by_what_there_was() -> None:
    made, result = again()

    assert {record["url"]: record["type"] for record in made.sink.records} == {
        FIRST: "item",
        SECOND: "page",
        THIRD: "error",
        "http://a.test/4": "gone",
        "http://a.test/5": "redirect",
        "http://a.test/6": "page",
    }
    assert result.stats.gone == {"http": 1}
    assert result.tally.gone == 1
    assert result.tally.balanced


def test_only_what_is_otherwise_than_before_is_told() -> None:
    made, result = again(only_changes=True)

    assert [record["url"] for record in made.sink.records] == ["http://a.test/4", "http://a.test/6"]
    assert result.tally.fetched == 3


@pytest.mark.parametrize("ended", [(500, "http_5xx"), (None, "fresh")])
def test_a_redirect_is_as_it_was_when_it_answered_last(ended: tuple[int | None, str]) -> None:
    status, why = ended
    url = "http://a.test/5"
    known = ASKED_BEFORE | {url: replace(ASKED_BEFORE[url], status=status, why=why)}
    made, _ = again(known, only_changes=True)

    assert [record["url"] for record in made.sink.records] == ["http://a.test/4", "http://a.test/6"]


@pytest.mark.parametrize(
    "spoilt", [b"", b"[]", b"x", b'{"fields":5}', zlib.compress(b"{" + b" " * 9_000_000)]
)
def test_what_was_selected_and_is_not_what_it_was_is_a_damaged_state(spoilt: bytes) -> None:
    known = {FIRST: replace(ASKED_BEFORE[FIRST], selected=spoilt)}
    _, result = again(known)

    assert isinstance(result.error, StateUnusable)
    assert str(result.error).startswith(f"the state is damaged (what was selected of {FIRST} is")


@pytest.mark.parametrize("only_changes", [False, True])
def test_a_field_that_a_page_has_as_it_was_is_not_missing(only_changes: bool) -> None:
    """On the one page that was read anew there is none of these fields."""
    names = ("price", "n", "none", "old", "odd", "sizes", "seller")
    read = Parsed((), taken=Taken(looked=dict.fromkeys(names, False)))
    kept = Selected(
        Raw(b'{"price":7.5,"none":null,"old":[],"odd":null,"sizes":null}'),
        {"odd": "no number in 'x'", "sizes[1]": "no number in 'y'"},
        [Item(0, Raw(b'{"n":1,"seller":null}'), {"seller.id": "no number in 'z'"})],
    )
    known = {FIRST: Known(page=True, digest=b"1", etag='"1"', selected=pack(kept))}

    async def take(each: Page) -> Parsed:
        return read

    async def main() -> Result:
        web = MemoryWeb(lambda url: answer(url, 304) if url == FIRST else page(url))
        made = rig(web, known=known, past=Past(run=2), only_changes=only_changes)
        made.crawl._crew.parser.parse = take  # type: ignore[method-assign, assignment]
        return await made.run(FIRST, SECOND)

    stats = virtual.run(main()).stats
    assert stats.not_found == {"none": 1, "old": 1}


def test_a_304_to_one_who_did_not_ask_for_it_is_an_error() -> None:
    made, _ = again({})

    assert {record["error"]["class"] for record in made.sink.of("error")} >= {"bad_redirect"}


def test_what_ended_before_this_run_counts() -> None:
    ends = [
        Ended(Verdict.FETCHED, None, 200, True, 2, FIRST),
        Ended(Verdict.REDIRECTED, None, 301, True, 1, SECOND),
        Ended(Verdict.FAILED, "dns", None, True, 3, "http://b.test/"),
        Ended(Verdict.FAILED, "http_4xx", 403, True, 1, "http://c.test/"),
        Ended(Verdict.FAILED, "tls", None, True, 1, "http://d.test/"),
        Ended(Verdict.FAILED, "http_5xx", 500, False, 5, "http://e.test/"),
        Ended(Verdict.SKIPPED, "robots", None, True, 1, "http://f.test/"),
        Ended(Verdict.SKIPPED, "fresh", None, True, 1, "http://g.test/"),
        Ended(Verdict.SKIPPED, "trap", None, True, 1, "http://h.test/"),
        Ended(Verdict.GONE, "http", 404, True, 1, "http://i.test/"),
    ]

    async def main() -> Rig:
        past = Past(run=2, ended=ends, changes={"new": 4})
        return rig(MemoryWeb(lambda url: None), past=past)

    stats = virtual.run(main()).crawl.shared.stats

    assert stats.statuses == {200: 2, 301: 1, 403: 1, 500: 5, 404: 1}
    assert stats.errors == {"dns": 3, "http_4xx": 1, "tls": 1, "http_5xx": 5}
    assert (stats.skips, stats.gone) == ({"robots": 1, "fresh": 1, "trap": 1}, {"http": 1})
    assert stats.changes == {"new": 4}
    seeds = stats.seeds
    assert (seeds.pages, seeds.redirected, seeds.unresolved, seeds.untrusted) == (3, 1, 3, 1)
    assert (seeds.denied, seeds.others) == (2, 2)
    assert seeds.first == "http://b.test/: dns"


def test_of_field_errors_the_first_is_told_to_all(caplog: pytest.LogCaptureFixture) -> None:
    errors = {f"field{number}": "missing" for number in range(7)}

    async def main() -> Result:
        made = rig(MemoryWeb(lambda url: page(url, [] if url == SECOND else [SECOND])))
        parse = made.crawl._crew.parser.parse

        async def take(each: Page) -> Parsed | Failed:
            parsed = await parse(each)
            assert isinstance(parsed, Parsed)
            return replace(parsed, taken=Taken(0, 0, errors))

        made.crawl._crew.parser.parse = take  # type: ignore[method-assign, assignment]
        return await made.run(FIRST)

    with caplog.at_level(logging.INFO):
        result = virtual.run(main())

    assert result.stats.field_errors == 2
    told = [(each.levelname, each.message) for each in caplog.records if "field0" in each.message]
    assert [level for level, _ in told] == ["WARNING", "INFO"]
    assert told[0][1].startswith(f"{FIRST}: field0: missing; field1: missing")
    assert "field4: missing; and 2 more (first page" in told[0][1]


class StuckSink(ListSink):
    async def reopen(self) -> None:
        raise CannotCreate("no room for another file")


def test_outputs_that_cannot_be_opened_anew_are_written_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def main() -> Rig:
        made = rig(MemoryWeb(lambda url: page(url)), sink=StuckSink())
        await made.crawl.reopen()
        await made.run(FIRST)
        return made

    made = virtual.run(main())

    assert made.sink.ends() == {FIRST: 1}
    assert "no room for another file; still writing to the old file" in caplog.text
