"""Made for cron: rules that end with 1, the summary in a file, a random start, and silence."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.run import COMMAND, Ran, broken, crawl, crawler
from tests.cli.test_codes import one_line, unused_port
from tests.web.server import Reply, Request, Web, html

CRON = Path(__file__).parents[2] / "examples" / "cron"


def site(web: Web) -> str:
    """Four pages, a redirect, a 404, two 500 and a page that robots.txt denies: eight asked for."""
    links = ["/a", "/b", "/c", "/moved", "/missing", "/fails", "/breaks", "/private"]

    async def handler(request: Request) -> Reply:
        match request.path:
            case "/robots.txt":
                return Reply("User-agent: *\nDisallow: /private", type="text/plain")
            case "/moved":
                return Reply(status=301, headers={"Location": "/a"})
            case "/missing":
                return Reply(status=404)
            case "/fails" | "/breaks":
                return Reply(status=500)
        return Reply(html(links))

    return web.serve(handler)


RULES = [
    ("errors>2", "3 errors", "errors>3"),
    ("errors>37%", "3 errors of 8 URLs, 37.5 %", "errors>38%"),
    ("status>=500", "2 answers", "status>=501"),
    ("status>=500:20%", "2 answers of 8 URLs, 25 %", "status>=500:25%"),
    ("status=404", "1 answer", "status=403"),
    ("pages<5", "4 pages", "pages<4"),
    ("redirects!=0", "1 redirect", "redirects>1"),
    ("http_5xx>1", "2 http_5xx", "timeout>0"),
    ("skipped>0", "1 skipped", "gone>0"),
    ("broken", "3 broken", "left>0"),
]
"""Rules that are met, what is told of them, and rules that hold."""


def test_a_rule_that_is_met_ends_with_one_and_one_that_holds_with_zero(web: Web) -> None:
    origin = site(web)
    every = [word for met, _, holds in RULES for word in ("--fail-on", met, "--fail-on", holds)]
    holding = [word for *_, holds in RULES for word in ("--fail-on", holds)]

    single = crawl(origin, "--retries", "0", *every[:4])
    one = crawl(origin, "--retries", "0", *every)
    none = crawl(origin, "--retries", "0", *holding)

    lines = [f"crawler: error: --fail-on {met}: {told}" for met, told, _ in RULES]
    assert (single.code, one.code, none.code, none.err) == (1, 1, 0, "")
    assert single.err.splitlines() == lines[:1]
    assert one.err.splitlines() == lines


def test_every_rule_that_is_met_has_its_line_also_with_q(web: Web) -> None:
    ran = crawl(site(web), "--retries", "0", "-q", "--fail-on", "broken", "--fail-on", "pages<5")

    assert ran.code == 1
    assert len(ran.err.splitlines()) == 2


def test_a_rule_that_never_fires_would_be_caught(web: Web) -> None:
    code = "import crawler.ending as e\ne.findings = lambda rules, account: []"

    assert broken(code, site(web), "--retries", "0", "--fail-on", "broken").code == 0


def test_a_rule_that_is_none_is_two_before_anything_is_asked(web: Web, tmp_path: Path) -> None:
    origin = site(web)

    ran = crawl(origin, "--fail-on", "errors>>1", "--start-jitter", "1h", "-o", f"{tmp_path}/x")

    assert ran.code == 2
    assert one_line(ran, "--fail-on 'errors^>>1'")
    assert (web.log, list(tmp_path.iterdir())) == ([], [])


def test_a_rule_in_a_file_is_told_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "crawler.toml").write_text("depth = 1\nfail-on = ['broken', 'pages']")

    ran = crawl("x", cwd=tmp_path)

    assert ran.code == 78
    assert one_line(ran, "--fail-on (crawler.toml:2) 'pages^'")


def test_graver_codes_come_first(web: Web) -> None:
    origin = web.pages({"/": []})

    nothing = crawl(f"http://127.0.0.1:{unused_port()}/", "--retries", "0", "--fail-on", "broken")
    denied = crawl(f"{origin}/no", "--fail-on", "broken")
    full = crawl(origin, "-o", "/dev/full", "--fail-on", "pages<10")

    assert (nothing.code, denied.code, full.code) == (69, 69, 74)
    assert "--fail-on" not in nothing.err + denied.err + full.err


def counted(web: Web, state: Path, run: Callable[..., Ran]) -> Ran:
    """Crawl a site in two runs, the errors in the first, and judge at the end of the second."""

    async def handler(request: Request) -> Reply:
        if request.path == "/":
            return Reply(html(["/x", "/y", *(f"/{n}" for n in range(8))]))
        return Reply(html([]), 200 if request.path[1:].isdecimal() else 404)

    flags = ["--state", str(state), "-c", "1", "--retries", "0", "--emit", "summary"]
    flags += ["--fail-on", "status=404:1", "--fail-on", "http_4xx=2"]
    origin = web.serve(handler)
    first = crawl(origin, *flags, "-n", "4")
    assert json.loads(first.out)["failed"] == 2
    assert first.code == 1
    return run(origin, *flags)


def test_rules_are_about_the_pass_not_the_run(web: Web, tmp_path: Path) -> None:
    ran = counted(web, tmp_path / "crawl.db", crawl)

    assert (ran.code, json.loads(ran.out)["left"]) == (1, 0)
    assert len(ran.err.splitlines()) == 2


def test_rules_about_the_run_alone_would_be_caught(web: Web, tmp_path: Path) -> None:
    code = "from crawler.engine.statistics import Statistics\nStatistics.recall = lambda *_: None"

    ran = counted(web, tmp_path / "crawl.db", lambda *args: broken(code, *args))

    assert ran.code == 0


def stats(path: Path) -> dict[str, Any]:
    text = path.read_text()
    assert text.endswith("\n")
    return json.loads(text)  # type: ignore[no-any-return]


def test_the_summary_comes_into_a_file(web: Web, tmp_path: Path) -> None:
    file = tmp_path / "last.json"

    ran = crawl(site(web), "--retries", "0", "--emit", "summary", "--stats", str(file),
                "--fail-on", "broken")  # fmt: skip

    (summary,) = ran.records
    told = stats(file)
    assert {name: value for name, value in told.items() if name in summary} == {
        name: value for name, value in summary.items() if name != "seq"
    }
    assert (told["exit"], told["error"], told["findings"]) == (1, None, ["broken: 3 broken"])
    assert [each.name for each in tmp_path.iterdir()] == ["last.json"]


def test_the_file_tells_of_failures_too(web: Web, tmp_path: Path) -> None:
    file = tmp_path / "last.json"
    flags = ("--retries", "0", "--stats", str(file))
    origin = web.pages({"/": []})
    told = []
    for args in (
        [origin, "-o", "/dev/full"],
        [f"{origin}/no"],
        ["-i", str(tmp_path / "none")],
        [origin, "-o", str(tmp_path / "no" / "file")],
    ):
        crawl(*args, *flags)
        told.append(stats(file))

    assert [each["exit"] for each in told] == [74, 69, 66, 73]
    assert [each["end_reason"] for each in told] == ["failed", "drained", "failed", "failed"]
    assert [each.get("failed") for each in told] == [0, 1, None, None]
    assert "no space left" in told[0]["error"]
    assert "no seed became a page" in told[1]["error"]
    assert "cannot read" in told[2]["error"]


def test_a_wrong_flag_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    file = tmp_path / "last.json"
    file.write_text("old")

    for args in (["--depth", "-1"], ["-H", "no colon"], ["--fail-on", "x"]):
        assert crawl("http://127.0.0.1:1/", *args, "--stats", str(file)).code == 2

    assert file.read_text() == "old"


def test_a_file_that_cannot_be_written_is_73_at_once_and_74_at_the_end(
    web: Web, tmp_path: Path
) -> None:
    origin = web.pages({"/": []})

    missing = crawl(origin, "--stats", str(tmp_path / "no" / "last.json"))
    folder = crawl(origin, "--stats", str(tmp_path))
    full = crawl(origin, "--stats", "/dev/full")
    same = crawl(origin, "--stats", "x", "-o", "x")

    assert (missing.code, folder.code, full.code, same.code) == (73, 73, 74, 2)
    assert one_line(missing, "--stats", "no folder")
    assert one_line(full, "--stats /dev/full", "no space left")
    assert [page["url"] for page in full.of("page")] == [f"{origin}/"]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupt_is_told_in_the_file(
    web: Web, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    async def handler(request: Request) -> Reply:
        return Reply(html([f"{request.path.rstrip('/')}/{n}" for n in range(3)]))

    file = tmp_path / "last.json"
    flags = [web.serve(handler), "--ignore-robots", "--delay", "50ms", "--stats", str(file)]
    with started(*flags) as process:
        wait_for(lambda: len(web.log) > 1)
        process.send_signal(number)
        assert process.wait(20) == code

    told = stats(file)
    assert told["exit"] == code
    assert told["end_reason"] == {130: "interrupted", 143: "terminated"}[code]
    assert told["fetched"] >= 1


def test_after_kill_the_old_file_is_there_whole(web: Web, tmp_path: Path) -> None:
    async def handler(request: Request) -> Reply:
        return Reply(html(["/x"]), delay=3_600 if request.path == "/x" else 0)

    file = tmp_path / "last.json"
    file.write_text("old")
    with started(web.serve(handler), "--ignore-robots", "--stats", str(file)) as process:
        wait_for(lambda: web.requests("/x"))
        process.kill()

    assert file.read_text() == "old"
    assert [each.name for each in tmp_path.iterdir()] == ["last.json"]


def started(*args: str, **more: Any) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [*COMMAND, "crawl", *args],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        **more,
    )


def wait_for(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.005)


def test_a_random_start_holds_the_lock_asks_nothing_and_ends_at_a_signal(
    web: Web, tmp_path: Path
) -> None:
    origin = web.pages({"/": []})
    state, file = str(tmp_path / "crawl.db"), tmp_path / "last.json"
    flags = [origin, "--state", state, "--stats", str(file), "-v"]

    with started(*flags, "--start-jitter", "9999h") as process:
        assert process.stderr is not None
        assert "starting in" in process.stderr.readline()
        second = crawl(origin, "--state", state)
        asked = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 143
        assert time.monotonic() - asked < 5

    assert second.code == 75
    assert web.log == []
    told = stats(file)
    assert (told["end_reason"], told["requests"], told["fetched"]) == ("terminated", 0, 0)
    assert crawl(*flags, "--start-jitter", "20ms").code == 0
    assert len(web.requests("/")) == 1


def test_a_start_that_does_not_wait_would_be_caught(web: Web) -> None:
    code = "import crawler.session as s\ns.uniform = lambda least, most: least"

    assert broken(code, web.pages({"/": []}), "--start-jitter", "9999h").code == 0


def cron(line: str, folder: Path, **env: str) -> Ran:
    """Run a line as cron does: sh, hardly any environment, no terminal."""
    done = subprocess.run(
        ["/bin/sh", "-c", line],
        cwd=folder,
        env={"HOME": str(folder), "LOGNAME": "me", "SHELL": "/bin/sh",
             "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", **env},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )  # fmt: skip
    return Ran(done.returncode, done.stdout, done.stderr)


def test_a_run_of_cron_with_no_finding_says_nothing(web: Web, tmp_path: Path) -> None:
    line = f"crawler crawl {site(web)} --retries 0 --state s.db -o pages.jsonl --stats last.json"

    first, second = cron(line, tmp_path), cron(line, tmp_path)
    found = cron(f"{line} --fail-on broken", tmp_path)

    assert (first, second) == (Ran(0, "", ""), Ran(0, "", ""))
    assert stats(tmp_path / "last.json")["failed"] == 3
    assert (found.code, found.out) == (1, "")
    assert one_line(found, "--fail-on broken: 3 broken")


def test_the_example_for_cron_works(web: Web, tmp_path: Path) -> None:
    text = (CRON / "crawler.toml").read_text()
    text = text.replace("https://example.com", web.pages({"/": []})).replace('"5m"', '"5ms"')
    (tmp_path / "crawler.toml").write_text(text)
    (line,) = re.findall(r"^[\d *]+ +(.*)$", (CRON / "crontab").read_text(), re.MULTILINE)
    assert "%" not in line

    ran = cron(line.replace("/srv/crawl", str(tmp_path)), tmp_path)

    assert (ran.code, ran.out) == (1, "")
    assert one_line(ran, "--fail-on pages<100: 1 page")
    assert stats(tmp_path / "last.json")["findings"] == ["pages<100: 1 page"]
    assert len((tmp_path / "pages.jsonl").read_text().splitlines()) == 1


def test_the_example_for_systemd_has_flags_that_there_are(tmp_path: Path) -> None:
    text = (CRON / "crawler.service").read_text()
    (line,) = re.findall(r"^ExecStart=\S+ crawl (.*)$", text, re.MULTILINE)
    args = line.replace("/etc/crawler", str(CRON)).split()

    ran = crawler("config", "show", "--json", *args, cwd=tmp_path)

    told = [json.loads(each) for each in ran.out.splitlines()]
    origins = {each["name"]: each["origin"] for each in told}
    assert (origins["start_jitter"], origins["fail_on"]) == ("flag", "file")


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd")
def test_systemd_takes_the_example(tmp_path: Path) -> None:
    for name in ("crawler.service", "crawler.timer"):
        text = (CRON / name).read_text()
        (tmp_path / name).write_text(text.replace("/usr/local/bin/crawler", "/bin/true"))

    done = subprocess.run(
        ["systemd-analyze", "verify", *map(str, sorted(tmp_path.iterdir()))],
        capture_output=True, text=True, check=False, env=os.environ | {"SYSTEMD_LOG_LEVEL": "err"},
    )  # fmt: skip

    assert (done.returncode, done.stderr) == (0, "")
