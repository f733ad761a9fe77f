"""The HTML and Encoding standards to the letter, and readings that the tables notice."""

import re
from collections.abc import Callable
from email.message import Message

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.parse import charset
from crawler.parse.charset import PRESCANNED, parameter, prescan, sniff, text
from tests.parse import declarations
from tests.parse.labels import LABELS, UNKNOWN

PAIRS = [(label, name) for name, labels in LABELS.items() for label in labels]
READABLE = {"utf-16be": "utf-8", "utf-16le": "utf-8"}
"""What labels mean where they were read as ASCII."""


def test_the_table_is_whole() -> None:
    assert len(LABELS) == 40
    assert len(PAIRS) == len({label for label, _ in PAIRS}) == 228
    assert len(declarations.PRESCAN) >= 180


@pytest.mark.parametrize(("label", "name"), PAIRS)
def test_a_label_names_its_encoding(label: str, name: str) -> None:
    assert sniff(b"", f"text/html; charset={label}") == name
    assert sniff(b"", f'text/html; charset=" {label.upper()} "') == name
    assert prescan(f'<?xml encoding="{label}"?>'.encode()) == READABLE.get(name, name)
    in_meta = "windows-1252" if name == "x-user-defined" else READABLE.get(name, name)
    assert prescan(f"<meta charset={label.upper()}>".encode()) == in_meta


@pytest.mark.parametrize("label", UNKNOWN)
def test_a_label_of_another_table_names_none(label: str) -> None:
    assert sniff(b"<meta charset=koi8-r>", f"text/html; charset={label}") == "koi8-r"
    assert prescan(f"<meta charset={label}>".encode()) is None


@pytest.mark.parametrize("space", ["\x0b", "\xa0", "\x85", "\u2003", "\0", "-", "_"])
def test_only_ascii_spaces_around_a_label_do_not_count(space: str) -> None:
    assert prescan(f'<meta charset="{space}koi8-r">'.encode()) is None
    assert prescan(b'<meta charset="\t\n\f\r koi8-r \t\n\f\r">') == "koi8-r"


@pytest.mark.parametrize("name", LABELS)
def test_every_encoding_can_be_read(name: str) -> None:
    got = text(b"<p>\x1b$B\x80\xff</p>", name)

    assert isinstance(got, str) is (name != "utf-8")


@pytest.mark.parametrize(("head", "name"), declarations.PRESCAN)
def test_the_prescan_is_the_standards(head: bytes, name: str | None) -> None:
    assert prescan(head) == name


@pytest.mark.parametrize(("header", "name"), declarations.HEADERS.items())
def test_a_content_type_names_its_encoding(header: str, name: str | None) -> None:
    assert sniff(b"<meta charset=ibm866>", header) == (name or "ibm866")


ORDER = [
    # byte order mark, header, meta, and what it comes to
    (b"\xef\xbb\xbf", "koi8-r", "big5", "utf-8"),
    (b"\xef\xbb\xbf", "utf-16", None, "utf-8"),
    (b"\xef\xbb\xbf", None, "big5", "utf-8"),
    (b"\xfe\xff", "koi8-r", "big5", "utf-16be"),
    (b"\xff\xfe", "utf-8", None, "utf-16le"),
    (b"\xef\xbb", "koi8-r", "big5", "koi8-r"),
    (b"", "koi8-r", "big5", "koi8-r"),
    (b"", "koi8-r", None, "koi8-r"),
    (b"", "bogus", "big5", "big5"),
    (b"", None, "big5", "big5"),
    (b"", None, "bogus", "utf-8"),
    (b"", None, None, "utf-8"),
]


@pytest.mark.parametrize(("mark", "header", "meta", "name"), ORDER)
def test_a_mark_wins_over_a_header_over_a_meta_element(
    mark: bytes, header: str | None, meta: str | None, name: str
) -> None:
    body = mark + (f"<meta charset={meta}>".encode() if meta else b"<title>x</title>")

    assert sniff(body, f"text/html; charset={header}" if header else "text/html") == name


META = b"<meta charset=koi8-r>"


@pytest.mark.parametrize(
    ("before", "name"), [(PRESCANNED - len(META), "koi8-r"), (PRESCANNED - len(META) + 1, "utf-8")]
)
@pytest.mark.parametrize("filling", [b" ", b"x", b"<p>", b"<!-- -->"])
def test_a_declaration_ends_within_1024_bytes(before: int, name: str, filling: bytes) -> None:
    filled = (filling * (before // len(filling))).ljust(before)

    assert PRESCANNED == 1_024
    assert sniff(filled + META + b"<p>", "") == name


# Any bytes

BITS = declarations.cases("""
<meta ⇒ none
charset= ⇒ none
http-equiv=content-type content= ⇒ none
koi8-r ⇒ none
<?xml encoding= ⇒ none
<!-- ⇒ none
--> ⇒ none
""")
bits = st.sampled_from([bit for bit, _ in BITS] + [bytes([each]) for each in b"<>/='\"; \0\xff"])
soups = st.one_of(st.binary(max_size=200), st.lists(bits, max_size=40).map(b"".join))


@given(soups, st.text(max_size=40))
def test_sniffing_never_raises(soup: bytes, header: str) -> None:
    for content_type in (header, f"text/html;{header}", f'text/html; charset="{header}'):
        name = sniff(soup, content_type)
        assert name in LABELS
        text(soup, name)


# What a mistaken reading would fail


def with_a_regex(head: bytes) -> str | None:
    """The first ``charset=`` there is."""
    match = re.search(rb"charset\s*=\s*[\"']?([\w-]+)", head, re.IGNORECASE)
    return charset._lookup(match[1].decode()) if match else None


def with_python_codecs(head: bytes) -> str | None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(charset, "_lookup", lambda label: label.lower().strip() or None)
        return prescan(head)


def without_the_end(head: bytes) -> str | None:
    """A declaration that the end cuts off counts."""
    return prescan(head + b" >")


@pytest.mark.parametrize(
    ("broken", "least"), [(with_a_regex, 40), (with_python_codecs, 15), (without_the_end, 3)]
)
def test_the_prescan_table_notices(broken: Callable[[bytes], str | None], least: int) -> None:
    wrong = [head for head, name in declarations.PRESCAN if broken(head) != name]

    assert len(wrong) >= least


def test_a_prescan_without_its_limit_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(charset, "PRESCANNED", 1 << 20)

    with pytest.raises(AssertionError):
        test_a_declaration_ends_within_1024_bytes(PRESCANNED - len(META) + 1, "utf-8", b" ")


def test_a_header_that_the_mail_parser_reads_is_noticed() -> None:
    def by_mail(header: str) -> str:
        message = Message()
        message["Content-Type"] = header
        return message.get_content_charset() or ""

    wrong = [each for each in declarations.HEADERS if by_mail(each) != parameter(each).lower()]

    assert len(wrong) >= 5
