"""The books of a state file: URLs in the order found, their verdicts, where they lead.

Everything is on disk; in memory are only what is out on loan, and the URLs met of late. So
memory does not grow with the crawl, and a page costs the same at a million URLs. The thread
of the state file runs all of this.
"""

import math
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from crawler.frontier.loans import Loans, Out
from crawler.frontier.past import recall
from crawler.frontier.seen import Seen, pack
from crawler.frontier.state import State
from crawler.frontier.whole import stamp
from crawler.model import Holding, Lease, Link, Mark, Past, Settled, Tally, Target, Verdict
from crawler.policy import urls

Row = tuple[Any, ...]
"""Column values in the order of a statement."""

LONGEST_BLOCK, LONGEST_AGAIN = 3_600.0, 120.0
"""Seconds that a site, or a URL to be tried again, waits at most when a run begins."""

_COLUMNS = "id, site, fp, url, pass, level, depth, hops, via, seed, meta, stamp"
_VALUES = f"({', '.join('?' * (_COLUMNS.count(',') + 1))})"
_NEW_ROW = f"INSERT INTO url ({_COLUMNS}) VALUES {_VALUES}"  # noqa: S608 - names of ours

AT_ONCE = 50
"""Rows that one statement inserts: 1.1 µs a row against 1.9 one by one."""

_NEW_ROWS = _NEW_ROW + f", {_VALUES}" * (AT_ONCE - 1)


# The first mark is made before anything is written; one before it is of another file.
_MARK = """
    INSERT INTO output VALUES (?1, ?2, ?3, ?2, ?3, ?4) ON CONFLICT DO UPDATE SET
    bytes = ?2, crc = ?3, closed = ?4, bytes_before = min(bytes_before, ?2),
    crc_before = CASE WHEN ?2 < bytes_before THEN ?3 ELSE crc_before END
"""


class Ledger:
    """The books of one run; its verbs are those of the Frontier port.

    ``clock`` gives monotonic seconds. With ``by_level`` a site's URLs of one depth are lent
    only after all of the depth above have ended. No site known is lent before ``pause``
    seconds, or its own delay, have passed.
    """

    def __init__(
        self, state: State, clock: Callable[[], float], pause: float, *, by_level: bool
    ) -> None:
        self._state = state
        self._clock = clock
        # Fixed for the run, so that a clock that is set does not disturb it; to the millisecond,
        # so that sums of times are exact.
        self._since = round((time.time() - clock()) * 1024) / 1024
        self._by_level = by_level
        self._tally = Tally()
        self.past = Past()
        self.take_up(pause)
        self._loans = Loans(state, self._now, by_level=by_level)
        self._loans.look_round()

    @property
    def tally(self) -> Tally:
        """The account of the pass as of the last commit."""
        due = self._loans.due
        return msgspec.structs.replace(
            self._tally,
            due=None if due == math.inf else max(0.0, due - self._now()),
            waiting=self._loans.waiting,
        )

    def take_up(self, pause: float) -> None:
        """Take up the pass where it was left: nothing is held, and no site is due at once."""
        db, now = self._state.db, self._now()
        with self._state.commit():
            db.execute(
                "UPDATE site SET due = ?1 + max(min(due - ?1, ?3), delay, ?2)",
                (now, pause, LONGEST_BLOCK),
            )
            db.execute("UPDATE site SET next = CASE WHEN open THEN due END")
            db.execute("UPDATE url SET due = ?1 WHERE due > ?1", (now + LONGEST_AGAIN,))
        run, merged, discovered, fetched, redirected, failed, skipped, gone = db.execute(
            "SELECT number, merged, discovered, fetched, redirected, failed, skipped, gone "
            "FROM pass ORDER BY number DESC LIMIT 1"
        ).fetchone()
        left = discovered - fetched - redirected - failed - skipped - gone
        self._tally = Tally(discovered, fetched, redirected, failed, skipped, gone, left)
        (self._last,) = db.execute("SELECT coalesce(max(id), 0) FROM url").fetchone()
        self._seen = Seen(db, merged)
        self.past = recall(db, run)

    def add(self, targets: Sequence[Target]) -> int:
        """Accept the targets not seen before; return how many there were."""
        before, site_row = self._last, self._loans.row
        with self._state.commit():
            self._seen.look_up(targets)
            rows: list[Row] = []
            sites: Counter[str] = Counter()
            for each in targets:
                if self._seen.row(each.fp) is not None:
                    continue
                itself = each.seed == each.url
                seed, meta = (None, each.meta) if itself else (self._row_of(each.seed), None)
                level = each.depth if self._by_level else 0
                self._last += 1
                self._seen.add(each.fp, self._last)
                row = (
                    self._last, site_row(each.site), each.fp, each.url, self.past.run, level,
                    each.depth, each.hops, each.via, seed, meta,
                )  # fmt: skip
                rows.append((*row, stamp(row)))
                sites[each.site] += 1
            self._take_in(rows, sites)
            self._loans.tidy(set(sites))
        self._loans.look_round()
        return int(self._last - before)

    def claim(self, sites: int, per_site: int) -> list[Holding]:
        """Lend, up to so many sites and so many URLs of each in all."""
        with self._state.commit():
            holdings = self._loans.claim(sites, per_site)
        self._loans.look_round()
        return holdings

    def settle(self, batch: Sequence[Settled], marks: Sequence[Mark]) -> None:
        """Commit verdicts, children and marks; what is stale is passed over."""
        loans, now = self._loans, self._now()
        taken = [(each, out) for each in batch if (out := loans.take_home(each.lease))]
        with self._state.commit():
            rows, sites, pages = self._follow(taken)
            self._take_in(rows, sites)
            self._write(taken, pages, marks, now)
            self._count(Counter(each.verdict for each, _ in taken))
            ended = {each.lease.target.site: 0 for each, _ in taken}
            for each, _ in taken:
                if each.verdict is None:
                    loans.wake(each.lease.target.site, now + each.again)
                else:
                    ended[each.lease.target.site] += 1
            for name, many in ended.items():
                loans.shrink(name, many)
            loans.tidy(ended.keys() | sites.keys())
        if self._seen.full:
            with self._state.commit():
                self._seen.merge(self._last)
        self._seen.forget()
        loans.look_round()

    def give_back(self, leases: Sequence[Lease]) -> None:
        """Take leases back unused."""
        with self._state.commit():
            self._loans.give_back(leases)
        self._loans.look_round()

    def pace(self, paces: Sequence[tuple[str, float, float]]) -> None:
        """Remember delays, and when sites may next be lent."""
        with self._state.commit():
            self._loans.pace(paces)
        self._loans.look_round()

    def _now(self) -> float:
        return self._clock() + self._since

    def _follow(
        self, taken: Sequence[tuple[Settled, Out]]
    ) -> tuple[list[Row], Counter[str], list[Row]]:
        """Return rows for the URLs seen for the first time, how many a site has, and what
        pages say. The inner loop runs for every link of every page.
        """
        site_row = self._loans.row
        self._seen.look_up(link for settled, _ in taken for link in settled.found)
        rows: list[Row] = []
        pages: list[Row] = []
        sites: Counter[str] = Counter()
        new, old = self._seen.new, self._seen.old
        last, run = self._last, self.past.run
        for settled, out in taken:
            parent = settled.lease.target
            depth, hops = (parent.depth, parent.hops + 1) if settled.hop else (parent.depth + 1, 0)
            level = depth if self._by_level else 0
            named = (run, level, depth, hops, out.row, out.row if out.seed is None else out.seed)
            links = []
            for link in settled.found:
                fp = link.fp
                number = new.get(fp) or old.get(fp)
                if number is None:
                    number = last = last + 1
                    new[fp] = number
                    row = (number, site_row(link.site), fp, link.url, *named, None)
                    rows.append((*row, stamp(row)))
                    sites[link.site] += 1
                links.append(number)
            if links or settled.etag or settled.modified:
                pages.append((out.row, settled.etag, settled.modified, pack(links)))
        self._last = last
        return rows, sites, pages

    def _take_in(self, rows: Sequence[Row], sites: Counter[str]) -> None:
        """Write new URLs down, so many a site."""
        if not rows:
            return
        db = self._state.db
        whole = len(rows) - len(rows) % AT_ONCE
        for start in range(0, whole, AT_ONCE):
            db.execute(_NEW_ROWS, [value for row in rows[start : start + AT_ONCE] for value in row])
        db.executemany(_NEW_ROW, rows[whole:])
        for name, many in sites.items():
            self._loans.grow(name, many)
        db.execute(
            "UPDATE pass SET discovered = discovered + ? WHERE number = ?",
            (len(rows), self.past.run),
        )
        self._tally = msgspec.structs.replace(
            self._tally,
            discovered=self._tally.discovered + len(rows),
            left=self._tally.left + len(rows),
        )

    def _write(
        self,
        taken: Sequence[tuple[Settled, Out]],
        pages: Sequence[Row],
        marks: Sequence[Mark],
        now: float,
    ) -> None:
        """Write down how URLs ended or when they are due again, and how far outputs are."""
        db = self._state.db
        db.executemany("INSERT OR REPLACE INTO page VALUES (?, ?, ?, ?)", pages)
        db.executemany(
            "UPDATE url SET verdict = ?, status = ?, why = ?, due = NULL WHERE id = ?",
            [
                (each.verdict.value, each.status, each.why and each.why.value, out.row)
                for each, out in taken
                if each.verdict is not None
            ],
        )
        db.executemany(
            "UPDATE url SET attempt = ?, due = ? WHERE id = ?",
            [
                (each.lease.attempt + 1, now + each.again, out.row)
                for each, out in taken
                if each.verdict is None
            ],
        )
        db.executemany(_MARK, [(mark.name, mark.offset, mark.crc, mark.closed) for mark in marks])

    def _count(self, verdicts: Counter[Verdict | None]) -> None:
        """Add verdicts to the account of the pass."""
        counts = [verdicts[verdict] for verdict in Verdict]
        if not any(counts):
            return
        self._state.db.execute(
            "UPDATE pass SET fetched = fetched + ?, redirected = redirected + ?, "
            "failed = failed + ?, skipped = skipped + ? WHERE number = ?",
            (*counts, self.past.run),
        )
        before = self._tally
        fetched, redirected, failed, skipped = counts
        self._tally = msgspec.structs.replace(
            before,
            fetched=before.fetched + fetched,
            redirected=before.redirected + redirected,
            failed=before.failed + failed,
            skipped=before.skipped + skipped,
            left=before.left - sum(counts),
        )

    def _row_of(self, url: str) -> int | None:
        """Return the row of a URL, or None if it is none of the crawl."""
        link = Link(url, urls.site(url), urls.fingerprint(url))
        self._seen.look_up([link])
        return self._seen.row(link.fp)
