"""Bytes changed at random in real answers and pages: no crash, no hang, no growth."""

import asyncio
import gzip
import random
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiohttp.client_proto import ResponseHandler

from crawler.fetch.connection import Connection
from crawler.model import Failed, Fetched, Page, Target
from crawler.parse.page import Reader
from crawler.parse.reading import Reading
from tests.fetch.wire import fetching, listening
from tests.web.hostile.answers import PAGE, chunked, coded, deflated, head, sitemap, sized
from tests.web.hostile.rows import ROWS

BRIEF, LONG = 2.0, 300.0
"""Seconds for each layer, in every run and in the nightly one."""

HANG = 1.0
GROWTH = 32 * 1024
"""KiB that memory may grow by once everything has been met."""

durations = pytest.mark.parametrize(
    "seconds", [BRIEF, pytest.param(LONG, marks=[pytest.mark.slow, pytest.mark.timeout(400)])]
)

DOCUMENT = (
    """<!doctype html><html lang=en><head><meta charset="utf-8"><title>On é &amp; ü</title>
<base href="/docs/"><meta name=robots content="noindex, nofollow"><link rel=canonical href="/x">
<link rel=alternate hreflang=de href="de.html"><meta http-equiv=refresh content="5; url=/next">
<style>p { color: red }</style><script>if (a < b) document.write("<a href='/no'>")</script></head>
<body><!-- comment --><table><tr><td><a href="../a?b=1&amp;c=2#d" rel="nofollow">one</a></table>
<svg><title>no</title><a href=//other.test/>x</a></svg><p><b><i>misnested</b></i><select><option>
<iframe src="/frame"></iframe><img alt='"'><area href="mailto:a@b.c"><a href=" /\tspaces\n ">y</a>
""".encode()
    * 8
)
ANSWERS = [
    *(answer for row in ROWS for answer in row.answers.values() if isinstance(answer, bytes)),
    *(answer.encode() for row in ROWS for answer in row.answers.values()
      if hasattr(answer, "encode") and not isinstance(answer, str)),
    sized(body=DOCUMENT),
    chunked(DOCUMENT[:100], DOCUMENT[100:]),
    coded("gzip", gzip.compress(DOCUMENT)).encode(),
    coded("deflate", deflated(DOCUMENT)).encode(),
    coded("gzip, deflate", deflated(gzip.compress(DOCUMENT))).encode(),
    head("Location: http://127.0.0.1/é", status="301 X", type=None),
]  # fmt: skip
SMALL = [answer for answer in ANSWERS if len(answer) < 20_000]
PAGES = [DOCUMENT, PAGE, DOCUMENT.decode().encode("utf-16"), sitemap("http://h/a", "/b").encode()]
TYPES = ["text/html", "text/html; charset=", "application/xml", "application/gzip", "", "a/b"]


def mutated(original: bytes, chance: random.Random) -> bytes:
    """Change, insert, remove, repeat or swap a few bytes, and perhaps cut the end off."""
    data = bytearray(original)
    for _ in range(chance.choice([1, 1, 2, 5, 20])):
        at = chance.randrange(len(data) + 1)
        size = chance.choice([1, 1, 2, 4, 30])
        match chance.randrange(5):
            case 0:
                data[at : at + size] = chance.randbytes(size)
            case 1:
                data[at:at] = chance.randbytes(size)
            case 2:
                del data[at : at + size]
            case 3:
                data[at:at] = data[at : at + size] * chance.choice([1, 2, 50])
            case _:
                odd = [b"\r\n", b"\n", b"\r", b"\0", b"<", b">", b'"', b":", b"\x80", b"-1", b"&#"]
                data[at : at + 1] = chance.choice(odd)
    return bytes(data[: chance.randrange(len(data) + 1)] if chance.random() < 0.1 else data)


def memory() -> int:
    """Return the memory of this process in KiB."""
    match = re.search(r"VmRSS:\s+(\d+)", Path("/proc/self/status").read_text())
    return int(match[1]) if match else 0


class Watch:
    """Notes memory when a fifth of the time is over, and at the end."""

    def __init__(self, seconds: float) -> None:
        self._began = time.monotonic()
        self._seconds = seconds
        self._warm: int | None = None
        self.rounds = 0

    def rounds_left(self) -> Iterator[int]:
        """Yield numbers until the time is over."""
        while (gone := time.monotonic() - self._began) < self._seconds:
            if self._warm is None and gone > self._seconds / 5:
                self._warm = memory()
            yield self.rounds
            self.rounds += 1

    @property
    def growth(self) -> int:
        """KiB of memory gained since then."""
        return memory() - (self._warm or 0)


@durations
async def test_mutated_answers_are_answers_or_failures_at_once(seconds: float) -> None:
    chance = random.Random(7)
    sent: dict[str, bytes] = {}

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readuntil(b"\r\n\r\n")
        data = sent[request.split(b" ")[1].decode()]
        cut = chance.randrange(len(data) + 1)
        for piece in (data[:cut], data[cut:]):
            writer.write(piece)
            await writer.drain()

    async def ask(port: int, number: int) -> None:
        path = f"/{number}"
        sent[path] = mutated(chance.choice(SMALL), chance)
        began = time.monotonic()
        outcome = await fetcher.fetch(f"http://127.0.0.1:{port}{path}")
        took = time.monotonic() - began
        assert isinstance(outcome, Fetched | Failed)
        assert took < HANG, (took, sent[path])
        if isinstance(outcome, Fetched):
            assert len(outcome.body or b"") <= 1_000_000
            " ".join(outcome.headers.values()).encode()
            fetcher.free(outcome)
        del sent[path]

    watch = Watch(seconds)
    async with listening(connected) as port, fetching(timeout=5.0, max_size=1_000_000) as fetcher:
        for number in watch.rounds_left():
            await asyncio.gather(*(ask(port, number * 16 + each) for each in range(16)))
    print(f"{watch.rounds * 16:,} answers, {watch.growth:+,} KiB")
    assert watch.growth < GROWTH


@pytest.mark.slow
async def test_an_answer_that_hangs_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Connection, "_pass_on", ResponseHandler.data_received)

    with pytest.raises(AssertionError):  # broken framing ends nothing
        await test_mutated_answers_are_answers_or_failures_at_once(20.0)


@durations
def test_mutated_pages_are_read_or_refused_at_once(seconds: float) -> None:
    chance = random.Random(8)
    reading = Reading("crawlway", sitemap="add")
    reader = Reader(reading, reading.make_scope(), guarded=True)
    watch = Watch(seconds)
    for number in watch.rounds_left():
        body = mutated(chance.choice(PAGES), chance)
        kind = chance.choice(TYPES) + chance.choice(
            ["", "utf-8", "utf-16le", "big5", "\N{SNOWMAN}"]
        )
        target = Target(f"http://h/{number}", "h", number, seed="http://h/")
        headers = {"content-type": kind, "x-robots-tag": kind}
        fetched = Fetched(target.url, 200, headers, body, len(body), 0.01)
        began = time.monotonic()
        reader.read(Page(target, fetched, 1, 1.0))
        assert time.monotonic() - began < HANG, body
    print(f"{watch.rounds:,} pages, {watch.growth:+,} KiB")
    assert watch.growth < GROWTH
