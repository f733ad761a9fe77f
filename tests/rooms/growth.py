"""What reads the web, and what it is given to grow on: one line a function, its shapes below.

In a shape what stands in braces is repeated up to the size; ``#`` in it is its number.
``\\n`` and its like are as in Python. Two spaces, or a new line, stand between shapes.
"""

import logging
import re
from collections.abc import Callable
from typing import Any, NamedTuple

from crawler.encoding import encode
from crawler.model import Target
from crawler.parse import charset, complexity, edges, html, sitemap
from crawler.parse.markdown import markdown
from crawler.parse.structured import structured
from crawler.parse.text import text as visible
from crawler.policy import media, retry, robots, traps, urls
from crawler.policy.urls import Canon
from crawler.record import PageRecord, common
from crawler.report import safe
from crawler.report.log import _Json, _Text

HOME = "http://a.example/"
TARGET = Target(HOME, "a.example", 1, HOME)
_SHAPE = re.compile(r"(.*)\{(.*)\}(.*)", re.DOTALL)


class Row(NamedTuple):
    """A function, and the shapes of text it is given."""

    name: str
    function: Callable[[str], Any]
    shapes: tuple[str, ...]


def shapes(table: str) -> tuple[str, ...]:
    """Return the shapes of a table, their escapes read."""
    return tuple(
        each.encode("latin-1", "backslashreplace").decode("unicode_escape")
        for each in re.split(r"  +|\n", table.strip("\n"))
    )


def grown(shape: str, size: int) -> str:
    """Return a text of about ``size`` characters."""
    match = _SHAPE.fullmatch(shape)
    assert match is not None
    head, unit, tail = match.groups()
    if "#" not in unit:
        return str(head + unit * max(1, (size - len(head + tail)) // len(unit)) + tail)
    parts = [head]
    total = number = 0
    while total < size:
        parts.append(unit.replace("#", str(number)))
        total += len(parts[-1])
        number += 1
    return "".join([*parts, tail])


def octets(text: str) -> bytes:
    """Return the octets of a text that has them, or its UTF-8."""
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace")


def read_page(text: str) -> object:
    """Read a page as it is read: behind the guard, without which lexbor has no limits."""
    body = octets(text)
    if complexity.too_complex(body) is not None:
        return None
    source = charset.text(body, charset.sniff(body, "text/html"))
    return html.read(html.tree(source), HOME, "crawlway")


def keep(text: str) -> object:
    """Take from a page what flags ask for."""
    body = octets(text)
    if complexity.too_complex(body) is not None:
        return None
    tree = html.tree(body)
    said = html.read(tree, HOME, "crawlway")
    return edges.anchors(tree, said), structured(tree), visible(tree)


def write(text: str) -> object:
    """Return a page as Markdown."""
    return None if complexity.too_complex(octets(text)) else markdown(text, HOME)


def describe(text: str) -> object:
    """Read JSON-LD, whatever it is."""
    return structured(html.tree(f"<script type=application/ld+json>{text}"))


def obey(text: str) -> object:
    """Read a robots.txt and ask it for a URL of the greatest length."""
    rules = robots.read(octets(text), "crawlway", 0.0)
    return rules.refuses(HOME + "ab/" * 690)


LADDER = robots.read(
    b"User-agent: *\nDisallow: /*?*%2F\nDisallow: /*a*b*c\nDisallow: /" + b"*a" * 8_000 + b"b$",
    "crawlway",
    0.0,
)
DROPPING = Canon(("utm_*", "*a*b*c*", "sid"))


def with_shapes(fields: Callable[[str], dict[str, Any]]) -> Callable[[str], Any]:
    """Return a function that encodes a page's record with some fields of a text."""
    known = common(TARGET, 1, 0.0)
    known |= {"status": 200, "content_type": None, "bytes": 1, "wire_bytes": 1, "elapsed_ms": 1}
    known |= {"attempts": 1, "truncated": None}
    return lambda text: encode(PageRecord(**known | fields(text)))


def logged(formatter: logging.Formatter) -> Callable[[str], Any]:
    """Return a function that formats a log line of a text."""
    return lambda text: formatter.format(
        logging.LogRecord("crawler", logging.WARNING, "x", 1, "%s", (text,), None)
    )


def seed(text: str) -> object:
    """Take a seed."""
    try:
        return urls.seed(text)
    except ValueError:
        return None


MARKUP = shapes(r"""
{<}  {</}  {<!}  {<?}  {<a }  {<a>}  {<x>}  {</x>}  {<x#>}  {</x#>}  {&}  {&amp}  {&#x}
{&#1114111;}  {&x#;}  {<!--}  {-->}  {<!-- -->}  {"}  {'}  {<a x='}  {<a x="}  {<a x=}
{\0}  {\r}  { }  {é}  {\xff}  {<div>}  {<b>}  {<p>}  {</p>}  {<br>}  {<table>}
<table>{x<i>}  {<td></p>}  <table>{<tr>}  <select>{<option>}  <select>{<optgroup>}
{<p><b>}  {<a><p>}  {<ul><li>}  {<li>}  {<dt><dd>}  {<button>}  {<form>}  {<i></b>}
{<nobr>}  <a {x }  <a {x# }>  <a {x#=y }>  {<br x#>}  {<br x=#>}  {<body x#>}
{<font x=#>}  <a href='{x}'>  <a href='{ }#'>  {<a href=#>}  {<a href=x>}
{<iframe src=x></iframe>}  <title>{x }</title>  <title>{<}  {<title>x</title>}  {<script>}
<script>{<!--}  <script><!--{<script>}  {<style>}  {<svg>}  <svg>{<title>}  {<svg><title>}
<svg><![CDATA[{]]>}  {<math><mi>}  {<template>}  {<noscript>}  {<plaintext>}
{<base href=x>}  {<base href=http://#>}  {<link rel=canonical href=x>}
<link href=x rel='{next }'>  <a href=x rel='{nofollow }'>  {<a rel=nofollow href=x>}
<meta http-equiv=refresh content='{ ;}'>  <meta http-equiv=refresh content='{0}'>
<meta http-equiv=refresh content='0{ }'>  <meta http-equiv=refresh content='{.}x'>
<meta http-equiv=refresh content='{url=}'>  {<meta http-equiv=refresh content=0;x>}
<meta name=robots content='{noindex,}'>  <meta name=robots content='{,}'>
""")
PATHS = shapes(r"""
{a}  {ab}  {%2F}  ?{%2F}  {%}  {*}  {/}
""")
TAGS = shapes(r"""
{<}  {<!--}  {x }  {x# }  <a {x# }>  <a {' }  {</x#>}  {<b>}  {<meta }  {\xff}  {\x80a}
{é}  {日}  <meta content='{charset=}  <?xml {encoding}  {\0<}
""")
REFERENCES = shapes(r"""
{a}  {/}  {../}  {./}  {%2e%2e/}  {a/../}  {@}  {:}  {%}  {[}  {.}  {?}  {\\}  {&}  {é}
{😀}  { }  {\t}  {\0}  {#}x  http://{a}  http://{a.}  http://{0.}  http://{é}  http://{é.}
http://{@}  http://{a:}  http://{%C3%A9}  http://{\u00ad}  http://{\u0301}
http://{xn--a.}  http://{ä日}  http://{1}  http://[{1:}]  http://[{0:}  http://a:{0}
""")
RULES = shapes(r"""
{*}  {\n}  {\r}  { }  {\0}  {#}  {\xff}  {disallow}  Disallow{ }  Disallow{ x}
{User-agent: *\n}  {User-agent: crawlway\n}Disallow: /a  {User-agent: #\n}
{User-agent: *\nDisallow: /#\n}  User-agent: *\n{Disallow: /#\n}  {Sitemap: #\n}
User-agent: *\n{Disallow: /*#a\n}  User-agent: *\n{Allow: /*a*b*a*b*#$\n}
User-agent: *\nDisallow: /{*a}  User-agent: *\nDisallow: /{*}  User-agent: *\nAllow: /{%}
User-agent: *\nDisallow: /?{%2F}  User-agent: *\n{Crawl-delay: #\n}
""")
CONTENT = shapes(r"""
{<p>}  {<p>x}  {<b>x</b>}  {x<br>}  {<li>x}  <table>{<td>x}  <table>{<tr>x}  <pre>{x\n}
<pre>{<b>x</b>}  {<pre>x</pre>}  {<pre>\n</pre>}  <pre>{<br>}  {<div> </div>}  {<nav>x</nav>}
{<main>x</main>}  {<article>x</article>}  {<p hidden>x}  {<a href=#>x</a>}  {<a href=#><img>}
<a href=x>{<b>x</b>}  <a href=x>{x}  {<a href=x><object>}  {<img alt=x>}  {<img src=#>}
{<meta name=a content=b>}  {<meta name=# content=b>}  {<meta property=og:# content=b>}
<base href=http://h/{x}/><a href=y>  {<link rel=next href=#>}  <p>{ }x  <p>{\n}x  {é}  {&amp;}
""")
JSON_LD = shapes(r"""
{a}  {[}  {[],}  {[1]}  {"}  {\\}  "{\\"}  "{\\}  {,}  {, }  [{1,}]  [{1, }]  {1}  {//}  {<!--}
{;}  { }  { ;}  {/*}  {]]>}  {&quot;}  [{"a",}]  [{"a", }]  ,{ }x  {, ]}  [{ }
""")
XML = shapes(r"""
{<}  {<urlset>}  <urlset>{<a>}  <urlset>{<a/>}  <urlset>{<a#>}  <urlset>{<!-- -->}
<urlset><url><loc>{x}  <urlset><url><loc>{&amp;}  <urlset><url><loc>{&#120;}
<urlset><url><loc>{<![CDATA[x]]>}  <urlset><!--{-}  <urlset>{<?x y?>}  <urlset>{\n}
<urlset{ a#=''}>  <urlset{ xmlns:a#='b#'}>  <urlset a='{&#120;}'>
<urlset>{<url><loc>x</loc></url>}  <urlset>{<x:a xmlns:x='#'>}
<!DOCTYPE urlset [{<!ATTLIST urlset a# CDATA 'x'>}  <!DOCTYPE urlset [{<!ELEMENT a# ANY>}
<!DOCTYPE urlset [<!ELEMENT a {(}  <!DOCTYPE urlset [{<!ENTITY a# 'x'>}
""")
CHARACTERS = shapes(r"""
{a}  {\x1b}  {\x7f}  {\x85}  {é}  {\u2028}  {\u202e}  {\ud800}  {\n}  {\ud83d\ude00}  {"}
{\\}  {😀}  {\0}
""")
PARAMETERS = shapes(r"""
{;}  { }  ;{ }  {;charset}  ;charset{=}  ;charset="{\\}  ;charset="{\\"}  {;charset=}
{;x="}  {;=}  {a}
""")
DATES = shapes(r"""
{1}  { }  {,}  {(}  {((a)}  {a }  {Mon, }  {-}  {:}  {1:}  {1 }  {"}
{Sun, 06 Nov 1994 08:49:37 GMT }  Sun, 06 Nov 1994 08:49:37 {1}  Sun, {1} Nov 1994
""")
DIRECTIVES = shapes(r"""
{,}  {:}  {a:}  {a,}  { }  {\n}  {a }  {-}  {noindex, }  {İ}
""")

TABLE = (
    Row("html.read", read_page, MARKUP),
    Row("content", keep, CONTENT),
    Row("markdown", write, CONTENT),
    Row("structured", describe, JSON_LD),
    Row("complexity.too_complex", lambda text: complexity.too_complex(octets(text)), TAGS),
    Row("charset.sniff", lambda text: charset.sniff(octets(text), ""), TAGS),
    Row("charset.parameter", charset.parameter, PARAMETERS),
    Row("media.kind", media.kind, PARAMETERS),
    Row("html.directives", lambda text: html.directives(text, "crawlway"), DIRECTIVES),
    Row("robots.read", obey, RULES),
    Row("robots.refuses", lambda text: LADDER.refuses(HOME + text), PATHS),
    Row("sitemap.read", lambda text: sitemap.read(octets(text)), XML),
    Row("urls.resolve", lambda text: urls.resolve(HOME, text), REFERENCES),
    Row("urls.seed", seed, REFERENCES),
    Row(
        "urls.without_params",
        lambda text: DROPPING.link(HOME, "?" + text),
        ("{&}", "{a&}", "{a=b&}"),
    ),
    Row("traps.trap", lambda text: traps.trap(HOME + text), ("{a}", "{/}", "{a/}", "{a#/}")),
    Row("retry.retry_after", lambda text: retry.retry_after({"retry-after": text}, 0.0), DATES),
    Row("encoding.encode", with_shapes(lambda text: {"title": text}), CHARACTERS),
    Row(
        "encoding.encode a list",
        with_shapes(lambda text: {"robots": list(text)}),
        ("{a}", "{\ud800}"),
    ),
    Row("report.safe", safe, ("{a}", "{\x1b}", "{\u202e}")),
    Row("log as text", logged(_Text()), ("{a}", "{\x1b}", "{\n}")),
    Row("log as JSON", logged(_Json()), ("{a}", "{\x1b}", "{\ud800}")),
)
