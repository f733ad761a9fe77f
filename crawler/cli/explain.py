"""``crawler explain``."""

import logging
from collections.abc import Iterator
from copy import copy
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from crawler import settings as s
from crawler.cli.complaint import complain
from crawler.cli.configured import Configured, blame
from crawler.cli.crawl import crawl, make
from crawler.errors import BadSetting, CrawlError, Exit

if TYPE_CHECKING:
    from crawler.explanation import Explanation
    from crawler.report.stderr import Stderr

USED = {
    "seeds", "input", "depth", "scope", "include", "exclude", "drop_params", "nofollow", "sitemap",
    "max_pages", "max_time", "max_size", "max_wait", "max_age", "delay", "timeout",
    "connect_timeout", "retries", "parsers", "user_agent", "header", "cookie", "cookie_jar", "auth",
    "digest", "netrc", "proxy", "insecure", "resolve", "ignore_robots", "allow_private", "recipe",
    "text", "state",
}  # fmt: skip
"""The settings that a URL's way depends on. Others may stand in a file and change nothing."""


class _Explain(Configured):
    """Has the flags of ``crawl``: those that change nothing here may stand in a file."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse; a flag that would do nothing is refused where it is typed."""
        rest = super().parse_args(ctx, args)
        for param in self.params:
            if getattr(param, "hidden", False) and _typed(ctx, param.name):
                raise click.UsageError(
                    f"{param.opts[-1]} is for crawl: it changes nothing here", ctx
                )
        return rest

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the exit codes, those of ``crawl`` that it may end with."""
        explained = ("0", "it could be explained, whatever comes of the URL")
        others = (Exit.USAGE, Exit.NO_SEED, Exit.NO_INPUT, Exit.CANNOT_CREATE, Exit.CONFIG)
        with formatter.section("Exit codes"):
            formatter.write_dl([explained, *((str(int(code)), code.meaning) for code in others)])


def _typed(ctx: click.Context, name: str) -> bool:
    return ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE


def _flags() -> list[click.Parameter]:
    """Return the options of ``crawl``, those hidden that are of no use here."""
    flags = [copy(param) for param in crawl.params if isinstance(param, click.Option)]
    for param in flags:
        param.hidden = param.expose_value and param.name not in USED
    return list(flags)


@click.command(
    cls=_Explain,
    params=[
        click.Argument(["url"], metavar="URL"),
        click.Argument(["seeds"], nargs=-1, metavar="[SEED]...", envvar="CRAWLER_SEEDS"),
        *_flags(),
    ],
    short_help="Tell why a URL is, or is not, in a crawl.",
)
@click.option("--offline", is_flag=True, allow_from_autoenv=False, help="Ask no one anything.")
@click.option("--json", "as_json", is_flag=True, allow_from_autoenv=False,
              help="One JSON object, see 'crawler schema explanation'.")  # fmt: skip
@click.pass_context
def explain(ctx: click.Context, /, *, url: str, offline: bool, as_json: bool, **_: Any) -> int:
    """Tell why URL is, or is not, in a crawl from SEEDs: each decision, in their order.

    Its canonical form, scope, --include and --exclude, --depth, traps, limits, robots.txt with
    the line that decides, each request and redirect, and what comes of it. Without SEEDs URL is
    taken for one. robots.txt and then the page are asked for as a crawl would, one request at a
    time; a pause of more than 10 s (or a --max-wait that is typed) ends that.

    With --state FILE it is about the crawl in FILE, with the seeds and flags that it was begun
    with, and what FILE knows of URL is told as well. A flag typed beside it holds instead: so
    one sees what it would change. Nothing is written.
    """
    wanted = asdict(make(ctx))
    given = [name for name in USED if _typed(ctx, name)]
    settings = s.Settings(**{name: value for name, value in wanted.items() if name in USED})
    import asyncio

    from crawler.explained.decisions import explain as explained
    from crawler.report.stderr import Stderr

    stderr = Stderr()
    _log_to(stderr)
    try:
        told = asyncio.run(explained(settings, url, given, offline=offline))
        for line in _json(told) if as_json else _text(told):
            click.echo(line)
    except BrokenPipeError:
        return Exit.READER_CLOSED
    except OSError as error:
        complain(f"writing failed: {(error.strerror or str(error)).lower()}")
        return Exit.IO_ERROR
    except CrawlError as error:
        raise (blame(ctx, error) if isinstance(error, BadSetting) else error) from None
    finally:
        stderr.flush()
    return Exit.OK


def _log_to(stderr: "Stderr") -> None:
    """Have bugs of ours told on stderr, and warnings about seeds; all else is in the answer."""
    from crawler.report import log
    from crawler.report.progress import Progress

    log.set_up(logging.ERROR, "text", Progress(stderr, None))
    logging.getLogger("crawler.seeds").setLevel(logging.WARNING)


def _json(told: "Explanation") -> Iterator[str]:
    from crawler.encoding import encode

    yield encode(told).decode()


def _text(told: "Explanation") -> Iterator[str]:
    from crawler.report import explanation

    return explanation.lines(told)
