"""Digest authentication (RFC 7616): what one origin asked, and what it is answered.

Written out because aiohttp's middleware asks and answers within one request, which no
site's delay would ever know of, reads one challenge header only, and lets a server name
other origins that are to be answered. Here an answer is for the origin that asked, and a
challenge is a reason to visit again when it is the site's turn.
"""

import hashlib
import re
import secrets
from collections.abc import Callable, Iterable
from urllib.parse import quote

_HASHES = {"SHA-512-256": "sha512_256", "SHA-256": "sha256", "MD5": "md5"}  # the best first
_LONGEST_CHALLENGE = 4_096
_MOST_STALE = 5
_PART = re.compile(
    r"""([\w!#$%&'*+.^`|~-]+) \s* (?: = \s* (?: "((?:[^"\\]|\\.)*)" | ([^\s,"]*) ) )?""",
    re.VERBOSE | re.ASCII,
)


class Digest:
    """The password of one origin, and its last challenge."""

    def __init__(self, user: str, password: str) -> None:
        self._user = user
        self._password = password
        self._challenge: dict[str, str] = {}
        self._count = 0
        self._stale = 0

    @property
    def nonce(self) -> str | None:
        """The nonce that an answer would be for; None before the first challenge."""
        return self._challenge.get("nonce")

    def answer(self, method: str, target: str) -> str | None:
        """Return the Authorization header of a request, or None before a challenge.

        ``target`` is the path and query as they go over the wire.
        """
        if not self._challenge:
            return None
        self._count += 1
        return answer(
            self._challenge,
            self._user,
            self._password,
            method,
            target,
            count=self._count,
            client_nonce=secrets.token_hex(8),
        )

    def accepted(self) -> None:
        """A request got through."""
        self._stale = 0

    def challenged(self, headers: Iterable[str], nonce: str | None) -> bool:
        """Take in the WWW-Authenticate ``headers`` of a 401; return whether to ask again.

        ``nonce`` is what the request answered. To ask again would not help if the password
        is wrong, or if every answer comes too late.
        """
        if nonce != self.nonce:
            return True  # another request has been told a newer one in the meantime
        challenge = _best(headers)
        if challenge is None:
            return False
        if nonce is not None:
            if challenge.get("stale", "").lower() != "true" or self._stale == _MOST_STALE:
                return False
            self._stale += 1
        self._challenge, self._count = challenge, 0
        return True


def answer(
    challenge: dict[str, str],
    user: str,
    password: str,
    method: str,
    target: str,
    *,
    count: int,
    client_nonce: str,
) -> str:
    """Return the Authorization header that answers a challenge (RFC 7616, section 3.4)."""
    algorithm = challenge.get("algorithm", "MD5")
    hashed = _hash(_family(algorithm))
    realm, nonce = challenge["realm"], challenge["nonce"]
    secret = hashed(f"{user}:{realm}:{password}")
    if algorithm.upper().endswith("-SESS"):
        secret = hashed(f"{secret}:{nonce}:{client_nonce}")
    request = hashed(f"{method}:{target}")
    fields = {"realm": _quoted(realm), "nonce": _quoted(nonce), "uri": f'"{target}"'}
    if challenge.get("userhash", "").lower() == "true":
        fields["username"] = f'"{hashed(f"{user}:{realm}")}"'
        fields["userhash"] = "true"
    elif user.isascii() and user.isprintable():
        fields["username"] = _quoted(user)
    else:
        fields["username*"] = "UTF-8''" + quote(user, safe="")
    if "qop" in challenge:
        number = f"{count:08x}"
        fields |= {"qop": "auth", "nc": number, "cnonce": f'"{client_nonce}"'}
        response = hashed(f"{secret}:{nonce}:{number}:{client_nonce}:auth:{request}")
    else:
        response = hashed(f"{secret}:{nonce}:{request}")
    fields["response"] = f'"{response}"'
    if "algorithm" in challenge:
        fields["algorithm"] = algorithm
    if "opaque" in challenge:
        fields["opaque"] = _quoted(challenge["opaque"])
    return "Digest " + ", ".join(f"{key}={value}" for key, value in fields.items())


def _best(headers: Iterable[str]) -> dict[str, str] | None:
    """Return the strongest digest challenge that can be answered, or None."""
    best, rank = None, len(_HASHES)
    for header in headers:
        for challenge in _challenges(header[:_LONGEST_CHALLENGE]):
            name = _family(challenge.get("algorithm", "MD5"))
            if name not in _HASHES or not challenge.get("nonce") or "realm" not in challenge:
                continue
            qop = challenge.get("qop")
            if qop is not None and "auth" not in qop.lower().replace(" ", "").split(","):
                continue
            if not all(value.isprintable() for value in challenge.values()):
                continue
            place = list(_HASHES).index(name)
            if place < rank:
                best, rank = challenge, place
    return best


def schemes(headers: Iterable[str]) -> set[str]:
    """Return the schemes that WWW-Authenticate ``headers`` ask for, in lower case."""
    matches = (each for header in headers for each in _PART.finditer(header[:_LONGEST_CHALLENGE]))
    return {each[1].lower() for each in matches if each[2] is None and each[3] is None}


def _challenges(header: str) -> list[dict[str, str]]:
    """Return the parameters of each Digest challenge in one header."""
    found: list[dict[str, str]] = []
    current: dict[str, str] = {}
    for match in _PART.finditer(header):
        name, quoted, bare = match.groups()
        if quoted is None and bare is None:
            current = {}
            if name.lower() == "digest":
                found.append(current)
        else:
            value = bare if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
            current.setdefault(name.lower(), value)
    return found


def _family(algorithm: str) -> str:
    return algorithm.upper().removesuffix("-SESS")


def _hash(name: str) -> Callable[[str], str]:
    def hashed(text: str) -> str:
        return hashlib.new(_HASHES[name], text.encode(), usedforsecurity=False).hexdigest()

    return hashed


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
