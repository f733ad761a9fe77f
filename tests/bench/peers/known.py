"""Everyone that takes part: ours in its forms, and those peers that are installed.

Each entry is a list of ways to call one crawler; where there are several, the fastest in a
trial takes part.
"""

import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

from tests.bench.peers.install import PYTHON
from tests.bench.peers.peer import OURS, Peer

PROGRAMS = Path(__file__).parent

IGNORED = "--ignore-tags=img,link,script,source,audio,video,object,embed,input"
WGET2 = ("-q", "-r", "-l", "inf", "--no-parent", "--no-http2", IGNORED)

NOT_FOUND = 8
"""wget2's exit code when the server had no page for some link."""


def everyone() -> list[Sequence[Peer]]:
    """Return all that can take part here, ours first."""
    found = [*_ours(), [_bare()], _wget2(), _scrapy(), _crawlee()]
    return [ways for ways in found if ways]


def _ours() -> Iterator[list[Peer]]:
    plain = ("--per-host", "64")
    yield [_our(OURS, *plain)]
    if has("--state"):
        yield [_our(f"{OURS} --state", *plain, state=True)]
    yield [_our(f"{OURS} --parsers 0", *plain, "--parsers", "0")]


def _our(name: str, *flags: str, state: bool = False) -> Peer:
    def command(url: str, out: Path) -> Sequence[str]:
        kept = ("--state", str(out / "state")) if state else ()
        return (sys.executable, "-m", "crawler", "crawl", url, *flags, *kept,
                "-o", str(out / "pages.jsonl"))  # fmt: skip

    return Peer(name, " ".join(flags) + (" --state FILE" if state else ""), command)


@cache
def has(flag: str) -> bool:
    """Whether ours, as it is now, has a flag."""
    command = [sys.executable, "-m", "crawler", "crawl", "--help"]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return flag in told.split()


def _bare() -> Peer:
    def command(url: str, out: Path) -> Sequence[str]:
        return (sys.executable, "-m", "tests.bench.bare", url, "64")

    said = "aiohttp + selectolax, 64 at once; no robots.txt, caps, guard or records"
    return Peer("bare loop", said, command)


def _wget2() -> list[Peer]:
    program = shutil.which("wget2")
    if program is None:
        return []

    version = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    name = "wget2 " + version.stdout.split()[2]

    def way(threads: str) -> Peer:
        def command(url: str, out: Path) -> Sequence[str]:
            return (program, *WGET2, "-O", "/dev/null", "--max-threads", threads, url)

        return Peer(name, f"{' '.join(WGET2)} -O /dev/null --max-threads {threads}", command,
                    codes=(0, NOT_FOUND))  # fmt: skip

    return [way(threads) for threads in ("4", "2", "8", "16")]


def _scrapy() -> list[Peer]:
    said = (
        "CONCURRENT_REQUESTS 64, per domain 64, robots on, no autothrottle, telnet, cookies or "
        "retries, LOG_LEVEL WARNING, asyncio reactor, lxml link extractor, a JSON line a page"
    )
    return _python("scrapy", "Scrapy", "with_scrapy.py", "pages.jsonl", said)


def _crawlee() -> list[Peer]:
    said = "ParselCrawler, concurrency 64, robots on, storage in memory, records at the end"
    return _python("crawlee", "crawlee", "with_crawlee.py", "pages.json", said)


def _python(package: str, name: str, file: str, output: str, said: str) -> list[Peer]:
    """Return the peer that is a program for the peers' own interpreter."""
    installed = list(PYTHON.parents[1].glob(f"lib/*/site-packages/{package}-*.dist-info"))
    if not installed:
        return []
    version = installed[0].stem.rpartition("-")[2]

    def command(url: str, out: Path) -> Sequence[str]:
        return (str(PYTHON), str(PROGRAMS / file), url, str(out / output))

    return [Peer(f"{name} {version}", said, command)]
