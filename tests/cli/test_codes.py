"""Exit codes and the one line that goes with them; never a traceback."""

import socket
from pathlib import Path

import pytest

from tests.cli.run import Ran, crawl, crawler
from tests.web.server import Reply, Request, Web


def unused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def one_line(ran: Ran, *words: str) -> bool:
    """Whether stderr is one line, ours, with these words."""
    lines = ran.err.splitlines()
    return (
        len(lines) == 1
        and lines[0].startswith("crawler: ")
        and all(word in lines[0] for word in words)
    )


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ([], ["URL", "--help"]),
        (["--no-such-flag", "x"], ["--no-such-flag"]),
        (["x", "--depth", "-1"], ["--depth"]),
        (["x", "--depth", "deep"], ["--depth"]),
        (["x", "--delay", "soon"], ["--delay", "500ms"]),
        (["x", "--max-size", "10Q"], ["--max-size", "10M"]),
        (["x", "--rate", "5/fortnight"], ["--rate", "5/s"]),
        (["x", "-n", "0"], ["--max-pages"]),
        (["x", "-c", "0"], ["--concurrency"]),
        (["x", "--per-host", "0"], ["--per-host"]),
        (["x", "--retries", "-1"], ["--retries"]),
        (["x", "--timeout", "0"], ["--timeout"]),
        (["x", "--max-time", "0s"], ["--max-time"]),
        (["x", "-I", "("], ["--include"]),
        (["x", "-X", "["], ["--exclude"]),
        (["x", "--scope", "planet"], ["--scope"]),
        (["x", "--emit", "pages"], ["--emit", "page"]),
        (["x", "-H", "no colon"], ["-H"]),
        (["x", "-H", "@nowhere X: 1"], ["@ORIGIN"]),
        (["x", "-H", "X: a\nY: b"], ["control"]),
        (["x", "-H", "Content-Length: 5"], ["connection"]),
        (["x", "-b", "nonsense"], ["NAME=VALUE"]),
        (["x", "-A", "a\nb"], ["--user-agent"]),
        (["x", "-A", ""], ["--user-agent"]),
        (["x", "--emit", ""], ["--emit"]),
        (["x", "--append"], ["--output"]),
        (["x", "-q", "-v"], ["--quiet", "--verbose"]),
        (["x", "-n", "1.5"], ["500"]),
        (["x", "--auth", "nobody"], ["USER:PASSWORD"]),
        (["x", "--resolve", "host:port"], ["example.com:443"]),
        (["x", "--append", "--overwrite", "-o", "f"], ["--append", "--overwrite"]),
        (["x", "--emit", "page,item"], ["--emit item", "--each", "--extract", "recipe"]),
        (["x", "-o", "f:item", "-s", "a=b"], ["--output f:item", "--each"]),
        (["x", "--fields", "fields.a"], ["--fields fields.a", "--select"]),
        (["x", "--fields", "fields.b", "-s", "a=b"], ["--fields fields.b", "fields.a"]),
        (["x", "--fields", "fields.a.b", "-s", "a=b"], ["--fields fields.a.b", "fields.a"]),
        (["x", "--fields", "html"], ["--fields html", "--html"]),
        (["x", "-o", "f.csv.bz2"], ["f.csv.bz2", ".gz", ".zst"]),
        (["x", "-o", "f.parquet"], ["f.parquet", "jsonl, csv, tsv and urls", "-f"]),
        (["x", "--depth"], ["--depth", "see crawler crawl --help"]),
        (["-", "-i", "file"], ["--input"]),
    ],
)
def test_a_wrong_flag_is_two_and_one_line(args: list[str], words: list[str]) -> None:
    ran = crawl(*args)

    assert (ran.code, ran.out) == (2, "")
    assert one_line(ran, *words), ran.err


@pytest.mark.parametrize(
    ("args", "code"),
    [
        (["crawl", "http://a.test", "--fail-on", "x"], 2),
        (["crawl", "--input", "/nowhere"], 66),
        (["crawl", "--no-such"], 2),
        (["explain", "a.test", "--state", "/nowhere"], 66),
        (["explain", "::"], 2),
        (["explain"], 2),
        (["extract", "/nowhere"], 66),
        (["extract", "/nowhere", "-s", "a=:::"], 2),
        (["extract"], 2),
        (["state", "/nowhere"], 66),
        (["state", "/nowhere", "who"], 66),
        (["diff", "/nowhere"], 66),
        (["diff", "/nowhere", "1"], 2),
        (["schema", "no-such"], 2),
        (["config", "show", "--config", "/nowhere"], 78),
        (["config", "no-such"], 2),
        (["completion", "no-such"], 2),
        (["no-such"], 2),
        (["example.com"], 2),
    ],
)
def test_every_verb_tells_what_is_wrong_in_one_form(args: list[str], code: int) -> None:
    ran = crawler(*args)

    first, *notes = ran.err.splitlines()
    assert (ran.code, ran.out) == (code, "")
    assert first.startswith("crawler: error: ")
    assert all(note.startswith("    ") for note in notes)


def test_an_unreachable_seed_is_69_and_named() -> None:
    port = unused_port()

    ran = crawl(f"http://127.0.0.1:{port}/", "--retries", "0")

    assert ran.code == 69
    assert ran.records[0]["error"]["class"] == "connect"
    assert one_line(ran, "no seed became a page", str(port), "connection refused")


def test_a_seed_that_does_not_resolve_is_68() -> None:
    ran = crawl("https://no-such-host.invalid/")

    assert ran.code == 68
    assert ran.records[0]["error"]["class"] == "dns"
    assert one_line(ran, "no-such-host.invalid")


def test_a_404_seed_is_69_but_another_seed_saves_the_day(web: Web) -> None:
    origin = web.pages({"/": []})

    alone = crawl(f"{origin}/nope")
    together = crawl(f"{origin}/nope", origin)

    assert alone.code == 69
    assert one_line(alone, "404 Not Found")
    assert (together.code, together.err) == (0, "")


@pytest.mark.parametrize("status", [401, 403])
def test_a_seed_that_is_forbidden_is_77(web: Web, status: int) -> None:
    async def handler(request: Request) -> Reply:
        return Reply(status=status if request.path == "/" else 404)

    assert crawl(web.serve(handler)).code == 77


def test_a_seed_denied_by_robots_is_77_and_never_asked_for(web: Web) -> None:
    async def handler(request: Request) -> Reply:
        return Reply("User-agent: *\nDisallow: /", type="text/plain")

    ran = crawl(web.serve(handler), "--emit", "skip")

    assert ran.code == 77
    assert ran.records[0]["reason"] == "robots"
    assert one_line(ran, "skipped (robots); crawler explain URL tells why")
    assert [request.path for request in web.log] == ["/robots.txt"]


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_robots_txt_that_cannot_be_had_denies_everything(web: Web, status: int) -> None:
    async def handler(request: Request) -> Reply:
        return Reply(status=status)

    ran = crawl(web.serve(handler), "--retries", "0", "--emit", "skip")

    assert ran.code == 77
    assert str(status) in ran.records[0]["detail"]


def test_a_seed_without_tls_is_76(web: Web) -> None:
    origin = web.pages({"/": []})

    ran = crawl(origin.replace("http:", "https:"))

    assert ran.code == 76
    assert ran.records[0]["error"]["class"] == "tls"


def test_unusable_seeds_are_65_and_a_missing_file_66(tmp_path: Path) -> None:
    assert crawl("ftp://example.com", "mailto:x@example.com").code == 65
    assert crawl("-", stdin="# nothing\n\n").code == 65
    missing = crawl("-i", str(tmp_path / "seeds"))
    assert missing.code == 66
    assert one_line(missing, "cannot read")


def test_an_output_is_never_clobbered(web: Web, tmp_path: Path) -> None:
    origin = web.pages({"/": []})
    out = tmp_path / "out.jsonl"
    out.write_text('{"torn": ')

    refused = crawl(origin, "-o", str(out))
    appended = crawl(origin, "-o", str(out), "--append")
    lines = out.read_text().splitlines()
    overwritten = crawl(origin, "-o", str(out), "--overwrite")

    assert refused.code == 73
    assert one_line(refused, "--append", "--overwrite")
    assert (appended.code, len(lines), lines[0]) == (0, 2, '{"torn": ')
    assert overwritten.code == 0
    assert len(out.read_text().splitlines()) == 1


def test_a_wrong_flag_costs_no_data(web: Web, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    out.write_text("precious\n")

    wrong = crawl("https://example.com", "-o", str(out), "--overwrite", "-H", "no colon")
    useless = crawl("http://", "-o", str(out), "--overwrite")

    assert (wrong.code, useless.code) == (2, 65)
    assert out.read_text() == "precious\n"


def test_an_output_in_a_missing_or_read_only_folder_is_73(web: Web, tmp_path: Path) -> None:
    missing = crawl("http://127.0.0.1:1", "-o", str(tmp_path / "no" / "out.jsonl"))
    # /proc is read-only to root as well, which tests often run as.
    read_only = crawl("http://127.0.0.1:1", "-o", "/proc/out.jsonl")

    assert (missing.code, read_only.code) == (73, 73)
    assert one_line(missing, "create the folder")
    assert one_line(read_only, "cannot write /proc/out.jsonl")


def test_a_full_disk_is_74(web: Web) -> None:
    ran = crawl(web.pages({"/": []}), "-o", "/dev/full")

    assert ran.code == 74
    assert one_line(ran, "/dev/full", "no space left")


def test_closed_standard_streams_are_told_not_dumped(web: Web) -> None:
    import subprocess

    from tests.cli.run import COMMAND

    origin = web.pages({"/": []})
    command = " ".join([*COMMAND, "crawl", origin])
    done = subprocess.run(
        ["sh", "-c", f"{command} >&-"], capture_output=True, text=True, check=False, timeout=30
    )

    assert done.returncode == 73
    assert "Traceback" not in done.stderr


def test_nothing_due_within_max_wait_is_75(web: Web) -> None:
    async def handler(request: Request) -> Reply:
        if request.path == "/robots.txt":
            return Reply(status=404)
        return Reply(status=503, headers={"Retry-After": "600"})

    ran = crawl(web.serve(handler), "--max-wait", "5s", "--emit", "summary")

    assert ran.code == 75
    assert (ran.records[0]["end_reason"], ran.records[0]["left"]) == ("max_wait", 1)
    assert one_line(ran, "--max-wait")


def test_without_a_verb_people_are_told_what_there_is() -> None:
    bare, forgot = crawler(), crawler("https://me:geheim@example.com/")

    assert (bare.code, forgot.code) == (2, 2)
    assert bare.err.startswith("Usage: crawler")
    assert one_line(forgot, "crawler crawl https://example.com/")


def test_a_path_is_not_taken_for_a_host() -> None:
    ran = crawl("/etc/passwd")

    assert ran.code == 65
    assert "--input" in ran.err


def test_help_and_version_are_zero() -> None:
    assert crawler("--help").code == 0
    assert crawl("--help").code == 0
    assert crawler("--version").out.startswith("crawler, version ")
