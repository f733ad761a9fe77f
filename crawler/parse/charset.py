"""In which encoding is this page? By the HTML standard, section 13.2.3: a byte order mark,
then the Content-Type header, then a meta element or an XML declaration in the first 1,024
bytes; else UTF-8 if it is valid, else what statistics say of the first 16 KB.

Labels are the Encoding standard's (webencodings), never Python's codec names: a server
cannot choose UTF-7 or a codec of ours.
"""

import codecs
import re
from functools import lru_cache

import cchardet
import webencodings

PRESCANNED = 1_024
DETECTED = 16_384

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_BE, "utf-16be"),
    (codecs.BOM_UTF16_LE, "utf-16le"),
)
_UTF16_DECLARATIONS = ((b"<\0?\0x\0", "utf-16le"), (b"\0<\0?\0x", "utf-16be"))
_PARAMETER = re.compile(r';([^;=]*+)(?:=\s*+(?:"((?:[^"\\]|\\.)*+)"?[^;]*+|([^;]*+)))?', re.DOTALL)
_LABELS = {"UHC": "euc-kr", "MAC-CYRILLIC": "x-mac-cyrillic"}  # cchardet's own names
_SPACE = b"\t\n\f\r /"
_META_CHARSET = re.compile(
    rb"""charset[\t\n\f\r ]*+=[\t\n\f\r ]*+(?:"([^"]*)"|'([^']*)'|(?!["'])([^\t\n\f\r ;]*))?"""
)
_XML_ENCODING = re.compile(
    rb"""<\?xml(?>.*?encoding)[\0-\x20]*+=[\0-\x20]*+(?:"([^"\0-\x20]*)"|'([^'\0-\x20]*)')""",
    re.DOTALL,
)


def sniff(body: bytes, content_type: str) -> str:
    """Return the Encoding standard's name of a page's encoding."""
    for mark, name in _BOMS:
        if body.startswith(mark):
            return name
    found = _lookup(parameter(content_type)) or prescan(body[:PRESCANNED])
    if found is not None:
        return found
    return "utf-8" if _is_utf8(body) else _detect(body[:DETECTED])


def text(body: bytes, name: str) -> str | bytes:
    """Return a body for the HTML parser: as it is if UTF-8, else decoded.

    What the encoding has no character for becomes U+FFFD.
    """
    if name == "utf-8":
        return body.removeprefix(codecs.BOM_UTF8)
    if name == "replacement":
        return "\ufffd"
    decoded, _ = webencodings.decode(body, webencodings.lookup(name), "replace")
    return str(decoded)


def parameter(content_type: str) -> str:
    """Return the charset parameter of a Content-Type as written, or an empty string.

    As the MIME Sniffing standard parses them, the first that has a value; spaces around
    its name and single quotes around its value are forgiven.
    """
    for match in _PARAMETER.finditer(content_type):
        if match[1].strip().lower() == "charset":
            if match[2] is not None:
                return re.sub(r"\\(.)", r"\1", match[2], flags=re.DOTALL)
            if value := (match[3] or "").strip():
                return value.strip("'")
    return ""


def prescan(head: bytes) -> str | None:
    """Return the encoding that ``head`` declares itself to be in, or None.

    The standard's "prescan a byte stream to determine its encoding", with the "get an XML
    encoding" that it falls back to. What the end of ``head`` cuts off declares nothing.
    """
    for declaration, name in _UTF16_DECLARATIONS:
        if head.startswith(declaration):
            return name
    start, _, _ = head.partition(b"<title")  # the same on many pages
    return _start(start) or _find_meta(head) or _xml(head)


def _find_meta(head: bytes) -> str | None:
    """Return the encoding that the first meta element to name one names."""
    at, end = 0, len(head)
    while at < end:
        at = head.find(b"<", at)
        if at < 0:
            return None
        if head.startswith(b"<!--", at):
            close = head.find(b"-->", at + 2)
            at = end if close < 0 else close + 3
        elif head[at + 1 : at + 5].lower() == b"meta" and head[at + 5 : at + 6] in _each(_SPACE):
            name, at = _meta(head, at + 5)
            if name is not None:
                return name
        elif re.match(rb"</?[A-Za-z]", head[at : at + 3]):
            at = _skip_name(head, at + 1)
            attribute: tuple[bytes, bytes] | None = (b"", b"")
            while attribute is not None:
                attribute, at = _attribute(head, at)
        elif head[at + 1 : at + 2] in (b"!", b"/", b"?"):
            close = head.find(b">", at)
            at = end if close < 0 else close + 1
        else:
            at += 1
    return None


_start = lru_cache(maxsize=128)(_find_meta)


def _meta(head: bytes, at: int) -> tuple[str | None, int]:
    """Read a meta element's attributes; return the encoding it names, and where it ends."""
    seen: set[bytes] = set()
    pragma = False
    need_pragma: bool | None = None
    label: str | None = None
    while True:
        attribute, at = _attribute(head, at)
        if attribute is None:
            break
        name, value = attribute
        if name in seen:
            continue
        seen.add(name)
        if name == b"http-equiv":
            pragma = value == b"content-type"
        elif name == b"content" and label is None:
            match = _META_CHARSET.search(value)
            if match:
                label = _ascii(match[1] or match[2] or match[3] or b"")
                need_pragma = True
        elif name == b"charset":
            label = _ascii(value)
            need_pragma = False
    if at >= len(head) or need_pragma is None or (need_pragma and not pragma):
        return None, at
    found = _readable(label or "")
    return ("windows-1252" if found == "x-user-defined" else found), at


def _xml(head: bytes) -> str | None:
    """Return the encoding that an XML declaration names."""
    declaration, end, _ = head.partition(b">")
    match = _XML_ENCODING.match(declaration) if end else None
    return _readable(_ascii(match[1] or match[2] or b"")) if match else None


def _attribute(head: bytes, at: int) -> tuple[tuple[bytes, bytes] | None, int]:
    """The standard's "get an attribute": lower-cased name and value, or None at the end."""
    end = len(head)
    while at < end and head[at] in _SPACE:
        at += 1
    if at >= end or head[at] == ord(">"):
        return None, at
    start = at
    while at < end and head[at] not in b"\t\n\f\r />" and (head[at] != ord("=") or at == start):
        at += 1
    name = head[start:at].lower()
    while at < end and head[at] in b"\t\n\f\r ":
        at += 1
    if at >= end or head[at] != ord("="):
        return (name, b""), at
    at += 1
    while at < end and head[at] in b"\t\n\f\r ":
        at += 1
    if at < end and head[at] in b"\"'":
        close = head.find(head[at : at + 1], at + 1)
        if close < 0:
            return None, end
        return (name, head[at + 1 : close].lower()), close + 1
    start = at
    while at < end and head[at] not in b"\t\n\f\r >":
        at += 1
    return (name, head[start:at].lower()), at


def _skip_name(head: bytes, at: int) -> int:
    while at < len(head) and head[at] not in b"\t\n\f\r >":
        at += 1
    return at


def _each(chars: bytes) -> tuple[bytes, ...]:
    return tuple(bytes((char,)) for char in chars)


def _ascii(label: bytes) -> str:
    return label.decode("ascii", "replace")


def _readable(label: str) -> str | None:
    """Return the encoding of a label that was read as ASCII, and so is not in UTF-16."""
    found = _lookup(label)
    return "utf-8" if found in ("utf-16be", "utf-16le") else found


def _lookup(label: str) -> str | None:
    encoding = webencodings.lookup(label)
    return None if encoding is None else str(encoding.name)


def _is_utf8(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError as error:
        # A body that was cut may end inside a character.
        return len(body) - error.start < 4 and error.reason == "unexpected end of data"
    return True


def _detect(head: bytes) -> str:
    guess = cchardet.detect(head).get("encoding") or ""
    return _lookup(_LABELS.get(guess, guess)) or "windows-1252"
