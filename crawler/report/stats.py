"""``--stats``: the summary in a file, for what watches over crawls."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from crawler import atomic
from crawler.encoding import encode, moment
from crawler.record import SummaryRecord


def store(
    path: str, code: int, error: str | None, findings: Sequence[str], summary: SummaryRecord | None
) -> None:
    """Write one JSON object: the summary's fields, and ``exit``, ``error``, ``findings``.

    Where the run failed before the crawl began there are no counts. Raises OSError.
    """
    facts: dict[str, Any] = {"v": 1, "type": "summary", "at": moment(time.time())}
    facts |= {"end_reason": "failed"} if summary is None else msgspec.to_builtins(summary)
    facts |= {"exit": int(code), "error": error, "findings": list(findings)}
    atomic.write(Path(path), encode(facts) + b"\n")
