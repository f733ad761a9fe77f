"""The table: eighty ways to misbehave, and how each should end.

Numbers are those of the project's list of behaviours; some have several lines. The site's
first page is ``/``. Ends are those of a crawl with ``--retries 1``: a page that is tried
again is asked for twice. A comment stands where the end is not the obvious one.
"""

import gzip
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from hashlib import sha1

from backports import zstd

from tests.web.hostile import answers as a
from tests.web.hostile.answers import (
    PAGE,
    TITLE,
    Answer,
    chunked,
    coded,
    head,
    here,
    links,
    robots,
    sized,
    to,
)
from tests.web.hostile.ends import End, error, page, partial, redirect, skip
from tests.web.server import Reply


@dataclass(frozen=True, slots=True)
class Row:
    """One behaviour: what its site answers, by path, and how each of its URLs ends.

    Without ``/robots.txt`` there is none. ``host`` is its host name instead of an address,
    ``tls`` the certificate it shows; ``robots`` how often its robots.txt is asked for, and
    ``most`` (if any) how many requests are allowed where the URLs are not told one by one.
    """

    number: int
    name: str
    answers: Mapping[str, Answer]
    ends: Mapping[str, End]
    host: str | None = None
    tls: str | None = None
    robots: int = 1
    most: int | None = None


def row(
    number: int,
    name: str,
    answer: Answer | Mapping[str, Answer],
    ends: End | Mapping[str, End],
    *,
    host: str | None = None,
    tls: str | None = None,
    robots: int = 1,
    most: int | None = None,
) -> Row:
    """Return a row; an answer or an end alone is that of ``/``."""
    paths = answer if isinstance(answer, Mapping) else {"/": answer}
    ended = {"/": ends} if isinstance(ends, End) else ends
    return Row(number, name, paths, ended, host, tls, robots, most)


MOST = 2_000_000
"""The ends are those of a crawl with this ``--max-size``."""

GOOD = page(title=TITLE)
CHUNKED = "Transfer-Encoding: chunked"
SIZE = f"Content-Length: {len(PAGE)}"


def _date(days: float) -> str:
    return format_datetime(datetime.now(UTC) + timedelta(days=days), usegmt=True)


def _busy(retry_after: str) -> Answer:
    return Reply("busy", 429, headers={"Retry-After": retry_after})


def _titled(title: bytes, *, type: str = "text/html", before: bytes = b"") -> Reply:  # noqa: A002
    return Reply(before + b"<title>" + title + b"</title>", type=type)


BODIES = [
    row(1, "never answers", a.silence, error("timeout", 2)),
    row(2, "headers that drip", a.drip(head()[:-2], b"X: x\r\n"), error("timeout", 2)),
    row(3, "a body that drips", a.drip(head() + PAGE, b"."), partial("time", title=TITLE)),
    row(4, "a body without end", a.endless(head() + PAGE, b"x"),
        page(1, "length", title=TITLE, bytes=MOST)),
    row(5, "less than its length", head("Content-Length: 9999") + PAGE,
        partial("disconnect", title=TITLE)),
    row(6, "more than its length", sized() + b"and more", page(bytes=len(PAGE))),
    row(6, "an answer too many", {"/": sized(body=links("/b").encode()) + sized() * 2,
        "/b": sized()}, {"/": page(n_links=1), "/b": GOOD}),
    row(7, "a negative length", head("Content-Length: -5") + PAGE, error("protocol")),
    row(7, "a length with a sign", head("Content-Length: +3") + PAGE, error("protocol")),
    row(7, "a length in words", head("Content-Length: three") + PAGE, error("protocol")),
    row(8, "its length twice", sized(SIZE), GOOD),
    row(8, "its length as a list", head(f"{SIZE}, {len(PAGE)}") + PAGE, GOOD),
    row(9, "two lengths", sized("Content-Length: 3"), error("protocol")),
    # The standard lets chunks win or refuses; aiohttp refuses, as it may be smuggling.
    row(10, "a length and chunks", chunked(PAGE, lines=(SIZE, CHUNKED)), error("protocol")),
    row(11, "no chunk size", chunked(end=b"zz\r\n"), error("protocol")),
    row(11, "a chunk size past 64 bits", chunked(end=b"f" * 17 + b"\r\n"), error("protocol")),
    # What came before the fault is kept, as when the connection ends there.
    row(11, "a bad chunk size after a good one", chunked(PAGE, end=b"zz\r\n"),
        partial("disconnect", title=TITLE)),
    row(12, "no last chunk", chunked(PAGE, end=b""), partial("disconnect", title=TITLE)),
    row(13, "chunks that end in a bare LF", chunked(end=b"2\nok\n0\n\n"), error("protocol")),
    row(14, "a long chunk extension", head(CHUNKED) + b"%x;%b\r\n%b\r\n0\r\n\r\n"
        % (len(PAGE), b"x" * 200_000, PAGE), GOOD),
    row(14, "a chunk extension without end", a.endless(head(CHUNKED) + b"5;", b"x"),
        error("protocol")),
    # The body had come; where the answer ends is unknown.
    row(15, "20,000 trailers", chunked(PAGE, end=b"0\r\n" + b"X: x\r\n" * 20_000 + b"\r\n"),
        partial("disconnect", title=TITLE)),
    row(15, "trailers without end", a.endless(chunked(PAGE, end=b"0\r\n"), b"X: x\r\n"),
        partial("disconnect", title=TITLE)),
    row(16, "a gzip transfer coding",
        chunked(gzip.compress(PAGE), lines=("Transfer-Encoding: gzip, chunked",)), GOOD),
    row(16, "an unknown transfer coding", head("Transfer-Encoding: zip") + PAGE, error("decode")),
]  # fmt: skip

HEADS = [
    row(17, "no reason", sized(status="200"), GOOD),
    row(18, "a status that is no number", sized(status="abc OK"), error("protocol")),
    row(18, "a status of four digits", sized(status="2000 OK"), error("protocol")),
    row(19, "status 000", sized(status="000 X"), error("http_5xx", 2, status=0)),
    row(19, "status 999", sized(status="999 X"), error("http_5xx", 2, status=999)),
    row(20, "ICY", sized().replace(b"HTTP/1.1", b"ICY"), error("protocol")),
    row(20, "HTTP/0.9", PAGE, error("protocol")),
    row(20, "http/1.1 in small letters", sized().replace(b"HTTP", b"http"), error("protocol")),
    row(21, "HTTP/2.0 in words", sized().replace(b"HTTP/1.1", b"HTTP/2.0"), GOOD),
    row(22, "TLS on a plain port", b"\x15\x03\x01\x00\x02\x02\x46", error("protocol")),
    row(23, "an empty reply", b"", error("disconnect", 2)),
    row(24, "bare LF", sized().replace(b"\r\n", b"\n"), GOOD),
    row(24, "bare CR", sized().replace(b"\r\n", b"\r"), error("protocol")),
    row(25, "a header without a colon", sized("Nonsense", "X: x"), GOOD),
    row(25, "a header without a name", sized(": x"), GOOD),
    row(26, "space before the colon", sized("X : x"), GOOD),
    row(27, "a folded header", sized("X: x", "  y"), GOOD),
    row(28, "NUL in a header", sized(b"X: a\0b"), error("protocol")),
    row(29, "8-bit headers", head("X: \N{SNOWMAN}", b"X: \xff", SIZE, type=None)
        .replace(b"\r\n", b"\r\nContent-Type: text/html; x=\xff\xfe\r\n", 1) + PAGE,
        page(title=TITLE, content_type="text/html; x=\ufffd\ufffd")),
    row(29, "escapes for a terminal", sized("X: \x1b[2J", status="200 \x1b[31mOK"), GOOD),
    row(30, "a header of 9 KB", sized("X: " + "x" * 9_000), GOOD),
    row(30, "150 headers", sized(*["X: x"] * 150), GOOD),
    row(31, "100,000 headers", sized(*["X: x"] * 100_000), error("protocol")),
    row(31, "headers without end", a.endless(head()[:-2], b"X: x\r\n"), error("protocol")),
    row(32, "two types", sized("Content-Type: image/png"), page(content_type="text/html")),
    row(33, "an early hint", head(status="103 X", type=None) + sized(), GOOD),
    row(33, "50 interim answers", head(status="100 X", type=None) * 50 + sized(), GOOD),
    row(34, "interim answers without end", a.endless(b"", head(status="100 X", type=None)),
        error("protocol")),
    row(35, "101 unasked", head("Upgrade: x", "Connection: upgrade", status="101 X") + b"x",
        error("protocol", status=101)),
    row(36, "204 with a body", sized(status="204 X"), page(status=204, bytes=0)),
    # Nobody asked whether it was modified: a 3xx without a place to go.
    row(36, "304 with a body", sized(status="304 X"), error("bad_redirect", status=304)),
    row(37, "RST in the body", a.reset_after(head("Content-Length: 9999") + PAGE),
        partial("disconnect", title=TITLE)),
    row(37, "RST before the head ends", a.reset_after(head()[:-2]), error("disconnect", 2)),
]  # fmt: skip

CODINGS = [
    row(38, "no gzip after all", coded("gzip", PAGE), GOOD),
    row(39, "gzip that breaks off", coded("gzip", gzip.compress(PAGE)[:-8]),
        partial("disconnect", title=TITLE)),
    row(40, "gzip with a wrong checksum", coded("gzip", gzip.compress(PAGE)[:-8] + bytes(8)),
        error("decode", status=200)),
    row(40, "gzip with junk behind", coded("gzip", gzip.compress(PAGE) + b"junk"), GOOD),
    row(41, "x-gzip", coded("x-gzip", gzip.compress(PAGE)), GOOD),
    row(41, "gzip twice", coded("gzip, gzip", gzip.compress(gzip.compress(PAGE))), GOOD),
    row(41, "two lines of codings", sized("Content-Encoding: gzip", "Content-Encoding: deflate",
        body=zlib.compress(gzip.compress(PAGE))), GOOD),
    row(41, "six codings", coded(", ".join(["gzip"] * 6), PAGE), error("decode")),
    row(42, "raw deflate", coded("deflate", a.deflated(PAGE)), GOOD),
    row(43, "a gzip bomb", a.lazily(lambda: coded("gzip", a.gzip_bomb())),
        page(1, "length", bytes=MOST)),
    row(43, "a brotli bomb", a.lazily(lambda: coded("br", a.brotli_bomb())),
        page(1, "length", bytes=MOST)),
    row(43, "a zstd bomb", a.lazily(lambda: coded("zstd", zstd.compress(bytes(30_000_000)))),
        page(1, "length", bytes=MOST)),
    row(43, "a bomb in a bomb",
        a.lazily(lambda: coded("gzip, gzip", gzip.compress(a.gzip_bomb()))),
        page(1, "length", bytes=MOST)),
    row(43, "200,000 gzip members", a.lazily(lambda: coded("gzip", gzip.compress(b"") * 200_000)),
        error("decode")),
]  # fmt: skip

PAGES = [
    row(44, "a bogus charset", _titled("é".encode("cp1252"), type="text/html; charset=bogus",
        before=b"<meta charset=windows-1252>"), page(charset="windows-1252", title="é")),
    row(45, "UTF-7", _titled(b"+ADw-", type="text/html; charset=utf-7"),
        page(charset="utf-8", title="+ADw-")),
    row(45, "Python's own codecs", _titled(b"6869", type="text/html; charset=hex"),
        page(charset="utf-8", title="6869")),
    row(46, "mark against header against meta", _titled("é".encode(), before=b"\xef\xbb\xbf"
        b"<meta charset=koi8-r>", type="text/html; charset=latin1"),
        page(charset="utf-8", title="é")),
    row(46, "header against meta", _titled("é".encode("latin1"), before=b"<meta charset=koi8-r>",
        type="text/html; charset=latin1"), page(charset="windows-1252", title="é")),
    row(47, "broken UTF-8", _titled(b"a\xffb\xed\xa0\x80", type="text/html; charset=utf-8"),
        page(title="a\ufffdb\ufffd\ufffd\ufffd")),
    row(48, "NUL in HTML", _titled(b"a\0b"), page(title="a\ufffdb")),
    row(49, "an attribute of almost 2 MB",
        a.lazily(lambda: Reply(PAGE + b"<p x=%b>" % (b"x" * 1_900_000))), GOOD),
    # Five times as deep it takes too long, and is error `parser_crash` after 20 s.
    row(50, "20,000 elements in one another",
        a.lazily(lambda: Reply(PAGE + b"<div>" * 20_000)), GOOD),
    row(50, "20,000 attributes", a.lazily(lambda: Reply(
        PAGE + b"<p " + b" ".join(b"a%d" % number for number in range(20_000)) + b">")), GOOD),
    row(51, "elements reopened till memory ends", a.lazily(lambda: Reply(
        b"".join(b"<b n%d>" % number for number in range(5_000))
        + b"".join(b"<i n%d>" % number for number in range(5_000)) + b"x</b>" * 5_000)),
        error("parser_crash")),
    row(52, "100,000 links", a.lazily(lambda: Reply(b"<meta name=robots content=nofollow>"
        + b"".join(b"<a href=/%d>" % number for number in range(100_000)))),
        page(n_links=20_000)),
]  # fmt: skip

REDIRECTS = [
    row(53, "a redirect to itself", to("/"), redirect("/")),
    row(53, "a redirect there and back", {"/": to("/b"), "/b": to("/")},
        {"/": redirect("/b"), "/b": redirect("/")}),
    row(54, "redirects without end", {"/": to("/1")} | {f"/{n}": to(f"/{n + 1}")
        for n in range(1, 20)}, {"/": redirect("/1"), "/10": error("too_many_redirects"),
        **{f"/{n}": redirect(f"/{n + 1}") for n in range(1, 10)}}),
    row(55, "a relative Location", {"/": to("b"), "/b": sized()},
        {"/": redirect("/b"), "/b": GOOD}),
    row(55, "a Location without a scheme", {"/": to("//HOST/b"), "/b": sized()},
        {"/": redirect("/b"), "/b": GOOD}),
    row(55, "an empty Location", to(""), redirect("/")),
    row(55, "no Location", to(None), error("bad_redirect")),
    row(56, "a fragment in the Location", {"/": to("/b#part"), "/b": sized()},
        {"/": redirect("/b"), "/b": GOOD}),
    row(57, "a redirect to a file", to("file:///etc/passwd"), error("bad_redirect")),
    row(57, "a redirect to FTP", to("ftp://HOST/"), error("bad_redirect")),
    row(57, "a redirect to a script", to("javascript:alert(1)"), error("bad_redirect")),
    row(57, "a redirect to data", to("data:text/html,hello"), error("bad_redirect")),
    row(58, "a Location with a bad port", to("http://127.0.0.1:99999/"), error("bad_redirect")),
    row(58, "a Location with half an address", to("http://[::1/"), error("bad_redirect")),
    row(59, "a Location in UTF-8", {"/": to("/é"), "/%C3%A9": sized()},
        {"/": redirect("/%C3%A9"), "/%C3%A9": GOOD}),
    row(59, "a Location in Latin-1", {"/": to(b"/\xe9"), "/%E9": sized()},
        {"/": redirect("/%E9"), "/%E9": GOOD}),
    row(60, "backslashes in the Location", {"/": to("\\b\\c"), "/b/c": sized()},
        {"/": redirect("/b/c"), "/b/c": GOOD}),
    row(61, "a redirect out of scope", {"/": links("/out"), "/out": to("http://out.invalid/")},
        {"/": page(n_links=1), "/out": redirect("http://out.invalid/")}),
    row(62, "a redirect until a cookie comes back", Reply("", 302, headers={"Location": "/",
        "Set-Cookie": "a=1"}), redirect("/")),
    row(63, "meta refresh in a circle", {
        "/": links(head='<meta http-equiv="refresh" content="0;url=/b">'),
        "/b": links(head='<meta http-equiv="refresh" content="0;url=/">')},
        {"/": page(n_links=1), "/b": page(n_links=1)}),
]  # fmt: skip

BUSY = [
    row(64, "Retry-After in seconds", a.in_turn(_busy("1"), sized()), page(2)),
    row(64, "Retry-After as a date", a.in_turn(_busy(_date(-1)), sized()), page(2)),
    row(64, "Retry-After less than nothing", a.in_turn(_busy("-5"), sized()), page(2)),
    row(64, "Retry-After nonsense", a.in_turn(_busy("soon"), sized()), page(2)),
    row(65, "429 for ever", Reply("busy", 429), error("http_4xx", 2, status=429)),
]  # fmt: skip

SITES = [
    row(66, "a name that does not exist", sized(), error("dns", 0), host="unknown.test", robots=0),
    row(66, "a name that is never answered", sized(), error("dns", 0), host="hang.test", robots=0),
    row(67, "a dead IPv6 address first", sized(), GOOD, host="dead6.test"),
    row(67, "a public address and then a private one", sized(), error("private_address", 0),
        host="rebinding.test", robots=0),
    row(68, "a good certificate", sized(), GOOD, tls="good"),
    # One class, told apart by its message: what to do about each is the same.
    row(68, "an expired certificate", sized(), error("tls", 0, message="expired"), tls="expired",
        robots=0),
    row(68, "a certificate of its own", sized(), error("tls", 0, message="self-signed"),
        tls="own", robots=0),
    row(68, "a certificate for another host", sized(), error("tls", 0, message="mismatch"),
        tls="other", robots=0),
]  # fmt: skip

NO = "User-agent: *\nDisallow: /"

ROBOTS = [
    row(69, "no robots.txt for us", {"/robots.txt": Reply("", 403), "/": sized()}, GOOD),
    row(69, "429 for robots.txt", {"/robots.txt": Reply("", 429), "/": sized()}, skip("robots"),
        robots=2),
    row(70, "503 for robots.txt", {"/robots.txt": Reply(NO, 503), "/": sized()}, skip("robots"),
        robots=2),
    row(70, "500 for robots.txt", {"/robots.txt": Reply("", 500), "/": sized()}, skip("robots"),
        robots=2),
    # Nothing can be asked of the site: that is an error rather than a rule of the site's.
    row(70, "robots.txt never answers", {"/robots.txt": a.silence, "/": sized()},
        error("timeout", 0), robots=2),
    row(71, "robots.txt five hops away", {"/": sized(), "/robots.txt": to("/1"), "/5": robots(NO)}
        | {f"/{n}": to(f"/{n + 1}") for n in range(1, 5)}, skip("robots")),
    row(71, "robots.txt six hops away", {"/": sized(), "/robots.txt": to("/1"), "/6": robots(NO)}
        | {f"/{n}": to(f"/{n + 1}") for n in range(1, 6)}, GOOD),
    row(72, "a rule after 400 KB", {"/": sized(), "/robots.txt": robots("#\n" * 200_000 + NO)},
        skip("robots")),
    row(72, "a rule after 600 KB", {"/": sized(), "/robots.txt": robots("#\n" * 300_000 + NO)},
        GOOD),
    row(72, "robots.txt without end", {"/": sized(),
        "/robots.txt": a.endless(head() + NO.encode() + b"\n", b"#\n")}, skip("robots")),
    row(72, "a mark before the rules", {"/": sized(), "/robots.txt": robots("\ufeff" + NO)},
        skip("robots")),
    row(72, "HTML for robots.txt", {"/": sized(), "/robots.txt": links("/x")}, GOOD),
    row(72, "NUL in robots.txt", {"/": sized(), "/robots.txt": robots("\0" + NO)}, skip("robots")),
    row(72, "CR in robots.txt", {"/": sized(), "/robots.txt": robots(NO.replace("\n", "\r"))},
        skip("robots")),
    row(73, "rules that change", {"/": links("/b"), "/b": sized(),
        "/robots.txt": a.in_turn(robots("Allow: /"), robots(NO))},
        {"/": page(n_links=1), "/b": GOOD}),
]  # fmt: skip

NAMED = here("Sitemap: http://HOST/s.xml", "text/plain")
XML = page(title=None)

SITEMAPS = [
    row(74, "a sitemap of itself", {"/": sized(), "/robots.txt": NAMED,
        "/s.xml": here(a.sitemap("http://HOST/s.xml", root="sitemapindex", entry="sitemap"))},
        {"/": GOOD, "/s.xml": XML}),
    row(74, "sitemaps in sitemaps", {"/": sized(), "/robots.txt": NAMED,
        **{f"/{'s' * n}.xml": here(a.sitemap(f"http://HOST/{'s' * (n + 1)}.xml"))
           for n in range(1, 9)}},
        {"/": GOOD, **{f"/{'s' * n}.xml": XML for n in range(1, 5)}}),
    row(74, "a broken sitemap", {"/": sized(), "/robots.txt": NAMED, "/b": sized(),
        "/s.xml": here(a.sitemap("http://HOST/b", "").replace("</urlset>", "<&"))},
        {"/": GOOD, "/s.xml": XML, "/b": GOOD}),
    row(74, "a sitemap that breaks off, packed", {"/": sized(), "/robots.txt": NAMED,
        "/s.xml": Reply(gzip.compress(b"<urlset>" + b" " * 9_000)[:-9], type="application/gzip")},
        {"/": GOOD, "/s.xml": XML}),
    row(74, "a sitemap with a mark, empty and foreign places", {"/": sized(), "/robots.txt": NAMED,
        "/s.xml": here("\ufeff<urlset>" + a.sitemap("", " http://HOST/b ", "http://out.invalid/")
        .partition("<urlset>")[2]), "/b": sized()},
        {"/": GOOD, "/s.xml": XML, "/b": GOOD}),
    row(74, "a thousand laughs", {"/": sized(), "/robots.txt": NAMED, "/s.xml": here(
        '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]><urlset><url><loc>&b;</loc></url>'
        "</urlset>")}, {"/": GOOD, "/s.xml": XML}),
]  # fmt: skip

LINKS = [
    row(75, "two bases", {"/": links("x", head='<base href="/a/"><base href="/b/">'),
        "/a/x": sized()}, {"/": page(n_links=1), "/a/x": GOOD}),
    row(75, "a base of data, then a good one",
        {"/": links("x", head='<base href="data:,x"><base href="a/">'), "/a/x": sized()},
        {"/": page(n_links=1), "/a/x": GOOD}),
    row(76, "odd references", {"/": links("javascript:void(0)", "mailto:a@b.c", "data:,x", "tel:1",
        " /spaces ", "/ta\tb", "/l\ni\nne", "/%zz", "/a%2Fb", "http://", "http://[", "#here", "?"),
        "/spaces": sized(), "/tab": sized(), "/line": sized(), "/%zz": sized(), "/a%2Fb": sized()},
        {"/": page(), **dict.fromkeys(["/spaces", "/tab", "/line", "/%zz", "/a%2Fb"], GOOD)}),
    row(77, "&amp; upon &amp;", {"*": a.made(lambda request: links(
        ((request.path.partition("?")[2] and request.path) or "/?" + "&".join("abcdefghij" * 8))
        .replace("&", "&amp;amp;")))}, page(n_links=1), most=16),
    row(78, "a folder in itself", {"*": a.made(lambda request: links("a/b/"))},
        {"/": page(), "/a/b/": page(), "/a/b/a/b/": page(), "/a/b/a/b/a/b/": skip("trap")}),
    row(78, "folders without end", {"*": a.made(lambda request: links(
        f"{request.path.count('/')}/"))}, page(), most=22),
    row(78, "a query that grows", {"*": a.made(lambda request: links(
        "/?" + request.path.partition("?")[2] + "x" * 300))}, page(), most=9),
    row(79, "pages that do not exist but answer", {"*": a.made(lambda request: links("no/"))},
        {"/": page(), "/no/": page(), "/no/no/": page(), "/no/no/no/": skip("trap")}),
    row(80, "one page under many names", {"/": links(*(f"/?{n}" for n in range(5))),
        "*": sized()},
        {"/": page(n_links=5), **{f"/?{n}": page(hash=sha1(PAGE).hexdigest())
         for n in range(5)}}),
]  # fmt: skip

ROWS = [*BODIES, *HEADS, *CODINGS, *PAGES, *REDIRECTS, *BUSY, *SITES, *ROBOTS, *SITEMAPS, *LINKS]

LEFT = row(64, "Retry-After in a year", _busy(str(365 * 86_400)), {})
"""Due in an hour at the earliest: left in the frontier when nothing else is due."""

CALENDAR = row(78, "a calendar", {"*": a.made(lambda request: links(
    f"/?month={int(request.path.partition('=')[2] or 0) + 1}"))}, page())  # fmt: skip
"""As good a site as any, but for its end: only ``-n``, ``-d`` and ``--max-time`` end it."""
