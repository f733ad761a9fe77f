"""Starts the command in processes of its own, without every one reading every library anew.

Four fifths of what a short run costs are imports. So a process that has read the libraries
(nothing of ours, which tests break before it is read) forks for each run, which has its own
process, standard streams, folder, environment and death. What reads its interpreter's own
variables, or is not the command alone, is started as ever (see :func:`able`).
"""

import atexit
import contextlib
import functools
import gc
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path

import msgspec

LIBRARIES = """
ada_url aiofiles aiohttp asyncio backports.zstd brotli cchardet click concurrent.futures.thread csv
difflib email.policy isal.igzip_lib isal.isal_zlib mmap msgspec.json msgspec.toml netrc pickle
publicsuffixlist selectolax.lexbor sqlite3 ssl uvloop webencodings xml.parsers.expat yarl
""".split()
"""What runs of the command have in common; some are not everywhere."""

EARLY = ("PYTHON", "LC_", "LANG", "SSL_")
"""How variables begin that are read when an interpreter starts, or a library is read."""

Outcome = tuple[int, str, str]
"""How a process ended, as subprocess tells it, its stdout and its stderr."""


class Order(msgspec.Struct, array_like=True):
    """What is to be run: the words after ``python``, the environment and the folder."""

    words: list[str]
    env: dict[str, str]
    folder: str


def able(command: Sequence[str], env: Mapping[str, str]) -> bool:
    """Whether a fork can become what a command in an environment would start."""
    names = [name for name in {*env, *os.environ} if name.startswith(EARLY)]
    same = all(env.get(name) == os.environ.get(name) for name in names)
    ours = command[0] == sys.executable and command[1] in ("-c", "-m")
    return same and ours and sys.platform == "linux"  # elsewhere orders have no bounds in a socket


class Starter:
    """A process that forks for each run of a command; several may run at once."""

    def __init__(self, *modules: str) -> None:
        self._orders, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.cli.starter", str(theirs.fileno()), *modules],
                cwd=Path(__file__).parents[2],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
            )

    def run(
        self,
        command: Sequence[str],
        stdin: str | None,
        env: Mapping[str, str],
        cwd: Path | None,
        timeout: float,
    ) -> Outcome:
        """Run a command to its end; TimeoutExpired as of subprocess, if it takes too long."""
        order = msgspec.json.encode(Order([*command[1:]], {**env}, str(cwd or Path.cwd())))
        pipes = [os.pipe() for _ in range(4)]
        theirs = [pipes[0][0], *(writing for _, writing in pipes[1:])]
        try:
            socket.send_fds(self._orders, [order], theirs)
        finally:
            for number in theirs:
                os.close(number)
        ours = [pipes[0][1], *(reading for reading, _ in pipes[1:])]
        with (
            open(ours[1]) as out,
            open(ours[2]) as err,
            open(ours[3], "rb", 0) as told,
            ThreadPoolExecutor(3) as threads,
        ):
            threads.submit(_feed, ours[0], stdin or "")
            said = [threads.submit(each.read) for each in (out, err)]
            child = int(told.readline())
            if not select.select([told], [], [], timeout)[0]:
                os.kill(child, signal.SIGKILL)
                raise subprocess.TimeoutExpired(list(command), timeout)
            return int(told.readline()), said[0].result(), said[1].result()

    def end(self) -> None:
        """Have the process end."""
        self._orders.close()
        self._process.wait()


@functools.cache
def starter(how: str) -> Starter:
    """Return the one for commands with ``-m``, or for code with ``-c``, of this test run.

    Code is there to break ours before others of ours read it.
    """
    made = Starter(*LIBRARIES, *(["crawler.session"] if how == "-m" else []))
    atexit.register(made.end)
    return made


def _feed(number: int, text: str) -> None:
    with contextlib.suppress(BrokenPipeError), open(number, "w") as file:
        file.write(text)


# What the process itself does.


class Forks:
    """Answers orders; ``waiting`` has for each child where to tell how it ended."""

    def __init__(self, orders: socket.socket) -> None:
        self._orders = orders
        self._waiting: dict[int, int] = {}
        self._ended, self._end = socket.socketpair()
        self._end.setblocking(False)

    def obey(self) -> Order:
        """Fork for each order; return what is ordered in the child alone."""
        signal.set_wakeup_fd(self._end.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        while True:
            ready, *_ = select.select([self._orders, self._ended], [], [])
            if self._ended in ready:
                self._reap()
            if self._orders not in ready:
                continue
            order, streams, *_ = socket.recv_fds(self._orders, 1 << 20, 4)
            if not order:
                sys.exit()
            child = os.fork()
            if not child:
                self._become(streams)
                return msgspec.json.decode(order, type=Order)
            *others, self._waiting[child] = streams
            os.write(self._waiting[child], b"%d\n" % child)
            _close(others)

    def _reap(self) -> None:
        self._ended.recv(4_096)
        for child in list(self._waiting):
            ended, status = os.waitpid(child, os.WNOHANG)
            if ended:
                told = self._waiting.pop(child)
                with contextlib.suppress(BrokenPipeError):  # nobody waits any more
                    os.write(told, b"%d\n" % os.waitstatus_to_exitcode(status))
                os.close(told)

    def _become(self, streams: list[int]) -> None:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.set_wakeup_fd(-1)
        for number, stream in enumerate(streams[:3]):
            os.dup2(stream, number)
        _close([*streams, *self._waiting.values()])
        for each in (self._orders, self._ended, self._end):
            each.close()


def _close(numbers: Iterable[int]) -> None:
    for number in numbers:
        os.close(number)


def main() -> None:
    """Obey, and in each child do what ``python WORDS`` does."""
    number, *modules = sys.argv[1:]
    for name in modules:
        with contextlib.suppress(ModuleNotFoundError):
            import_module(name)
    gc.freeze()
    order = Forks(socket.socket(fileno=int(number))).obey()
    os.environ.clear()
    os.environ.update(order.env)
    os.chdir(order.folder)
    how, what, *args = order.words
    sys.argv = ["-c" if how == "-c" else what, *args]
    sys.path[0] = "" if how == "-c" else order.folder
    if how == "-c":
        exec(what, {"__name__": "__main__"})
    else:
        runpy.run_module(what, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
