"""``crawler crawl``."""

import gc
import os
from functools import partial
from typing import Any, get_args

import click

from crawler import settings as s
from crawler.choices import ScopeKind, SitemapUse
from crawler.cli.configured import Configured, blame, load
from crawler.cli.extracting import extracting
from crawler.cli.units import DURATION, NAMES, NUMBER, PARSERS, RATE, SIZE, Grouped
from crawler.errors import BadSetting, Exit

_defaults = s.Settings()
_seeds = partial(click.option, cls=Grouped, group="Seeds")
_scope = partial(click.option, cls=Grouped, group="Scope")
_speed = partial(click.option, cls=Grouped, group="Speed")
_wire = partial(click.option, cls=Grouped, group="Wire")
_output = partial(click.option, cls=Grouped, group="Output")
_state = partial(click.option, cls=Grouped, group="State")
_cron = partial(click.option, cls=Grouped, group="Cron")
_people = partial(click.option, cls=Grouped, group="People")
_many: dict[str, Any] = {"multiple": True, "default": ()}


@click.command(cls=Configured, short_help="Crawl from one or more URLs.")
@click.argument("seeds", nargs=-1, metavar="[URL]...", envvar="CRAWLER_SEEDS")
@_seeds("-i", "--input", metavar="FILE",
        help="Read seeds from FILE, or from stdin with '-': one URL per line, or "
        '{"url": …, "meta": …}; crawling starts before the input ends.')  # fmt: skip
@_scope("-d", "--depth", type=int, metavar="N",
        help="Follow links at most N deep; a site is then crawled level by level.")  # fmt: skip
@_scope("--scope", type=click.Choice(get_args(ScopeKind)),
        default=_defaults.scope, show_default=True,
        help="How far links may lead from the seeds: nowhere, their folder, their host and "
        "port, their registrable domain, anywhere.")  # fmt: skip
@_scope("-I", "--include", metavar="RE", **_many,
        help="Follow only links that match this regular expression (one of them).")  # fmt: skip
@_scope("-X", "--exclude", metavar="RE", **_many,
        help="Follow no link that matches this regular expression.")  # fmt: skip
@_scope("--drop-params", type=NAMES, metavar="utm_*,sid", default=(),
        help="Take these query parameters off every URL.")  # fmt: skip
@_scope("--nofollow", type=click.Choice(["obey", "ignore"]), default=_defaults.nofollow,
        show_default=True, help="What to do about rel=nofollow and robots nofollow.")  # fmt: skip
@_scope("--sitemap", type=click.Choice(get_args(SitemapUse)), default=_defaults.sitemap,
        show_default=True,
        help="Follow the sitemaps that robots.txt names as well as links (add), or instead of "
        "them (only; then also /sitemap.xml).")  # fmt: skip
@_scope("-n", "--max-pages", type=NUMBER, metavar="N", help="Stop after exactly N pages.")
@_scope("--max-time", type=DURATION, metavar="TIME",
        help="Stop after this time (and at most 10 s for what is in flight).")  # fmt: skip
@_scope("--max-size", type=SIZE, metavar="SIZE", default="10M", show_default=True,
        help="Cut bodies off here, decoded or not.")  # fmt: skip
@_scope("--max-queued", type=NUMBER, metavar="N",
        help="URLs that may wait in memory; further ones are skipped (default: 2M; with "
        "--state there is room for all).")  # fmt: skip
@_scope("--max-wait", type=DURATION, metavar="TIME", default="5m", show_default=True,
        help="Stop when nothing is due for longer than this.")  # fmt: skip
@_speed("-c", "--concurrency", type=int, metavar="N", default=_defaults.concurrency,
        show_default=True, help="Requests at once, over all hosts.")  # fmt: skip
@_speed("--per-host", type=int, metavar="N", default=_defaults.per_host, show_default=True,
        help="Requests at once to one host.")  # fmt: skip
@_speed("--rate", type=RATE, metavar="N/s", help="Start at most this many requests a host.")
@_speed("--delay", type=DURATION, metavar="TIME", default=0.0,
        help="Pause between requests to one host, one at a time; a longer Crawl-delay "
        "is kept in any case.")  # fmt: skip
@_speed("-t", "--timeout", type=DURATION, metavar="TIME", default="30s", show_default=True,
        help="Time for one request, from the name look-up to the last byte.")  # fmt: skip
@_speed("--connect-timeout", type=DURATION, metavar="TIME", default="10s", show_default=True,
        help="Time to look a name up, and time to connect.")  # fmt: skip
@_speed("--retries", type=int, metavar="N", default=_defaults.retries, show_default=True,
        help="Extra tries after no answer, half an answer, 429 and 5xx.")  # fmt: skip
@_speed(
    "--parsers",
    type=PARSERS,
    metavar="auto|N|0",
    default="auto",
    show_default=True,
    help="Child processes that parse (auto: one a core, at most 4; 0: none, and pages that "
    "could hurt are refused).",
)
@_wire("-A", "--user-agent", metavar="TEXT",
       help="User-Agent; its first word is the name robots.txt is read for "
       "(default: crawlway/VERSION).")  # fmt: skip
@_wire("-H", "--header", metavar="'NAME: VALUE'", masked_after=":", **_many,
       help="Send this header to the seeds' origins (Accept* and User-Agent: to all); "
       "'@https://host NAME: VALUE' sends it there instead.")  # fmt: skip
@_wire("-b", "--cookie", metavar="NAME=VALUE", masked_after="=", **_many,
       help="Send this cookie to the seeds' origins.")  # fmt: skip
@_wire("--cookie-jar", metavar="FILE",
       help="Keep the cookies that servers set, and send them back, from and to this file in "
       "the cookies.txt format (default: forget them).")  # fmt: skip
@_wire("--auth", metavar="USER:PASSWORD", masked_after=":",
       help="Log in at the seeds' origins, with basic authentication.")  # fmt: skip
@_wire("--digest", is_flag=True,
       help="Log in with digest authentication instead: passwords of --auth, --netrc and "
       "seeds answer challenges and are not sent.")  # fmt: skip
@_wire("--netrc", is_flag=True, help="Look passwords for the seeds up in ~/.netrc.")
@_wire("-x", "--proxy", metavar="URL|off",
       help="Send everything through this http, https or socks5 proxy "
       "(http://user:password@proxy:3128); off: not even through HTTP_PROXY and HTTPS_PROXY "
       "of the environment. A proxy looks names up itself, so only addresses that a URL "
       "spells out, and localhost, are refused as private; the rest is its affair.")  # fmt: skip
@_wire("-k", "--insecure", is_flag=True, help="Do not verify the certificates of the seeds' hosts.")
@_wire("--resolve", metavar="HOST:PORT:ADDR", **_many,
       help="Connect to ADDR for this host and port.")  # fmt: skip
@_wire("--ignore-robots", is_flag=True, help="Do not read robots.txt. For your own sites.")
@_wire("--allow-private", is_flag=True,
       help="Let links, redirects and seeds from --input lead to private "
       "addresses, too.")  # fmt: skip
@extracting
@_output("-o", "--output", metavar="FILE[:TYPES]", multiple=True, default=_defaults.output,
         help="Write records here instead of stdout ('-'); may be given several times. "
         "The suffix tells the format (.jsonl, .csv, .tsv, .urls), and a compression behind it "
         "(.gz, .zst). FILE:error,skip gets records of these types only.")  # fmt: skip
@_output("-f", "--format", type=click.Choice(["jsonl", "csv", "tsv", "urls"]),
         default=_defaults.format,
         help="Format where no suffix tells one: JSON lines (the default), "
         "tables, or URLs alone.")  # fmt: skip
@_output("--fields", type=NAMES, metavar="a,b.c", default=(),
         help="Write only these fields, 'error.class' for one within another; csv and tsv have "
         "them as columns, in this order.")  # fmt: skip
@_output("--rotate", type=SIZE, metavar="SIZE",
         help="Once a FILE.jsonl holds SIZE go on in FILE.0002.jsonl, and so on.")  # fmt: skip
@_output("--append", is_flag=True, help="Add to a FILE that holds data.")
@_output("--overwrite", is_flag=True,
         help="Empty a FILE that holds data first (with a state: before its first "
         "pass).")  # fmt: skip
@_output("--emit", type=NAMES, metavar="TYPES", default=None,
         help="Record types to write where FILE names none, of page,item,redirect,error,gone,"
         "skip,link,summary (default: page,redirect,error,gone; item in page's place where items "
         "are made).")  # fmt: skip
@_state("--state", metavar="FILE",
        help="Keep the crawl in FILE: after Ctrl-C, kill -9 or a crash the same command goes on "
        "where it was, and every record is in the output files exactly once. (A pipe may get "
        "records again.) When it has ended, the same command begins a new pass, which asks only "
        "for what has changed. -n counts over the runs of a pass.")  # fmt: skip
@_state("--only-changes", is_flag=True,
        help="Write no record of what is as it was on the pass before.")  # fmt: skip
@_state("--max-age", type=DURATION, metavar="TIME",
        help="Do not ask for pages again that were fetched less than this ago; with -n, those "
        "fetched longest ago go first.")  # fmt: skip
@_state("--fresh", is_flag=True,
        help="Forget the crawl in the state, take its records out of its output files, and start "
        "anew.")  # fmt: skip
@_state("--durability", type=click.Choice(["normal", "full"]), default=_defaults.durability,
        show_default=True,
        help="What the state outlasts: the death of the process, or a power failure as "
        "well.")  # fmt: skip
@_cron("--stats", metavar="FILE",
       help="Write the summary to FILE at the end, as a JSON object with the exit code; also "
       "after a failure or Ctrl-C.")  # fmt: skip
@_cron("--fail-on", metavar="RULE", **_many,
       help="Exit with 1 and say why if the crawl came to that: errors>1%, pages<100, gone>0, "
       "timeout>5, status>=500, status=404:10 (more than 10 of them), broken (any error, or gone "
       "by 404 or 410). "
       "May be given several times.")  # fmt: skip
@_cron(
    "--exit-on-change",
    is_flag=True,
    help="Exit with 1 if anything is new, changed or gone since the pass before.",
)
@_cron("--start-jitter", type=DURATION, metavar="TIME", default=0.0,
       help="Wait a random time up to this before the first request.")  # fmt: skip
@_people("-q", "--quiet", is_flag=True, help="Say nothing but errors.")
@_people("-v", "--verbose", is_flag=True, help="Report what fails, and sum up at the end.")
@_people("--progress", type=click.Choice(["auto", "bar", "json", "off"]),
         default=_defaults.progress, show_default=True,
         help="Live line on stderr (auto: if that is a terminal and records go to a file), or "
         "a JSON object a second.")  # fmt: skip
@_people("--log-format", type=click.Choice(["text", "json"]), default=_defaults.log_format,
         show_default=True, help="How to write messages on stderr.")  # fmt: skip
@_people("--loop", type=click.Choice(["auto", "asyncio", "uvloop"]), default=_defaults.loop,
         show_default=True, help="Event loop (auto: uvloop if installed).")  # fmt: skip
@_people("--debug", is_flag=True, help="asyncio's debug mode: slow callbacks are named.")
@_people("--config", metavar="FILE|off", is_eager=True, expose_value=False, callback=load,
         help="Read flags from this file (default: crawler.toml here, or "
         "~/.config/crawler/crawler.toml); off: from none. 'crawler config show' tells what "
         "holds.")  # fmt: skip
@click.pass_context
def crawl(ctx: click.Context, /, **_: Any) -> int:
    """Crawl from one or more URLs and write one JSON object per line to stdout.

    A URL may be typed short: 'example.com' is https, 'localhost:8000' is http. '-' reads
    URLs from stdin. Sites are visited politely: robots.txt is obeyed, with Crawl-delay and
    Retry-After, and a host gets 2 requests at once. Every flag may also stand in the
    environment (CRAWLER_MAX_PAGES=100) and in crawler.toml (max-pages = 100).
    """
    settings = make(ctx)
    if not settings.seeds and settings.input is None:
        raise click.UsageError("give a URL to start from, -i FILE, or - for stdin")
    gc.disable()  # until all is imported: to look for garbage in that takes 30 ms
    from crawler.parse.process import Started, how_many

    again = settings.state is not None and os.path.exists(settings.state)  # see app.join
    with Started(0 if again else how_many(settings.parsers)) as started:
        from crawler.session import run

        return run(settings, partial(blame, ctx), started)


def make(ctx: click.Context) -> s.Settings:
    """Return the settings that a command line, the environment and a file ask for.

    Raises UsageError, or Misconfigured if the command line is not to blame.
    """
    try:
        return s.Settings(**_flags(ctx))
    except ValueError as error:
        wrong = blame(ctx, BadSetting(str(error)))
        raise (click.UsageError(str(error)) if wrong.exit is Exit.USAGE else wrong) from None


def _flags(ctx: click.Context) -> dict[str, Any]:
    """Return the flags as settings; '-' among the seeds stands for an input."""
    known = s.Settings.__dataclass_fields__
    flags = {name: value for name, value in ctx.params.items() if name in known}
    if "-" in flags["seeds"]:
        if flags["input"] not in (None, "-"):
            raise ValueError("seeds come from '-' or from --input, not from both")
        flags["input"] = "-"
        flags["seeds"] = tuple(seed for seed in flags["seeds"] if seed != "-")
    return flags
