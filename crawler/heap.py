"""What the C library does with memory that is freed.

Left to itself, glibc hands a page's tree back to the system as soon as it is dropped, and
gets it again, zeroed, for the next: 96 page faults a page of documentation, which cost as
much as the parsing (370 µs against 160).
"""

import contextlib
import ctypes

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""mallopt's names, from glibc's malloc.h."""

KEPT = 16 * 1024 * 1024
"""Bytes kept for the next page: with 8 MiB there are 3 faults a page, with 4 MiB 19."""


def keep() -> None:
    """Keep up to ``KEPT`` bytes of freed memory at hand, where the C library can."""
    with contextlib.suppress(AttributeError, OSError):
        libc = ctypes.CDLL(None)
        libc.mallopt(_MMAP_THRESHOLD, KEPT)
        libc.mallopt(_TRIM_THRESHOLD, KEPT)


def trim() -> None:
    """Give what is kept back to the system, where the C library can."""
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)
