"""Crawls through the API and measures itself: ``python -m tests.cli.lag URL DEADLINE``.

DEADLINE is how many seconds a page may take to parse. Prints JSON: records by URL, type and
message, the process's peak memory in KiB, and how late its event loop was (99th percentile, in
seconds). Without arguments it only measures an idle loop, for as long as its stdin is open:
the control.
"""

import asyncio
import functools
import json
import re
import sys
from pathlib import Path

import crawler
from crawler.parse.lab import Lab

BEAT = 0.005


def p99(late: list[float]) -> float:
    """Return the 99th percentile."""
    return sorted(late)[int(len(late) * 0.99)] if late else 0.0


async def beat(late: list[float]) -> None:
    """Note how late each beat comes."""
    now = asyncio.get_running_loop().time
    while True:
        due = now() + BEAT
        await asyncio.sleep(BEAT)
        late.append(now() - due)


async def measured(url: str, deadline: float) -> dict[str, object]:
    """Crawl and measure."""
    start = functools.partialmethod(Lab.__init__, deadline=deadline)
    setattr(Lab, "__init__", start)  # noqa: B010 - mypy minds a method that is assigned
    late: list[float] = []
    beating = asyncio.create_task(beat(late))
    records = [
        (record["url"], record["type"], record.get("error", {}).get("message"))
        async for record in crawler.crawl([url], per_host=8, max_size=10_000_000)
    ]
    beating.cancel()
    return {"records": records, "p99": p99(late), "peak": peak()}


def peak() -> int:
    """Return the peak memory of this process alone, in KiB."""
    match = re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())
    return int(match[1]) if match else 0


async def control() -> dict[str, object]:
    """Measure an idle loop until stdin ends."""
    late: list[float] = []
    beating = asyncio.create_task(beat(late))
    await asyncio.to_thread(sys.stdin.read)
    beating.cancel()
    return {"p99": p99(late)}


if __name__ == "__main__":
    print(
        json.dumps(
            asyncio.run(measured(sys.argv[1], float(sys.argv[2])) if sys.argv[1:] else control())
        )
    )
