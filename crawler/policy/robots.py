"""robots.txt by RFC 9309: what a body means for us, and for how long.

The body is read as octets: the paths of a file in another encoding than UTF-8 still match
the URLs that its pages are linked by. Only allow, disallow and user-agent lines shape the
groups (section 2.2.4); where the standard is silent, typing errors are forgiven as Google
forgives them.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from crawler.model import Failed, Fault, Outcome
from crawler.policy import urls
from crawler.policy.patterns import Patterns

MAX_BYTES = 500 * 1024
"""Section 2.5: at least 500 KiB are parsed; we parse that much."""

MAX_LINE = 16_663
"""Octets of a line that count; eight times the longest URL, as Google has it."""

MAX_REDIRECTS = 5
"""Section 2.3.1.2."""

MAX_AGE = 24 * 3600.0
"""Section 2.4: not used longer, in seconds."""

RECHECK = 1800.0
"""After how many seconds a robots.txt that could not be had is asked for again."""

MAX_CRAWL_DELAY = 300.0

_TOKEN = re.compile(r"[A-Za-z_-]+")
_SECONDS = re.compile(r"\d{1,9}(?:\.\d*)?|\.\d+", re.ASCII)
_WORDS = {
    "user-agent": "agent",
    "useragent": "agent",
    "user agent": "agent",
    "allow": "allow",
    **dict.fromkeys("disallow dissallow dissalow disalow diasllow disallaw".split(), "disallow"),
    "crawl-delay": "delay",
    "crawl delay": "delay",
    "sitemap": "sitemap",
    "sitemaps": "sitemap",
    "site-map": "sitemap",
}
_LINE = re.compile(
    rf"\s*({'|'.join(sorted(_WORDS, reverse=True))})\s*(?::([^#]*)|(?<=\s)([^\s#:]++)\s*(?:#|$))",
    re.IGNORECASE | re.ASCII,
)
_SPACE = " \t\v\f"
_BOM = re.compile(rb"\xef(?:\xbb\xbf?)?")  # also a part of it
_UTF16_BOMS = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True, slots=True)
class Rules:
    """What one origin allows us; ``delay`` is its Crawl-delay in seconds, or None.

    ``expires`` is on the caller's monotonic clock, ``size`` the bytes they were read from.
    ``denial`` says why everything is disallowed where no rules could be had.
    """

    expires: float
    size: int = 0
    delay: float | None = None
    denial: str | None = None
    sitemaps: Sequence[str] = ()
    _patterns: Patterns | None = field(default=None, repr=False)

    def refuses(self, url: str) -> str | None:
        """Return why a canonical URL of this origin may not be fetched, or None."""
        if self.denial is not None:
            return self.denial
        if self._patterns is None:
            return None
        path = url[url.index("/", 8) :]
        if path.partition("?")[0] == "/robots.txt" or self._patterns.allow(path):
            return None
        return "disallowed by robots.txt"


@dataclass(frozen=True, slots=True)
class Citation:
    """What in a robots.txt decides about a URL, for people.

    ``group`` is the name of the group that is for us, None where there is none. ``line`` and
    ``text`` are of the line that decides, the first in the file of those that say the same;
    None where no line does, which allows. ``delay`` is the Crawl-delay in seconds.
    """

    group: str | None
    allows: bool
    line: int | None = None
    text: str | None = None
    delay: float | None = None


class _Group:
    """What the groups with one name say together: rules, and the longest Crawl-delay.

    ``lines`` are the numbers of the lines that the rules stand on.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.named = False
        self.delay: float | None = None
        self.rules: list[tuple[bool, str]] = []
        self.lines: list[int] = []


def token(user_agent: str) -> str:
    """Return the product token that groups are matched with: ``crawlway`` of ``crawlway/1``."""
    match = _TOKEN.match(user_agent.strip())
    return match[0].lower() if match else ""


def url(origin: str) -> str:
    """Return where an origin keeps its robots.txt."""
    return origin + "/robots.txt"


def judge(outcome: Outcome, ours: str, now: float) -> Rules | str | Failed:
    """Return what an answer to a request for robots.txt means (section 2.3.1).

    Rules; or the absolute URL it redirects to; or Failed where it could not be had, which
    disallows everything for as long as it lasts.
    """
    if isinstance(outcome, Failed):
        return outcome
    status = outcome.status
    if 200 <= status < 300:
        if outcome.truncated in ("time", "disconnect"):
            return Failed(Fault.DISCONNECT, "robots.txt broke off", status)
        return read(outcome.body or b"", ours, now, cut=outcome.truncated is not None)
    if 300 <= status < 400:
        # A redirect that leads nowhere is an unavailable robots.txt, like 4xx.
        location = outcome.headers.get("location")
        target = None if location is None else urls.resolve(outcome.url, location)
        return allow_all(now) if target is None else target
    if 400 <= status < 500 and status != 429:
        return allow_all(now)
    return Failed(Fault.HTTP_5XX, f"robots.txt answered {status}", status)


def read(body: bytes, ours: str, now: float, *, cut: bool = False) -> Rules:
    """Return the rules of a robots.txt for the product token ``ours``.

    ``cut`` says that there was more of it; what is left of its last line is no rule.
    """
    body = _whole(body, cut=cut)
    group, sitemaps = _understand(_text(body), ours)
    return Rules(
        now + MAX_AGE,
        size=len(body),
        delay=None if group.delay is None else min(group.delay, MAX_CRAWL_DELAY),
        sitemaps=tuple(filter(None, sitemaps)),
        _patterns=Patterns(group.rules) if group.rules else None,
    )


def cite(body: bytes, ours: str, url: str, *, cut: bool = False) -> Citation:
    """Return what decides about a canonical URL: as :func:`read` does, and where that stands."""
    text = _text(_whole(body, cut=cut))
    group, _ = _understand(text, ours)
    name = group.name if group.named else None
    delay = None if group.delay is None else min(group.delay, MAX_CRAWL_DELAY)
    path = url[url.index("/", 8) :]
    weight, allows = Patterns(group.rules).weigh(path)
    if not weight or path.partition("?")[0] == "/robots.txt":
        return Citation(name, True, delay=delay)
    line = next(
        line
        for line, rule in zip(group.lines, group.rules, strict=True)
        if Patterns([rule]).weigh(path) == (weight, allows)
    )
    said = text.split("\n")[line - 1].encode("latin-1").decode("utf-8", "replace").strip()
    return Citation(name, allows, line, said, delay)


def _whole(body: bytes, *, cut: bool) -> bytes:
    """Return as much of a body as counts, in whole lines."""
    if not cut and len(body) <= MAX_BYTES:
        return body
    end = max(body.rfind(b"\n", 0, MAX_BYTES + 1), body.rfind(b"\r", 0, MAX_BYTES + 1))
    return body[: max(end, 0)]


def _understand(text: str, ours: str) -> tuple[_Group, list[str]]:
    """Return the group that is for us, and the sitemaps."""
    us, everyone = _Group(ours), _Group("*")
    sitemaps = []
    named: set[_Group] = set()
    open_to_names = True
    for number, word, value in _lines(text):
        if word == "agent":
            if not open_to_names:
                named, open_to_names = set(), True
            if value == "*" or value.startswith(("* ", "*\t")):
                named.add(everyone)
                everyone.named = True
            elif ours and token(value) == ours:
                named.add(us)
                us.named = True
        elif word == "sitemap":
            sitemaps.append(value.encode("latin-1").decode("utf-8", "replace"))
        elif word == "delay":
            if _SECONDS.fullmatch(value):
                for group in named:
                    group.delay = max(group.delay or 0.0, float(value))
        else:
            open_to_names = False
            for group in named if value else ():
                group.rules.append((word == "allow", value))
                group.lines.append(number)
    return us if us.named else everyone, sitemaps


def allow_all(now: float) -> Rules:
    """Return the rules of an origin without a robots.txt (4xx, section 2.3.1.3)."""
    return Rules(now + MAX_AGE)


def deny_all(why: str, now: float) -> Rules:
    """Return the rules of an origin whose robots.txt cannot be had (section 2.3.1.4)."""
    return Rules(now + RECHECK, denial=why)


def _text(body: bytes) -> str:
    """Return a body with line feeds for ends of lines, and a character an octet."""
    if body.startswith(_UTF16_BOMS) and b"\0" in body:
        body = body.decode("utf-16", "replace").encode()
    elif mark := _BOM.match(body):
        body = body[mark.end() :]
    body = body.replace(b"\0", b"").replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return body.decode("latin-1")


def _lines(text: str) -> Iterator[tuple[int, str, str]]:
    """Yield the number of each line that we know, what it is about, and its value."""
    for number, line in enumerate(text.split("\n"), 1):
        match = _LINE.match(line[:MAX_LINE])
        if match is not None:
            value = (match[2] or match[3] or "").strip(_SPACE)
            yield number, _WORDS[match[1].lower()], value
