"""What a state looks like to who asks in SQL: its tables, the view ``link``, and functions.

``row_numbers`` reads the links of a page, ``as_text`` what is selected of it, and ``moment``
spells seconds since 1970 as records do. Nothing can be changed.
"""

import sqlite3

import msgspec

from crawler.encoding import moment
from crawler.frontier.seen import unpack
from crawler.selected import text

_LINK = """
    CREATE TEMP VIEW link AS SELECT source.url AS source, target.url AS target
    FROM page JOIN url source ON source.id = page.id, json_each(row_numbers(page.links)) each
    JOIN url target ON target.id = each.value
"""

_LOOKING = {
    sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE
}  # fmt: skip

_OF_THE_FILE = {
    sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY,
}  # fmt: skip


def give(db: sqlite3.Connection) -> None:
    """Give a connection the view and the functions."""
    db.create_function("row_numbers", 1, _as_json, deterministic=True)
    db.create_function("as_text", 1, _as_text, deterministic=True)
    db.create_function("moment", 1, moment, deterministic=True)
    db.execute(_LINK)


def only_look(db: sqlite3.Connection) -> None:
    """Refuse whatever changes something, from now on."""
    db.set_authorizer(
        lambda action, *_: sqlite3.SQLITE_OK if action in _LOOKING else sqlite3.SQLITE_DENY
    )


def is_of_the_file(error: Exception) -> bool:
    """Whether the file is to blame for an error, whatever was asked of it."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in _OF_THE_FILE


def is_denied(error: Exception) -> bool:
    """Whether a statement would have changed something."""
    return "not authorized" in str(error)  # not always with the code for it


def is_of_a_function(error: Exception) -> bool:
    """Whether a function of ours could not read what it was given."""
    return "user-defined function" in str(error)


def _as_text(selected: bytes | None) -> str | None:
    return None if selected is None else text(selected).decode()


def _as_json(links: bytes | None) -> str:
    return msgspec.json.encode(unpack(links or b"")).decode()
