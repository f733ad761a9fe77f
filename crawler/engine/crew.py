"""The second stage: a fixed pool of workers, each fetching and reading one URL at a time.

An unexpected exception in here is that URL's error of class ``internal``, logged once;
the crawl goes on. A site's next visit is free from the last byte on, before the parsing.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from msgspec import structs

from crawler import record
from crawler.choices import SitemapUse
from crawler.engine.line import Done, Shared
from crawler.engine.permits import Permits
from crawler.engine.pulse import Pulse
from crawler.errors import CrawlError, StateUnusable
from crawler.model import (
    Change,
    Failed,
    Fault,
    Fetched,
    Gone,
    Lease,
    Line,
    Outcome,
    Page,
    Parsed,
    Refusal,
    Settled,
    Taken,
    Target,
    Verdict,
)
from crawler.policy import news, retry, robots, urls, verdict
from crawler.policy.retry import Retry
from crawler.policy.scope import Scope
from crawler.policy.site import Visit
from crawler.policy.urls import Canon
from crawler.policy.verdict import Hop
from crawler.ports import Fetcher, Parser
from crawler.selected import Selected, unpack

log = logging.getLogger(__name__)

LARGE_ROBOTS = 64 * 1024
"""From this size on a robots.txt is read in a thread (10,000 rules take 50 ms)."""


@dataclass(slots=True)
class Crew:
    """``size`` workers, of which at most as many as there are ``permits`` are on the wire."""

    shared: Shared
    fetcher: Fetcher
    parser: Parser
    retry: Retry
    scope: Scope
    canon: Canon
    permits: Permits
    pulse: Pulse
    size: int
    sitemap: SitemapUse
    turn_away: Callable[[Sequence[Target]], Awaitable[None]]

    async def run(self) -> None:
        """Work until ``todo`` ends, then close ``done``."""
        async with asyncio.TaskGroup() as group:
            for number in range(self.size):
                group.create_task(self._work(), name=f"worker {number}")
        await self.shared.done.close()

    async def _work(self) -> None:
        shared = self.shared
        async for visit in shared.todo:
            if shared.stop.asked.is_set():
                shared.bench.put_back(visit, _now())
                done = None
            else:
                done = await self._visit(visit)
            became_page = done is not None and done.settled.verdict is Verdict.FETCHED
            if visit.robots is None and not became_page:
                await shared.frontier.refund(1)
            if done is None:
                shared.in_hand -= 1
                shared.rouse()
            else:
                await shared.done.put(done)

    async def _visit(self, visit: Visit) -> Done | None:
        """Make a visit; return its end, or None when the lease is on the bench again."""
        outcome = await self._request(visit)
        if outcome is None:
            self.shared.bench.put_back(visit, _now())
            return None
        done = None
        try:
            if self._was_us(visit, outcome):
                self.shared.bench.repeat(visit, _now())
                return None
            if visit.robots is not None:
                return await self._hear(visit, outcome)
            done = await self._end(visit.lease, outcome)
        except CrawlError:
            raise  # no fault of the page's: the state cannot be written, say
        except (Exception, asyncio.CancelledError) as error:
            return self._failed(visit.lease, self._bug(visit.lease, error))
        else:
            return done
        finally:
            if isinstance(outcome, Fetched) and (done is None or done.held is None):
                self.fetcher.free(outcome)

    async def _request(self, visit: Visit) -> Outcome | None:
        """Fetch, with the bench told when the request starts and when it has ended.

        Returns None if the bench, asked once more, does not let it start.
        """
        shared = self.shared
        outcome = await self._fetch(visit)
        if outcome is None:
            return None
        pause = None
        if isinstance(outcome, Fetched):
            shared.stats.wire_bytes += outcome.wire_bytes
            shared.stats.bytes += len(outcome.body or b"")
            if retry.overloaded(outcome):
                pause = retry.retry_after(outcome.headers, time.time())
        telling = not self._was_us(visit, outcome)
        shared.bench.release(visit, outcome, _now(), pause, telling=telling)
        shared.rouse()
        return outcome

    def _was_us(self, visit: Visit, outcome: Outcome) -> bool:
        """Whether a failure is ours, not the server's: it costs no attempt.

        We stood still, or did not yet know how to ask.
        """
        if isinstance(outcome, Failed) and outcome.again:
            return True
        return retry.passing(outcome) and self.pulse.missed_since(visit.started)

    async def _fetch(self, visit: Visit) -> Outcome | None:
        shared = self.shared
        try:
            async with self.permits:
                if not shared.bench.start(visit, _now()):
                    return None
                if shared.bench.spaced:
                    shared.rouse()
                shared.stats.requests += 1
                if visit.robots is not None:
                    return await self.fetcher.fetch(visit.robots, robots.MAX_BYTES, whole=True)
                return await self.fetcher.fetch(visit.lease.target.url, known=visit.lease.known)
        except (Exception, asyncio.CancelledError) as error:
            return self._bug(visit.lease, error)

    async def _hear(self, visit: Visit, outcome: Outcome) -> Done | None:
        """Take in a robots.txt; return the lease's end if nothing can be asked of the site."""
        agent = self.shared.bench.agent or ""
        answer: robots.Rules | str | Failed
        try:
            if isinstance(outcome, Fetched) and len(outcome.body or b"") > LARGE_ROBOTS:
                answer = await asyncio.to_thread(robots.judge, outcome, agent, _now())
            else:
                answer = robots.judge(outcome, agent, _now())
        except Exception as error:
            answer = self._bug(visit.lease, error)
        if isinstance(answer, robots.Rules):
            await self._add_sitemaps(visit, answer)
        ended = self.shared.bench.heard(visit, answer, _now())
        if ended is None:
            return None
        failed, attempts = ended
        return self._failed(visit.lease, failed, attempts)

    async def _add_sitemaps(self, visit: Visit, rules: robots.Rules) -> None:
        """Add the sitemaps that a seed's robots.txt names, or the one that is usual."""
        target = visit.lease.target
        if self.sitemap == "off" or target.depth or visit.robots is None:
            return
        usual = [urls.origin(target.url) + "/sitemap.xml"] if self.sitemap == "only" else []
        links = [self.canon.link(visit.robots, each) for each in rules.sitemaps or usual]
        wanted = [link for link in links if link and self.scope.refuses(link.url) is None]
        added = await self.shared.frontier.add(
            [
                Target(link.url, link.site, link.fp, target.seed, visit.robots, meta=target.meta)
                for link in wanted
            ]
        )
        if added.turned_away:
            await self.turn_away(added.turned_away)
        self.shared.rouse(news=True)

    async def _end(self, lease: Lease, outcome: Outcome) -> Done:
        """Return what the outcome of a page's request comes to."""
        again = self.retry.after(outcome, lease.attempt)
        if again is not None:
            return Done(Settled(lease, None, again))
        if isinstance(outcome, Fetched) and news.unchanged(lease, outcome):
            return self._unchanged(lease, outcome)
        judged = verdict.judge(lease.target, outcome)
        if isinstance(judged, Fetched):
            before = news.before(lease)
            page = Page(lease.target, judged, lease.attempt + 1, time.time(), before)
            parsed = await self.parser.parse(page)
            if not isinstance(parsed, Failed):
                return self._read(lease, judged, parsed)
            judged = parsed
        if isinstance(judged, Failed):
            return self._failed(lease, judged)
        return self._redirected(lease, judged)

    def _read(self, lease: Lease, fetched: Fetched, parsed: Parsed) -> Done:
        """Return the end of a page; of half a one nothing is kept that it would be known by."""
        half = retry.unsure(fetched)
        whole = fetched.truncated is None
        settled = Settled(
            lease,
            Verdict.FETCHED,
            found=parsed.found,
            hop=parsed.hop,
            status=fetched.status,
            etag=fetched.headers.get("etag") if whole else None,
            modified=fetched.headers.get("last-modified") if whole else None,
            digest=None if half else parsed.digest,
            change=parsed.change,
            selected=None if half else parsed.selected,
            replay=half and lease.known is not None and bool(lease.known.page),
            unsure=not whole or Refusal.TOO_MANY in parsed.refused,
        )
        held = structs.replace(fetched, body=None) if fetched.large else None
        return Done(settled, parsed.lines, None, parsed.refused, parsed.taken, held)

    def _unchanged(self, lease: Lease, fetched: Fetched) -> Done:
        """Return the end of a page that is as it was, and leads where it led.

        What was selected of it stands in the records of this pass as well.
        """
        settled = Settled(
            lease,
            Verdict.FETCHED,
            status=fetched.status,
            etag=fetched.headers.get("etag"),
            modified=fetched.headers.get("last-modified"),
            change=Change.UNCHANGED,
            replay=True,
        )
        kept = _kept(lease)
        if self.shared.only_changes:
            return Done(settled, taken=Taken(looked=kept[1].looked) if kept else None)
        page = Page(lease.target, fetched, lease.attempt + 1, time.time())
        if kept is None:
            return Done(settled, (record.unchanged(page, self.shared.run, {}),))
        selected, taken = kept
        line = record.unchanged(page, self.shared.run, selected.keys())
        items = selected.lines(record.common(lease.target, self.shared.run, page.at))
        return Done(settled, (line, *items), taken=taken)

    def _redirected(self, lease: Lease, hop: Hop) -> Done:
        link = self.canon.of(hop.url)
        digest = news.digest_of_redirect(hop.status, link.url)
        as_it_was = news.before(lease) == digest
        line = record.redirect(lease.target, hop.status, link.url, self.shared.run, time.time())
        refusal = self.scope.redirected(lease.target, link.url)
        if refusal is None and lease.target.depth == 0 and self.scope.refuses(link.url):
            log.warning(
                "seed %s redirects to %s, outside the scope: only that page is fetched",
                lease.target.seed,
                link.url,
            )
        settled = Settled(
            lease,
            Verdict.REDIRECTED,
            found=() if refusal else (link,),
            hop=True,
            status=hop.status,
            digest=digest,
            change=Change.CHANGED if news.turned(lease, digest) else None,
        )
        lines = () if self.shared.only_changes and as_it_was else (line,)
        return Done(settled, lines, None, {refusal: 1} if refusal else {})

    def _failed(self, lease: Lease, failed: Failed, attempts: int | None = None) -> Done:
        run, at = self.shared.run, time.time()
        if news.gone(lease, failed):
            settled = Settled(lease, Verdict.GONE, status=failed.status, why=Gone.HTTP)
            line = record.gone(lease.target, Gone.HTTP, failed.status, run, at)
            return Done(settled, (line,), Gone.HTTP)
        tries = lease.attempt + 1 if attempts is None else attempts
        line = record.error(lease, failed, tries, run, at)
        settled = Settled(
            lease,
            Verdict.FAILED,
            status=failed.status,
            why=failed.fault,
            replay=lease.known is not None,
            unsure=retry.unsure(failed),
        )
        return Done(settled, self._told(settled, line), failed)

    def _told(self, settled: Settled, line: Line) -> Sequence[Line]:
        """Return the record, or none if only changes are wanted and this is as it was."""
        return () if self.shared.only_changes and news.same_end(settled) else (line,)

    def _bug(self, lease: Lease, error: BaseException) -> Failed:
        """Log an exception of ours, and return it as the URL's failure.

        A cancellation that someone asked for goes on; one that nobody asked for is a bug of
        whatever it came out of, like any exception.
        """
        task = asyncio.current_task()
        if isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling():
            raise error
        log.error("unexpected error at %s", lease.target.url, exc_info=error)
        self.shared.stats.bugs += 1
        return Failed(Fault.INTERNAL, f"{type(error).__name__}: {error}", lasting=True)


def _kept(lease: Lease) -> tuple[Selected, Taken] | None:
    """Return what was selected of a page on a pass before, and what came of that, if anything."""
    if lease.known is None or lease.known.selected is None:
        return None
    try:
        selected = unpack(lease.known.selected)
        return selected, selected.taken()
    except ValueError:
        raise StateUnusable(
            f"the state is damaged (what was selected of {lease.target.url} is not what it "
            "was): bring back a copy, or move it and its outputs away and start again"
        ) from None


def _now() -> float:
    return asyncio.get_running_loop().time()
