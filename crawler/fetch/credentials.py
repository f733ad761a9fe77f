"""Who is told what: headers, cookies and passwords are bound to origins.

``Accept*`` and ``User-Agent`` go everywhere. Everything else that the user gives goes to
the seeds' origins only, or to the one origin it was given for; a redirect or a link to
anywhere else carries none of it.
"""

import netrc
import re
from base64 import b64encode
from collections.abc import Iterable, Sequence

from multidict import CIMultiDict

from crawler.fetch.digest import Digest
from crawler.policy import urls

Headers = CIMultiDict[str]

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_FRAMING = {
    "connection", "content-length", "expect", "keep-alive", "proxy-connection", "te", "trailer",
    "transfer-encoding", "upgrade",
}  # fmt: skip
_EVERYWHERE = re.compile(r"(accept(-.*)?|user-agent)", re.IGNORECASE)


class Credentials:
    """Headers by origin.

    ``headers`` are the user's ``Name: value`` lines, each optionally after ``@ORIGIN``;
    ``cookies`` are ``name=value`` pairs for the seeds; ``auth`` is ``user:password`` for
    the seeds; ``use_netrc`` looks seeds up in the user's netrc file. With ``digest`` no
    password goes over the wire: it answers the challenges of its origin. Raises ValueError
    with a sentence for people.
    """

    def __init__(
        self,
        headers: Iterable[str] = (),
        cookies: Sequence[str] = (),
        auth: str | None = None,
        *,
        use_netrc: bool = False,
        digest: bool = False,
    ) -> None:
        self.everywhere: Headers = CIMultiDict()
        self._for_seeds: Headers = CIMultiDict()
        self._bound: dict[str, Headers] = {}
        self._seeds: dict[str, Headers] = {}
        self._digests: dict[str, Digest] | None = {} if digest else None
        self._auth: tuple[str, str] | None = None
        for line in headers:
            self._add(line)
        if not all("=" in cookie for cookie in cookies):
            raise ValueError("-b: a cookie is NAME=VALUE")  # what is none may be a value alone
        if jar := "; ".join(cookies):
            given = self._for_seeds.get("Cookie")
            self._for_seeds["Cookie"] = _clean("-b", f"{given}; {jar}" if given else jar)
        if auth is not None:
            if ":" not in auth:
                raise ValueError("--auth takes USER:PASSWORD")
            if not _is_text(auth):
                raise ValueError("--auth is not UTF-8")
            user, _, password = auth.partition(":")
            self._auth = user, password
        self._netrc = _read_netrc() if use_netrc else None

    def admit(self, url: str, userinfo: tuple[str, str] | None) -> None:
        """Let a seed's origin have the seeds' headers; its ``user:password`` is its own."""
        origin = urls.origin(url)
        own = self._seeds.setdefault(origin, CIMultiDict())
        login = userinfo or self._auth or self._looked_up(url)
        if login is None:
            return
        if self._digests is None:
            if userinfo is not None:
                own["Authorization"] = basic(*login)
            else:
                own.setdefault("Authorization", basic(*login))
        elif userinfo is not None or origin not in self._digests:
            self._digests[origin] = Digest(*login)

    def digest(self, origin: str) -> Digest | None:
        """Return what answers an origin's digest challenges, if anything may."""
        return None if self._digests is None else self._digests.get(origin)

    def headers(self, origin: str) -> Headers | None:
        """Return what a request to ``origin`` carries beyond what goes everywhere."""
        merged: Headers = CIMultiDict()
        if (own := self._seeds.get(origin)) is not None:
            merged.update(self._for_seeds)
            merged.update(own)
        merged.update(self._bound.get(origin, {}))
        return merged or None

    def _looked_up(self, url: str) -> tuple[str, str] | None:
        if self._netrc is None or "Authorization" in self._for_seeds:
            return None
        entry = self._netrc.authenticators(urls.host(url))
        return None if entry is None else (entry[0], entry[2] or "")

    def _add(self, line: str) -> None:
        origin = None
        text = line
        if line.startswith("@"):
            place, _, text = line[1:].partition(" ")
            url = urls.canonical(place)
            if url is None:
                raise ValueError(
                    f"-H '@{urls.public(place)} …': @ORIGIN is like @https://example.com"
                )
            origin = urls.origin(url)
        name, colon, value = text.partition(":")
        name, value = name.strip(), _clean("-H", value.strip())
        if not colon or not _NAME.fullmatch(name):
            raise ValueError(f"-H {_unsaid(text)}: a header is 'Name: value'")
        if name.lower() in _FRAMING:
            raise ValueError(f"-H {name}: this header is for the connection, not for you")
        if origin is not None:
            self._bound.setdefault(origin, CIMultiDict())[name] = value
        elif _EVERYWHERE.fullmatch(name):
            self.everywhere[name] = value
        else:
            self._for_seeds[name] = value


def basic(user: str, password: str) -> str:
    """Return the value of a basic Authorization header (RFC 7617, UTF-8)."""
    return "Basic " + b64encode(f"{user}:{password}".encode()).decode()


def _unsaid(text: str) -> str:
    """Return what tells a header that is none from others, without what may be its value."""
    name, mark, _ = text.partition(":" if ":" in text else " ")
    return repr(f"{name}{mark.rstrip()} …" if mark else "…")


def _read_netrc() -> netrc.netrc:
    try:
        return netrc.netrc()
    except OSError as error:
        words = (error.strerror or str(error)).lower()
        raise ValueError(f"--netrc: cannot read {error.filename}: {words}") from None
    except netrc.NetrcParseError as error:  # whose words quote what may be a password
        raise ValueError(f"--netrc: {error.filename}, line {error.lineno}: no netrc") from None
    except UnicodeDecodeError:
        raise ValueError("--netrc: ~/.netrc is not UTF-8") from None


def _is_text(value: str) -> bool:
    """Whether a string holds no bytes that the command line could not decode."""
    return not any("\ud800" <= char <= "\udfff" for char in value)


def _clean(flag: str, value: str) -> str:
    """Return a header value, or raise ValueError if it would end the header early."""
    if any(ord(char) < 32 and char != "\t" for char in value) or "\x7f" in value:
        raise ValueError(f"{flag}: a header value has no control characters")
    if not _is_text(value):
        raise ValueError(f"{flag}: a header value is UTF-8")
    return value
