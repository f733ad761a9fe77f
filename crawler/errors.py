"""What stops a crawl, each with its exit code and one line that says what to do.

::

    CrawlError                 never raised itself
    ├── BadSetting         2   a flag's value is wrong
    ├── NoUsableSeed      65   nothing among the seeds is a URL
    ├── InputMissing      66   a seed file cannot be read
    ├── OutOfResources    71   too few descriptors, no memory
    ├── CannotCreate      73   an output cannot be opened, or holds data
    ├── StateUnusable     73   a state cannot be opened, or is damaged, or is none of ours
    ├── WriteFailed       74   an output stopped taking data
    ├── TryLater          75   an output or the state is in use by another run
    ├── Misconfigured     78   a recipe, a configuration file or a variable is wrong
    └── ReaderClosed     141   the program behind the pipe has gone; said by no line
"""

from enum import IntEnum


class Exit(IntEnum):
    """Exit codes (sysexits.h where one fits). The command's help is written from these."""

    OK = 0
    FINDING = 1
    USAGE = 2
    NO_SEED = 65
    NO_INPUT = 66
    NO_HOST = 68
    UNAVAILABLE = 69
    SOFTWARE = 70
    OS_ERROR = 71
    CANNOT_CREATE = 73
    IO_ERROR = 74
    TRY_LATER = 75
    PROTOCOL = 76
    DENIED = 77
    CONFIG = 78
    INTERRUPTED = 130
    READER_CLOSED = 141
    TERMINATED = 143

    @property
    def meaning(self) -> str:
        """One line for people."""
        return _MEANINGS[self]


_MEANINGS = {
    Exit.OK: "the crawl drained, or reached a limit that was asked for",
    Exit.FINDING: "a --fail-on rule was met",
    Exit.USAGE: "a flag or argument is wrong",
    Exit.NO_SEED: "no usable seed",
    Exit.NO_INPUT: "an input file is missing or unreadable",
    Exit.NO_HOST: "no seed's host name resolved",
    Exit.UNAVAILABLE: "no seed became a page",
    Exit.SOFTWARE: "a bug of ours; please report the traceback",
    Exit.OS_ERROR: "fewer than 32 file descriptors, or no memory",
    Exit.CANNOT_CREATE: "an output or the state cannot be created or used, or an output holds data",
    Exit.IO_ERROR: "writing failed",
    Exit.TRY_LATER: "try later: output or state in use, or nothing due within --max-wait",
    Exit.PROTOCOL: "TLS or the proxy failed for every seed",
    Exit.DENIED: "every seed was denied, by robots.txt or by 401 or 403",
    Exit.CONFIG: "a recipe, a configuration file or a CRAWLER_ variable is wrong",
    Exit.INTERRUPTED: "interrupted by Ctrl-C; what was in flight has been written",
    Exit.READER_CLOSED: "the reader of the output closed it",
    Exit.TERMINATED: "terminated by TERM or HUP; what was in flight has been written",
}


class CrawlError(Exception):
    """A reason to stop; ``str()`` is one line that says what to do, its notes show where."""

    exit = Exit.SOFTWARE


class BadSetting(CrawlError):
    """A flag's value is wrong in a way that only shows when it is used."""

    exit = Exit.USAGE


class NoUsableSeed(CrawlError):
    """Nothing among the seeds is a URL that can be crawled."""

    exit = Exit.NO_SEED


class InputMissing(CrawlError):
    """A seed file cannot be read."""

    exit = Exit.NO_INPUT


class OutOfResources(CrawlError):
    """The system grants too few descriptors, or no memory."""

    exit = Exit.OS_ERROR


class CannotCreate(CrawlError):
    """An output cannot be opened for writing, or already holds data."""

    exit = Exit.CANNOT_CREATE


class StateUnusable(CrawlError):
    """A state file cannot be opened, is damaged, or was not written by this program."""

    exit = Exit.CANNOT_CREATE


class WriteFailed(CrawlError):
    """An output or the state stopped taking data."""

    exit = Exit.IO_ERROR


class TryLater(CrawlError):
    """Someone else holds what this run needs."""

    exit = Exit.TRY_LATER


class Misconfigured(CrawlError):
    """What is wrong is in a file that says what to do, or in the environment."""

    exit = Exit.CONFIG


class ReaderClosed(CrawlError):
    """The reader of a pipe has closed it."""

    exit = Exit.READER_CLOSED


def words(error: OSError) -> str:
    """Return what the system says of an error, to stand in a sentence."""
    return (error.strerror or str(error)).lower()
