"""``crawler schema``."""

import click

from crawler.cli.units import Verb
from crawler.settings import RECORD_TYPES


@click.command(cls=Verb, short_help="Print the JSON Schema of records.")
@click.argument("type", required=False, metavar="[TYPE]", type=click.Choice(RECORD_TYPES))
def schema(type: str | None) -> int:  # noqa: A002 - the argument's name in messages
    """Print the JSON Schema (2020-12) of a TYPE of record, or of every line of output.

    It says what each key means, which are always there, and which come with a flag.
    """
    import msgspec

    from crawler.schema import schema

    document = msgspec.json.format(msgspec.json.encode(schema(type)), indent=2)
    try:
        click.echo(document.decode())
    except BrokenPipeError:
        return 141
    except OSError as error:
        click.echo(f"crawler: writing the schema failed: {str(error.strerror).lower()}", err=True)
        return 74
    return 0
