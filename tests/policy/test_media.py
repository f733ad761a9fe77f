"""Media types by their names."""

import pytest

from crawler.policy import media


@pytest.mark.parametrize(
    ("content_type", "html", "sitemap"),
    [
        ("text/html", True, False),
        (" Text/HTML ; charset=utf-8", True, False),
        ("application/xhtml+xml", True, True),
        ("application/xml", False, True),
        ("text/xml; charset=utf-8", False, True),
        ("application/x-gzip", False, True),
        ("", False, True),
        ("; charset=utf-8", False, True),
        ("text/htmlx", False, False),
        ("image/png", False, False),
    ],
)
def test_types_are_told_by_name(content_type: str, html: bool, sitemap: bool) -> None:
    assert media.is_html(content_type) is html
    assert media.may_be_sitemap(content_type) is sitemap
