"""Outputs of the real command: formats, types, fields, numbered files, and readers that stall."""

import contextlib
import csv
import io
import json
import re
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.lives import Life, graph, once, one_line, wait_for
from tests.cli.run import COMMAND, crawl
from tests.cli.written import parts, rows
from tests.web.server import Reply, Request, Web, html

PAGES = 40


def shop(web: Web) -> str:
    """A site with pages, a redirect, a missing page and a forbidden one."""

    async def handler(request: Request) -> Reply:
        if request.path == "/robots.txt":
            return Reply("User-agent: *\nDisallow: /private\n", type="text/plain")
        if request.path == "/moved":
            return Reply(b"", 301, headers={"Location": "/a"})
        titles = {"/": "Tea, coffee", "/a": "=HYPERLINK(1)", "/b": 'a "b"\tc'}
        if request.path not in titles:
            return Reply("none", 404)
        links = ["/a", "/b", "/moved", "/missing", "/private"] if request.path == "/" else []
        return Reply(html(links, titles[request.path]))

    return web.serve(handler)


def table(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline=""), strict=True))


# Formats, types, fields


def test_each_output_has_its_format_and_its_types(web: Web, tmp_path: Path) -> None:
    origin = shop(web)
    names = ["pages.jsonl.zst", "broken.csv:error", "all.tsv.gz:page,redirect,error,skip",
             "some.urls:page,redirect", "plain:summary"]  # fmt: skip
    outputs = [word for name in names for word in ("-o", str(tmp_path / name))]

    ran = crawl(f"{origin}/", *outputs, "-o", "-:skip", "--emit", "page")

    assert (ran.code, ran.err) == (0, "")
    paths = {"page": {"/", "/a", "/b"}, "redirect": {"/moved"}, "error": {"/missing"},
             "skip": {"/private"}}  # fmt: skip
    ends = {f"{origin}{path}": type_ for type_, of in paths.items() for path in of}
    assert once(rows(tmp_path / names[2])) == ends
    assert once(rows(tmp_path / names[0])) == {u: t for u, t in ends.items() if t == "page"}
    assert [each["error.class"] for each in rows(tmp_path / names[1])] == ["http_4xx"]
    urls = [each["url"] for each in rows(tmp_path / names[3])]
    assert sorted(urls) == sorted(u for u, t in ends.items() if t in ("page", "redirect"))
    assert [each["end_reason"] for each in map(json.loads, [read(tmp_path / "plain")])] == [
        "drained"
    ]
    assert [each["url"] for each in ran.records] == [f"{origin}/private"]


def read(path: Path) -> str:
    return path.read_text()


def test_numbers_are_the_same_in_all_outputs(web: Web, tmp_path: Path) -> None:
    out = tmp_path / "errors.jsonl"
    ran = crawl(shop(web), "-o", "-", "-o", f"{out}:error", "--emit", "page,redirect,error")
    numbers = {each["url"]: each["seq"] for each in ran.records}
    assert sorted(numbers.values()) == [1, 2, 3, 4, 5]
    assert [numbers[each["url"]] for each in rows(out)] == [each["seq"] for each in rows(out)]


def test_a_table_on_stdout(web: Web) -> None:
    origin = shop(web)
    ran = crawl(f"{origin}/", "-f", "csv", "--fields", "title,url,error.class")
    assert ran.code == 0, ran.err
    head, *found = table(ran.out)
    assert head == ["title", "url", "error.class"]
    assert ran.out.endswith("\n")
    assert "\r" not in ran.out
    assert sorted(found) == sorted([
        ["Tea, coffee", f"{origin}/", ""], ["'=HYPERLINK(1)", f"{origin}/a", ""],
        ['a "b" c', f"{origin}/b", ""], ["", f"{origin}/moved", ""],
        ["", f"{origin}/missing", "http_4xx"],
    ])  # fmt: skip


def test_fields_of_objects_keep_their_places(web: Web) -> None:
    origin = shop(web)
    ran = crawl(f"{origin}/", "--fields", "error.class,url,type")
    assert ran.code == 0, ran.err
    pruned = map(json.loads, ran.out.splitlines())  # no whole records
    (error,) = [each for each in pruned if each["type"] == "error"]
    assert list(error.items()) == [
        ("type", "error"), ("url", f"{origin}/missing"), ("error", {"class": "http_4xx"})
    ]  # fmt: skip


def test_a_table_without_records_has_a_header(web: Web, tmp_path: Path) -> None:
    out = tmp_path / "broken.csv"
    assert crawl(web.pages({"/": []}), "-o", f"{out}:error").code == 0
    assert read(out) == "type,url,status,depth,via,at,pass,error.class,error.message\n"


def test_append_adds_rows_and_refuses_other_columns(web: Web, tmp_path: Path) -> None:
    out, site = tmp_path / "out.csv", shop(web)
    for _ in range(2):
        assert crawl(site, "-o", str(out), "--append").code == 0
    assert len(rows(out)) == 10
    before = read(out)
    ran = crawl(site, "-o", str(out), "--append", "--fields", "url")
    assert ran.code == 73
    assert one_line(ran.err, "does not begin with the columns", "--fields")
    assert read(out) == before


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["--fields", "urll"], "no record has 'urll'"),
        (["-o", "a.csv:eror"], "eror is no record type"),
        (["--rotate", "1G"], "--rotate goes with --output FILE"),
        (["-f", "urls", "--fields", "url"], "--fields goes with"),
        (["-f", "xml"], "'xml' is not one of"),
        (["--rotate", "much", "-o", "x"], "a size is like"),
    ],
)
def test_what_cannot_be_is_told_before_the_first_request(
    web: Web, args: list[str], told: str
) -> None:
    ran = crawl(shop(web), *args)
    assert (ran.code, ran.out) == (2, "")
    assert one_line(ran.err, told)
    assert web.log == []


# With a state


@pytest.fixture
def life(web: Web, tmp_path: Path) -> Life:
    """A crawl of 40 pages into three outputs, of which two have more than one file."""
    outputs = ("out.jsonl", "out.csv.gz", "broken.tsv:error")
    life = Life(tmp_path, (f"{web.pages(graph(PAGES))}/0",), outputs)
    life.usual += ("--rotate", "1k")
    return life


def complete(life: Life) -> bool:
    """Whether everything is there once, in every output that selects it."""
    origin = life.seeds[0].rpartition("/")[0]
    truth = {f"{origin}/{number}": "page" for number in range(PAGES)}
    assert once(life.records("out.jsonl")) == truth
    assert once(life.records("out.csv.gz")) == truth
    assert life.records("broken.tsv:error") == []
    assert read(life.folder / "broken.tsv").startswith("type\turl\t")
    return True


def test_files_are_gone_on_with(life: Life) -> None:
    for limit in (["-n", "10"], ["-n", "11"], ["-n", "30"], []):
        ran = life.run(*limit)
        assert (ran.code, ran.err) == (0, "")
    assert complete(life)
    assert len(parts(life.out)) > 3
    written = life.files()
    assert life.run("--only-changes").code == 0
    assert {k: v for k, v in life.files().items() if "crawl.db" not in k} == {
        k: v for k, v in written.items() if "crawl.db" not in k
    }, "a pass without news leaves the files alone"


def test_finished_files_may_be_moved_away_but_not_be_changed(life: Life, tmp_path: Path) -> None:
    life.run("-n", "25")
    first, second, *_ = parts(life.out)
    away = tmp_path / "away"
    away.mkdir()
    first.rename(away / first.name)

    ran = life.run("-n", "30")
    assert ran.code == 0
    assert one_line(ran.err, f"{first}, a finished file, is not there any more")

    data = second.read_bytes()
    second.write_bytes(data.replace(b"page", b"Page", 1))
    ran = life.run()
    assert ran.code == 73
    assert one_line(ran.err.splitlines()[-1], f"{second} was changed after the crawl wrote it")
    second.write_bytes(data)

    assert life.run().code == 0
    (away / first.name).rename(first)
    assert complete(life)


def test_a_fresh_start_has_no_file_of_the_crawl_before(life: Life) -> None:
    assert life.run().code == 0
    ran = life.run("--fresh", "-n", "3", "--rotate", "1G")
    assert (ran.code, ran.err) == (0, "")
    assert parts(life.out) == [life.out]
    assert len(life.records("out.jsonl")) == len(life.records("out.csv.gz")) == 3
    assert life.run().code == 0
    assert complete(life)


def test_files_of_another_crawl_are_not_touched(life: Life) -> None:
    other = life.folder / "out.0002.jsonl"
    other.write_text('{"of":"another"}\n')
    ran = life.run()
    assert ran.code == 73
    assert one_line(ran.err, "out.0002.jsonl already holds data")
    assert not life.state.exists()
    assert read(other) == '{"of":"another"}\n'


@pytest.mark.parametrize(
    ("flags", "told"),
    [(["--fields", "url"], "without --fields, not with --fields url"), (["-f", "csv"], "--format")],
)
def test_another_meaning_is_refused(life: Life, flags: list[str], told: str) -> None:
    life.run("-n", "10")
    ran = life.run(*flags)
    assert ran.code == 2
    assert one_line(ran.err, told)
    assert life.run("--rotate", "3k").code == 0  # which is none
    assert complete(life)


def test_hup_gives_a_new_table_a_header(web: Web, tmp_path: Path) -> None:
    links = graph(300)

    async def handler(request: Request) -> Reply:
        found = links.get(request.path)
        return Reply("", 404) if found is None else Reply(html(found), delay=0.02)

    life = Life(tmp_path, (f"{web.serve(handler)}/0",), ("out.csv", "all.urls"))
    moved = tmp_path / "moved.csv"
    with life.running() as process:
        wait_for(lambda: life.out.exists() and life.out.stat().st_size > 2_000)
        life.out.rename(moved)
        process.send_signal(signal.SIGHUP)
        assert process.communicate(timeout=60) == ("", "")
    assert process.returncode == 0
    assert len(once(rows(moved) + rows(life.out))) == 300
    assert rows(life.out)
    assert len({each["url"] for each in life.records("all.urls")}) == 300


# Readers of a long line


def memory(pid: int) -> float:
    """Return megabytes of a process and its children, shared pages counted once."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    total = 0
    for each in (str(pid), *children):
        with contextlib.suppress(OSError):
            rollup = Path(f"/proc/{each}/smaps_rollup").read_text()
            total += int(re.findall(r"^Pss: +(\d+)", rollup, re.MULTILINE)[0])
    return total / 1_000


@contextlib.contextmanager
def endless(web: Web, *flags: str) -> Iterator[subprocess.Popen[str]]:
    """A crawl of a hundred million seeds that come from a pipe."""

    async def handler(request: Request) -> Reply:
        robots = request.path == "/robots.txt"
        return Reply("", 404) if robots else Reply(html([], title="x" * 1_500))

    origin = web.serve(handler)
    seeds = subprocess.Popen(["seq", "-f", f"{origin}/p/%.0f", "100000000"], stdout=subprocess.PIPE)
    command = [*COMMAND, "crawl", "-", "--allow-private", "--per-host", "16", *flags]
    crawling = subprocess.Popen(
        command, stdin=seeds.stdout, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert seeds.stdout is not None
    seeds.stdout.close()
    try:
        yield crawling
    finally:
        for process in (crawling, seeds):
            process.kill()
            process.wait()
        for stream in (crawling.stdout, crawling.stderr):
            assert stream is not None
            stream.close()


def take(crawling: subprocess.Popen[str], number: int) -> list[str]:
    assert crawling.stdout is not None
    return [crawling.stdout.readline() for _ in range(number)]


def test_the_head_of_an_endless_line_comes_and_ends_promptly(web: Web) -> None:
    with endless(web) as crawling:
        taken = take(crawling, 200)
        before = memory(crawling.pid)
        taken += take(crawling, 800)
        grown = memory(crawling.pid) - before
        assert crawling.stdout is not None
        crawling.stdout.close()
        closed = time.monotonic()
        assert crawling.wait(10) == 141
        assert time.monotonic() - closed < 2.0
        assert crawling.stderr is not None
        assert crawling.stderr.read() == ""
    assert Counter(json.loads(line)["type"] for line in taken) == {"page": 1_000}
    assert grown < 20


def stalls(web: Web, seconds: float, *flags: str) -> list[float]:
    """Let the reader stall; return the memory before, meanwhile and behind, in megabytes."""
    with endless(web, *flags) as crawling:
        take(crawling, 1_000)
        used = [memory(crawling.pid)]
        asked, until = -1, time.monotonic() + seconds
        while asked != len(web.log):  # until back-pressure has reached the web
            asked = len(web.log)
            time.sleep(0.5)
        while time.monotonic() < until:
            used.append(memory(crawling.pid))
            time.sleep(0.5)
        assert len(web.log) == asked
        more = take(crawling, 1_000)
        assert len(set(more)) == 1_000
        assert len(web.log) > asked
        return [*used, memory(crawling.pid)]


def test_a_reader_that_stalls_for_a_while(web: Web) -> None:
    used = stalls(web, 2.0, "-f", "csv", "--fields", "url,title")
    assert max(used) - min(used) < 10, used


@pytest.mark.slow
def test_a_reader_that_stalls_for_a_minute(web: Web) -> None:
    used = stalls(web, 60.0)
    assert max(used) - min(used) < 10, used
