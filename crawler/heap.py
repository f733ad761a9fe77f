"""When memory that is no longer used is freed, and what then becomes of it.

Left to itself, glibc hands a page's tree back to the system as soon as it is dropped, and
gets it again, zeroed, for the next: 96 page faults a page of documentation, which cost as
much as the parsing (370 µs against 160). Python's collector looks for cycles after every 700
objects, which cost 14 µs a page; there are hardly any.
"""

import contextlib
import ctypes
import gc

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""mallopt's names, from glibc's malloc.h."""

KEPT = 16 * 1024 * 1024
"""Bytes kept for the next page: with 8 MiB there are 3 faults a page, with 4 MiB 19."""

OBJECTS = 5_000
"""Objects that may have come up before one looks for cycles among them: 2 µs a page."""


def keep() -> None:
    """Keep up to ``KEPT`` bytes of freed memory at hand, and look for cycles less often.

    What there is now is taken to stay.
    """
    gc.enable()
    gc.freeze()
    gc.set_threshold(OBJECTS, 20, 20)
    with contextlib.suppress(AttributeError, OSError):
        libc = ctypes.CDLL(None)
        libc.mallopt(_MMAP_THRESHOLD, KEPT)
        libc.mallopt(_TRIM_THRESHOLD, KEPT)


def trim() -> None:
    """Give what is kept back to the system, where the C library can."""
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)
