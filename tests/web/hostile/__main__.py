"""Serves every behaviour and prints where its index is: ``python -m tests.web.hostile``."""

import contextlib
import signal
import sys
import tempfile
from html import escape
from pathlib import Path

from tests.web.hostile import certificates
from tests.web.hostile.rows import CALENDAR, LEFT, ROWS
from tests.web.hostile.sites import Site, serve
from tests.web.server import Reply, Request, Web


def index(sites: list[Site]) -> str:
    """Return a page that links to each behaviour and says how it should end."""
    lines = [
        f'<li value="{site.row.number}"><a href="{site.origin}/">{escape(site.row.name)}</a>'
        f" {_end(site)}"
        for site in sites
    ]
    return f"<!doctype html><title>A hostile web</title><ol>{''.join(lines)}</ol>"


def _end(site: Site) -> str:
    end = site.row.ends.get("/")
    return "no end" if end is None else f"{end.type} {escape(str(dict(end.says)))}"


def main() -> None:
    """Serve until interrupted."""
    with Web() as web, tempfile.TemporaryDirectory() as name:
        authority = certificates.authority(Path(name))
        sites = serve(web, [*ROWS, LEFT, CALENDAR], Path(name))
        page = index(sites)

        async def handler(request: Request) -> Reply:
            return Reply(page) if request.path == "/" else Reply("none such", 404)

        port = int(sys.argv[1]) if sys.argv[1:] else 0
        print(f"{len(sites)} sites, told at {web.serve(handler, port=port)}/ (Ctrl-C ends them)")
        print(f"they trust {authority}: SSL_CERT_FILE={authority}", flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            signal.pause()


if __name__ == "__main__":
    main()
