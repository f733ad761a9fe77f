"""The books of a state file: URLs in the order found, their verdicts, where they lead.

Everything is on disk; in memory are only what is out on loan, and the URLs met of late. So
memory does not grow with the crawl, and a page costs the same at a million URLs. The thread
of the state file runs all of this.
"""

import math
import time
from collections import Counter
from collections.abc import Callable, Sequence

import msgspec

from crawler.account import Mark, Past, Tally
from crawler.frontier import passes
from crawler.frontier.found import Found, Row
from crawler.frontier.loans import Loans, Out
from crawler.frontier.lore import Lore
from crawler.frontier.past import recall
from crawler.frontier.seen import Met, Seen
from crawler.frontier.state import State
from crawler.frontier.whole import stamp
from crawler.model import Gone, Holding, Lease, Link, Settled, Target, Verdict
from crawler.policy import urls
from crawler.ports import Ending

LONGEST_BLOCK, LONGEST_AGAIN = 3_600.0, 120.0
"""Seconds that a site, or a URL to be tried again, waits at most when a run begins."""

# The first mark is made before anything is written; one before it is of another file.
_MARK = """
    INSERT INTO output VALUES (?1, ?2, ?3, ?2, ?3, ?4) ON CONFLICT DO UPDATE SET
    bytes = ?2, crc = ?3, closed = ?4, bytes_before = min(bytes_before, ?2),
    crc_before = CASE WHEN ?2 < bytes_before THEN ?3 ELSE crc_before END
"""


class Ledger:
    """The books of one run; its verbs are those of the Frontier port.

    ``clock`` gives monotonic seconds. With ``by_level`` a site's URLs of one depth are lent
    only after all of the depth above have ended; ``deepest`` is the depth from which on links
    are not followed. No site known is lent before ``pause`` seconds, or its own delay, have
    passed. Pages fetched less than ``max_age`` seconds ago are lent as moot.
    """

    def __init__(
        self,
        state: State,
        clock: Callable[[], float],
        pause: float,
        *,
        by_level: bool,
        deepest: int | None = None,
        max_age: float | None = None,
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
        fresh = math.inf if max_age is None else self._now() - max_age
        self._lore = Lore(state, self._pass, deepest, fresh)
        levels = by_level or bool(self._pass.rolling)
        lore = self._lore if self._pass.number > 1 else None
        self._loans = Loans(state, self._now, lore, by_level=levels)
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
        self._pass = passes.latest(db)
        (self._last,) = db.execute("SELECT coalesce(max(id), 0) FROM url").fetchone()
        self._seen = Seen(db, merged)
        self._met = Met(db, self._pass.base, run)
        self.past = recall(db, run)

    def add(self, targets: Sequence[Target]) -> int:
        """Accept the targets not met before in this pass; return how many there were."""
        found = Found()
        with self._state.commit():
            self._seen.look_up(targets)
            for each in targets:
                number = self._seen.row(each.fp)
                if number is not None and number in self._met:
                    continue
                itself = each.seed == each.url
                seed, meta = (None, each.meta) if itself else (self._row_of(each.seed), None)
                level = each.depth if self._by_level else 0
                again = number is not None
                if number is None:
                    number = self._last = self._last + 1
                    self._seen.add(each.fp, number)
                row = (
                    number, self._loans.row(each.site), each.fp, each.url, self.past.run, level,
                    each.depth, each.hops, each.via, seed, meta,
                )  # fmt: skip
                if again:
                    self._met.add([number])
                    found.reopen(each.site, row)
                else:
                    found.new.append((*row, stamp(row)))
                    found.sites[each.site] += 1
            self._take_in(found)
            self._loans.tidy(set(found.sites))
        self._loans.look_round()
        return len(found.new) + len(found.again)

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
            found = self._follow(taken, now)
            self._take_in(found)
            self._write(taken, found.pages, marks, now)
            self._count(Counter(each.verdict for each, _ in taken))
            if unsure := sum(each.unsure for each, _ in taken):
                self._store(self._pass._replace(unsure=self._pass.unsure + unsure))
            ended = {each.lease.target.site: 0 for each, _ in taken}
            for each, _ in taken:
                if each.verdict is None:
                    loans.wake(each.lease.target.site, now + each.again)
                else:
                    ended[each.lease.target.site] += 1
            for name, many in ended.items():
                loans.shrink(name, many)
            loans.tidy(ended.keys() | found.sites.keys())
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

    def sweep(self) -> int:
        """Open the pages that nothing led to, if the pass has seen enough to say so."""
        this, many = self._pass, 0
        if not this.alike or this.unsure or this.rolling:
            return 0
        with self._state.commit():
            for pages in self._lore.unmet():
                found = Found()
                for site, *row in pages:
                    row[4] = this.number
                    found.reopen(site, tuple(row))
                self._met.add(row[0] for row in found.again)
                self._take_in(found, why=Gone.UNLINKED)
                self._loans.tidy(set(found.sites))
                many += len(found.again)
        self._loans.look_round()
        return many

    def unconfirmed(self) -> int:
        """Return how many known pages nothing has led to."""
        return self._lore.count_unmet() if self._pass.alike else 0

    def end(self, reason: Ending | None, marks: Sequence[Mark], unconfirmed: int = 0) -> None:
        """Commit marks, and why the pass has ended (None: it has not)."""
        with self._state.commit():
            self._mark(marks)
            if reason is not None:
                self._store(self._pass._replace(ended=reason, unconfirmed=unconfirmed))

    def _mark(self, marks: Sequence[Mark]) -> None:
        rows = [(mark.name, mark.offset, mark.crc, mark.closed) for mark in marks]
        self._state.db.executemany(_MARK, rows)

    def _store(self, this: passes.Pass) -> None:
        passes.store(self._state.db, this)
        self._pass = this

    def _follow(self, taken: Sequence[tuple[Settled, Out]], now: float) -> Found:
        """Return where URLs lead that have ended. The inner loop runs for every link of every
        page.
        """
        site_row = self._loans.row
        self._seen.look_up(link for settled, _ in taken for link in settled.found)
        found = Found()
        rows, sites = found.new, found.sites
        new, old = self._seen.new, self._seen.old
        last, run, known = self._last, self.past.run, self._pass.base > 0
        for settled, out in taken:
            parent = settled.lease.target
            hop = settled.hop
            links = []
            if settled.replay:
                led = self._lore.led(out.row, parent.depth)
                hop = hop or led.hop
            depth, hops = (parent.depth, parent.hops + 1) if hop else (parent.depth + 1, 0)
            level = depth if self._by_level else 0
            named = (run, level, depth, hops, out.row, out.row if out.seed is None else out.seed)
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
            if settled.replay:
                links = list(dict.fromkeys((*links, *led.rows)))
            if known and (unmet := self._met.missing(links)):
                self._meet(unmet, named, found)
            page = self._lore.note(settled, out.row, links, now)
            if page is not None:
                found.pages.append(page)
        self._last = last
        return found

    def _meet(self, numbers: Sequence[int], named: Row, found: Found) -> None:
        """Have URLs that passes before know open again, named by a page of this one."""
        self._met.add(numbers)
        for site, *row in self._state.db.execute(
            "SELECT site.name, url.id, url.site, fp, url FROM url JOIN site ON site.id = url.site "
            "WHERE url.id IN (SELECT value FROM json_each(?))",
            (msgspec.json.encode(numbers).decode(),),
        ):
            found.reopen(site, (*row, *named, None))

    def _take_in(self, found: Found, why: Gone | None = None) -> None:
        """Write new URLs down, and open others again."""
        many = len(found.new) + len(found.again)
        if not many:
            return
        db = self._state.db
        found.write(db, why)
        for name, each in found.sites.items():
            self._loans.grow(name, each, found.first.get(name))
        db.execute(
            "UPDATE pass SET discovered = discovered + ? WHERE number = ?", (many, self.past.run)
        )
        self._tally = msgspec.structs.replace(
            self._tally,
            discovered=self._tally.discovered + many,
            left=self._tally.left + many,
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
        self._lore.write([(each, out.row) for each, out in taken], pages)
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
        self._mark(marks)

    def _count(self, verdicts: Counter[Verdict | None]) -> None:
        """Add verdicts to the account of the pass."""
        counts = [verdicts[verdict] for verdict in Verdict]
        if not any(counts):
            return
        self._state.db.execute(
            "UPDATE pass SET fetched = fetched + ?, redirected = redirected + ?, "
            "failed = failed + ?, skipped = skipped + ?, gone = gone + ? WHERE number = ?",
            (*counts, self.past.run),
        )
        before = self._tally
        fetched, redirected, failed, skipped, gone = counts
        self._tally = msgspec.structs.replace(
            before,
            fetched=before.fetched + fetched,
            redirected=before.redirected + redirected,
            failed=before.failed + failed,
            skipped=before.skipped + skipped,
            gone=before.gone + gone,
            left=before.left - sum(counts),
        )

    def _row_of(self, url: str) -> int | None:
        """Return the row of a URL, or None if it is none of the crawl."""
        link = Link(url, urls.site(url), urls.fingerprint(url))
        self._seen.look_up([link])
        return self._seen.row(link.fp)
