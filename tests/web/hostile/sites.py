"""Each line of the table as a site of its own, on loopback."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.web.hostile import certificates
from tests.web.hostile.answers import give
from tests.web.hostile.rows import Row
from tests.web.server import Handler, Reply, Request, Web


@dataclass(frozen=True, slots=True)
class Site:
    """A behaviour that is being served: ``origin`` is where, ``port`` tells it in the log."""

    row: Row
    origin: str
    port: int

    def url(self, path: str) -> str:
        """Return the URL of a path of this site, or of another site if it is one."""
        return path if "://" in path else self.origin + path


def serve(web: Web, rows: Sequence[Row], folder: Path | None = None) -> list[Site]:
    """Serve each row; those with certificates need a ``folder`` that holds an authority."""
    return [_serve(web, row, folder) for row in rows]


def _serve(web: Web, row: Row, folder: Path | None) -> Site:
    context = None
    if row.tls is not None:
        assert folder is not None
        context = certificates.context(folder, row.tls)
    origin = web.serve(_handler(row), tls=context)
    port = int(origin.rpartition(":")[2])
    if row.host is not None:
        origin = f"http://{row.host}:{port}"
    return Site(row, origin, port)


def _handler(row: Row) -> Handler:
    async def handler(request: Request) -> Reply | None:
        path = request.path
        answer = row.answers.get(path)
        if answer is None and path != "/robots.txt":
            answer = row.answers.get("*")
        return Reply("none such", 404) if answer is None else await give(answer, request)

    return handler


def copies(rows: Sequence[Row], number: int, chance: random.Random) -> list[Row]:
    """Return so many rows, as evenly of each kind as can be, in random order."""
    chosen = [row for _ in range(number // len(rows)) for row in rows]
    chosen += chance.sample(list(rows), number % len(rows))
    chance.shuffle(chosen)
    return chosen
