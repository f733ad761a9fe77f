"""Flags from the environment and from crawler.toml: who wins, and what is said of mistakes."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.cli import configuration
from crawler.cli.configured import origin
from crawler.cli.crawl import crawl as command
from crawler.errors import Misconfigured
from tests.cli.run import Ran, broken, crawl, crawler
from tests.cli.test_codes import one_line
from tests.web.server import Web

Show = Callable[..., Ran]


def write(folder: Path, text: str, name: str = "crawler.toml") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def show(*args: str, **more: Any) -> Ran:
    return crawler("config", "show", *args, **more)


def shown(ran: Ran) -> dict[str, tuple[Any, str, str | None]]:
    """Return name → value, origin and place."""
    assert ran.code == 0, ran.err
    told = [json.loads(line) for line in ran.out.splitlines()]
    return {each["name"]: (each["value"], each["origin"], each["place"]) for each in told}


def precedence(folder: Path, run: Show) -> list[tuple[Any, str, str | None]]:
    """Return what holds for four flags, each said in one place fewer."""
    text = "max-pages = 1\nconcurrency = 1\nretries = 1\n"
    path = write(folder, text)
    env = {"CRAWLER_MAX_PAGES": "2", "CRAWLER_CONCURRENCY": "2"}
    ran = run("--json", "--max-pages", "3", "--config", str(path), **env)
    told = shown(ran)
    return [told[name] for name in ("max_pages", "concurrency", "retries", "per_host")]


RIGHT = [(3, "flag", None), (2, "environment", "CRAWLER_CONCURRENCY"), (1, "file", "3"),
         (2, "default", None)]  # fmt: skip


def test_flag_over_environment_over_file_over_default(tmp_path: Path) -> None:
    flag, variable, file, default = precedence(tmp_path, show)

    assert [flag, variable, file[:2], default] == [*RIGHT[:2], RIGHT[2][:2], RIGHT[3]]
    assert file[2] == f"{tmp_path}/crawler.toml:3"


def test_a_file_that_beats_the_environment_would_be_caught(tmp_path: Path) -> None:
    code = (
        "from crawler.cli.units import Grouped\n"
        "honest = Grouped.value_from_envvar\n"
        "Grouped.value_from_envvar = lambda self, ctx: None if ctx.lookup_default(self.name) "
        "else honest(self, ctx)"
    )

    told = precedence(tmp_path, lambda *args, **env: broken(code, *args, verb=SHOW, **env))

    assert told[1][1] == "file"


SHOW = "config show"


def test_a_crawl_does_what_the_file_says(web: Web, tmp_path: Path) -> None:
    origin = web.pages({"/": [f"/{n}" for n in range(9)]} | {f"/{n}": [] for n in range(9)})
    write(
        tmp_path,
        f"""seeds = ["{origin}/"]
max-pages = 4
delay = "10ms"
header = ["X-One: a, b", "X-Two: c"]
emit = ["page", "summary"]
user_agent = "tester/1"
exclude = ['/8$']
output = "out.jsonl"
""",
    )

    ran = crawl(cwd=tmp_path)

    assert (ran.code, ran.out, ran.err) == (0, "", "")
    records = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [record["type"] for record in records] == ["page"] * 4 + ["summary"]
    headers = web.requests("/")[0].headers
    assert (headers["x-one"], headers["x-two"]) == ("a, b", "c")
    assert headers["user-agent"] == "tester/1"


def test_a_crawl_does_what_the_environment_says(web: Web) -> None:
    origin = web.pages({"/": ["/a", "/b"], "/a": [], "/b": []})

    ran = crawl(
        CRAWLER_SEEDS=f"{origin}/a {origin}/b\n{origin}/",
        CRAWLER_DEPTH="0",
        CRAWLER_HEADER="X-One: a, b\n  X-Two: c d\n",
        CRAWLER_EMIT="page,summary",
        CRAWLER_IGNORE_ROBOTS="true",
        CRAWLER_INSECURE="0",
        CRAWLER_MAX_TIME="",
    )

    assert (ran.code, ran.err) == (0, "")
    assert len(ran.of("page")) == 3
    assert web.requests("/robots.txt") == []
    headers = web.requests("/")[0].headers
    assert (headers["x-one"], headers["x-two"]) == ("a, b", "c d")


def test_a_separator_that_headers_hold_would_be_caught(web: Web) -> None:
    origin = web.pages({"/": []})
    code = "from crawler.cli.units import Grouped\ndel Grouped.value_from_envvar"

    assert broken(code, origin, CRAWLER_HEADER="X-One: a, b").code != 0


@pytest.mark.parametrize("param", command.params, ids=lambda param: str(param.name))
def test_every_flag_has_a_variable_and_a_key(
    param: click.Parameter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also those that are yet to come: a value of some kind is read, or refused with its place."""
    monkeypatch.chdir(tmp_path)
    variable = f"CRAWLER_{str(param.name).upper()}"
    text = {"boolean": "true", "choice": "auto"}.get(param.type.name, "2")
    if param.name == "config":
        text = "off"
    monkeypatch.setenv(variable, text)
    assert source(param, variable) == ("environment", variable)
    monkeypatch.delenv(variable)

    if param.name != "config":
        key = str(param.name).replace("_", "-")
        write(tmp_path, f"# first\n{key} = {text if text == 'true' else json.dumps(text)}")
        assert source(param, "crawler.toml:2") == ("file", "crawler.toml:2")


def source(param: click.Parameter, place: str) -> tuple[str, str | None]:
    try:
        context = command.make_context("crawl", [])
    except Misconfigured as error:
        told_place = str(error).partition(": ")[0]
        return ("environment" if place.isupper() else "file"), told_place
    where = origin(context, param)
    return where.kind, where.place


FILES = [
    ("max-pagse = 5", 1, "did you mean max-pages?"),
    ("\n# x\nmax_pagse = 5", 3, "did you mean max-pages?"),
    ("c = 5", 1, "did you mean concurrency?"),
    ("xyzzy = 5", 1, "long names of the flags, and seeds"),
    ("config = 'other.toml'", 1, "long names"),
    ("[http]\ntimeout = 5", 1, "no sections"),
    ("depth = 1\nmax-pages = 'many'", 2, "500, 20k or 2M"),
    ("delay = 'soon'", 1, "500ms"),
    ("delay = -1", 1, "500ms"),
    ("max-pages = 1.5", 1, 'takes a whole number, or text like "20k", not 1.5'),
    ("max-pages = 1.0", 1, 'takes a whole number, or text like "20k", not 1.0'),
    ("depth = 1\nseeds = [3]", 2, "seeds: takes text, not 3"),
    ("depth = 1.0", 1, "takes a whole number, not 1.0"),
    ("user-agent = 3", 1, "takes text, not 3"),
    ("emit = [1]", 1, "takes text, not 1"),
    ("insecure = 'yes'", 1, "takes true or false, not text"),
    ("insecure = 1", 1, "takes true or false, not 1"),
    ("headers = ['X: geheim']", 1, "takes true or false, not an array; did you mean header?"),
    ("headers = 'X: geheim'", 1, "takes true or false, not text; did you mean header?"),
    ("parsers = 1.5", 1, '"auto"'),
    ("timeout = inf", 1, "500ms"),
    ("scope = 'planet'", 1, "domain"),
    ("concurrency = 'x'", 1, "integer"),
    ("quiet = 'perhaps'", 1, "true or false"),
    ("depth = true", 1, "not true"),
    ("auth = false", 1, "not false"),
    ("depth = [1, 2]", 1, "not an array"),
    ("header = [['a']]", 1, "arrays in an array"),
    ("header = {a = 'b'}", 1, "a table"),
    ("user-agent = 2020-01-01", 1, "in quotes"),
    ('state = "a\\u0000b"', 1, "NUL"),
    ("max-pages = 1\nmax_pages = 2", 2, "max-pages"),
    ("header = [\n 'X: 1',\n]\n\ndepth = -1", 5, "--depth"),
    ("header = [\n 'X: 1',\n 'no colon' ]", 1, "-H"),
    ('header = "X: a\\nY: b"', 1, "control"),
    ("auth = 'nobody'", 1, "USER:PASSWORD"),
    ("\nuser-agent = ''", 2, "--user-agent"),
    ('user-agent = "a\\tb"', 1, "--user-agent"),
    ("proxy = 'gopher://x'", 1, "--proxy"),
    ("resolve = ['host:port']", 1, "--resolve"),
    ("include = ['ok', '(']", 1, "--include"),
    ("max-pages 5", 1, "'='"),
    ("max-pages = 5\ndepth = [1,\n\n", 2, "end of the file"),
    ("max-pages = 5\nmax-pages = 6", 2, "overwrite"),
]


@pytest.mark.parametrize(("text", "line", "words"), FILES, ids=[text[:30] for text, _, _ in FILES])
def test_a_mistake_in_a_file_is_78_and_told_with_its_line(
    text: str, line: int, words: str, tmp_path: Path
) -> None:
    write(tmp_path, text)

    ran = crawl("http://127.0.0.1:1/", "--retries", "0", cwd=tmp_path)

    assert told(ran, f"crawler.toml:{line}", words), ran.err


@pytest.mark.parametrize(
    "key", ["max-pages", "max_pages", "delay", "rate", "scope", "depth", "max-size"]
)
def test_a_bad_value_in_a_file_is_told_with_its_key(key: str, tmp_path: Path) -> None:
    write(tmp_path, f"# a night\n{key} = 'x'")

    assert told(crawl("x", cwd=tmp_path), f"crawler.toml:2: {key}: 'x'", "x")


def told(ran: Ran, place: str, words: str) -> bool:
    return (ran.code, ran.out) == (78, "") and one_line(ran, place, words)


def test_what_tells_no_place_would_be_caught(tmp_path: Path) -> None:
    write(tmp_path, "# x\ndepth = 'deep'")
    code = (
        "from crawler.cli.configured import Configured, GroupedCommand\n"
        "Configured.parse_args = GroupedCommand.parse_args"
    )

    assert not told(broken(code, "x", cwd=tmp_path), "crawler.toml:2", "integer")


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("CRAWLER_MAX_PAGES", "many", "500, 20k or 2M"),
        ("CRAWLER_DELAY", "soon", "500ms"),
        ("CRAWLER_SCOPE", "planet", "domain"),
        ("CRAWLER_QUIET", "perhaps", "true or false"),
        ("CRAWLER_HEADERS", "X: secret", "did you mean CRAWLER_HEADER?"),
        ("CRAWLER_DEPTH", "-1", "at least 0"),
        ("CRAWLER_AUTH", "nobody", "USER:PASSWORD"),
        ("CRAWLER_HEADER", "X: 1\nno colon", "Name: value"),
        ("CRAWLER_PROXY", "gopher://x", "--proxy"),
        ("CRAWLER_MAXPAGES", "5", "did you mean CRAWLER_MAX_PAGES?"),
        ("CRAWLER_DEPHT", "5", "did you mean CRAWLER_DEPTH?"),
        ("CRAWLER_SEED", "x", "did you mean CRAWLER_SEEDS?"),
        ("CRAWLER_EXCLUDES", "x", "did you mean CRAWLER_EXCLUDE?"),
        ("CRAWLER_CONFIG", "no-such.toml", "no such file"),
    ],
)
def test_a_mistake_in_a_variable_is_78_and_names_it(
    name: str, value: str, words: str, tmp_path: Path
) -> None:
    env: dict[str, Any] = {name: value}

    ran = crawl("http://127.0.0.1:1/", "--retries", "0", cwd=tmp_path, **env)

    assert told(ran, "no-such.toml" if name == "CRAWLER_CONFIG" else name, words), ran.err


def test_what_may_be_meant_for_another_flag_is_not_told(tmp_path: Path) -> None:
    write(tmp_path, "headers = 'X: secret'")

    for more in (["--config", "crawler.toml"], ["--config", "off"]):
        ran = crawl("http://127.0.0.1:1/", *more, cwd=tmp_path, CRAWLER_HEADERS="X: secret")
        assert (ran.code, "true or false" in ran.err, "secret" in ran.err) == (78, True, False)


def test_variables_of_a_cluster_are_left_alone(web: Web) -> None:
    ran = crawl(
        web.pages({"/": []}),
        CRAWLER_SERVICE_HOST="10.0.0.1",
        CRAWLER_SERVICE_PORT="80",
        CRAWLER_PORT="tcp://10.0.0.1:80",
        CRAWLER_PORT_80_TCP_ADDR="10.0.0.1",
        CRAWLER_HOME="/srv",
    )

    assert (ran.code, ran.err) == (0, "")


def test_the_command_line_stays_two(tmp_path: Path) -> None:
    write(tmp_path, "depth = 1\nstate = 'x.db'")

    for args in (["--depth", "deep"], ["--depth", "-1"], ["-q", "-v"], ["-H", "no colon"]):
        ran = crawl("http://127.0.0.1:1/", *args, cwd=tmp_path)
        assert (ran.code, "crawler.toml" in ran.err) == (2, False), ran.err


def test_what_excludes_each_other_is_told_with_the_place_of_the_one_outside(
    tmp_path: Path,
) -> None:
    write(tmp_path, "# x\nquiet = true\ninput = 'x'")

    ran = show("-v", cwd=tmp_path)
    both = crawl("-", cwd=tmp_path)
    taken_back = show("-v", "--no-quiet", "--json", cwd=tmp_path)

    assert ran.code == 78
    assert one_line(ran, "--quiet (crawler.toml:2) and --verbose")
    assert both.code == 78
    assert one_line(both, "'-' or from --input (crawler.toml:3)")
    assert shown(taken_back)["quiet"] == (False, "flag", None)


def test_another_crawl_in_a_state_is_told_with_the_line_that_changed(
    web: Web, tmp_path: Path
) -> None:
    origin = web.pages({"/": []})
    write(tmp_path, f"seeds = '{origin}'\nstate = 'x.db'\ndepth = 1")
    assert crawl("--max-time", "1ms", cwd=tmp_path).code == 0  # its pass has not ended
    write(tmp_path, f"seeds = '{origin}'\nstate = 'x.db'\ndepth = 2")

    ran = crawl(cwd=tmp_path)
    typed = crawl("--depth", "3", cwd=tmp_path)

    assert ran.code == 78
    assert one_line(ran, "--depth (crawler.toml:3) 1", "another --state,")
    assert typed.code == 2


@pytest.mark.parametrize("off", ["off", "none"])
def test_a_file_can_be_named_and_ignored(off: str, tmp_path: Path) -> None:
    write(tmp_path, "depth = 1")
    other = write(tmp_path, "depth = 2", "other.toml")

    def depth(*args: str, **env: str) -> tuple[Any, str, str | None]:
        return shown(show("--json", *args, cwd=tmp_path, **env))["depth"]

    assert depth() == (1, "file", "crawler.toml:1")
    assert depth("--config", "other.toml") == (2, "file", "other.toml:1")
    assert depth(CRAWLER_CONFIG=str(other)) == (2, "file", f"{other}:1")
    assert depth("--config", off) == (None, "default", None)
    assert depth(CRAWLER_CONFIG=off) == (None, "default", None)
    assert depth("--config", "other.toml", CRAWLER_CONFIG=off)[0] == 2


def test_a_users_own_file_holds_where_there_is_no_other(tmp_path: Path) -> None:
    text = "depth = 3\nretries = 3"
    own = write(tmp_path, text, "home/.config/crawler/crawler.toml")
    home = {"HOME": str(tmp_path / "home"), "XDG_CONFIG_HOME": ""}
    config = {"XDG_CONFIG_HOME": str(tmp_path / "home/.config")}

    alone = [shown(show("--json", cwd=tmp_path, **env)) for env in (home, config)]
    write(tmp_path, "depth = 1")
    beside = shown(show("--json", cwd=tmp_path, **home))

    assert [told["depth"] for told in alone] == [(3, "file", f"{own}:1")] * 2
    assert beside["depth"][0] == 1
    assert beside["retries"][1] == "default"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (None, "directory"),
        (b"# x\ndepth = 1 # \xff", ":2: not UTF-8"),
        (b"x = " + b"[" * 5_000, "nested too deeply"),
    ],
)
def test_a_file_that_cannot_be_read_is_78(data: bytes | None, words: str, tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    if data is None:
        path.mkdir()
    else:
        path.write_bytes(data)

    assert told(crawl("x", "--config", str(path)), str(path), words)


OF_ANOTHER = "import os\nos.geteuid = lambda: 4_242"


def test_a_file_of_another_user_must_be_named(web: Web, tmp_path: Path) -> None:
    path = write(tmp_path, "depth = 1")
    if os.geteuid() == 0:
        os.chown(path, 4_243, -1)

    met = broken(OF_ANOTHER, web.pages({"/": []}), cwd=tmp_path)
    named = broken(OF_ANOTHER, "--config", "crawler.toml", verb=SHOW, cwd=tmp_path)

    assert told(met, "crawler.toml belongs to another user", "--config crawler.toml")
    assert named.code == 0


def test_help_comes_whatever_is_wrong_outside(tmp_path: Path) -> None:
    write(tmp_path, "depth = 'deep'")

    assert crawl("--help", cwd=tmp_path, CRAWLER_MAXPAGES="1").code == 0


SECRETS = """
seeds = ["https://me:geheim@example.com/", "me:geheim@example.com", "https://geheim@example.com",
         "http://me:ge#geheim@odd.example/", "me:ge/geheim@odd.example"]
header = ["Authorization: geheim", "@https://x.example X-Key: geheim", "@https://me:geheim@x Y: 1"]
cookie = ["sid=geheim=geheim"]
auth = "me:ge@geheim"
proxy = "http://me:geheim@proxy.example:3128"
input = "https://example.com/a@b"
output = ["http://h:80/a@b"]
"""


def secrets(folder: Path, run: Show) -> str:
    write(folder, SECRETS)
    plain = run("-H", "X: geheim", "-b", "geheim", cwd=folder, CRAWLER_AUTH="you:geheim")
    ran = run("--json", cwd=folder)
    assert (plain.code, ran.code) == (0, 0), plain.err + ran.err
    return plain.out + ran.out


def test_secrets_are_masked(tmp_path: Path) -> None:
    out = secrets(tmp_path, show)

    assert "geheim" not in out
    for word in ("https://***@example.com/", "Authorization:***", "@https://x.example X-Key:***",
                 "sid=***", "me:***", "you:***", "http://***@proxy.example:3128",
                 "https://example.com/a@b", "http://h:80/a@b",
                 "http://***@odd.example/"):  # fmt: skip
        assert word in out, word


@pytest.mark.parametrize(
    "code",
    ["c._masked = lambda param, text: text", "c._USERINFO = re.compile('nothing')"],
)
def test_secrets_that_are_not_masked_would_be_caught(code: str, tmp_path: Path) -> None:
    code = f"import re, sys; import crawler.cli; c = sys.modules['crawler.cli.config']\n{code}"

    def run(*args: str, **more: Any) -> Ran:
        return broken(code, *args, verb=SHOW, **more)

    assert "geheim" in secrets(tmp_path, run)


def test_config_show_is_aligned_and_writes_values_as_they_are_typed(tmp_path: Path) -> None:
    write(tmp_path, 'max-time = "20m"\ninclude = ["a,b", "c"]\nstate = "\\u001b[31mx"')

    ran = show("example.com", "--emit", "page,error", cwd=tmp_path, CRAWLER_DELAY="500ms")

    lines = ran.out.splitlines()
    assert len({line.index("default") for line in lines if line.endswith("default")}) == 1
    rows = {line.split()[0]: line.split()[1:] for line in lines if not line.startswith(" ")}
    assert rows["seeds"] == ["example.com", "flag"]
    assert rows["max-time"] == ["20m", "crawler.toml:1"]
    assert rows["include"] == ["a,b", "crawler.toml:2"]
    assert rows["delay"] == ["500ms", "CRAWLER_DELAY"]
    assert rows["emit"] == ["page,error", "flag"]
    assert rows["depth"] == ["none", "default"]
    assert rows["netrc"] == ["false", "default"]
    assert rows["max-size"] == ["10M", "default"]
    assert "\x1b" not in ran.out
    longest = [max(param.opts, key=len) for param in command.params if param.expose_value]
    assert list(rows) == [name.removeprefix("--") for name in longest]


BESIDE = [
    "# depth = 1",
    "",
    "retries = 1",
    "max-time = '''\ndepth = 9\n'''",
    "include = [\n'[',\n]",
    'state = "x" # depth = 1',
    "header = [ # ]\n]",
]


@given(st.lists(st.sampled_from(BESIDE), unique=True))
def test_the_line_of_a_key_is_where_its_statement_begins(beside: list[str]) -> None:
    for where in range(len(beside) + 1):
        before, after = beside[:where], beside[where:]
        text = "\n".join([*before, "depth = [\n 1 ]", *after])

        assert configuration._line(text, "depth") == "\n".join([*before, ""]).count("\n") + 1
