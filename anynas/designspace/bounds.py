"""Bounds on complexity: which networks a search or a population may have."""

import dataclasses
import math
from typing import Any

from anynas.counting import Complexity
from anynas.errors import SpaceError

Range = tuple[float, float]  # (low, high), both included


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """Ranges of flops (multiply-adds), params and activations; None leaves one free.

    Raises:
        SpaceError: A range is reversed, negative, or not a pair of numbers.
    """

    flops: Range | None = None
    params: Range | None = None
    activations: Range | None = None

    def __post_init__(self) -> None:
        for name in ("flops", "params", "activations"):
            given = getattr(self, name)
            if given is None:
                continue
            try:
                low, high = (float(end) for end in given)
            except (TypeError, ValueError):
                raise SpaceError(f"{name} must be a pair (low, high) of numbers; got {given!r}") from None
            if not 0 <= low <= high:
                raise SpaceError(f"{name} must be LOW:HIGH with 0 <= LOW <= HIGH; got {low:g}:{high:g}")
            object.__setattr__(self, name, (low, high))

    def __str__(self) -> str:
        ranges = {name: getattr(self, name) for name in ("flops", "params", "activations")}
        return ", ".join(f"{name} {given[0]:g}:{given[1]:g}" for name, given in ranges.items() if given) or "no bounds"

    def accept(self, complexity: Complexity) -> Any:
        """Return whether the complexity lies within all bounds: a bool, or an array of them for arrays of counts."""
        inside: Any = complexity.flops == complexity.flops  # all True, of the counts' shape
        for name in ("flops", "params", "activations"):
            given = getattr(self, name)
            if given is not None:
                count = getattr(complexity, name)
                inside = inside & (given[0] <= count) & (count <= given[1])
        return inside

    def violation(self, complexity: Complexity) -> float:
        """Return the largest distance to a bound as a ratio's natural logarithm; at most 0 inside all of them."""
        worst = -math.inf
        for name in ("flops", "params", "activations"):
            given = getattr(self, name)
            if given is not None:
                count = math.log(max(getattr(complexity, name), 1))
                worst = max(worst, math.log(max(given[0], 1)) - count, count - _log(given[1]))
        return max(worst, -1.0)


def _log(value: float) -> float:
    return math.log(value) if value >= 1 else 0.0
