"""One run at a time: a lock on a file beside the state, which says whose it is.

The lock is the kernel's (``flock``), so a holder that died has let go of it; the file stays.
(Not on the state itself: SQLite's own locks would be lost with any other descriptor on it.)
"""

import contextlib
import fcntl
import os
import socket
from datetime import datetime
from pathlib import Path
from typing import Self

from crawler.errors import StateUnusable, TryLater, words


class Lock:
    """A held lock; it ends with :meth:`release` or with the process."""

    def __init__(self, path: str, descriptor: int) -> None:
        self._path = path
        self._descriptor = descriptor

    @classmethod
    def take(cls, path: str) -> Self:
        """Lock the state at ``path``. Raises TryLater, naming the holder, or StateUnusable."""
        lock = f"{path}.lock"
        try:
            descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        except OSError as error:
            folder = Path(path).parent
            hint = "choose another --state" if folder.is_dir() else f"create {folder} first"
            raise StateUnusable(f"cannot lock {path}: {words(error)}; {hint}") from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 200, 0).decode("utf-8", "replace").strip()
            os.close(descriptor)
            who = holder or "another run"
            raise TryLater(
                f"{path} is in use by {who}; wait for it, or give another --state"
            ) from None
        except OSError as error:
            os.close(descriptor)
            raise StateUnusable(
                f"cannot lock {path}: {words(error)}; choose another --state"
            ) from None
        with contextlib.suppress(OSError):  # on a full disk the lock holds without a name
            os.ftruncate(descriptor, 0)
            since = datetime.now().astimezone().isoformat(" ", "seconds")
            name = f"process {os.getpid()} on {socket.gethostname()} since {since}\n"
            os.pwrite(descriptor, name.encode(), 0)
        return cls(lock, descriptor)

    def check(self) -> None:
        """Raise TryLater if somebody has removed the file: another run may have begun."""
        with contextlib.suppress(OSError):
            if os.path.samestat(os.stat(self._path), os.fstat(self._descriptor)):
                return
        raise TryLater(f"{self._path} was removed while this run held it; run again")

    def release(self) -> None:
        """Let go."""
        os.close(self._descriptor)
