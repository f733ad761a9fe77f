"""What is known of an origin's robots.txt, and who waits for it."""

from collections import deque
from dataclasses import dataclass, field

from crawler.model import Failed, Lease
from crawler.policy import robots
from crawler.policy.pace import Pace
from crawler.policy.retry import Retry, passing


@dataclass(slots=True)
class Origin:
    """An origin; ``parked`` leases wait while someone is ``asking`` for its robots.txt.

    ``robots_url`` is where to ask next: at ``home``, or where a redirect has led.
    """

    home: str
    robots_url: str
    rules: robots.Rules | None = None
    asking: bool = False
    hops: int = 0
    tries: int = 0
    parked: deque[Lease] = field(default_factory=deque)

    @classmethod
    def of(cls, name: str) -> "Origin":
        """Return an origin of which nothing is known."""
        return cls(robots.url(name), robots.url(name))

    @property
    def weight(self) -> int:
        """Bytes that the rules known were read from."""
        return self.rules.size if self.rules else 0

    def known(self, now: float) -> robots.Rules | None:
        """Return the rules, unless they have to be asked for."""
        return None if self.rules is None or self.rules.expires <= now else self.rules

    def hear(
        self, answer: robots.Rules | str | Failed, pace: Pace, retry: Retry, now: float
    ) -> tuple[Failed, int] | None:
        """Take in what a robots.txt said (:func:`crawler.policy.robots.judge`).

        Returns the failure, with the number of requests made, if it ends the lease that
        asked: nothing can be asked of the origin.
        """
        if isinstance(answer, str):
            self.robots_url = answer
            self.hops += 1
            if self.hops <= robots.MAX_REDIRECTS:
                return None
            answer = robots.allow_all(now)
        if isinstance(answer, Failed):
            self.tries += 1
            if passing(answer) and self.tries <= retry.limit:
                pace.pause(now + retry.pause(self.tries - 1))
                return None
            if answer.status is None:
                tries = self.tries
                self._conclude(None)
                return answer, tries
            answer = robots.deny_all(answer.message, now)
        self._conclude(answer)
        if answer.delay:
            pace.obey(answer.delay)
        return None

    def _conclude(self, rules: robots.Rules | None) -> None:
        """Note what came of asking; the next time begins at home again."""
        self.rules = rules
        self.robots_url = self.home
        self.tries = self.hops = 0
