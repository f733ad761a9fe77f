"""What a page says of itself and where it leads, as browsers and robots understand it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.parse.html import MAX_TITLE, Html, directives, read, tree

URL = "http://h/dir/page?q=1"


def said(source: str | bytes, url: str = URL, robots: str = "") -> Html:
    return read(tree(source), url, "crawlway", robots)


def followed(source: str | bytes) -> list[str]:
    return list(said(source).follow)


# Title, language, canonical


@pytest.mark.parametrize(
    ("source", "title"),
    [
        ("<title>One</title>", "One"),
        ("<title>  a \n\t b  </title>", "a b"),
        ("<title>Tom &amp; J&#xe9;r&ocirc;me</title>", "Tom & Jérôme"),
        ("<title><b>not markup</b></title>", "<b>not markup</b>"),
        ("<title>One</title><title>Two</title>", "One"),
        ("<title> </title>", None),
        ("<p>none</p>", None),
        ("<svg><title>of a picture</title></svg>", None),
        ("<title>never closed", "never closed"),
        ("<TITLE>One</TITLE>", "One"),
        ("<title>nul\0byte</title>", "nul\ufffdbyte"),
    ],
)
def test_the_title_is_the_first_with_single_spaces(source: str, title: str | None) -> None:
    assert said(source).title == title


def test_a_title_without_end_is_cut() -> None:
    assert len(said("<title>" + "x" * 100_000).title or "") == MAX_TITLE


@pytest.mark.parametrize(
    ("source", "lang"),
    [
        ("<html lang=de>", "de"),
        ("<HTML LANG=' en-GB '>", "en-GB"),
        ("<html lang=''>", None),
        ("<html lang>", None),
        ("<p lang=de>", None),
        ("", None),
    ],
)
def test_the_language_is_that_of_the_root(source: str, lang: str | None) -> None:
    assert said(source).lang == lang


def test_a_language_without_end_is_cut() -> None:
    assert len(said(f"<html lang={'x' * 5_000}>").lang or "") == 100


@pytest.mark.parametrize(
    ("source", "canonical"),
    [
        ("<link rel=canonical href=/c>", "http://h/c"),
        ("<link rel='x CANONICAL' href=c#frag>", "http://h/dir/c"),
        ("<link rel=canonical href=https://i/c>", "https://i/c"),
        ("<link rel=canonical href=/1><link rel=canonical href=/2>", "http://h/1"),
        ("<link rel=canonical href=mailto:x><link rel=canonical href=/2>", "http://h/2"),
        ("<link rel=canonical href=/c><base href=http://b/x/>", "http://b/c"),
        ("<link rel=canonical>", None),
        ("<link rel=canonical href=''>", None),
        ("<link rel=stylesheet href=/c>", None),
    ],
)
def test_the_canonical_url_is_absolute(source: str, canonical: str | None) -> None:
    assert said(source).canonical == canonical


# Base


@pytest.mark.parametrize(
    ("source", "base"),
    [
        ("", URL),
        ("<base href=http://b/x/>", "http://b/x/"),
        ("<base href=sub/>", "http://h/dir/sub/"),
        ("<base href=//b/x>", "http://b/x"),
        ("<base target=_top><base href=/x>", "http://h/x"),
        ("<base href=/first><base href=/second>", "http://h/first"),
        ("<base href=http://[bad><base href=/x>", "http://h/x"),
        ("<base href=data:,x><base href=/x>", "http://h/x"),
        ("<base href=javascript:x>", URL),
        ("<base href=ftp://b/>", URL),
        ("<base href=' /x#frag '>", "http://h/x"),
    ],
)
def test_the_base_is_the_first_valid_one(source: str, base: str) -> None:
    page = said(source)
    assert page.base == base
    assert page.based == (base != URL)


def test_a_bare_fragment_leads_elsewhere_only_where_there_is_a_base() -> None:
    assert followed("<a href=x>x</a><a href='#top'>y</a>") == ["x"]
    assert followed("<base href=/x><a href='#top'>y</a>") == ["#top"]


# Where links are


@pytest.mark.parametrize(
    ("source", "links"),
    [
        ("<a href=x>", ["x"]),
        ("<map><area href=x></map>", ["x"]),
        ("<iframe src=x></iframe>", ["x"]),
        ("<frameset><frame src=x><frame src=y></frameset>", ["x", "y"]),
        ("<a href=a src=no><iframe href=no src=x></iframe><IFRAME src=y href=no>", ["a", "x", "y"]),
        ("<frameset><frame href=no src=x></frameset>", ["x"]),
        ("<iframe href=no></iframe><area href src=no><a href=a>", ["", "a"]),
        ("<link rel=next href=x>", ["x"]),
        ("<link rel='prev nofollow' href=x>", ["x"]),
        ("<link rel=canonical href=x>", ["x"]),
        ("<link rel=alternate hreflang=de href=x>", ["x"]),
        ("<link rel=alternate type=application/rss+xml href=x>", []),
        ("<link rel=alternate hreflang='' href=x>", []),
        ("<link rel=stylesheet href=x>", []),
        ("<link hreflang=de href=x>", []),
        ("<img src=x><script src=x></script><form action=x>", []),
        ("<a name=x>", []),
        ("<a href>", [""]),
        ("<template><a href=x></template>", []),
        ("<!-- <a href=x> -->", []),
        ("<script>'<a href=x>'</script>", []),
        ("<textarea><a href=x></textarea>", []),
        ("<A HREF=x>", ["x"]),
        ("<a href=x href=y>", ["x"]),
        ("<p><a href=a><div><a href=b>", ["a", "b"]),
    ],
)
def test_links_are_where_the_design_says(source: str, links: list[str]) -> None:
    assert followed(source) == links


@pytest.mark.parametrize(
    ("reference", "link"),
    [
        ("  x  ", "  x  "),
        ("&#9;x&#13;&#12;&#1;", "\tx\r\f\1"),
        ("x#frag", "x#frag"),
        ("a b", "a b"),
        ("a&#10;b", "a\nb"),
        ("?a=1&amp;b=2", "?a=1&b=2"),
        ("?a=1&copy=2", "?a=1&copy=2"),
        ("mailto:x@y", "mailto:x@y"),
    ],
)
def test_references_are_kept_as_written(reference: str, link: str) -> None:
    assert followed(f'<a href="{reference}">x</a>') == [link]


def test_references_come_in_the_order_found() -> None:
    page = "<link rel=next href=n><a href=b><a href=a><iframe src=f></iframe><a href=b#x><a href=n>"
    assert followed(page) == ["n", "b", "a", "f", "b#x", "n"]


@pytest.mark.parametrize(
    ("content", "links"),
    [
        ("0; url=x", ["x"]),
        ("5;URL=x", ["x"]),
        ("0, url=x", ["x"]),
        ("0 url=x", ["x"]),
        ("  3.5 ; url = x ", ["x "]),
        ("0;x", ["x"]),
        ("0; url='x'", ["x"]),
        ('0; url="x y"z', ["x y"]),
        ("0; url='x", ["x"]),
        ("0; 'x'", ["x"]),
        ("0;url=http://i/?a=1;b=2", ["http://i/?a=1;b=2"]),
        ("0;url=x#frag", ["x#frag"]),
        ("0;urls", ["urls"]),
        ("0", []),
        ("0;", []),
        ("0; url=", []),
        ("0; url=''", []),
        ("30", []),
        ("", []),
        ("url=x", []),
        ("never; url=x", []),
    ],
)
def test_a_refresh_leads_where_browsers_go(content: str, links: list[str]) -> None:
    quote = '"' if "'" in content else "'"
    assert followed(f"<meta http-equiv=Refresh content={quote}{content}{quote}>") == links


def test_a_meta_element_that_is_no_refresh_leads_nowhere() -> None:
    assert followed("<meta name=refresh content='0;url=x'>") == []


# nofollow


def test_rel_nofollow_sets_a_link_apart() -> None:
    page = said("<a rel=nofollow href=x><a href=y><area rel='ugc NOFOLLOW' href=z>")
    assert list(page.follow) == ["y"]
    assert list(page.nofollow) == ["x", "z"]


@pytest.mark.parametrize("letter", "nofllowNOFLLOW")
def test_nofollow_may_be_spelt_with_character_references(letter: str) -> None:
    at = "nofollow".index(letter.lower())
    number = ord(letter)
    for spelt in (f"&#{number};", f"&#0{number}", f"&#x{number:x};", f"&#X0{number:X};"):
        word = f"{'nofollow'[:at]}{spelt}{'nofollow'[at + 1 :]}"
        page = said(f'<a rel="{word}" href=x><a href=y>')
        assert (page.nofollow, page.follow) == (["x"], ["y"]), word


def test_a_word_with_nofollow_in_it_is_another_word() -> None:
    assert list(said("<a rel=xnofollow href=x><p class=nofollow>").follow) == ["x"]


def test_a_link_marked_in_one_place_only_is_in_both() -> None:
    page = said("<a rel=nofollow href=x><a href=x>")
    assert list(page.follow) == ["x"]
    assert list(page.nofollow) == ["x"]


# Robots


@pytest.mark.parametrize(
    ("source", "robots"),
    [
        ("<meta name=robots content='noindex, NoFollow'>", ["noindex", "nofollow"]),
        ("<meta name=ROBOTS content=none>", ["none"]),
        ("<meta name=crawlway content=nofollow>", ["nofollow"]),
        ("<meta name=CrawlWay content=nofollow>", ["nofollow"]),
        ("<meta name=googlebot content=nofollow>", []),
        ("<meta name=robots content=noindex><meta name=crawlway content=nofollow>",
         ["noindex", "nofollow"]),
        ("<meta name=robots content=' , ,'>", []),
        ("<meta name=robots>", []),
    ],
)  # fmt: skip
def test_meta_robots_counts_for_all_and_for_us(source: str, robots: list[str]) -> None:
    assert said(source).robots == robots


@pytest.mark.parametrize(
    ("header", "robots"),
    [
        ("", []),
        ("noindex", ["noindex"]),
        ("NoIndex, nofollow", ["noindex", "nofollow"]),
        ("crawlway: nofollow", ["nofollow"]),
        ("CrawlWay: nofollow, noindex", ["nofollow", "noindex"]),
        ("otherbot: noindex, nofollow", []),
        ("otherbot: noindex, crawlway: nofollow", ["nofollow"]),
        ("noindex, otherbot: nofollow", ["noindex"]),
        ("crawlway-news: nofollow", []),
        ("max-snippet: 20, nofollow", ["max-snippet: 20", "nofollow"]),
        (
            "unavailable_after: 25 Jun 2030 15:00:00 PST",
            ["unavailable_after: 25 jun 2030 15:00:00 pst"],
        ),
        (",, ,", []),
    ],
)
def test_x_robots_tag_counts_for_all_and_for_us(header: str, robots: list[str]) -> None:
    assert directives(header, "crawlway") == robots
    assert said("", robots=header).robots == robots


def test_a_date_with_a_comma_names_no_robot() -> None:
    header = "unavailable_after: Mon, 21 Oct 2030 07:28:00 GMT, nofollow"
    assert "nofollow" in directives(header, "crawlway")


def test_header_and_meta_add_up() -> None:
    page = said("<meta name=robots content=nofollow>", robots="noindex")
    assert page.robots == ["noindex", "nofollow"]


def test_what_a_broken_head_pushes_into_the_body_still_counts() -> None:
    page = said(
        "<head><div>banner</div><title>One</title><meta name=robots content=nofollow>"
        "<link rel=canonical href=/c></head>"
    )
    assert page.robots == ["nofollow"]


# Limits and noise


def test_text_and_bytes_read_the_same() -> None:
    source = "<html lang=de><title>é</title><base href=/b/><a href=ü rel=nofollow>x</a><a href=ö>"
    assert said(source) == said(source.encode())


def test_a_byte_order_mark_is_no_text() -> None:
    page = said(b"\xef\xbb\xbf<html lang=de><title>x</title>")
    assert (page.title, page.lang) == ("x", "de")


def test_noscript_does_not_break_the_head() -> None:
    page = said("<head><noscript><img src=x></noscript><title>x</title>")
    assert page.title == "x"


soup = st.lists(
    st.sampled_from(
        "<a href=x> <a href='y' rel=nofollow> </a> <base href=/z> <title> </title> <html lang=q>"
        " <head> </head> <body> <frameset> <frame src=f> <svg> <meta name=robots content=nofollow>"
        " <link rel=next href=n> <template> </template> <!-- --> <table> <select> </p> \0 &#xD800;"
        .split(" ")
    ),
    max_size=30,
).map("".join)  # fmt: skip


@given(st.one_of(soup, st.text(max_size=200)))
def test_any_text_can_be_read(source: str) -> None:
    said(source.encode(errors="surrogatepass"))


@given(st.binary(max_size=300))
def test_any_bytes_can_be_read(source: bytes) -> None:
    said(source)
