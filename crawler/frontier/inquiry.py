"""What people ask of a state file, also while a crawl is running: how far it is, what links
where, what is broken. It only reads.
"""

import os
import sqlite3
import struct
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any, NamedTuple, Self

from crawler.account import Mark, Tally
from crawler.errors import BadSetting, InputMissing
from crawler.frontier import trail, view
from crawler.frontier.changed import Changed, summed
from crawler.frontier.seen import pack, unpack
from crawler.frontier.state import (
    FAULTS,
    damaged,
    identify,
    read_only,
    real,
    recognise,
    unusable,
)
from crawler.frontier.trail import Begun, Trail
from crawler.frontier.whole import wrong
from crawler.policy import urls

Rows = Iterator[Sequence[Any]]

OTHER = "another FILE"
"""What to give instead of a file that nothing can be asked of."""

_ODD = (LookupError, TypeError, ValueError, OverflowError, struct.error)
"""What reading values raises that are not what was written, and what a bug raises."""


class Answer(NamedTuple):
    """A table: the names of its columns, and its rows as they come."""

    columns: Sequence[str]
    rows: Rows


class Account(NamedTuple):
    """How far a pass is: its number, its start (seconds since the epoch), why it ended (None: it
    has not), what it was begun from, its balance, and the counts of errors by class and of skips
    by reason.
    """

    run: int
    started: float
    ended: str | None
    asked: dict[str, str]
    tally: Tally
    errors: dict[str, int]
    skips: dict[str, int]
    outputs: list[Mark]


class Inquiry:
    """Questions to the state at ``path``. Raises InputMissing or StateUnusable.

    Rows that come as they are asked for are read before it is left.
    """

    def __init__(self, path: str) -> None:
        try:
            os.stat(path)
        except FileNotFoundError:
            raise InputMissing(f"there is no state {path}") from None
        except OSError:
            pass  # which is told below
        self.path = path = real(path)
        recognise(path, OTHER)
        # Not "ro": who opens it so, and is the last to close it, leaves -wal and -shm behind.
        self._db = read_only(path, "mode=rw")
        identify(path, self._db, OTHER)
        view.give(self._db)
        self._db.execute("BEGIN")  # one picture, whatever is committed meanwhile
        view.only_look(self._db)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        """Close it; what was raised of a file that is damaged is told as that."""
        try:
            if isinstance(error, FAULTS):
                raise unusable(self.path, error) from None
            if isinstance(error, _ODD):
                self._check()
        finally:
            self._db.close()

    def account(self) -> Account:
        """Return the account of the last pass."""
        run, started, ended, *counts = self._one(
            "SELECT number, started, ended, discovered, fetched, redirected, failed, skipped, gone "
            "FROM pass ORDER BY number DESC LIMIT 1"
        )
        left = counts[0] - sum(counts[1:])
        discovered, fetched, redirected, failed, skipped, gone = counts
        why = f"SELECT why, count(*) FROM url WHERE verdict = ? AND pass = {run} GROUP BY why"  # noqa: S608 - a number
        return Account(
            run,
            started,
            ended,
            dict(self._db.execute("SELECT name, value FROM asked")),
            Tally(discovered, fetched, redirected, failed, skipped, gone, left),
            dict(self._db.execute(why, ("error",))),
            dict(self._db.execute(why, ("skip",))),
            [Mark(*each) for each in self._db.execute("SELECT name, bytes, crc FROM output")],
        )

    def passes(self) -> Answer:
        """Return a row a pass: its account, its changes, and how it ended (null: it has not)."""
        return self.sql(
            "SELECT number AS pass, moment(started) AS started, ended, fetched AS "
            "pages, redirected AS redirects, failed AS errors, skipped, "
            "discovered - fetched - redirected - failed - skipped - gone AS 'left', "
            "(SELECT count(*) FROM change WHERE pass = number AND kind = 'new') AS new, "
            "(SELECT count(*) FROM change WHERE pass = number AND kind = 'changed') AS changed, "
            "gone, iif(ended IS NULL, NULL, unconfirmed) AS unconfirmed FROM pass ORDER BY number"
        )

    def changes(self, before: int | None = None, after: int | None = None) -> Iterator[Changed]:
        """Yield what was otherwise in pass ``after`` than in ``before``, in order of URLs.

        By default between the last pass and the one before it, if there is one. Raises
        BadSetting.
        """
        (last,) = self._one("SELECT max(number) FROM pass")
        if after is None and last == 1:
            return  # the first pass has nothing to be compared with
        after = last if after is None else after
        before = after - 1 if before is None else before
        if not 1 <= before < after <= last:
            there = "only one pass" if last == 1 else f"passes 1 to {last}"
            raise BadSetting(f"{self.path} has {there}: give an earlier pass and a later one")
        rows = self._db.execute(
            "SELECT url, kind, change.why, status_before, status_after, "
            "fields_before, fields_after FROM change JOIN url USING (id) "
            "WHERE change.pass > ? AND change.pass <= ? ORDER BY url, change.pass",
            (before, after),
        )
        for url, steps in groupby(rows, key=lambda row: row[0]):
            try:
                changed = summed(url, after, [step[1:] for step in steps])
            except ValueError:  # what was selected cannot be read
                raise damaged(self.path, "a change is not what it was") from None
            if changed is not None:
                yield changed

    def unfinished(self, run: int) -> bool:
        """Whether a pass has not ended yet."""
        (going_on,) = self._one(f"SELECT ended IS NULL FROM pass WHERE number = {run:d}")  # noqa: S608 - a number
        return bool(going_on)

    def sites(self) -> Answer:
        """Return a row a site: URLs by verdict, and its delay in seconds."""
        return self.sql(
            "SELECT site.name AS site, sum(verdict = 'page') AS pages, "
            "sum(verdict = 'redirect') AS redirects, sum(verdict = 'error') AS errors, "
            "sum(verdict = 'skip') AS skipped, sum(verdict = 'gone') AS gone, "
            "sum(verdict IS NULL) AS 'left', "
            "round(site.delay, 3) AS delay FROM url JOIN site ON site.id = url.site "
            "WHERE url.pass = (SELECT max(number) FROM pass) "
            "GROUP BY site.id ORDER BY count(*) DESC, site"
        )

    def links_out(self, url: str) -> Answer:
        """Return the URLs that a page leads to, in its order, and how they ended."""
        row = self._row(url)
        found = self._db.execute("SELECT links FROM page WHERE id = ?", (row,)).fetchone()
        return self._urls(unpack(found[0]) if found else ())

    def links_in(self, url: str) -> Answer:
        """Return the URLs that lead to one, and how they ended."""
        row = self._row(url)
        found = self._db.execute("SELECT id, links FROM page WHERE instr(links, ?)", (pack([row]),))
        return self._urls([page for page, links in found if row in unpack(links)])

    def begun(self) -> Begun:
        """Return what the last pass was begun from."""
        return trail.begun(self._db, self._last())

    def trail(self, url: str) -> Trail | None:
        """Return what is known of a canonical URL, or None if it is none of the crawl."""
        row = self._find(url)
        return None if row is None else trail.follow(self._db, row, self._last())

    def broken(self) -> Answer:
        """Return the URLs that failed, or are gone by 404 or 410, in the last pass.

        Each with one of the pages that link to it a row.
        """
        failed = {
            row: said
            for row, *said in self._db.execute(
                "SELECT id, url, iif(verdict = 'gone', verdict, why), status FROM url "
                "WHERE (verdict = 'error' OR verdict = 'gone' AND why = 'http') "
                "AND pass = (SELECT max(number) FROM pass) ORDER BY id"
            )
        }
        sources: dict[int, list[int]] = {row: [] for row in failed}
        for page, links in self._db.execute("SELECT id, links FROM page"):
            for row in failed.keys() & set(unpack(links)):
                sources[row].append(page)
        rows = (
            (*said, self._url(page) if page else None)
            for row, said in failed.items()
            for page in sources[row] or [0]
        )
        return Answer(("url", "error", "status", "linked_from"), rows)

    def redirects(self) -> Answer:
        """Return where redirects lead (null: out of the scope)."""
        rows = (
            (url, status, self._url(unpack(links)[0]) if links else None)
            for url, status, links in self._db.execute(
                "SELECT url, url.status, links FROM url LEFT JOIN page USING (id) "
                "WHERE url.verdict = 'redirect' ORDER BY url.id"
            )
        )
        return Answer(("url", "status", "location"), rows)

    def orphans(self) -> Answer:
        """Return the pages that nothing links to: seeds, and what only sitemaps name."""
        (last,) = self._one("SELECT coalesce(max(id), 0) FROM url")
        linked = bytearray(last + 1)
        for page, links in self._db.execute("SELECT id, links FROM page"):
            for row in unpack(links):
                linked[row] |= row != page
        rows = (
            (url, status)
            for row, url, status in self._db.execute(
                "SELECT id, url, status FROM url WHERE verdict = 'page' ORDER BY id"
            )
            if not linked[row]
        )
        return Answer(("url", "status"), rows)

    def sql(self, query: str) -> Answer:
        """Return what one SELECT says. Raises BadSetting if it cannot be run."""
        try:
            cursor = self._db.execute(query)
        except (sqlite3.Error, sqlite3.Warning) as error:
            raise self._of_sql(error) from None
        if cursor.description is None:
            raise BadSetting("--sql: that asks nothing; give a SELECT")
        return Answer([each[0] for each in cursor.description], self._safely(cursor))

    def _safely(self, rows: Rows) -> Rows:
        try:
            for row in rows:  # noqa: UP028 - "yield from" closes the cursor, even after the file
                yield row
        except sqlite3.Error as error:
            raise self._of_sql(error) from None

    def _of_sql(self, error: Exception) -> Exception:
        """Return what a query failed of: itself where the file is to blame, or BadSetting.

        Raises StateUnusable where a function of ours could not read what is in the file.
        """
        if view.is_of_the_file(error):
            return error
        if view.is_of_a_function(error):
            self._check()
        hint = " (it only looks: give a SELECT)" if view.is_denied(error) else ""
        return BadSetting(f"--sql: {error}{hint}")

    def _check(self) -> None:
        """Raise StateUnusable if something in the file is not what was written."""
        self._db.set_authorizer(None)
        try:
            why = wrong(self._db)
        except FAULTS as error:
            raise unusable(self.path, error) from None
        if why is not None:
            raise damaged(self.path, why) from None

    def _urls(self, rows: Sequence[int]) -> Answer:
        said = (
            each
            for row in rows
            for each in self._db.execute(
                "SELECT url, verdict, iif(verdict IS NULL, NULL, status) FROM url WHERE id = ?",
                (row,),
            )
        )
        return Answer(("url", "verdict", "status"), said)

    def _url(self, row: int) -> str | None:
        found = self._db.execute("SELECT url FROM url WHERE id = ?", (row,)).fetchone()
        return found[0] if found else None

    def _row(self, typed: str) -> int:
        try:
            url = urls.seed(typed).url
        except ValueError as error:
            raise BadSetting(str(error)) from None
        row = self._find(url)
        if row is None:
            raise BadSetting(f"{url} is not among the URLs of {self.path}")
        return row

    def _find(self, url: str) -> int | None:
        found = self._db.execute(
            "SELECT url.id FROM url JOIN site ON site.id = url.site "
            "WHERE site.name = ? AND url.fp = ? LIMIT 1",
            (urls.site(url), urls.fingerprint(url)),
        ).fetchone()
        return None if found is None else int(found[0])

    def _last(self) -> int:
        (last,) = self._one("SELECT max(number) FROM pass")
        return int(last)

    def _one(self, query: str) -> Any:
        return self._db.execute(query).fetchone()
