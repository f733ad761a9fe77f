"""``crawler schema``."""

import click

from crawler.cli.complaint import complain
from crawler.cli.units import Verb
from crawler.settings import RECORD_TYPES

OTHERS = ("explanation", "progress")
"""What ``crawler explain --json`` and ``--progress json`` tell: no lines of a crawl's output."""


@click.command(cls=Verb, short_help="Print the JSON Schema of records.")
@click.argument(
    "type", required=False, metavar="[TYPE]", type=click.Choice((*RECORD_TYPES, *OTHERS))
)
def schema(type: str | None) -> int:  # noqa: A002 - the argument's name in messages
    """Print the JSON Schema (2020-12) of a TYPE of record, or of every line of output.

    It says what each key means, which are always there, and which come with a flag.
    'explanation' is what 'crawler explain --json' prints, 'progress' what '--progress json' does.
    """
    import msgspec

    from crawler.schema import explanation, progress, schema

    others = dict(zip(OTHERS, (explanation, progress), strict=True))
    wanted = schema(type) if type not in others else others[type]()
    document = msgspec.json.format(msgspec.json.encode(wanted), indent=2)
    try:
        click.echo(document.decode())
    except BrokenPipeError:
        return 141
    except OSError as error:
        complain(f"writing the schema failed: {str(error.strerror).lower()}")
        return 74
    return 0
