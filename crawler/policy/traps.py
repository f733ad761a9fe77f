"""URLs that no honest site needs: the first limits against endless URL spaces.

The limits are Heritrix's (path segments and their repetition) and the longest URL that
sitemaps.org, proxies and old browsers agree on.
"""

from collections import Counter

MAX_LENGTH = 2_083
MAX_SEGMENTS = 20
MAX_REPEATS = 2


def trap(url: str) -> str | None:
    """Return why a canonical URL looks like a trap, or None."""
    if len(url) > MAX_LENGTH:
        return f"URL longer than {MAX_LENGTH} bytes"
    path = url.partition("?")[0]
    if path.count("/") <= MAX_REPEATS + 2:  # two slashes precede the host, one the path
        return None
    segments = [segment for segment in path.split("/")[3:] if segment]
    if len(segments) > MAX_SEGMENTS:
        return f"more than {MAX_SEGMENTS} path segments"
    segment, times = Counter(segments).most_common(1)[0] if segments else ("", 0)
    if times > MAX_REPEATS:
        return f"path segment {segment!r} more than {MAX_REPEATS} times"
    return None
