"""Records as they come, settings as the flags, and nothing left behind."""

import asyncio
import dataclasses
import os
import re
import sys
import threading
import typing
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

import crawler
from crawler.api import Options
from crawler.errors import BadSetting, NoUsableSeed
from crawler.settings import Settings
from tests.records import checked
from tests.web.server import Reply, Request, Web, html

ROOT = Path(__file__).parents[2]

NOT_FOR_THE_API = {
    "seeds", "output", "format", "rotate", "append", "overwrite", "quiet", "verbose", "progress",
    "log_format", "loop", "debug", "stats", "fail_on", "exit_on_change", "start_jitter",
}  # fmt: skip


def endless(web: Web) -> str:
    async def handler(request: Request) -> Reply:
        if request.path == "/robots.txt":
            return Reply(status=404)
        number = int(request.path.strip("/") or 0)
        return Reply(html([f"/{number * 3 + step}" for step in (1, 2, 3)]))

    return web.serve(handler)


def held() -> tuple[int, int, int, str]:
    """Return what this process holds: descriptors, threads, tasks, children."""
    pid = os.getpid()
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    tasks = len(asyncio.all_tasks())
    return len(os.listdir("/proc/self/fd")), threading.active_count(), tasks, children


async def settled(before: tuple[int, int, int, str]) -> tuple[int, int, int, str]:
    """Return what is held once threads that were told to end have done so."""
    for _ in range(100):
        if held() == before:
            break
        await asyncio.sleep(0.01)
    return held()


async def test_records_come_as_they_are_documented(web: Web) -> None:
    origin = web.pages({"/": ["/a", "/gone"], "/a": []})

    records = [checked(record) async for record in crawler.crawl([origin])]

    assert [each["seq"] for each in records] == [1, 2, 3]
    assert [(each["type"], each["url"]) for each in records if each["type"] == "page"] == [
        ("page", f"{origin}/"),
        ("page", f"{origin}/a"),
    ]
    assert [each["error"]["class"] for each in records if each["type"] == "error"] == ["http_4xx"]


async def test_max_pages_is_exact_and_emit_chooses(web: Web) -> None:
    running = crawler.crawl([endless(web)], max_pages=25, emit=["page"])
    pages = [checked(record) async for record in running]

    assert len(pages) == 25


async def test_fields_are_what_is_left_of_records(web: Web) -> None:
    origin = web.pages({"/": ["/gone"]})

    records = [record async for record in crawler.crawl([origin], fields=["url", "error.class"])]

    assert records == [
        {"url": f"{origin}/"},
        {"url": f"{origin}/gone", "error": {"class": "http_4xx"}},
    ]


async def test_a_break_leaves_nothing_behind(web: Web) -> None:
    url = endless(web)
    before = held()

    async with crawler.Crawl([url], per_host=8) as crawl:
        count = 0
        async for _ in crawl:
            count += 1
            if count == 10:
                break

    assert count == 10
    assert await settled(before) == before


async def test_a_break_out_of_the_plain_loop_leaves_nothing_behind_either(web: Web) -> None:
    url = endless(web)
    before = held()

    count = 0
    async for _ in crawler.crawl([url], per_host=8):
        count += 1
        if count == 10:
            break

    assert await settled(before) == before


async def test_a_cancellation_leaves_nothing_behind(web: Web) -> None:
    url = endless(web)
    before = held()

    async def consume() -> None:
        async for _ in crawler.crawl([url]):
            await asyncio.sleep(0.001)

    task = asyncio.create_task(consume())
    await asyncio.sleep(0.3)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert await settled(before) == before


async def test_leaving_children_would_be_noticed(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    """The test of the test: a lab that does not end its children."""
    from crawler.parse import lab

    url = endless(web)
    before = held()
    kept: list[Any] = []

    async def leave(self: lab.Lab, *args: object) -> None:
        self._watching.cancel()
        kept.append(self)

    original = lab.Lab.__aexit__
    monkeypatch.setattr(lab.Lab, "__aexit__", leave)
    async with crawler.Crawl([url], per_host=8) as crawl:
        await anext(aiter(crawl))
    after = held()
    await original(kept[0], None, None, None)

    assert after != before


async def test_stop_lets_what_is_in_flight_come(web: Web) -> None:
    async with crawler.Crawl([endless(web)], per_host=4) as crawl:
        urls = []
        async for record in crawl:
            urls.append(checked(record)["url"])
            if len(urls) == 20:
                crawl.stop()
        status = await crawl.status()

    assert len(urls) >= 20
    assert status.tally.fetched == len(urls)
    assert status.tally.balanced
    assert status.tally.left > 0


async def test_a_slow_reader_slows_the_crawl_down(web: Web) -> None:
    async with crawler.Crawl([endless(web)], per_host=16) as crawl:
        await anext(aiter(crawl))
        seen = -1
        while seen != len(web.log):  # until the queue of records is full
            seen = len(web.log)
            await asyncio.sleep(0.3)

    assert seen < 1_000


async def lives(seed: str, state: Path, take: int, **options: Any) -> AsyncIterator[list[str]]:
    """Yield the URLs that each of several readers took; all but the last left early."""
    ended = False
    while not ended:
        urls: list[str] = []
        async with crawler.Crawl([seed], state=str(state), parsers=0, **options) as crawl:
            async for record in crawl:
                urls.append(checked(record)["url"])
                if len(urls) == take:
                    break
            else:
                ended = True
        yield urls


async def test_with_a_state_only_the_record_in_hand_comes_again(web: Web, tmp_path: Path) -> None:
    """One page leads to the next, so that each has a commit of its own."""
    origin = web.pages({f"/{number}": [f"/{number + 1}"] for number in range(14)} | {"/14": []})
    state = tmp_path / "crawl.db"

    taken = [
        [int(url.rpartition("/")[2]) for url in urls]
        async for urls in lives(f"{origin}/0", state, 5, concurrency=1)
    ]

    assert taken == [
        [0, 1, 2, 3, 4], [4, 5, 6, 7, 8], [8, 9, 10, 11, 12], [12, 13, 14]
    ]  # fmt: skip


async def test_with_a_state_readers_that_leave_early_lose_nothing(web: Web, tmp_path: Path) -> None:
    """Each gets on, and none gets what another had taken, however many were ready."""
    links = {f"/{number}": [f"/{number * 3 + step}" for step in (1, 2, 3)] for number in range(40)}
    links |= {f"/{number}": [] for number in range(40, 121)}
    origin = web.pages(links)

    taken = [urls async for urls in lives(f"{origin}/0", tmp_path / "crawl.db", 20, per_host=16)]

    seen = [url for urls in taken for url in urls]
    assert set(seen) == {f"{origin}{path}" for path in links}
    assert len(seen) - len(set(seen)) <= len(taken) - 1, "only the one in hand comes again"


async def test_fields_items_and_functions_are_as_on_the_command_line(
    web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "of_api.py").write_text("def f(page: object) -> dict:\n    return {'x': 1}\n")
    url = web.pages({"/": ["/a", "/b"], "/a": [], "/b": []})

    async def fields(**options: Any) -> list[Any]:
        records = crawler.crawl([url], depth=0, **options)
        return [(each["type"], checked(each)["fields"]) async for each in records]

    assert await fields(select=["t[]=a"]) == [("page", {"t": ["/a", "/b"]})]
    assert await fields(select=["t=a"], each="a") == [("item", {"t": "/a"}), ("item", {"t": "/b"})]
    assert await fields(extract="of_api:f") == [("item", {"x": 1})]
    assert await fields(extract="of_api:f", emit=["item"], parsers=0) == [("item", {"x": 1})]
    with pytest.raises(BadSetting, match="not a CSS selector"):
        await fields(select=["t=a:foo"])


@pytest.mark.parametrize("kept", [False, True])
async def test_the_summary_comes_last(web: Web, tmp_path: Path, kept: bool) -> None:
    url = web.pages({"/": ["/a", "/b"], "/a": [], "/b": []})
    options: dict[str, Any] = {"state": str(tmp_path / "state.db")} if kept else {}

    for run in (1, 2):
        records = [
            checked(each) async for each in crawler.crawl([url], emit=["summary"], **options)
        ]
        (summary,) = records
        assert (summary["end_reason"], summary["fetched"]) == ("drained", 3)
        assert summary["pass"] == (run if kept else 1)
    both = [each["type"] async for each in crawler.crawl([url], emit=["page", "summary"])]
    assert both == ["page", "page", "page", "summary"]


async def test_a_summary_not_taken_is_given_again(web: Web, tmp_path: Path) -> None:
    url = web.pages({"/": []})
    state = str(tmp_path / "state.db")

    for _ in range(2):
        async with crawler.Crawl([url], emit=["summary"], state=state) as crawl:
            summary = await anext(crawl)
        assert summary["pass"] == 1, "the pass has not ended for who left with it in hand"


async def test_bad_settings_and_seeds_are_raised(web: Web) -> None:
    with pytest.raises(ValueError, match="--max-pages"):
        crawler.Crawl(["https://example.com"], max_pages=0)
    for name in (*NOT_FOR_THE_API - {"seeds"}, "max_page"):  # the command's own do nothing here
        options: Any = {name: ["x"]}
        with pytest.raises(TypeError, match=f"no option '{name}'"):
            crawler.Crawl(["https://example.com"], **options)
    with pytest.raises(NoUsableSeed):
        async for _ in crawler.crawl(["mailto:x@example.com"]):
            pass


def test_the_options_are_the_settings() -> None:
    fields = {field.name for field in dataclasses.fields(Settings)} - NOT_FOR_THE_API
    options = typing.get_type_hints(Options)
    types = typing.get_type_hints(Settings)

    assert set(options) == fields
    for name in fields:
        if types[name] not in (tuple[str, ...], tuple[str, ...] | None):
            assert options[name] == types[name], name


async def test_the_readmes_example_runs(web: Web, capsys: pytest.CaptureFixture[str]) -> None:
    origin = web.pages({"/": ["/a", "/b"], "/a": [], "/b": []})
    readme = (ROOT / "README.md").read_text().split("\n## From Python\n")[1]
    (code,) = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    assert "asyncio.run(main())" in code
    code = code.replace("https://example.com", origin).replace("asyncio.run(main())", "")

    names: dict[str, Any] = {}
    exec(code, names)
    await names["main"]()

    printed = capsys.readouterr().out.splitlines()
    assert len([line for line in printed if origin in line]) == 3
    assert printed[-1] == "3 pages"
