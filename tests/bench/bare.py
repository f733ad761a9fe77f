"""The least that a crawler on this stack can do: the yardstick, not an example.

One process, aiohttp and selectolax, a set of URLs; no robots.txt, no caps, no guard, no
records, no politeness: ``python -m tests.bench.bare URL CONCURRENCY`` prints the number of
pages.
"""

import asyncio
import sys

import aiohttp
from ada_url import join_url
from selectolax.lexbor import LexborHTMLParser


async def crawl(seed: str, concurrency: int) -> int:
    """Fetch every page of the seed's host once; return how many were HTML."""
    origin = "/".join(seed.split("/")[:3]) + "/"
    seen = {seed}
    queue: asyncio.Queue[str] = asyncio.Queue()
    queue.put_nowait(seed)
    pages = 0

    async def work(session: aiohttp.ClientSession) -> None:
        nonlocal pages
        while True:
            url = await queue.get()
            async with session.get(url) as response:
                body = await response.read()
                if response.status == 200 and response.content_type == "text/html":
                    pages += 1
                    for node in LexborHTMLParser(body).css("a[href]"):
                        href = (node.attrs.get("href") or "").partition("#")[0]
                        try:
                            link = join_url(url, href)
                        except ValueError:
                            continue
                        if link.startswith(origin) and link not in seen:
                            seen.add(link)
                            queue.put_nowait(link)
            queue.task_done()

    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as session:
        workers = [asyncio.create_task(work(session)) for _ in range(concurrency)]
        await queue.join()
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
    return pages


if __name__ == "__main__":
    print(asyncio.run(crawl(sys.argv[1], int(sys.argv[2]))))
