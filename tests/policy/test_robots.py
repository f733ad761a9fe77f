"""RFC 9309: which group is ours, what its rules allow, and what an answer means."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.model import Failed, Fault, Truncated
from crawler.policy import robots
from crawler.policy.robots import Rules
from tests.policy.make import AGENT, failed, fetched

HOME = "https://a.example"
HOUR = 3600.0


def read(text: str | bytes, ours: str = AGENT) -> Rules:
    return robots.read(text if isinstance(text, bytes) else text.encode(), ours, now=0.0)


def allows(text: str | bytes, path: str, ours: str = AGENT) -> bool:
    return read(text, ours).refuses(HOME + path) is None


@pytest.mark.parametrize(
    ("agent", "token"),
    [
        ("crawlway", "crawlway"),
        ("Crawlway/2.0", "crawlway"),
        ("  crawlway/0.1 (+https://example.com)", "crawlway"),
        ("Mozilla/5.0 (compatible; Other/1.0)", "mozilla"),
        ("my_bot-news", "my_bot-news"),
        ("", ""),
        ("42", ""),
    ],
)
def test_the_product_token_is_the_first_product_of_the_user_agent(agent: str, token: str) -> None:
    assert robots.token(agent) == token


@pytest.mark.parametrize(
    "line",
    [
        "User-agent: crawlway",
        "user-agent:crawlway",
        "USER-AGENT : CrawlWay",
        "  User-agent:\tcrawlway  ",
        "User-agent: Crawlway/2.0",
        "User-agent: crawlway # that is us",
        "User-agent: crawlway (some comment)",
        "Useragent: crawlway",
        "User agent: crawlway",
    ],
)
def test_a_group_with_our_name_is_ours(line: str) -> None:
    text = f"User-agent: *\nDisallow:\n\n{line}\nDisallow: /x\n"

    assert not allows(text, "/x")


@pytest.mark.parametrize(
    "name",
    [
        "crawl",
        "way",
        "crawlwayx",
        "crawlway-news",
        "xcrawlway",
        "my crawlway",
        "Googlebot # crawlway",
        "us",
        "them",
        "*crawlway",
        "",
    ],
)
def test_a_group_with_a_name_like_ours_is_not_ours(name: str) -> None:
    text = f"User-agent: *\nDisallow: /all\n\nUser-agent: {name}\nDisallow: /x\n"

    assert allows(text, "/x")
    assert not allows(text, "/all")


@pytest.mark.parametrize("name", ["*", "* ", "*\t# everyone", "* everyone"])
def test_a_star_stands_for_everyone(name: str) -> None:
    assert not allows(f"User-agent: {name}\nDisallow: /x", "/x")


def test_our_group_replaces_the_one_for_everyone() -> None:
    text = "User-agent: *\nDisallow: /\nCrawl-delay: 9\n\nUser-agent: crawlway\nDisallow: /x\n"

    assert allows(text, "/y")
    assert not allows(text, "/x")
    assert read(text).delay is None


def test_a_group_may_have_several_names() -> None:
    text = "User-agent: one\nUser-agent: crawlway\nUser-agent: two\nDisallow: /x\n"

    assert not allows(text, "/x")


def test_groups_with_our_name_are_taken_together() -> None:
    text = (
        "User-agent: crawlway\nDisallow: /a\n\nUser-agent: other\nDisallow: /b\n\n"
        "User-agent: Crawlway/1\nDisallow: /c\n"
    )

    assert [allows(text, path) for path in ("/a", "/b", "/c")] == [False, True, False]


def test_a_crawler_without_a_token_obeys_the_group_for_everyone() -> None:
    text = "User-agent: 42\nDisallow: /x\n\nUser-agent: *\nDisallow: /y"

    assert allows(text, "/x", ours="")
    assert not allows(text, "/y", ours="")


@pytest.mark.parametrize(
    ("rules", "path", "allowed"),
    [
        ("Disallow:", "/x", True),
        ("Disallow: /", "/x", False),
        ("Disallow: /x", "/xy", False),
        ("Disallow: /x", "/X", True),
        ("Disallow: /x/", "/x", True),
        ("Disallow: /x\nAllow: /x/y", "/x/y", True),
        ("Allow: /x/y\nDisallow: /x", "/x/y", True),
        ("Allow: /x\nDisallow: /x/y", "/x/y", False),
        ("Disallow: /x\nAllow: /x", "/x", True),
        ("Disallow: /*.php", "/a/b.php?c", False),
        ("Disallow: /*.php$", "/a/b.php", False),
        ("Disallow: /*.php$", "/a/b.php?c", True),
        ("Disallow: /x$", "/x", False),
        ("Disallow: /x$", "/xy", True),
        ("Disallow: /a*b*c", "/a--b--c", False),
        ("Disallow: /a*b*c", "/a--c--b", True),
        ("Disallow: /?", "/?q", False),
        ("Disallow: /x?y=*z", "/x?y=1z", False),
        ("Disallow: /ü", "/%C3%BC", False),
        ("Disallow: /%c3%bc", "/%C3%BC", False),
        ("Disallow: /x # but why", "/x", False),
        ("Disallow: /x\n\nDisallow: /y", "/y", False),
        ("disallow : /x", "/x", False),
        ("Nonsense\n:\n\nDisallow: /x", "/x", False),
    ],
)
def test_the_longest_rule_that_matches_decides(rules: str, path: str, allowed: bool) -> None:
    assert allows(f"User-agent: *\n{rules}\n", path) is allowed


def test_rules_before_any_group_are_no_one_s() -> None:
    assert allows("Disallow: /\n\nUser-agent: other\nDisallow: /\n", "/x")


def test_the_robots_txt_itself_is_always_allowed() -> None:
    assert allows("User-agent: *\nDisallow: /\n", "/robots.txt")


@pytest.mark.parametrize(
    "body",
    [
        b"\xef\xbb\xbfUser-agent: *\nDisallow: /x",
        b"User-agent: *\r\nDisallow: /x\r\n",
        b"User-agent: *\rDisallow: /x\r",
        b"User-agent: *\r\rDisallow: /x\n",
        b"User-agent: *\nDis\0allow: /x\0\n",
        b"\xff\xfe junk\nUser-agent: *\nDisallow: /x\n\xfc",
        b"<!doctype html>\n<p>\nUser-agent: *\nDisallow: /x\n",
    ],
)
def test_a_body_that_is_oddly_written_is_still_read(body: bytes) -> None:
    assert not allows(body, "/x")
    assert allows(body, "/y")


@pytest.mark.parametrize("body", [b"", b"\0", b"\xff\xfe\xfd", b"<html><body>404</body></html>"])
def test_a_body_without_rules_allows_everything(body: bytes) -> None:
    assert allows(body, "/x")


def test_the_first_500_kib_count_and_no_more() -> None:
    head, rule = b"User-agent: *\n", b"Disallow: /x\n"
    room = robots.MAX_BYTES - len(head) - len(rule)

    assert robots.MAX_BYTES == 500 * 1024
    assert not allows(head + b"#" * (room - 1) + b"\n" + rule, "/x")
    assert allows(head + b"#" * robots.MAX_BYTES + b"\n" + rule, "/x")


@given(st.binary(max_size=300))
def test_any_bytes_can_be_read(body: bytes) -> None:
    rules = read(b"User-agent: *\nDisallow: /x\n" + body)

    assert rules.refuses(HOME + "/") in (None, "disallowed by robots.txt")
    assert rules.delay is None or rules.delay <= robots.MAX_CRAWL_DELAY


@pytest.mark.parametrize(
    ("value", "delay"),
    [
        ("2", 2.0),
        ("0.5", 0.5),
        ("0", 0.0),
        ("300", 300.0),
        ("301", 300.0),
        ("86400", 300.0),
        ("soon", None),
        ("", None),
    ],
)
def test_a_crawl_delay_is_at_most_300_seconds(value: str, delay: float | None) -> None:
    assert read(f"User-agent: crawlway\nCrawl-delay: {value}\nDisallow: /x").delay == delay


def test_sitemaps_are_handed_on_whoever_the_groups_are_for() -> None:
    text = "Sitemap: https://a.example/1.xml\nUser-agent: other\nSitemap: https://a.example/2.xml"

    assert read(text).sitemaps == ("https://a.example/1.xml", "https://a.example/2.xml")


def test_each_origin_keeps_its_own() -> None:
    assert robots.url("http://a.example:8080") == "http://a.example:8080/robots.txt"


def test_rules_are_used_for_a_day() -> None:
    rules = robots.judge(fetched(body=b"User-agent: *\nDisallow: /x"), AGENT, now=1_000.0)

    assert isinstance(rules, Rules)
    assert rules.expires == 1_000.0 + 24 * HOUR
    assert rules.refuses(HOME + "/x") == "disallowed by robots.txt"


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 418, 451, 499])
def test_a_4xx_allows_everything_for_a_day(status: int) -> None:
    rules = robots.judge(fetched(status, b"User-agent: *\nDisallow: /"), AGENT, now=5.0)

    assert isinstance(rules, Rules)
    assert rules.refuses(HOME + "/x") is None
    assert rules.delay is None
    assert rules.expires == 5.0 + 24 * HOUR


@pytest.mark.parametrize("status", [429, 500, 502, 503, 599, 0, 101, 999])
def test_429_and_5xx_are_no_answer_whatever_the_body_says(status: int) -> None:
    answer = robots.judge(fetched(status, b"User-agent: *\nAllow: /"), AGENT, now=0.0)

    assert isinstance(answer, Failed)
    assert answer.status == status
    assert not answer.lasting


def test_no_answer_stays_none() -> None:
    nothing = failed(Fault.TIMEOUT)

    assert robots.judge(nothing, AGENT, now=0.0) is nothing


@pytest.mark.parametrize("truncated", ["time", "disconnect"])
def test_half_a_robots_txt_is_none(truncated: Truncated) -> None:
    answer = robots.judge(fetched(truncated=truncated), AGENT, now=0.0)

    assert isinstance(answer, Failed)


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n"])
def test_a_robots_txt_cut_at_our_limit_is_one_up_to_its_last_whole_line(end: str) -> None:
    body = end.join(["User-agent: *", "Disallow: /x", "Disallow: /y and mo"]).encode()

    rules = robots.judge(fetched(body=body, truncated="length"), AGENT, now=0.0)

    assert isinstance(rules, Rules)
    assert rules.refuses(HOME + "/x")
    assert rules.refuses(HOME + "/y") is None


def test_an_answer_without_a_body_allows_everything() -> None:
    rules = robots.judge(fetched(204, None), AGENT, now=0.0)

    assert isinstance(rules, Rules)
    assert rules.refuses(HOME + "/x") is None


@pytest.mark.parametrize(
    ("location", "url"),
    [
        ("/r.txt", "https://a.example/r.txt"),
        ("//b.example/robots.txt", "https://b.example/robots.txt"),
        ("http://b.example:8080/x", "http://b.example:8080/x"),
    ],
)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_says_where_to_ask(status: int, location: str, url: str) -> None:
    answer = robots.judge(fetched(status, headers={"location": location}), AGENT, now=0.0)

    assert answer == url


@pytest.mark.parametrize("location", ["ftp://a.example/", "javascript:1", "http://[", "//"])
def test_a_redirect_that_leads_nowhere_allows_everything(location: str) -> None:
    answer = robots.judge(fetched(302, headers={"location": location}), AGENT, now=0.0)

    assert isinstance(answer, Rules)
    assert answer.refuses(HOME + "/x") is None


@pytest.mark.parametrize("status", [300, 302, 304])
def test_a_redirect_without_location_allows_everything(status: int) -> None:
    answer = robots.judge(fetched(status), AGENT, now=0.0)

    assert isinstance(answer, Rules)
    assert answer.refuses(HOME + "/x") is None


def test_without_an_answer_everything_is_denied_for_half_an_hour() -> None:
    rules = robots.deny_all("robots.txt answered 503", now=10.0)

    assert rules.refuses(HOME + "/") == "robots.txt answered 503"
    assert rules.expires == 10.0 + HOUR / 2


LINES = st.lists(
    st.sampled_from(
        ["User-agent: *", "User-agent: us", "User-agent: them", "Allow: /a", "Disallow: /a*b",
         "Disallow: /", "Allow: /*.html$", "Disallow: /a?x=%2F", "Allow: /index.html",
         "Disallow:", "# Disallow: /a", "Crawl-delay: 3", "", "Disallow: /a", "Allow: /a*b"]
    ),
    max_size=12,
)  # fmt: skip
PATHS = st.sampled_from(["/", "/a", "/ab", "/a/b.html", "/a?x=/", "/a?x=%2F", "/x", "/robots.txt"])


@given(LINES, PATHS, st.sampled_from(["\n", "\r\n", "\r"]))
def test_the_line_that_is_cited_is_the_one_that_decides(
    lines: list[str], path: str, end: str
) -> None:
    """Without it the answer is another one, or one that another line gives as well."""
    body, url = end.join(lines).encode(), "https://example.com" + path
    cited = robots.cite(body, "us", url)
    rules = robots.read(body, "us", 0.0)

    assert cited.allows == (rules.refuses(url) is None)
    assert cited.delay == rules.delay
    if cited.line is None:
        assert cited.allows
        return
    assert lines[cited.line - 1] == cited.text
    assert (cited.text or "").startswith("Allow" if cited.allows else "Disallow")
    alone = f"User-agent: *{end}{cited.text}".encode()
    assert (robots.read(alone, "us", 0.0).refuses(url) is None) == cited.allows
    again = robots.cite(end.join(lines[: cited.line]).encode(), "us", url)
    if again.group == cited.group:
        assert (again.line, again.text) == (cited.line, cited.text)


def test_what_is_cited_of_a_robots_txt() -> None:
    body = b"\xef\xbb\xbfUser-agent: them\nAllow: /\nuser-agent: US/1\ndisallow: /\xc3\xbc # no\n"
    url = "https://example.com/%C3%BC"

    assert robots.cite(body, "us", url) == robots.Citation("us", False, 4, "disallow: /ü # no")
    assert robots.cite(body, "we", url) == robots.Citation(None, True)
    assert robots.cite(body, "them", url) == robots.Citation("them", True, 2, "Allow: /")
    assert robots.cite(body, "us", url, cut=True).line == 4
    assert robots.cite(body[:-1], "us", url, cut=True) == robots.Citation("us", True)
