"""Files as the system has them: opened, locked, measured; what is wrong with one is told."""

import fcntl
import os
import sys
from pathlib import Path
from zlib import crc32

from crawler.account import Mark
from crawler.errors import CannotCreate, TryLater, words

CHUNK = 1 << 20


def open_stdout() -> int:
    """Return the descriptor of stdout. Raises CannotCreate if it is closed."""
    if sys.stdout is None:
        raise CannotCreate("stdout is closed; give an output with -o")
    descriptor = sys.stdout.fileno()
    os.set_blocking(descriptor, True)
    return descriptor


def open_file(name: str, mark: Mark | None) -> int:
    """Return a descriptor to append with; a file that ``mark`` says is there is not made.

    Raises CannotCreate with the remedy.
    """
    flags = os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC
    if mark is None or not mark.offset:
        flags |= os.O_CREAT
    try:
        return os.open(name, flags, 0o666)
    except FileNotFoundError:
        hint = f"create the folder {Path(name).parent} first"
        if mark is not None and mark.offset:
            hint = f"the crawl in the state has written {mark.offset} bytes to it: bring it back, "
            hint += "or start anew with --fresh"
        raise CannotCreate(f"cannot write {name}: no such file or directory; {hint}") from None
    except OSError as error:
        raise CannotCreate(f"cannot write {name}: {words(error)}") from None


def lock(descriptor: int, name: str) -> None:
    """Make a file ours until its descriptor is closed. Raises TryLater or CannotCreate."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise TryLater(
            f"{name} is being written by another run; wait for it, or use another -o"
        ) from None
    except OSError as error:
        raise CannotCreate(f"cannot lock {name}: {words(error)}") from None


def checksum(name: str, length: int) -> int:
    """Return the CRC-32 of the first ``length`` bytes of a file."""
    crc = 0
    with open(name, "rb") as reader:
        while length and (data := reader.read(min(length, CHUNK))):
            crc = crc32(data, crc)
            length -= len(data)
    return crc


def ends_torn(name: str) -> bool:
    """Whether the last line of a file that holds data has no end."""
    with open(name, "rb") as reader:
        reader.seek(-1, os.SEEK_END)
        return reader.read(1) != b"\n"


def sync_folder(name: str) -> None:
    """Bring the entry of a new file safely to the disk."""
    folder = os.open(Path(name).absolute().parent, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
