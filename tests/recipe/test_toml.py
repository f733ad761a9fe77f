"""A recipe file is read as it is meant, or refused with the place and what to do."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.recipe import flags, toml
from crawler.recipe.model import BadRecipe, Field, Query, Recipe, Section


def read(text: str) -> Recipe:
    return toml.recipe(text.encode(), "r.toml")


def placeless(recipe: Recipe) -> str:
    """Return a recipe in words, without where it is written."""

    def field(each: Field) -> str:
        inner = [field(each) for each in each.fields]
        options = (each.type, each.all, each.re, each.format, each.decimal, each.default)
        return f"{each.name} {query(each.query)} {options} {each.required} {inner}"

    def query(each: Query | None) -> str:
        return "" if each is None else f"{each.css} {each.take}"

    return "\n".join(
        f"{each.url} {query(each.each)} {[field(one) for one in each.fields]} "
        f"{None if each.follow is None else [query(one) for one in each.follow]}"
        for each in recipe.sections
    )


def test_flags_and_a_file_come_to_the_same() -> None:
    of_flags = flags.recipe(
        ["t=h2 a", "price:float=.price::text", "img=img::attr(SRC)", "tags[]=.tag", "h=::html"],
        "article",
    )
    of_file = read(
        """
        each = "article"
        [fields]
        t = "h2 a"
        price = {css = ".price::text", type = "float"}
        img = "img::attr( src )"
        "tags[]" = ".tag"
        h = "::html"
        """
    )

    assert placeless(of_flags) == placeless(of_file)


def test_everything_a_recipe_can_say() -> None:
    recipe = read(
        r"""
        [[section]]
        url = '/p/\d+'
        follow = []
        [section.fields]
        n = {css = "", type = "int", re = '\d+', default = [0], all = true, decimal = ","}
        d = {css = "time", type = "date", format = "%d.%m.%y", required = true}
        when = {css = "b", default = 2024-05-01}
        [section.fields.o]
        css = ".o"
        fields.x = "b"
        fields.deep = {fields = {y = "i"}}
        [[section]]
        follow = [".a", "b::attr(data-u)"]
        next = "a.next"
        """
    )
    first, second = recipe.sections

    assert (first.url, first.each, first.follow) == (r"/p/\d+", None, ())
    n, d, when, o = first.fields
    assert (n.type, n.re, n.default, n.all, n.decimal) == ("int", r"\d+", [0], True, ",")
    assert (d.format, d.required, d.type, when.default) == ("%d.%m.%y", True, "date", "2024-05-01")
    assert [each.name for each in o.fields] == ["x", "deep"]
    assert o.fields[1].query.css == ""
    assert o.fields[1].fields[0].name == "y"
    assert [(q.css, q.take) for q in second.follow or ()] == [
        (".a", ""), ("b", "@data-u"), ("a.next", ""),
    ]  # fmt: skip
    assert recipe.fills_pages
    assert not recipe.makes_items


BAD = [
    ("a = ", "r.toml:1: Invalid value\na = \n    ^"),
    ("[fields]\nt = 'x", "r.toml:2: "),
    ('eech = "x"', "r.toml:1: eech: no such key (did you mean 'each'?)"),
    ('"" = "x"', "r.toml: '': no such key; the keys are url, each"),
    ('[fields]\np = {css="x", typ="int"}',
     "r.toml:2: fields.p.typ: no such key (did you mean 'type'?)"),
    ('[[section]]\n[section.fields]\np={css="x",type="itn"}',
     "r.toml:3: section 1.fields.p.type: 'itn' is no type (did you mean 'int'?)"),
    ('[fields]\np = {css="x", re="ab(c"}',
     ("r.toml:2: fields.p.re: not a regular expression: missing ), "
     "unterminated subpattern\nab(c\n  ^")),
    ('[[section]]\nurl = "*x"',
     "r.toml:2: section 1.url: not a regular expression: nothing to repeat\n*x\n^"),
    ("[fields]\np = 5", "r.toml:2: fields.p: a field is CSS in quotes, or a table"),
    ("[fields]\np = {}", "r.toml:2: fields.p: css is missing"),
    ("each = 5", "r.toml:1: each: has to be a string"),
    ("follow = [1]", "r.toml:1: follow: has to be a string or a list of strings"),
    ('[fields]\np={css="x", all="yes"}', "fields.p.all: has to be true or false"),
    ("", "r.toml: an empty recipe"),
    ('each = "li"', "r.toml:1: each: goes with [fields]"),
    ('each = "li::text"\n[fields]\na="b"', "r.toml:1: each: takes elements"),
    ('follow = "a::text"', "r.toml:1: follow: takes links"),
    ('[fields]\na="p::foo"',
     ("r.toml:2: fields.a: after :: comes text, html or attr(NAME), once "
     "and at the end\np::foo\n ^")),
    ('[fields]\na="p::text, b::text"', "after :: comes text"),
    ('[fields]\n"a b"="p"', "r.toml:2: fields.a b: a field has a name without spaces"),
    ('[fields]\na="p"\n"a[]"="p"', "a is there twice"),
    ('[fields]\na={css="p",format="%d"}', 'goes with type = "date"'),
    ('[fields]\na={css="p",type="date",format="%Q"}',
     "r.toml:2: fields.a.format: is none of strptime's"),
    ('[fields]\na={css="p",decimal=","}', 'goes with type = "float" or "int"'),
    ('[fields]\na={css="p",type="int",decimal=";"}', 'is "." or ","'),
    ('[fields]\na={css="p",default=1,required=true}', "required and default exclude each other"),
    ('[fields]\na={css="p",default=nan}', "is no number that JSON can hold"),
    ('[fields]\na={css="p",default=9223372036854775808}', "is no number that JSON can hold"),
    ('[fields]\na={css="p",type="int",default="none"}',
     "r.toml:2: fields.a.default: has to be a whole number, as type says"),
    ('[fields]\na={css="p",type="int",default=true}', "has to be a whole number, as type says"),
    ('[fields]\na={css="p",type="float",default="1"}', "has to be a number, as type says"),
    ('[fields]\na={css="p",default=1}', "has to be a string, as type says"),
    ('[fields]\na={css="p",type="bool",default=0}', "has to be true or false, as type says"),
    ('[fields]\na={css="p",type="date",default="soon"}', "has to be a date, as type says"),
    ('[fields]\na={css="p",type="date",default=07:00:00}', "has to be a date, as type says"),
    ('[fields]\na={css="p",type="url",default="/x"}', "has to be an http or https URL"),
    ('[fields]\n"a[]"={css="p",type="int",default=0}',
     "has to be a list, each of it a whole number"),
    ('[fields]\na={css="p",all=true,type="int",default=[1,"x"]}', "each of it a whole number"),
    ('[fields]\na={css="p::text",fields={b="c"}}', "has fields, so css selects elements"),
    ('[fields]\na={css="p",type="int",fields={b="c"}}', "type does not go with fields"),
    ('[fields]\na={css="p",fields={}}', "fields is empty"),
    ('[[section]]\n[fields]\na="p"', "r.toml:2: fields: stands beside [[section]]"),
    ("[section]\nurl='x'", "sections are written [[section]]"),
    ("[fields" + ".a.fields" * 2_000 + "]", "r.toml: nested too deeply"),
    ("section = [1]", "sections are written [[section]]"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "told"), BAD)
def test_what_is_wrong_is_told_with_its_place(text: str, told: str) -> None:
    with pytest.raises(BadRecipe) as caught:
        read(text)

    assert told in "\n".join([str(caught.value), *getattr(caught.value, "__notes__", ())])


@pytest.mark.parametrize(
    ("given", "default"),
    [
        ('default = "x"', "x"),
        ('type = "int", default = -1', -1),
        ('type = "float", default = 1', 1),
        ('type = "float", default = 0.5', 0.5),
        ('type = "bool", default = true', True),
        ('type = "date", default = 2024-05-01', "2024-05-01"),
        ('type = "date", default = 2024-05-01T07:00:00Z', "2024-05-01T07:00:00+00:00"),
        ('type = "date", default = "2024-05-01"', "2024-05-01"),
        ('type = "url", default = "HTTPS://example.com/"', "HTTPS://example.com/"),
        ('type = "int", all = true, default = [1, 2]', [1, 2]),
        ("all = true, default = []", []),
    ],
)
def test_a_default_of_the_right_type_is_taken(given: str, default: object) -> None:
    (section,) = read(f'[fields]\na = {{css = "p", {given}}}').sections
    assert section.fields[0].default == default


def test_a_line_is_only_told_where_it_is_sure() -> None:
    with pytest.raises(BadRecipe, match=r"^r\.toml: fields\.b\.re: not a regular"):
        read('[fields]\na={css="x("}\nb={css="y", re="x("}')


def test_what_is_no_utf_8_is_told() -> None:
    with pytest.raises(BadRecipe, match=r"^r\.toml:2: not in UTF-8"):
        toml.recipe(b'[fields]\na = "\xff"', "r.toml")
    assert toml.recipe(b'\xef\xbb\xbf[fields]\na = "x"', "r.toml").sections


@pytest.mark.parametrize(
    ("select", "each", "told"),
    [
        (["a"], None, "a field is NAME=CSS"),
        (["=x"], None, "a field has a name"),
        (["a="], None, "--select a: the selector is missing"),
        (["a:num=x"], None, "'num' is no type"),
        (["a=x", "a[]=y"], None, "names a field twice: a"),
        (["a.b=x"], None, "a field has a name"),
        (["a=x::attr()"], None, "after :: comes"),
        ([], "li", "--each goes with --select"),
        (["a=x"], " ", "--each is empty"),
        (["a=x"], "li::text", "--each takes elements"),
    ],
)
def test_flags_are_told_what_is_wrong(select: list[str], each: str | None, told: str) -> None:
    with pytest.raises(BadRecipe) as caught:
        flags.recipe(select, each)

    assert told in str(caught.value)


def test_a_selector_may_hold_the_marks_of_the_syntax() -> None:
    (section,) = flags.recipe(['a=p[x="a=b"] :is(b, i)::attr(data-x)'], None).sections

    assert section == Section(fields=(Field("a", Query('p[x="a=b"] :is(b, i)', "@data-x",
                                                       "--select a")),))  # fmt: skip


@given(st.text())
def test_no_text_makes_it_fail_otherwise(text: str) -> None:
    try:
        toml.recipe(text.encode("utf-8", "surrogatepass"), "r.toml")
        flags.recipe([text], text)
    except BadRecipe:
        pass


VALUES = st.recursive(
    st.text(max_size=8) | st.booleans() | st.integers() | st.floats(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["css", "type", "fields", "all", "re", "default", "each", "url", "x[]"]),
        inner, max_size=4,
    ),
    max_leaves=12,
)  # fmt: skip


@given(st.dictionaries(st.sampled_from(["section", "fields", "each", "url", "follow"]), VALUES))
def test_no_table_makes_it_fail_otherwise(table: dict[str, object]) -> None:
    with contextlib.suppress(BadRecipe):
        toml._File("r.toml", []).recipe(table)
