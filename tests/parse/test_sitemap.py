"""Sitemaps as the standard has them, and as they are."""

import gzip

import pytest

from crawler.parse.sitemap import MOST_URLS, read

HEAD = b'<?xml version="1.0" encoding="UTF-8"?>'
NAMESPACE = b'xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"'


def urlset(*urls: str) -> bytes:
    """Return a sitemap."""
    entries = "".join(f"<url><loc>{url}</loc><lastmod>2026-01-01</lastmod></url>" for url in urls)
    return HEAD + b"<urlset " + NAMESPACE + b">" + entries.encode() + b"</urlset>"


def test_locations_come_in_order_and_unescaped() -> None:
    assert read(urlset("http://h/a?x=1&amp;y=2", " http://h/\u00e9 ")) == [
        "http://h/a?x=1&y=2",
        "http://h/\u00e9",
    ]


def test_an_index_names_sitemaps() -> None:
    index = HEAD + b"<sitemapindex><sitemap><loc>http://h/1.xml</loc></sitemap></sitemapindex>"

    assert read(index) == ["http://h/1.xml"]


def test_a_compressed_one_is_read_and_a_broken_stream_is_none() -> None:
    packed = gzip.compress(urlset("http://h/a"))

    assert read(packed) == ["http://h/a"]
    assert read(b"\x1f\x8bnonsense") is None


@pytest.mark.parametrize(
    "body",
    [b"", b"<html><loc>http://h/</loc></html>", b"<rss><channel/></rss>", b"no xml", b"\xff\xfe"],
)
def test_what_is_no_sitemap_is_none(body: bytes) -> None:
    assert read(body) is None


def test_broken_xml_is_read_as_far_as_it_goes() -> None:
    assert read(urlset("http://h/a", "http://h/b")[:-40] + b"<") == ["http://h/a", "http://h/b"]


def test_locations_of_images_are_not_pages() -> None:
    body = (
        b"<urlset xmlns:image='i'><url><loc>http://h/a</loc>"
        b"<image:image><image:loc>http://h/a.png</image:loc></image:image></url></urlset>"
    )

    assert read(body) == ["http://h/a"]


@pytest.mark.parametrize(
    "declaration",
    [
        b'<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">',
        b'<!ENTITY a SYSTEM "file:///etc/hostname">',
        b'<!ENTITY % a SYSTEM "http://127.0.0.1:1/x">',
    ],
)
def test_entities_are_not_even_read(declaration: bytes) -> None:
    body = b"<!DOCTYPE urlset [" + declaration + b"]><urlset><url><loc>&a;</loc></url></urlset>"

    assert not read(body)


def test_declarations_end_the_reading_and_a_doctype_alone_does_not() -> None:
    doctype = b'<!DOCTYPE urlset SYSTEM "http://127.0.0.1:1/x.dtd"'
    body = b"<urlset><url><loc>http://h/a</loc></url></urlset>"

    assert read(doctype + b">" + body) == ["http://h/a"]
    assert not read(doctype + b"[<!ATTLIST urlset a CDATA 'x'>]>" + body)


def test_a_sitemap_is_not_deep() -> None:
    deep = b"<urlset>" + b"<x>" * 1_000_000 + b"<url><loc>http://h/a</loc>"

    assert read(deep) == []


def test_no_more_than_the_standard_allows() -> None:
    many = urlset(*(f"http://h/{number}" for number in range(MOST_URLS + 10)))

    assert len(read(many) or ()) == MOST_URLS
