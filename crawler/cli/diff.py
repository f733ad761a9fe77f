"""``crawler diff``."""

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from crawler.cli.state import tell

if TYPE_CHECKING:
    from crawler.frontier.inquiry import Changed, Inquiry


@click.command(short_help="Show what has changed between two passes of a state.")
@click.argument("file")
@click.argument("passes", nargs=-1, type=int, metavar="[A B]")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line.")
def diff(file: str, passes: tuple[int, ...], as_json: bool) -> int:
    """Show which pages of the crawl in a state FILE were new, changed or gone in pass B
    against pass A (by default in the last one, against the one before it).

    Nothing is printed where nothing has changed.
    """
    if len(passes) not in (0, 2):
        raise click.UsageError("give two passes, or none for the last two")

    def lines(inquiry: "Inquiry") -> Iterator[str]:
        changes = inquiry.changes(*passes)
        return _records(changes) if as_json else _text(list(changes))

    return tell(file, lines)


def _records(changes: "Iterator[Changed]") -> Iterator[str]:
    from crawler.record import SCHEMA_VERSION, encode

    for each in changes:
        told = each._asdict()
        record = {"v": SCHEMA_VERSION, "type": "change", "url": told.pop("url")}
        record["pass"] = told.pop("after")
        yield encode(record | told).decode()


def _text(changes: "list[Changed]") -> Iterator[str]:
    """Return the counts, and a line a page: for a mail."""
    from crawler.report import safe

    if not changes:
        return
    counts = Counter(each.change for each in changes)
    told = ", ".join(f"{counts[kind]:,} {kind}" for kind in ("new", "changed", "gone"))
    yield f"pass {changes[0].after}: {told}"
    for kind in ("new", "changed", "gone"):
        for each in changes:
            if each.change == kind:
                yield safe(f"{kind:<8} {each.url}{_aside(each)}")


def _aside(each: "Changed") -> str:
    """Return what is worth a word beyond the URL: another status, or why it is gone."""
    if each.change == "gone":
        return f" ({each.status_after or 'nothing links to it'})"
    moved = each.change == "changed" and each.status_before != each.status_after
    return f" ({each.status_before} → {each.status_after})" if moved else ""
