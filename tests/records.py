"""Reads records as their schema has them: what does not fit is a failure where it is read.

The schema itself lets keys pass that it does not know; here they are none of ours.
"""

import json
from collections.abc import Iterable
from functools import cache
from typing import Any

import jsonschema_rs

from crawler.schema import schema
from crawler.settings import RECORD_TYPES


def read(lines: str | Iterable[str | bytes]) -> list[dict[str, Any]]:
    """Return the records of lines, each checked."""
    each = lines.splitlines() if isinstance(lines, str) else lines
    return [checked(json.loads(line, parse_constant=_refuse)) for line in each]


def checked(record: dict[str, Any]) -> dict[str, Any]:
    """Return a record that is what the schema says. Raises AssertionError."""
    found = wrong(record)
    assert not found, f"{found}: {json.dumps(record)[:2_000]}"
    return record


def wrong(record: dict[str, Any]) -> str:
    """Return what is wrong with a record, or an empty string."""
    if record.get("type") not in RECORD_TYPES:
        return f"a record of type {record.get('type')!r}"
    validator = _validator(record["type"])
    if validator.is_valid(record):  # ten times as fast
        return ""
    return "; ".join(
        f"{'.'.join(map(str, error.instance_path))}: {error.message[:200]}"
        for error in validator.iter_errors(record)
    )


@cache
def _validator(name: str) -> Any:
    document = schema(name)
    for definition in (document, *document.get("$defs", {}).values()):
        definition["additionalProperties"] = False
    return jsonschema_rs.validator_for(document, validate_formats=True)


def _refuse(name: str) -> None:
    raise AssertionError(f"{name} is no JSON")
