"""One site on the bench: its pace, the leases in line for it, and its origins.

A lease is in line, parked behind its origin's robots.txt, or taken, never two of these.
"""

from collections import deque
from dataclasses import dataclass

from crawler.model import Failed, Gone, Lease, Reason
from crawler.policy import traps, urls
from crawler.policy.origin import Origin
from crawler.policy.pace import Manners, Pace


@dataclass(slots=True)
class Visit:
    """One request to make for a lease: its page or, with ``robots``, that URL first."""

    lease: Lease
    robots: str | None = None
    started: float = 0.0


@dataclass(frozen=True, slots=True)
class Denied:
    """A lease that ends without a request, as a skip, as a failure, or as gone.

    ``unsure``: it says nothing of what is there.
    """

    lease: Lease
    why: Reason | Gone | Failed
    detail: str | None = None
    unsure: bool = False


class Site:
    """A site, of which ``asking`` counts the origins whose robots.txt is being asked for.

    Its entry in the bench's heap is the one with ``ticket`` (0: none), for the time ``at``.
    """

    __slots__ = ("asking", "at", "line", "origins", "pace", "ticket")

    def __init__(self, manners: Manners) -> None:
        self.pace = Pace(manners)
        self.line: deque[Lease] = deque()
        self.origins: dict[str, Origin] = {}
        self.asking = 0
        self.ticket = 0
        self.at = 0.0

    @property
    def idle(self) -> bool:
        """Whether there is nothing to do here, nor anything under way."""
        return not (self.line or self.pace.in_flight or self.asking)

    def choose(self, agent: str | None, now: float) -> Visit | Denied | None:
        """Return what to do with the first lease in line that can be dealt with, and take it.

        ``agent`` is the product token for robots.txt, or None to ignore robots.txt.
        """
        while self.line:
            lease = self.line.popleft()
            url = lease.target.url
            if lease.moot is not None:
                return Denied(lease, lease.moot)
            if hopeless := self.pace.hopeless(now):
                return Denied(lease, hopeless, unsure=True)
            if trapped := traps.trap(url):
                return Denied(lease, Reason.TRAP, trapped)
            if agent is not None:
                origin = self._origin(urls.origin(url))
                rules = origin.known(now)
                if rules is None:
                    if origin.asking:
                        origin.parked.append(lease)
                        continue
                    origin.asking = True
                    self.asking += 1
                    self.pace.take()
                    return Visit(lease, origin.robots_url)
                if refused := rules.refuses(url):
                    unread = rules.denial is not None
                    return Denied(lease, Reason.ROBOTS, refused, unsure=unread)
            self.pace.take()
            return Visit(lease)
        return None

    def origin_of(self, visit: Visit) -> Origin:
        """Return the origin that a visit was chosen for."""
        return self.origins[urls.origin(visit.lease.target.url)]

    def unpark(self, origin: Origin) -> None:
        """The question has been answered, or not asked: those who waited are in line again."""
        origin.asking = False
        self.asking -= 1
        self.line.extendleft(reversed(origin.parked))
        origin.parked.clear()

    def repeat(self, visit: Visit) -> None:
        """Put a visit's lease first in line again, before those who waited for its answer."""
        if visit.robots is not None:
            self.unpark(self.origin_of(visit))
        self.line.appendleft(visit.lease)

    def clear(self) -> list[Lease]:
        """Take back every lease that is in line or parked."""
        leases = list(self.line)
        self.line.clear()
        self.ticket = 0
        for origin in self.origins.values():
            leases += origin.parked
            origin.parked.clear()
        return leases

    def _origin(self, name: str) -> Origin:
        origin = self.origins.get(name)
        if origin is None:
            origin = self.origins[name] = Origin.of(name)
        return origin
