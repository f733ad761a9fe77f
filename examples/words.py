"""From Python: the pages of a site with the most words.  words.py https://example.com"""

import asyncio
import sys
from collections import Counter

import crawler


async def main(url: str) -> None:
    """Count the words of each page, and print the longest pages."""
    words: Counter[str] = Counter()
    async for record in crawler.crawl([url], text=True, max_pages=1_000):
        if record["type"] == "page":
            words[record["title"]] = len((record["text"] or "").split())
    for title, count in words.most_common(3):
        print(f"{count:4} {title}")


asyncio.run(main(sys.argv[1]))
