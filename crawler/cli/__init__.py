"""The command: words and exit codes, nothing else. Everything heavy is imported late."""

import os
import signal
import sys

import click

from crawler.cli.complaint import complain
from crawler.cli.completion import completion, join_flags
from crawler.cli.config import config
from crawler.cli.crawl import crawl
from crawler.cli.diff import diff
from crawler.cli.explain import explain
from crawler.cli.extract import extract
from crawler.cli.schema import schema
from crawler.cli.state import state
from crawler.errors import CrawlError, Exit
from crawler.version import __version__


class _Group(click.Group):
    """Knows what someone means who forgets the verb."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the verb, or say which one is missing."""
        if "." in args[0] or "/" in args[0]:
            from crawler.policy.urls import public

            raise click.UsageError(f"say what to do: crawler crawl {public(args[0])}", ctx)
        return super().resolve_command(ctx, args)


@click.group(
    cls=_Group,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Start with: crawler crawl example.com",
)
@click.version_option(__version__, prog_name="crawler")
def command() -> None:
    """Crawl websites politely; stdout is data, one JSON object per line."""


command.add_command(crawl)
command.add_command(extract)
command.add_command(explain)
command.add_command(diff)
command.add_command(state)
command.add_command(schema)
command.add_command(config)
command.add_command(completion)


def main() -> None:
    """Run the command, and leave without waiting for threads.

    A thread may be waiting for a dead name server or for a reader that stalls; what had to
    be written has been written.
    """
    _fill_standard_streams()
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)  # nothing to tell yet
    code = _run()
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except (OSError, ValueError):
            pass
    os._exit(code)


def _fill_standard_streams() -> None:
    """Put /dev/null where a standard stream is closed, lest a socket gets its number."""
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number: this one


def _run() -> int:
    join_flags()
    try:
        return int(command.main(prog_name="crawler", standalone_mode=False) or 0)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return Exit.USAGE
    except click.ClickException as error:
        where = getattr(error, "ctx", None)
        path = where.command_path if where is not None else "crawler"
        told = " ".join(map(str.strip, error.format_message().splitlines()))
        complain(f"{told} (see {path} --help)")
        return int(error.exit_code)
    except CrawlError as error:
        complain(str(error), getattr(error, "__notes__", ()))
        return error.exit
    except (click.Abort, KeyboardInterrupt):
        return Exit.INTERRUPTED
    except Exception:
        import traceback

        traceback.print_exc()
        complain("unexpected error, please report it")
        return Exit.SOFTWARE
