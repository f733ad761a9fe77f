"""README, help and behaviour say the same."""

import json
import os
import re
import shlex
import sqlite3
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from crawler import settings
from crawler.cli.crawl import crawl
from crawler.cli.state import state
from crawler.destination import FORMATS
from crawler.errors import Exit
from crawler.frontier import view
from crawler.model import Change, Fault, Gone, Reason
from crawler.recipe import toml
from crawler.record import GoneRecord, ItemRecord, PageRecord, Record, SummaryRecord
from crawler.sink.columns import columns
from tests.cli.run import crawler
from tests.web.shop import JSON_LD

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


def section(title: str) -> str:
    """Return one section of the README."""
    return README.split(f"\n## {title}\n")[1].split("\n## ")[0]


def test_every_flag_is_in_the_readme_and_no_other() -> None:
    told = set(re.findall(r"(?<![\w-])--?[a-zA-Z][a-z-]*", section("Flags")))
    real = {name for option in crawl.params for name in option.opts if name.startswith("-")}

    assert told == real


def test_every_flag_has_help_and_a_setting() -> None:
    for option in crawl.params:
        if option.name != "seeds":
            assert getattr(option, "help", None), option.name
        assert not option.expose_value or option.name in settings.Settings.__dataclass_fields__


@pytest.mark.parametrize(
    ("flag", "name"),
    [("--scope", "scope"), ("--concurrency", "concurrency"), ("--per-host", "per_host"),
     ("--retries", "retries"), ("--nofollow", "nofollow"), ("--progress", "progress"),
     ("--max-size", "max_size"), ("--timeout", "timeout"), ("--max-wait", "max_wait"),
     ("--connect-timeout", "connect_timeout"), ("--durability", "durability")],
)  # fmt: skip
def test_defaults_are_the_same_everywhere(flag: str, name: str) -> None:
    default = getattr(settings.Settings(), name)
    (row,) = re.findall(rf"\| .*`{flag}\b[^|]*\| `?([^`|]*?)`? \|", section("Flags"))
    (option,) = [option for option in crawl.params if flag in option.opts]

    assert option.type.convert(option.default, None, None) == default
    assert str(option.type.convert(row.strip(), None, None)) == str(default)


def test_the_tables_of_a_state_are_in_the_readme_and_in_the_help() -> None:
    rows = re.findall(r"^\| `(\w+)` \| [^|]+ \| ([^|]+) \|$", section("State files"), re.MULTILINE)
    told = {name: columns.replace("`", "").split() for name, columns in rows}
    with sqlite3.connect(":memory:") as db:
        db.executescript((ROOT / "crawler/frontier/schema.sql").read_text())
        view.give(db)
        tables = "SELECT name FROM sqlite_schema WHERE type = 'table' UNION SELECT 'link'"
        there = {
            name: [column[1] for column in db.execute(f"PRAGMA table_info({name})")]
            for (name,) in db.execute(tables)
        }
    (option,) = [option for option in state.params if option.name == "sql"]
    (named,) = re.findall(r"tables ([\w, ]+);", getattr(option, "help", ""))

    assert told == there
    assert sorted(named.split(", ")) == sorted(there)


def test_every_exit_code_is_in_the_readme_in_the_same_words() -> None:
    rows = re.findall(r"^\| (\d+) \| (.+) \|$", section("Exit codes"), re.MULTILINE)

    assert rows == [(str(int(code)), code.meaning) for code in Exit]


def test_the_configuration_in_the_readme_is_read_to_the_last_line(tmp_path: Path) -> None:
    (text,) = re.findall(r"```toml\n# crawler.toml\n(.*?)```", section("Configuration"), re.DOTALL)
    (tmp_path / "crawler.toml").write_text(text)
    shown = crawler("config", "show", "--json", cwd=tmp_path).out.splitlines()

    said = [told["name"] for told in map(json.loads, shown) if told["origin"] == "file"]
    assert sorted(said) == sorted(
        line.partition(" =")[0].replace("-", "_") for line in text.splitlines()
    )


def test_the_example_for_cron_in_the_readme_is_the_one_in_examples() -> None:
    told = section("From cron").split("$ cat /srv/crawl/crawler.toml\n")[1].split("```")[0]
    example = (ROOT / "examples/cron/crawler.toml").read_text()

    assert tomllib.loads(told) == tomllib.loads(example)
    assert (
        section("From cron").split("$ crontab -l\n")[1].split("\n")[0]
        in (ROOT / "examples/cron/crontab").read_text()
    )


def test_the_published_lists_are_whole() -> None:
    records = section("Records")

    for word in [*Fault, *Reason, *Gone, *Change, "length", "time", "disconnect"]:
        assert f"`{word}`" in records, word
    kinds = (Record, PageRecord, ItemRecord, GoneRecord)
    for field in {name for kind in kinds for name in kind.__struct_encode_fields__}:
        assert f"`{field}`" in records, field
    assert "end_reason" in SummaryRecord.__struct_encode_fields__


def test_the_columns_of_tables_are_told() -> None:
    outputs = section("Outputs")

    for type_ in set(settings.RECORD_TYPES) - {"summary"}:
        for path in columns([type_]):
            assert f"`{path}`" in outputs, path
    for format_ in FORMATS:
        assert f"`{format_}`" in outputs, format_


BLOCKS = [part.split("```")[0] for part in README.split("<!-- example -->\n```console\n")[1:]]


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``crawler`` and ``python`` as they are here, for PATH."""
    folder = tmp_path_factory.mktemp("bin")
    for name, words in (("python", ""), ("crawler", "-m crawler ")):
        script = folder / name
        script.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} {words}"$@"\n')
        script.chmod(0o755)
    return folder


@pytest.mark.parametrize("block", BLOCKS)
def test_an_example_in_the_readme_prints_what_it_says(
    block: str, programs: Path, tmp_path: Path
) -> None:
    commands = re.findall(r"^\$ (.*)\n((?:[^$].*\n|\n)*)", block, re.MULTILINE)
    assert commands
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    environment = os.environ | {"PATH": f"{programs}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}

    for command, told in commands:
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        assert normal(done.stdout) == normal(told)


def test_every_example_is_in_the_readme_and_so_is_run() -> None:
    programs = {*(ROOT / "examples").glob("*.sh"), *(ROOT / "examples").glob("*.py")}
    names = {path.name for path in programs} - {"serve.py"}
    assert len(names) >= 6
    for name in names:
        assert any(f"examples/{name}" in block for block in BLOCKS), name


def test_the_recipe_in_the_readme_is_the_example() -> None:
    assert (ROOT / "examples/tea.toml").read_text() in section("Selecting")


def test_the_function_in_the_readme_works(tmp_path: Path) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", section("Selecting"), re.DOTALL)
    (tmp_path / "shop.py").write_text(code)
    (tmp_path / "page.html").write_text(JSON_LD)
    done = subprocess.run(
        [sys.executable, "-m", "crawler", "extract", "page.html", "--extract", "shop:extract",
         "--url", "https://example.com/p"],
        cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip

    assert done.stderr == ""
    assert '"fields":{"name":"Lamp","image":"https://example.com/lamp.jpg"}' in done.stdout


def test_every_key_of_a_recipe_is_in_the_readme_and_no_other() -> None:
    rows = re.findall(r"^\| (`.+?) \|", section("Selecting"), re.MULTILINE)
    told = [name for row in rows for name in re.findall(r"`(\w+)`", row)]

    assert sorted(told) == sorted([*toml.SECTION, *toml.FIELD])


def normal(text: str) -> list[str]:
    """Return lines without what differs from run to run, in any order of equals."""
    text = re.sub(r"127\.0\.0\.1:\d+", "HOST", text)
    text = re.sub(r"[\d.,]+ (s|pages/s|MB)\b", r"N \1", text)
    return sorted(text.splitlines())


def test_no_path_of_a_machine_and_no_registry_is_committed() -> None:
    tracked = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.split()
    for name in tracked:
        text = (ROOT / name).read_text("utf-8", "replace") if (ROOT / name).is_file() else ""
        assert "-index-" + "url" not in text, name
        assert "/ho" + "me/" not in text, name
