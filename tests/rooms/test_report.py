"""What people look at: nothing from the web reaches a terminal raw, and it adds up."""

import io
import json
import logging
import re
import sys
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.account import Children, Status, Tally
from crawler.record import SummaryRecord
from crawler.report import log, safe
from crawler.report.progress import Progress
from crawler.report.stderr import Stderr
from crawler.report.summary import lines

CONTROLS = [chr(code) for code in (*range(9), *range(0x0B, 0x20), *range(0x7F, 0xA0))]
BIDI = list("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
EVIL = "\x1b]0;owned\x07\x9b31m\u202e\x7f\r"


# safe()


@pytest.mark.parametrize("control", CONTROLS + BIDI, ids=lambda each: f"U+{ord(each):04X}")
def test_controls_are_named_instead_of_obeyed(control: str) -> None:
    assert safe(f"a{control}b") == f"a\\x{ord(control):02x}b"


@given(st.text())
def test_what_is_safe_holds_no_control(text: str) -> None:
    got = safe(text)
    assert not any(unicodedata.category(each) == "Cc" for each in got if each not in "\t\n")
    assert not set(got) & set(BIDI)
    assert safe(got) == got


@pytest.mark.parametrize("text", ["", "plain", "äöü – “quoted” 日本語 🦀", "a\u200bb\u00a0c\u00ad"])
def test_other_text_stays_as_it_is(text: str) -> None:
    assert safe(text) == text


# The log


class Ear:
    """Hears what is said on stderr."""

    def __init__(self) -> None:
        self.stream = io.StringIO()
        self.stderr: Stderr | None = None

    def heard(self) -> str:
        assert self.stderr is not None
        self.stderr.flush()
        return self.stream.getvalue()


@pytest.fixture
def ear(monkeypatch: pytest.MonkeyPatch) -> Ear:
    """Stderr, heard."""
    made = Ear()
    monkeypatch.setattr(sys, "stderr", made.stream)
    made.stderr = Stderr()
    return made


SetUp = Callable[..., logging.Logger]


@pytest.fixture
def set_up(ear: Ear) -> Iterator[SetUp]:
    """Sets the log up; afterwards everything is as before."""
    root, ours = logging.getLogger(), logging.getLogger("crawler")
    before = root.handlers[:], root.level, ours.level

    def start(
        style: Literal["text", "json"] = "text",
        level: int = logging.INFO,
        progress: Progress | None = None,
    ) -> logging.Logger:
        assert ear.stderr is not None
        root.handlers = []
        log.set_up(level, style, progress or Progress(ear.stderr, shown=None))
        return logging.getLogger("crawler.somewhere")

    yield start
    root.handlers, root.level = before[0], before[1]
    ours.setLevel(before[2])


def test_text_says_the_level_only_where_it_is_more_than_news(ear: Ear, set_up: SetUp) -> None:
    logger = set_up()
    logger.debug("hidden")
    logger.info("%s: %s", "http://a/", "done")
    logger.warning("mind")
    logger.error("stop")
    assert ear.heard() == (
        "crawler: http://a/: done\ncrawler: warning: mind\ncrawler: error: stop\n"
    )


def test_other_libraries_are_heard_from_warnings_on(ear: Ear, set_up: SetUp) -> None:
    set_up(level=logging.DEBUG)
    logging.getLogger("elsewhere").info("chatter")
    logging.getLogger("elsewhere").warning("mind")
    assert ear.heard() == "crawler: warning: mind\n"


def test_text_is_safe(ear: Ear, set_up: SetUp) -> None:
    set_up().info("title %s", EVIL)
    heard = ear.heard()
    assert heard == f"crawler: title {safe(EVIL)}\n"
    assert "\x1b" not in heard


def test_a_message_from_the_web_forges_no_line(ear: Ear, set_up: SetUp) -> None:
    set_up().info("http://a/: %s", "bad\ncrawler: error: all is lost")
    assert len(ear.heard().splitlines()) == 1


def caught(words: str) -> Exception:
    """Return an exception with a traceback."""
    fault = ValueError(words)
    with suppress(ValueError):
        raise fault
    return fault


def test_a_traceback_follows_its_message_and_is_safe(ear: Ear, set_up: SetUp) -> None:
    set_up().error("a bug", exc_info=caught(EVIL))
    first, *rest = ear.heard().splitlines()
    assert first == "crawler: error: a bug"
    assert rest[0] == "Traceback (most recent call last):"
    assert rest[-1] == f"ValueError: {safe(EVIL)}"


def said(ear: Ear) -> list[dict[str, Any]]:
    text = ear.heard()
    assert safe(text) == text
    return [json.loads(each) for each in text.splitlines()]


def test_json_is_one_object_a_line(ear: Ear, set_up: SetUp) -> None:
    logger = set_up("json")
    logger.info("%s done", "http://a/")
    logger.error("a\nbug", exc_info=caught("two\nlines"))
    first, second = said(ear)
    assert list(first) == ["at", "level", "message"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", first["at"])
    assert (first["level"], first["message"]) == ("info", "http://a/ done")
    assert (second["level"], second["message"]) == ("error", "a\nbug")
    assert second["traceback"].endswith("ValueError: two\nlines")


@pytest.mark.parametrize(
    "text",
    [
        "\x00\x1b\x07\n\r\t",
        pytest.param(
            "\x7f\x9b\u202e\u2028",
        ),
    ],
)
def test_json_tells_controls_and_stays_json(ear: Ear, set_up: SetUp, text: str) -> None:
    set_up("json").info("a%sb", text)
    (entry,) = said(ear)
    assert entry["message"] == f"a{text}b"


def test_json_survives_a_lone_surrogate(ear: Ear, set_up: SetUp) -> None:
    set_up("json").error("cannot read %s", "/tmp/\udcff")
    (entry,) = said(ear)
    assert entry["message"].startswith("cannot read /tmp/")


def test_a_message_that_does_not_fit_its_words_ends_nothing(ear: Ear, set_up: SetUp) -> None:
    set_up().error("cannot read %s", "/tmp/\udcff")
    assert ear.heard().startswith("crawler: error: cannot read /tmp/")


def test_nobody_reading_stderr_ends_nothing(
    set_up: SetUp, ear: Ear, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    for stream in (Broken(), None):
        monkeypatch.setattr(sys, "stderr", stream)
        stderr = Stderr()
        set_up(progress=Progress(stderr, shown="line")).error("anyone?")
        stderr.flush()


def test_without_stderr_nothing_goes_to_stdout(
    set_up: SetUp, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    stderr = Stderr()
    progress = Progress(stderr, shown="line")
    set_up(progress=progress).error("hidden")
    progress.update(status())
    progress.say()
    stderr.flush()
    assert capsys.readouterr().out == ""


# The progress line


def status(elapsed: float = 0.0, fetched: int = 0, left: int = 0) -> Status:
    return Status(
        elapsed, Tally(discovered=fetched + left, fetched=fetched, left=left), 9, 3, {"dns": 1}
    )


def test_the_line_tells_where_the_crawl_is(ear: Ear) -> None:
    assert ear.stderr is not None
    progress = Progress(ear.stderr, shown=None)
    assert progress.line() == "starting"
    progress.update(status(60.0, 0, 10))
    progress.update(status(125.9, 1_318, 12_345))
    assert progress.line() == (
        "2:05 · 1,318 pages · 20/s · 12,345 queued · 3 in flight · errors: dns 1"
    )
    assert ear.heard() == ""


def test_the_rate_is_that_of_the_last_beats(ear: Ear) -> None:
    assert ear.stderr is not None
    progress = Progress(ear.stderr, shown=None)
    for beat in range(100):
        progress.update(status(float(beat), 1_000 + (0 if beat < 80 else 50 * (beat - 80))))
    assert "· 50/s ·" in progress.line()


def test_a_line_shown_is_drawn_over_and_gets_out_of_the_way(ear: Ear) -> None:
    assert ear.stderr is not None
    progress = Progress(ear.stderr, shown="line")
    progress.around("early")
    progress.update(status(1.0, 5, 2))
    line = progress.line()
    progress.around("news")
    progress.clear()
    progress.clear()
    wipe = "\r\x1b[K"
    assert ear.heard() == f"early\n{wipe}{line}{wipe}news\n{wipe}{line}{wipe}"


def test_a_line_asked_for_is_a_line_of_its_own(ear: Ear) -> None:
    assert ear.stderr is not None
    progress = Progress(ear.stderr, shown=None)
    progress.update(status(1.0, 5, 2))
    progress.say()
    assert ear.heard() == progress.line() + "\n"


def test_the_line_names_what_is_slow_and_children_in_trouble(ear: Ear) -> None:
    assert ear.stderr is not None
    progress = Progress(ear.stderr, shown=None)
    slow = [("slow.test", 4.25), ("quick.test", 0.1), ("e\x1bvil.test", 2.0)]
    held = [("slow.test", 3)]
    children = Children(3, 1, 2)
    progress.update(Status(3_700.0, Tally(), slow=slow, held_back=held, children=children))

    assert progress.line() == (
        "1:01:40 · 0 pages · 0/s · 0 queued · 0 in flight · "
        "slow: slow.test 4.2 s, e\\x1bvil.test 2.0 s · held back: slow.test to 3 · "
        "parsers: 3, 1 slow, 2 replaced"
    )


def test_progress_for_machines_is_an_object_a_second(ear: Ear) -> None:
    assert ear.stderr is not None
    progress = Progress(ear.stderr, shown="json")
    for beat in range(7):
        progress.update(status(beat / 2, beat * 10, 5))

    told = [json.loads(line) for line in ear.heard().splitlines()]
    assert [each["elapsed"] for each in told] == [0.0, 1.0, 2.0, 3.0]
    assert {each["type"] for each in told} == {"progress"}
    assert told[-1]["tally"]["fetched"] == 60
    assert told[-1]["rate"] == 20.0


# The summary


def summary(**fields: Any) -> SummaryRecord:
    known: dict[str, Any] = {
        "discovered": 2_110,
        "fetched": 2_000,
        "redirected": 50,
        "failed": 30,
        "skipped": 20,
        "gone": 0,
        "left": 10,
        "errors": {"dns": 5, "http_4xx": 25},
        "skips": {"robots": 20},
        "refused": {},
        "requests": 2_200,
        "bytes": 10,
        "wire_bytes": 12_340_000,
        "elapsed_ms": 4_000,
        "end_reason": "drained",
    }
    return SummaryRecord(pass_=1, at="", **known | fields)


def test_a_field_may_be_on_a_page_that_was_not_read() -> None:
    told = "field a\\x1b: on none of 1 page"
    assert told in lines(summary(not_found={"a\x1b": 1}))
    assert told not in lines(summary(not_found={"a\x1b": 1}), before=1)
    assert told not in lines(summary(not_found={"a\x1b": 1}, skips={"fresh": 1}))


def test_the_summary_is_a_few_lines() -> None:
    assert lines(summary(refused={"scope": 1_000, "depth": 2_000})) == [
        (
            "2,110 URLs = 2,000 pages + 50 redirects + 30 errors (http_4xx 25, dns 5)"
            " + 20 skipped (robots 20) + 10 left"
        ),
        "3,000 links not followed (depth 2,000, scope 1,000)",
        "2,200 requests, 12.3 MB, 4.0 s, 500 pages/s: nothing left to do",
    ]


def test_an_empty_summary_divides_nothing_by_nothing() -> None:
    names = "discovered fetched redirected failed skipped gone left elapsed_ms".split()
    first, last = lines(summary(**dict.fromkeys(names, 0), errors={}, skips={}))
    assert first == "0 URLs = 0 pages + 0 redirects + 0 errors + 0 skipped + 0 left"
    assert "0 pages/s" in last


@pytest.mark.parametrize(
    "gone",
    [0, 7],
)
def test_the_summary_balances(gone: int) -> None:
    first = lines(summary(discovered=2_110 + gone, gone=gone))[0]
    total, _, terms = re.sub(r" \([^)]*\)", "", first).replace(",", "").partition(" URLs = ")
    assert int(total) == sum(int(term.split()[0]) for term in terms.split(" + "))


def test_the_summary_does_not_depend_on_what_happened_first() -> None:
    some = {"dns": 2, "tls": 2, "timeout": 9}
    assert lines(summary(errors=some)) == lines(summary(errors=dict(reversed(some.items()))))


@pytest.mark.parametrize(
    "reason", "drained max_pages max_time max_wait interrupted terminated failed".split()
)
def test_every_end_is_told_in_words(reason: str) -> None:
    _, _, words = lines(summary(end_reason=reason))[-1].rpartition("pages/s: ")
    assert words
    assert "_" not in words
