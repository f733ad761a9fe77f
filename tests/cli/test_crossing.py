"""No credential crosses an origin: redirects of every kind, robots.txt, sitemaps, retries."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from crawler.fetch.credentials import basic
from tests.cli.run import Ran, broken, crawl
from tests.web.certificates import Certificates
from tests.web.server import Reply, Request, Web, html

STATUSES = (301, 302, 303, 307, 308)
SECRETS = ("authorization", "cookie", "proxy-authorization", "x-api-key", "x-twice", "referer")

LEAK = """
from crawler.fetch.credentials import Credentials
honest = Credentials.headers
def leaking(self, origin):
    return honest(self, next(iter(self._seeds), origin))
Credentials.headers = leaking
"""


@dataclass
class Sites:
    """One handler at several origins: the seed's, and others that differ in one thing."""

    web: Web
    origins: dict[str, str]
    resolve: list[str]
    flaky: bool = False
    """Whether the first requests after some redirects fail, and are made again."""

    def heard(self, *, at_seed: bool) -> list[Request]:
        """Return the requests that came to the seed's origin, or to any other."""
        seed = self.origins["same"]
        return [
            request
            for request in self.web.log
            if (f"http://{request.host}" == seed and request.address == "127.0.0.1") == at_seed
        ]


@pytest.fixture
def sites(web: Web, certificates: Certificates) -> Sites:
    failed: set[str] = set()
    origins: dict[str, str] = {}
    sites = Sites(web, origins, [])

    async def handler(request: Request) -> Reply:
        seed = f"http://{request.host}" == origins["same"] and request.address == "127.0.0.1"
        path = request.path
        if path == "/robots.txt":
            named = "".join(f"Sitemap: {each}/sitemap.xml\n" for each in origins.values())
            return Reply(named, type="text/plain") if seed else Reply("", 404)
        if path == "/sitemap.xml":
            locations = "".join(f"<url><loc>{x}/mapped</loc></url>" for x in origins.values())
            return Reply(f"<urlset>{locations}</urlset>", type="application/xml")
        if path == "/":
            paths = [f"/{kind}/{status}" for kind in origins for status in STATUSES]
            cookie = {"Set-Cookie": "jar=j4r; Path=/"}
            return Reply(html([*paths, *(f"{x}/linked" for x in origins.values())]), headers=cookie)
        kind, _, status = path[1:].partition("/")
        if kind in origins and status.isdecimal():
            to = origins[kind].replace("//", "//us3r:pa55@") + f"/landed/{kind}/{status}#frag"
            return Reply("", int(status), headers={"Location": to})
        if sites.flaky and status.endswith("/302") and path not in failed:
            failed.add(path)
            return Reply("", 503)
        return Reply("")

    port = web.serve(handler).rpartition(":")[2]
    other = web.serve(handler).rpartition(":")[2]
    web.serve(handler, "127.0.0.2", int(port))  # a Host header has no trailing dot
    hosts = ["seed.test", "other.test", "www.seed.test"]
    tls = web.serve(handler, tls=certificates.valid("seed.test")).rpartition(":")[2]
    six = web.serve(handler, "::1").rpartition(":")[2]
    origins |= {
        "same": f"http://seed.test:{port}",
        "scheme": f"https://seed.test:{tls}",
        "host": f"http://other.test:{port}",
        "port": f"http://seed.test:{other}",
        "subdomain": f"http://www.seed.test:{port}",
        "dot": f"http://seed.test.:{port}",
        "six": f"http://[::1]:{six}",
    }
    places = [f"{host}:{port}:127.0.0.1" for host in hosts]
    places += [f"seed.test:{each}:127.0.0.1" for each in (other, tls)]
    places.append(f"seed.test.:{port}:127.0.0.2")
    sites.resolve += [word for place in places for word in ("--resolve", place)]
    return sites


def run(
    sites: Sites,
    certificates: Certificates,
    *flags: str,
    seed: str = "",
    code: str = "",
    home: str = "",
) -> Ran:
    words = (
        seed or sites.origins["same"], "--scope", "any", "--allow-private", "--sitemap", "add",
        "--per-host", "8", "--retries", "1", *sites.resolve, *flags,
    )  # fmt: skip
    trusted = str(certificates.file)
    if code:
        return broken(code, *words, SSL_CERT_FILE=trusted)
    return crawl(*words, SSL_CERT_FILE=trusted, HOME=home)


def whole(sites: Sites, ran: Ran) -> bool:
    """Whether every redirect to every origin was followed to a page."""
    landed = {record["url"] for record in ran.of("page") if "/landed/" in record["url"]}
    return landed == {
        f"{origin}/landed/{kind}/{status}"
        for kind, origin in sites.origins.items()
        for status in STATUSES
    }


def leaks(sites: Sites) -> set[str]:
    """Return the headers that any origin but the seed's was sent."""
    return {
        name
        for request in sites.heard(at_seed=False)
        for name in SECRETS
        if name in request.headers
    }


GIVEN = {
    "authorization": basic("me", "s3cret"),
    "cookie": "a=1",
    "proxy-authorization": "Basic cHI6b3h5",
    "x-api-key": "k3y",
    "x-twice": "second",
}
FLAGS = (
    "--auth", "me:s3cret", "-b", "a=1", "-H", "X-Api-Key: k3y", "-H", "X-Twice: first",
    "-H", "X-Twice: second", "-H", "Proxy-Authorization: Basic cHI6b3h5",
)  # fmt: skip


def test_what_flags_give_stays_at_the_seeds_origin(
    sites: Sites, certificates: Certificates
) -> None:
    sites.flaky = True
    ran = run(sites, certificates, *FLAGS)

    assert whole(sites, ran), ran.err
    assert leaks(sites) == set()
    for request in sites.heard(at_seed=True):
        assert {name: request.headers.get(name) for name in GIVEN} == GIVEN
    paths = [request.path for request in sites.heard(at_seed=False)]
    assert paths.count("/robots.txt") >= len(sites.origins) - 1
    assert "/sitemap.xml" in paths
    assert paths.count("/landed/host/302") == 2  # it was retried
    assert not any("@" in path or "#" in path for path in paths)
    assert "us3r" not in ran.out


def test_userinfo_and_netrc_stay_at_the_seeds_origin(
    sites: Sites, certificates: Certificates, tmp_path: Path
) -> None:
    typed = sites.origins["same"].replace("//", "//me:s3cret@")
    (tmp_path / ".netrc").write_text("machine seed.test login me password s3cret\n")
    (tmp_path / ".netrc").chmod(0o600)

    for flags, seed in (((), typed), (("--netrc",), "")):
        sites.web.log.clear()
        ran = run(sites, certificates, *flags, seed=seed, home=str(tmp_path))
        assert whole(sites, ran), ran.err
        assert leaks(sites) == set()
        for request in sites.heard(at_seed=True):
            assert request.headers["authorization"] == basic("me", "s3cret")
        assert "s3cret" not in ran.out + ran.err


def test_a_jars_cookies_go_where_the_rfc_lets_them(
    sites: Sites, certificates: Certificates, tmp_path: Path
) -> None:
    ran = run(sites, certificates, "--cookie-jar", str(tmp_path / "cookies.txt"))

    assert whole(sites, ran), ran.err
    places = {
        (request.host.rpartition(":")[0], request.address)
        for request in sites.web.log
        if "cookie" in request.headers
    }
    assert places == {("seed.test", "127.0.0.1")}  # any port and scheme (8.5), no other host


def test_a_crawler_that_leaks_would_be_caught(sites: Sites, certificates: Certificates) -> None:
    ran = run(sites, certificates, *FLAGS, code=LEAK)

    assert whole(sites, ran), ran.err
    assert leaks(sites) == set(GIVEN)
