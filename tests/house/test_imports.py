"""Data flows one way: the import contracts hold, and would notice if they did not."""

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def contracts(root: Path) -> "subprocess.CompletedProcess[str]":
    program = Path(sys.executable).parent / "lint-imports"
    return subprocess.run(
        [program, "--no-cache"], cwd=root, capture_output=True, text=True, check=False
    )


def test_the_contracts_hold() -> None:
    done = contracts(ROOT)

    assert done.returncode == 0, done.stdout
    assert "2 kept, 0 broken" in done.stdout


def test_an_import_against_the_flow_would_be_noticed(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "crawler", tmp_path / "crawler")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    with (tmp_path / "crawler/policy/pace.py").open("a") as file:
        file.write("\nimport aiohttp\nfrom crawler.engine import stop\n")

    assert "0 kept, 2 broken" in contracts(tmp_path).stdout


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; from crawler.cli import command\n"
        "try: command.main(['crawl', '--help'], standalone_mode=True)\n"
        "except SystemExit: pass\n"
        "heavy = {'aiohttp', 'selectolax', 'msgspec', 'asyncio', 'ada_url'} & set(sys.modules)\n"
        "print(heavy, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stderr.strip() == "set()"
