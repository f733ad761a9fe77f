"""``make bench-stages``: what each stage of the line costs, in microseconds of CPU.

On a sample of the pages that ``make bench`` crawls, or on made-up ones where the
documentation is not installed.
"""

import argparse
import asyncio
import gc
import gzip
import tempfile
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from crawler.destination import Destination
from crawler.fetch import decode
from crawler.fetch.addresses import Trust
from crawler.fetch.credentials import Credentials
from crawler.fetch.http import HttpFetcher, Wire
from crawler.model import Fetched, Link, Page, Parsed, Settled, Target, Verdict
from crawler.parse import charset, complexity, frames, html
from crawler.parse.frames import Batch, Report
from crawler.parse.lab import BATCH
from crawler.parse.page import Reader
from crawler.parse.reading import Reading
from crawler.parse.references import References
from crawler.policy.urls import Canon
from crawler.sink.output import Keeping
from crawler.sink.records import Records
from tests.bench.meter import Least, Meter
from tests.bench.site import COPIES, missing
from tests.frontier.kinds import KINDS, TTL, Clock, Options
from tests.real.docs import FOLDERS, program, serving
from tests.web.server import html as made_up

SEED = "http://docs.test/"
TYPE = "text/html"
QUEUED, KNOWN = 20_000, 50
CANON = Canon()


@dataclass(slots=True)
class Sample:
    """Pages to work on, and where outputs go."""

    pages: list[Page]
    scratch: Path

    @property
    def batches(self) -> Iterator[Sequence[Page]]:
        """The pages in the batches that go to children."""
        for start in range(0, len(self.pages), BATCH):
            yield self.pages[start : start + BATCH]


Stage = Callable[[Meter, Sample], Awaitable[None]]


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print one table."""
    parser = argparse.ArgumentParser(prog="make bench-stages", description=__doc__)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--pages", type=int, default=300)
    asked = parser.parse_args(arguments)
    least = Least()
    with tempfile.TemporaryDirectory() as scratch:
        sample = Sample([_page(*each) for each in _bodies(asked.pages)], Path(scratch))
        for _ in range(asked.runs):
            least.take(asyncio.run(_run(sample)))
    size = sum(len(page.fetched.body or b"") for page in sample.pages) / 1e3 / len(sample.pages)
    print(f"{len(sample.pages)} pages of {size:.0f} KB; the least of {asked.runs} runs.\n")
    print(least.text())


async def _run(sample: Sample) -> dict[tuple[str, str], float]:
    meter = Meter()
    for stage in STAGES:
        gc.collect()
        await stage(meter, sample)
    return meter.costs


async def fetching(meter: Meter, sample: Sample) -> None:
    """Requests to nginx, the guard and the caps included, as many at once as by default."""
    if program() is None:
        return
    site = sample.scratch / "site"
    site.mkdir(exist_ok=True)
    for number, page in enumerate(sample.pages):
        (site / f"{number}.html").write_bytes(page.fetched.body or b"")
    with serving({"site": f"root {site};"}, sample.scratch) as origins:
        trust = Trust(everyone=True)
        async with HttpFetcher(Wire("bench"), Credentials((), (), None), trust) as fetcher:
            todo = iter([f"{origins['site']}/{number}.html" for number in range(len(sample.pages))])

            async def work() -> None:
                for url in todo:
                    assert isinstance(await fetcher.fetch(url), Fetched)

            with meter("fetch", "page", len(sample.pages)):
                await asyncio.gather(*(work() for _ in range(64)))


async def decoding(meter: Meter, sample: Sample) -> None:
    """Content coding undone, where there is one."""
    packed = [gzip.compress(page.fetched.body or b"", 6) for page in sample.pages]
    with meter("decode gzip", "page", len(packed)):
        for data in packed:
            b"".join(decode.Decoder(["gzip"], 10_000_000).feed(data))


async def parsing(meter: Meter, sample: Sample) -> None:
    """From bytes to what a page says, and from that to links and a record."""
    count = len(sample.pages)
    bodies = [page.fetched.body or b"" for page in sample.pages]
    with meter("charset", "page", count):
        names = [charset.sniff(body, TYPE) for body in bodies]
    with meter("complexity guard (--parsers 0)", "page", count):
        for body in bodies:
            complexity.too_complex(body)
    with meter("parse", "page", count):
        said = [
            html.read(html.tree(charset.text(body, name)), page.target.url, "crawlway")
            for page, body, name in zip(sample.pages, bodies, names, strict=True)
        ]
    reader = _reader()
    references = References(CANON, reader.scope)
    with meter("links, most known from their folder", "page", count):
        for each in said:
            references.look_up(each.base, each.follow, based=each.based)
    with meter("canonicalise", "link", sum(len(each.follow) for each in said)):
        for each in said:
            for reference in each.follow:
                CANON.link(each.base, reference)
    with meter("record", "page", count):
        for page, each, name in zip(sample.pages, said, names, strict=True):
            reader._record(page, each, name, len(each.follow), reader._compare(page))


async def travelling(meter: Meter, sample: Sample) -> None:
    """To a child and back, as far as the main process works for it."""
    reader = _reader()
    results = [[_parsed(reader, page) for page in batch] for batch in sample.batches]
    with meter("to a child", "page", len(sample.pages)):
        for batch in sample.batches:
            frames.frame(Batch(1, (), batch))
    reports = [frames.frame(Report(1, each))[frames.HEAD :] for each in results]
    with meter("from a child", "page", len(sample.pages)):
        for report in reports:
            frames.report(report)


async def lending(meter: Meter, sample: Sample) -> None:
    """Every kind of frontier: one site's URLs added, lent and settled."""
    links = [CANON.of(f"{SEED}{number}") for number in range(QUEUED)]
    targets = [Target(link.url, link.site, link.fp, SEED) for link in links]
    for name, kind in KINDS.items():
        folder = sample.scratch / name
        folder.mkdir()
        async with kind(folder, Clock(), Options()) as frontier:
            for start in range(0, QUEUED, 500):
                with meter(f"add, {name}", "link", 500):
                    await frontier.add(targets[start : start + 500])
            settled = 0
            while settled < QUEUED:
                with meter(f"claim, {name}", "page", 0):
                    holdings = await frontier.claim(64, 256, TTL)
                leases = [lease for holding in holdings for lease in holding.leases]
                batch = [
                    Settled(lease, Verdict.FETCHED, found=_near(links, settled + number))
                    for number, lease in enumerate(leases)
                ]
                meter.done[f"claim, {name}", "page"] += len(leases)
                with meter(f"settle with {KNOWN} known links, {name}", "page", len(batch)):
                    await frontier.settle(batch, ())
                settled += len(batch)


async def writing(meter: Meter, sample: Sample) -> None:
    """Records into a file, in batches as large as they are when there is much to do."""
    reader = _reader()
    lines = [line for page in sample.pages for line in _parsed(reader, page).lines]
    to = Destination(str(sample.scratch / "out"), types=["page"])
    sink = await Records.open([to], OVERWRITE)
    with meter("sink", "page", 10 * len(lines)):
        for _ in range(10):
            for start in range(0, len(lines), 64):
                await sink.write(lines[start : start + 64])
    await sink.close()


OVERWRITE = Keeping("overwrite")

STAGES: Sequence[Stage] = (fetching, decoding, parsing, travelling, lending, writing)


def _near(links: Sequence[Link], number: int) -> Sequence[Link]:
    start = number % (len(links) - KNOWN)
    return links[start : start + KNOWN]


def _reader() -> Reader:
    reading = Reading("crawlway")
    reader = Reader(reading, reading.make_scope())
    reader.scope.widen(SEED)
    return reader


def _parsed(reader: Reader, page: Page) -> Parsed:
    parsed = reader.read(page)
    assert isinstance(parsed, Parsed)
    return parsed


def _page(url: str, body: bytes) -> Page:
    link = CANON.of(url)
    target = Target(link.url, link.site, link.fp, SEED, via=SEED, depth=1)
    return Page(target, Fetched(url, 200, {"content-type": TYPE}, body, len(body), 0.01), 1, 0.0)


def _bodies(count: int) -> Iterator[tuple[str, bytes]]:
    """Yield URLs and bodies of pages in the proportions of the site of ``make bench``."""
    if missing():
        for number in range(count):
            links = [f"/{(number * 7 + step) % count}.html" for step in range(120)]
            yield f"{SEED}{number}.html", made_up(links, f"Page {number}").encode()
        return
    files = {name: sorted(folder.rglob("*.html")) for name, folder in FOLDERS.items()}
    whole = sum(COPIES[name] * len(files[name]) for name in files)
    for name, paths in files.items():
        share = max(1, count * COPIES[name] * len(paths) // whole)
        for number in range(share):
            path = paths[number * len(paths) // share]
            yield f"{SEED}{name}/{path.relative_to(FOLDERS[name])}", path.read_bytes()


if __name__ == "__main__":
    main()
