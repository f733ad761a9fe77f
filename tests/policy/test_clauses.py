"""RFC 9309 to the letter, and three ways of reading it wrong that the tables notice."""

import itertools
import re
import time
from collections.abc import Callable
from urllib.robotparser import RobotFileParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.model import Failed, Fault
from crawler.policy import robots
from crawler.policy.robots import MAX_BYTES, MAX_LINE, Rules
from tests.policy import clauses
from tests.policy.clauses import Case
from tests.policy.make import AGENT, failed, fetched

HOME = "https://a.example"
CASES = [
    *clauses.GROUPS,
    *clauses.NAMES,
    *(case._replace(text=f"User-agent: *\n{case.text}") for case in clauses.RULES),
]


def ruled(body: bytes) -> Rules:
    rules = robots.judge(fetched(body=body), AGENT, 0.0)
    assert isinstance(rules, Rules)
    return rules


def allows(body: bytes, path: str) -> bool:
    return ruled(body).refuses(HOME + path) is None


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.clause} {case.text} {case.path}")
def test_a_clause_holds(case: Case) -> None:
    assert allows(case.text.encode(), case.path) is case.allowed


def test_there_are_enough_of_them() -> None:
    assert len(CASES) >= 300
    assert len({(case.text, case.path) for case in CASES}) == len(CASES)
    assert {"2.1", "2.2", "2.2.1", "2.2.2", "2.2.3", "2.2.4"} <= {case.clause for case in CASES}


@pytest.mark.parametrize(
    ("kind", "what", "body"),
    [(kind, *each) for kind, bodies in clauses.BODIES.items() for each in bodies],
)
def test_a_body_in_any_dress_is_read(kind: str, what: str, body: bytes) -> None:
    assert not allows(body, "/x")
    assert allows(body, "/y")


@pytest.mark.parametrize(("what", "body"), clauses.NOTHING.items())
def test_a_body_without_rules_disallows_nothing(what: str, body: bytes) -> None:
    assert allows(body, "/")


def test_a_path_in_latin_1_matches_the_octets_it_is_linked_by() -> None:
    body = "User-agent: *\nDisallow: /ü".encode("latin-1")

    assert not allows(body, "/%FC")
    assert not allows(body, "/%fcber")
    assert allows(body, "/%C3%BC")


def test_a_path_in_utf_16_matches_as_in_utf_8() -> None:
    body = "\ufeffUser-agent: *\nDisallow: /ü".encode("utf-16-be")

    assert not allows(body, "/%C3%BC")


@pytest.mark.parametrize(("text", "delay"), clauses.DELAYS.items())
def test_a_crawl_delay_in_its_forms(text: str, delay: float | None) -> None:
    assert ruled(clauses.lines(text).encode()).delay == delay


@pytest.mark.parametrize(("text", "sitemaps"), clauses.SITEMAPS.items())
def test_sitemaps_in_their_forms(text: str, sitemaps: list[str]) -> None:
    assert list(ruled(clauses.lines(text).encode()).sitemaps) == sitemaps


# 2.3.1: what an answer means


@pytest.mark.parametrize("status", [200, 201, 203, 206, 226])
def test_2_3_1_1_a_success_is_obeyed(status: int) -> None:
    rules = robots.judge(fetched(status, b"User-agent: *\nDisallow: /"), AGENT, 0.0)

    assert isinstance(rules, Rules)
    assert rules.refuses(HOME + "/x")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize(
    ("location", "url"),
    [
        ("https://b.example/robots.txt", "https://b.example/robots.txt"),
        ("http://a.example/robots.txt", "http://a.example/robots.txt"),
        ("r", "https://a.example/r"),
        ("?x", "https://a.example/robots.txt?x"),
        ("\\\\b.example\\x", "https://b.example/x"),
        ("https://u:p@b.example/#x", "https://b.example/"),
    ],
)
def test_2_3_1_2_redirects_are_followed(status: int, location: str, url: str) -> None:
    answer = fetched(status, b"User-agent: *\nDisallow: /", headers={"location": location})

    assert robots.judge(answer, AGENT, 0.0) == url


def test_2_3_1_2_at_least_five_in_a_row() -> None:
    assert robots.MAX_REDIRECTS >= 5


@pytest.mark.parametrize("status", [status for status in range(400, 500) if status != 429])
def test_2_3_1_3_unavailable_means_no_rules(status: int) -> None:
    rules = robots.judge(fetched(status, b"User-agent: *\nDisallow: /"), AGENT, 0.0)

    assert isinstance(rules, Rules)
    assert rules.refuses(HOME + "/x") is None


@pytest.mark.parametrize("status", [429, *range(500, 600)])
def test_2_3_1_4_unreachable_means_complete_disallow(status: int) -> None:
    answer = robots.judge(fetched(status, b"User-agent: *\nAllow: /"), AGENT, 0.0)

    assert isinstance(answer, Failed)
    assert robots.deny_all(answer.message, 0.0).refuses(HOME + "/") == answer.message


@pytest.mark.parametrize("fault", [Fault.DNS, Fault.CONNECT, Fault.TLS, Fault.TIMEOUT])
def test_2_3_1_4_so_does_no_answer(fault: Fault) -> None:
    assert isinstance(robots.judge(failed(fault), AGENT, 0.0), Failed)


def test_2_4_it_is_used_for_a_day_at_most() -> None:
    assert ruled(b"User-agent: *\nDisallow: /").expires <= 24 * 3600


# 2.5: limits

FILLING = b"# filling\n"


@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n"])
def test_2_5_500_kib_are_parsed(end: bytes) -> None:
    head, rule = b"User-agent: *" + end, b"Disallow: /x" + end
    room = MAX_BYTES - len(head) - len(rule)
    filling = (b"#" * 98 + end) * (room // 100 - 1)
    body = head + filling + rule

    assert MAX_BYTES >= 500 * 1024
    assert not allows(body, "/x")
    assert not allows(body + b"#" * MAX_BYTES, "/x")


@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n"])
def test_2_5_a_line_that_the_limit_cuts_is_no_rule(end: bytes) -> None:
    head = b"User-agent: *" + end + b"Disallow: /y" + end + b"Disallow: /" + end + b"Allow: /x"
    filled = head + end + b"#" * (MAX_BYTES - len(head) - len(end) * 2 - len(b"Allow: /z"))
    body = filled + end + b"Allow: /z" + b"-and-not-less" + end

    assert body[:MAX_BYTES].endswith(b"Allow: /z")
    assert allows(body, "/x")
    assert not allows(body, "/z")
    assert not allows(body, "/z-and-not-less")


def test_2_5_a_line_that_ends_where_the_limit_is_counts() -> None:
    head, rule = b"User-agent: *\n", b"Disallow: /x"
    body = head + b"#" * (MAX_BYTES - len(head) - len(rule) - 1) + b"\n" + rule

    assert len(body) == MAX_BYTES
    assert not allows(body, "/x")
    assert not allows(body + b"\nDisallow: /", "/x")
    assert allows(body + b"y\n", "/x")


def test_2_5_a_body_that_is_one_line_beyond_the_limit_has_no_rules() -> None:
    assert allows(b"User-agent: * " + b"x" * MAX_BYTES, "/")


@pytest.mark.parametrize("over", [0, 1, 1_000])
def test_2_5_a_long_line_counts_up_to_its_limit(over: int) -> None:
    kept = "/" + "x" * (MAX_LINE - len("Disallow: /"))
    body = f"User-agent: *\nDisallow: {kept}{'y' * over}\n".encode()

    assert not allows(body, kept)
    assert not allows(body, kept + "z")
    assert allows(body, kept[:-1])


# Any bytes

BITS = (
    b"User-agent: * crawlway Disallow Allow / $ %2F %zz # ? Crawl-delay Sitemap index.html".split()
)
bits = st.sampled_from(
    [*BITS, b"\n", b"\r", b":", b" ", b"\0", b"\xff", b"\xef\xbb\xbf", b"\xff\xfe"]
)
soups = st.one_of(st.binary(max_size=200), st.lists(bits, max_size=40).map(b"".join))


@given(soups, st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=20))
def test_reading_and_asking_never_raise(soup: bytes, path: str) -> None:
    rules = ruled(soup)

    assert rules.refuses(f"{HOME}/{path}") in (None, "disallowed by robots.txt")
    assert rules.delay is None or 0 <= rules.delay <= 300


def plainly(pattern: str, path: str) -> bool:
    """Return whether a pattern of letters, stars and an end matches, by a regular expression."""
    end = "$" if pattern.endswith("$") else ""
    parts = pattern.removesuffix("$").split("*")
    return re.match(".*".join(map(re.escape, parts)) + end.replace("$", r"\Z"), path) is not None


letters = st.text("ab/", max_size=8).map(lambda each: "/" + each)
globs = st.text("ab/**", max_size=8).flatmap(
    lambda each: st.sampled_from(["/" + each, f"/{each}$"])
)


@given(st.lists(st.tuples(st.booleans(), globs), max_size=8), letters)
def test_any_rules_decide_as_the_standard_defines(rules: list[tuple[bool, str]], path: str) -> None:
    lines = [f"{'Allow' if allow else 'Disallow'}: {pattern}" for allow, pattern in rules]
    matching = [(len(pattern), allow) for allow, pattern in rules if plainly(pattern, path)]

    assert (
        allows("\n".join(["User-agent: *", *lines]).encode(), path)
        is max(matching, default=(0, True))[1]
    )


# What a mistaken reading would fail


def by_the_standard_library(body: bytes, path: str) -> bool:
    parser = RobotFileParser()
    parser.parse(body.decode("utf-8", "replace").splitlines())
    return parser.can_fetch(AGENT, HOME + path)


def by_the_first_match(body: bytes, path: str) -> bool:
    """Prefixes in the order in which they are written, as before the standard."""
    for line in body.decode("utf-8", "replace").splitlines():
        word, _, value = line.partition(":")
        rule = word.lower() in ("allow", "disallow") and value.strip()
        if rule and path.startswith(rule):
            return word.lower() == "allow"
    return True


def without_normal_forms(body: bytes, path: str) -> bool:
    """As we do, but octet by octet."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("crawler.policy.patterns._normal", lambda path: path)
        return allows(body, path)


@pytest.mark.parametrize(
    ("broken", "least"),
    [(by_the_standard_library, 20), (by_the_first_match, 100), (without_normal_forms, 20)],
)
def test_the_clauses_notice_a_wrong_reading(
    broken: Callable[[bytes, str], bool], least: int
) -> None:
    wrong = [case for case in CASES if broken(case.text.encode(), case.path) != case.allowed]

    assert len(wrong) > least


# Speed


def usual() -> bytes:
    """Return a robots.txt of forty folders and twenty patterns."""
    words = ["".join(word) for word in itertools.islice(itertools.product("abcd", repeat=6), 60)]
    plain = [f"Disallow: /{word}/" for word in words[:40]]
    wild = [f"Disallow: /*?{word}=\nAllow: /*.{word}$" for word in words[40:50]]
    return "\n".join(["User-agent: *", *plain, *wild]).encode()


def best(of: Callable[[], object]) -> float:
    """Return the least CPU seconds of five runs."""

    def once() -> float:
        start = time.thread_time()
        of()
        return time.thread_time() - start

    return min(once() for _ in range(5))


def test_a_url_is_matched_in_no_time() -> None:
    rules = ruled(usual())
    url = HOME + "/docs/library/asyncio-task.html?x=1"

    assert best(lambda: [rules.refuses(url) for _ in range(1_000)]) / 1_000 < 20e-6


@pytest.mark.alone
def test_a_file_of_500_kib_is_read_in_no_time() -> None:
    lines = (f"Disallow: /{number:08}/{number:06}\n" for number in itertools.count())
    body = b"User-agent: *\n" + "".join(itertools.islice(lines, 18_900)).encode()

    assert 450_000 < len(body) <= MAX_BYTES
    assert best(lambda: ruled(body)) < 0.06
