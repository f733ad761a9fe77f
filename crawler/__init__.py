"""crawler: a polite, fast web crawler for the terminal, cron and pipes.

The crawl is a line, not a circle::

    seeds ─► FRONTIER ─claim─► dispatch ─[todo]─► workers ─[done]─► settle ─► SINK
                ▲                                                     │
                └───────────── verdicts + children, one commit ───────┘

Discovered links go back only through the frontier's store, never into the
bounded queue that the workers drain, so no page can wait for itself.

The rooms, from the door inwards; each imports only rooms below it, and
``import-linter`` checks that in every test run::

    cli                       words and exit codes
    session, api, saved       a run of the command; one from Python; pages from files
    explained                 why one URL is, or is not, in a crawl
    app, ending               the one place where rooms are joined; what a run came to
    meaning                   what of the settings a state remembers a crawl by
    checked                   settings that were looked at closely
    engine                    the only room with concurrency
    seeds fetch parse frontier sink report    the outer world, one room each
    policy ports settings     pure decisions; what the engine asks of those rooms
    schema selected           what is written, for machines; what is kept of pages
    explanation progress      each decision about one URL, and how far a crawl is, as they are told
    paths                     paths into records
    record recipe destination what is written; what is taken out of pages; where it goes
    account                   how a crawl stands, and what is remembered of its pass
    measures                  times, sizes and rates as people type them
    model errors encoding     the values that travel; why a crawl stops; records as bytes
    atomic heap version       files written whole or not at all; memory; a number
    choices                   what several rooms let people choose between
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from crawler.api import Crawl, crawl
    from crawler.parse.document import Document

from crawler.version import __version__

__all__ = ["Crawl", "Document", "__version__", "crawl"]


def __getattr__(name: str) -> object:
    """Import the Python API when it is first asked for; ``--help`` must not wait for it."""
    if name in ("Crawl", "crawl"):
        from crawler import api

        return getattr(api, name)
    if name == "Document":
        from crawler.parse import document

        return document.Document
    raise AttributeError(name)
