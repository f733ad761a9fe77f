"""What is wrong, in the words in which a crawl's log tells it."""

from collections.abc import Sequence

import click


def complain(text: str, notes: Sequence[str] = ()) -> None:
    """Write one line to stderr; ``notes`` are further ones: the text that is wrong, and a caret."""
    from crawler.report import safe

    click.echo("crawler: error: " + safe(text.replace("\n", " ")), err=True)
    for line in (line for note in notes for line in note.split("\n")):
        click.echo(f"    {safe(line)}", err=True)
