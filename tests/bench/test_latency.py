"""Many sites that answer late: the connections are full all the time, and are not made in vain."""

from pathlib import Path

import pytest

from tests.bench.looks import Look, crawl
from tests.bench.made_up import late
from tests.bench.test_soaks import CROWDED
from tests.cli.run import broken
from tests.cli.run import crawl as run
from tests.web.certificates import Certificates
from tests.web.server import Reply, Request, Web, html

pytestmark = pytest.mark.alone

PAGES = 20
"""Of each site."""

PER_HOST = 2

WASTEFUL = """
from crawler.fetch.connection import Connection
Connection.should_close = property(lambda self: True)
"""


def seeds(scratch: Path, origins: list[str]) -> list[str]:
    """Return the flags that have sites on private addresses crawled."""
    file = scratch / "seeds"
    file.write_text("".join(f"{origin}/\n" for origin in origins))
    return ["-i", str(file), "--allow-private"]


def full(last: Look, sites: int, connections: int, lag: float) -> float:
    """Return what part of the ideal was reached: pages and robots.txt, nothing in between."""
    return sites * (PAGES + 1) / connections * lag / last.at


@pytest.mark.slow
def test_five_hundred_sites_keep_two_hundred_connections_full(tmp_path: Path) -> None:
    sites, connections, lag = 500, 200, 0.1
    with late(lag, sites, PAGES) as origins:
        asked = [*seeds(tmp_path, origins), "-c", str(connections), "-o", "/dev/null"]
        last = min((crawl(*asked)[-1] for _ in range(3)), key=lambda look: look.at)

    share, others = full(last, sites, connections, lag), last.taken
    print(
        f"{sites} sites: {last.at:.1f} s, {last.fetched / last.at:,.0f} pages/s, {share:.0%} of "
        f"the ideal; others had {others:.0%} of the machine"
    )
    assert last.fetched == sites * PAGES
    assert share >= 0.8 or others > CROWDED


def handshakes(web: Web, certificates: Certificates, sites: int) -> tuple[list[str], list[None]]:
    """Serve sites over TLS; return their origins, and what grows with each handshake."""
    begun: list[None] = []
    page = html(f"/{number}" for number in range(1, PAGES))

    async def answer(request: Request) -> Reply:
        return Reply("", 404) if request.path == "/robots.txt" else Reply(page)

    context = certificates.valid("127.0.0.1")
    context.sni_callback = lambda *_: begun.append(None)
    return [web.serve(answer, tls=context) for _ in range(sites)], begun


def test_a_connection_over_tls_is_made_once(
    web: Web, certificates: Certificates, tmp_path: Path
) -> None:
    origins, begun = handshakes(web, certificates, 50)

    ran = run(*seeds(tmp_path, origins), SSL_CERT_FILE=str(certificates.file))

    assert len(ran.of("page")) == 50 * PAGES
    print(f"{len(begun)} handshakes for {len(web.log):,} requests to {len(origins)} sites")
    assert len(origins) <= len(begun) <= PER_HOST * len(origins)


def test_one_connection_for_each_request_would_be_noticed(
    web: Web, certificates: Certificates, tmp_path: Path
) -> None:
    origins, begun = handshakes(web, certificates, 5)

    ran = broken(WASTEFUL, *seeds(tmp_path, origins), SSL_CERT_FILE=str(certificates.file))

    assert len(ran.of("page")) == 5 * PAGES
    assert len(begun) > PER_HOST * len(origins)
