"""Every behaviour in one crawl with the real command: each URL ends once, as the table says."""

from pathlib import Path

from crawler.settings import CONTENT
from tests.hostile.judge import NAMED, crawl, wrong
from tests.web.hostile import certificates
from tests.web.hostile.ends import page
from tests.web.hostile.rows import BODIES, CALENDAR, LEFT, ROBOTS, ROWS, row
from tests.web.hostile.sites import serve
from tests.web.server import Web

HEALTHY = 50


def test_the_table_is_whole() -> None:
    assert {row.number for row in ROWS} == set(range(1, 81))
    assert len({(row.number, row.name) for row in ROWS}) == len(ROWS)


def test_every_behaviour_ends_as_the_table_says(web: Web, tmp_path: Path) -> None:
    authority = certificates.authority(tmp_path)
    sites = serve(web, ROWS, tmp_path)
    healthy = web.pages({"/": [f"/{n}" for n in range(1, HEALTHY)]}
                        | {f"/{n}": ["/"] for n in range(1, HEALTHY)})  # fmt: skip

    ran = crawl([healthy, *(site.origin for site in sites)], "--sitemap", "add",
                command=NAMED, SSL_CERT_FILE=str(authority))  # fmt: skip

    assert wrong(ran, sites, web) == []
    assert [each["type"] for each in ran.records if each["url"].startswith(healthy)] == (
        ["page"] * HEALTHY
    )
    assert (ran.code, ran.err) == (0, "")


def test_the_wire_is_the_same_on_the_other_loop_and_whatever_is_kept(web: Web) -> None:
    sites = serve(web, [row for row in BODIES if row.number > 3])  # those take seconds

    kept = [f"--{kind}" for kind in CONTENT]
    ran = crawl([site.origin for site in sites], "--loop", "asyncio", *kept)

    assert wrong(ran, sites, web) == []
    assert (ran.code, ran.err) == (0, "")


def test_what_is_due_in_a_year_is_left_and_said(web: Web) -> None:
    (site,) = serve(web, [LEFT])

    ran = crawl([site.origin, web.pages({"/": []})], "--max-wait", "5s", "--emit", "page,summary")

    assert ran.code == 75
    assert "--max-wait" in ran.err
    (summary,) = ran.of("summary")
    assert (summary["left"], summary["fetched"], summary["failed"]) == (1, 1, 0)
    assert len([request for request in web.log if request.port == site.port]) == 2


def test_a_calendar_ends_where_the_user_says(web: Web) -> None:
    (site,) = serve(web, [CALENDAR])

    ran = crawl([site.origin], "-n", "100")

    assert (ran.code, ran.err, len(ran.of("page"))) == (0, "", 100)
    assert len(web.requests()) <= 102


def test_a_wrong_end_and_a_lost_or_doubled_record_would_be_noticed(web: Web) -> None:
    lies = [
        row(5, "less than its length", BODIES[4].answers, page()),
        row(6, "nowhere", BODIES[5].answers, {"/": page(), "/b": page()}),
        row(73, "asked twice", ROBOTS[0].answers, page(), robots=2),
        row(4, "asked for too often", BODIES[5].answers, page(tries=2)),
        row(1, "a page too many", "<a href=/b>", page()),
    ]
    sites = serve(web, lies)

    ran = crawl([site.origin for site in sites])
    found = wrong(ran, sites, web)

    assert [line.partition(":")[0] for line in found] == [
        "5 less than its length", "5 less than its length", "6 nowhere",
        "73 asked twice", "4 asked for too often", "1 a page too many",
    ]  # fmt: skip
    doubled = type(ran)(ran.code, ran.out * 2, ran.err)
    assert all(f"{site.row.name}: 2 records for /" in "\n".join(wrong(doubled, sites, web))
               for site in sites)  # fmt: skip
