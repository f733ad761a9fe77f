"""When may a site be visited next? One ``Pace`` per site; all times monotonic seconds.

With a delay (the largest of ``--delay``, Crawl-delay and back-off) a site has one request
in flight, and the next begins no sooner than the delay after the end of the one before.
A rate alone spaces the starts of requests, which may overlap up to the site's limit.

A site that does not answer five times in a row rests for 30, 60 and 120 s, with one
request after each rest to see; after the last its URLs fail without a request.
"""

import math
from dataclasses import dataclass

from crawler.model import Failed, Fault, Fetched, Outcome
from crawler.policy import retry
from crawler.policy.throttle import Throttle

ROW = 5
RESTS = (30.0, 60.0, 120.0)
UNRESOLVED = 60.0
"""For how many seconds a name that did not resolve is not asked for again."""

MIN_BACKOFF, MAX_BACKOFF = 1.0, 60.0


@dataclass(frozen=True, slots=True)
class Manners:
    """What the user asked for, the same for every site.

    ``delay`` and ``gap`` (between starts) in seconds; ``limit`` requests at once, at most.
    """

    delay: float = 0.0
    gap: float = 0.0
    limit: int = 2


class Pace:
    """One site's rhythm. No request starts before ``due``, nor while one is ``starting``.

    ``starting``: a request has been chosen that a rate spaces, and is not yet on its way.
    """

    __slots__ = (
        "_backoff", "_manners", "_probing", "_rests", "_row", "_slowed", "_unresolved",
        "due", "in_flight", "last_end", "robots_delay", "starting", "throttle",
    )  # fmt: skip

    def __init__(self, manners: Manners) -> None:
        self._manners = manners
        self._backoff = 0.0
        self._slowed = -math.inf  # when the site last asked us to slow down, or went silent
        self._row = 0
        self._rests = 0
        self._probing = False
        self._unresolved = -math.inf
        self.throttle = Throttle(manners.limit)
        self.robots_delay = 0.0
        self.in_flight = 0
        self.starting = False
        self.due = 0.0
        self.last_end = -math.inf

    @property
    def delay(self) -> float:
        """The pause, in seconds, after one request and before the next."""
        return max(self._manners.delay, self.robots_delay, self._backoff)

    @property
    def limit(self) -> int:
        """How many requests may be in flight at once."""
        return 1 if self._probing or self.delay else self.throttle.limit

    def hopeless(self, now: float) -> Failed | None:
        """Return why no URL of the site is worth a request now, or None."""
        if self._rests > len(RESTS):
            return Failed(Fault.SITE_DOWN, "the site has not answered for minutes", lasting=True)
        if now < self._unresolved:
            return Failed(Fault.DNS, "the host name does not resolve", lasting=True)
        return None

    def take(self) -> None:
        """A request has been chosen; with a rate, the next waits for its start to be known."""
        self.in_flight += 1
        self.starting = bool(self._manners.gap)

    def untake(self) -> None:
        """The request was not made after all."""
        self.in_flight -= 1
        self.starting = False

    def may_start(self, now: float) -> bool:
        """Whether a request that was taken may still start, after what has come since."""
        return self.due <= now and self.in_flight <= self.limit and self.hopeless(now) is None

    def start(self, now: float) -> None:
        """The request is on its way."""
        if self._manners.gap:
            self.starting = False
            self.pause(now + self._manners.gap)

    def end(
        self,
        outcome: Outcome,
        started: float,
        now: float,
        pause: float | None,
        *,
        typical: bool = True,
        telling: bool = True,
    ) -> None:
        """The last byte has come, or the request has failed; ``pause`` is its Retry-After.

        ``typical`` says that the time it took tells of the site (robots.txt does not),
        ``telling`` that the outcome does (not if it was us who stood still).

        Requests that were under way when a site was last slowed say nothing new but that.
        """
        self.in_flight -= 1
        self.last_end = now
        if pause is not None:
            self.pause(now + pause)
        if started >= self._slowed and telling:
            if retry.unreachable(outcome):
                self._silence(outcome, started, now)
            elif not retry.ours(outcome):
                self._answer(outcome, started, now, backing_off=pause is None)
                if typical and isinstance(outcome, Fetched) and not retry.overloaded(outcome):
                    self.throttle.answered(outcome.waited, started, now, self.in_flight + 1)
        if self.delay:
            self.pause(now + self.delay)

    def obey(self, crawl_delay: float) -> None:
        """Take a Crawl-delay, in seconds, into account from the last request on."""
        self.robots_delay = max(self.robots_delay, crawl_delay)
        self.pause(self.last_end + self.delay)

    def pause(self, until: float) -> None:
        """Let no request start before ``until``."""
        self.due = max(self.due, until)

    def _answer(self, outcome: Outcome, started: float, now: float, *, backing_off: bool) -> None:
        self._row = self._rests = 0
        self._probing = False
        if not retry.overloaded(outcome):
            self._backoff = self._backoff / 2 if self._backoff > MIN_BACKOFF else 0.0
            return
        self._slowed = now
        self.throttle.refused(started, now)
        if backing_off:
            self._backoff = min(max(MIN_BACKOFF, self._backoff * 2), MAX_BACKOFF)

    def _silence(self, outcome: Outcome, started: float, now: float) -> None:
        if isinstance(outcome, Failed) and outcome.fault is Fault.DNS and outcome.lasting:
            self._unresolved = now + UNRESOLVED
            return
        if isinstance(outcome, Failed) and outcome.fault is Fault.TIMEOUT:
            self.throttle.refused(started, now)
        self._row += 1
        if self._row < ROW:
            return
        self._slowed = now
        self._probing = True
        self._rests += 1
        if self._rests <= len(RESTS):
            self.pause(now + RESTS[self._rests - 1])
