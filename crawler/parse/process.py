"""The process of a parsing child: started early, and with limits.

Nothing heavy is imported here, so that children can be on their way before the rest of the
program has been read: that takes both a quarter of a second, and so they are ready when the
first page is.
"""

import contextlib
import json
import mmap
import os
import signal
import socket
import struct
import subprocess
import sys
import tempfile
from types import TracebackType
from typing import Self

DEADLINE = 10.0
"""Seconds for a page."""

MEMORY = 700 * 1024 * 1024
"""Bytes of address space."""

MOST = 4
"""Children, if nobody says how many."""

SLOT = struct.Struct("<Q")
"""The shared slot names the page in hand, so that a death has a culprit.

0 until the child is set up, ``IDLE`` while it has no page.
"""

IDLE = 2**64 - 1

INSIDE = SLOT.size
"""Where the slot's last byte is: 1 while the page in hand is in the user's function."""

SIZE = SLOT.size + 1
"""Bytes of the slot."""

_BOOT = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from crawler.parse.child import main; "
    "main(int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), float(sys.argv[5]))"
)


def how_many(asked: int | None) -> int:
    """Return how many children to have: as ``asked``, or as many as cores, four at most."""
    return min(MOST, os.cpu_count() or 1) if asked is None else asked


class Process:
    """A child's process, our end of its ``socket``, and the slot shared with it."""

    def __init__(self, deadline: float = DEADLINE, memory: int = MEMORY) -> None:
        """Start it. Raises OSError where the system has no room for one."""
        with contextlib.ExitStack() as undo:
            self.socket, theirs = socket.socketpair()
            undo.callback(self.socket.close)
            with theirs, tempfile.TemporaryFile() as file:
                file.write(bytes(SIZE))  # a hole could not be filled where the disk is full
                file.flush()
                self._slot = mmap.mmap(file.fileno(), SIZE)
                undo.callback(self._slot.close)
                passed = (theirs.fileno(), file.fileno())
                self.popen = subprocess.Popen(  # noqa: S603 - our own code; takes 2 ms
                    [
                        sys.executable, "-I", "-S", "-c", _BOOT,
                        json.dumps([path or os.getcwd() for path in sys.path]),
                        *map(str, passed), str(memory), str(deadline),
                    ],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    pass_fds=passed,
                    start_new_session=True,  # Ctrl-C is for us to deal with
                )  # fmt: skip
            undo.pop_all()
        for option in (socket.SO_SNDBUF, socket.SO_RCVBUF):
            self.socket.setsockopt(socket.SOL_SOCKET, option, 1024 * 1024)
        self.socket.setblocking(False)

    @property
    def slot(self) -> int:
        """What the child says that it has in hand."""
        return int(SLOT.unpack_from(self._slot, 0)[0])

    @property
    def inside(self) -> bool:
        """Whether the child says that it is in the user's function."""
        return self._slot[INSIDE] == 1

    @property
    def killed(self) -> bool:
        """Whether a signal ended it."""
        return (self.popen.returncode or 0) < 0

    @property
    def stopped(self) -> bool:
        """Whether it stands still (by SIGSTOP, a debugger)."""
        try:
            status = os.waitid(os.P_PID, self.popen.pid, os.WSTOPPED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return False
        return status is not None

    def end(self) -> str:
        """Make sure that it has gone, and return how it went."""
        self.socket.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.popen.wait(0.01)  # it may be about to end by itself
        if self.popen.poll() is None:
            self.popen.kill()
        code = self.popen.wait()
        inside = self.inside
        self._slot.close()
        if code < 0:
            with contextlib.suppress(ValueError):
                where = " in the function of --extract" if inside else ""
                return f"the parser died of {signal.Signals(-code).name}{where}"
        who = "the function of --extract ended its process" if inside else "the parser ended"
        return f"{who} with code {code}"


class Started:
    """Children that nobody has taken yet; those that nobody takes end with the context."""

    def __init__(self, count: int) -> None:
        self._processes: list[Process] = []
        with contextlib.suppress(OSError):  # whoever wants one will try again, and say so
            for _ in range(count):
                self._processes.append(Process())

    def take(self) -> Process | None:
        """Return one, if there is one left."""
        return self._processes.pop() if self._processes else None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        while process := self.take():
            process.end()
