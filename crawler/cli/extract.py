"""``crawler extract``."""

from typing import TYPE_CHECKING, Any

import click

from crawler import settings as s
from crawler.cli.complaint import complain
from crawler.cli.extracting import extracting
from crawler.cli.units import NAMES, Verb
from crawler.cli.units import files as complete_files

if TYPE_CHECKING:
    from crawler.errors import CrawlError
    from crawler.saved import Saved


@click.command(cls=Verb, short_help="Try a recipe on saved pages, without network.")
@click.argument("files", nargs=-1, metavar="[FILE|-]...", shell_complete=complete_files)
@click.option("--url", metavar="BASE",
              help="Where the pages come from: what links are resolved against, and what a "
              "recipe's sections are chosen by.")  # fmt: skip
@extracting
@click.option("--emit", type=NAMES, metavar="TYPES", default=None,
              help="Record types to write, of page, item and link (default: items where they "
              "are made, else pages; both where pages have fields, too).")  # fmt: skip
def extract(files: tuple[str, ...], url: str | None, **flags: Any) -> int:
    """Take out of saved HTML what a crawl would, and write it as JSON lines to stdout.

    '-' reads one page from stdin. What a record says of a crawl is left out; 'file' says
    which FILE it is of.
    """
    if not files:
        raise click.UsageError("give the FILE of a saved page, or - for stdin")
    try:
        settings = s.Settings(**flags)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    from crawler.errors import CrawlError, Exit
    from crawler.saved import Saved

    try:
        saved = Saved(settings, url)
        return max([_write(saved, file) for file in files])
    except CrawlError as error:
        return _tell(error)
    except BrokenPipeError:
        return Exit.READER_CLOSED
    except OSError as error:
        complain(f"writing failed: {str(error.strerror).lower()}")
        return Exit.IO_ERROR


def _write(saved: "Saved", file: str) -> int:
    """Write the records of one file; return 0, or the exit code if it cannot be read."""
    from crawler.encoding import encode
    from crawler.errors import InputMissing

    try:
        contents = saved.read(file)
    except InputMissing as error:
        return _tell(error)
    for record in contents.records:
        click.echo(encode(record))
    for place, why in contents.errors.items():
        _say(f"{file}: {place}: {why}")
    return 0


def _tell(error: "CrawlError") -> int:
    complain(str(error), getattr(error, "__notes__", ()))
    return int(error.exit)


def _say(text: str) -> None:
    from crawler.report import safe

    click.echo("crawler: " + safe(text.replace("\n", " ")), err=True)
