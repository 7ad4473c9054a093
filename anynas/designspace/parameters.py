"""A parameter: the values that one design choice can take, and the law they are drawn by.

The log-uniform law on a grid is that of pycls: a continuous log-uniform draw, rounded up to the grid. With step q and
q' = min(q, low / 2) a value v of the grid has P(v) = ln(v / previous) / ln(high / (low - q')), where the first
value's `previous` is low - q'.
"""

import dataclasses
import itertools
import math
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from anynas.errors import SpaceError

CEILING_SLACK = 1e-9  # a power that should be whole comes out above it by rounding


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One design choice, such as `width`: its values, numbers in increasing order, and their probabilities."""

    name: str
    values: tuple[Any, ...]  # whole numbers, numbers, texts, or true and false
    probabilities: tuple[float, ...]
    law: str  # as a reader should see it: "log-uniform 8..1024 by 8", "uniform 1, 2, 4"
    count: int = 1  # how many of it an architecture has at most: one a stage, or one for all
    blocks: int = 1  # for a choice made for every block: blocks in a stage, at most

    @property
    def columns(self) -> list[str]:
        """Names of its columns in a table: width_1, width_2, ...; with blocks width_1_1, ...; bare if only one."""
        if self.count * self.blocks == 1:
            return [self.name]
        stages = [f"{self.name}_{stage}" for stage in range(1, self.count + 1)]
        if self.blocks == 1:
            return stages
        return [f"{stage}_{block}" for stage in stages for block in range(1, self.blocks + 1)]


def log_uniform(name: str, *, low: float, high: float, step: float, count: int = 1) -> Parameter:
    """Return a parameter that is log-uniform on the multiples of `step` from low to high.

    Raises:
        SpaceError: low or high is no multiple of step, or low > high.
    """
    values = _grid(name, low, high, step)
    first_edge = low - min(step, low / 2)
    edges = [first_edge, *values]
    span = math.log(high / first_edge)
    probabilities = tuple(math.log(upper / lower) / span for lower, upper in zip(edges, values, strict=False))
    return Parameter(
        name=name,
        values=values,
        probabilities=probabilities,
        law=f"log-uniform {_range(low, high, step)}",
        count=count,
    )


def uniform_range(name: str, *, low: float, high: float, step: float, count: int = 1) -> Parameter:
    """Return a parameter that is uniform on the multiples of `step` from low to high.

    Raises:
        SpaceError: low or high is no multiple of step, or low > high.
    """
    values = _grid(name, low, high, step)
    return Parameter(
        name=name,
        values=values,
        probabilities=_even(values),
        law=f"uniform {_range(low, high, step)}",
        count=count,
    )


def log_spaced(name: str, *, low: int, high: int, num: int, count: int = 1) -> Parameter:
    """Return a parameter that is uniform on `num` values evenly spaced in their logarithm, rounded up.

    The grids of arXiv 1905.13214: 1, 2, 3, 4, 5, 8, 11, 17, 24 for nine values from 1 to 24.

    Raises:
        SpaceError: low > high, or so many values are not distinct.
    """
    if not 1 <= low <= high or num < 1 or (num == 1) != (low == high):
        raise SpaceError(
            f"{name}: low must be at least 1 and at most high, and num at least 2 unless they are equal; "
            f"got low {low}, high {high}, num {num}"
        )
    exponents = (position / max(num - 1, 1) for position in range(num))
    values = tuple(math.ceil(low * (high / low) ** exponent - CEILING_SLACK) for exponent in exponents)
    if len(set(values)) < num:
        raise SpaceError(f"{name}: num must leave the values distinct; got {num} from {low} to {high}: {list(values)}")
    shown = ", ".join(map(str, values))
    return Parameter(name=name, values=values, probabilities=_even(values), law=f"uniform {shown}", count=count)


def uniform(name: str, values: Sequence[Any], *, count: int = 1) -> Parameter:
    """Return a parameter that is uniform on a list of distinct values: numbers in increasing order, or texts.

    Raises:
        SpaceError: The list is empty, has a value twice, or has numbers that do not increase.
    """
    numbers = all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values)
    ordered = not numbers or all(a < b for a, b in itertools.pairwise(values))
    if not values or not ordered or len(set(values)) < len(values):
        order = "in increasing order, " if numbers else ""
        raise SpaceError(f"{name}: values must be {order}at least one, none twice; got {list(values)}")
    shown = [_text(value) for value in values]
    law = f"uniform {', '.join(shown)}" if len(values) > 1 else f"always {shown[0]}"
    return Parameter(name=name, values=tuple(values), probabilities=_even(values), law=law, count=count)


def _even(values: Sequence[Any]) -> tuple[float, ...]:
    return (1 / len(values),) * len(values)


def _range(low: float, high: float, step: float) -> str:
    return f"{_text(low)}..{_text(high)}" + (f" by {_text(step)}" if step != 1 else "")


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _grid(name: str, low: float, high: float, step: float) -> tuple[float, ...]:
    """Return the multiples of step; each is the float nearest to the decimal that a reader would write."""
    whole = all(isinstance(value, int) for value in (low, high, step))
    if not 0 < low <= high:
        least = "at least 1" if whole else "above 0"
        raise SpaceError(f"{name}: low must be {least} and at most high; got low {low}, high {high}")
    unit = Decimal(str(step))
    if step <= 0 or Decimal(str(low)) % unit or Decimal(str(high)) % unit:
        raise SpaceError(f"{name}: low and high must be multiples of step; got low {low}, high {high}, step {step}")
    steps = range(int(Decimal(str(low)) / unit), int(Decimal(str(high)) / unit) + 1)
    return tuple(int(unit * k) if whole else float(unit * k) for k in steps)
