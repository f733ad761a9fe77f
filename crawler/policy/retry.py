"""Outcome × attempt → try again, and when. A retry is scheduled, never slept.

What may pass is tried again: no answer, 429 and 5xx, half a body. What will not pass
(another 4xx, a certificate, an address that is refused) ends at once.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from random import uniform

from crawler.model import Failed, Fault, Fetched, Outcome

MIN_RETRY_AFTER, MAX_RETRY_AFTER = 1.0, 3600.0

_LONGEST_DATE = 64
"""Characters; no form of an HTTP date has more than 33, and email reads long ones slowly."""


@dataclass(frozen=True, slots=True)
class Retry:
    """How often and how soon: ``limit`` tries more, the first after about ``base`` seconds.

    The pause doubles with each attempt up to ``cap``, and is jittered by a quarter so that
    what failed together does not come back together.
    """

    limit: int = 2
    base: float = 1.0
    cap: float = 60.0

    def after(self, outcome: Outcome, attempt: int) -> float | None:
        """Return in how many seconds to try again, or None if this outcome is final.

        ``attempt`` counts the failures before this one.
        """
        if attempt >= self.limit or not passing(outcome):
            return None
        return self.pause(attempt)

    def pause(self, attempt: int) -> float:
        """Return the exponential back-off after ``attempt`` failures before, in seconds."""
        jitter = uniform(0.75, 1.25)  # noqa: S311 - no secret depends on it
        return float(min(self.cap, self.base * 2 ** min(attempt, 30)) * jitter)


def passing(outcome: Outcome) -> bool:
    """Whether an outcome may be different next time."""
    if isinstance(outcome, Failed):
        return not outcome.lasting
    if outcome.truncated in ("time", "disconnect"):
        return True
    return overloaded(outcome) or outcome.status >= 500 or outcome.status < 100


def overloaded(outcome: Outcome) -> bool:
    """Whether the site asks for fewer requests."""
    return isinstance(outcome, Fetched) and outcome.status in (429, 503)


def unreachable(outcome: Outcome) -> bool:
    """Whether no HTTP answer came for a reason that lies with the whole site."""
    return isinstance(outcome, Failed) and outcome.fault in (
        Fault.DNS,
        Fault.CONNECT,
        Fault.TLS,
        Fault.PROXY,
        Fault.TIMEOUT,
        Fault.DISCONNECT,
    )


def unsure(outcome: Outcome) -> bool:
    """Whether an outcome tells nothing, or not all, of what is there: nobody answered, say."""
    if isinstance(outcome, Failed) and outcome.fault in (Fault.SITE_DOWN, Fault.INTERNAL):
        return True
    if isinstance(outcome, Failed) and outcome.status == 429:
        return True
    return passing(outcome) or unreachable(outcome)


def ours(outcome: Outcome) -> bool:
    """Whether an outcome says nothing of the site: a bug, or an address that we refuse."""
    return isinstance(outcome, Failed) and outcome.fault in (Fault.INTERNAL, Fault.PRIVATE_ADDRESS)


def retry_after(headers: Mapping[str, str], wall: float) -> float | None:
    """Return the seconds of a Retry-After header (RFC 9110 §10.2.3), or None.

    ``wall`` is the time now, seconds since the epoch, for the date form. Clamped to
    between 1 s and 1 h, whatever the server dreams of.
    """
    value = headers.get("retry-after", "").strip()
    if not value:
        return None
    if value.isascii() and value.isdigit():
        seconds = float(value[:12])
    elif len(value) > _LONGEST_DATE:
        return None
    else:
        try:
            date = parsedate_to_datetime(value)
            # The asctime form names no zone; HTTP dates are always UTC.
            seconds = (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp() - wall
        except (ValueError, OverflowError, IndexError, TypeError):
            return None
    return min(max(seconds, MIN_RETRY_AFTER), MAX_RETRY_AFTER)
