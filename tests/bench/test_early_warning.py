"""An early warning: the whole line in its forms and a bare loop, on the same site in turn."""

import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping

import pytest

from tests.cli.run import crawl
from tests.real.docs import FOLDERS, nginx
from tests.web.server import html

pytestmark = pytest.mark.alone

OF_BARE = 0.5
"""The least of a bare loop's speed."""

OF_NONE = 1.5
"""The least of the speed without children."""

OF_MEMORY = 0.8
"""The least with a state of the speed without; about 0.95 to 1 on a quiet machine, of which 0.9
is promised (``test_soaks``)."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """All the documentations as one site of about 1,900 pages."""
    run = tmp_path_factory.mktemp("site")
    folder = run / "all"
    folder.mkdir()
    for name, target in FOLDERS.items():
        if target.is_dir():
            (folder / name).symlink_to(target)
    (folder / "index.html").write_text(html(f"/{name}/index.html" for name in FOLDERS))
    with nginx({"all": folder, **FOLDERS}, run) as origins:
        yield origins["all"] + "/index.html"


class Rounds:
    """Seconds that each form takes, in rounds that are made as they are asked for."""

    def __init__(self, forms: Mapping[str, Callable[[int], float]]) -> None:
        self._forms = forms
        self._made: list[dict[str, float]] = []

    def ratio(self, of: str, to: str, least: float) -> float:
        """Return the speed of one form as a part of another's, as the median of three rounds.

        Where two rounds agree on whether that is the ``least``, the third decides nothing.
        """
        ratios: list[float] = []
        for turn in range(3):
            if turn == len(self._made):
                self._made.append({name: form(turn) for name, form in self._forms.items()})
            ratios.append(self._made[turn][to] / self._made[turn][of])
            good = sum(ratio >= least for ratio in ratios)
            if 2 in (good, len(ratios) - good):
                break
        print(f"{of} ÷ {to}: {', '.join(f'{ratio:.2f}' for ratio in ratios)}")
        return statistics.median(ratios) if len(ratios) != 2 else min(ratios)


@pytest.fixture(scope="module")
def rounds(site: str, tmp_path_factory: pytest.TempPathFactory) -> Rounds:
    run = tmp_path_factory.mktemp("rounds")
    flags = [
        site,
        "--per-host",
        "64",
        "--overwrite",
        "-o",
        str(run / "out.jsonl"),
        "--parsers",
        "2",
    ]
    return Rounds(
        {
            "two children": lambda turn: seconds(*flags),
            "a bare loop": lambda turn: bare(site),
            "with a state": lambda turn: seconds(*flags, "--state", str(run / f"{turn}.db")),
            "no children": lambda turn: seconds(*flags, "--parsers", "0"),
        }
    )


def seconds(*args: str) -> float:
    """Return how long a crawl takes as a whole process."""
    started = time.monotonic()
    ran = crawl(*args, timeout=60, fresh=True)
    assert ran.code == 0, ran.err
    return time.monotonic() - started


def bare(site: str) -> float:
    """Return how long a bare loop takes."""
    command = [sys.executable, "-m", "tests.bench.bare", site, "64"]
    started = time.monotonic()
    ran = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert int(ran.stdout) > 1_000
    return time.monotonic() - started


def test_the_whole_line_is_at_least_half_as_fast_as_a_bare_loop(rounds: Rounds) -> None:
    assert rounds.ratio("two children", "a bare loop", OF_BARE) >= OF_BARE


def test_two_children_are_half_as_fast_again_as_none(rounds: Rounds) -> None:
    assert rounds.ratio("two children", "no children", OF_NONE) >= OF_NONE


def test_a_state_costs_next_to_nothing(rounds: Rounds) -> None:
    assert rounds.ratio("with a state", "two children", OF_MEMORY) >= OF_MEMORY


@pytest.mark.parametrize(
    ("took", "made", "good"),
    [
        ([(1.0, 1.0), (1.0, 1.0)], 2, True),
        ([(9.0, 1.0), (1.0, 1.0), (1.0, 1.0)], 3, True),
        ([(9.0, 1.0), (1.0, 1.0), (9.0, 1.0)], 3, False),
        ([(9.0, 1.0), (9.0, 1.0)], 2, False),
    ],
)
def test_the_median_of_three_rounds_counts(
    took: list[tuple[float, float]], made: int, good: bool
) -> None:
    forms = {"slow": lambda turn: took[turn][0], "fast": lambda turn: took[turn][1]}
    rounds = Rounds(forms)

    assert (rounds.ratio("slow", "fast", 0.5) >= 0.5) is good
    assert len(rounds._made) == made


def test_for_one_page_children_cost_a_fifth_of_a_second_at_most(site: str) -> None:
    costs: list[float] = []
    while len(costs) < 5 and (len(costs) < 2 or statistics.median(costs) > 0.2):
        costs.append(
            seconds(site, "-n", "1", "--parsers", "2") - seconds(site, "-n", "1", "--parsers", "0")
        )

    print(f"children cost {statistics.median(costs):.3f} s for one page")
    assert statistics.median(costs) <= 0.2, costs
