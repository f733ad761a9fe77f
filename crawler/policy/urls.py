"""URLs by the WHATWG URL standard, through ada: the one place that spells them.

A *site* is a hostname, plus the port when it is not the scheme's default; an *origin*
adds the scheme. Canonical URLs are WHATWG hrefs without fragment and without userinfo.
``urllib.parse.urljoin`` resolves two URLs in three differently from browsers, so it is
never used.
"""

import re
from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from functools import cache
from hashlib import blake2b
from ipaddress import ip_address
from sys import intern
from typing import NamedTuple
from urllib.parse import unquote

from ada_url import URL, join_url

from crawler.model import Link

MAX_REFERENCE = 16_384
"""A longer reference on a page is no URL to us (bytes it would cost to remember it)."""

_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*://|https?:[/\\]", re.IGNORECASE)
_OTHER_SCHEME = re.compile(
    r"(?:about|blob|data|file|javascript|mailto|news|tel):(?!//|\d+(?:/|$))", re.IGNORECASE
)
_BEFORE_LAST_AT = re.compile(r"^((?:[a-z][a-z0-9+.-]*:)?[/\\]{2})?.*@", re.IGNORECASE | re.DOTALL)
_BEFORE_HOST = re.compile(r"^((?:[a-z][a-z0-9+.-]*:)?(?://)?)[^/?#\\]*@", re.IGNORECASE)
_SCHEMES = ("http://", "https://")


class Seed(NamedTuple):
    """A seed as typed: its canonical URL, and ``user:password`` if it carried any."""

    url: str
    userinfo: tuple[str, str] | None


def resolve(base: str, reference: str) -> str | None:
    """Return ``reference`` as a canonical http(s) URL, or None if it is not one."""
    if len(reference) > MAX_REFERENCE:
        return None
    head, mark, _ = reference.partition("#")
    try:
        href: str = join_url(base, head + mark)  # with the mark, spaces before it are kept
    except ValueError:  # also UnicodeEncodeError, which lone surrogates raise
        return None
    if not href.startswith(_SCHEMES):
        return None
    href = href.removesuffix("#")
    return _without_userinfo(href) if "@" in href else href


class Canon:
    """How this crawl spells URLs: canonical, and without the parameters to be dropped."""

    def __init__(self, drop_params: Sequence[str] = ()) -> None:
        self._drop = tuple(drop_params)

    def link(self, base: str, reference: str) -> Link | None:
        """Return what ``reference`` on the page ``base`` links to; None if not http(s)."""
        url = resolve(base, reference)
        return None if url is None else self.of(url)

    def of(self, url: str) -> Link:
        """Return the link for a canonical URL."""
        if self._drop:
            url = without_params(url, self._drop)
        if url.find("?") == len(url) - 1:
            url = url[:-1]  # without an empty query what is asked for is the same
        # Thousands of links that are remembered share few sites.
        return Link(url, intern(site(url)), fingerprint(url))


def canonical(text: str) -> str | None:
    """Return an absolute http(s) URL in canonical form, or None if it is not one."""
    return resolve("about:blank", text)


def seed(text: str) -> Seed:
    """Return a seed as people type it.

    Without ``//`` it becomes https, or http for an IP address, localhost, and an explicit
    port other than 443. Raises ValueError with a sentence for people.
    """
    typed = text.strip()
    quoted = repr(public(typed)[:200])
    if typed.startswith(("/", "./", "../")) and not typed.startswith("//"):
        raise ValueError(f"not a URL: {quoted} (a file of URLs is read with --input)")
    if other := _OTHER_SCHEME.match(typed):
        raise ValueError(f"only http and https can be crawled, not {other[0]}")
    if typed.startswith("//"):
        typed = "https:" + typed
    elif not _SCHEME.match(typed):
        typed = _guess_scheme(typed) + "://" + typed
    try:
        url = URL(typed)
    except ValueError:
        hint = " (in a password write # as %23, / as %2F, ? as %3F)" if "@" in typed else ""
        raise ValueError(f"not a URL: {quoted}{hint}") from None
    if not url.href.startswith(_SCHEMES):
        raise ValueError(f"only http and https can be crawled: {quoted}")
    userinfo = (unquote(url.username), unquote(url.password)) if "@" in url.href else None
    href = canonical(url.href)
    if href is None:
        raise ValueError(f"not a URL: {quoted}")
    return Seed(href, userinfo if userinfo != ("", "") else None)


def public(typed: str) -> str:
    """Return what a message may quote of what someone has typed as a URL.

    A password may hold what ends it by the standard (``#``), so all up to the last ``@`` goes.
    """
    return _BEFORE_LAST_AT.sub(r"\1", typed)


def normalised(typed: str, canon: Canon) -> tuple[str, list[str]]:
    """Return the canonical URL of a seed as people type it, and in words what has been done.

    Raises ValueError with a sentence for people.
    """
    parsed = seed(typed)
    url, bare = canon.of(parsed.url).url, _BEFORE_HOST.sub(r"\1", typed.strip())
    done = []
    if not _SCHEME.match(bare):
        done.append(f"{url.partition(':')[0]} is meant")
    if parsed.userinfo is not None:
        done.append("user and password are not part of it")
    rest, _, fragment = bare.partition("#")
    if fragment:
        done.append(f"#{fragment} is for browsers")
    authority = re.split(r"[/?\\]", _SCHEME.sub("", rest).lstrip("/"), maxsplit=1)[0]
    if re.search(r":\d+$", authority) and not re.search(r":\d+$", site(url)):
        done.append(f"{authority[authority.rindex(':') :]} is the default port")
    dropped = set(_names(parsed.url)) - set(_names(url))
    if dropped:
        done.append(f"--drop-params takes {', '.join(sorted(dropped))} off")
    if not done and url not in (bare, bare + "/"):
        done.append("spelt as the URL standard has it")
    return url, done


def _names(url: str) -> list[str]:
    """Return the names of a URL's query parameters."""
    query = url.partition("?")[2]
    return [unquote(pair.partition("=")[0]) for pair in query.split("&") if pair]


def origin(url: str) -> str:
    """Return scheme, host and port of a canonical URL: ``https://example.com:8443``."""
    return url[: url.index("/", 8)]


def site(url: str) -> str:
    """Return host, and port unless default, of a canonical URL: ``example.com:8443``."""
    start = url.index("//") + 2
    return url[start : url.index("/", start)]


def host(url: str) -> str:
    """Return the hostname of a canonical URL, an IPv6 address without its brackets."""
    name = site(url)
    if name.startswith("["):
        return name[1 : name.index("]")]
    return name.partition(":")[0]


def directory(url: str) -> str:
    """Return a canonical URL cut after the last slash of its path."""
    path, _, _ = url.partition("?")
    return path[: path.rindex("/") + 1]


def fingerprint(url: str) -> int:
    """Return the 64-bit BLAKE2b of a canonical URL, the key of the seen-set.

    At a million URLs one is wrongly taken for known with probability 5e-14.
    """
    return int.from_bytes(blake2b(url.encode(), digest_size=8).digest(), "little", signed=True)


def registrable(name: str) -> str:
    """Return the registrable domain of a hostname by the Public Suffix List.

    An IP address, and a name without one (``localhost``), is its own domain.
    """
    if is_address(name):
        return name
    return _suffixes()(name.rstrip(".")) or name


def is_public_suffix(name: str) -> bool:
    """Whether names below a hostname belong to anyone (``com``, ``co.uk``, ``github.io``)."""
    return _suffixes()(name.rstrip(".")) is None


def is_address(name: str) -> bool:
    """Whether a hostname is an IP address literal (IPv6 without brackets)."""
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def without_params(url: str, patterns: Sequence[str]) -> str:
    """Return a canonical URL without the query parameters whose names match a pattern.

    Patterns are shell-style (``utm_*``); the other parameters keep order and spelling.
    """
    path, mark, query = url.partition("?")
    if not mark:
        return url
    kept = [
        pair
        for pair in query.split("&")
        if not any(fnmatchcase(unquote(pair.partition("=")[0]), each) for each in patterns)
    ]
    return f"{path}?{'&'.join(kept)}" if kept else path


def _guess_scheme(typed: str) -> str:
    """Return the scheme that someone meant who typed none."""
    authority = typed.partition("/")[0].partition("?")[0].rpartition("@")[2]
    try:
        url = URL("https://" + authority)
    except ValueError:
        return "https"
    name = url.hostname.strip("[]")
    local = name == "localhost" or name.endswith(".localhost") or is_address(name)
    return "http" if url.port or (local and not authority.endswith(":443")) else "https"


def _without_userinfo(href: str) -> str:
    """Return an href without ``user:password@``."""
    scheme, _, rest = href.partition("//")
    authority, slash, path = rest.partition("/")
    return f"{scheme}//{authority.rpartition('@')[2]}{slash}{path}"


@cache
def _suffixes() -> Callable[[str], str | None]:
    """Load the Public Suffix List (45 ms) when a rule first needs it."""
    from publicsuffixlist import PublicSuffixList

    lookup: Callable[[str], str | None] = PublicSuffixList().privatesuffix
    return lookup
