"""The content flags of the real command, and naughty strings in everything that they bring."""

import html
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from crawler.settings import CONTENT
from tests.cli.run import COMMAND, broken, crawl
from tests.records import read
from tests.rooms.naughty import STRINGS
from tests.rooms.test_naughty import strings, tame
from tests.web.server import Reply, Request, Web

ALL = [f"--{kind}" for kind in CONTENT]
PAGE = "<title>t</title><nav>menu</nav><main><h1>Head</h1><p>Body <a href=/b>b</a></main>"


async def site(request: Request) -> Reply:
    match request.path:
        case "/":
            return Reply(PAGE, headers={"Set-Cookie": "id=secret", "X-Mine": "1"})
        case "/b":
            return Reply("just text\n" * 10_000, type="text/plain")
    return Reply("", 404)


@pytest.mark.parametrize("parsers", ["auto", "0"])
def test_pages_hold_what_is_asked_for(web: Web, parsers: str) -> None:
    origin = web.serve(site)

    ran = crawl(origin, *ALL, "--parsers", parsers, "--emit", "page,link")

    first, link, second = ran.records
    assert (ran.code, ran.err) == (0, "")
    assert first["text"] == "Head\n\nBody b"
    assert first["markdown"] == f"# Head\n\nBody [b]({origin}/b)"
    assert first["html"] == PAGE
    expected = {"url": f"{origin}/b", "text": "b", "rel": [], "element": "a"}
    assert first["links"] == [expected]
    assert first["headers"]["x-mine"] == "1"
    assert "secret" not in ran.out
    assert (link["url"], link["link"], link["refused"]) == (f"{origin}/", expected, None)
    assert second["text"] == "just text\n" * 10_000


def test_without_the_flag_a_large_text_is_not_even_read(web: Web) -> None:
    (page,) = crawl(web.serve(site) + "/b", "--headers").of("page")
    assert page["bytes"] is None
    assert "text" not in page


def test_a_missing_library_is_told_before_the_first_request(web: Web, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    without = "import sys; sys.modules['turbohtml'] = None"

    ran = broken(without, web.serve(site), "--markdown", "-o", str(out))

    assert (ran.code, ran.out) == (2, "")
    assert ran.err == "crawler: error: --markdown needs: pip install 'crawlway[markdown]'\n"
    assert not web.log
    assert not out.exists()
    assert broken(without, web.serve(site), "--text", "--structured").code == 0


def test_what_is_kept_may_not_change_within_a_pass(web: Web, tmp_path: Path) -> None:
    state = ["--state", str(tmp_path / "crawl.db"), "-o", str(tmp_path / "out.jsonl")]
    origin = web.serve(site)
    assert crawl(origin, *state, "--text", "-n", "1").code == 0

    for flags in ([], ["--text", "--html"], ["--html"]):
        ran = crawl(origin, *state, *flags)
        assert ran.code == 2
        assert "--html" in ran.err or "--text" in ran.err
    assert crawl(origin, *state, "--text").code == 0
    first, *_ = read((tmp_path / "out.jsonl").read_text())
    assert first["text"]


def test_a_link_graph_can_be_piped(web: Web) -> None:
    jq = shutil.which("jq")
    if jq is None:
        pytest.skip("needs: apt-get install jq")
    origin = web.pages({"/": ["/a", "/b"], "/a": ["/"], "/b": ["/a", "/a"]})

    ran = crawl(origin, "--emit", "link")
    command = [jq, "-r", "[.url, .link.url] | @tsv"]
    done = subprocess.run(command, input=ran.out, capture_output=True, text=True, check=True)

    edges = {tuple(line.split("\t")) for line in done.stdout.splitlines()}
    assert edges == {
        (origin + source, origin + target)
        for source, target in (("/", "/a"), ("/", "/b"), ("/a", "/"), ("/b", "/a"))
    }
    assert len(ran.records) == 5


def test_links_may_have_a_file_of_their_own(web: Web, tmp_path: Path) -> None:
    origin = web.pages({"/": ["/a"], "/a": []})
    out = tmp_path / "links.csv"

    ran = crawl(origin, "-o", f"{out}:link", "-o", "-", "--fields", "url,link.url,text", "--text")

    assert ran.code == 0
    assert out.read_text() == f"url,link.url,text\n{origin}/,{origin}/a,\n"
    assert [json.loads(line)["text"] for line in ran.out.splitlines()] == ["/a", ""]


# Naughty strings everywhere


async def naughty(request: Request) -> Reply:
    """Answer with a page that has a naughty string wherever one can be."""
    number = request.path.strip("/")
    if request.path == "/robots.txt":
        return Reply("", 404)
    text = STRINGS[int(number)]
    value = html.escape(text)
    body = f"""<html lang="{value}"><title>{value}</title><meta name="{value}" content="{value}">
    <meta property="og:{value}" content="{value}"><meta name=robots content="{value}">
    <script type="application/ld+json">{json.dumps({"k": text, text: [text]})}</script>
    <script type="application/ld+json">{text}</script>
    <main><h1>{value}</h1><p title="{value}">{text}</p><pre>{value}</pre>
    <a href="#" rel="{value}">{value}</a><a href="?q={value}" rel="{value}">{value}</a>
    <a href="http://{value}/" title="{value}"></a><table><tr><td>{value}<td>{value}</table></main>
    """
    clean = "".join(each for each in text if each not in "\r\n\0")
    return Reply(
        body.encode("utf-8", "surrogatepass"),
        404 if int(number) % 10 == 9 else 200,
        headers={"X-Naughty": clean[:1_000].encode("utf-8", "surrogatepass").decode("latin-1")
                 .encode("latin-1").decode("utf-8", "surrogateescape")},
    )  # fmt: skip


def crawled(origin: str, folder: Path, locale: dict[str, str]) -> tuple[bytes, bytes]:
    seeds = folder / "seeds"
    with seeds.open("w") as file:
        for number, text in enumerate(STRINGS):
            print(json.dumps({"url": f"{origin}/{number}", "meta": {text: text}}), file=file)
            print(json.dumps(text), file=file)
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("LC_", "LANG"))
    }
    done = subprocess.run(
        [*COMMAND, "crawl", "-i", str(seeds), "--scope", "page", *ALL, "-v", "--per-host", "8",
         "--allow-private", "--emit", "page,link,error,skip"],
        capture_output=True,
        check=False,
        env=kept | locale | {"PYTHONCOERCECLOCALE": "0"},
        timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2_000:]
    return done.stdout, done.stderr


def same(record: dict[str, Any]) -> str:
    """Return what does not differ from run to run."""
    return json.dumps({**record, "at": "", "seq": 1, "elapsed_ms": 0}, sort_keys=True)


def test_naughty_strings_break_no_line_in_any_locale(web: Web, tmp_path: Path) -> None:
    origin = web.serve(naughty)

    rich, said = crawled(origin, tmp_path, {"LC_ALL": "C.UTF-8"})
    poor, whispered = crawled(origin, tmp_path, {"LC_ALL": "C", "PYTHONUTF8": "0"})

    records = read(rich.splitlines())
    assert sorted(map(same, records)) == sorted(map(same, read(poor.splitlines())))
    pages = [each for each in records if each["type"] == "page"]
    assert len(pages) > 0.8 * len(STRINGS)
    assert all(tame(line + b"\n") for line in rich.splitlines())
    for told in (said, whispered):
        assert all(tame(line + b"\n") for line in told.splitlines())
    everything = set(strings(records))
    for text in ("\u202eexe.gpj", "\x1b[31mred", "שלום", "👩‍👩‍👧‍👦"):
        assert text in everything, text
    assert {each["type"] for each in records} >= {"page", "link", "error"}


def test_a_writer_that_does_not_escape_would_be_noticed(web: Web) -> None:
    wild = (
        "import msgspec; from crawler import record; from crawler.parse import page, edges\n"
        "page.encode = edges.encode = msgspec.json.Encoder().encode"
    )
    index = STRINGS.index("\u202eexe.gpj")
    ran = broken(wild, f"{web.serve(naughty)}/{index}", *ALL, "--parsers", "0", "--scope", "page")

    assert not all(tame(line.encode() + b"\n") for line in ran.out.splitlines())
