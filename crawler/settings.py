"""What a crawl is asked to do: one frozen object, checked once at the door.

The names are those of the command's flags, which say what each means. Times are seconds,
sizes bytes, rates requests a second; None stands for "no limit".
"""

import itertools
import math
import os
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

from crawler import destination
from crawler.choices import ScopeKind, SitemapUse
from crawler.destination import Destination
from crawler.measures import address_override

RECORD_TYPES = ("page", "item", "redirect", "error", "gone", "skip", "link", "summary")
DEFAULT_EMIT = ("page", "redirect", "error", "gone")

ContentKind = Literal["text", "markdown", "html", "links", "headers", "structured"]
CONTENT: tuple[ContentKind, ...] = get_args(ContentKind)
"""What a page's record may hold besides the facts: settings, flags and keys of one name."""

BESIDE_A_STATE = ("-wal", "-shm", "-journal", ".lock", ".new")
"""What is behind a state's name in those of the files that belong to it."""

MOST = 10**15
"""The largest whole number that may be asked for: what has to hold one more has room."""

MOST_PARSERS = 256


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)  # 2 ms less to import
class Settings:
    """Everything that a crawl can be told. Raises ValueError, naming the flag."""

    seeds: tuple[str, ...] = ()
    input: str | None = None
    depth: int | None = None
    scope: ScopeKind = "host"
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    drop_params: tuple[str, ...] = ()
    nofollow: Literal["obey", "ignore"] = "obey"
    sitemap: SitemapUse = "off"
    max_pages: int | None = None
    max_time: float | None = None
    max_size: int = 10_000_000
    max_queued: int | None = None
    max_wait: float = 300.0
    concurrency: int = 64
    per_host: int = 2
    rate: float | None = None
    delay: float = 0.0
    timeout: float = 30.0
    connect_timeout: float = 10.0
    retries: int = 2
    parsers: int | None = None
    user_agent: str | None = None
    header: tuple[str, ...] = ()
    cookie: tuple[str, ...] = ()
    cookie_jar: str | None = None
    auth: str | None = None
    digest: bool = False
    netrc: bool = False
    proxy: str | None = None
    insecure: bool = False
    resolve: tuple[str, ...] = ()
    ignore_robots: bool = False
    allow_private: bool = False
    select: tuple[str, ...] = ()
    each: str | None = None
    recipe: str | None = None
    extract: str | None = None
    text: bool = False
    markdown: bool = False
    html: bool = False
    links: bool = False
    headers: bool = False
    structured: bool = False
    output: tuple[str, ...] = ("-",)
    format: destination.Format | None = None
    fields: tuple[str, ...] = ()
    rotate: int | None = None
    append: bool = False
    overwrite: bool = False
    emit: tuple[str, ...] | None = None
    state: str | None = None
    fresh: bool = False
    only_changes: bool = False
    max_age: float | None = None
    durability: Literal["normal", "full"] = "normal"
    stats: str | None = None
    fail_on: tuple[str, ...] = ()
    exit_on_change: bool = False
    start_jitter: float = 0.0
    quiet: bool = False
    verbose: bool = False
    progress: Literal["auto", "bar", "json", "off"] = "auto"
    log_format: Literal["text", "json"] = "text"
    loop: Literal["auto", "asyncio", "uvloop"] = "auto"
    debug: bool = False

    @property
    def content(self) -> tuple[ContentKind, ...]:
        """What the records of pages are to hold."""
        return tuple(kind for kind in CONTENT if getattr(self, kind))

    def __post_init__(self) -> None:
        self._check_types()
        self._check_text()
        self._check_patterns()
        self._check_numbers()
        if self.user_agent is not None and not self.user_agent.strip():
            raise ValueError("--user-agent is empty")
        self._check_emit()
        if self.recipe is not None and (self.select or self.each is not None):
            given = "--select" if self.select else "--each"
            raise ValueError(f"--recipe and {given} exclude each other; write it into the recipe")
        self._check_stats()
        self._check_files()
        self._check_fields()
        if self.quiet and self.verbose:
            raise ValueError("--quiet and --verbose exclude each other")
        for override in self.resolve:
            address_override(override)

    def _check_emit(self) -> None:
        if self.emit is None:
            return
        if not self.emit:
            raise ValueError("--emit names no record type")
        if unknown := set(self.emit) - set(RECORD_TYPES):
            known = ", ".join(RECORD_TYPES)
            raise ValueError(f"--emit {','.join(sorted(unknown))}: the record types are {known}")
        if set(self.emit) == {"gone"} and self.state is None:
            raise ValueError("--emit gone goes with --state FILE, which remembers")

    def wanted(self, emit: Sequence[str]) -> frozenset[str]:
        """Return the types of records that some output gets; see :meth:`destinations`."""
        return frozenset().union(*(each.types for each in self.destinations(emit)))

    def destinations(self, emit: Sequence[str] = ()) -> list[Destination]:
        """Return the outputs; those that name no types get records of types to ``emit``."""
        return [destination.read(each, self.format, emit, RECORD_TYPES) for each in self.output]

    @property
    def names(self) -> list[str]:
        """The paths of the outputs, ``-`` for stdout."""
        return [each.name for each in self.destinations()]

    def _check_fields(self) -> None:
        if not self.fields:
            return
        from crawler.paths import check_field  # which takes a time that --help has not

        if all(each.format == "urls" for each in self.destinations()):
            raise ValueError("--fields goes with jsonl, csv and tsv: urls are URLs alone")
        for path in self.fields:
            try:
                check_field(path)
            except ValueError as error:
                raise ValueError(f"--fields: {error}") from None
            top = path.partition(".")[0]
            if top in CONTENT and top not in self.content:
                raise ValueError(f"--fields {path}: goes with --{top}")

    def _check_files(self) -> None:
        if not self.output:
            raise ValueError("--output names no file")
        names = self.names
        if self.append and self.overwrite:
            raise ValueError("--append and --overwrite exclude each other")
        if (self.append or self.overwrite) and set(names) == {"-"}:
            given = "--append" if self.append else "--overwrite"
            raise ValueError(f"{given} goes with --output FILE")
        if self.rotate is not None and set(names) == {"-"}:
            raise ValueError("--rotate goes with --output FILE: stdout has no files to number")
        others = (self.state, self.stats, self.cookie_jar, self.input, self.recipe)
        both = itertools.product((*names, *filter(None, others)), names)
        for one, other in both if self.rotate is not None else ():
            if one != other and destination.part_number(one, other):
                raise ValueError(f"--rotate: {one} would be a file of --output {other}")
        self._check_roles()
        self._check_state()

    def _check_roles(self) -> None:
        """A file has one role: what another is written over is lost."""
        state = () if self.state is None else [self.state + end for end in ("", *BESIDE_A_STATE)]
        taken: dict[str, str] = {}
        for flag, names in (
            ("--output", self.names),
            ("--state", state),
            ("--stats", (self.stats,)),
            ("--cookie-jar", (self.cookie_jar,)),
            ("--input", (None if self.input == "-" else self.input,)),
            ("--recipe", (self.recipe,)),
        ):
            for name in filter(None, names):
                path = name if name == "-" else os.path.realpath(name)
                if path in taken and (os.path.isfile(path) or not os.path.exists(path)):
                    both = f"{taken[path]} and {flag} name the same file: {name}"
                    raise ValueError(both if taken[path] != flag else f"{flag} names a file twice")
                taken[path] = flag

    def _check_state(self) -> None:
        for flag, given in (
            ("--fresh", self.fresh),
            ("--durability", self.durability == "full"),
            ("--only-changes", self.only_changes),
            ("--max-age", self.max_age is not None),
            ("--exit-on-change", self.exit_on_change),
        ):
            if given and self.state is None:
                raise ValueError(f"{flag} goes with --state FILE, which remembers")
        for each in self.destinations() if self.state is None else ():
            if set(each.types) == {"gone"}:
                raise ValueError(
                    f"--output {each.name}:gone goes with --state FILE, which remembers"
                )
        if self.state is not None and self.max_queued is not None:
            raise ValueError("--max-queued is for memory; with --state what waits is on disk")

    def _check_stats(self) -> None:
        if self.stats is not None and self.stats.strip() in ("", "-"):
            raise ValueError("--stats names no file; --emit summary is for the output")

    def _check_types(self) -> None:
        """Each value is of its field's type: from Python anything may come."""
        for each in fields(self):
            if (wanted := _lacking(each.type, getattr(self, each.name))) is not None:
                raise ValueError(f"--{each.name.replace('_', '-')} takes {wanted}")

    def _check_text(self) -> None:
        """Whatever is typed is text, and what names a file names one."""
        for flag, texts in (
            ("--include", self.include),
            ("--exclude", self.exclude),
            ("--drop-params", self.drop_params),
            ("--select", self.select),
            ("--each", (self.each or "",)),
        ):
            if any("\ud800" <= char <= "\udfff" for text in texts for char in text):
                raise ValueError(f"{flag} is not UTF-8")
        for flag, name in (
            ("--input", self.input),
            ("--cookie-jar", self.cookie_jar),
            ("--recipe", self.recipe),
            ("--state", self.state),
        ):
            if name is not None and not name.strip():
                raise ValueError(f"{flag} names no file")

    def _check_patterns(self) -> None:
        for flag, patterns in (("--include", self.include), ("--exclude", self.exclude)):
            for pattern in patterns:
                if not pattern:
                    raise ValueError(f"{flag} is empty, and would match every URL")
                try:
                    re.compile(pattern)
                except (re.error, OverflowError, RecursionError) as error:
                    raise ValueError(f"{flag} {pattern!r}: {error}") from None

    def _check_numbers(self) -> None:
        if self.parsers is not None and self.parsers > MOST_PARSERS:
            raise ValueError(f"--parsers is at most {MOST_PARSERS}: one a core is enough")
        for flag, least, value in (
            ("--depth", 0, self.depth),
            ("--max-pages", 1, self.max_pages),
            ("--concurrency", 1, self.concurrency),
            ("--per-host", 1, self.per_host),
            ("--retries", 0, self.retries),
            ("--parsers", 0, self.parsers),
            ("--max-size", 1, self.max_size),
            ("--max-queued", 1, self.max_queued),
            ("--rotate", 1, self.rotate),
        ):
            if value is not None and value < least:
                raise ValueError(f"{flag} is at least {least}")
            if value is not None and value > MOST:
                raise ValueError(f"{flag} is at most {MOST}")
        for flag, time in (
            ("--timeout", self.timeout),
            ("--connect-timeout", self.connect_timeout),
            ("--max-time", self.max_time),
            ("--rate", self.rate),
            ("--max-age", self.max_age),
        ):
            if time is not None and time <= 0:
                raise ValueError(f"{flag} is more than 0")
        for flag, time in (
            ("--delay", self.delay),
            ("--max-wait", self.max_wait),
            ("--start-jitter", self.start_jitter),
        ):
            if time < 0:
                raise ValueError(f"{flag} is not negative")


def _lacking(annotation: Any, value: Any) -> str | None:
    """Return in words what a value should be, or None if it is; of text nothing is quoted."""
    united = get_origin(annotation) in (UnionType, Union)  # the other is that of a Literal
    kind, *others = get_args(annotation) if united else (annotation,)
    if value is None and others:
        return None
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if get_origin(kind) is Literal:
        return None if value in get_args(kind) else f"{'|'.join(get_args(kind))}, not {value!r}"
    if get_origin(kind) is tuple:
        listed = isinstance(value, Collection) and not isinstance(value, str)
        right, wanted = listed and all(isinstance(each, str) for each in value), "a list of strings"
    elif kind is int:
        right, wanted = is_number and isinstance(value, int), f"a whole number, not {value!r}"
    elif kind is float:
        right, wanted = is_number and not math.isnan(value), f"a number, not {value!r}"
    else:
        right, wanted = isinstance(value, kind), "True or False" if kind is bool else "text"
    return None if right else wanted
