"""The path patterns of robots.txt (RFC 9309, sections 2.2.2 and 2.2.3): which one decides.

Everything here is text in which one character stands for one octet. Paths and patterns
are compared in one normal form: an escape of an unreserved or a reserved character is that
character, except for the delimiters ``/ ? # & =``, which an escape keeps from delimiting;
every other octet is escaped, in upper case. What the section calls encoding reserved
characters comes to the same, and so do its examples, also ``%2A`` for a star that is meant.
In the query, where ``/`` and ``?`` delimit nothing, either spelling of them matches.
"""

import re
from collections.abc import Iterable
from typing import NamedTuple

_UNRESERVED = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"
_RESERVED = ":/?#[]@!$&'()*+,;="
_NORMAL = {
    f"%{octet:02X}": character
    if (character := chr(octet)) in _UNRESERVED + _RESERVED and character not in "/?#&="
    else f"%{octet:02X}"
    for octet in range(256)
}
_ODD = re.compile(r"""%[0-9A-Fa-f]{2}|[^!-~]|["<>\\^`{|}]""")
_ESCAPED_DELIMITER = re.compile(r"%2F|%3F", re.IGNORECASE)


class _Wild(NamedTuple):
    """A pattern with a wildcard, or with an end; sorts by how specific it is.

    The path begins with the first of ``pieces``, and has the others behind it in their
    order; the last one at its end if ``anchored``.
    """

    weight: int
    allows: bool
    pieces: tuple[str, ...]
    anchored: bool

    def matches(self, path: str) -> bool:
        """Whether a path in normal form matches; the time is linear in its length."""
        pieces = self.pieces
        if not path.startswith(pieces[0]):
            return False
        at = len(pieces[0])
        if len(pieces) == 1:
            return not self.anchored or at == len(path)
        for piece in pieces[1:-1]:
            at = path.find(piece, at)
            if at < 0:
                return False
            at += len(piece)
        if self.anchored:
            return path.endswith(pieces[-1]) and len(path) - len(pieces[-1]) >= at
        return path.find(pieces[-1], at) >= 0


class Patterns:
    """The allow and disallow rules of one group, each ``(allows, pattern)`` as written.

    The time of a match is that of as many look-ups as plain patterns have lengths, and of
    one scan of the path for every pattern with a wildcard that is tried in vain.
    """

    def __init__(self, rules: Iterable[tuple[bool, str]]) -> None:
        self._plain: dict[str, bool] = {}
        wild: set[_Wild] = set()
        for allows, written in rules:
            for pattern in _spellings(written):
                if "*" in pattern or pattern.endswith("$"):
                    wild.add(_wild(allows, pattern))
                else:
                    plain = _normal(pattern)
                    self._plain[plain] = allows or self._plain.get(plain, False)
            folder, slash, page = written.rpartition("/")
            if allows and slash and page.startswith("index.htm"):
                wild.add(_wild(True, f"{folder}/$"))  # as Google has it: the folder is meant, too
        self._lengths = sorted(set(map(len, self._plain)), reverse=True)
        self._wild = sorted(wild, reverse=True)
        self._keys = [max(each.pieces, key=len) for each in self._wild]

    def allow(self, path: str) -> bool:
        """Whether the rules allow a path with its query.

        The longest pattern that matches decides; allow wins a tie, and where none matches.
        """
        return self.weigh(path)[1]

    def weigh(self, path: str) -> tuple[int, bool]:
        """Return the weight of the pattern that decides (0: none matches), and what it says."""
        return max(self._decide(_normal(spelling)) for spelling in _spellings(path))

    def _decide(self, path: str) -> tuple[int, bool]:
        """Return the weight of the most specific pattern that matches, and what it says."""
        best = (0, True)
        for length in self._lengths:
            allows = self._plain.get(path[:length])
            if allows is not None and length <= len(path):
                best = (length, allows)
                break
        for number, key in enumerate(self._keys):
            if key in path:  # or it cannot match, which is said sooner than by matching
                each = self._wild[number]
                if each < best:
                    break
                if each.matches(path):
                    return each.weight, each.allows
        return best


def _wild(allows: bool, pattern: str) -> _Wild:
    """Return a pattern that has a star, or a dollar at its end."""
    anchored = pattern.endswith("$")
    first, *others = map(_normal, pattern.removesuffix("$").split("*"))
    weight = len(first) + sum(map(len, others)) + len(others) + anchored
    if others:
        *middle, last = others
        others = [*filter(None, middle), last]
    return _Wild(weight, allows, (first, *others), anchored)


def _spellings(path: str) -> tuple[str, ...]:
    """Return a path and, if it has an escaped delimiter in its query, the same without."""
    if "?" not in path or "%" not in path:
        return (path,)
    before, mark, query = path.partition("?")
    bare = _ESCAPED_DELIMITER.sub(lambda match: chr(int(match[0][1:], 16)), query)
    return (path,) if bare == query else (path, before + mark + bare)


def _normal(path: str) -> str:
    return _ODD.sub(_replace, path)


def _replace(match: re.Match[str]) -> str:
    odd = match[0]
    return _NORMAL[odd.upper()] if len(odd) == 3 else f"%{ord(odd):02X}"
