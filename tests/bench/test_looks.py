"""What is seen of a crawl is what there is, and what grows or slows down shows."""

from pathlib import Path

from tests.bench.looks import Look, crawl, rates, table
from tests.bench.made_up import CHAINS, LENGTH, LINKS, MANY, chains, thicket, tree
from tests.bench.test_soaks import ALIKE, GROWTH, growth


def looks(slower: float = 1.0, grows: int = 0) -> list[Look]:
    """Return looks at ten seconds of 1,000 pages each, the last of which took longer."""
    found = [
        Look(n, n * 1_000, n * 2_000, 0.5 * n, 0.25 * n, 10**7 + grows * n, 10**6, 1.0, 0.1)
        for n in range(10)
    ]
    work = found[-1].work + 0.25 + 0.5 * (slower - 1)
    cpu = found[-1].cpu + 0.5 * slower
    end = Look(9 + slower, 10_000, 20_000, cpu, work, 10**7 + 10 * grows, 10**6, 1.0, 0.1)
    return [*found, end, end]


def test_a_steady_crawl_is_steady() -> None:
    assert rates(looks()) == [(1_000.0, 2_000.0, 0.5)] * 10
    assert growth(looks(), 1_000) == 0


def test_a_crawl_that_slows_down_or_grows_is_noticed() -> None:
    (first, cheap, part), *_, (last, dear, more) = rates(looks(slower=2.0))

    assert (last / first, dear / cheap) == (0.5, 0.5)
    assert (1 - more) / (1 - part) < ALIKE
    assert growth(looks(grows=10_000_000), 1_000) > GROWTH


def test_a_crawl_is_seen_with_its_children(tmp_path: Path) -> None:
    with tree(tmp_path) as seed:
        seen = crawl(seed, "-n", "300", "--per-host", "64", "--parsers", "1", "-o", "/dev/null")

    last = seen[-1]
    assert (last.fetched, last.known, last.queued) == (300, 300 * LINKS + 1, 300 * (LINKS - 1) + 1)
    assert 10e6 < last.main < last.memory < 500e6
    assert 0 < last.work < last.cpu
    assert 0 <= last.taken <= last.busy <= 1.1
    assert len(table(seen).splitlines()) == len(seen)


def test_what_is_made_up_is_as_large_as_it_says(tmp_path: Path) -> None:
    flags = ("--per-host", "64", "--parsers", "1", "-o", "/dev/null")
    with thicket(tmp_path) as seed:
        last = crawl(seed, "-n", "5", *flags)[-1]
    assert last.known == 5 * MANY + 1

    with chains(tmp_path) as seed:
        last = crawl(seed, "--include", "/($|c|t000..$)", *flags)[-1]
    assert last.fetched == last.known == 1 + 10 + LENGTH
    assert CHAINS * LENGTH == 100_000
