"""The real command among host names that misbehave: ``python -m tests.web.hostile.names ARGS``.

Only the system's resolver is another: ``hang*.test`` is not answered for 30 s,
``unknown*.test`` does not exist, ``dead6*.test`` has an IPv6 address that nobody listens on
before the right one, ``rebinding*.test`` a public address before a private one (both on
loopback: 127.0.0.9 stands for a public one). Every other ``.test`` is on 127.0.0.1.

With ``LAG`` in the environment it notes there how late the event loop was and how long
2-byte writes of a file took, in seconds, as JSON. ``HANGS`` is another time in seconds, and
with ``SHARED`` names are looked up in the default threads, a fault that tests must notice.
"""

import asyncio
import json
import os
import socket
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from crawler.cli import main
from crawler.engine.crawl import Crawl, Result
from crawler.fetch import addresses, resolve
from tests.cli.lag import beat

PUBLIC = "127.0.0.9"
HANGS = float(os.environ.get("HANGS", "30"))
EVERY = 0.005

_look_up = socket.getaddrinfo
_public = addresses.public
_run = Crawl.run


def look_up(host: str, port: int, *rest: Any) -> list[Any]:
    """Stand in for ``getaddrinfo``."""
    if not host.endswith(".test"):
        return _look_up(host, port, *rest)
    if host.startswith("hang"):
        threading.Event().wait(HANGS)
    if host.startswith(("hang", "unknown")):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    found = ["127.0.0.1"]
    if host.startswith("dead6"):
        found.insert(0, "::1")
    if host.startswith("rebinding"):
        found.insert(0, PUBLIC)
    return [answer for each in found for answer in _look_up(each, port, *rest)]


async def run_and_measure(crawl: Crawl, *args: Any) -> Result:
    """Run a crawl, and see how late the loop and the writes of files are meanwhile."""
    late: list[float] = []
    writes: list[float] = []
    beside = [asyncio.create_task(beat(late)), asyncio.create_task(_write(writes))]
    try:
        return await _run(crawl, *args)
    finally:
        for task in beside:
            task.cancel()
        await asyncio.gather(*beside, return_exceptions=True)
        _tell({"late": late, "writes": writes})


def _tell(measured: dict[str, list[float]]) -> None:
    Path(os.environ["LAG"]).write_text(json.dumps(measured))


async def _write(writes: list[float]) -> None:
    """Write as aiofiles does: in the loop's default threads."""
    with tempfile.TemporaryFile(buffering=0) as file:
        while True:
            began = time.monotonic()
            try:
                await asyncio.to_thread(file.write, b"x\n")
            finally:
                writes.append(time.monotonic() - began)
            await asyncio.sleep(EVERY)


if __name__ == "__main__":
    socket.getaddrinfo = look_up  # type: ignore[assignment]
    addresses.public = lambda text: text == PUBLIC or _public(text)
    if "SHARED" in os.environ:
        setattr(resolve, "ThreadPoolExecutor", lambda *_, **__: None)  # noqa: B010
    if "LAG" in os.environ:
        Crawl.run = run_and_measure  # type: ignore[assignment,method-assign]
    main()
