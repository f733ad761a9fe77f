"""What is news against the pass before."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.model import (
    Change,
    Failed,
    Fault,
    Fetched,
    Gone,
    Known,
    Lease,
    Page,
    Reason,
    Settled,
    Target,
    Truncated,
    Verdict,
)
from crawler.policy import news, retry

TARGET = Target("http://a/", "a", 1, "http://a/")
bodies = st.binary(max_size=20)


def fetched(body: bytes | None, status: int = 200, truncated: Truncated | None = None) -> Fetched:
    return Fetched("http://a/", status, {"etag": "e"}, body, 0, 0.0, truncated)


def page(body: bytes, before: bytes | None, truncated: Truncated | None = None) -> Page:
    return Page(TARGET, fetched(body, truncated=truncated), 1, 0.0, before)


@given(bodies, bodies, st.integers(1, 3))
def test_pages_are_compared_by_their_bodies(now: bytes, then: bytes, run: int) -> None:
    digest, before = news.digest(fetched(now)), news.digest(fetched(then))
    change = news.compare(page(now, before), digest, run)
    if run == 1:
        assert change is None
    else:
        assert change is (Change.UNCHANGED if now == then else Change.CHANGED)
        assert news.compare(page(now, None), digest, run) is Change.NEW
        assert news.compare(page(now, b""), digest, run) is None  # known by something else
        assert news.compare(page(now, before, truncated="time"), digest, run) is None


def test_a_body_that_is_not_read_is_compared_by_its_head() -> None:
    same, other = fetched(None), Fetched("", 200, {"etag": "f"}, None, 0, 0.0)
    assert news.digest(same) == news.digest(fetched(None)) != news.digest(other)
    assert news.digest(same) != news.digest(fetched(b""))


@pytest.mark.parametrize("status", [200, 304, 404, 410, 500])
@pytest.mark.parametrize("was_page", [None, False, True])
@pytest.mark.parametrize("etag", [None, "e"])
def test_only_what_answered_before_can_be_unchanged_or_gone(
    status: int, was_page: bool | None, etag: str | None
) -> None:
    for known in (None, Known(page=was_page, etag=etag)):
        lease = Lease(TARGET, 1, known=known)
        failed = Failed(Fault.HTTP_4XX, "", status)
        there = known is not None and was_page is not None
        assert news.gone(lease, failed) == (there and status in (404, 410))
        asked = known is not None and etag is not None
        assert news.unchanged(lease, fetched(b"", status)) == (asked and status == 304)
        assert not news.unchanged(lease, Failed(Fault.DNS, ""))
        assert (news.before(lease) is not None) == there


@pytest.mark.parametrize(
    ("known", "turned"),
    [
        (None, False),
        (Known(404, "http_4xx"), False),
        (Known(200, page=True), True),
        (Known(301, page=False, digest=news.digest_of_redirect(301, "http://a/b")), False),
        (Known(301, page=False, digest=news.digest_of_redirect(301, "http://a/c")), True),
        (Known(302, page=False, digest=news.digest_of_redirect(302, "http://a/b")), True),
        (Known(503, page=False, digest=news.digest_of_redirect(301, "http://a/b")), False),
    ],
)
def test_a_redirect_has_turned_if_something_else_answered(
    known: Known | None, *, turned: bool
) -> None:
    lease = Lease(TARGET, 1, known=known)
    assert news.turned(lease, news.digest_of_redirect(301, "http://a/b")) is turned


@pytest.mark.parametrize(
    ("known", "status", "why", "same"),
    [
        (None, 404, Fault.HTTP_4XX, False),
        (Known(), 404, Fault.HTTP_4XX, False),
        (Known(404, "http_4xx"), 404, Fault.HTTP_4XX, True),
        (Known(410, "http_4xx"), 404, Fault.HTTP_4XX, False),
        (Known(404, "http"), 404, Fault.HTTP_4XX, True),
        (Known(None, None), None, Fault.DNS, False),
        (Known(None, "dns"), None, Fault.DNS, True),
        (Known(None, "robots"), None, Reason.ROBOTS, True),
        (Known(200, None), 301, None, False),
        (Known(301, None), 301, None, True),
    ],
)
def test_an_end_is_the_same_by_status_and_reason(
    known: Known | None, status: int | None, why: Fault | Reason | Gone | None, *, same: bool
) -> None:
    settled = Settled(Lease(TARGET, 1, known=known), Verdict.FAILED, status=status, why=why)
    assert news.same_end(settled) is same


def test_silence_and_trouble_tell_nothing() -> None:
    nothing = [Failed(fault, "", lasting=True) for fault in (Fault.DNS, Fault.TLS, Fault.SITE_DOWN)]
    nothing.append(Failed(Fault.HTTP_4XX, "", 429, lasting=True))
    nothing.append(Failed(Fault.HTTP_5XX, "", 503))
    something = [
        Failed(Fault.HTTP_4XX, "", 403, lasting=True), Failed(Fault.TOO_COMPLEX, "", lasting=True),
    ]  # fmt: skip
    assert all(map(retry.unsure, nothing))
    assert not any(map(retry.unsure, something))
    assert retry.unsure(fetched(b"", truncated="disconnect"))
    assert not retry.unsure(fetched(b"", truncated="length"))
