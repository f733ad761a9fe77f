"""robots.txt by RFC 9309: what a body means for us, and for how long.

Protego reads the grammar and matches paths. It takes a group's name for ours if it is
found anywhere in it, and a whole User-Agent header for a name, so the groups are renamed
before it sees them: exactly our product token (section 2.2.1), ``*``, or someone else.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from protego import Protego

from crawler.model import Failed, Fault, Outcome
from crawler.policy import urls

MAX_BYTES = 500 * 1024
"""Section 2.5: at least 500 KiB are parsed; we parse that much."""

MAX_REDIRECTS = 5
"""Section 2.3.1.2."""

MAX_AGE = 24 * 3600.0
"""Section 2.4: not used longer, in seconds."""

RECHECK = 1800.0
"""After how many seconds a robots.txt that could not be had is asked for again."""

MAX_CRAWL_DELAY = 300.0

_TOKEN = re.compile(r"[A-Za-z_-]+")
_GROUP = re.compile(r"\s*user-?\s?agent\s*:\s*([^#]*)", re.IGNORECASE)
_OURS, _OTHERS = "us", "them"


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
    _parsed: Protego | None = field(default=None, repr=False)

    def refuses(self, url: str) -> str | None:
        """Return why a canonical URL of this origin may not be fetched, or None."""
        if self.denial is not None:
            return self.denial
        if self._parsed is None or self._parsed.can_fetch(url, _OURS):
            return None
        return "disallowed by robots.txt"


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
        return read(outcome.body or b"", ours, now)
    if 300 <= status < 400:
        # A redirect that leads nowhere is an unavailable robots.txt, like 4xx.
        location = outcome.headers.get("location")
        target = None if location is None else urls.resolve(outcome.url, location)
        return allow_all(now) if target is None else target
    if 400 <= status < 500 and status != 429:
        return allow_all(now)
    return Failed(Fault.HTTP_5XX, f"robots.txt answered {status}", status)


def read(body: bytes, ours: str, now: float) -> Rules:
    """Return the rules of a robots.txt for the product token ``ours``."""
    if len(body) > MAX_BYTES:
        body = body[:MAX_BYTES].rpartition(b"\n")[0]  # half a rule would be another rule
    text = body.decode("utf-8-sig", "replace").replace("\0", "")
    lines = re.split(r"\r\n|\r|\n", text)
    parsed = Protego.parse("\n".join(_rename(line, ours) for line in lines))
    delay = parsed.crawl_delay(_OURS)
    return Rules(
        now + MAX_AGE,
        size=len(body),
        delay=None if delay is None else min(delay, MAX_CRAWL_DELAY),
        sitemaps=tuple(parsed.sitemaps),
        _parsed=parsed,
    )


def allow_all(now: float) -> Rules:
    """Return the rules of an origin without a robots.txt (4xx, section 2.3.1.3)."""
    return Rules(now + MAX_AGE)


def deny_all(why: str, now: float) -> Rules:
    """Return the rules of an origin whose robots.txt cannot be had (section 2.3.1.4)."""
    return Rules(now + RECHECK, denial=why)


def _rename(line: str, ours: str) -> str:
    """Return a group's first line with its name as :func:`read` wants it."""
    match = _GROUP.match(line)
    if match is None:
        return line
    name = match[1].strip()
    if name == "*" or name.startswith(("* ", "*\t")):
        return "User-agent: *"
    return f"User-agent: {_OURS if ours and token(name) == ours else _OTHERS}"
