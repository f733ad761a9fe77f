"""The command on a small real site."""

from tests.cli.run import crawl
from tests.web.server import Web


def test_crawls_every_reachable_page_once(web: Web) -> None:
    origin = web.pages({"/": ["/a", "/b"], "/a": ["/b", "/c"], "/b": ["/"], "/c": ["/missing"]})

    ran = crawl(origin, "--emit", "page,error,summary", fresh=True)

    assert ran.code == 0, ran.err
    assert sorted(page["url"] for page in ran.of("page")) == [
        f"{origin}{path}" for path in ("/", "/a", "/b", "/c")
    ]
    assert [(error["status"], error["error"]["class"]) for error in ran.of("error")] == [
        (404, "http_4xx")
    ]
    (summary,) = ran.of("summary")
    assert summary["discovered"] == 5 == summary["fetched"] + summary["failed"]
    assert web.log[0].path == "/robots.txt"
    assert ran.err == ""


def test_a_crawl_delay_is_kept(web: Web) -> None:
    origin = web.pages({"/": ["/a", "/b"], "/a": [], "/b": []})

    ran = crawl(origin, "--delay", "200ms", fresh=True)

    assert len(ran.of("page")) == 3
    gaps = [
        after.started - before.ended for before, after in zip(web.log, web.log[1:], strict=False)
    ]
    assert min(gaps) >= 0.2
