"""Which encoding a page is in: what wins over what, and the standard's prescan in detail."""

from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.parse import charset, html
from crawler.parse.charset import DETECTED, PRESCANNED, prescan, sniff, text

RUSSIAN = "Съешь же ещё этих мягких французских булок, да выпей чаю. "
SAMPLES = {
    "windows-1251": RUSSIAN,
    "koi8-r": RUSSIAN,
    "shift_jis": "いろはにほへと ちりぬるを わかよたれそ つねならむ 日本語の文章です。",
    "euc-jp": "いろはにほへと ちりぬるを わかよたれそ つねならむ 日本語の文章です。",
    "gb18030": "我能吞下玻璃而不伤身体。这是一个用来测试的中文网页，内容很多。",
    "big5": "我能吞下玻璃而不傷身體。這是一個用來測試的中文網頁，內容很多。",
    "euc-kr": "나는 유리를 먹을 수 있어요. 그래도 아프지 않아요. 한국어 문서입니다.",
    "windows-1252": "Zwölf Boxkämpfer jagen Viktor quer über den großen Sylter Deich. ",
    "iso-8859-7": "Ξεσκεπάζω την ψυχοφθόρα βδελυγμία. Το ελληνικό κείμενο εδώ. ",
}


def titled(body: bytes, content_type: str = "text/html") -> str | None:
    """Return the title of a page as the crawl reads it."""
    source = text(body, sniff(body, content_type))
    return html.read(html.tree(source), "http://h/", "crawlway").title


# What wins over what


def test_without_a_word_valid_utf8_is_utf8() -> None:
    assert sniff("<title>é</title>".encode(), "text/html") == "utf-8"
    assert sniff(b"", "") == "utf-8"
    assert sniff(b"<title>plain</title>", "") == "utf-8"


@pytest.mark.parametrize(
    ("mark", "name"),
    [(b"\xef\xbb\xbf", "utf-8"), (b"\xfe\xff", "utf-16be"), (b"\xff\xfe", "utf-16le")],
)
def test_a_byte_order_mark_wins_over_all(mark: bytes, name: str) -> None:
    body = mark + b"<meta charset=windows-1251>"
    assert sniff(body, "text/html; charset=koi8-r") == name


def test_the_header_wins_over_the_meta_element() -> None:
    assert sniff(b"<meta charset=windows-1251>", "text/html; charset=koi8-r") == "koi8-r"


def test_the_meta_element_wins_over_what_the_bytes_look_like() -> None:
    assert sniff("<meta charset=koi8-r>é".encode(), "text/html") == "koi8-r"


def test_a_mark_makes_a_page_readable_whatever_else_is_said() -> None:
    page = "<title>Привет</title>"
    for encoding in ("utf-8-sig", "utf-16"):
        said = b"" if encoding == "utf-16" else b"<meta charset=windows-1251>"
        assert titled(page.encode(encoding) + said, "text/html; charset=koi8-r") == "Привет"


def test_the_header_makes_a_page_readable_against_its_meta_element() -> None:
    body = "<meta charset=utf-8><title>Привет</title>".encode("koi8-r")
    assert titled(body, "text/html; charset=koi8-r") == "Привет"


@pytest.mark.parametrize("meta", ["windows-1251", "iso-8859-1", "shift_jis"])
def test_utf8_by_the_header_stays_utf8_against_its_meta_element(meta: str) -> None:
    body = f"<meta charset={meta}><title>Привет</title>".encode()
    assert sniff(body, "text/html; charset=utf-8") == "utf-8"
    assert titled(body, "text/html; charset=utf-8") == "Привет"


# The header


@pytest.mark.parametrize(
    "header",
    [
        "text/html;charset=koi8-r",
        "text/html; CHARSET=KOI8-R",
        "text/html; charset = 'koi8-r'",
        'text/html; charset="koi8-r"; x=y',
        "text/html; x=y;charset= koi8-r ;z",
        "text/html; charset=koi",
    ],
)
def test_a_header_may_spell_its_charset_in_many_ways(header: str) -> None:
    assert sniff(b"", header) == "koi8-r"


BOGUS = ["bogus", "utf-7", "hex", "rot13", "idna", "punycode", "unicode_escape", "cp037", "utf-32"]


@pytest.mark.parametrize("label", BOGUS)
def test_labels_that_the_standard_does_not_know_are_ignored(label: str) -> None:
    assert sniff("é".encode(), f"text/html; charset={label}") == "utf-8"
    assert sniff(f"<meta charset={label}>é".encode(), "text/html") == "utf-8"
    assert sniff(b"<meta charset=koi8-r>", f"text/html; charset={label}") == "koi8-r"


def test_utf7_is_not_decoded() -> None:
    assert titled(b"<title>+ADw-script+AD4-</title>", "text/html; charset=utf-7") == (
        "+ADw-script+AD4-"
    )


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("latin1", "windows-1252"),
        ("ascii", "windows-1252"),
        ("iso-8859-1", "windows-1252"),
        ("iso-8859-9", "windows-1254"),
        ("gb2312", "gbk"),
        ("x-sjis", "shift_jis"),
        ("ks_c_5601-1987", "euc-kr"),
        ("unicode-1-1-utf-8", "utf-8"),
    ],
)
def test_labels_mean_what_they_mean_to_browsers(label: str, name: str) -> None:
    assert sniff(b"", f"text/html; charset={label}") == name


@pytest.mark.parametrize("label", ["iso-2022-kr", "hz-gb-2312", "replacement"])
def test_dangerous_encodings_are_replaced_whole(label: str) -> None:
    body = b"<title>x</title>"
    assert text(body, sniff(body, f"text/html; charset={label}")) == "\ufffd"


# The prescan

HEADS = [b"<title", b"<title>", b"<meta ", b"charset=", b"koi8-r", b"'", b'"', b">", b" ", b"<!--",
          b"-->", b"<?xml encoding='big5'?>", b"<p a=", b"content='text/html; charset=big5'",
          b"http-equiv=content-type ", b"utf-8"]  # fmt: skip


@given(st.lists(st.sampled_from(HEADS), max_size=25).map(b"".join))
def test_what_is_before_the_title_is_read_like_the_rest(head: bytes) -> None:
    declared = prescan(head)
    with patch.object(charset, "_start", return_value=None):
        assert prescan(head) == declared


@pytest.mark.parametrize(
    "head",
    [
        b"<meta charset=koi8-r>",
        b"<META CHARSET='KOI8-R'>",
        b'<meta/charset="koi8-r"/>',
        b"<meta\tcharset\n=\r\f koi8-r >",
        b"<meta charset=' koi8-r '>",
        b'<meta name=x lang="a>b" charset=koi8-r>',
        b"<!-- <meta charset=big5> --><meta charset=koi8-r>",
        b"<!--><meta charset=koi8-r>",
        b"<!--->x--><meta charset=koi8-r>",
        b"<!doctype html><?xml encoding='big5'?><meta charset=koi8-r>",
        b"</meta charset=big5></><meta charset=koi8-r>",
        b"<a title='<meta charset=big5>'><meta charset=koi8-r>",
        b"<p class=x<meta charset=big5><meta charset=koi8-r>",
        b"<metal charset=big5><meta charset=koi8-r>",
        b"< meta charset=big5><meta charset=koi8-r>",
        b"<meta charset=bogus><meta charset=koi8-r>",
        b"<meta charset=koi8-r charset=big5>",
        b"<meta charset=koi8-r><meta charset=big5>",
        b"<script>'<meta charset=koi8-r>'</script>",
        b"<meta http-equiv=content-type content='text/html; charset=koi8-r'>",
        b"<meta content='text/html; charset=koi8-r' http-equiv=Content-Type>",
        b"<meta content=charset=koi8-r http-equiv=content-type>",
        b"<meta http-equiv=content-type content='text/html; charset = \"koi8-r\" ;x'>",
        b"<meta http-equiv=content-type content='charset charset=koi8-r'>",
        b"<meta http-equiv=content-type content='x; charset=big5' charset=koi8-r>",
        b"<meta charset=koi8-r http-equiv=content-type content='x; charset=big5'>",
    ],
)
def test_the_prescan_finds_the_declaration(head: bytes) -> None:
    assert prescan(head) == "koi8-r"


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"<",
        b"<meta",
        b"<meta ",
        b"<meta>",
        b"<meta charset>",
        b"<meta charset=>",
        b"<meta charset=''>",
        b"<meta charset= koi8-r",
        b"<meta charset='koi8-r",
        b'<meta charset="koi8-r>',
        b"<metacharset=koi8-r>",
        b"<meta name=charset content=koi8-r>",
        b"<meta content='text/html; charset=koi8-r'>",
        b"<meta http-equiv=refresh content='text/html; charset=koi8-r'>",
        b"<meta http-equiv=content-type content='text/html'>",
        b"<meta http-equiv=content-type content='text/html; charset=\"koi8-r'>",
        b"<meta http-equiv=refresh http-equiv=content-type content='charset=koi8-r'>",
        b"<!-- <meta charset=koi8-r> -->",
        b"<!-- <meta charset=koi8-r>",
        b"<!doctype <meta charset=koi8-r>",
        b"<a title='<meta charset=koi8-r>'>",
        b"<a title='x><meta charset=koi8-r>",
        b"charset=koi8-r",
    ],
)
def test_the_prescan_finds_nothing_where_nothing_is_declared(head: bytes) -> None:
    assert prescan(head) is None


@pytest.mark.parametrize("label", ["utf-16", "utf-16le", "UTF-16BE", "unicode"])
def test_a_meta_element_that_says_utf16_means_utf8(label: str) -> None:
    assert prescan(f"<meta charset={label}>".encode()) == "utf-8"


def test_a_meta_element_that_says_x_user_defined_means_windows_1252() -> None:
    assert prescan(b"<meta charset=x-user-defined>") == "windows-1252"


def test_only_the_first_1024_bytes_are_scanned() -> None:
    meta = b"<meta charset=koi8-r>"
    inside = b" " * (PRESCANNED - len(meta)) + meta
    assert sniff(inside, "") == "koi8-r"
    assert sniff(b" " * PRESCANNED + meta, "") == "utf-8"


@given(st.binary(max_size=200))
def test_the_prescan_takes_any_bytes(noise: bytes) -> None:
    for head in (noise, b"<meta " + noise, b"<meta charset=" + noise, b"<a " + noise):
        prescan(head)


PIECES = b"<meta charset = ' \" koi8-r > < / !-- --> http-equiv content content-type a ? ;"
pieces = st.sampled_from([*PIECES.split(), b" ", b"\n"])


@given(st.lists(pieces, max_size=40).map(b"".join))
def test_the_prescan_ends_on_any_soup(soup: bytes) -> None:
    assert prescan(soup) in (None, "koi8-r")


# Legacy pages


@pytest.mark.parametrize(("encoding", "sample"), SAMPLES.items())
def test_a_legacy_page_that_says_so_is_read(encoding: str, sample: str) -> None:
    page = f"<meta charset={encoding}><title>{sample}</title>".encode(encoding)
    assert titled(page) == sample.strip()
    page = f"<title>{sample}</title>".encode(encoding)
    assert titled(page, f"text/html; charset={encoding}") == sample.strip()


@pytest.mark.parametrize(
    ("encoding", "sample"), [each for each in SAMPLES.items() if each[0] != "euc-kr"]
)
def test_a_legacy_page_that_says_nothing_is_told_by_its_bytes(encoding: str, sample: str) -> None:
    page = f"<title>{sample}</title><p>{sample * 20}</p>".encode(encoding)
    assert titled(page) == sample.strip()


def test_a_korean_page_that_says_nothing_is_told_by_its_bytes() -> None:
    page = f"<title>{SAMPLES['euc-kr']}</title><p>{SAMPLES['euc-kr'] * 20}</p>"
    assert titled(page.encode("euc-kr")) == SAMPLES["euc-kr"]


def test_a_page_cut_within_a_character_is_still_utf8() -> None:
    for cut in (1, 2, 3):
        body = ("x" * 100 + "\U0001f600").encode()[:-cut]
        assert sniff(body, "") == "utf-8"


def test_one_bad_byte_in_the_middle_is_not_utf8() -> None:
    assert sniff(b"caf\xe9 " + b"x" * 100, "") != "utf-8"


def test_statistics_are_of_the_beginning_only() -> None:
    body = RUSSIAN.encode("windows-1251") * 20 + b" " * DETECTED + b"\xff" * 100
    assert sniff(body, "") == "windows-1251"


# Decoding


def test_what_has_no_character_becomes_u_fffd() -> None:
    assert titled(b"<title>a\xffb</title>", "text/html; charset=utf-8") == "a\ufffdb"
    assert titled(b"<title>a\xff\xffb</title>", "text/html; charset=euc-jp") == "a\ufffd\ufffdb"
    half = "<title>x</title>".encode("utf-16-le") + b"\x00\xd8"
    assert titled(half, "text/html; charset=utf-16") == "x"


@given(st.binary(max_size=300), st.sampled_from([*SAMPLES, "utf-8", "utf-16", "x-user-defined"]))
def test_any_bytes_in_any_encoding_can_be_read(body: bytes, label: str) -> None:
    name = sniff(body, f"text/html; charset={label}")
    html.read(html.tree(text(body, name)), "http://h/", "crawlway")
