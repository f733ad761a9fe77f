"""``--sitemap``: the URLs that a site names itself, besides links or instead of them."""

import gzip

import pytest

from tests.cli.run import Ran, crawl
from tests.parse.test_sitemap import urlset
from tests.web.server import Reply, Request, Web, html


def site(web: Web, *, announced: bool = True) -> str:
    """A site with an index, a plain and a compressed sitemap, and a page only links find."""

    async def handler(request: Request) -> Reply | None:
        origin = f"http://{request.host}"
        if request.path == "/robots.txt":
            name = f"Sitemap: {origin}/sitemap.xml\n" if announced else ""
            return Reply(f"User-agent: *\nDisallow: /private\n{name}", type="text/plain")
        if request.path == "/sitemap.xml":
            index = f"<sitemapindex><sitemap><loc>{origin}/a.xml</loc></sitemap>"
            index += f"<sitemap><loc>{origin}/b.xml.gz</loc></sitemap></sitemapindex>"
            return Reply(index, type="application/xml")
        if request.path == "/a.xml":
            found = [f"{origin}/listed", f"{origin}/private/x", "http://elsewhere.test/"]
            return Reply(urlset(*found), type="text/xml; charset=utf-8")
        if request.path == "/b.xml.gz":
            body = gzip.compress(urlset(f"{origin}/packed", *([f"{origin}/packed"] * 4_000)))
            return Reply(body, type="application/gzip")
        if request.path in ("/", "/listed", "/packed", "/linked"):
            return Reply(html(["/linked"]))
        return Reply(status=404)

    return web.serve(handler)


def paths(ran: Ran) -> dict[str, int]:
    """Return the depth of each HTML page by path."""
    return {
        "/" + page["url"].split("/", 3)[3]: page["depth"]
        for page in ran.of("page")
        if page["content_type"].startswith("text/html")
    }


def test_off_is_the_default(web: Web) -> None:
    assert paths(crawl(site(web))) == {"/": 0, "/linked": 1}
    assert not web.requests("/sitemap.xml")


def test_add_follows_sitemaps_as_well_as_links(web: Web) -> None:
    ran = crawl(site(web), "--sitemap", "add", "--emit", "page,skip,error")

    assert ran.code == 0
    assert paths(ran) == {"/": 0, "/listed": 0, "/packed": 0, "/linked": 1}
    assert [each["reason"] for each in ran.of("skip")] == ["robots"]
    assert ran.of("error") == []


@pytest.mark.parametrize("flags", [[], ["--ignore-robots"]])
def test_only_follows_sitemaps_instead_of_links(web: Web, flags: list[str]) -> None:
    ran = crawl(site(web, announced=False), "--sitemap", "only", *flags)

    assert ran.code == 0
    assert set(paths(ran)) - {"/private/x"} == {"/", "/listed", "/packed"}


def test_sitemaps_that_name_one_another_come_to_an_end(web: Web) -> None:
    async def handler(request: Request) -> Reply:
        origin = f"http://{request.host}"
        if request.path == "/robots.txt":
            return Reply(f"Sitemap: {origin}/0.xml", type="text/plain")
        if request.path.endswith(".xml"):
            number = int(request.path[1:-4])
            return Reply(urlset(f"{origin}/{number + 1}.xml"), type="text/xml")
        return Reply(html([]))

    ran = crawl(web.serve(handler), "--sitemap", "add", "--emit", "page,summary")

    assert len(ran.of("page")) == 1 + 4
    assert ran.of("summary")[0]["refused"] == {"depth": 1}
