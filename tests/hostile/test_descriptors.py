"""Few file descriptors: fewer connections, and nothing else."""

import sys

from tests.cli.run import Ran
from tests.hostile.judge import crawl
from tests.web.proxy import ProxyWeb
from tests.web.server import Reply, Request, Web, html

SITES, PAGES = 70, 4
LIMITED = ["bash", "-c", 'ulimit -n 64; exec "$0" -c "$@"', sys.executable]
WHOLE = "from crawler.cli import main; main()"
BROKEN = "from crawler.fetch.connection import Connector; Connector._make_way = lambda *_: False; "
"""Idle connections make no way for new ones."""


def limited(web: Web, program: str, *args: str) -> Ran:
    """Crawl more sites than there are descriptors, one connection or more to each."""

    async def handler(request: Request) -> Reply:
        if request.path == "/robots.txt":
            return Reply(status=404)
        links = [f"/{n}" for n in range(1, PAGES)] if request.path == "/" else []
        return Reply(html(links), delay=0.05)

    sites = [web.serve(handler) for _ in range(SITES)]
    wide = ["-c", "200", "--per-host", "16", "--retries", "0"]
    return crawl(sites, *wide, *args, command=[*LIMITED, program])


def test_with_64_descriptors_and_200_wanted_no_page_is_lost(web: Web) -> None:
    ran = limited(web, WHOLE)

    assert ran.code == 0
    assert ran.err == "crawler: warning: ulimit -n 64 allows 20 connections at once\n"
    assert len({page["url"] for page in ran.of("page")}) == len(ran.records) == SITES * PAGES


def test_nor_behind_a_socks_proxy(through_web: ProxyWeb) -> None:
    proxy = ["--allow-private", "--proxy", f"socks5://{through_web.socks()}"]

    ran = limited(through_web, WHOLE, *proxy)

    assert ran.code == 0
    assert len({page["url"] for page in ran.of("page")}) == len(ran.records) == SITES * PAGES


def test_connections_that_are_kept_at_any_price_would_be_noticed(web: Web) -> None:
    ran = limited(web, BROKEN + WHOLE, "--max-time", "2s")

    assert "too many open files" in ran.out
