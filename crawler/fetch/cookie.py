"""One cookie: what a Set-Cookie header says, and where it may go (RFC 6265, section 5).

Two rules are of its successor (RFC 6265bis): only https may set a ``Secure`` cookie, and
the prefixes ``__Secure-`` and ``__Host-`` mean what they say. Control characters, which
the RFC lets through, could end a header and are refused.
"""

import re
from calendar import timegm
from dataclasses import dataclass

from crawler.policy import urls

NEVER = 253_402_300_799
"""The last second of the year 9999, which "never expires" comes to."""

_LONGEST = 4_096
_LONGEST_ATTRIBUTE = 1_024
_CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
_CONTROL_BUT_TAB = re.compile(r"[\x00-\x08\x0a-\x1f\x7f\ud800-\udfff]")
_MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split()
_DATE_TOKEN = re.compile(r"[^\x09\x20-\x2f\x3b-\x40\x5b-\x60\x7b-\x7e]+")
_TIME = re.compile(r"(\d{1,2}):(\d{1,2}):(\d{1,2})(?:\D.*)?", re.ASCII)
_DAY = re.compile(r"(\d{1,2})(?:\D.*)?", re.ASCII)
_YEAR = re.compile(r"(\d{2,4})(?:\D.*)?", re.ASCII)
_SECONDS = re.compile(r"-?\d+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Cookie:
    """A cookie as a jar keeps it.

    ``domain`` is a canonical hostname; with ``host_only`` no name below it is sent the
    cookie. ``expires`` is in seconds since the epoch, None for the end of the session.
    """

    name: str
    value: str
    domain: str
    path: str = "/"
    expires: int | None = None
    host_only: bool = True
    secure: bool = False
    http_only: bool = False

    @property
    def key(self) -> tuple[str, str, str]:
        """What a newer cookie replaces it by."""
        return self.domain, self.path, self.name

    def reaches(self, host: str) -> bool:
        """Whether a host is among those that the cookie is for."""
        return host == self.domain or (not self.host_only and _below(host, self.domain))

    def goes_to(self, host: str, path: str, *, secure: bool) -> bool:
        """Whether a request is sent this cookie (section 5.4); ``secure`` says https."""
        if not self.reaches(host) or (self.secure and not secure):
            return False
        if not path.startswith(self.path):
            return False
        return self.path.endswith("/") or path[len(self.path) : len(self.path) + 1] in ("", "/")


def received(header: str, url: str, now: float) -> Cookie | None:
    """Return the cookie that a Set-Cookie header of ``url`` sets, or None if it sets none.

    ``now`` is in seconds since the epoch. A cookie to be deleted comes with ``expires``
    in the past.
    """
    pair, *rest = header.split(";")
    name, equals, value = (part.strip(" \t") for part in pair.partition("="))
    if not equals or not name or len(name) + len(value) > _LONGEST:
        return None
    if _CONTROL.search(name) or _CONTROL_BUT_TAB.search(value):
        return None
    host, https = urls.host(url), url.startswith("https:")
    attributes = _attributes(rest)
    domain, host_only = _domain(attributes.get("domain", ""), host)
    given = attributes.get("path", "")
    path = given if given.startswith("/") else _default_path(url)
    secure = "secure" in attributes
    if domain is None or _CONTROL.search(path) or (secure and not https):
        return None
    if name.lower().startswith(("__secure-", "__host-")) and not secure:
        return None
    if name.lower().startswith("__host-") and not (host_only and given == "/"):
        return None
    return Cookie(
        name,
        value,
        domain,
        path,
        _expiry(attributes, now),
        host_only,
        secure,
        "httponly" in attributes,
    )


def date(text: str) -> int | None:
    """Return the seconds since the epoch of a cookie date, by the RFC's algorithm (5.1.1)."""
    time = day = month = year = None
    for token in _DATE_TOKEN.findall(text[:_LONGEST_ATTRIBUTE]):
        if time is None and (match := _TIME.fullmatch(token)):
            time = [int(part) for part in match.groups()]
        elif day is None and (match := _DAY.fullmatch(token)):
            day = int(match[1])
        elif month is None and token[:3].lower() in _MONTHS:
            month = _MONTHS.index(token[:3].lower()) + 1
        elif year is None and (match := _YEAR.fullmatch(token)):
            year = int(match[1])
    if time is None or day is None or month is None or year is None:
        return None
    year += 1900 if 70 <= year <= 99 else 2000 if year <= 69 else 0
    hour, minute, second = time
    if not 1 <= day <= 31 or year < 1601 or hour > 23 or minute > 59 or second > 59:
        return None
    if day > _days(month, year):
        return None
    return timegm((year, month, day, hour, minute, second))


def _days(month: int, year: int) -> int:
    if month == 2:
        return 29 if year % 4 == 0 and (year % 100 or year % 400 == 0) else 28
    return 30 if month in (4, 6, 9, 11) else 31


def _attributes(parts: list[str]) -> dict[str, str]:
    """Return the attributes by lower-case name, of each the last that means something."""
    found: dict[str, str] = {}
    for part in parts:
        name, _, value = (each.strip(" \t") for each in part.partition("="))
        if len(value) > _LONGEST_ATTRIBUTE:
            continue
        meant = {
            "domain": bool(value),
            "max-age": bool(_SECONDS.fullmatch(value)),
            "expires": date(value) is not None,
        }
        if meant.get(name.lower(), True):
            found[name.lower()] = value
    return found


def _domain(attribute: str, host: str) -> tuple[str | None, bool]:
    """Return the domain a cookie of ``host`` is for, None if it may not have it; host-only?"""
    domain = attribute.removeprefix(".").lower()
    if not domain:
        return host, True
    if not domain.isascii():
        domain = hostname(domain) or ""
    if host != domain and not _below(host, domain):
        return None, False
    if urls.is_address(domain):
        return domain, True
    if urls.is_public_suffix(domain):
        return (host, True) if host == domain else (None, False)
    return domain, False


def hostname(text: str) -> str | None:
    """Return a hostname as canonical URLs have it, or None; IPv6 may have brackets."""
    bare = text.strip("[]")
    url = urls.canonical(f"http://[{bare}]/" if ":" in bare else f"http://{bare}/")
    return urls.host(url) if url is not None and urls.origin(url) + "/" == url else None


def _below(host: str, domain: str) -> bool:
    """Whether ``host`` is a name below ``domain``, not the same (section 5.1.3)."""
    return host.endswith("." + domain) and not urls.is_address(host)


def _default_path(url: str) -> str:
    """Return the folder of a URL's path, without the last slash (section 5.1.4)."""
    path = urls.directory(url)[len(urls.origin(url)) :]
    return path[:-1] or "/"


def _expiry(attributes: dict[str, str], now: float) -> int | None:
    seconds = attributes.get("max-age", "")
    if _SECONDS.fullmatch(seconds):
        age = int(seconds[:20])
        return 0 if age <= 0 else min(int(now) + age, NEVER)
    moment = date(attributes.get("expires", ""))
    return None if moment is None else min(moment, NEVER)
