"""A state file: SQLite, opened by one run at a time and used by one thread of its own.

What is checked when it is opened is checked through a connection that only reads, so that
a file that turns out to be damaged, or somebody else's, stays as it was.
"""

import asyncio
import contextlib
import os
import sqlite3
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import ParamSpec, Self, TypeVar
from urllib.parse import quote

from crawler.account import Mark
from crawler.errors import StateUnusable, WriteFailed, words
from crawler.frontier import passes
from crawler.frontier.asked import Asked
from crawler.frontier.lock import Lock
from crawler.frontier.passes import ALL, Goal
from crawler.frontier.whole import wrong

APPLICATION = 0x63726C77
"""PRAGMA application_id of our files: ``crlw``."""

FORMAT = 4
"""PRAGMA user_version of the files that this version writes."""

MAGIC = b"SQLite format 3\0"

ANOTHER = "another --state"
"""What to give instead of a file that is of no use to a crawl."""

FAULTS = (sqlite3.Error, UnicodeDecodeError)
"""What SQLite raises; the second where it quotes what is no text any more."""

P = ParamSpec("P")
T = TypeVar("T")

Ready = Callable[[Sequence[Mark]], Awaitable[None]]
"""What opens the outputs: called with how far each of those that a state owns is written."""


class State:
    """An open state file. Work is done by :meth:`run`, in turn, in the thread of the file.

    ``db`` is for that thread alone. After a failed commit everything raises that failure:
    what is in memory may be ahead of the file.
    """

    def __init__(self, path: str, lock: Lock) -> None:
        self.path = path
        self.db: sqlite3.Connection
        self.broken: Exception | None = None
        self._lock = lock
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="state")

    @classmethod
    async def open(
        cls,
        path: str,
        asked: Asked,
        ready: Ready,
        goal: Goal = ALL,
        *,
        fresh: bool = False,
        full: bool = False,
    ) -> Self:
        """Open or make the state at ``path``, for us alone.

        ``ready`` is told how far the outputs are written before anything is changed; what it
        raises leaves everything as it was. ``fresh`` forgets the crawl in the file: its
        outputs are then as they were before it. ``full`` makes commits outlast a power
        failure. Raises TryLater if it is in use, StateUnusable if it cannot be used,
        BadSetting if the pass that a run with this ``goal`` goes on with is another one than
        ``asked`` for.
        """
        path = real(path)
        recognise(path)
        state = cls(path, Lock.take(path))
        try:
            marks = await state.run(state._look, asked, goal, fresh)
            await ready(marks or ())
            if marks is None or fresh:
                await state.run(_make, path, asked, marks or ())
            await state.run(state._connect, asked, goal, full)
        except BaseException:
            await state.close()
            raise
        return state

    async def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Do ``work`` in the file's thread. Raises WriteFailed or StateUnusable."""
        return await asyncio.get_running_loop().run_in_executor(
            self._threads, lambda: self._guarded(lambda: work(*args, **kwargs))
        )

    @contextlib.contextmanager
    def commit(self) -> Iterator[None]:
        """Commit what is done inside, or nothing of it."""
        self.db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._lock.check()
            self.db.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                self.db.execute("ROLLBACK")
            raise

    async def close(self) -> None:
        """Close the file, after all work, and let go of it."""

        def close() -> None:
            if hasattr(self, "db"):
                with contextlib.suppress(sqlite3.Error):
                    self.db.close()

        await asyncio.get_running_loop().run_in_executor(self._threads, close)
        self._threads.shutdown(wait=False)
        self._lock.release()

    def _guarded(self, work: Callable[[], T]) -> T:
        if self.broken is not None:
            raise self.broken
        try:
            return work()
        except FAULTS as error:
            self.broken = unusable(self.path, error)
            raise self.broken from None
        except Exception as error:
            self.broken = error
            raise

    def _look(self, asked: Asked, goal: Goal, fresh: bool) -> list[Mark] | None:
        """Return how far outputs are written, or None where there is no state yet."""
        if _is_new(self.path):
            return None
        # Nobody else writes while we hold the lock: without a -wal the file is all there is.
        how = "mode=ro" if os.path.exists(f"{self.path}-wal") else "immutable=1"
        with contextlib.closing(read_only(self.path, how)) as reader:
            check(self.path, reader)
            if fresh:
                before = reader.execute("SELECT name, bytes_before, crc_before FROM output")
                marks = [Mark(*each) for each in before if asked.writes(each[0])]
                return [Mark(each.name, 0, 0) for each in marks] if asked.overwrites else marks
            begun = passes.discovered(reader)
            rows = reader.execute("SELECT name, bytes, crc, closed FROM output")
            marks = [Mark(*each) for each in rows]
            if not passes.goes_on(reader, goal):
                asked.spare(self.path, marks)
            elif begun:  # else this command counts
                asked.compare(self.path, _before(reader))
            return marks

    def _connect(self, asked: Asked, goal: Goal, full: bool) -> None:
        self.db = sqlite3.connect(Path(self.path).absolute(), isolation_level=None)
        # A checkpoint per 16 MB of changes; 8 MB of pages in memory (with 16 nothing is faster).
        self.db.executescript(
            f"PRAGMA journal_mode = WAL; PRAGMA synchronous = {'FULL' if full else 'NORMAL'};"
            "PRAGMA fullfsync = ON; PRAGMA wal_autocheckpoint = 4000; PRAGMA cache_size = -8000;"
        )
        with self.commit():
            before = _before(self.db)
            flags = asked.going_on(before) if passes.goes_on(self.db, goal) else asked.flags
            passes.take_up(
                self.db,
                goal,
                changed=not asked.reaches(before),
                reselected=not asked.selects(before),
            )
            self.db.executemany("INSERT OR REPLACE INTO asked VALUES (?, ?)", flags.items())


def _before(db: sqlite3.Connection) -> dict[str, str]:
    return dict(db.execute("SELECT name, value FROM asked"))


def real(path: str) -> str:
    """Return where a state is; SQLite keeps what belongs to it there, not beside a link."""
    return os.path.realpath(path) if os.path.islink(path) else path


def recognise(path: str, other: str = ANOTHER) -> None:
    """Raise StateUnusable if there is something at ``path`` that cannot be a state.

    ``other`` is what to give instead.
    """
    if _is_new(path, other):
        return
    try:
        with open(path, "rb") as file:
            head = file.read(len(MAGIC))
    except OSError as error:
        raise StateUnusable(f"cannot read {path}: {words(error)}; give {other}") from None
    if head != MAGIC:
        raise StateUnusable(f"{path} is not a crawler's state; give {other}")


def read_only(path: str, how: str) -> sqlite3.Connection:
    """Return a connection to look with: SQLite's ``mode=ro``, say. Raises StateUnusable."""
    name = quote(str(Path(path).absolute()))
    db = sqlite3.connect(f"file:{name}?{how}", uri=True, isolation_level=None)
    try:
        db.execute("SELECT count(*) FROM sqlite_master")
    except sqlite3.OperationalError:
        # Where nothing can be written beside it (a read-only disk) nobody else writes, either.
        db.close()
        with contextlib.suppress(FileNotFoundError):
            if os.path.getsize(f"{path}-wal"):  # the latest commits, which would be left out
                why = "cannot be read where nothing can be written: copy both to a folder of yours"
                raise StateUnusable(f"{path}-wal {why}") from None
        db = sqlite3.connect(f"file:{name}?immutable=1", uri=True, isolation_level=None)
    except FAULTS as error:
        db.close()
        raise unusable(path, error) from None
    return db


def identify(path: str, db: sqlite3.Connection, other: str = ANOTHER) -> None:
    """Raise StateUnusable unless ``db`` is a state of ours, in a format that we know."""
    try:
        _identify(path, db, other)
    except FAULTS as error:
        raise unusable(path, error) from None


def _identify(path: str, db: sqlite3.Connection, other: str) -> None:
    (application,) = db.execute("PRAGMA application_id").fetchone()
    (version,) = db.execute("PRAGMA user_version").fetchone()
    if application != APPLICATION:
        what = "empty" if _is_new(path) else "SQLite, but not a crawler's state"
        raise StateUnusable(f"{path} is {what}; give {other}")
    if version > FORMAT:
        raise StateUnusable(
            f"{path} was written by a newer crawler (format {version}); update this one, or give "
            f"{other}"
        )
    if version < FORMAT:
        raise StateUnusable(
            f"{path} was written by an older crawler (format {version}), and cannot be gone on "
            f"with: move it and its outputs away and start again, or give {other}"
        )


def check(path: str, db: sqlite3.Connection) -> None:
    """Raise StateUnusable unless ``db`` is a whole state of ours."""
    identify(path, db)
    if words := wrong(db):
        raise damaged(path, words)


def damaged(path: str, why: str) -> StateUnusable:
    """Return the error for a file whose content cannot be right."""
    why = " ".join(why.split())  # a line, whatever SQLite found to quote
    return StateUnusable(
        f"{path} is damaged ({why}): bring back a copy, or move it and its outputs away and "
        "start again"
    )


def unusable(path: str, error: sqlite3.Error | UnicodeDecodeError) -> Exception:
    """Return an error of SQLite's as one of ours, with the remedy; itself if it is a bug."""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
    words = str(error)
    if code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR):
        hint = (
            "free some space"
            if code == sqlite3.SQLITE_FULL
            else "free some space, or see to the disk,"
        )
        return WriteFailed(f"writing {path} failed: {words}; {hint} and run the same command again")
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM):
        return StateUnusable(f"cannot write {path}: {words}; choose another --state")
    # What it says of a text, or of a schema, that is not what was written.
    odd = isinstance(error, UnicodeDecodeError) or words.startswith(("Could not dec", "no such "))
    if odd or code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return damaged(path, words)
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return WriteFailed(f"{path} is locked by another program; close that, and run again")
    return error


def _is_new(path: str, other: str = ANOTHER) -> bool:
    """Whether there is no state at ``path`` yet, not even one that someone else wrote."""
    try:
        return os.path.getsize(path) == 0
    except FileNotFoundError:
        return True
    except OSError as error:
        raise StateUnusable(f"cannot read {path}: {words(error)}; give {other}") from None


def _make(path: str, asked: Asked, marks: Sequence[Mark]) -> None:
    """Put a new state at ``path``, whole or not at all; it owns the outputs of ``marks``."""
    new = f"{path}.new"
    try:
        Path(new).unlink(missing_ok=True)
        with contextlib.closing(sqlite3.connect(new, isolation_level=None)) as db:
            db.executescript(
                "PRAGMA page_size = 4096; BEGIN;"
                + Path(__file__).with_name("schema.sql").read_text()
                + f"PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {FORMAT};"
            )
            passes.store(db, passes.Pass(1, 0, 1, 1))
            db.executemany("INSERT INTO asked VALUES (?, ?)", asked.flags.items())
            db.executemany(
                "INSERT INTO output VALUES (?1, ?2, ?3, ?2, ?3, 0)",
                [(mark.name, mark.offset, mark.crc) for mark in marks],
            )
            db.execute("COMMIT")
        if not _is_new(path):  # whole without its -wal, in case we die before it is replaced
            with contextlib.closing(sqlite3.connect(Path(path).absolute())) as old:
                old.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        for leftover in (f"{path}-wal", f"{path}-shm"):
            Path(leftover).unlink(missing_ok=True)
        os.replace(new, path)
    except (OSError, sqlite3.OperationalError) as error:
        with contextlib.suppress(OSError):
            Path(new).unlink(missing_ok=True)
        words = (error.strerror or str(error)) if isinstance(error, OSError) else str(error)
        folder = Path(path).parent
        hint = "" if folder.is_dir() else f"; create the folder {folder} first"
        raise StateUnusable(f"cannot create {path}: {words.lower()}{hint}") from None
