"""What only another process, or a device, can do to an output."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_HOLD = (
    "import fcntl, sys; f = open(sys.argv[1], 'ab'); fcntl.flock(f, 2); print(flush=True); input()"
)


@contextmanager
def locked_elsewhere(path: Path) -> Iterator[None]:
    """Another process holds the lock on ``path``."""
    holder = subprocess.Popen(
        [sys.executable, "-c", _HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"\n"
        yield
    finally:
        holder.communicate(b"\n")


@contextmanager
def reading(fifo: Path) -> Iterator[int]:
    """Someone reads ``fifo`` until the end of the context."""
    descriptor = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def python(code: str, *paths: Path) -> tuple[int, str, str]:
    """Run code in a process of its own; return its end, and what it said on stdout and stderr."""
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, paths)], capture_output=True, text=True, timeout=60
    )
    return done.returncode, done.stdout, done.stderr


def read(path: Path) -> bytes:
    """Return what is in a file."""
    return path.read_bytes()


def put(path: Path, data: bytes | bytearray) -> None:
    """Make a file that holds ``data``."""
    path.write_bytes(data)
