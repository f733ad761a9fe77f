"""A jar of cookies in the cookies.txt format that Netscape began and curl and wget share.

Off by default: without it a crawl forgets what servers set. aiohttp's own jar takes
cookies for public suffixes (``Domain=co.uk``), and could be read by a stranger's site.
"""

from collections.abc import Callable, Iterable
from itertools import count
from pathlib import Path

from crawler import atomic
from crawler.fetch.cookie import NEVER, Cookie, hostname, received
from crawler.policy import urls

MOST_PER_SITE = 180
MOST = 10_000

_FIRST_LINE = "# Netscape HTTP Cookie File\n"
_HTTP_ONLY = "#HttpOnly_"


class Jar:
    """Cookies by the rules of RFC 6265; ``now`` is the time, in seconds since the epoch.

    A registrable domain has room for ``MOST_PER_SITE``, where the oldest makes way; a jar
    that is full takes no more, so that no site can push another's cookies out.
    """

    def __init__(self, now: Callable[[], float], cookies: Iterable[Cookie] = ()) -> None:
        self.changed = False
        self._now = now
        self._numbers = count()
        self._ages: dict[tuple[str, str, str], int] = {}
        self._shelves: dict[str, dict[tuple[str, str, str], Cookie]] = {}
        self._size = 0
        for cookie in cookies:
            self._put(cookie)

    def __len__(self) -> int:
        return self._size

    def take(self, url: str, headers: Iterable[str]) -> None:
        """Take the cookies that an answer of ``url`` sets."""
        for header in headers:
            cookie = received(header, url, self._now())
            if cookie is None or self._shadows(cookie, url):
                continue
            self.changed = True
            if cookie.expires is not None and cookie.expires <= self._now():
                self._drop(cookie)
            else:
                self._make_way(cookie)

    def header(self, url: str, without: Iterable[str] = ()) -> str:
        """Return the Cookie header for a request to ``url``, perhaps empty (section 5.4).

        Cookies with the names ``without`` are left out. Longer paths come first, then
        older cookies.
        """
        host, now = urls.host(url), self._now()
        shelf = self._shelves.get(_shelf(host))
        if not shelf:
            return ""
        path = url[len(urls.origin(url)) :].partition("?")[0]
        secure = url.startswith("https:")
        found = [
            cookie
            for cookie in shelf.values()
            if cookie.name not in without
            and (cookie.expires is None or cookie.expires > now)
            and cookie.goes_to(host, path, secure=secure)
        ]
        found.sort(key=lambda cookie: (-len(cookie.path), self._ages[cookie.key]))
        return "; ".join(f"{cookie.name}={cookie.value}" for cookie in found)

    def cookies(self) -> list[Cookie]:
        """Return the cookies that have not expired, the oldest first."""
        now = self._now()
        every = [cookie for shelf in self._shelves.values() for cookie in shelf.values()]
        every.sort(key=lambda cookie: self._ages[cookie.key])
        return [cookie for cookie in every if cookie.expires is None or cookie.expires > now]

    def _shadows(self, cookie: Cookie, url: str) -> bool:
        """Whether plain http would overlay a cookie that https has set (RFC 6265bis, 5.7)."""
        if url.startswith("https:"):
            return False
        shelf = self._shelves.get(_shelf(cookie.domain), {})
        return any(
            each.secure
            and each.name == cookie.name
            and (each.reaches(cookie.domain) or cookie.reaches(each.domain))
            for each in shelf.values()
        )

    def _make_way(self, cookie: Cookie) -> None:
        shelf = self._shelves.get(_shelf(cookie.domain), {})
        if cookie.key not in shelf:
            domain = urls.registrable(cookie.domain)
            akin = [each for each in shelf.values() if urls.registrable(each.domain) == domain]
            if len(akin) >= MOST_PER_SITE:
                self._drop(min(akin, key=lambda each: self._ages[each.key]))
            if self._size >= MOST:
                return
        self._put(cookie)

    def _put(self, cookie: Cookie) -> None:
        shelf = self._shelves.setdefault(_shelf(cookie.domain), {})
        if cookie.key not in shelf:
            self._size += 1
            self._ages[cookie.key] = next(self._numbers)
        shelf[cookie.key] = cookie

    def _drop(self, cookie: Cookie) -> None:
        shelf = self._shelves.get(_shelf(cookie.domain), {})
        if shelf.pop(cookie.key, None) is not None:
            self._size -= 1
            del self._ages[cookie.key]


def load(path: Path, now: Callable[[], float]) -> Jar:
    """Return the jar that a cookies.txt file holds; empty if there is no such file.

    Raises ValueError, with a sentence that names the line, if it is something else: then
    it is not written to, either. Raises OSError if it cannot be read.
    """
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        return Jar(now)
    except UnicodeDecodeError:
        raise ValueError(f"{path} is not a cookies.txt file: it is not UTF-8 text") from None
    cookies = []
    for number, line in enumerate(text.split("\n"), 1):
        line = line.removesuffix("\r")
        if not line.strip() or (line.startswith("#") and not line.startswith(_HTTP_ONLY)):
            continue
        try:
            cookie = _read(line)
        except ValueError as error:
            raise ValueError(f"{path}, line {number}: {error}") from None
        if not cookie.host_only and urls.is_public_suffix(cookie.domain):
            raise ValueError(
                f"{path}, line {number}: a cookie for all of {cookie.domain}, a public suffix"
            )
        cookies.append(cookie)
    return Jar(now, cookies)


def store(jar: Jar, path: Path) -> None:
    """Write a jar to its file: whole or not at all, and readable by nobody else.

    Raises OSError.
    """
    text = _FIRST_LINE + "".join(map(_line, jar.cookies()))
    atomic.write(path, text.encode(), private=True)


def _read(line: str) -> Cookie:
    """Return the cookie of one line. Raises ValueError."""
    http_only = line.startswith(_HTTP_ONLY)
    fields = line.removeprefix(_HTTP_ONLY).split("\t", 6)
    if len(fields) == 6:
        fields.append("")  # an empty value, whose tab an editor has taken off
    if len(fields) != 7:
        raise ValueError("a line of cookies.txt has seven fields with a tab between")
    domain, below, path, secure, expires, name, value = fields
    if below.upper() not in ("TRUE", "FALSE") or secure.upper() not in ("TRUE", "FALSE"):
        raise ValueError("the second and the fourth field are TRUE or FALSE")
    try:
        moment = int(float(expires or "0"))
    except (ValueError, OverflowError):
        raise ValueError(f"{expires[:40]!r} is no time in seconds since 1970") from None
    host = hostname(domain.removeprefix("."))
    if host is None or not path.startswith("/") or not name:
        raise ValueError("a cookie has a host, a path from / and a name")
    if not all(char >= " " and char != "\x7f" for char in path + name + value.replace("\t", "")):
        raise ValueError("a cookie has no control characters")
    return Cookie(
        name,
        value,
        host,
        path,
        None if moment <= 0 else min(moment, NEVER),
        below.upper() == "FALSE" or urls.is_address(host),
        secure.upper() == "TRUE",
        http_only,
    )


def _line(cookie: Cookie) -> str:
    host = cookie.domain if cookie.host_only else f".{cookie.domain}"
    fields = (
        f"{_HTTP_ONLY if cookie.http_only else ''}{host}",
        "FALSE" if cookie.host_only else "TRUE",
        cookie.path,
        "TRUE" if cookie.secure else "FALSE",
        str(cookie.expires or 0),
        cookie.name,
        cookie.value,
    )
    return "\t".join(fields) + "\n"


def _shelf(host: str) -> str:
    """Return what a hostname has in common with every domain whose cookies it is sent."""
    if urls.is_address(host):
        return host
    return ".".join(host.rsplit(".", 3 if host.endswith(".") else 2)[-2 - host.endswith(".") :])
