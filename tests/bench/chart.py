"""A line chart as SVG, small enough to be written by hand and read as text."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 640, 360
LEFT, RIGHT, TOP, BOTTOM = 64, 120, 40, 48
COLOURS = ("#1f5fa8", "#c2571a", "#3b7d3b", "#7a4a9e")

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Line:
    """A line and its name; ``dashed`` is for what is wished for rather than measured."""

    name: str
    points: Sequence[Point]
    dashed: bool = False


@dataclass(frozen=True, slots=True)
class Axis:
    """What an axis is of. A logarithmic one has no zero."""

    name: str
    log: bool = False

    def scale(self, values: Sequence[float], start: float, end: float) -> Callable[[float], float]:
        """Return where on the paper a value goes."""
        low, high = self._ends(values)
        place = math.log if self.log else float
        width = place(high) - place(low) or 1.0
        return lambda value: start + (place(value) - place(low)) / width * (end - start)

    def ticks(self, values: Sequence[float]) -> list[float]:
        """Return round numbers from one end to the other."""
        low, high = self._ends(values)
        if self.log:
            base = 10 if high / low > 1_000 else 2
            return [float(base**n) for n in range(64) if low <= base**n <= high]
        step = 10 ** math.floor(math.log10(high))
        step /= next(parts for parts in (1, 2, 5, 10) if high / step * parts >= 4)
        return [step * n for n in range(int(high / step) + 1)]

    def _ends(self, values: Sequence[float]) -> tuple[float, float]:
        return (min(values) if self.log else 0.0), max(values) or 1.0


def draw(title: str, x: Axis, y: Axis, lines: Sequence[Line]) -> str:
    """Return the chart as SVG."""
    across = [point[0] for line in lines for point in line.points]
    up = [point[1] for line in lines for point in line.points]
    place_x = x.scale(across, LEFT, WIDTH - RIGHT)
    place_y = y.scale(up, HEIGHT - BOTTOM, TOP)
    bottom = HEIGHT - BOTTOM
    paper = f'viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {paper}>',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        _text(LEFT, 20, title, 'font-size="14"'),
        _text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 10, x.name, 'text-anchor="middle"'),
        _text(LEFT, TOP - 8, y.name, 'text-anchor="end"'),
    ]
    for value in x.ticks(across):
        at = place_x(value)
        parts.append(_text(at, bottom + 16, _short(value), 'text-anchor="middle"'))
    for value in y.ticks(up):
        at = place_y(value)
        parts.append(f'<path d="M{LEFT} {at:.1f}H{WIDTH - RIGHT}" stroke="#ddd"/>')
        parts.append(_text(LEFT - 6, at + 4, _short(value), 'text-anchor="end"'))
    taken: list[float] = []
    for number, line in enumerate(lines):
        colour = COLOURS[number % len(COLOURS)]
        path = "L".join(f"{place_x(a):.1f} {place_y(b):.1f}" for a, b in line.points)
        dash = ' stroke-dasharray="5 4"' if line.dashed else ""
        parts.append(f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="2"{dash}/>')
        taken.append(_free(place_y(line.points[-1][1]) + 4, taken))
        parts.append(_text(WIDTH - RIGHT + 6, taken[-1], line.name, f'fill="{colour}"'))
    return "\n".join([*parts, "</svg>", ""])


def _text(x: float, y: float, words: str, how: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" {how}>{escape(words)}</text>'


def _free(wanted: float, taken: Sequence[float]) -> float:
    """Return a height for a name at which it covers no other."""
    while any(abs(wanted - each) < 14 for each in taken):
        wanted += 2
    return wanted


def _short(value: float) -> str:
    if value >= 1e6:
        return f"{value / 1e6:g}M"
    return f"{value / 1e3:g}k" if value >= 1e4 else f"{value:,g}"
