"""Certificates are verified; -k is for the seeds' hosts; what is secret is told to nobody."""

from collections.abc import Callable

import pytest

from tests.cli.run import Ran, broken, crawl
from tests.web.certificates import Certificates
from tests.web.server import Reply, Request, Web, html

TRUSTING = """
from crawler.fetch.http import HttpFetcher
class Everyone(set):
    def __contains__(self, host):
        return True
honest = HttpFetcher.__init__
def trusting(self, *rooms):
    honest(self, *rooms)
    self._seed_hosts = Everyone()
HttpFetcher.__init__ = trusting
"""


async def page(request: Request) -> Reply:
    return Reply("", 404) if request.path == "/robots.txt" else Reply("page")


def at(origin: str, host: str) -> tuple[str, list[str]]:
    """Return the URL of a site under another name, and the flags that lead there."""
    port = origin.rpartition(":")[2]
    return f"https://{host}:{port}/", ["--resolve", f"{host}:{port}:127.0.0.1"]


KINDS: dict[str, Callable[[Certificates], object]] = {
    "expired": lambda certificates: certificates.expired("seed.test"),
    "self-signed": lambda certificates: certificates.self_signed("seed.test"),
    "wrong host": lambda certificates: certificates.valid("other.test"),
    "a name below": lambda certificates: certificates.valid("*.seed.test"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_bad_certificate_fails_unless_it_is_the_seeds_and_insecure(
    web: Web, certificates: Certificates, kind: str
) -> None:
    seed, flags = at(web.serve(page, tls=KINDS[kind](certificates)), "seed.test")  # type: ignore[arg-type]

    def run(*more: str) -> Ran:
        return crawl(seed, *flags, *more, SSL_CERT_FILE=str(certificates.file))

    ran = run()
    assert ran.code == 76
    assert [record["error"]["class"] for record in ran.records] == ["tls"]
    assert "certificate" in ran.records[0]["error"]["message"]
    assert not web.log
    assert run("-k").code == 0
    assert web.log


def test_a_good_certificate_is_good(web: Web, certificates: Certificates) -> None:
    seed, flags = at(web.serve(page, tls=certificates.valid("seed.test")), "seed.test")

    assert crawl(seed, *flags, SSL_CERT_FILE=str(certificates.file)).code == 0
    assert crawl(seed, *flags).code == 76  # nobody else trusts our authority


def served(web: Web, certificates: Certificates) -> tuple[str, list[str], str]:
    """Serve a seed and another host from one address and port, both with a bad certificate."""
    to: list[str] = []

    async def handler(request: Request) -> Reply:
        if request.host.startswith("seed.test") and request.path == "/":
            return Reply(html(["/redirect", *to]))
        if request.path == "/redirect":
            return Reply("", 302, headers={"Location": to[0] + "redirected"})
        return await page(request)

    origin = web.serve(handler, tls=certificates.self_signed("seed.test", "other.test"))
    seed, flags = at(origin, "seed.test")
    other, more = at(origin, "other.test")
    to.append(other)
    return seed, [*flags, *more, "-k", "--scope", "any", "--retries", "0"], other


def test_insecure_reaches_no_other_host_nor_its_connections(
    web: Web, certificates: Certificates
) -> None:
    seed, flags, other = served(web, certificates)

    ran = crawl(seed, *flags)

    assert ran.code == 0
    assert {record["url"]: record["error"]["class"] for record in ran.of("error")} == {
        other: "tls", other + "redirected": "tls",
    }  # fmt: skip
    assert {request.host.partition(":")[0] for request in web.log} == {"seed.test"}


def test_a_crawler_that_trusts_everyone_would_be_caught(
    web: Web, certificates: Certificates
) -> None:
    seed, flags, _ = served(web, certificates)

    assert broken(TRUSTING, seed, *flags).of("error") == []
    assert "other.test" in {request.host.partition(":")[0] for request in web.log}


def tattling(web: Web) -> list[str]:
    """Return the requests that tell where we come from, or more of a URL than is meant."""
    return [
        request.path
        for request in web.log
        if "referer" in request.headers
        or set("@#") & set(request.path)
        or "s3cret" in str(request.headers)
        or "s3cret" in request.path
    ]


def linked(web: Web) -> str:
    other = web.serve(page, "127.0.0.2")

    async def handler(request: Request) -> Reply:
        if request.path == "/redirect":
            return Reply(
                "", 307, headers={"Location": "http://me:s3cret@" + other[7:] + "/r#s3cret"}
            )
        links = ["/next#s3cret", f"http://me:s3cret@{request.host}/own", "/redirect"]
        links.append(f"http://me:s3cret@{other[7:]}/other#s3cret")
        return Reply(html(links)) if request.path == "/" else await page(request)

    return web.serve(handler)


FLAGS = ("--scope", "any", "--allow-private")


def test_no_request_says_where_we_come_from(web: Web) -> None:
    ran = crawl(linked(web) + "/#s3cret", *FLAGS)

    assert len(ran.of("page")) == 5, ran.records
    assert tattling(web) == []
    assert "s3cret" not in ran.out + ran.err


def test_a_tattler_would_be_caught(web: Web) -> None:
    origin = linked(web)
    crawl(origin, *FLAGS, "-H", f"Referer: {origin}/")

    assert tattling(web)
