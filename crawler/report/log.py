"""The log: one line a message on stderr, as text or as JSON."""

import json
import logging
from typing import Any, Literal

from crawler.encoding import moment
from crawler.report import safe
from crawler.report.progress import Progress


class _Text(logging.Formatter):
    """``crawler: message``; the level is said only where it is more than news."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one safe line, or more with a traceback."""
        level = "" if record.levelno < logging.WARNING else f"{record.levelname.lower()}: "
        message = record.getMessage().replace("\n", "\\n")
        lines = [f"crawler: {level}{message}"]
        lines += [f"    {line}" for note in _notes(record) for line in note.split("\n")]
        if record.exc_info:
            lines += self.formatException(record.exc_info).split("\n")
        return "\n".join(map(safe, lines))


class _Json(logging.Formatter):
    """One JSON object a line: ``at``, ``level``, ``message``, perhaps ``traceback``."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one line of JSON."""
        entry: dict[str, Any] = {
            "at": moment(record.created),
            "level": record.levelname.lower(),
            "message": record.getMessage(),
        }
        if notes := _notes(record):
            entry["notes"] = notes
        if record.exc_info:
            entry["traceback"] = self.formatException(record.exc_info)
        text = json.dumps(entry, ensure_ascii=True)  # what a terminal obeys is escaped
        return text.replace("\x7f", "\\u007f")


def _notes(record: logging.LogRecord) -> list[str]:
    """Return the further lines that a message was given as ``notes``."""
    return [str(note) for note in getattr(record, "notes", ())]


class _Handler(logging.Handler):
    """Writes to stderr, around the progress line if there is one."""

    def __init__(self, progress: Progress) -> None:
        super().__init__()
        self._progress = progress

    def emit(self, record: logging.LogRecord) -> None:
        """Write one message."""
        self._progress.around(self.format(record))


def set_up(level: int, style: Literal["text", "json"], progress: Progress) -> None:
    """Send the crawler's log, and other libraries' warnings, to stderr."""
    handler = _Handler(progress)
    handler.setFormatter(_Json() if style == "json" else _Text())
    logging.basicConfig(level=max(level, logging.WARNING), handlers=[handler], force=True)
    logging.getLogger("crawler").setLevel(level)
