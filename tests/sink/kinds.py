"""The kinds of regular files that an output may be, and what is in them for a reader."""

import gzip
import random
import sys
from functools import cache
from pathlib import Path
from zlib import crc32

from crawler.account import Mark
from crawler.sink.output import Output

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

KINDS = ["out.jsonl", "out.jsonl.gz", "out.jsonl.zst"]
COMPRESSED = KINDS[1:]
ZstdError = zstd.ZstdError


def packed(name: str, data: bytes) -> bytes:
    """Return what a file of that name holds for a reader to find ``data``."""
    if name.endswith(".gz"):
        return gzip.compress(data, mtime=0)
    if name.endswith(".zst"):
        return zstd.compress(data, options={zstd.CompressionParameter.checksum_flag: 1})
    return data


def unpacked(path: Path) -> bytes:
    """Return what a reader of the file finds; a file that does not end whole is an error."""
    data = path.read_bytes()
    if path.name.endswith(".gz"):
        return gzip.decompress(data)
    return zstd.decompress(data) if path.name.endswith(".zst") and data else data


@cache
def lines(seed: int, size: int = 300_000) -> bytes:
    """Return lines that compress so badly that a member is on the disk before it ends."""
    text = random.Random(seed).randbytes(size).hex().encode()
    return b"".join(text[at : at + 1_000] + b"\n" for at in range(0, len(text), 1_000))


async def sealed(output: Output) -> Mark:
    """Seal a regular file; its mark has to tell the truth."""
    mark = await output.seal()
    assert mark is not None
    assert mark == marked(Path(output.name))
    return mark


def marked(path: Path) -> Mark:
    """Return the mark of all that a file holds."""
    data = path.read_bytes()
    return Mark(str(path), len(data), crc32(data))
