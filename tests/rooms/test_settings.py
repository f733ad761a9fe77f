"""Settings: units as people write them, and errors that name the flag."""

import math
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import pytest

from crawler.measures import address_override, duration, number, parsers, rate, size
from crawler.settings import DEFAULT_EMIT, RECORD_TYPES, Settings


@pytest.mark.parametrize(
    ("read", "text", "value"),
    [
        (duration, "500ms", 0.5),
        (duration, "2", 2.0),
        (duration, "2s", 2.0),
        (duration, " 2 S ", 2.0),
        (duration, "1.5h", 5_400.0),
        (duration, ".5m", 30.0),
        (duration, "20min", 1_200.0),
        (duration, "7d", 604_800.0),
        (duration, "0", 0.0),
        (size, "10", 10),
        (size, "64k", 64_000),
        (size, "64KB", 64_000),
        (size, "10M", 10_000_000),
        (size, "1G", 1_000_000_000),
        (size, "512KiB", 524_288),
        (size, "1.5MiB", 1_572_864),
        (size, "2gib", 2_147_483_648),
        (size, "7b", 7),
        pytest.param(size, "1.005M", 1_005_000),
        (number, "500", 500),
        (number, "20k", 20_000),
        (number, "2M", 2_000_000),
        (number, "1.5M", 1_500_000),
        pytest.param(number, "1.001k", 1_001),
        (rate, "5", 5.0),
        (rate, "5/s", 5.0),
        (rate, "30/m", 0.5),
        (rate, "30 / min", 0.5),
        (rate, "36/h", 0.01),
        (rate, "1.5/S", 1.5),
        (parsers, "auto", None),
        (parsers, "AUTO", None),
        (parsers, "0", 0),
        (parsers, " 3 ", 3),
    ],
)
def test_units(read: Callable[[str], float | None], text: str, value: float | None) -> None:
    assert read(text) == (value if value is None else pytest.approx(value, rel=1e-12))


@pytest.mark.parametrize(
    ("read", "text"),
    [
        *((read, text) for read in (duration, size, number, rate, parsers) for text in ("", "x")),
        *(
            (read, text)
            for read in (duration, size, number, rate, parsers)
            for text in ("-1", "1 2")
        ),
        *(
            (read, text)
            for read in (duration, size, number, rate)
            for text in ("nan", "inf", "1e3")
        ),
        (duration, "5 parsecs"),
        (duration, "1h30m"),
        (size, "10s"),
        (size, "10 TB"),
        (number, "10G"),
        (number, "1,000"),
        (rate, "5/parsec"),
        (rate, "/s"),
        (rate, "5//s"),
        (rate, "5k/s"),
        (parsers, "1.5"),
        pytest.param(size, "9" * 400),
        pytest.param(number, "9" * 400),
        pytest.param(
            parsers,
            "²",
        ),
    ],
)
def test_what_has_no_unit_is_told_with_an_example(
    read: Callable[[str], float | None], text: str
) -> None:
    with pytest.raises(ValueError, match=r"^(a |parsers )"):
        read(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("example.com:443:192.0.2.1", ("example.com", 443, "192.0.2.1")),
        ("Example.COM:80:2001:db8::1", ("example.com", 80, "2001:db8::1")),
        ("example.com:80:[2001:db8::1]", ("example.com", 80, "2001:db8::1")),
    ],
)
def test_address_overrides(text: str, value: tuple[str, int, str]) -> None:
    assert address_override(text) == value


BAD_OVERRIDES = ["x", "a:b:c", "a:0:1.2.3.4", "a:65536:1.2.3.4", ":80:1.2.3.4", "a:80:", "a::1"]


@pytest.mark.parametrize("text", BAD_OVERRIDES)
def test_bad_address_overrides(text: str) -> None:
    with pytest.raises(ValueError, match=r"example\.com:443:192\.0\.2\.1"):
        address_override(text)


def bad(flag: str, *marks: pytest.MarkDecorator, **values: Any) -> Any:
    """Return one case: the flag that must be named, and the settings that are wrong."""
    return pytest.param(flag, values, marks=marks, id=f"{flag} {str(values)[-40:]}")


ALONE: dict[str, dict[str, Any]] = {
    "--append": {"append": True}, "--overwrite": {"overwrite": True}, "--fresh": {"fresh": True},
    "--durability": {"durability": "full"}, "--only-changes": {"only_changes": True},
    "--max-age": {"max_age": 5.0}, "--exit-on-change": {"exit_on_change": True},
}  # fmt: skip
"""What each goes with is not there: no other flag is named than the one that was given."""


@pytest.mark.parametrize(
    ("flag", "values"),
    [
        bad("--include", include=("ok", "(")),
        bad("--exclude", exclude=("[",)),
        bad("--include", include=("a{4294967296}",)),
        bad("--depth", depth=-1),
        bad("--max-pages", max_pages=0),
        bad("--max-time", max_time=0.0),
        bad("--max-size", max_size=0),
        bad("--max-queued", max_queued=0),
        bad("--max-wait", max_wait=-1.0),
        bad("--concurrency", concurrency=0),
        bad("--per-host", per_host=0),
        bad("--rate", rate=0.0),
        bad("--delay", delay=-1.0),
        bad("--timeout", timeout=0.0),
        bad("--connect-timeout", connect_timeout=-3.0),
        bad("--retries", retries=-1),
        bad("--parsers", parsers=-1),
        bad("--emit", emit=("page", "nonsense")),
        bad("--emit", emit=()),
        bad("^--emit gone goes with --state", emit=("gone",)),
        bad("^--output a.urls:gone goes with --state", output=("-", "a.urls:gone")),
        bad("--user-agent", user_agent=" "),
        bad("--timeout takes a number", timeout=math.nan),
        bad("--depth takes a whole number", depth=1.5),
        bad("--max-size takes a whole number", max_size=1e6),
        *(
            bad(f"--{name.replace('_', '-')} is at most", **{name: 10**23})
            for name in ("depth", "max_size", "max_pages", "retries", "parsers")
        ),
        bad("--parsers is at most 256", parsers=257),
        bad("--include is empty", include=("a", "")),
        bad("--exclude is empty", exclude=("",)),
        *(
            bad(f"--{name.replace('_', '-')} is not UTF-8", **{name: ("a=\udcff",)})
            for name in ("include", "exclude", "drop_params", "select")
        ),
        bad("--each is not UTF-8", each="\udcff", select=("a=b",)),
        *(
            bad(f"--{name.replace('_', '-')} names no file", **{name: " "})
            for name in ("input", "cookie_jar", "recipe", "state", "stats")
        ),
        bad("^--stats names no file; --emit summary", stats="-"),
        *(
            bad(
                f"^--rotate: {file} would be a file of --output a.jsonl",
                output=("a.jsonl",),
                rotate=1_000,
                **{name: file},
            )
            for name, file in (("stats", "a.0002.jsonl"), ("input", "a.0003.jsonl"))
        ),
        bad("--append", append=True),
        bad("--quiet", quiet=True, verbose=True),
        bad("--drop-params", drop_params="utm_*"),
        bad("--timeout", timeout="5s"),
        bad("--max-pages", max_pages=True),
        bad("--depth takes a whole number, not 1.5", depth=1.5),
        bad("--concurrency takes a whole number, not None", concurrency=None),
        bad("--delay takes a number, not nan", delay=math.nan),
        bad("--timeout takes a number, not None", timeout=None),
        bad("--scope takes page.dir.host.domain.any, not 'hots'", scope="hots"),
        bad("--nofollow takes obey.ignore, not False", nofollow=False),
        bad("--headers takes True or False$", headers={"cookie": "secret"}),
        bad("--auth takes text$", auth=b"user:secret"),
        bad("--include takes a list of strings", include=None),
        bad("--emit takes a list of strings", emit=b"page"),
        bad("--append", append=True, overwrite=True),
        *(bad("--resolve", resolve=(text,)) for text in BAD_OVERRIDES),
        bad("--resolve", resolve=("a:²:192.0.2.1",)),
        bad("--resolve", resolve=("a:80:no-address",)),
        bad("--fresh", fresh=True),
        bad("--durability", durability="full"),
        bad("--output", output=()),
        bad("--output", output=("a.jsonl", "./a.jsonl")),
        bad("--output", output=("a.jsonl", "a.jsonl:error")),
        bad("--output", output=("a.csv:eror",)),
        bad("--fields", fields=("urll",)),
        bad("--fields", fields=("url",), format="urls"),
        bad("--fields", fields=("url",), output=("a.urls",)),
        bad("--fields", fields="url"),
        bad("--fields text: goes with --text", fields=("url", "text")),
        bad("--fields headers.server: goes with --headers", fields=("headers.server",)),
        bad("--rotate", rotate=10),
        bad("--rotate", rotate=10, output=("-:error",)),
        bad("--rotate", rotate=0, output=("a",)),
        bad("--rotate", rotate=10, output=("a.csv", "a.0002.csv")),
        bad("--append", append=True, output=("-:error",)),
        *(bad(f"^{flag} goes with", **given) for flag, given in ALONE.items()),
        bad("--recipe and --each exclude", recipe="r.toml", each="li"),
        bad("--recipe and --select exclude", recipe="r.toml", select=("a=b",)),
        bad("--output and --state name the same", state="a.db", output=("./a.db",), format="jsonl"),
        *(
            bad("--output and --state name the same", state="a.db", output=(f"a.db{end}",))
            for end in ("-wal", "-shm", ".lock", ".new")
        ),
        *(
            bad(
                f"--output and --{name} name the same",
                output=("a",),
                **{name.replace("-", "_"): "a"},
            )
            for name in ("stats", "cookie-jar", "input", "recipe")
        ),
        bad(
            "--state and --cookie-jar name the same file: ./a.db", state="a.db", cookie_jar="./a.db"
        ),
        bad("--stats and --cookie-jar name the same", stats="a", cookie_jar="a"),
        bad("--max-queued", state="a.db", max_queued=5),
    ],
)
def test_every_bad_value_names_its_flag(flag: str, values: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=flag):
        Settings(**values)


def test_the_defaults_are_in_order() -> None:
    assert asdict(Settings()) == asdict(Settings())
    assert Settings().emit is None
    assert set(DEFAULT_EMIT) <= set(RECORD_TYPES)


@pytest.mark.parametrize(
    "values",
    [
        {"depth": 0},
        {"retries": 0},
        {"max_pages": 1},
        {"delay": 0.0},
        {"parsers": 0},
        {"parsers": None},
        {"emit": RECORD_TYPES},
        {"resolve": ("a:80:192.0.2.1", "a:443:[::1]")},
        {"include": (r"/docs/\d+",)},
    ],
)
def test_the_least_that_is_right(values: dict[str, Any]) -> None:
    settings = Settings(**values)
    assert {name: getattr(settings, name) for name in values} == values


def test_without_a_limit_is_none_or_infinite() -> None:
    assert Settings(max_wait=math.inf, max_time=None, depth=None).max_wait == math.inf


def test_lists_are_any_that_can_be_gone_through_again() -> None:
    assert list(Settings(include=["a"], emit={"page"}).include) == ["a"]  # type: ignore[arg-type]


def test_settings_do_not_change() -> None:
    with pytest.raises(AttributeError):
        Settings().depth = 3  # type: ignore[misc]
