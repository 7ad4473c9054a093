"""A parameter: the values that one design choice can take, and the law they are drawn by.

The log-uniform law on a grid is that of pycls: a continuous log-uniform draw, rounded up to the grid. With step q and
q' = min(q, low / 2) a value v of the grid has P(v) = ln(v / previous) / ln(high / (low - q')), where the first
value's `previous` is low - q'.
"""

import dataclasses
import itertools
import math
from collections.abc import Sequence
from typing import Any

from anynas.errors import SpaceError


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One design choice of a stage, such as `width`: its values in increasing order, and their probabilities."""

    name: str
    values: tuple[Any, ...]
    probabilities: tuple[float, ...]
    law: str  # as a reader should see it: "log-uniform 8..1024 by 8", "uniform 1, 2, 4"
    count: int = 1  # how many of it an architecture has: one a stage

    @property
    def columns(self) -> list[str]:
        """Names of its columns in a table: width_1, width_2, ...; the bare name if there is only one."""
        return [self.name] if self.count == 1 else [f"{self.name}_{stage}" for stage in range(1, self.count + 1)]


def log_uniform(name: str, *, low: int, high: int, step: int, count: int) -> Parameter:
    """Return a parameter that is log-uniform on the multiples of `step` from low to high.

    Raises:
        SpaceError: low or high is no multiple of step, or low > high.
    """
    values = _grid(name, low, high, step)
    first_edge = low - min(step, low / 2)
    edges = [first_edge, *values]
    span = math.log(high / first_edge)
    probabilities = tuple(math.log(upper / lower) / span for lower, upper in zip(edges, values, strict=False))
    law = f"log-uniform {low}..{high}" + (f" by {step}" if step != 1 else "")
    return Parameter(name=name, values=values, probabilities=probabilities, law=law, count=count)


def uniform_range(name: str, *, low: int, high: int, step: int, count: int) -> Parameter:
    """Return a parameter that is uniform on the multiples of `step` from low to high.

    Raises:
        SpaceError: low or high is no multiple of step, or low > high.
    """
    values = _grid(name, low, high, step)
    law = f"uniform {low}..{high}" + (f" by {step}" if step != 1 else "")
    probabilities = (1 / len(values),) * len(values)
    return Parameter(name=name, values=values, probabilities=probabilities, law=law, count=count)


def uniform(name: str, values: Sequence[Any], *, count: int) -> Parameter:
    """Return a parameter that is uniform on a list of distinct values, in increasing order.

    Raises:
        SpaceError: The list is empty or not strictly increasing.
    """
    if not values or any(b <= a for a, b in itertools.pairwise(values)):
        raise SpaceError(f"{name}: values must be in increasing order, at least one, none twice; got {list(values)}")
    law = f"uniform {', '.join(map(str, values))}" if len(values) > 1 else f"always {values[0]}"
    probabilities = (1 / len(values),) * len(values)
    return Parameter(name=name, values=tuple(values), probabilities=probabilities, law=law, count=count)


def _grid(name: str, low: int, high: int, step: int) -> tuple[int, ...]:
    if not 1 <= low <= high:
        raise SpaceError(f"{name}: low must be at least 1 and at most high; got low {low}, high {high}")
    if step < 1 or low % step or high % step:
        raise SpaceError(f"{name}: low and high must be multiples of step; got low {low}, high {high}, step {step}")
    return tuple(range(low, high + 1, step))
