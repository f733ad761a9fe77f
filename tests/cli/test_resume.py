"""The same command goes on where it was; another one is told so, and nothing is harmed."""

import base64
import json
import signal
import subprocess
from pathlib import Path

import pytest

import crawler
from tests.cli.lives import (
    Life,
    balanced,
    graph,
    once,
    one_line,
    unended,
    wait_for,
)
from tests.cli.run import COMMAND, broken, finish
from tests.cli.written import rows
from tests.records import read
from tests.web.server import Reply, Request, Web, html

PAGES = 40


@pytest.fixture
def life(web: Web, tmp_path: Path) -> Life:
    """A crawl of 40 pages."""
    return Life(tmp_path, (f"{web.pages(graph(PAGES))}/0",))


def truth(life: Life) -> dict[str, str]:
    """Return what an undisturbed crawl of the 40 pages comes to."""
    origin = life.seeds[0].rpartition("/")[0]
    return {f"{origin}/{number}": "page" for number in range(PAGES)}


# Limits, and the end.


def test_a_limit_that_grows_goes_on(web: Web, life: Life) -> None:
    found = []
    for limit in (["-n", "10"], ["-n", "30"], []):
        ran = life.run(*limit)
        assert (ran.code, ran.err) == (0, "")
        found.append(len(life.ends()))

    assert found == [10, 30, PAGES]
    assert life.ends() == truth(life)
    assert len([each for each in web.log if each.path != "/robots.txt"]) == PAGES


def test_a_run_after_the_last_verdict_ends_at_once_and_asks_for_nothing(
    web: Web, life: Life
) -> None:
    for limit in (["-n", "10"], []):
        life.run(*limit)
        unended(life.state)
        asked, written = len(web.log), life.out.read_bytes()

        ran = life.run(*limit)

        assert (ran.code, ran.out, ran.err) == (0, "", "")
        assert len(web.log) == asked
        assert life.out.read_bytes() == written
        unended(life.state)


# Options that give a crawl its meaning.

CHANGES = {
    "--depth": ["--depth", "7"],
    "--scope": ["--scope", "any"],
    "--include": ["-I", "[0-9]"],
    "--exclude": ["-X", "never"],
    "--drop-params": ["--drop-params", "sid"],
    "--nofollow": ["--nofollow", "ignore"],
    "--sitemap": ["--sitemap", "add"],
    "--user-agent": ["-A", "somebody/1"],
    "--ignore-robots": ["--ignore-robots"],
    "--emit": ["--emit", "page"],
}


def stopped(life: Life, *more: str) -> None:
    assert life.run(*more, "-n", "10").code == 0


def test_an_option_that_changed_is_named_and_nothing_is_touched(web: Web, life: Life) -> None:
    life.killed("after page", 10)
    asked, before = len(web.log), life.files()
    others = {flag: life.args(*args) for flag, args in CHANGES.items()}
    others["--output"] = Life(life.folder, life.seeds, ("other.jsonl",), life.usual).args()
    more = Life(life.folder, life.seeds, ("out.jsonl", "other.jsonl"), life.usual)
    others["--output "] = more.args()  # one more of them
    others["begun from"] = Life(life.folder, (life.seeds[0] + "?",), usual=life.usual).args()

    wrong = {}
    for flag, args in others.items():
        ran = finish([*COMMAND, *args])
        words = (flag.strip(), "the same options", "--state", "--fresh")
        if ran.code != 2 or ran.out or not one_line(ran.err, *words):
            wrong[flag] = (ran.code, ran.out, ran.err)
        if life.files() != before:
            wrong[f"{flag} wrote"] = (ran.code, ran.out, ran.err)

    assert wrong == {}
    assert len(web.log) == asked
    assert life.run().code == 0
    assert life.ends() == truth(life)


def test_an_option_that_was_given_may_not_be_left_out(life: Life) -> None:
    given = [word for flag, words in CHANGES.items() if flag != "--emit" for word in words]
    life.run(*given, "-n", "10")

    wrong = {}
    for flag in ("--depth", "--include", "--user-agent"):
        words = CHANGES[flag]
        rest = [word for other, words in CHANGES.items() for word in words if other != flag]
        ran = life.run(*rest[:-2])
        if ran.code != 2 or not one_line(ran.err, flag, words[-1]):
            wrong[flag] = (ran.code, ran.err)

    assert wrong == {}
    assert life.run(*given).code == 0
    assert life.ends() == truth(life)


def test_speed_flags_may_change(life: Life) -> None:
    stopped(life, "--delay", "10ms")

    ran = life.run(
        "--parsers", "1", "--per-host", "4", "-c", "8", "--rate", "1000/s", "--delay", "1ms",
        "-t", "5s", "--connect-timeout", "5s", "--retries", "0", "--max-time", "1h",
        "--max-wait", "1m", "--durability", "full", "--loop", "asyncio", "-n", "1000",
        "-H", "X-New: 1", "-b", "new=1", "--auth", "a:b", "--allow-private", "-v",
        "--progress", "off", "--log-format", "json", "--max-size", "1M",
    )  # fmt: skip

    assert ran.code == 0, ran.err
    assert life.ends() == truth(life)


# --fresh.


def test_fresh_starts_anew_and_empties_what_it_owns(web: Web, life: Life) -> None:
    stopped(life)
    asked = len(web.log)

    ran = life.run("--fresh", "--depth", "9")

    assert (ran.code, ran.err) == (0, "")
    assert life.ends() == truth(life)
    assert len(web.log) == asked + 1 + PAGES


@pytest.mark.parametrize("harm", ["edited", "lost"])
def test_fresh_helps_where_the_output_is_not_what_it_was(life: Life, harm: str) -> None:
    stopped(life)
    mar(life.out, harm)

    assert life.run("--fresh").code == 0
    assert life.ends() == truth(life)


def outputs(life: Life) -> dict[str, bytes]:
    return {name: data for name, data in life.files().items() if name.startswith("out.")}


def mar(path: Path, harm: str) -> None:
    data = path.read_bytes()
    if harm == "edited":
        path.write_bytes(data[:50] + bytes([data[50] ^ 1]) + data[51:])
    elif harm == "emptied":
        path.write_bytes(b"")
    elif harm == "cut":
        path.write_bytes(data[: len(data) // 2])
    elif harm == "lost":
        path.unlink()


def test_fresh_that_is_killed_goes_on_as_a_new_crawl(life: Life) -> None:
    life.run()
    for moment, number in (("before truncate", 1), ("after write", 2), ("after commit", 5)):
        life.killed(moment, number, "--fresh")

    assert life.run().code == 0
    assert life.ends() == truth(life)


@pytest.mark.parametrize("fresh", [(), ("--fresh",)], ids=["resumed", "fresh"])
@pytest.mark.parametrize("known", [False, True], ids=["new state", "known state"])
def test_a_file_that_the_state_does_not_own_is_refused(
    life: Life, fresh: tuple[str, ...], *, known: bool
) -> None:
    if known:
        stopped(life)
    other = life.folder / "other.jsonl"
    other.write_text("precious\n")
    wrong = Life(life.folder, life.seeds, ("out.jsonl", "other.jsonl"), life.usual)

    ran = wrong.run(*fresh)

    if known and not fresh:
        assert (ran.code, one_line(ran.err, "--output")) == (2, True)
    else:
        assert (ran.code, one_line(ran.err, "other.jsonl", "another -o")) == (73, True), ran.err
    assert other.read_text() == "precious\n"


def test_after_a_file_was_refused_another_output_is_possible(life: Life) -> None:
    """The remedy that the message names has to work."""
    (life.folder / "other.jsonl").write_text("precious\n")
    refused = Life(life.folder, life.seeds, ("other.jsonl",), life.usual).run()

    ran = life.run()

    assert refused.code == 73
    assert ran.code == 0, ran.err
    assert life.ends() == truth(life)


@pytest.mark.parametrize(
    "wrong", [["-H", "no colon"], ["-o", "/proc/x.jsonl"]], ids=["header", "output"]
)
def test_a_wrong_flag_beside_fresh_costs_no_data(life: Life, wrong: list[str]) -> None:
    life.run()
    before = life.files()

    ran = life.run("--fresh", *wrong)

    assert ran.code in (2, 73)
    assert one_line(ran.err)
    assert life.files()["out.jsonl"] == before["out.jsonl"]
    assert life.run().code == 0
    assert life.ends() == truth(life)


def test_fresh_beside_append_keeps_what_others_wrote(life: Life) -> None:
    life.out.write_text("precious\n")
    life.run("--append", "-n", "5")

    life.run("--append", "--fresh", "-n", "5")

    assert life.out.read_text().startswith("precious\n")


def test_fresh_with_another_output_keeps_the_former_one(life: Life) -> None:
    """It is no longer the state's, so that a third command does not empty it, either."""
    life.run()
    former = life.out.read_bytes()
    other = Life(life.folder, life.seeds, ("other.jsonl",), life.usual)

    assert other.run("--fresh").code == 0
    assert life.out.read_bytes() == former
    assert other.ends() == truth(life)

    third = life.run("--fresh")
    assert third.code == 73
    assert one_line(third.err, str(life.out), "another -o"), third.err
    assert life.out.read_bytes() == former


# Names of states that are no names.


def test_a_state_without_a_name_is_told(web: Web, life: Life) -> None:
    for name in ("", " "):
        ran = life.run("--state", name)
        assert ran.code == 2
        assert one_line(ran.err, "--state names no file"), ran.err
    assert life.files() == {}
    assert web.log == []


def test_what_sqlite_takes_for_memory_is_a_file_like_any_other(web: Web, life: Life) -> None:
    args = ["--state", ":memory:", "-n"]

    first = life.run(*args, "10", cwd=life.folder)
    asked = len(web.log)
    second = life.run(*args, "20", cwd=life.folder)

    assert (first.code, second.code, second.err) == (0, 0, "")
    assert len(web.log) == asked + 11
    assert len(life.ends()) == 20
    assert {path.name for path in life.folder.iterdir()} == {
        ":memory:", ":memory:.lock", "out.jsonl"
    }  # fmt: skip


# Secrets.


@pytest.mark.parametrize("end", ["drained", "killed"])
def test_no_secret_is_ever_stored(web: Web, tmp_path: Path, end: str) -> None:
    seen: set[str] = set()

    async def handler(request: Request) -> Reply:
        seen.update(request.headers.get(name, "") for name in ("authorization", "cookie", "x-key"))
        number = int(request.path.strip("/") or 0) if request.path[1:2].isdigit() else -1
        if number == 3:
            return Reply(status=302, headers={"Location": "http://u5er:l1nked@127.0.0.1:9/away"})
        if number == 4:
            return Reply(status=401, headers={"WWW-Authenticate": "Basic"})
        return Reply(html(f"/{other}" for other in range(8)), 404 if number < 0 else 200)

    first, second = web.serve(handler), web.serve(handler, "127.0.0.2")
    listed = tmp_path / "seeds"
    listed.write_text(
        f"{second.replace('//', '//l1sted:hu5hhush@')}/0\n"
        f'{{"url": "{first.replace("//", "//0bject:s1lence@")}/6", "meta": {{"a": 1}}}}\n'
    )
    home = tmp_path / "crawl"
    home.mkdir()
    seed = first.replace("//", "//al1ce:s3cretword@") + "/0"
    life = Life(home, (seed,), ("out.jsonl", "out.jsonl.gz", "out.jsonl.zst"))
    secrets = (
        "-H", "X-Key: k3yk3yk3y", "-b", "session=c00kiec00kie", "-i", str(listed),
        "--auth", "b0bby:hunter2hunter2", "-H", f"@{second} X-Key: 0therk3y", "--allow-private",
        "--emit", "page,redirect,error,skip,summary", "--retries", "0",
    )  # fmt: skip
    if end == "killed":
        life.killed("after page", 5, *secrets, "-v")
        wal = life.folder / "crawl.db-wal"
        assert wal.stat().st_size > 0
    else:
        assert life.run(*secrets).code == 0

    words = [
        "al1ce", "s3cretword", "k3yk3yk3y", "c00kiec00kie", "b0bby", "hunter2hunter2", "0therk3y",
        "l1sted", "hu5hhush", "0bject", "s1lence", "u5er", "l1nked",
    ]  # fmt: skip
    words += [base64.b64encode(pair.encode()).decode() for pair in ("al1ce:s3cretword",)]
    assert "k3yk3yk3y" in seen
    assert any(each.startswith("Basic") for each in seen)
    for path in sorted(home.iterdir()):
        data = path.read_bytes()
        if path.suffix in (".gz", ".zst"):
            data += json.dumps(rows(path)).encode()
        assert [word for word in words if word.encode() in data] == [], path.name
    assert life.run(*secrets).code == 0


# What a run leaves to the next.


@pytest.mark.parametrize("commits", [6, 8, 10])
def test_a_seed_that_widened_the_scope_does_so_after_a_death(
    web: Web, tmp_path: Path, commits: int
) -> None:
    origin = web.pages(graph(12))

    async def away(request: Request) -> Reply:
        if request.path == "/robots.txt":
            return Reply(status=404)
        return Reply(status=302, headers={"Location": f"{origin}/0"})

    seed = web.serve(away) + "/"
    life = Life(tmp_path, (seed,))
    life.killed("after commit", commits)
    redirects = [each for each in life.records() if each["type"] == "redirect"]

    assert life.run().code == 0
    assert life.ends() == {seed: "redirect"} | {f"{origin}/{n}": "page" for n in range(12)}
    if commits == 10:
        assert redirects, "the test has to kill after that commit as well"


SEEDS = 1_500
LEAVES = range(0, SEEDS, 5)


def test_what_any_seed_opened_is_open_at_once_after_a_death(web: Web, tmp_path: Path) -> None:
    """A page links into the folder of the seed before: that one is not read anew in time.

    More than a thousand seeds are open, so that the rest of the list has to wait.
    """
    folders = {f"/{n}/": [f"/{n - 1}/leaf"] if n and n % 5 == 0 else [] for n in range(SEEDS)}
    leaves: dict[str, list[str]] = {f"/{n - 1}/leaf": [] for n in LEAVES if n}
    origin = web.pages(folders | leaves)
    listed = tmp_path / "seeds"
    listed.write_text("".join(f"{origin}{path}\n" for path in folders))
    more = ("-i", str(listed), "--scope", "dir", "--allow-private")
    (tmp_path / "calm").mkdir()
    calm, life = Life(tmp_path / "calm"), Life(tmp_path)

    calm_ran = calm.run(*more)
    life.killed("after page", 400, *more)
    before = len(life.records())
    ran = life.run(*more)

    assert (calm_ran.code, ran.code, ran.err) == (0, 0, "")
    assert calm.ends() == {f"{origin}{path}": "page" for path in folders | leaves}
    assert life.ends() == calm.ends()
    assert before < 500


@pytest.mark.parametrize("end", ["killed", "stopped"])
def test_seeds_that_are_read_late_have_their_password_at_once(
    web: Web, tmp_path: Path, end: str
) -> None:
    links = graph(60)

    async def handler(request: Request) -> Reply:
        if request.path == "/robots.txt":
            return Reply(status=404)
        if "authorization" not in request.headers:
            return Reply("", 401)
        return Reply(html(links[request.path]))

    seeds = f"{web.serve(handler)}/0\n"
    life = Life(tmp_path, usual=("--parsers", "0", "--per-host", "2"))
    more = ("-", "--auth", "me:mine", "--allow-private")
    if end == "killed":
        life.killed("after page", 20, *more, stdin=seeds)
    else:
        assert life.run(*more, "-n", "20", stdin=seeds).code == 0
    asked = len(web.log)

    with life.running(*more, stdin=subprocess.PIPE) as process:
        wait_for(lambda: [each for each in web.log[asked:] if each.path != "/robots.txt"])
        _, err = process.communicate(seeds, timeout=20)

    assert (process.returncode, err) == (0, "")
    assert life.ends() == {f"{seeds.rpartition('/')[0]}/{n}": "page" for n in range(60)}


COUNTING = """
import asyncio, sys
from crawler.frontier.sqlite import SqliteFrontier
from crawler.sink.records import Records
settle, write = SqliteFrontier.settle, Records.write
async def told(self, batch, marks):
    print(len(batch), file=sys.stderr)
    return await settle(self, batch, marks)
async def slow(self, lines):
    await asyncio.sleep(0.02)  # a slow disk: meanwhile more is gathered
    await write(self, lines)
SqliteFrontier.settle, Records.write = told, slow
"""


def test_no_commit_has_more_than_500_records(web: Web, tmp_path: Path) -> None:
    """In the real command; that more would be noticed for sure see ``tests/engine``."""
    found = [f"/{number}" for number in range(1, 1_500)]
    origin = web.pages({"/": found} | {path: [] for path in found})
    args = ("--state", str(tmp_path / "crawl.db"), "-o", str(tmp_path / "out.jsonl"))

    ran = broken(COUNTING, origin, *args, "-c", "200", "--per-host", "200", "--parsers", "0")

    commits = list(map(int, ran.err.split()))
    assert ran.code == 0
    assert sum(commits) == 1_500
    assert max(commits) <= 500, commits


@pytest.mark.parametrize(
    ("status", "robots", "code"), [(404, "", 69), (401, "", 77), (200, "Disallow: /", 77)]
)
def test_the_exit_code_is_that_of_the_pass(
    web: Web, tmp_path: Path, status: int, robots: str, code: int
) -> None:
    async def handler(request: Request) -> Reply:
        if request.path == "/robots.txt":
            return Reply(f"User-agent: *\n{robots}", type="text/plain")
        return Reply(html([]), status)

    life = Life(tmp_path, (web.serve(handler) + "/x",))
    first = life.run()
    asked = len(web.log)
    unended(life.state)
    second = life.run()

    assert (first.code, second.code) == (code, code), (first.err, second.err)
    assert one_line(second.err, life.seeds[0])
    assert len(web.log) == asked


def test_a_page_of_an_earlier_run_counts_for_the_exit_code(web: Web, tmp_path: Path) -> None:
    good = web.pages({"/": []})
    bad = web.pages({"/": []})
    life = Life(tmp_path, (good, f"{bad}/nope"), usual=("--parsers", "0", "-c", "1"))

    codes = [life.run("-n", "1").code, life.run().code, life.run().code]

    assert codes == [0, 0, 0]
    assert sorted(life.ends().values()) == ["error", "page"]


@pytest.mark.parametrize("source", ["-i", "stdin"])
def test_a_seed_list_is_gone_on_with(web: Web, tmp_path: Path, source: str) -> None:
    origin = web.pages({f"/{number}": [f"/{number}/leaf"] for number in range(60)})
    lines = "".join(
        json.dumps({"url": f"{origin}/{number}", "meta": {"row": number}}) + "\n"
        for number in range(60)
    )
    listed = tmp_path / "seeds"
    listed.write_text(lines)
    life = Life(tmp_path)
    more = ("-i", str(listed) if source == "-i" else "-", "--allow-private")
    stdin = lines if source == "stdin" else None
    for moment, number in (("after page", 20), ("before commit", 7)):
        life.killed(moment, number, *more, stdin=stdin)

    ran = life.run(*more, stdin=stdin)

    assert (ran.code, ran.err) == (0, "")
    assert len(life.ends()) == 120
    for record in life.records():
        row = int(record["url"].split("/")[3])
        assert record["meta"] == {"row": row}
        assert record["seed"] == f"{origin}/{row}"
        assert record["depth"] == record["url"].count("/") - 3


def test_a_stream_that_ended_by_term_repeats_no_record(web: Web, tmp_path: Path) -> None:
    life = Life(tmp_path, (f"{web.pages(graph(300))}/0",), ("-",))
    parts = []
    for number in (signal.SIGTERM, signal.SIGINT):
        asked = len(web.log)
        with life.running() as process:
            wait_for(lambda asked=asked: len(web.log) > asked + 40)  # type: ignore[misc]
            process.send_signal(number)
            out, _ = process.communicate(timeout=20)
        parts.append(out)
        assert process.returncode == 128 + number
    last = life.run()

    found = [each for part in (*parts, last.out) for each in read(part)]
    assert last.code == 0
    assert len(once(found)) == len(found) == 300


def test_summaries_balance_over_runs(web: Web, tmp_path: Path) -> None:
    async def handler(request: Request) -> Reply:
        if request.path == "/robots.txt":
            return Reply("User-agent: *\nDisallow: /20", type="text/plain")
        number = int(request.path.strip("/"))
        if number % 7 == 3:
            return Reply("none", 404)
        if number % 7 == 4:
            return Reply(b"", 302, headers={"Location": f"/{number + 1}"})
        if number % 7 == 5:
            return Reply("broken", 500)
        links = [f"/{other}" for other in range(3 * number, 3 * number + 5) if other < 100]
        return Reply(html([*links, "/a/a/a/a"]))

    life = Life(tmp_path, (web.serve(handler) + "/1",))
    more = ("--emit", "page,redirect,error,skip,summary", "--retries", "0")
    life.run(*more, "-n", "5")
    life.killed("after page", 10, *more)
    with life.running(*more) as process:
        asked = len(web.log)
        wait_for(lambda: len(web.log) > asked + 5)
        process.terminate()
    ran = life.run(*more, "-v")
    unended(life.state)
    again = life.run(*more)

    summaries = [each for each in life.records() if each["type"] == "summary"]
    ends = list(life.ends().values())
    last = summaries[-1]
    assert (ran.code, again.code) == (0, 0)
    assert all(map(balanced, summaries))
    kinds = {"fetched": "page", "redirected": "redirect", "failed": "error", "skipped": "skip"}
    assert {name: last[name] for name in kinds} == {
        name: ends.count(kind) for name, kind in kinds.items()
    }
    assert last["left"] == 0
    assert last["errors"].keys() == {"http_4xx", "http_5xx"}
    assert last["skips"].keys() == {"robots", "trap"}
    assert (summaries[-2]["end_reason"], last["requests"]) == ("drained", 0)
    assert f"{last['discovered']} URLs = {last['fetched']} pages + " in ran.err


def test_two_outputs_hold_the_same(life: Life) -> None:
    life.outputs = ("a.jsonl", "b.jsonl.gz")
    for moment, number in (("after write", 3), ("before commit", 8), ("amid write", 4)):
        life.killed(moment, number)
    assert life.run("-n", "30").code == 0
    assert life.run().code == 0

    assert rows(life.folder / "a.jsonl") == rows(life.folder / "b.jsonl.gz")
    assert life.ends() == truth(life)


@pytest.mark.parametrize("name", ["out.jsonl", "out.jsonl.gz"])
def test_a_rotation_and_a_death_lose_nothing(web: Web, tmp_path: Path, name: str) -> None:
    life = Life(tmp_path, (f"{web.pages(graph(800))}/0",), (name,))
    rotated = "old" + name[3:]
    with life.running("--rate", "400/s") as process:
        wait_for(lambda: life.out.exists() and life.out.stat().st_size > 2_000)
        life.out.rename(tmp_path / rotated)
        process.send_signal(signal.SIGHUP)
        wait_for(lambda: life.out.exists() and life.out.stat().st_size > 2_000)
        process.kill()

    assert life.run().code == 0
    old, new = life.records(rotated), life.records(name)
    assert old
    assert len(new) < 800
    assert len(once(old + new)) == 800


# Outputs that are not what they were.


def test_an_output_that_is_not_what_it_was_is_left_alone(web: Web, life: Life) -> None:
    life.outputs = ("out.jsonl", "out.jsonl.zst")
    stopped(life)
    asked = len(web.log)
    wrong = {}
    for name, harm, more in (
        ("out.jsonl", "lost", ()), ("out.jsonl", "emptied", ("--append",)),
        ("out.jsonl", "cut", ()), ("out.jsonl", "edited", ("--append",)),
        ("out.jsonl.zst", "lost", ("--append",)), ("out.jsonl.zst", "cut", ("--append",)),
        ("out.jsonl.zst", "edited", ()),
    ):  # fmt: skip
        path = life.folder / name
        good = path.read_bytes()
        mar(path, harm)
        marred = outputs(life)
        ran = life.run(*more)
        if ran.code != 73 or not one_line(ran.err, str(path), "bring", "--fresh"):
            wrong[name, harm, more] = (ran.code, ran.err)
        if outputs(life) != marred:
            wrong[name, harm, more] = (0, "written")
        path.write_bytes(good)

    assert wrong == {}
    assert len(web.log) == asked
    assert life.run().code == 0
    for name in life.outputs:
        assert once(rows(life.folder / name)) == truth(life)


def test_what_was_added_after_a_clean_end_is_somebody_elses(web: Web, life: Life) -> None:
    stopped(life)
    asked, good = len(web.log), life.out.read_bytes()
    life.out.write_bytes(good + b'{"mine": 1}\n')

    ran = life.run()

    assert ran.code == 73
    assert one_line(ran.err, str(life.out), "12 bytes", "move them elsewhere", "--fresh"), ran.err
    assert life.out.read_bytes() == good + b'{"mine": 1}\n'
    assert len(web.log) == asked
    life.out.write_bytes(good)  # the remedy
    assert life.run().code == 0
    assert life.ends() == truth(life)


def test_what_is_behind_the_mark_after_a_death_is_cut_off(life: Life) -> None:
    """Also when a run before that one had ended cleanly: from then on it was ours again."""
    stopped(life)
    life.killed("before page", 5)
    with life.out.open("ab") as file:
        file.write(b'{"torn":')

    ran = life.run()

    assert (ran.code, ran.err) == (0, "")
    assert life.ends() == truth(life)


def test_overwrite_in_the_same_command_is_a_resume(web: Web, life: Life) -> None:
    life.out.write_text("old\n")
    for moment, number in (("after page", 12), ("after write", 2)):
        life.killed(moment, number, "--overwrite")
    asked = len(web.log)

    assert life.run("--overwrite").code == 0
    assert life.ends() == truth(life)
    assert len(web.log) - asked < PAGES


def test_append_in_the_same_command_is_a_resume(life: Life) -> None:
    life.out.write_text('{"url": "before", "type": "page"}\n{"torn')
    for moment, number in (("before truncate", 1), ("after page", 12), ("after write", 2)):
        life.die(moment, number, "--append")

    assert life.run("--append").code == 0
    first, torn, *rest = life.out.read_text().splitlines()
    assert (json.loads(first)["url"], torn) == ("before", '{"torn')
    assert once(read(rest)) == truth(life)


def test_overwrite_would_lose_what_the_state_counts_on(web: Web, life: Life) -> None:
    """Of a pass that was not begun so, and of the passes before."""
    stopped(life)
    refused = life.run("--overwrite")
    assert refused.code == 2
    assert one_line(refused.err, "without --overwrite", "--fresh"), refused.err
    assert life.run().code == 0

    asked, whole = len(web.log), life.out.read_bytes()
    refused = life.run("--overwrite")
    assert refused.code == 2
    assert one_line(refused.err, "--overwrite", str(life.out), "leave it out", "--fresh")
    assert (len(web.log), life.out.read_bytes()) == (asked, whole)

    assert life.run("--fresh", "--overwrite").code == 0
    assert life.ends() == truth(life)


def test_fresh_and_overwrite_leave_nothing_of_before_the_crawl(life: Life) -> None:
    life.out.write_text('{"url": "before", "type": "page"}\n')

    assert life.run("--append").code == 0
    assert life.run("--fresh", "--overwrite").code == 0
    assert life.ends() == truth(life)


# From Python.


async def test_the_api_goes_on_where_it_was(web: Web, tmp_path: Path) -> None:
    seed, state = f"{web.pages(graph(PAGES))}/0", str(tmp_path / "crawl.db")
    found = []
    for limit in (7, 20, None):
        async with crawler.Crawl([seed], state=state, max_pages=limit, parsers=0) as crawl:
            found += [record async for record in crawl]
            status = await crawl.status()
        assert len(once(found)) == len(found) == status.tally.fetched == (limit or PAGES)

    unended(Path(state))
    with pytest.raises(crawler.errors.BadSetting, match="--depth"):
        async with crawler.Crawl([seed], state=state, depth=1) as crawl:
            assert [record async for record in crawl] == []
    command = finish(
        [*COMMAND, "crawl", seed, "--state", state, "--emit", "page,redirect,error,gone"]
    )
    assert command.code == 0
    assert command.out == ""
