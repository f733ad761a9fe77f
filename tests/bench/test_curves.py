"""Charts that can be read, of numbers that were measured."""

import xml.etree.ElementTree as ET

import pytest

from tests.bench.chart import Axis, Line, draw
from tests.bench.curves import CONNECTIONS, by_connections, by_known
from tests.bench.made_up import LINKS

pytestmark = pytest.mark.alone

SVG = "{http://www.w3.org/2000/svg}"


def test_a_chart_is_svg_with_its_lines_ticks_and_names() -> None:
    points = [(1.0, 10.0), (2.0, 20.0), (4.0, 30.0)]

    drawn = draw("A & B", Axis("n", log=True), Axis("v"), [Line("one", points), Line("2", points)])

    root = ET.fromstring(drawn)
    words = [each.text for each in root.iter(f"{SVG}text")]
    assert {"A & B", "n", "v", "one", "2", "1", "4", "0", "30"} <= set(words)
    lines = [each.get("d") for each in root.iter(f"{SVG}path") if each.get("fill") == "none"]
    assert lines == ["M64.0 221.3L292.0 130.7L520.0 40.0"] * 2
    heights = [float(each.get("y", 0)) for each in root.iter(f"{SVG}text") if each.get("fill")]
    assert abs(heights[0] - heights[1]) >= 12, "names cover each other"


@pytest.mark.parametrize(("most", "ticks"), [(3_400.0, 7), (1_000_000.0, 6), (0.4, 5)])
def test_ticks_are_few_and_round(most: float, ticks: int) -> None:
    assert len(Axis("v").ticks([0.0, most])) == ticks
    assert Axis("n", log=True).ticks([1.0, 256.0]) == [2.0**n for n in range(9)]


def test_latency_is_hidden_by_connections() -> None:
    one, eight = by_connections((1, 8), 3)

    assert one.connections == 1
    assert 5 < one.rate <= 10.5
    assert 4 < eight.rate / one.rate < 9


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_ideal_is_reached_until_both_cores_are_busy() -> None:
    measured = list(by_connections(CONNECTIONS, 60))

    for each in measured:
        print(
            f"{each.connections:4} connections {each.rate:6,.0f} pages/s, {each.share:.0%} of the "
            f"ideal; {each.busy:.0%} of the machine is busy, others have {each.taken:.0%}"
        )
    assert all(each.share >= 0.85 or each.busy >= 0.9 for each in measured)
    assert any(each.share >= 0.85 for each in measured[3:])


def test_a_tree_without_end_makes_more_and_more_known() -> None:
    points = by_known(1_500)

    assert points[-1][0] > 1_500 * (LINKS - 1)
    assert all(rate > 10 for _, rate in points)
