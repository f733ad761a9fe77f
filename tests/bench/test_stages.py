"""Each stage's cost is measured, and it is the least of the runs that is told."""

import pytest

from tests.bench import stages
from tests.bench.meter import Least, Meter
from tests.frontier.kinds import KINDS


def test_every_stage_has_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    stages.main(["--runs", "1", "--pages", "20"])

    lines = [line.split(" | ") for line in capsys.readouterr().out.splitlines() if "| " in line]
    costs = {name.removeprefix("| "): float(cost) for name, cost, _ in lines[1:]}
    named = ["decode gzip", "charset", "parse", "canonicalise", "record", "sink", "to a child"]
    named += [f"{verb}, {kind}" for verb in ("add", "claim") for kind in KINDS]
    assert set(named) < set(costs)
    assert costs["parse"] > costs["canonicalise"] > 0


def test_a_stage_costs_what_it_does_a_unit() -> None:
    meter = Meter()
    for _ in range(2):
        with meter("stage", "page", 500):
            sum(range(200_000))
    with meter("light", "page", 1_000):
        sum(range(1_000))

    assert meter.costs["stage", "page"] > 10 * meter.costs["light", "page"]


def test_the_least_of_several_runs_is_told() -> None:
    least = Least()
    for cost in (3.0, 2.0, 150.0):
        least.take({("parse", "page"): cost})

    assert least.text().endswith("| parse | 2.0 | page |")
