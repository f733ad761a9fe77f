"""RFC 9309, clause by clause: what a robots.txt allows a crawler named ``crawlway``.

One line a case: clause, lines of the robots.txt (``¶`` ends a line, ``·`` is a space, ``→``
a tab), path, whether it may be fetched. Where the standard leaves a choice, Google's
documented one is taken ("G").
"""

from typing import NamedTuple


class Case(NamedTuple):
    """A robots.txt, a path, and whether the crawler may fetch it."""

    clause: str
    text: str
    path: str
    allowed: bool


def cases(table: str) -> list[Case]:
    """Return the cases of a table."""
    found = []
    for line in filter(None, table.splitlines()):
        if not line.startswith("--"):
            clause, text, path, verdict = line.split(" | ")
            found.append(Case(clause, lines(text), path, {"yes": True, "no": False}[verdict]))
    return found


def lines(text: str) -> str:
    """Return a robots.txt as it is, of how it is written here."""
    return text.replace("¶", "\n").replace("·", " ").replace("→", "\t")


GROUPS = cases("""
-- Which groups are ours: the product token, in any case
2.2.1 | User-agent: crawlway¶Disallow: /x | /x | no
2.2.1 | User-agent: CrawlWay¶Disallow: /x | /x | no
2.2.1 | User-agent: CRAWLWAY¶Disallow: /x | /x | no
2.2.1 | user-agent: crawlway¶disallow: /x | /x | no
2.2.1 | USER-AGENT: crawlway¶DISALLOW: /x | /x | no
2.2.1 | uSeR-aGeNt: crawlway¶dIsAlLoW: /x | /x | no
2.2.1 | User-agent: crawlway¶Disallow: /x¶aLLoW: /x/y | /x/y | yes
2.2.1 | User-agent: crawl¶Disallow: / | /x | yes
2.2.1 | User-agent: way¶Disallow: / | /x | yes
2.2.1 | User-agent: crawlways¶Disallow: / | /x | yes
2.2.1 | User-agent: xcrawlway¶Disallow: / | /x | yes
2.2.1 | User-agent: crawlway-news¶Disallow: / | /x | yes
2.2.1 | User-agent: crawlway_news¶Disallow: / | /x | yes
2.2.1 | User-agent: _crawlway¶Disallow: / | /x | yes
2.2.1 | User-agent: crawl way¶Disallow: / | /x | yes
2.2.1 | User-agent: other crawlway¶Disallow: / | /x | yes
2.2.1 | User-agent: Mozilla/5.0 (compatible; crawlway/1.0)¶Disallow: / | /x | yes
2.2.1 | User-agent: crawl*¶Disallow: / | /x | yes
2.2.1 | User-agent: *way¶Disallow: / | /x | yes
2.2.1 | User-agent: /crawlway¶Disallow: / | /x | yes
2.2.1 | User-agent: "crawlway"¶Disallow: / | /x | yes
2.2.1 | User-agent:¶Disallow: / | /x | yes
2.2.1 | User-agent: other¶Disallow: / | /x | yes
-- G: what follows the token (a version, a comment) is not part of it
G 2.2.1 | User-agent: crawlway/1.0¶Disallow: /x | /x | no
G 2.2.1 | User-agent: crawlway/2.1-beta+7¶Disallow: /x | /x | no
G 2.2.1 | User-agent: crawlway 1.0¶Disallow: /x | /x | no
G 2.2.1 | User-agent: crawlway (+https://a.example/)¶Disallow: /x | /x | no
G 2.2.1 | User-agent: crawlway*¶Disallow: /x | /x | no
G 2.2.1 | User-agent: crawlway,other¶Disallow: /x | /x | no
G 2.2.1 | User-agent: crawlway7¶Disallow: /x | /x | no
-- The group for everyone is obeyed where none is ours, and only there
2.2.1 | User-agent:*¶Disallow: /x | /x | no
2.2.1 | User-agent: *···¶Disallow: /x | /x | no
2.2.1 | User-agent: * # everyone¶Disallow: /x | /x | no
G 2.2.1 | User-agent: * all of you¶Disallow: /x | /x | no
2.2.1 | User-agent: **¶Disallow: /x | /x | yes
2.2.1 | User-agent: *x¶Disallow: /x | /x | yes
2.2.1 | User-agent: other¶Disallow: /¶¶User-agent: *¶Disallow: /x | /x | no
2.2.1 | User-agent: other¶Disallow: /¶¶User-agent: *¶Disallow: /x | /y | yes
2.2.1 | User-agent: *¶Disallow: /¶¶User-agent: crawlway¶Disallow: /x | /y | yes
2.2.1 | User-agent: *¶Disallow: /¶¶User-agent: crawlway¶Disallow: /x | /x | no
2.2.1 | User-agent: crawlway¶Disallow: /x¶¶User-agent: *¶Disallow: / | /y | yes
2.2.1 | User-agent: *¶Disallow: /¶¶User-agent: crawlway¶Allow: /x | /y | yes
2.2.1 | User-agent: *¶Disallow: /¶¶User-agent: crawlway¶Disallow: | /y | yes
2.2.1 | User-agent: *¶Disallow: /¶¶User-agent: crawlway | /y | yes
2.2.1 | User-agent: *¶Disallow: /¶¶User-agent: crawlway-news¶Allow: / | /y | no
2.2.1 | User-agent: *¶Allow: /¶¶User-agent: crawlway¶Disallow: / | /y | no
2.2.1 | User-agent: other¶Allow: /¶¶User-agent: *¶Disallow: /¶¶User-agent: third¶Allow: / | /y | no
-- No group that concerns us: no rules
2.2.1 | User-agent: a¶Disallow: /¶¶User-agent: b¶Disallow: / | /x | yes
2.2.1 | Disallow: / | /x | yes
2.2.1 | Disallow: /¶User-agent: other¶Disallow: / | /x | yes
2.2.1 | Disallow: /¶¶User-agent: *¶Disallow: /y | /x | yes
2.2.1 | Allow: /x¶User-agent: *¶Disallow: / | /x | no
-- Groups with the same name are one
2.2.1 | User-agent: crawlway¶Disallow: /a¶¶User-agent: crawlway¶Disallow: /b | /a | no
2.2.1 | User-agent: crawlway¶Disallow: /a¶¶User-agent: crawlway¶Disallow: /b | /b | no
2.2.1 | User-agent: crawlway¶Disallow: /a¶¶User-agent: CRAWLWAY¶Disallow: /b | /b | no
2.2.1 | User-agent: crawlway/1¶Disallow: /a¶¶User-agent: crawlway/2¶Disallow: /b | /b | no
2.2.1 | User-agent: crawlway¶¶User-agent: o¶Disallow: /¶¶User-agent: crawlway | /b | no
2.2.1 | User-agent: crawlway¶¶User-agent: o¶Allow: /¶¶User-agent: crawlway¶Disallow: /c | /c | no
2.2.1 | User-agent: crawlway¶Disallow: /a¶¶User-agent: crawlway¶Allow: /a | /a | yes
2.2.1 | User-agent: crawlway¶Disallow: /a/b¶¶User-agent: crawlway¶Allow: /a | /a/b | no
2.2.1 | User-agent: *¶Disallow: /a¶¶User-agent: *¶Disallow: /b | /a | no
2.2.1 | User-agent: *¶Disallow: /a¶¶User-agent: *¶Disallow: /b | /b | no
-- Several names for one group
2.1 | User-agent: crawlway¶User-agent: other¶Disallow: /x | /x | no
2.1 | User-agent: other¶User-agent: crawlway¶Disallow: /x | /x | no
2.1 | User-agent: a¶User-agent: b¶User-agent: crawlway¶User-agent: c¶Disallow: /x | /x | no
2.1 | User-agent: other¶User-agent: *¶Disallow: /x | /x | no
2.1 | User-agent: *¶User-agent: other¶Disallow: /x | /x | no
2.1 | User-agent: crawlway¶User-agent: *¶Disallow: /x¶¶User-agent: *¶Disallow: /y | /y | yes
2.1 | User-agent: other¶¶¶User-agent: crawlway¶¶Disallow: /x | /x | no
2.1 | User-agent: other¶# a comment¶User-agent: crawlway¶Disallow: /x | /x | no
2.1 | User-agent: crawlway¶User-agent:¶Disallow: /x | /x | no
2.1 | User-agent: crawlway¶User-agent: crawlway¶Disallow: /x | /x | no
-- A rule ends the names, also an empty one; an empty line ends nothing
2.1 | User-agent: crawlway¶Disallow: /y¶User-agent: other¶Disallow: /x | /x | yes
2.1 | User-agent: other¶Disallow: /y¶User-agent: crawlway¶Disallow: /x | /y | yes
2.1 | User-agent: crawlway¶Disallow:¶User-agent: other¶Disallow: /x | /x | yes
2.1 | User-agent: crawlway¶Allow:¶User-agent: other¶Disallow: /x | /x | yes
2.1 | User-agent: crawlway¶Disallow: /a¶¶Disallow: /b | /b | no
2.1 | User-agent: crawlway¶¶Disallow: /x | /x | no
2.1 | User-agent: crawlway¶Disallow: /a¶¶¶# more¶¶Allow: /a/b | /a/b | yes
-- Other records and unknown lines do not interfere with the groups
2.2.4 | User-agent: crawlway¶Sitemap: https://a.example/s.xml¶Disallow: /x | /x | no
2.2.4 | User-agent: crawlway¶Disallow: /a¶Sitemap: https://a.example/s.xml¶Disallow: /x | /x | no
2.2.4 | User-agent: crawlway¶Sitemap: /s.xml¶User-agent: other¶Disallow: /x | /x | no
2.2.4 | User-agent: other¶Sitemap: /s.xml¶User-agent: crawlway¶Disallow: /x | /x | no
2.2.4 | User-agent: crawlway¶Crawl-delay: 5¶User-agent: other¶Disallow: /x | /x | no
2.2.4 | User-agent: crawlway¶Host: a.example¶User-agent: other¶Disallow: /x | /x | no
2.2.4 | User-agent: crawlway¶Request-rate: 1/5¶User-agent: other¶Disallow: /x | /x | no
2.2.4 | User-agent: crawlway¶Unheard-of: yes¶User-agent: other¶Disallow: /x | /x | no
2.2.4 | User-agent: crawlway¶Clean-param: ref /x¶Disallow: /x | /x | no
2.2.4 | User-agent: crawlway¶Noindex: /y¶Disallow: /x | /y | yes
2.2.4 | User-agent: crawlway¶hello world and more¶Disallow: /x | /x | no
2.2.4 | User-agent: crawlway¶:¶Disallow: /x | /x | no
2.2.4 | User-agent: crawlway¶: /y¶Disallow: /x | /y | yes
2.2.4 | Sitemap: https://a.example/s.xml¶User-agent: crawlway¶Disallow: /x | /x | no
2.2.4 | User-agent: *¶Content-signal: search=yes¶Disallow: /x | /x | no
""")

RULES = cases("""
-- Paths match from their beginning, in their case
2.2.2 | Disallow: / | / | no
2.2.2 | Disallow: / | /x | no
2.2.2 | Disallow: /x | /x | no
2.2.2 | Disallow: /x | /xy | no
2.2.2 | Disallow: /x | /x/y | no
2.2.2 | Disallow: /x | /x?y | no
2.2.2 | Disallow: /x | /x.html | no
2.2.2 | Disallow: /x | / | yes
2.2.2 | Disallow: /x | /y/x | yes
2.2.2 | Disallow: /x | /X | yes
2.2.2 | Disallow: /X | /x | yes
2.2.2 | Disallow: /x/ | /x | yes
2.2.2 | Disallow: /x/ | /x/ | no
2.2.2 | Disallow: /x/ | /x/y | no
2.2.2 | Disallow: /x/ | /xy/ | yes
2.2.2 | Disallow: /x?y=1 | /x?y=1 | no
2.2.2 | Disallow: /x?y=1 | /x?y=12 | no
2.2.2 | Disallow: /x?y=1 | /x?z=0&y=1 | yes
2.2.2 | Disallow: /x? | /x | yes
2.2.2 | Disallow: /? | /?q | no
2.2.2 | Disallow: /a//b | /a/b | yes
2.2.2 | Disallow: /a//b | /a//b | no
2.2.2 | Disallow: x | /x | yes
2.2.2 | Disallow: ./x | /x | yes
2.2.2 | Disallow: https://a.example/x | /x | yes
2.2.2 | Disallow: . | /.x | yes
-- Empty rules match nothing
2.2.2 | Disallow: | /x | yes
2.2.2 | Allow: | /x | yes
2.2.2 | Disallow: /¶Allow: | /x | no
2.2.2 | Disallow: /x¶Disallow: | /x | no
2.2.2 | Disallow: # / | /x | yes
-- The most octets decide, wherever they stand; allow wins a tie
2.2.2 | Disallow: /x¶Allow: /x/y | /x/y | yes
2.2.2 | Allow: /x/y¶Disallow: /x | /x/y | yes
2.2.2 | Disallow: /x¶Allow: /x/y | /x/z | no
2.2.2 | Allow: /x¶Disallow: /x/y | /x/y | no
2.2.2 | Disallow: /x/y¶Allow: /x | /x/y | no
2.2.2 | Allow: /x¶Disallow: /x | /x | yes
2.2.2 | Disallow: /x¶Allow: /x | /x | yes
2.2.2 | Disallow: /x¶Allow: /y | /x | no
2.2.2 | Allow: /¶Disallow: / | /x | yes
2.2.2 | Allow: /¶Disallow: /x | /x | no
2.2.2 | Disallow: /¶Allow: /x¶Disallow: /x/y¶Allow: /x/y/z | /x/y/z | yes
2.2.2 | Disallow: /¶Allow: /x¶Disallow: /x/y¶Allow: /x/y/z | /x/y/a | no
2.2.2 | Disallow: /¶Allow: /x¶Disallow: /x/y¶Allow: /x/y/z | /x/a | yes
2.2.2 | Disallow: /¶Allow: /x¶Disallow: /x/y¶Allow: /x/y/z | /a | no
2.2.2 | Allow: /pub¶Disallow: /*.pdf | /pub.pdf | no
2.2.2 | Allow: /page¶Disallow: /*.ht | /page.htm | yes
2.2.2 | Allow: /page¶Disallow: /*.htm | /page.htm | no
2.2.2 | Allow: /page¶Disallow: /*.html | /page.html | no
2.2.2 | Disallow: /¶Allow: /$ | / | yes
2.2.2 | Disallow: /¶Allow: /$ | /x | no
2.2.2 | Disallow: /p¶Allow: /%70 | /p | yes
2.2.2 | Disallow: /*¶Allow: / | /x | no
2.2.2 | Disallow: /a*¶Allow: /a | /ab | no
2.2.2 | Disallow: /aaaa¶Allow: /a*a | /aaaa | no
-- The robots.txt itself
2.2.2 | Disallow: / | /robots.txt | yes
2.2.2 | Disallow: /robots.txt | /robots.txt | yes
2.2.2 | Disallow: / | /robots.txt.bak | no
2.2.2 | Disallow: / | /x/robots.txt | no
-- Octets beyond ASCII are the same escaped or not, by upper or lower hex digits
2.2.2 | Disallow: /ツ | /%E3%83%84 | no
2.2.2 | Disallow: /%E3%83%84 | /%E3%83%84 | no
2.2.2 | Disallow: /%e3%83%84 | /%E3%83%84 | no
2.2.2 | Disallow: /%E3%83%84 | /%e3%83%84 | no
2.2.2 | Disallow: /%E3%83 | /%E3%83%84 | no
2.2.2 | Disallow: /ü | /%FC | yes
2.2.2 | Disallow: /%FC | /%FC | no
2.2.2 | Disallow: /x?q=é* | /x?q=%C3%A9t%C3%A9 | no
2.2.2 | Disallow: /*ü$ | /x%C3%BC | no
2.2.2 | Disallow: /%D0%BF | /%D0%BA | yes
-- Escapes of what needs none are the same as without
2.2.2 | Disallow: /%62%61%7A | /baz | no
2.2.2 | Disallow: /baz | /%62%61%7A | no
2.2.2 | Disallow: /%62%61%7a | /%62%61%7A | no
2.2.2 | Disallow: /%7Euser | /~user | no
2.2.2 | Disallow: /~user | /%7euser | no
2.2.2 | Disallow: /a%2Db%2Ec%5Fd | /a-b.c_d | no
2.2.2 | Disallow: /%41 | /a | yes
-- Reserved characters: delimiters stay what they are, others are escaped on both sides
2.2.2 | Disallow: /a%2Fb | /a/b | yes
2.2.2 | Disallow: /a/b | /a%2Fb | yes
2.2.2 | Disallow: /a%2Fb | /a%2fb | no
2.2.2 | Disallow: /a%3Fb | /a?b | yes
2.2.2 | Disallow: /a?b | /a%3Fb | yes
2.2.2 | Disallow: /a%3fb | /a%3Fb | no
2.2.2 | Disallow: /x?a%26b | /x?a&b | yes
2.2.2 | Disallow: /x?a%3Db | /x?a=b | yes
2.2.2 | Disallow: /a%23b | /a%23b | no
2.2.2 | Disallow: /q?baz=https://foo.bar | /q?baz=https://foo.bar | no
2.2.2 | Disallow: /q?baz=https://foo.bar | /q?baz=https%3A%2F%2Ffoo.bar | no
2.2.2 | Disallow: /q?baz=https%3A%2F%2Ffoo.bar | /q?baz=https://foo.bar | no
2.2.2 | Disallow: /q?baz=https%3a%2f%2ffoo.bar | /q?baz=https%3A%2F%2Ffoo.bar | no
2.2.2 | Disallow: /q?baz=https%3A%2F%2Ffoo.bar | /q?baz=https%3A%2F%2Ffoo.baz | yes
2.2.2 | Disallow: /*%2F | /q?x=%2Fy | no
2.2.2 | Disallow: /*%2F | /q?x=/y | yes
2.2.2 | Disallow: /*/private | /q?x=/private | no
2.2.2 | Disallow: /a:b | /a%3Ab | no
2.2.2 | Disallow: /a%40b | /a@b | no
2.2.2 | Disallow: /a%2Cb;c | /a,b%3Bc | no
2.2.2 | Disallow: /a%5Bb%5D | /a[b] | no
-- What no URL may contain unescaped is escaped on both sides; a lone percent is itself
2.2.2 | Disallow: /a b | /a%20b | no
2.2.2 | Disallow: /a"b | /a%22b | no
2.2.2 | Disallow: /a|b | /a%7Cb | no
2.2.2 | Disallow: /a%7cb | /a|b | no
2.2.2 | Disallow: /a{b} | /a%7Bb%7D | no
2.2.2 | Disallow: /a\\b | /a%5Cb | no
2.2.2 | Disallow: /a^b | /a%5Eb | no
2.2.2 | Disallow: /100% | /100%25 | no
2.2.2 | Disallow: /%zz | /%zz | no
2.2.2 | Disallow: /%zz | /zz | yes
2.2.2 | Disallow: /%2 | /%20 | no
2.2.2 | Disallow: /%2541 | /%41 | yes
2.2.2 | Disallow: /*% | /a%20b | no
-- A star stands for any octets, also none and also delimiters
2.2.3 | Disallow: * | /x | no
2.2.3 | Disallow: /* | / | no
2.2.3 | Disallow: /*x | /x | no
2.2.3 | Disallow: /*x | /abx | no
2.2.3 | Disallow: /*x | /ab | yes
2.2.3 | Disallow: /a*c | /ac | no
2.2.3 | Disallow: /a*c | /abc | no
2.2.3 | Disallow: /a*c | /ab/x?c | no
2.2.3 | Disallow: /a*c | /bac | yes
2.2.3 | Disallow: *.php | /x.php | no
2.2.3 | Disallow: /*.php | /x/y.php?z | no
2.2.3 | Disallow: /*.php | /x.html | yes
2.2.3 | Disallow: /*.PHP | /x.php | yes
2.2.3 | Disallow: /a*b*c | /a-b-c | no
2.2.3 | Disallow: /a*b*c | /a-c-b | yes
2.2.3 | Disallow: /a*b*c | /a-c-b-c | no
2.2.3 | Disallow: /a**b | /ab | no
2.2.3 | Disallow: /a***b | /axb | no
2.2.3 | Disallow: /a* | /a | no
2.2.3 | Disallow: /a* | /b | yes
2.2.3 | Disallow: /*/x | /x | yes
2.2.3 | Disallow: /*/x | /a/x | no
2.2.3 | Disallow: /*?*id= | /p?a=1&id=2 | no
2.2.3 | Disallow: /*?*id= | /p/id=2 | yes
2.2.3 | Disallow: /*aab | /aaab | no
2.2.3 | Disallow: /*a*a*a | /aa | yes
2.2.3 | Disallow: /.*x | /abx | yes
2.2.3 | Disallow: /a+b | /aab | yes
2.2.3 | Disallow: /[ab] | /a | yes
2.2.3 | Disallow: /a|b | /b | yes
-- A dollar at its end is the end of the path; elsewhere it is a dollar
2.2.3 | Disallow: /x$ | /x | no
2.2.3 | Disallow: /x$ | /xy | yes
2.2.3 | Disallow: /x$ | /x/ | yes
2.2.3 | Disallow: /x$ | /x?y | yes
2.2.3 | Disallow: /$ | / | no
2.2.3 | Disallow: /$ | /x | yes
2.2.3 | Disallow: /*.php$ | /x.php | no
2.2.3 | Disallow: /*.php$ | /x.php? | yes
2.2.3 | Disallow: /*.php$ | /x.php5 | yes
2.2.3 | Disallow: /*.php$ | /x.php/y.php | no
2.2.3 | Disallow: /x*$ | /xyz | no
2.2.3 | Disallow: *$ | /x | no
2.2.3 | Disallow: /a$b | /a | yes
2.2.3 | Disallow: /a$b | /a$b | no
2.2.3 | Disallow: /a$b | /a$bc | no
2.2.3 | Disallow: /x$$ | /x$ | no
2.2.3 | Disallow: /x$$ | /x | yes
2.2.3 | Disallow: /ab*b$ | /ab | yes
2.2.3 | Disallow: /ab*b$ | /abb | no
2.2.3 | Disallow: /x$ # the end | /x | no
2.2.3 | Disallow: $ | / | yes
2.2.3 | Allow: /x$¶Disallow: /x | /x | yes
2.2.3 | Allow: /x$¶Disallow: /x | /xy | no
-- Stars and dollars that are meant are escaped
2.2.3 | Disallow: /file-with-a-%2A.html | /file-with-a-*.html | no
2.2.3 | Disallow: /file-with-a-%2A.html | /file-with-a-%2A.html | no
2.2.3 | Disallow: /file-with-a-%2a.html | /file-with-a-b.html | yes
2.2.3 | Disallow: /foo-%24 | /foo-$ | no
2.2.3 | Disallow: /foo-%24 | /foo-%24x | no
2.2.3 | Disallow: /foo-%24 | /foo- | yes
2.2.3 | Disallow: /foo-%24$ | /foo-$x | yes
-- Comments and white space
2.2 | Disallow: /x# why | /x | no
2.2 | Disallow: /x # why | /x | no
2.2 | Disallow: /x#y | /xa | no
2.2 | # Disallow: /x | /x | yes
2.2 | ··# Disallow: /x¶Disallow: /y | /x | yes
2.2 | Dis#allow: /x | /x | yes
2.2 | Disallow # : /x | /x | yes
2.2 | Disallow:/x | /x | no
2.2 | Disallow:····/x···· | /x | no
2.2 | Disallow→:→/x→ | /x | no
2.2 | ····Disallow: /x | /x | no
2.2 | →Disallow : /x | /x | no
2.2 | Disallow:: /x | /x | yes
2.2 | Disallow: /x | /x%20 | no
-- G: no colon, and what people mistype; other words are unknown lines
G 2.2 | Disallow /x | /x | no
G 2.2 | Disallow···/x···# why | /x | no
G 2.2 | Disallow /x y | /x | yes
G 2.2 | Disallow/x | /x | yes
G 2.2 | Disalow: /x | /x | no
G 2.2 | Dissallow: /x | /x | no
G 2.2 | Diasllow: /x | /x | no
G 2.2 | Disallaw: /x | /x | no
G 2.2 | Disallows: /x | /x | yes
G 2.2 | Deny: /x | /x | yes
G 2.2 | X-Disallow: /x | /x | yes
G 2.2 | Disallow: /¶Allow /x | /x | yes
-- G: the index page of a folder is the folder
G 2.2.2 | Disallow: /¶Allow: /x/index.html | /x/ | yes
G 2.2.2 | Disallow: /¶Allow: /x/index.html | /x/y | no
G 2.2.2 | Disallow: /¶Allow: /x/index.html | /x/index.htm | no
G 2.2.2 | Allow: /¶Disallow: /x/index.html | /x/ | yes
""")

NAMES = cases("""
-- G: how the line that names a group may be mistyped
G 2.2.1 | User-agent crawlway¶Disallow: /x | /x | no
G 2.2.1 | Useragent: crawlway¶Disallow: /x | /x | no
G 2.2.1 | User agent: crawlway¶Disallow: /x | /x | no
G 2.2.1 | User-agent : crawlway¶Disallow: /x | /x | no
G 2.2.1 | Agent: crawlway¶Disallow: /x | /x | yes
G 2.2.1 | foo: crawlway¶bar: / | /x | yes
""")

BODIES: dict[str, list[tuple[str, bytes]]] = {
    "2.2 line ends": [
        ("LF", b"User-agent: *\nDisallow: /x\n"),
        ("CR LF", b"User-agent: *\r\nDisallow: /x\r\n"),
        ("CR", b"User-agent: *\rDisallow: /x\r"),
        ("LF CR", b"User-agent: *\n\rDisallow: /x\n\r"),
        ("CR CR LF", b"User-agent: *\r\r\nDisallow: /x\r\r\n"),
        ("all of them", b"User-agent: *\r\n\r\nDisallow: /z\nDisallow: /a\rDisallow: /x"),
        ("none at the end", b"User-agent: *\nDisallow: /x"),
        ("comment before the end", b"User-agent: *\rDisallow: /x # why\r# bye"),
    ],
    "2.2 octets that are no UTF-8": [
        ("latin-1 in a comment", b"# \xfcber\nUser-agent: *\nDisallow: /x\n"),
        ("latin-1 in a rule beside", b"User-agent: *\nDisallow: /\xfc\nDisallow: /x\n"),
        ("latin-1 in another name", b"User-agent: \xfc\nUser-agent: *\nDisallow: /x\n"),
        ("a broken line", b"User-agent: *\n\xff\xfe\xfd\nDisallow: /x\n"),
        ("controls that end no line", b"User-agent: *\n\x0b\x0c\x1c\x1d\x1e\x85\nDisallow: /x\n"),
        ("NUL at the ends", b"\0User-agent: *\0\nDisallow: /x\0\n"),
        ("NUL within", b"User-a\0gent: *\nDis\0allow: /\0x\n"),
        ("NUL lines", b"\0\n\0\0\nUser-agent: *\nDisallow: /x\n\0"),
    ],
    "G 2.2 byte order marks": [
        ("UTF-8", b"\xef\xbb\xbfUser-agent: *\nDisallow: /x\n"),
        ("UTF-8 and a comment", b"\xef\xbb\xbf# hello\nUser-agent: *\nDisallow: /x\n"),
        ("two thirds of one", b"\xef\xbbUser-agent: *\nDisallow: /x\n"),
        ("one third of one", b"\xefUser-agent: *\nDisallow: /x\n"),
        ("UTF-16LE", "\ufeffUser-agent: *\r\nDisallow: /x\r\n".encode("utf-16-le")),
        ("UTF-16BE", "\ufeffUser-agent: *\r\nDisallow: /x\r\n".encode("utf-16-be")),
        ("UTF-16LE without", "User-agent: *\nDisallow: /x\n".encode("utf-16-le")),
        (
            "UTF-16 and more than ASCII",
            "\ufeff# ü\nUser-agent: *\nDisallow: /x".encode("utf-16-le"),
        ),
    ],
    "2.2.4 what is no robots.txt around it": [
        ("HTML before", b"<!doctype html>\n<title>x</title>\nUser-agent: *\nDisallow: /x\n"),
        ("HTML behind", b"User-agent: *\nDisallow: /x\n</body></html>\n"),
        ("empty lines", b"\n" * 1_000 + b"User-agent: *\n" + b"\n" * 1_000 + b"Disallow: /x\n"),
        ("a long line before", b"a" * 100_000 + b"\nUser-agent: *\nDisallow: /x\n"),
        ("a long comment before", b"#" * 100_000 + b"\nUser-agent: *\nDisallow: /x\n"),
        (
            "a long rule beside",
            b"User-agent: *\nDisallow: /" + b"y" * 100_000 + b"\nDisallow: /x\n",
        ),
        (
            "a long name before",
            b"User-agent: " + b"o" * 100_000 + b"\nUser-agent: *\nDisallow: /x\n",
        ),
        (
            "many groups before",
            b"User-agent: o\nDisallow: /\n" * 9_000 + b"User-agent: *\nDisallow: /x",
        ),
    ],
}
"""Bodies that disallow ``/x`` and not ``/y``, whatever else is in them."""

NOTHING: dict[str, bytes] = {
    "empty": b"",
    "a line end": b"\n",
    "spaces": b"   \r\n\t",
    "NUL": b"\0\0",
    "a mark": b"\xef\xbb\xbf",
    "a page": b"<!doctype html><html><head><title>Not found</title></head></html>",
    "JSON": b'{"error": "User-agent: *"}',
    "comments": b"# User-agent: *\n# Disallow: /\n",
    "no groups": b"Sitemap: https://a.example/s.xml\nDisallow: /\n",
    "a broken mark before the name": b"\xef\x11\xbfUser-agent: *\nDisallow: /\n",
    "a mark in the middle": b"User-agent: *\n\xef\xbb\xbfDisallow: /\n",
    "line ends that are none": b"User-agent: *\x0bDisallow: /\x85Disallow: /\x0cDisallow: /",
    "UTF-32": "\ufeffUser-agent: \u4e00\nDisallow: /".encode("utf-16-le"),
}
"""Bodies that disallow nothing."""

DELAYS = {
    # Not in the standard; read as most crawlers read it, within the same groups.
    "User-agent: *¶Crawl-delay: 5": 5.0,
    "User-agent: *¶crawl-delay:5": 5.0,
    "User-agent: *¶CRAWL-DELAY : 5": 5.0,
    "User-agent: *¶Crawl-delay: 5 # seconds": 5.0,
    "User-agent: *¶Crawl-delay: 0": 0.0,
    "User-agent: *¶Crawl-delay: 0.25": 0.25,
    "User-agent: *¶Crawl-delay: .5": 0.5,
    "User-agent: *¶Crawl-delay: 5.": 5.0,
    "User-agent: *¶Crawl-delay: 005": 5.0,
    "User-agent: *¶Crawl-delay: 300": 300.0,
    "User-agent: *¶Crawl-delay: 301": 300.0,
    "User-agent: *¶Crawl-delay: 999999999": 300.0,
    "User-agent: *¶Crawl-delay 5": 5.0,
    "User-agent: *¶Crawl delay: 5": 5.0,
    "User-agent: *¶Crawl-delay:": None,
    "User-agent: *¶Crawl-delay: -1": None,
    "User-agent: *¶Crawl-delay: +1": None,
    "User-agent: *¶Crawl-delay: soon": None,
    "User-agent: *¶Crawl-delay: 1e2": None,
    "User-agent: *¶Crawl-delay: 1_0": None,
    "User-agent: *¶Crawl-delay: 1,5": None,
    "User-agent: *¶Crawl-delay: 0x10": None,
    "User-agent: *¶Crawl-delay: nan": None,
    "User-agent: *¶Crawl-delay: inf": None,
    "User-agent: *¶Crawl-delay: ١": None,
    "User-agent: *¶Crawl-delay: .": None,
    "User-agent: *¶Crawldelay: 5": None,
    "Crawl-delay: 5": None,
    "Crawl-delay: 5¶User-agent: *¶Disallow: /x": None,
    "User-agent: other¶Crawl-delay: 5": None,
    "User-agent: *¶Disallow: /x¶Crawl-delay: 5": 5.0,
    "User-agent: *¶Crawl-delay: 5¶Disallow: /x": 5.0,
    "User-agent: *¶Crawl-delay: 5¶Crawl-delay: 2": 5.0,
    "User-agent: *¶Crawl-delay: 2¶¶User-agent: *¶Crawl-delay: 5": 5.0,
    "User-agent: *¶Crawl-delay: 2¶Crawl-delay: soon": 2.0,
    "User-agent: *¶Crawl-delay: 5¶¶User-agent: crawlway¶Disallow: /x": None,
    "User-agent: *¶Crawl-delay: 5¶Disallow: /¶¶User-agent: crawlway¶Crawl-delay: 2": 2.0,
    "User-agent: slow¶Crawl-delay: 60¶¶User-agent: *¶Crawl-delay: 5": 5.0,
    "User-agent: other¶User-agent: *¶Crawl-delay: 5": 5.0,
}

SITEMAPS = {
    "Sitemap: https://a.example/s.xml": ["https://a.example/s.xml"],
    "sitemap:https://a.example/s.xml": ["https://a.example/s.xml"],
    "SITEMAP : https://a.example/s.xml # new": ["https://a.example/s.xml"],
    "Sitemap: /s.xml": ["/s.xml"],
    "Sitemap: https://a.example/%C3%BC?a=1&b=2": ["https://a.example/%C3%BC?a=1&b=2"],
    "Sitemap: https://a.example/ü": ["https://a.example/ü"],
    "Sitemap:": [],
    "Sitemap: #": [],
    "Sitemap": [],
    "Sitemap /s.xml": ["/s.xml"],
    "Site-map: /s.xml": ["/s.xml"],
    "User-agent: other¶Sitemap: /s.xml": ["/s.xml"],
    "User-agent: *¶Disallow: /¶Sitemap: /1.xml¶¶Sitemap: /2.xml": ["/1.xml", "/2.xml"],
    "Sitemap: /2.xml¶Sitemap: /1.xml¶Sitemap: /2.xml": ["/2.xml", "/1.xml", "/2.xml"],
}
