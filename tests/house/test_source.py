"""What the source may not do: run what it reads, or name a file after what the web says."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.run import broken
from tests.records import read
from tests.web.server import Reply, Request, Web, html

ROOT = Path(__file__).parents[2] / "crawler"

RUNS_DATA = {"eval", "exec", "compile", "__import__", "execfile"}
RUNS_DATA_FROM = {
    "pickle", "cPickle", "_pickle", "dill", "cloudpickle", "jsonpickle", "marshal", "shelve",
    "dbm", "imp", "importlib", "runpy", "code", "codeop", "ctypes", "zipimport", "pkgutil",
    "subprocess",
}  # fmt: skip
UNSAFE = {"yaml.load", "yaml.unsafe_load", "os.system", "os.popen"}

MAY_IMPORT = {
    "parse/process.py": {"subprocess"},  # our own parsing children, with arguments of our own
    "parse/function.py": {"importlib"},  # --extract: code that the user names
    "heap.py": {"ctypes"},  # mallopt and malloc_trim of the C library that is loaded anyway
}
MAY_GET = {
    "__init__.py": {"name"},  # the package's lazy API: one of two names, checked before
    "settings.py": {"each.name", "kind"},  # the fields of a dataclass of ours
    "parse/function.py": {"part"},  # --extract: the function that the user names
}

OPENS_FILES = {
    "cli/__init__.py",  # /dev/null for closed standard streams
    "cli/configuration.py",  # --config, or crawler.toml
    "seeds.py",  # --input
    "sink/output.py",  # --output
    "sink/files.py",  # --output
    "sink/compress.py",  # --output, to see that it ends whole
    "frontier/state.py",  # --state, and the new one that takes its place
    "frontier/lock.py",  # the lock beside --state
    "atomic.py",  # --cookie-jar and --stats, and the temporary file beside them
    "fetch/jar.py",  # --cookie-jar
    "parse/process.py",  # memory shared with a child: a file without a name
}
OPENERS = set(
    "open fdopen mkstemp mkdtemp NamedTemporaryFile TemporaryFile write_text write_bytes replace "
    "rename mkdir makedirs symlink link unlink truncate".split()
)
_OF_STRINGS_TOO = {"replace", "link", "open"}


def runs_data(name: str, tree: ast.AST) -> Iterator[str]:
    """Yield what in a module could run data as code."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield from _imports(name, node)
        elif isinstance(node, ast.Name) and node.id in RUNS_DATA:
            yield f"{name}:{node.lineno}: {node.id}"
        elif isinstance(node, ast.Attribute) and ast.unparse(node) in UNSAFE:
            yield f"{name}:{node.lineno}: {ast.unparse(node)}"
        elif isinstance(node, ast.Call):
            yield from _calls(name, node)


def _imports(name: str, node: ast.Import | ast.ImportFrom) -> Iterator[str]:
    named = [each.name for each in node.names]
    for origin in [node.module or ""] if isinstance(node, ast.ImportFrom) else named:
        top = origin.partition(".")[0]
        if top in RUNS_DATA_FROM and top not in MAY_IMPORT.get(name, ()):
            yield f"{name}:{node.lineno}: import {origin}"


def _calls(name: str, node: ast.Call) -> Iterator[str]:
    called = ast.unparse(node.func)
    by_name = called == "getattr" and not isinstance(node.args[1], ast.Constant)
    if by_name and ast.unparse(node.args[1]) not in MAY_GET.get(name, ()):
        yield f"{name}:{node.lineno}: {ast.unparse(node)}"
    if any(word.arg == "shell" for word in node.keywords):
        yield f"{name}:{node.lineno}: {called} with a shell"


def opens_files(name: str, tree: ast.AST) -> Iterator[str]:
    """Yield what in a module makes, opens or moves files."""
    modules = {"os", "shutil", "tempfile", "aiofiles", "io"}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        called = node.func.attr if isinstance(node.func, ast.Attribute) else ast.unparse(node.func)
        if called not in OPENERS:
            continue
        of = ast.unparse(node.func.value) if isinstance(node.func, ast.Attribute) else "os"
        if called in _OF_STRINGS_TOO and of not in modules:
            continue
        yield f"{name}:{node.lineno}: {ast.unparse(node.func)}"


def modules() -> list[tuple[str, ast.AST]]:
    return [
        (str(path.relative_to(ROOT)), ast.parse(path.read_text()))
        for path in sorted(ROOT.rglob("*.py"))
    ]


def test_nothing_that_is_read_is_ever_run() -> None:
    assert [found for name, tree in modules() for found in runs_data(name, tree)] == []


@pytest.mark.parametrize(
    "line",
    [
        "import pickle", "from pickle import loads", "import marshal, os", "import shelve",
        "import importlib.util", "eval(text)", "exec(text)", "run = eval", "__import__(text)",
        "yaml.load(text)", "os.system(text)", "getattr(module, text)()", "import subprocess",
        "from subprocess import run", "ctypes = 1; import ctypes", "run(text, shell=True)",
    ],
)  # fmt: skip
def test_what_runs_data_would_be_noticed(line: str) -> None:
    assert list(runs_data("fetch/http.py", ast.parse(line)))


def test_only_what_the_user_names_is_opened() -> None:
    found = [(name, found) for name, tree in modules() for found in opens_files(name, tree)]
    assert [where for name, where in found if name not in OPENS_FILES] == []


@pytest.mark.parametrize(
    "line", ["open(name)", "os.open(name, 1)", "Path(name).write_bytes(b'')", "aiofiles.open(x)",
             "os.replace(a, b)", "tempfile.mkstemp()", "os.makedirs(folder)"],
)  # fmt: skip
def test_what_opens_files_would_be_noticed(line: str) -> None:
    assert list(opens_files("fetch/http.py", ast.parse(line)))


WATCH = """
import os, sys
told = os.open({log!r}, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
def watch(event, args):
    if event == "open" and isinstance(args[0], str):
        wanted = args[2] if isinstance(args[2], int) else 0
        if wanted & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            os.write(told, (args[0] + chr(10)).encode())
    elif event in ("os.mkdir", "os.rename", "os.symlink", "os.link", "shutil.move"):
        os.write(told, (str(args[0]) + chr(10)).encode())
sys.addaudithook(watch)
"""
SAVING = """
from crawler.fetch.exchange import Exchange
honest = Exchange._fetched
def saving(self, body, truncated):
    name = self._response.headers.get("Content-Disposition", "").partition("=")[2]
    if name:
        open(name, "wb").close()
    return honest(self, body, truncated)
Exchange._fetched = saving
"""
NAMES = [
    "../../evil", "/tmp/evil", "..%2f..%2fevil", "%2e%2e/evil", "CON", "nul.html", "a%00b",
    "x" * 1_500, "%E2%80%AEgnp.html", "Evil", "evil", "EVIL", "~", "-rf", "$(touch evil)",
    "evil;ls", "|evil", "%5c..%5cevil", "evil.", ".htaccess", "C:%5cevil", "file:evil",
    "%0aevil", "'evil'", "`evil`", "*", "?", "con.txt:stream",
]  # fmt: skip


def crawled(web: Web, folder: Path, breakage: str = "") -> list[str]:
    """Crawl files with hostile names; return what was opened for writing, and made."""

    async def handler(request: Request) -> Reply:
        if request.path == "/robots.txt":
            return Reply("", 404)
        if request.path == "/":
            return Reply(html([*NAMES, *(f"/d/{number}" for number in range(170))]))
        named = f"attachment; filename={folder}/named-by-the-web"
        return Reply("x", headers={"Content-Disposition": named})

    log, out = folder / "log", folder / "out.jsonl"
    code = WATCH.format(log=str(log)) + breakage
    flags = ("-o", str(out), "--cookie-jar", str(folder / "jar"), "--parsers", "0")
    ran = broken(code, web.serve(handler), *flags)
    assert ran.code == 0, ran.err
    assert len([each for each in read(out.read_text()) if each["type"] == "page"]) > 185
    return log.read_text().splitlines()


def test_no_file_is_named_by_the_web(web: Web, tmp_path: Path) -> None:
    opened = crawled(web, tmp_path)

    assert set(opened) - {"/dev/null"} == {str(tmp_path / "out.jsonl")}
    assert {each.name for each in tmp_path.iterdir()} == {"log", "out.jsonl"}


def test_a_crawler_that_saves_what_it_is_told_would_be_caught(web: Web, tmp_path: Path) -> None:
    opened = crawled(web, tmp_path, SAVING)

    assert str(tmp_path / "named-by-the-web") in opened
