"""Scrapy, as its documentation has it fast: ``with_scrapy.py URL OUTPUT``.

Runs in an interpreter that has Scrapy, with nothing of ours.
"""

import sys
from collections.abc import Iterator
from typing import Any, ClassVar
from urllib.parse import urlsplit

import scrapy
from scrapy.crawler import CrawlerProcess
from scrapy.linkextractors import LinkExtractor

SEED, OUTPUT = sys.argv[1:]


class Pages(scrapy.Spider):  # type: ignore[misc]
    """Follows what ours follows, and writes a record a page."""

    name = "pages"
    start_urls = (SEED,)
    custom_settings: ClassVar = {
        "CONCURRENT_REQUESTS": 64,
        "CONCURRENT_REQUESTS_PER_DOMAIN": 64,
        "DOWNLOAD_DELAY": 0,
        "ROBOTSTXT_OBEY": True,
        "AUTOTHROTTLE_ENABLED": False,
        "TELNETCONSOLE_ENABLED": False,
        "COOKIES_ENABLED": False,
        "RETRY_ENABLED": False,
        "TWISTED_REACTOR": "twisted.internet.asyncioreactor.AsyncioSelectorReactor",
        "FEEDS": {OUTPUT: {"format": "jsonlines"}},
    }
    links = LinkExtractor(
        allow_domains=[urlsplit(SEED).netloc],
        tags=("a", "area", "iframe", "frame"),
        attrs=("href", "src"),
        deny_extensions=(),
    )

    def parse(self, response: Any) -> Iterator[Any]:
        if not hasattr(response, "css"):
            return
        yield {
            "url": response.url,
            "status": response.status,
            "title": response.css("title::text").get(),
        }
        for link in self.links.extract_links(response):
            yield scrapy.Request(link.url)


process = CrawlerProcess({"LOG_LEVEL": "WARNING"})
process.crawl(Pages)
process.start()
