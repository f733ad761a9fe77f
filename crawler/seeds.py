"""What starts a crawl: URLs on the command line, in a file, or on stdin as they come.

A line is a URL, or ``{"url": …, "meta": …}``; empty lines and ``#`` comments are passed
over. Input is read in a thread of its own and only as far as the crawl is ready for more.
"""

import asyncio
import logging
import os
import sys
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import msgspec

from crawler.errors import InputMissing, NoUsableSeed, words
from crawler.policy import urls

log = logging.getLogger(__name__)

CHUNK = 64 * 1024
LONGEST_LINE = 1024 * 1024
BATCH = 250

NO_SEED = "no usable seed; give a URL like https://example.com"


class Seed(msgspec.Struct, frozen=True):
    """One seed: canonical URL, ``(user, password)`` it carried, and JSON to echo, if any.

    ``typed``: it stood on the command line.
    """

    url: str
    userinfo: tuple[str, str] | None
    meta: bytes | None = None
    typed: bool = False


class _Line(msgspec.Struct):
    url: str
    meta: object = None


class Seeds:
    """The seeds of a crawl: ``typed`` first, then the lines of ``source`` (a path or ``-``).

    Raises InputMissing at once if the source cannot be read, and NoUsableSeed if there is none
    and nothing typed is a URL.
    """

    def __init__(self, typed: Sequence[str], source: str | None) -> None:
        self._usable = 0
        self.typed = [seed for text in typed if (seed := self._typed_seed(text))]
        if source is None and not self.typed:
            raise NoUsableSeed(NO_SEED)
        self._descriptor = None if source is None else _open(source)
        self._name = "stdin" if source == "-" else source

    async def batches(self) -> AsyncIterator[list[Seed]]:
        """Yield seeds as they come. Raises NoUsableSeed at the end if there was none."""
        for batch in _batches(self.typed):
            yield batch
        if self._descriptor is not None:
            numbers = count(1)
            try:
                async for lines in _lines(self._descriptor):
                    read = (self._read(line, next(numbers)) for line in lines)
                    for batch in _batches([seed for seed in read if seed is not None]):
                        yield batch
            finally:
                if self._name != "stdin":
                    os.close(self._descriptor)
        if not self._usable:
            raise NoUsableSeed(NO_SEED)

    def _typed_seed(self, text: str) -> Seed | None:
        try:
            seed = urls.seed(text)
        except ValueError as error:
            log.warning("%s", error)
            return None
        if "//" not in text and os.path.isfile(text):
            log.warning("%s is also a file here; -i %s reads seeds from it", text, text)
        self._usable += 1
        return Seed(seed.url, seed.userinfo, typed=True)

    def _read(self, line: bytes, number: int) -> Seed | None:
        """Return the seed on a line, or None if there is none."""
        text = line.strip()
        if len(text) > LONGEST_LINE:
            log.warning("%s, line %d: longer than %d bytes", self._name, number, LONGEST_LINE)
            return None
        if not text or text.startswith(b"#"):
            return None
        meta = None
        try:
            if text.startswith(b"{"):
                entry = msgspec.json.decode(text, type=_Line)
                meta = None if entry.meta is None else msgspec.json.encode(entry.meta)
                seed = urls.seed(entry.url)
            else:
                seed = urls.seed(text.decode("utf-8", "replace"))
        except RecursionError:
            log.warning("%s, line %d: nested too deeply", self._name, number)
            return None
        except (ValueError, msgspec.MsgspecError) as error:
            log.warning("%s, line %d: %s", self._name, number, error)
            return None
        self._usable += 1
        return Seed(seed.url, seed.userinfo, meta)


def _batches(seeds: list[Seed]) -> Iterator[list[Seed]]:
    return (seeds[start : start + BATCH] for start in range(0, len(seeds), BATCH))


def _open(source: str) -> int:
    if source == "-":
        if sys.stdin is None:
            raise InputMissing("stdin is closed")
        return sys.stdin.fileno()
    try:
        return os.open(source, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise InputMissing(f"cannot read {source}: {words(error)}") from None


async def _lines(descriptor: int) -> AsyncIterator[Iterable[bytes]]:
    """Yield the lines that are there, many or one, until the end of the input."""
    loop = asyncio.get_running_loop()
    threads = ThreadPoolExecutor(1, thread_name_prefix="seeds")
    rest = b""
    try:
        while True:
            try:
                chunk = await loop.run_in_executor(threads, os.read, descriptor, CHUNK)
            except OSError as error:
                raise InputMissing(f"cannot read seeds: {words(error)}") from None
            if not chunk:
                break
            *lines, rest = (rest + chunk).split(b"\n")
            yield lines
            if len(rest) > LONGEST_LINE:
                rest = b"\0" * (LONGEST_LINE + 1)  # whatever else it holds, it is too long
        if rest:
            yield [rest]
    finally:
        threads.shutdown(wait=False, cancel_futures=True)
