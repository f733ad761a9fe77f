"""What an outcome means for its URL: a page, a redirect, or an error of which class."""

from http import HTTPStatus
from typing import NamedTuple

from crawler.model import Failed, Fault, Fetched, Outcome, Target
from crawler.policy import urls

MAX_HOPS = 10


class Hop(NamedTuple):
    """A redirect to an absolute http(s) URL."""

    status: int
    url: str


def judge(target: Target, outcome: Outcome) -> Fetched | Hop | Failed:
    """Return the fetched page, the redirect, or the failure.

    2xx is a page; 3xx with a usable Location a redirect, of which ``MAX_HOPS`` may follow
    one another; everything else has failed.
    """
    if isinstance(outcome, Failed):
        return outcome
    status = outcome.status
    if 200 <= status < 300:
        return outcome
    if 300 <= status < 400:
        return _hop(target, outcome)
    if 400 <= status < 500:
        return Failed(Fault.HTTP_4XX, _words(status), status, lasting=True)
    if 100 <= status < 200:
        return Failed(Fault.PROTOCOL, f"{_words(status)} is no answer", status, lasting=True)
    # A status that is none of HTTP's is taken for a server error (RFC 9110, section 15).
    return Failed(Fault.HTTP_5XX, _words(status), status)


def _hop(target: Target, fetched: Fetched) -> Hop | Failed:
    location = fetched.headers.get("location")
    if location is None:
        return Failed(
            Fault.BAD_REDIRECT, f"{_words(fetched.status)} without Location", fetched.status
        )
    url = urls.resolve(target.url, location)
    if url is None:
        return Failed(
            Fault.BAD_REDIRECT, f"redirect to {location[:200]!r}, no http(s) URL", fetched.status
        )
    if target.hops >= MAX_HOPS:
        return Failed(
            Fault.TOO_MANY_REDIRECTS, f"more than {MAX_HOPS} redirects in a row", fetched.status
        )
    return Hop(fetched.status, url)


def _words(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)
