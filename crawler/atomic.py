"""Files that are written whole or not at all."""

import os
import secrets
import stat
from pathlib import Path


def obstacle(path: Path) -> str | None:
    """Return in words what would keep a file from being written, as far as can be told."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        mode = stat.S_IFREG
    except OSError as error:
        return (error.strerror or str(error)).lower()
    if stat.S_ISDIR(mode):
        return "is a directory"
    if not stat.S_ISREG(mode):
        return None if os.access(path, os.W_OK) else "permission denied"
    folder = os.path.dirname(os.path.realpath(path))
    return None if os.access(folder, os.W_OK | os.X_OK) else "no folder to write to"


def write(path: Path, data: bytes, *, private: bool = False) -> None:
    """Write a file in one go: who reads it sees the old content or the new. Raises OSError.

    It keeps its mode, if it is there already; ``private`` makes it its owner's alone. Behind
    a symbolic link the file is replaced, not the link. What is no file (a terminal, a pipe,
    /dev/null) is written to and stays what it is.
    """
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        mode = None
    if mode is not None and not stat.S_ISREG(mode):
        path.write_bytes(data)
        return
    path = path.resolve()
    beside = path.with_name(f".{path.name[:200]}.{secrets.token_hex(8)}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    descriptor = os.open(beside, flags, 0o600 if private else 0o666)
    try:
        with os.fdopen(descriptor, "wb") as file:
            if mode is not None and not private:
                os.fchmod(descriptor, stat.S_IMODE(mode))
            file.write(data)
            file.flush()
            os.fsync(descriptor)
        os.replace(beside, path)
    except BaseException:
        os.unlink(beside)
        raise
