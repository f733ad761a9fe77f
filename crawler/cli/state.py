"""``crawler state``."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import click

from crawler.cli.complaint import complain
from crawler.cli.units import Verb, files

if TYPE_CHECKING:
    from crawler.frontier.inquiry import Account, Answer, Inquiry

QUESTIONS = "passes | links out URL | links in URL | broken | redirects | orphans"


@click.command(cls=Verb, short_help="Look into a state file, also while a crawl is running.")
@click.argument("file", shell_complete=files)
@click.argument("question", nargs=-1, metavar=f"[{QUESTIONS}]")
@click.option("--sql", metavar="QUERY",
              help="Ask the file in SQL: tables url, site, page, link, pass, change, former, "
              "output, asked, seen; the README has their columns. It only looks.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line; without a "
              "question 'type' tells account, site and pass apart.")  # fmt: skip
def state(file: str, question: tuple[str, ...], sql: str | None, as_json: bool) -> int:
    """Show how far the crawl in a state FILE is, or answer a question about it.

    Without a question: the account of the pass, errors by class, a line a site, and one a pass.
    'passes' is that last table; 'links out URL' is what a page leads to, 'links in URL' what
    leads to it; 'broken' lists URLs that failed, or are gone by 404 or 410, with the pages that
    link to them, 'redirects' where redirects lead, 'orphans' pages that nothing links to.
    """
    if sql is not None and question:
        raise click.UsageError("ask with --sql or with words, not both")

    def lines(inquiry: "Inquiry") -> Iterator[str]:
        if not question and sql is None:
            return _overview(inquiry, as_json=as_json)
        answer = inquiry.sql(sql) if sql is not None else _ask(inquiry, question)
        return _lines(answer, as_json=as_json)

    return tell(file, lines)


def tell(file: str, lines: "Callable[[Inquiry], Iterator[str]]") -> int:
    """Print lines about the state in a file, and return the exit code."""
    from crawler.errors import CrawlError
    from crawler.frontier.inquiry import Inquiry

    try:
        with Inquiry(file) as inquiry:
            for line in lines(inquiry):
                click.echo(line)
    except BrokenPipeError:
        return 141
    except OSError as error:
        complain(f"writing the answer failed: {str(error.strerror).lower()}")
        return 74
    except CrawlError as error:
        complain(str(error))
        return int(error.exit)
    return 0


def _ask(inquiry: "Inquiry", question: tuple[str, ...]) -> "Answer":
    match question:
        case ("passes",):
            return inquiry.passes()
        case ("links", "out", url):
            return inquiry.links_out(url)
        case ("links", "in", url):
            return inquiry.links_in(url)
        case ("broken",):
            return inquiry.broken()
        case ("redirects",):
            return inquiry.redirects()
        case ("orphans",):
            return inquiry.orphans()
    raise click.UsageError(f"{' '.join(question)!r} is no question; ask {QUESTIONS}")


def _overview(inquiry: "Inquiry", *, as_json: bool) -> Iterator[str]:
    account = inquiry.account()
    if as_json:
        yield _json(_facts(account))
        yield from _objects(inquiry.sites(), type="site")
        yield from _objects(inquiry.passes(), type="pass")
        return
    yield from _account(inquiry.path, account)
    yield from _lines(inquiry.sites(), as_json=False)
    if account.run > 1:
        yield ""
        yield from _lines(inquiry.passes(), as_json=False)


def _facts(account: "Account") -> dict[str, Any]:
    from crawler.encoding import moment

    tally = account.tally
    return {
        "type": "account",
        "pass": account.run,
        "started": moment(account.started),
        "ended": account.ended,
        "discovered": tally.discovered,
        "fetched": tally.fetched,
        "redirected": tally.redirected,
        "failed": tally.failed,
        "skipped": tally.skipped,
        "gone": tally.gone,
        "left": tally.left,
        "errors": account.errors,
        "skips": account.skips,
        "asked": {name: value for name, value in account.asked.items() if value},
        "outputs": {mark.name: mark.offset for mark in account.outputs},
    }


_ENDED = {None: "not finished", "drained": "finished", "max_pages": "ended by --max-pages"}


def _account(path: str, account: "Account") -> Iterator[str]:
    from datetime import datetime

    from crawler.report import safe
    from crawler.report.summary import balance

    begun = datetime.fromtimestamp(account.started).astimezone().isoformat(" ", "minutes")
    unfinished = _ENDED[account.ended]
    yield safe(f"{path}: pass {account.run}, begun {begun}, {unfinished}")
    yield safe(f"from {account.asked.get('URL') or '--input'}")
    yield balance(account.tally, account.errors, account.skips)
    for mark in account.outputs:
        yield safe(f"written to {mark.name}: {mark.offset:,} bytes")
    yield ""


def _lines(answer: "Answer", *, as_json: bool) -> Iterator[str]:
    """Return rows as JSON objects, or as columns separated by tabs under their names."""
    if as_json:
        yield from _objects(answer)
        return
    from crawler.report import safe

    yield "\t".join(map(safe, answer.columns))
    for row in answer.rows:
        yield "\t".join(safe(_text(value)) for value in row)


def _objects(answer: "Answer", **head: str) -> Iterator[str]:
    for row in answer.rows:
        yield _json(head | dict(zip(answer.columns, map(_plain, row), strict=True)))


def _json(value: dict[str, Any]) -> str:
    from crawler.encoding import encode

    return encode(value).decode()


def _plain(value: Any) -> Any:
    return value.hex() if isinstance(value, bytes) else value


def _text(value: Any) -> str:
    return "" if value is None else str(_plain(value)).replace("\t", " ").replace("\n", " ")
