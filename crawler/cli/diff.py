"""``crawler diff``."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import click

from crawler.cli.state import tell
from crawler.cli.units import Verb, files

if TYPE_CHECKING:
    from crawler.frontier.changed import Changed
    from crawler.frontier.inquiry import Inquiry
    from crawler.selected import Difference

KINDS = ("new", "changed", "gone")

MOST_TOLD = 20
"""Fields of one page that are told."""

SHOWN = 60
"""Characters shown of a value; before what differs, ``LEAD`` of them."""

LEAD = 15

IN_MEMORY = 1_000_000
"""Characters of lines of a kind that wait in memory, and not on the disk."""


@click.command(cls=Verb, short_help="Show what has changed between two passes of a state.")
@click.argument("file", shell_complete=files)
@click.argument("passes", nargs=-1, type=int, metavar="[A B]")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line.")
def diff(file: str, passes: tuple[int, ...], as_json: bool) -> int:
    """Show which pages of the crawl in a state FILE were new, changed or gone in pass B
    against pass A (by default in the last one, against the one before it), and which of the
    fields selected have changed.

    Nothing is printed where nothing has changed.
    """
    if len(passes) not in (0, 2):
        raise click.UsageError("give two passes, or none for the last two")

    def lines(inquiry: "Inquiry") -> Iterator[str]:
        changes = inquiry.changes(*passes)
        if as_json:
            return _records(changes)
        direct = not passes or passes[1] - passes[0] == 1
        return _text(changes, inquiry.unfinished, direct=direct)

    return tell(file, lines)


def _records(changes: "Iterator[Changed]") -> Iterator[str]:
    from crawler.encoding import encode
    from crawler.record import SCHEMA_VERSION

    for each in changes:
        told = each._asdict()
        record = {"v": SCHEMA_VERSION, "type": "change", "url": told.pop("url")}
        record["pass"] = told.pop("after")
        if each.fields is not None:
            told["fields"] = [difference.record for difference in each.fields]
        yield encode(record | told).decode()


def _text(
    changes: "Iterator[Changed]", unfinished: Callable[[int], bool], *, direct: bool = True
) -> Iterator[str]:
    """Return the counts, and a line a page and one for each of its fields: for a mail.

    ``direct``: there is no pass between the two.

    They come in order of URLs and are told kind by kind, below their counts: what is much waits
    on the disk for its turn.
    """
    from collections import Counter
    from contextlib import ExitStack
    from tempfile import SpooledTemporaryFile

    from crawler.report import safe

    counts, number = Counter[str](), 0
    with ExitStack() as stack:
        told = {
            kind: stack.enter_context(
                SpooledTemporaryFile(IN_MEMORY, "w+", encoding="utf-8", newline="\n")
            )
            for kind in KINDS
        }
        for each in changes:
            number = each.after
            counts[each.change] += 1
            for line in (
                f"{each.change:<8} {each.url}{_aside(each, direct=direct)}",
                *_fields(each),
            ):
                told[each.change].write(f"{safe(line)}\n")
        if number:
            yet = " so far" if unfinished(number) else ""
            yield f"pass {number}{yet}: " + ", ".join(f"{counts[kind]:,} {kind}" for kind in KINDS)
        for lines in told.values():
            lines.seek(0)
            for line in lines:
                yield line.rstrip("\n")


def _aside(each: "Changed", *, direct: bool) -> str:
    """Return what is worth a word beyond the URL: another status, or why it is gone.

    Over several passes a redirect may lead where it led at first.
    """
    if each.change == "gone":
        return f" ({each.status_after or 'nothing links to it'})"
    if each.change != "changed":
        return ""
    if each.status_before != each.status_after:
        return f" ({each.status_before} → {each.status_after})"
    is_redirect = 300 <= (each.status_after or 0) < 400
    return f" ({each.status_after}{', elsewhere' if direct else ''})" if is_redirect else ""


def _fields(each: "Changed") -> Iterator[str]:
    """Yield a line for each field that is otherwise, below its page."""
    fields = each.fields or ()
    for field in fields[:MOST_TOLD]:
        yield f"    {_named(field)}: {_told(field)}"
    if len(fields) > MOST_TOLD:
        yield f"    and {len(fields) - MOST_TOLD:,} more (--json tells all)"


def _named(field: "Difference") -> str:
    places = [] if field.item is None else [f"items[{field.item}]"]
    name = ".".join(places if field.field is None else [*places, " ".join(field.field.split())])
    return name if len(name) <= SHOWN else f"{name[: SHOWN - 1]}…"


def _told(field: "Difference") -> str:
    """Return what a value was and is, as JSON; of long ones the part that differs."""
    from crawler.selected import NOTHING

    if field.before is NOTHING:
        return f"added {_cut(_json(field.after), 0)}"
    if field.after is NOTHING:
        return f"removed {_cut(_json(field.before), 0)}"
    before, after = _json(field.before), _json(field.after)
    same = next(
        (at for at, (one, other) in enumerate(zip(before, after, strict=False)) if one != other), 0
    )
    long = max(len(before), len(after)) > SHOWN
    start = max(0, same - LEAD) if long else 0
    return f"{_cut(before, start)} → {_cut(after, start)}"


def _cut(text: str, start: int) -> str:
    """Return what is shown of a text, from ``start`` on."""
    head = "…" if start else ""
    tail = "…" if len(text) - start > SHOWN else ""
    return f"{head}{text[start : start + SHOWN]}{tail}"


def _json(value: Any) -> str:
    from msgspec import json

    return json.encode(value).decode()
