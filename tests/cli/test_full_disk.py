"""No room left, for the output or for the state: told at once, and with room it goes on."""

import random
import resource
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cli.lives import Life, graph, once, one_line
from tests.cli.run import COMMAND, crawler, finish
from tests.cli.written import parts
from tests.web.server import Reply, Request, Web, html

PAGES = 200
REMEDY = ("free some space", "ulimit -f")
MEGABYTE = 1 << 20


@pytest.fixture
def origin(web: Web) -> str:
    """A site of 200 pages, and of one that never answers."""
    links = graph(PAGES)

    async def handler(request: Request) -> Reply:
        if request.path not in links and request.path != "/never":
            return Reply(status=404)
        found = links.get(request.path, [])
        return Reply(html(found), delay=3_600 if request.path == "/never" else 0.005)

    return web.serve(handler)


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A disk of 4 MB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    made = finish(["mount", "-t", "tmpfs", "-o", "size=4m", "none", str(disk)])
    if made.code:
        pytest.skip(f"no disk can be mounted here: {made.err.strip()}")
    yield disk
    finish(["umount", "-l", str(disk)])


def limited(size: int) -> Callable[[], None]:
    """Let files of the child that is about to start have so many bytes at most."""
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def fail(
    web: Web, life: Life, *more: str, preexec_fn: Callable[[], None] | None = None
) -> tuple[int, float]:
    """Run into a full disk; return the code, and how long after the last request it ended.

    Nothing is asked for after the failure, so it was no earlier than that.
    """
    with life.running(*more, preexec_fn=preexec_fn) as process:
        out, err = process.communicate(timeout=60)
        last = web.log[-1].started if web.log else time.monotonic()
        took = time.monotonic() - last
    assert out == ""
    if process.returncode:
        assert one_line(err), err
        assert process.returncode in (73, 74), err
        if process.returncode == 74:
            assert any(remedy in err for remedy in REMEDY), err
            assert took < 2.0, took
        for path in (path for name in life.outputs for path in parts(life.folder / name)):
            if path.suffix in (".jsonl", ".csv") and (data := path.read_bytes()):
                assert data.endswith(b"\n")
    return process.returncode, took


def complete(life: Life, origin: str) -> None:
    """Go on with room enough: everything is there once."""
    ran = life.run()
    assert (ran.code, ran.err) == (0, "")
    for name in life.outputs:
        assert once(life.records(name)) == {f"{origin}/{each}": "page" for each in range(PAGES)}


def test_an_output_that_is_always_full(web: Web, tmp_path: Path, origin: str) -> None:
    life = Life(tmp_path, (f"{origin}/0",), ("/dev/full", "out.jsonl"))
    code, _ = fail(web, life)
    assert code == 74
    assert crawler("state", str(life.state)).code == 0

    life.outputs = ("out.jsonl", "/dev/full")
    life.state.unlink()
    for _ in range(2):
        assert fail(web, life)[0] == 74
        assert len(life.ends()) == 1  # written, not committed: the next run cuts it off


def test_slow_requests_do_not_hold_up_the_end(web: Web, tmp_path: Path, origin: str) -> None:
    life = Life(tmp_path, (f"{origin}/never", f"{origin}/0"), ("/dev/full",))
    code, _ = fail(web, life)
    assert code == 74
    assert web.requests("/never")


@pytest.mark.parametrize("size", [0, 20_000, 52_000])
def test_no_room_at_the_very_start(web: Web, tmp_path: Path, origin: str, size: int) -> None:
    life = Life(tmp_path, (f"{origin}/0",))
    code, _ = fail(web, life, preexec_fn=limited(size))
    assert code in (73, 74)
    assert not [path for path in tmp_path.iterdir() if path.name.endswith(".new")]
    complete(life, origin)


def test_the_output_hits_a_limit_on_file_sizes(web: Web, tmp_path: Path, origin: str) -> None:
    life = Life(tmp_path, (f"{origin}/0",), usual=("--parsers", "0", "--append"))
    before = b'{"url":"before","type":"page"}\n' * (3 * MEGABYTE // 31)
    life.out.write_bytes(before)
    for room in (10_000, 40_000):
        code, _ = fail(web, life, preexec_fn=limited(len(before) + room))
        assert code == 74
        assert len(before) < life.out.stat().st_size <= len(before) + room
    assert life.run().code == 0
    data = life.out.read_bytes()
    assert data.startswith(before)
    life.out.write_bytes(data[len(before) :])
    assert life.ends() == {f"{origin}/{each}": "page" for each in range(PAGES)}


def test_the_state_hits_a_limit_on_file_sizes(web: Web, tmp_path: Path, origin: str) -> None:
    life = Life(tmp_path, (f"{origin}/0",), ("out.jsonl", "out.jsonl.zst"))
    sizes = []
    for size in (100_000, 250_000):
        code, _ = fail(web, life, preexec_fn=limited(size))
        assert code == 74
        sizes.append(life.out.stat().st_size)
        assert sizes[-1] < 100_000
    complete(life, origin)


def fill(disk: Path, room: int) -> None:
    """Leave so many bytes of a disk free."""
    usage = finish(["df", "--output=avail", "-B1", str(disk)]).out.split()[-1]
    with (disk / "ballast").open("wb") as file:
        file.truncate(0)
        left = max(0, int(usage) - room)
        while left > 0:
            left -= file.write(b"x" * min(left, MEGABYTE))


SEVERAL: list[tuple[tuple[str, ...], tuple[str, ...]]] = [
    (("out.jsonl",), ()),
    (("out.jsonl", "out.jsonl.gz"), ()),
    (("out.csv", "out.jsonl.zst"), ()),
    (("out.csv", "out.tsv.zst"), ("--rotate", "10k")),
    (("out.jsonl", "out.csv.gz"), ("--rotate", "3k")),
]


def run_into_it(web: Web, disk: Path, origin: str, seed: int, times: int) -> tuple[int, float]:
    """Fill a disk so that the crawl fails in so many runs, then make room and go on."""
    chance = random.Random(seed)
    outputs, flags = chance.choice(SEVERAL)
    life = Life(disk, (f"{origin}/0",), outputs)
    life.usual += flags
    failures, worst = 0, 0.0
    more: tuple[str, ...] = ()
    while failures < times:
        fill(disk, int(2 ** chance.uniform(13, 19)))
        code, took = fail(web, life, *more)
        (disk / "ballast").unlink()
        more = () if code else ("--fresh",)  # there was room for all of it: once more
        failures += code > 0
        worst = max(worst, took if code == 74 else 0.0)
    complete(life, origin)
    return failures, worst


@pytest.mark.parametrize("seed", [7, 9, 5])
def test_a_disk_fills_up(
    web: Web, small: Path, origin: str, seed: int, capsys: pytest.CaptureFixture[str]
) -> None:
    failures, worst = run_into_it(web, small, origin, seed, 3)
    with capsys.disabled():
        print(f"\n{failures} full disks: {worst:.2f} s to the exit at most")


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", range(10, 20))
def test_fifty_times_a_disk_fills_up(
    web: Web, small: Path, origin: str, seed: int, capsys: pytest.CaptureFixture[str]
) -> None:
    failures, worst = run_into_it(web, small, origin, seed, 5)
    with capsys.disabled():
        print(f"\n{failures} full disks: {worst:.2f} s to the exit at most")


def test_without_a_state_a_full_disk_leaves_whole_lines(web: Web, small: Path, origin: str) -> None:
    out = small / "out.jsonl"
    fill(small, 50_000)
    done = subprocess.run(
        [*COMMAND, "crawl", f"{origin}/0", "-o", str(out), "--parsers", "0"],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip

    assert done.returncode == 74
    assert one_line(done.stderr, "free some space")
    assert out.read_bytes().endswith(b"\n")
