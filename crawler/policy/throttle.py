"""How many requests at once does a site take well? Between one and what the user allows.

A refusal (429, 503, a timeout) takes the limit to one; it doubles from there up to half of
where it was, and then grows by one each round, as TCP does after a loss: the next refusal
meets one request, not dozens. When the time to the first byte doubles the limit falls by a
quarter. Either way the limit then stays below where that happened for a minute. A site
that is as slow with one request at a time is not slow because of us: its new time is the
measure from then on, and the limit grows anew.
"""

SHRINK = 0.75
SMOOTHING = 0.25
PATIENCE = 60.0
"""Seconds for which a limit that was too much is not tried again."""

LEAST_HEARD = 8
"""Answers at least to wait for after a change before judging it."""

SLACK = 0.03
"""Seconds below which a longer wait means nothing."""

OWN_COST = 0.0005
"""Seconds that an answer may have waited for us, for each request in flight."""


class Throttle:
    """One site's limit; ``ceiling`` is its start and its most. Times in seconds."""

    __slots__ = (
        "_allowed", "_ceiling", "_changed", "_knee", "_recent", "_threshold", "_told", "_unheard",
        "_usual",
    )  # fmt: skip

    def __init__(self, ceiling: int) -> None:
        self._ceiling = ceiling
        self._allowed = float(ceiling)
        self._threshold = float(ceiling)
        self._knee = ceiling  # the most that has gone well lately
        self._told = ceiling
        self._changed = float("-inf")
        self._usual: float | None = None  # time to first byte when all is well
        self._recent = 0.0
        self._unheard = 0

    @property
    def recent(self) -> float:
        """The time to the first byte of late, in seconds."""
        return self._recent

    @property
    def fallen(self) -> bool:
        """Whether the limit is less than the user allows."""
        return self.limit < self._ceiling

    @property
    def limit(self) -> int:
        """How many requests may be in flight at once."""
        return int(self._allowed)

    def refused(self, started: float, now: float) -> None:
        """The site has asked for less, or has not answered in time.

        Several requests of one moment are refused once.
        """
        if started < self._changed:
            return
        self._knee = max(1, self.limit - 1)
        self._threshold = max(1.0, self._allowed / 2)
        self._allowed = 1.0
        self._changed = now

    def answered(self, waited: float, started: float, now: float, in_flight: int) -> None:
        """A first byte came after ``waited`` seconds, with so many requests ``in_flight``.

        Requests from before the last change tell nothing of it.
        """
        if started < self._changed:
            return
        if self._usual is None:
            self._usual = self._recent = waited
        self._recent += (waited - self._recent) * SMOOTHING
        if self._unheard > 0:  # the last change must show before the next
            self._unheard -= 1
            return
        bound = 2 * self._usual + SLACK + OWN_COST * in_flight
        if self._recent > bound:
            self._slow(now)
            return
        if waited <= bound:  # what is usual is not learnt from what is not
            self._usual += (waited - self._usual) * SMOOTHING / 4
        step = 1.0 if self._allowed < self._threshold else 1.0 / self._allowed
        most = self._knee if now < self._changed + PATIENCE else self._ceiling
        self._allowed = min(self._allowed + step, max(float(most), self._allowed))

    def news(self) -> int | None:
        """Return the limit if it has fallen, or is whole again, since it was last told."""
        limit = self.limit
        if limit < self._told or (limit == self._ceiling > self._told):
            self._told = limit
            return limit
        return None

    def _slow(self, now: float) -> None:
        if self._allowed < 2:  # not because of us: this is how it is, so try anew
            self._usual = self._recent
            self._knee = self._ceiling
            self._threshold = float(self._ceiling)
            return
        self._knee = max(1, self.limit - 1)
        self._allowed = max(1.0, self._allowed * SHRINK)
        self._threshold = self._allowed
        self._unheard = max(LEAST_HEARD, self.limit)
        self._changed = now
