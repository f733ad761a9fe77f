"""One run at a time: a lock on a file beside the state, which says whose it is.

The lock is the kernel's (``flock``), so a holder that died has let go of it; the file stays.
(Not on the state itself: SQLite's own locks would be lost with any other descriptor on it.)
"""

import contextlib
import fcntl
import os
import socket
from datetime import datetime
from typing import Self

from crawler.errors import StateUnusable, TryLater


class Lock:
    """A held lock; it ends with :meth:`release` or with the process."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    @classmethod
    def take(cls, path: str) -> Self:
        """Lock the state at ``path``. Raises TryLater, naming the holder, or StateUnusable."""
        try:
            descriptor = os.open(
                f"{os.path.realpath(path)}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666
            )
        except OSError as error:
            words = (error.strerror or str(error)).lower()
            raise StateUnusable(f"cannot lock {path}: {words}; choose another --state") from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = os.pread(descriptor, 200, 0).decode("utf-8", "replace").strip()
            os.close(descriptor)
            who = holder or "another run"
            raise TryLater(
                f"{path} is in use by {who}; wait for it, or give another --state"
            ) from None
        with contextlib.suppress(OSError):  # on a full disk the lock holds without a name
            os.ftruncate(descriptor, 0)
            since = datetime.now().astimezone().isoformat(" ", "seconds")
            name = f"process {os.getpid()} on {socket.gethostname()} since {since}\n"
            os.pwrite(descriptor, name.encode(), 0)
        return cls(descriptor)

    def release(self) -> None:
        """Let go."""
        os.close(self._descriptor)
