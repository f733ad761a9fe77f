"""How often a hostile site is asked: counted by the server, bounded by the promises."""

import itertools
import socket
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.cli.run import Ran
from tests.hostile.judge import crawl
from tests.web.hostile.answers import in_turn, links, made, sized, to
from tests.web.hostile.ends import page
from tests.web.hostile.rows import row
from tests.web.hostile.sites import serve
from tests.web.server import Reply, Request, Web

HOPS = 11
"""Requests that a chain of redirects may cost: the first and ten more (I12)."""


def asked(web: Web) -> Counter[str]:
    """Count requests by path, without robots.txt."""
    return Counter(each.path for each in web.log if each.path != "/robots.txt")


def endless_hops(request: Request) -> Reply:
    """Redirect to somewhere new, for ever."""
    return Reply("", 302, headers={"Location": f"/{int(request.path[1:] or 0) + 1}"})


def test_hops_without_end_cost_eleven_requests(web: Web) -> None:
    (site,) = serve(web, [row(54, "unique hops", {"*": made(endless_hops)}, page())])

    ran = crawl([site.origin])

    assert sum(asked(web).values()) == HOPS
    assert [record["error"]["class"] for record in ran.of("error")] == ["too_many_redirects"]
    assert len(ran.of("redirect")) == HOPS - 1


def test_hops_without_end_from_each_of_many_links_cost_no_more_each(web: Web) -> None:
    starts = [f"/{number}000" for number in range(1, 21)]
    (site,) = serve(web, [row(54, "", {"/": links(*starts), "*": made(endless_hops)}, page())])

    crawl([site.origin], "--per-host", "16")

    assert sum(asked(web).values()) == 1 + HOPS * len(starts)


def test_a_ring_of_redirects_is_walked_once_from_wherever_it_is_entered(web: Web) -> None:
    ring = {f"/{n}": to(f"/{(n + 1) % 5}") for n in range(5)}
    (site,) = serve(web, [row(53, "a ring", {"/": links(*ring), **ring}, page())])

    ran = crawl([site.origin])

    assert set(asked(web).values()) == {1}
    assert len(ran.of("redirect")) == 5


def test_pages_that_refresh_to_one_another_are_fetched_once(web: Web) -> None:
    ring = {f"/{n}": links(head=f'<meta http-equiv=refresh content="0; url=/{(n + 1) % 5}">')
            for n in range(5)}  # fmt: skip
    (site,) = serve(web, [row(63, "a ring", {"/": ring["/0"], **ring}, page())])

    crawl([site.origin])

    assert asked(web) == Counter(["/", *ring])


def starts(web: Web) -> list[float]:
    return [request.started for request in web.log if request.path != "/robots.txt"]


def test_in_a_storm_of_429_the_site_is_asked_at_the_pace_it_names(web: Web) -> None:
    busy = Reply("busy", 429, headers={"Retry-After": "1"})
    paths = [f"/{number}" for number in range(1, 6)]
    (site,) = serve(web, [row(65, "a storm", {"/": links(*paths), "*": busy}, page())])

    ran = crawl([site.origin], "--per-host", "16", "--retries", "0")

    refused = [request.started for request in web.log if request.path in paths]
    # Those that were under way when the first refusal came, and then one for each pause.
    assert len(refused) == len(ran.of("error")) == 5
    waves = [later - earlier for earlier, later in itertools.pairwise(refused)]
    assert all(gap < 0.5 or gap >= 0.995 for gap in waves)


def test_429_without_a_word_is_no_reason_to_hurry(web: Web) -> None:
    (site,) = serve(web, [row(65, "a storm", Reply("busy", 429), page())])

    crawl([site.origin])

    first, second = starts(web)
    assert second - first >= 0.995


def test_a_pause_is_the_sites_and_not_the_urls(web: Web) -> None:
    busy = in_turn(Reply("", 503, headers={"Retry-After": "1"}), sized())
    (site,) = serve(web, [row(64, "busy once", {"/": busy, "*": sized()}, page())])
    origin = site.origin

    ran = crawl([origin, *(f"{origin}/{number}" for number in range(50))], "--per-host", "1")

    (told,) = [request.ended for request in web.log if request.path == "/"][:1]
    assert len(ran.of("page")) == 51
    assert not [each for each in web.log if told < each.started < told + 0.995]


def dead_site(count: int) -> tuple[list[str], socket.socket]:
    """Return URLs of a site that refuses connections for as long as the socket lives."""
    taken = socket.socket()
    taken.bind(("127.0.0.1", 0))
    return [f"http://127.0.0.1:{taken.getsockname()[1]}/{n}" for n in range(count)], taken


PATIENT = """
import sys
from crawler.policy import pace
pace.RESTS = tuple(rest / 300 for rest in pace.RESTS)  # 0.1, 0.2 and 0.4 s
from crawler.fetch import addresses
guarded = addresses.guarded_socket
connects = []
def counted(info):
    connects.append(info)
    return guarded(info)
import crawler.fetch.http as http
http.guarded_socket = counted
import crawler.cli, os
if "BREAK" in os.environ:
    pace.ROW = 10**9  # silence is never noticed
leave = os._exit
def exit(code):
    print(len(connects), file=sys.stderr, flush=True)
    leave(code)
os._exit = exit
crawler.cli.main()
"""
"""The command with rests a 300th as long, that says at its end how often it connected."""


def of_a_dead_site(folder: Path, count: int, *args: str, **env: str) -> tuple[int, Ran]:
    """Crawl URLs of a dead site; return how many connections that took."""
    urls, taken = dead_site(count)
    seeds = folder / "seeds"
    seeds.write_text("\n".join(urls))
    with taken:
        ran = crawl([], "-i", str(seeds), "--allow-private", *args,
                    command=[sys.executable, "-c", PATIENT], **env)  # fmt: skip
    *_, connects = ran.err.splitlines()
    return int(connects), ran


@pytest.mark.parametrize("count", [1_000, pytest.param(10_000, marks=pytest.mark.slow)])
def test_a_dead_site_of_many_urls_costs_a_few_connections(tmp_path: Path, count: int) -> None:
    connects, ran = of_a_dead_site(tmp_path, count)

    # Five in a row and one after each of three rests; one more may have been on its way.
    assert connects <= 5 + 3 + 2
    assert ran.code == 69
    classes = Counter(record["error"]["class"] for record in ran.of("error"))
    assert sum(classes.values()) == len({record["url"] for record in ran.records}) == count
    assert set(classes) == {"connect", "site_down"}
    assert classes["connect"] <= 8


def test_a_dead_site_that_is_asked_for_each_url_would_be_noticed(tmp_path: Path) -> None:
    connects, _ = of_a_dead_site(tmp_path, 20, "--ignore-robots", "--retries", "0", BREAK="1")

    assert connects > 10
