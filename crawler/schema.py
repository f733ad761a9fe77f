"""The JSON Schema of records, made from the very types that encode them.

Version 1 only ever grows: keys, classes and reasons may be added, none is removed or changes
its meaning. So a schema admits keys that it does not know, and readers should, too.
"""

from inspect import cleandoc
from typing import Any

import msgspec
from msgspec import UNSET

from crawler.explanation import Explanation
from crawler.progress import Progress
from crawler.record import Record, SummaryRecord

DIALECT = "https://json-schema.org/draft/2020-12/schema"

_GROWS = "Schema version 1 only ever grows: be ready for keys that are not described here."
_SEQ = {"type": "integer", "minimum": 1, "description": "Numbers the lines of a run."}


def kinds() -> dict[str, type[msgspec.Struct]]:
    """Return the types of records by the word in their ``type``."""
    types: list[type[msgspec.Struct]] = [*Record.__subclasses__(), SummaryRecord]
    return {_fields(each)["type"].default: each for each in types}


def explanation() -> dict[str, Any]:
    """Return the schema of what ``crawler explain --json`` prints."""
    return _alone(Explanation, "explanation")


def progress() -> dict[str, Any]:
    """Return the schema of what ``--progress json`` tells on stderr."""
    return _alone(Progress, "progress")


def _alone(kind: type[msgspec.Struct], word: str) -> dict[str, Any]:
    """Return the schema of an object that is no record; ``word`` is its ``type``."""
    (_,), definitions = msgspec.json.schema_components([kind])
    for each in definitions.values():
        each["description"] = cleandoc(each["description"])
        each["required"] = list(each["properties"])  # defaults are written as well
        for told in each["properties"].values():
            told.pop("default", None)
    whole = definitions.pop(kind.__name__)
    whole["properties"]["type"] = {"const": word}
    return {"$schema": DIALECT, **whole, "$defs": definitions}


def schema(name: str | None = None) -> dict[str, Any]:
    """Return the schema of a kind of record, or of a line of output, which is any of them.

    ``name`` is one of :func:`kinds`.
    """
    known = kinds()
    wanted = [known[name]] if name is not None else list(known.values())
    references, definitions = msgspec.json.schema_components(wanted)
    for definition in definitions.values():
        if "description" in definition:
            definition["description"] = cleandoc(definition["description"])
    for kind in wanted:
        _complete(definitions[kind.__name__], kind)
    if name is None:
        whole = {"title": "Record", "description": f"A line of output. {_GROWS}"}
        return {"$schema": DIALECT, **whole, "oneOf": list(references), "$defs": definitions}
    record = definitions.pop(known[name].__name__)
    record["description"] += f"\n\n{_GROWS}"
    return {"$schema": DIALECT, **record} | ({"$defs": definitions} if definitions else {})


def _complete(definition: dict[str, Any], kind: type[msgspec.Struct]) -> None:
    """Make a schema of what may be read into one of what is written.

    Defaults are written as well, but for those of keys that come with a flag. A summary
    is also told where lines have no number.
    """
    properties = definition["properties"]
    definition["required"] = []
    for field in _fields(kind).values():
        properties[field.encode_name].pop("default", None)
        if field.default is not UNSET:
            definition["required"].append(field.encode_name)
    properties["type"] = {"const": _fields(kind)["type"].default}
    properties["seq"] = _SEQ
    if kind is not SummaryRecord:
        definition["required"].append("seq")


def _fields(kind: type[msgspec.Struct]) -> dict[str, msgspec.structs.FieldInfo]:
    return {field.name: field for field in msgspec.structs.fields(kind)}
