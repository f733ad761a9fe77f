"""How a URL should end: the words of the table."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class End:
    """A record's ``type``, some of its fields, and how often its URL is asked for.

    ``says`` are fields of the record; ``class`` and ``message`` (a part of it) are those of
    an error. With ``tries`` None any number of requests will do.
    """

    type: str
    says: Mapping[str, Any] = field(default_factory=dict)
    tries: int | None = 1

    def differs(self, record: dict[str, Any]) -> str | None:
        """Return what is wrong with a record, or None."""
        error: dict[str, Any] = record.get("error") or {}
        if record["type"] != self.type:
            return f"a record of type {record['type']}, not {self.type} {error.get('message', '')}"
        for name, value in self.says.items():
            if name == "message":
                right = value in error["message"]
            else:
                right = (error if name == "class" else record)[name] == value
            if not right:
                return f"{name} is {(record | error).get(name)!r}, not {value!r}"
        return None


def page(tries: int = 1, truncated: str | None = None, **says: Any) -> End:
    """A page, whole unless ``truncated``."""
    return End("page", {"truncated": truncated, **says}, tries)


def partial(truncated: str, **says: Any) -> End:
    """A page that is not whole, though it was asked for twice."""
    return page(2, truncated, **says)


def redirect(location: str, tries: int = 1) -> End:
    """A redirect to this path of the same site, or to this URL."""
    return End("redirect", {"location": location}, tries)


def error(fault: str, tries: int | None = 1, **says: Any) -> End:
    """An error of this class."""
    return End("error", {"class": fault, **says}, tries)


def skip(reason: str, **says: Any) -> End:
    """A URL that is never asked for."""
    return End("skip", {"reason": reason, **says}, 0)
