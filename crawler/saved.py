"""Pages that are saved in files: what a crawl would take out of them, without one."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from crawler.checked import PRODUCT, need_markdown
from crawler.errors import BadSetting, InputMissing, words
from crawler.model import Failed, Fetched, Page, Target
from crawler.parse.page import Reader
from crawler.parse.reading import Reading
from crawler.parse.selection import selection
from crawler.policy import urls
from crawler.settings import Settings

STDIN = "-"

MADE = frozenset(("page", "item", "link"))
"""The types of records that a page in a file may have."""

_OF_A_CRAWL = {
    "v", "pass", "at", "depth", "via", "seed", "meta", "status", "content_type", "bytes",
    "wire_bytes", "elapsed_ms", "attempts", "truncated",
}  # fmt: skip
"""What records say of a crawl, and saved pages cannot."""


@dataclass(frozen=True, slots=True)
class Contents:
    """The records of a saved page, without what only a crawl knows, and its field errors."""

    records: list[dict[str, Any]]
    errors: Mapping[str, str]


class Saved:
    """Reads saved pages as a crawl with ``settings`` reads pages from ``url``.

    Without ``url`` a page is at its ``file:`` URL, which nothing relative can be resolved
    against. Raises BadSetting, Misconfigured or InputMissing.
    """

    def __init__(self, settings: Settings, url: str | None = None) -> None:
        if settings.markdown:
            need_markdown()
        chosen = selection(settings)
        self._emit = frozenset(chosen.emit if settings.emit is None else settings.emit)
        if settings.emit is not None and (others := self._emit - MADE):
            told = ",".join(sorted(others))
            raise BadSetting(f"--emit {told}: of saved pages come page, item and link records")
        try:
            self._url = None if url is None else urls.seed(url).url
        except ValueError as error:
            raise BadSetting(f"--url: {error}") from None
        reading = Reading(
            PRODUCT,
            scope="any",
            content=settings.content,
            max_size=settings.max_size,
            links="link" in self._emit,
            recipe=chosen.recipe,
            extract=chosen.extract,
        )
        self._reader = Reader(reading, reading.make_scope(), guarded=True)

    def read(self, name: str) -> Contents:
        """Return what is in a file, ``-`` for stdin. Raises InputMissing if it cannot be read."""
        path = Path("/dev/stdin" if name == STDIN else name)
        try:
            body = path.read_bytes()
        except OSError as error:
            raise InputMissing(f"cannot read {name}: {words(error)}") from None
        url = self._url or path.absolute().as_uri()
        fetched = Fetched(url, 200, {"content-type": "text/html"}, body, len(body), 0.0)
        parsed = self._reader.read(Page(Target(url, "", 0, url), fetched, 1, time.time()))
        if isinstance(parsed, Failed):
            raise InputMissing(f"cannot read {name}: {parsed.message}")
        records = [
            {"file": name, **_contents(line.data)}
            for line in parsed.lines
            if line.type in self._emit
        ]
        return Contents(records, {} if parsed.taken is None else parsed.taken.errors)


def _contents(data: bytes) -> dict[str, Any]:
    record = msgspec.json.decode(data, type=dict[str, Any])
    return {key: value for key, value in record.items() if key not in _OF_A_CRAWL}
