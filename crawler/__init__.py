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
    app                       the one place where rooms are joined
    engine                    the only room with concurrency
    seeds fetch parse frontier sink report    the outer world, one room each
    policy ports settings     pure decisions; what the engine asks of those rooms
    record                    what is written
    model errors              the values that travel
"""

__version__ = "0.1.0"
