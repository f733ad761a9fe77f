"""What people look at, all of it on stderr: log lines, the progress line, the summary.

Nothing from the web reaches a terminal raw: :func:`safe` stands between.
"""

import re

from crawler.encoding import OBEYED

_UNSAFE = re.compile(rf"[\x00-\x08\x0b-\x1f{OBEYED}]")


def safe(text: str) -> str:
    """Return text without what a terminal would obey: C0, DEL, C1 and bidi controls."""
    return _UNSAFE.sub(lambda match: f"\\x{ord(match[0]):02x}", text)
