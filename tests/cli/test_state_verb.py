"""``crawler state``: what it says of a small site whose truth is known by hand."""

import json
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from crawler.errors import BadSetting, StateUnusable
from crawler.frontier.inquiry import Answer, Inquiry
from tests.cli.lives import Life, graph, one_line
from tests.cli.run import COMMAND, Ran, crawler, finish
from tests.web.server import Reply, Request, Web, html

PAGES = {
    "/": ["/a", "/b", "/gone", "/old", "/secret", "/a", "/away"],
    "/a": ["/b", "/", "/broken"],
    "/b": ["/gone", "/b"],
    "/lone": ["/gone"],
    "/new": [],
    "/x%1B[31mred%E2%80%AE": [],
}


@pytest.fixture(scope="module")
def life(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Life]:
    """A finished crawl: 5 pages, 2 redirects, 2 errors, 1 skip."""

    async def handler(request: Request) -> Reply:
        path = request.path
        if path == "/robots.txt":
            return Reply("User-agent: *\nDisallow: /secret", type="text/plain")
        if path == "/broken":
            return Reply("", 500)
        if path in ("/old", "/away"):
            to = "/new" if path == "/old" else "http://example.invalid/"
            return Reply("", 301 if path == "/old" else 302, headers={"Location": to})
        return Reply(html(PAGES[path])) if path in PAGES else Reply("", 404)

    with Web() as web:
        origin = web.serve(handler)
        made = Life(
            tmp_path_factory.mktemp("state"), (origin + "/", origin + "/lone"),
            usual=("--parsers", "0", "--retries", "0", "-c", "1"),
        )  # fmt: skip
        ran = made.run()
        assert (ran.code, ran.err) == (0, "")
        yield made


def ask(life: Life, *words: str) -> Ran:
    """Ask the state something."""
    return crawler("state", str(life.state), *words)


def table(life: Life, *words: str) -> list[list[str]]:
    """Return an answer's rows, without the column names, and the origin taken off."""
    ran = ask(life, *words)
    assert (ran.code, ran.err) == (0, "")
    origin = life.seeds[1].removesuffix("/lone")
    return [line.replace(origin, "").split("\t") for line in ran.out.splitlines()[1:]]


def objects(life: Life, *words: str) -> list[dict[str, Any]]:
    """Return an answer as JSON."""
    ran = ask(life, *words, "--json")
    assert (ran.code, ran.err) == (0, "")
    return [json.loads(line) for line in ran.out.splitlines()]


def test_the_account_of_a_finished_crawl(life: Life) -> None:
    head, start, balance, written, blank, names, site = ask(life).out.splitlines()

    assert head.startswith(f"{life.state}: pass 1, begun 20")
    assert head.endswith(", finished")
    assert start == f"from {' '.join(life.seeds)}"
    assert balance == (
        "10 URLs = 5 pages + 2 redirects + 2 errors (http_4xx 1, http_5xx 1) "
        "+ 1 skipped (robots 1) + 0 left"
    )
    assert written == f"written to {life.out}: {life.out.stat().st_size:,} bytes"
    assert blank == ""
    assert names.split("\t") == "site pages redirects errors skipped gone left delay".split()
    host = life.seeds[1].split("/")[2]
    assert site.split("\t") == [host, "5", "2", "2", "1", "0", "0", "0.0"]


def test_the_account_as_json(life: Life) -> None:
    account, site, one = objects(life)

    assert account | {"started": "", "asked": {}} == {
        "type": "account", "pass": 1, "started": "", "ended": "drained", "discovered": 10,
        "fetched": 5, "redirected": 2, "failed": 2, "skipped": 1, "gone": 0, "left": 0,
        "errors": {"http_4xx": 1, "http_5xx": 1},
        "skips": {"robots": 1}, "asked": {}, "outputs": {str(life.out): life.out.stat().st_size},
    }  # fmt: skip
    assert account["asked"]["URL"] == " ".join(life.seeds)
    assert account["asked"]["--output"] == str(life.out)
    assert (site["type"], site["pages"], site["left"], site["delay"]) == ("site", 5, 0, 0.0)
    assert one == {"type": "pass", **objects(life, "passes")[0]}


def test_links(life: Life) -> None:
    origin = life.seeds[1].removesuffix("/lone")

    assert table(life, "links", "out", life.seeds[0]) == [
        ["/a", "page", "200"], ["/b", "page", "200"], ["/gone", "error", "404"],
        ["/old", "redirect", "301"], ["/secret", "skip", ""], ["/away", "redirect", "302"],
    ]  # fmt: skip
    pages = table(life, "links", "in", f"{origin}/gone")
    assert sorted(pages) == [["/", "page", "200"], ["/b", "page", "200"], ["/lone", "page", "200"]]
    assert table(life, "links", "in", f"{origin}/new") == [["/old", "redirect", "301"]]
    assert table(life, "links", "out", f"{origin}/new") == []
    assert table(life, "links", "in", f"{origin}/lone") == []
    assert objects(life, "links", "out", f"{origin}/old") == [
        {"url": f"{origin}/new", "verdict": "page", "status": 200}
    ]


def test_a_url_may_be_typed_short(life: Life) -> None:
    short = life.seeds[0].removeprefix("http://").removesuffix("/")

    assert len(table(life, "links", "out", f"{short}#part")) == 6


def test_broken_redirects_and_orphans(life: Life) -> None:
    assert sorted(table(life, "broken")) == [
        ["/broken", "http_5xx", "500", "/a"], ["/gone", "http_4xx", "404", "/"],
        ["/gone", "http_4xx", "404", "/b"], ["/gone", "http_4xx", "404", "/lone"],
    ]  # fmt: skip
    assert table(life, "redirects") == [["/old", "301", "/new"], ["/away", "302", ""]]
    assert table(life, "orphans") == [["/lone", "200"]]
    assert objects(life, "redirects")[1]["location"] is None


def test_sql(life: Life) -> None:
    grouped = "SELECT verdict, count(*) AS many FROM url GROUP BY 1 ORDER BY 1"
    linked = "SELECT count(*) AS n FROM link WHERE target LIKE '%/gone'"

    assert table(life, "--sql", grouped) == [
        ["error", "2"], ["page", "5"], ["redirect", "2"], ["skip", "1"]
    ]  # fmt: skip
    assert objects(life, "--sql", linked) == [{"n": 3}]
    for name in ("url", "site", "pass", "page", "change", "output", "asked", "seen", "link"):
        assert ask(life, "--sql", f"SELECT * FROM {name}").code == 0


REFUSALS = ("not authorized", "read-only", "within a transaction", "one statement")


def test_sql_changes_nothing(life: Life, tmp_path: Path) -> None:
    """Neither in the file, nor beside it, nor anywhere else."""
    state = shutil.copy(life.state, tmp_path / "crawl.db")
    before = Path(state).read_bytes()
    queries = [
        "UPDATE pass SET fetched = 99", "DROP TABLE url", "VACUUM", "PRAGMA user_version = 99",
        "PRAGMA journal_mode = DELETE", "PRAGMA wal_checkpoint(TRUNCATE)", "BEGIN IMMEDIATE",
        f"ATTACH '{tmp_path}/new.db' AS mine", f"VACUUM INTO '{tmp_path}/copy.db'",
        "SELECT load_extension('x')", "SELECT 1; DELETE FROM url",
    ]  # fmt: skip

    for query in queries:
        ran = crawler("state", str(state), "--sql", query)
        assert (ran.code, ran.out) == (2, ""), (query, ran)
        assert one_line(ran.err, "--sql")
        assert [why for why in REFUSALS if why in ran.err], ran.err
        assert ("not authorized" in ran.err) == ("it only looks" in ran.err)
        assert Path(state).read_bytes() == before, query
    beside = {path.name for path in tmp_path.iterdir()} - {"crawl.db-wal", "crawl.db-shm"}
    assert beside == {"crawl.db"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nonsense"], ["'nonsense' is no question", "links out URL"]),
        (["links"], ["is no question"]),
        (["links", "up", "x"], ["is no question"]),
        (["broken", "more"], ["is no question"]),
        (["broken", "--sql", "SELECT 1"], ["not both"]),
        (["--sql", "SELEC"], ["--sql", "syntax"]),
        (["--sql", "SELECT * FROM nowhere"], ["--sql", "nowhere"]),
        (["--sql", "SELECT ?"], ["--sql"]),
        (["--sql", "-- all"], ["--sql", "give a SELECT"]),
        (["--sql", "SELECT abs(column1) FROM (VALUES (1), (-9223372036854775808))"], ["--sql"]),
        (["links", "out", "https://nowhere.example/"], ["nowhere.example", "not among"]),
        (["links", "in", "ftp://x"], []),
    ],
)
def test_a_bad_question_is_two_and_one_line(life: Life, words: list[str], said: list[str]) -> None:
    ran = ask(life, *words)

    assert ran.code == 2
    assert one_line(ran.err, *said), ran.err


def test_what_is_no_state_is_told(tmp_path: Path) -> None:
    text, other, empty = tmp_path / "text", tmp_path / "other.db", tmp_path / "empty"
    text.write_text("hello\n" * 1_000)
    empty.touch()
    with sqlite3.connect(other) as db:
        db.execute("CREATE TABLE url (a)")
    db.close()

    missing = crawler("state", str(tmp_path / "no.db"))
    assert (missing.code, one_line(missing.err, "no.db")) == (66, True)
    for path in (text, other, empty, tmp_path):
        before = path.read_bytes() if path.is_file() else b""
        ran = crawler("state", str(path))
        assert (ran.code, ran.out) == (73, "")
        assert one_line(ran.err, str(path)), ran.err
        assert "--state" not in ran.err
        assert not path.is_file() or path.read_bytes() == before
        assert ("is empty" in ran.err) == (path == empty)
    assert not (tmp_path / "no.db").exists()
    with pytest.raises(StateUnusable, match="file name too long; give another FILE"):
        Inquiry("x" * 5_000)


def test_what_the_web_says_cannot_reach_a_terminal(life: Life) -> None:
    evil = "'a' || char(27) || '[31m' || char(7) || char(0x9b) || char(0x202e) || char(10, 13, 9)"

    for words in (["--sql", f'SELECT {evil} AS "name\x1b[0m"'], ["links", "in", "x\x1b[31m"]):
        for more in ([], ["--json"]):
            ran = ask(life, *words, *more)
            told = ran.out + ran.err
            assert not [each for each in told if ord(each) < 32 and each not in "\t\n"]
            if not more:
                assert not [each for each in told if each in "\x7f\x9b\u202e"]


def test_a_reader_that_closes_is_no_traceback(web: Web, tmp_path: Path) -> None:
    life = Life(tmp_path, (f"{web.pages(graph(10))}/0",))
    life.run()
    endless = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT x FROM c"
    command = [*COMMAND, "state", str(life.state), "--sql", endless]

    done = subprocess.run(
        ["bash", "-c", '"$@" | head -1; exit ${PIPESTATUS[0]}', "-", *command],
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip

    assert (done.returncode, done.stdout, done.stderr) == (141, "x\n", "")


def test_a_full_disk_under_an_answer_is_told(life: Life) -> None:
    endless = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT x FROM c"
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*COMMAND, "state", str(life.state), "--sql", endless],
            stdout=full, stderr=subprocess.PIPE, text=True, timeout=30, check=False,
        )  # fmt: skip

    assert done.returncode == 74
    assert one_line(done.stderr, "no space left")


@contextmanager
def read_only(folder: Path) -> Iterator[Path]:
    """Mount a folder where nothing can be written, with what is in ``folder``."""
    mount = folder.parent / "mounted"
    mount.mkdir()
    made = finish(["mount", "-t", "tmpfs", "-o", "size=8m", "none", str(mount)])
    if made.code:
        pytest.skip(f"no file system can be mounted here: {made.err.strip()}")
    try:
        for path in folder.iterdir():
            shutil.copy(path, mount)
        finish(["mount", "-o", "remount,ro", str(mount)])
        yield mount
    finally:
        finish(["umount", str(mount)])


def spoilt(state: Path, to: Path, table: str) -> Path:
    """Return a copy of a state in which the first page of a table is none."""
    with closing(sqlite3.connect(state)) as db:
        db.execute(f"VACUUM INTO '{to}'")
    with closing(sqlite3.connect(to)) as db:
        (page,) = db.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = ?", (table,)
        ).fetchone()
    with to.open("r+b") as file:
        file.seek((page - 1) * 4096)
        file.write(b"\x55" * 4096)
    return to


@pytest.mark.parametrize(
    ("table", "question"),
    [
        ("output", ("state", "FILE")),
        ("page", ("state", "FILE", "orphans")),
        ("page", ("state", "FILE", "links", "in", "URL")),
        ("page", ("state", "FILE", "--sql", "SELECT * FROM page")),
        ("page", ("state", "FILE", "--sql", "SELECT count(*) FROM page, url")),
        ("pass", ("diff", "FILE")),
        ("asked", ("explain", "URL", "--state", "FILE", "--offline")),
        ("change", ("explain", "URL", "--state", "FILE", "--offline")),
        ("url", ("explain", "URL", "--state", "FILE", "--offline")),
    ],
)
def test_what_is_damaged_is_told_as_that_whatever_is_asked(
    life: Life, tmp_path: Path, table: str, question: Sequence[str]
) -> None:
    state = spoilt(life.state, tmp_path / "spoilt.db", table)
    named = {"FILE": str(state), "URL": life.seeds[0]}

    ran = crawler(*(named.get(word, word) for word in question))

    assert ran.code == 73
    assert one_line(ran.err, "is damaged", str(state))


@pytest.mark.parametrize("links", ["x'010000'", "x'01000000ffffff0f'", "'abc'"])
def test_links_that_were_edited_are_told_as_damage(life: Life, tmp_path: Path, links: str) -> None:
    state = str(tmp_path / "edited.db")
    with closing(sqlite3.connect(life.state)) as db:
        db.execute(f"VACUUM INTO '{state}'")
    with closing(sqlite3.connect(state, isolation_level=None)) as db:
        assert db.execute(f"UPDATE page SET links = {links}").rowcount == 7
    questions: list[Callable[[Inquiry], Answer]] = [
        lambda inquiry: inquiry.links_out(life.seeds[0]),
        lambda inquiry: inquiry.broken(),
        lambda inquiry: inquiry.redirects(),
        lambda inquiry: inquiry.orphans(),
        lambda inquiry: inquiry.sql("SELECT * FROM link"),
    ]

    told = []
    for question in questions:
        try:
            with Inquiry(state) as inquiry:
                list(question(inquiry).rows)
        except StateUnusable as error:
            told.append(str(error))

    assert len(told) >= (1 if links.endswith("0f'") else 4)
    assert {each for each in told if "is damaged (a page is not what it was)" not in each} == set()


def test_a_bug_of_ours_is_not_taken_for_damage(life: Life) -> None:
    with pytest.raises(LookupError), Inquiry(str(life.state)):
        raise LookupError
    with pytest.raises(BadSetting, match="user-defined"), Inquiry(str(life.state)) as inquiry:
        list(inquiry.sql("SELECT as_text(x'ff')").rows)


@pytest.mark.parametrize(
    ("flag", "value"), [("--include", "("), ("--scope", "galaxy"), ("--depth", "-3")]
)
def test_what_nobody_can_have_asked_for_is_told_as_damage(
    life: Life, tmp_path: Path, flag: str, value: str
) -> None:
    state = tmp_path / "spoilt.db"
    with closing(sqlite3.connect(life.state)) as db:
        db.execute(f"VACUUM INTO '{state}'")
    with closing(sqlite3.connect(state)) as db, db:
        db.execute("UPDATE asked SET value = ? WHERE name = ?", (value, flag))

    ran = crawler("explain", life.seeds[0], "--state", str(state), "--offline")

    assert ran.code == 73
    assert one_line(ran.err, "is damaged (what was asked for is not what it was)", str(state))


def test_a_read_only_copy_can_be_asked(life: Life, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    folder.mkdir()
    shutil.copy(life.state, folder)

    with read_only(folder) as mount:
        ran = crawler("state", str(mount / "crawl.db"), "broken")
        crawl = Life(mount, life.seeds, usual=life.usual).run()

    assert (ran.code, ran.err, len(ran.out.splitlines())) == (0, "", 5)
    assert crawl.code == 73
    assert one_line(crawl.err, "read-only")


def test_a_read_only_copy_after_a_death_tells_the_truth_or_why_not(
    web: Web, tmp_path: Path
) -> None:
    """What was committed is in the -wal alone: to leave it out would be a wrong answer."""
    folder = tmp_path / "crawl"
    folder.mkdir()
    life = Life(folder, (f"{web.pages(graph(40))}/0",))
    life.killed("after page", 20)
    (folder / "crawl.db-shm").unlink()

    with read_only(folder) as mount:
        ran = crawler("state", str(mount / "crawl.db"))

    if ran.code:
        assert ran.code == 73
        assert one_line(ran.err, "crawl.db")
    else:
        assert f"{len(life.ends())} pages" in ran.out


def test_a_reader_leaves_no_files_beside_the_state(life: Life, tmp_path: Path) -> None:
    """Made by root, say, they would keep the owner out."""
    state = shutil.copy(life.state, tmp_path / "crawl.db")

    assert crawler("state", str(state)).code == 0

    assert os.listdir(tmp_path) == ["crawl.db"]
