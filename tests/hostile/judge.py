"""What the tests of a hostile web share: crawl its sites, and hold records against the table."""

import os
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from tests.cli.run import COMMAND, Ran, finish
from tests.web.hostile.rows import MOST
from tests.web.hostile.sites import Site
from tests.web.server import Web

NAMED = [sys.executable, "-m", "tests.web.hostile.names"]
"""The command among names that misbehave."""

QUICK = ["--timeout", "2s", "--connect-timeout", "1s", "--retries", "1", "--max-size", str(MOST),
         "--emit", "page,redirect,error,skip"]  # fmt: skip


def crawl(urls: Iterable[str], *args: str, command: Sequence[str] = COMMAND, **env: str) -> Ran:
    """Crawl with these seeds, typed."""
    return finish([*command, "crawl", *QUICK, *args, *urls], env=os.environ | env, timeout=110)


def wrong(ran: Ran, sites: Sequence[Site], web: Web) -> list[str]:
    """Return how a crawl differs from the table, a line for each difference."""
    records: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for record in ran.records:
        records[record["url"]].append(record)
    asked = Counter((request.port, request.path) for request in web.log)
    return [
        f"{site.row.number} {site.row.name}: {what}"
        for site in sites
        for what in _wrong(site, records, asked)
    ]


def _wrong(
    site: Site, records: dict[str, list[dict[str, Any]]], asked: Counter[tuple[int, str]]
) -> Iterable[str]:
    row = site.row
    expected = {site.url(path): (path, end) for path, end in row.ends.items()}
    found = {url for url in records if url.startswith(site.origin + "/")}
    for url in sorted(found | set(expected)):
        path, end = expected.get(url, (url, None))
        if len(records[url]) != 1:
            yield f"{len(records[url])} records for {path}"
        elif end is not None:
            record = records[url][0]
            if record["type"] == "redirect":
                record = record | {"location": record["location"].removeprefix(site.origin)}
            if differs := end.differs(record):
                yield f"{path}: {differs}"
            times = asked[site.port, path]
            if end.tries is not None and times != end.tries:
                yield f"{path}: asked for {times} times, not {end.tries}"
        elif row.most is None:
            yield f"an unexpected record for {path}"
    if asked[site.port, "/robots.txt"] != row.robots:
        yield f"robots.txt asked for {asked[site.port, '/robots.txt']} times, not {row.robots}"
    total = sum(times for (port, _), times in asked.items() if port == site.port)
    if row.most is not None and total > row.most:
        yield f"{total} requests, more than {row.most}"
