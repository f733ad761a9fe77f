"""The main content as Markdown: what it holds, and where its links lead."""

import pytest

from crawler.parse.markdown import markdown

BASE = "http://h/dir/page"


def read(source: str, base: str = BASE) -> str:
    return markdown(source, base)


@pytest.mark.parametrize(
    ("source", "seen"),
    [
        ("", ""),
        ("<h1>t</h1><p>a <b>b</b> <code>c</code>", "# t\n\na **b** `c`"),
        ("<ul><li>a<li>b</ul>", "- a\n- b"),
        ("<h2>8.1.&nbsp;<b>&nbsp;x</b></h2><code>&amp;#160;</code>", "## 8.1. **x**\n\n`&#160;`"),
        ("<pre>a\n  b</pre>", "```\na\n  b\n```"),
        ("<table><tr><th>a<th>b<tr><td>c<td>d</table>",
         "| a | b |\n| --- | --- |\n| c | d |"),
        ("<nav>no</nav><main>yes</main><footer>no</footer>", "yes"),
        ("<main></main><p>a", "a"),
        ("<nav>only</nav>", "only"),
        ("<main>a<script>no</script><style>no</style><noscript>no</noscript></main>", "a"),
        ("<h1>t<a class=headerlink href=#t>¶</a></h1>", "# t"),
        ("<frameset><frame src=x></frameset>", ""),
    ],
)  # fmt: skip
def test_the_main_content_is_markdown(source: str, seen: str) -> None:
    assert read(source).rstrip() == seen


@pytest.mark.parametrize(
    ("source", "seen"),
    [
        ("<a href=x title=t>a</a>", "[a](http://h/dir/x)"),
        ("<a href='../x#f'>a</a>", "[a](http://h/x#f)"),
        ("<a href='?q=1'>a</a>", "[a](http://h/dir/page?q=1)"),
        ("<a href='//o/x y(z)'>a</a>", "[a](http://o/x%20y(z))"),
        ("<a href='http://user:secret@o/'>a</a>", "[a](http://o/)"),
        ("<a href='mailto:a@b.example'>a</a>", "[a](mailto:a@b.example)"),
        ("<a href='#here'>a</a>", "a"),
        ("<a href='javascript:x()'>a</a>", "a"),
        ("<a href=''>a</a><a>b</a>", "ab"),
        ("<img src=x.png alt=pic>", "![pic](http://h/dir/x.png)"),
        ("<img src='data:image/png;base64,AAAA' alt=pic>", "pic"),
        ("a<img src='data:x'>b<img>c", "abc"),
    ],
)
def test_links_are_absolute_or_words(source: str, seen: str) -> None:
    assert read(source).rstrip() == seen
