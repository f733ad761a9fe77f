"""What to take out of pages, as options of the verbs that read pages."""

from collections.abc import Callable
from functools import partial, reduce
from typing import TypeVar

import click

from crawler.cli.units import Grouped

_Decorated = TypeVar("_Decorated", bound=Callable[..., object])

_option = partial(click.option, cls=Grouped, group="Extract")
_OPTIONS = (
    _option("-s", "--select", metavar="NAME=CSS", multiple=True, default=(),
            help="Put what this selector finds first into a page's fields: its text, or "
            "CSS::attr(NAME), CSS::html; 'NAME[]=CSS' takes all, 'NAME:TYPE=CSS' makes it int, "
            "float, bool, date or url."),
    _option("--each", metavar="CSS",
            help="Make each match an item record with the fields of --select, searched in the "
            "match."),
    _option("--recipe", metavar="FILE",
            help="Take fields, items and links to follow from this TOML file; see the "
            "README."),
    _option("--extract", metavar="MODULE:FUNC",
            help="Make items of the dicts that this Python function yields for a page, in a "
            "parsing process; the working directory is searched for the module."),
    _option("--text", is_flag=True,
            help="Keep the main text of pages, and plain text, in their records."),
    _option("--markdown", is_flag=True,
            help="Keep the main content as Markdown, links absolute (needs the extra "
            "'markdown')."),
    _option("--html", is_flag=True, help="Keep the decoded HTML."),
    _option("--links", is_flag=True,
            help="List the links of a page: url, text, rel and element."),
    _option("--headers", is_flag=True, help="Keep the response's headers, but for Set-Cookie."),
    _option("--structured", is_flag=True,
            help="Keep JSON-LD, Open Graph and the other meta elements."),
)  # fmt: skip


def extracting(command: _Decorated) -> _Decorated:
    """Give a command these options, in their order."""
    return reduce(lambda decorated, option: option(decorated), reversed(_OPTIONS), command)
