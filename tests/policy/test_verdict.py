"""What an answer means for its URL: a page, a hop, or an error of which class."""

import msgspec
import pytest

from crawler.model import Failed, Fault, Fetched
from crawler.policy.verdict import MAX_HOPS, Hop, judge
from tests.policy.make import failed, fetched, target

PAGE = "https://a.example/dir/page"


def redirect(location: str | None, status: int = 302) -> Fetched:
    return fetched(status, url=PAGE, headers={} if location is None else {"location": location})


@pytest.mark.parametrize("status", [200, 201, 204, 206, 299])
def test_2xx_is_a_page(status: int) -> None:
    answer = fetched(status)

    assert judge(target(PAGE), answer) is answer


def test_a_failure_stays_what_it_is() -> None:
    failure = failed(Fault.TLS)

    assert judge(target(PAGE), failure) is failure


@pytest.mark.parametrize("status", [300, 301, 302, 303, 307, 308])
def test_3xx_with_a_location_is_a_hop(status: int) -> None:
    assert judge(target(PAGE), redirect("/x", status)) == Hop(status, "https://a.example/x")


@pytest.mark.parametrize(
    ("location", "url"),
    [
        ("", PAGE),
        ("other", "https://a.example/dir/other"),
        ("//b.example", "https://b.example/"),
        ("#part", PAGE),
        ("/x#part", "https://a.example/x"),
        ("?q", PAGE + "?q"),
        ("\\x", "https://a.example/x"),
        ("/é", "https://a.example/%C3%A9"),
        ("http://user:pw@b.example/", "http://b.example/"),
    ],
)
def test_a_location_is_joined_like_a_link(location: str, url: str) -> None:
    assert judge(target(PAGE), redirect(location)) == Hop(302, url)


@pytest.mark.parametrize(
    "location",
    [
        None,
        "file:///etc/passwd",
        "ftp://a.example/",
        "javascript:alert(1)",
        "data:text/html,x",
        "http://a.example:99999/",
        "http://[::1",
        "/\ud800",
    ],
)
def test_a_redirect_that_leads_nowhere_is_a_bad_redirect(location: str | None) -> None:
    judged = judge(target(PAGE), redirect(location))

    assert isinstance(judged, Failed)
    assert judged.fault is Fault.BAD_REDIRECT
    assert judged.status == 302


def test_an_endless_location_is_cut_in_the_message() -> None:
    judged = judge(target(PAGE), redirect("ftp://" + "a" * 10_000))

    assert isinstance(judged, Failed)
    assert len(judged.message) < 300


def test_ten_hops_may_follow_one_another_and_no_more() -> None:
    before_last = msgspec.structs.replace(target(PAGE), hops=MAX_HOPS - 1)
    last = msgspec.structs.replace(target(PAGE), hops=MAX_HOPS)

    judged = judge(last, redirect("/x"))

    assert MAX_HOPS == 10
    assert isinstance(judge(before_last, redirect("/x")), Hop)
    assert isinstance(judged, Failed)
    assert judged.fault is Fault.TOO_MANY_REDIRECTS


def test_after_ten_hops_a_page_is_still_a_page() -> None:
    last = msgspec.structs.replace(target(PAGE), hops=MAX_HOPS)

    assert judge(last, fetched()) == fetched()


@pytest.mark.parametrize(
    ("status", "fault", "message", "lasting"),
    [
        (400, Fault.HTTP_4XX, "400 Bad Request", True),
        (404, Fault.HTTP_4XX, "404 Not Found", True),
        (429, Fault.HTTP_4XX, "429 Too Many Requests", True),
        (499, Fault.HTTP_4XX, "499", True),
        (500, Fault.HTTP_5XX, "500 Internal Server Error", False),
        (503, Fault.HTTP_5XX, "503 Service Unavailable", False),
        (599, Fault.HTTP_5XX, "599", False),
    ],
)
def test_any_other_status_is_an_error_of_its_class(
    status: int, fault: Fault, message: str, lasting: bool
) -> None:
    assert judge(target(PAGE), fetched(status)) == Failed(fault, message, status, lasting)


@pytest.mark.parametrize("status", [0, 101, 199, 600, 999])
def test_a_status_that_http_does_not_know_is_an_error(status: int) -> None:
    judged = judge(target(PAGE), fetched(status))

    assert isinstance(judged, Failed)
    assert judged.status == status


@pytest.mark.parametrize("status", [0, 600, 999])
def test_a_status_beyond_http_is_treated_as_5xx(status: int) -> None:
    judged = judge(target(PAGE), fetched(status))

    assert isinstance(judged, Failed)
    assert judged.fault is Fault.HTTP_5XX
