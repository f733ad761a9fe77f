"""Which media types are of use to us, by a Content-Type header."""

_HTML = ("text/html", "application/xhtml+xml")


def kind(content_type: str) -> str:
    """Return the bare media type, in lower case: ``text/html`` of ``Text/HTML; charset=x``."""
    return content_type.partition(";")[0].strip().lower()


def is_html(content_type: str) -> bool:
    """Whether this is HTML by its name."""
    return kind(content_type) in _HTML


def is_plain(content_type: str) -> bool:
    """Whether this is plain text by its name."""
    return kind(content_type) == "text/plain"


def may_be_sitemap(content_type: str) -> bool:
    """Whether this is XML, or compressed and so perhaps XML, or of no type at all."""
    named = kind(content_type)
    return not named or named.endswith(("xml", "gzip"))
