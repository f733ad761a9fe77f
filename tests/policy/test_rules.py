"""Rules that a crawl is judged by: what they spell, when they are met, and where they are wrong."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.account import Tally
from crawler.model import Fault
from crawler.policy import rules
from crawler.policy.rules import Account

ACCOUNT = Account(
    Tally(discovered=1_500, fetched=900, redirected=50, failed=40, skipped=100, gone=10, left=400),
    {"http_4xx": 25, "timeout": 15},
    {200: 899, 204: 1, 301: 50, 404: 20, 403: 5, 410: 3},
    gone={"http": 3, "unlinked": 7},
)


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        ("errors>39", "errors>39: 40 errors"),
        ("errors>40", None),
        ("errors>=40", "errors>=40: 40 errors"),
        ("errors=40", "errors=40: 40 errors"),
        ("errors==40", "errors==40: 40 errors"),
        ("errors!=40", None),
        ("errors>4%", None),
        ("errors>=4%", "errors>=4%: 40 errors of 1,000 URLs, 4 %"),
        ("errors>3.9%", "errors>3.9%: 40 errors of 1,000 URLs, 4 %"),
        (" errors > 3 % ", " errors > 3 % : 40 errors of 1,000 URLs, 4 %"),
        ("pages<900", None),
        ("pages<901", "pages<901: 900 pages"),
        ("pages<=90%", "pages<=90%: 900 pages of 1,000 URLs, 90 %"),
        ("redirects>50", None),
        ("redirects>49", "redirects>49: 50 redirects"),
        ("gone>0", "gone>0: 10 gone"),
        ("gone>10", None),
        ("skipped>99", "skipped>99: 100 skipped"),
        ("skipped>6%", "skipped>6%: 100 skipped of 1,500 URLs, 6.67 %"),
        ("left>0", "left>0: 400 left"),
        ("left>=27%", None),
        ("timeout>14", "timeout>14: 15 timeout"),
        ("dns>0", None),
        ("status=404", "status=404: 20 answers"),
        ("status=404:20", None),
        ("status=404:19", "status=404:19: 20 answers"),
        ("status=404:2%", None),
        ("status=404:1.9%", "status=404:1.9%: 20 answers of 1,000 URLs, 2 %"),
        ("status>=400", "status>=400: 28 answers"),
        ("status>=500", None),
        ("status<200", None),
        ("status!=200:78", "status!=200:78: 79 answers"),
        ("broken", "broken: 43 broken"),  # what nothing links to any more is not
    ],
)
def test_a_rule_and_what_it_finds(text: str, finding: str | None) -> None:
    assert rules.parse(text).finding(ACCOUNT) == finding


def test_a_crawl_of_nothing_has_no_share() -> None:
    nothing = Account(Tally(), {}, {})
    all_of_them = [
        rules.parse(text) for text in ("errors>0%", "broken", "status>=500:0", "pages<1")
    ]

    assert rules.findings(all_of_them, nothing) == ["pages<1: 0 pages"]


@pytest.mark.parametrize(
    ("text", "caret", "wanted"),
    [
        ("", "^", "pages"),
        ("errros>1", "^errros>1", "class of error"),
        ("Errors>1", "^Errors>1", "pages"),
        ("errors", "errors^", "one of >"),
        ("errors>>1", "errors^>>1", "one of >"),
        ("errors=>1", "errors^=>1", "one of >"),
        ("errors 1", "errors ^1", "one of >"),
        ("errors>", "errors>^", "a number"),
        ("errors>-1", "errors>^-1", "a number"),
        ("errors>many", "errors>^many", "a number"),
        ("errors>1%%", "errors>1%^%", "the end"),
        ("errors>1:2", "errors>1^:2", "the end"),
        ("errors>1,5", "errors>1^,5", "the end"),
        ("status>=5", "status>=^5", "like 404"),
        ("status>=5000", "status>=^5000", "like 404"),
        ("status>=5xx", "status>=^5xx", "like 404"),
        ("status>=500 1%", "status>=500 ^1%", "a colon"),
        ("status>=500:", "status>=500:^", "a number"),
        ("status:1%", "status^:1%", "one of >"),
        ("broken>1", "broken^>1", "the end"),
        ("brok\nen", "brok", "pages"),
    ],
)
def test_what_is_no_rule_has_a_caret_at_what_is_wrong(text: str, caret: str, wanted: str) -> None:
    with pytest.raises(ValueError, match=r"^--fail-on ") as raised:
        rules.parse(text)

    told = str(raised.value)
    assert caret in told
    assert wanted in told
    assert "\n" not in told


@given(st.text(alphabet="errostatu>=<!%: 0123456789.broken", max_size=30))
def test_any_text_is_a_rule_or_told_in_one_line(text: str) -> None:
    told = "--fail-on ^"
    try:
        rules.parse(text).finding(ACCOUNT)
    except ValueError as error:
        told = str(error)
    assert told.startswith("--fail-on ")
    assert "^" in told


@given(st.sampled_from(list(Fault)), st.integers(0, 99), st.integers(0, 99))
def test_every_class_of_error_is_a_figure(fault: Fault, count: int, bound: int) -> None:
    account = Account(Tally(discovered=count, failed=count), {fault.value: count}, {})

    met = rules.parse(f"{fault.value}>{bound}").finding(account)

    assert (met is not None) == (count > bound)


@given(st.integers(0, 10_000), st.integers(0, 10_000), st.sampled_from(["1", "0.1", "33.3", "50"]))
def test_a_share_is_exact(failed: int, fetched: int, percent: str) -> None:
    account = Account(Tally(fetched=fetched, failed=failed), {}, {})
    thousandths = round(float(percent) * 1_000)

    met = rules.parse(f"errors>{percent}%").finding(account)

    assert (met is not None) == (failed * 100_000 > thousandths * (failed + fetched))
