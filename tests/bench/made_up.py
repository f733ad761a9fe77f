"""Sites that nobody wrote: nginx makes them up, and so is not what is waited for.

``tree`` and ``thicket`` never end and link only to what is new; ``chains`` is 100,000 pages
alike, each of which names one other for the first time, so that a page late in the crawl is
the same work as an early one. ``late`` is a server of our own, for nginx cannot wait.
"""

import contextlib
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from string import ascii_lowercase

import pytest

from tests.real.docs import NEEDED, program, serving

LINKS = 25
"""New links on a page of the tree."""

MANY = 200
"""And in the thicket."""

CHAINS, LENGTH = 1_000, 100
CHAINED = CHAINS * LENGTH
"""Pages of the chains, beside the eleven that lead to their heads."""

_TEXT = "<p>" + 19 * "Nobody wrote this, and nobody is going to read it either. "
_ENDLESS = (
    'location = /robots.txt {{ return 404; }} location ~ "^/(?<id>[-0-9a-z]+)$" '
    '{{ default_type text/html; {links} return 200 "<!doctype html><title>$id</title>{names}"; }}'
)
_CHAINED = """
location = /robots.txt { return 404; }
default_type text/html;
location = / { return 200 "<!doctype html><title>Chains</title>%(hubs)s"; }
location ~ "^/c(?<a>[0-9])$" { return 200 "<!doctype html><title>$uri</title>%(heads)s"; }
location ~ "^/t(?<a>[0-9])(?<b>[0-9])(?<c>[0-9])(?<d>[0-9])(?<e>[0-9])$" {
  set $text "%(text)s";
  return 200 "<!doctype html><title>$uri</title>%(known)s<a href=$next>on</a>$text$text$text$text";
}
"""


@contextlib.contextmanager
def tree(run: Path) -> Iterator[str]:
    """Serve pages that each link to ``LINKS`` others; yield the seed."""
    yield from _endless(run, [f"-{number}" for number in range(LINKS)])


@contextlib.contextmanager
def thicket(run: Path) -> Iterator[str]:
    """Serve pages that each link to ``MANY`` others; yield the seed."""
    names = [a + b for a in ascii_lowercase for b in ascii_lowercase]
    yield from _endless(run, names[:MANY])


def _endless(run: Path, suffixes: list[str]) -> Iterator[str]:
    """Serve pages whose links are their own name with one of these behind it."""
    parts = [suffixes[at : at + 100] for at in range(0, len(suffixes), 100)]
    links = [
        f'set $links{number} "{_links("${id}" + each for each in part)}";'
        for number, part in enumerate(parts)
    ]
    names = "".join(f"$links{number}" for number in range(len(parts)))
    with _serving(_ENDLESS.format(links=" ".join(links), names=names), run) as origin:
        yield origin + "/0"


@contextlib.contextmanager
def chains(run: Path) -> Iterator[str]:
    """Serve ``CHAINED`` pages of 5 KB in chains of ``LENGTH``; yield the seed.

    Each links to the next of its chain and to 18 that have been seen before: to the ten pages
    that lead to the heads of chains, and to heads.
    """
    orders = ("abc", "acb", "bac", "bca", "cab", "cba", "add", "bee")
    heads = ["/t" + "".join(f"${{{digit}}}" for digit in order) + "00" for order in orders]
    words = {
        "hubs": _links(f"/c{number}" for number in range(10)),
        "heads": _links(f"/t${{a}}{number:02}00" for number in range(100)),
        "known": _links([*(f"/c{number}" for number in range(10)), *heads]),
        "text": _TEXT,
    }
    with _serving(_CHAINED % words, run, f"map $uri $next {{ {_next()} }}") as origin:
        yield origin + "/"


def _next() -> str:
    """Return what counts from 00 to 99, for nginx cannot."""
    ones = [f'"~^(?<tens>/t....){one}$" "${{tens}}{one + 1}";' for one in range(9)]
    tens = [f'"~^(?<chain>/t...){ten}9$" "${{chain}}{ten + 1}0";' for ten in range(9)]
    return " ".join([*ones, *tens, 'default "/";'])


def _links(names: Iterable[str]) -> str:
    return "".join(f"<a href={name}>x</a>" for name in names)


@contextlib.contextmanager
def _serving(block: str, run: Path, beside: str = "") -> Iterator[str]:
    """Run nginx with a server, and with what must stand ``beside`` it."""
    if program() is None:
        pytest.skip(f"needs: {NEEDED}")
    with serving({"made": block}, run, beside=beside) as origins:
        yield origins["made"]


@contextlib.contextmanager
def late(lag: float, sites: int = 1, pages: int = 1) -> Iterator[list[str]]:
    """Run a server on which everything takes ``lag`` seconds; yield the origins of its sites.

    ``/`` links to ``pages`` - 1 others, which are ``/1`` and so on.
    """
    command = [sys.executable, "-m", "tests.bench.lag", str(lag), str(sites), str(pages)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        yield [f"http://127.0.0.1:{port}" for port in server.stdout.readline().split()]
