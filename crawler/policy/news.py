"""What is news against the pass before? Answers are compared by digest, other ends by status.

An answer is a page or a redirect. A page is new where there was no answer before; whatever
answers otherwise than it did last has changed, a page that has become a redirect as well as a
redirect that leads elsewhere; and what answered is gone if a server says so with 404 or 410,
which silence does not. A redirect is never new: the page that it leads to is.
"""

from hashlib import sha1

from crawler.model import Change, Failed, Fetched, Gone, Lease, Outcome, Page, Settled

NOT_MODIFIED = 304
GONE = (404, 410)

_TELLING = ("etag", "last-modified", "content-length", "content-type")
"""Headers that stand for a body that was not read."""


def digest(fetched: Fetched) -> bytes:
    """Return what a page is compared by: 20 bytes, the SHA-1 of its body."""
    body = fetched.body
    if body is None:
        return digest_of(repr([fetched.headers.get(name) for name in _TELLING]))
    return sha1(body, usedforsecurity=False).digest()


def digest_of(text: str) -> bytes:
    """Return what something is compared by that has no body."""
    return digest_of_bytes(text.encode("utf-8", "replace"))


def digest_of_redirect(status: int, target: str) -> bytes:
    """Return what a redirect is compared by."""
    return digest_of(f"{status} {target}")


def digest_of_bytes(data: bytes) -> bytes:
    """Return what a page is compared by of which only a part counts."""
    return sha1(data, usedforsecurity=False).digest()


def compare(page: Page, digest: bytes, run: int) -> Change | None:
    """Return what a page is against what answered before, or None where that cannot be said.

    There is none before the first, half a body says nothing, and what was known by something
    else before cannot be compared.
    """
    if run == 1:
        return None
    if page.before is None:
        return Change.NEW
    if not page.before or page.fetched.truncated in ("time", "disconnect"):
        return None
    return Change.UNCHANGED if digest == page.before else Change.CHANGED


def before(lease: Lease) -> bytes | None:
    """Return the digest of what answered before (empty: not known), or None if nothing did."""
    known = lease.known
    return (known.digest or b"") if known is not None and known.page is not None else None


def turned(lease: Lease, digest: bytes) -> bool:
    """Whether something else answered before than a redirect with this digest."""
    return before(lease) not in (None, digest)


def unchanged(lease: Lease, outcome: Outcome) -> bool:
    """Whether a page that was asked for with validators is as it was."""
    known = lease.known
    return (
        known is not None
        and known.validators
        and isinstance(outcome, Fetched)
        and outcome.status == NOT_MODIFIED
    )


def gone(lease: Lease, failed: Failed) -> bool:
    """Whether a failure is the end of a page, or a redirect, that there was."""
    return failed.status in GONE and before(lease) is not None


def same_end(settled: Settled) -> bool:
    """Whether a URL that is no page ends as it did before."""
    known = settled.lease.known
    if known is None or known.status != settled.status:
        return False
    was_gone = known.why in list(Gone) and known.status in GONE
    return was_gone or known.why == (settled.why and settled.why.value)
