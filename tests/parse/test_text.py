"""The text of a page: what a reader sees, in the order and the lines in which it is seen."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.parse import html
from crawler.parse.text import text


def read(source: str) -> str:
    return text(html.tree(source))


@pytest.mark.parametrize(
    ("source", "seen"),
    [
        ("", ""),
        ("just text", "just text"),
        ("<p>one</p><p>two</p>", "one\n\ntwo"),
        ("<div>one</div>two", "one\ntwo"),
        ("<div><div>one</div>two</div>three", "one\ntwo\nthree"),
        ("one<div>two</div><b>three</b>", "one\ntwo\nthree"),
        ("<p>  a \n\t <b> b</b>c <i>d </i> e\xa0f", "a bc d e f"),
        ("<p>a<b> b </b>c</p>", "a b c"),
        ("<p>a <b> </b> c", "a c"),
        ("<p>f<sub>0</sub>(<code>x</code>)", "f0(x)"),
        ("a<br>b<br><br>c", "a\nb\nc"),
        ("<ul><li>a<li>b<ul><li>c</ul></ul>d", "a\nb\nc\nd"),
        ("<h1>t</h1><ul><li>a</ul><p>b", "t\n\na\n\nb"),
        ("<dl><dt>t<dd>d</dl>", "t\nd"),
        ("a<hr>b", "a\n\nb"),
        ("<table><tr><th>a<th>b<tr><td>c<td>d</table>e", "a\tb\nc\td\n\ne"),
        ("<table><tr><td><p>a</p></td><td><p>b</p></td></tr></table>", "a\tb"),
        ("<table><tr><td>a<td><td>b</table>", "a\tb"),
        ("<table><caption>t</caption><tr><td>a</table>", "t\na"),
        ("<pre>\n  a\n    b\n</pre>c", "  a\n    b\n\nc"),
        ("x<pre><b>a</b>  <i>b</i>\n\n\nc</pre>", "x\n\na  b\n\n\nc"),
        ("<pre>a<br>b  c</pre>", "a\nb  c"),
        ("<pre>a</pre><pre>b\n\n</pre><pre>\n\n</pre>c", "a\n\nb\n\nc"),
        ("<script>x()</script>a<style>b{}</style><noscript>c</noscript>", "a"),
        ("<template>no</template>a<canvas>no</canvas>", "a"),
        ("a<!-- no -->b<?no?>c", "abc"),
        ("<svg><text>no</text></svg><iframe>no</iframe>a<textarea>no</textarea>", "a"),
        ("<p>a<p hidden>no<p aria-hidden=true>no<p>b", "a\n\nb"),
        ("<select><option>no</select>a", "a"),
        ("<button>press</button><label>name</label>", "pressname"),
        ("<details><summary>s</summary>d</details>", "s\nd"),
        ("&lt;b&gt; &amp; &nbsp; &#x1F600;", "<b> & 😀"),
        ("a\u200bb\u00adc", "a\u200bb\u00adc"),
    ],
)  # fmt: skip
def test_text_is_laid_out_as_it_is_seen(source: str, seen: str) -> None:
    assert read(source) == seen


AROUND = "<nav>menu</nav><header>logo</header><aside>ad</aside><div class=sidebar>toc</div>"


@pytest.mark.parametrize(
    ("source", "seen"),
    [
        # a page that says where it is
        (f"{AROUND}<main>body</main><footer>imprint</footer>", "body"),
        (f"{AROUND}<div role=main>body</div>rest", "body"),
        (f"{AROUND}<article>body</article>rest", "body"),
        ("<main><aside>note</aside><header><h1>t</h1></header>b<footer>f</footer></main>",
         "note\n\nt\n\nb\n\nf"),
        ("<main>a<nav>no</nav><div role=search>no</div>b</main>", "a\n\nb"),
        ("<main><h1>t<a class=headerlink href=#t>¶</a></h1></main>", "t"),
        # one that does not
        (f"{AROUND}<p>body</p><footer>imprint</footer>", "body"),
        ("<header><h1>title</h1></header>body<div role=contentinfo>no</div>", "title\n\nbody"),
        ("<article>a</article><article>b</article>", "a\n\nb"),
        # one that has nothing to say there
        ("<main></main><p>a", "a"),
        ("<nav>only</nav>", "only"),
        ("<frameset><frame src=x></frameset>", ""),
    ],
)  # fmt: skip
def test_navigation_is_left_out_where_there_is_more(source: str, seen: str) -> None:
    assert read(source) == seen


def test_it_can_be_deep() -> None:
    assert read("<div>" * 400 + "x<i>" * 400 + "y") == "x" * 400 + "y"


WORDS = st.text(st.characters(codec="utf-8", exclude_characters="<&\0\r"), min_size=1)
TAGS = st.sampled_from("p div b li td pre h1 ul table tr span br a".split())


@given(st.lists(st.tuples(TAGS, WORDS)))
def test_no_word_is_lost_or_comes_twice(parts: list[tuple[str, str]]) -> None:
    source = "".join(f"<{tag}>{words}</{tag}>" for tag, words in parts)
    tree = html.tree(source)
    whole = tree.body.text() if tree.body is not None else ""

    seen = text(tree)

    assert "".join(seen.split()) == "".join(whole.split())
    assert seen == seen.rstrip()


def test_the_tree_is_as_it_was_before() -> None:
    tree = html.tree(f"{AROUND}<main><pre>a<br>b</pre></main>")
    before = tree.html
    text(tree)
    assert tree.html == before
