"""Three small charts for a notebook's cell: points with their front, steps, an interval.

Like the drawings of networks they are SVG without ids, styles of a page or fixed inks, written in a moment without
matplotlib: the same one may be shown twice, light or dark. What is to be printed or measured is drawn by `figures`.
"""

import math
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from anynas.analysis.comparison import Comparison

WIDTH, HEIGHT = 340.0, 170.0  # pixels, of the area within the axes
LEFT, BELOW, ABOVE, RIGHT = 46.0, 34.0, 8.0, 12.0
TICKS = 5  # about so many on an axis
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "currentColor", "#999999")
DASHES = ("", "7 3", "2 2", "8 2 2 2")  # a second round of colours has others
Point = tuple[float, float]
Range = tuple[float, float]


def points_chart(points: Sequence[Point], front: Sequence[Point], *, x: str, y: str, y_range: Range) -> str:
    """Return points, and the staircase of those that no other beats.

    Args:
        points: All, at least one.
        front: From left to right.
        x: What the axis below says.
        y: What the one at the left says.
        y_range: How far that one reaches; what lies above is left out.
    """
    axes = _Axes(_roomy([place for place, _ in points]), y_range)
    shown = [point for point in points if point[1] <= y_range[1]]
    drawn = [
        f'<circle cx="{axes.across(a):.1f}" cy="{axes.up(b):.1f}" r="3.2" fill="currentColor" fill-opacity="0.45"/>'
        for a, b in shown
    ]
    steps = [point for point in front if point[1] <= y_range[1]]
    if steps:
        drawn.append(axes.staircase(steps, end=axes.x[1], colour=COLOURS[0]))
        drawn += [
            f'<circle cx="{axes.across(a):.1f}" cy="{axes.up(b):.1f}" r="3.2" fill="{COLOURS[0]}"/>' for a, b in steps
        ]
    words = f"{y} against {x}, {len(points):,} networks, {len(front):,} of them on the Pareto front"
    return axes.svg(drawn, x=x, y=y, words=words)


def steps_chart(curves: Sequence[tuple[str, Sequence[Point]]], *, x: str, y: str, x_range: Range) -> str:
    """Return step functions from 0 to 1, each with its name.

    Args:
        curves: Name, and where it steps to which share; from left to right.
        x: What the axis below says.
        y: What the one at the left says.
        x_range: How far that one below reaches.
    """
    axes = _Axes(x_range, (0.0, 1.0))
    drawn, legend = [], []
    for number, (name, steps) in enumerate(curves):
        colour, dash = COLOURS[number % len(COLOURS)], DASHES[number // len(COLOURS) % len(DASHES)]
        shown = [point for point in steps if point[0] <= x_range[1]]
        if shown:
            drawn.append(axes.staircase([(shown[0][0], 0.0), *shown], end=axes.x[1], colour=colour, dash=dash))
        if len(curves) > 1:
            legend.append((name, colour, dash))
    words = f"{y} by {x}: {', '.join(name for name, _ in curves)}"
    return axes.svg(drawn, x=x, y=y, words=words, legend=legend)


def interval_chart(comparison: "Comparison") -> str:
    """Return a difference with both its intervals, the claim's margin as a zone, and 0."""
    ends = [comparison.ci_low, comparison.ci_high, comparison.bound_low, comparison.bound_high, 0.0]
    margin = comparison.margin or 0.0
    axes = _Axes(_roomy([*ends, -margin, margin]), (0.0, 1.0), height=46.0, has_y=False)
    middle = axes.up(0.5)
    zone = ""
    if margin:
        low, high = axes.across(-margin), axes.across(margin)
        zone = (
            f'<rect x="{low:.1f}" y="{ABOVE:.1f}" width="{high - low:.1f}" height="46" fill="currentColor" '
            'fill-opacity="0.12"/>'
        )
    drawn = [
        zone,
        _line(axes.across(0.0), ABOVE, axes.across(0.0), ABOVE + 46, dash="4 3"),
        _line(axes.across(comparison.ci_low), middle, axes.across(comparison.ci_high), middle),
        _line(
            axes.across(comparison.bound_low), middle, axes.across(comparison.bound_high), middle,
            colour=COLOURS[0], width=5,
        ),
        f'<circle cx="{axes.across(comparison.difference):.1f}" cy="{middle:.1f}" r="5" fill="{COLOURS[0]}" '
        'stroke="currentColor" stroke-width="1.5"/>',
    ]  # fmt: skip
    words = (
        f"difference {comparison.difference:+.2f} points of error, interval {comparison.ci_low:+.2f} to "
        f"{comparison.ci_high:+.2f}"
    )
    label = "candidate \u2212 baseline, points of error: left of 0 the candidate is better"
    return axes.svg(drawn, x=label, y="", words=words)


class _Axes:
    """The area of a chart: where values lie in it, and what stands around it."""

    def __init__(self, x: Range, y: Range, *, height: float = HEIGHT, has_y: bool = True) -> None:
        self.x, self.y, self._height, self._has_y = x, y, height, has_y
        self._left = LEFT if has_y else RIGHT

    def across(self, value: float) -> float:
        """Return a value's place from the left, pixels."""
        return self._left + WIDTH * (value - self.x[0]) / (self.x[1] - self.x[0])

    def up(self, value: float) -> float:
        """Return a value's place from the top, pixels."""
        return ABOVE + self._height * (1 - (value - self.y[0]) / (self.y[1] - self.y[0]))

    def staircase(self, steps: Sequence[Point], *, end: float, colour: str, dash: str = "") -> str:
        """Return steps as a line that goes on to the end of the axis."""
        path = f"M{self.across(steps[0][0]):.1f} {self.up(steps[0][1]):.1f}"
        path += "".join(f"H{self.across(a):.1f}V{self.up(b):.1f}" for a, b in steps[1:]) + f"H{self.across(end):.1f}"
        dashes = f' stroke-dasharray="{dash}"' if dash else ""
        return f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="1.8"{dashes}/>'

    def svg(
        self,
        drawn: Sequence[str],
        *,
        x: str,
        y: str,
        words: str,
        legend: Sequence[tuple[str, str, str]] = (),
    ) -> str:
        """Return the chart with its axes, labels and legend: name, colour and dashes."""
        bottom, right = ABOVE + self._height, self._left + WIDTH
        parts = [_line(self._left, bottom, right, bottom)]
        for tick, text in _ticks(*self.x):
            place = self.across(tick)
            parts += [_line(place, bottom, place, bottom + 4), _text(place, bottom + 15, text)]
        parts.append(_text(self._left + WIDTH / 2, bottom + 29, x))
        if self._has_y:
            parts.append(_line(self._left, ABOVE, self._left, bottom))
            for tick, text in _ticks(*self.y):
                place = self.up(tick)
                parts += [
                    _line(self._left - 4, place, self._left, place),
                    _text(self._left - 7, place + 3.5, text, "end"),
                ]
            parts.append(_text(11, ABOVE + self._height / 2, y, turned=True))
        width = right + RIGHT
        for number, (name, colour, dash) in enumerate(legend):
            place = ABOVE + 8 + 15 * number
            parts += [
                _line(right + 16, place, right + 40, place, colour=colour, width=2, dash=dash),
                _text(right + 46, place + 3.5, name, "start"),
            ]
            width = max(width, right + 52 + 6.2 * len(name))
        height = max(bottom + BELOW, ABOVE + 15 * len(legend) + 8)
        return (
            f'<svg class="small chart" role="img" aria-label="{escape(words)}" viewBox="0 0 {width:.0f} {height:.0f}" '
            f'style="width: {1.15 * width:.0f}px; max-width: 100%; height: auto" font-size="10.5" '
            f'font-family="sans-serif">{"".join([*parts, *drawn])}</svg>'
        )


def _line(
    x1: float, y1: float, x2: float, y2: float, *, colour: str = "currentColor", width: float = 1, dash: str = ""
) -> str:
    dashes = f' stroke-dasharray="{dash}"' if dash else ""
    return f'<path d="M{x1:.1f} {y1:.1f}L{x2:.1f} {y2:.1f}" stroke="{colour}" stroke-width="{width}"{dashes}/>'


def _text(x: float, y: float, text: str, anchor: str = "middle", *, turned: bool = False) -> str:
    turn = f' transform="rotate(-90 {x:.1f} {y:.1f})"' if turned else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="currentColor"{turn}>{escape(text)}</text>'


def _roomy(values: Sequence[float]) -> Range:
    """Return the range of values with some room at both ends; one that is not empty."""
    low, high = min(values), max(values)
    room = 0.06 * (high - low) or 0.05 * abs(high) or 1.0
    return low - room, high + room


def _ticks(low: float, high: float) -> list[tuple[float, str]]:
    """Return round numbers within a range, with their texts."""
    rough = (high - low) / TICKS
    unit = 10.0 ** math.floor(math.log10(rough))
    step = next(unit * times for times in (1, 2, 5, 10) if unit * times >= rough)
    digits = max(0, -math.floor(math.log10(step)))
    numbers = range(math.ceil(low / step), math.floor(high / step) + 1)
    return [(number * step, f"{number * step:,.{digits}f}".replace("-", "\u2212")) for number in numbers]
