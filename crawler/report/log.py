"""The log: one line a message on stderr, as text or as JSON."""

import logging
from typing import Literal

import msgspec

from crawler.record import moment
from crawler.report import safe
from crawler.report.progress import Progress


class _Text(logging.Formatter):
    """``crawler: message``; the level is said only where it is more than news."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one safe line, or more with a traceback."""
        level = "" if record.levelno < logging.WARNING else f"{record.levelname.lower()}: "
        text = f"crawler: {level}{record.getMessage()}"
        if record.exc_info:
            text += "\n" + self.formatException(record.exc_info)
        return "\n".join(safe(line) for line in text.split("\n"))


class _Json(logging.Formatter):
    """One JSON object a line: ``at``, ``level``, ``message``, perhaps ``traceback``."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one line of JSON."""
        entry = {
            "at": moment(record.created),
            "level": record.levelname.lower(),
            "message": record.getMessage(),
        }
        if record.exc_info:
            entry["traceback"] = self.formatException(record.exc_info)
        return safe(msgspec.json.encode(entry).decode())


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
