"""Bounds on complexity: which networks a search or a population may have."""

import dataclasses
import math
from typing import Any

from anynas.counting import QUANTITIES, Complexity
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
        for name in self.quantities:
            given = getattr(self, name)
            try:
                low, high = (float(end) for end in given)
            except (TypeError, ValueError):
                raise SpaceError(f"{name} must be a pair (low, high) of numbers; got {given!r}") from None
            if not 0 <= low <= high:
                raise SpaceError(f"{name} must be LOW:HIGH with 0 <= LOW <= HIGH; got {low:g}:{high:g}")
            object.__setattr__(self, name, (low, high))

    def __str__(self) -> str:
        ranges = {name: getattr(self, name) for name in self.quantities}
        return ", ".join(f"{name} {low:g}:{high:g}" for name, (low, high) in ranges.items()) or "no bounds"

    @property
    def quantities(self) -> tuple[str, ...]:
        """Those that are bounded."""
        return tuple(name for name in QUANTITIES if getattr(self, name) is not None)

    def accept(self, complexity: Complexity) -> Any:
        """Return whether the complexity lies within all bounds: a bool, or an array of them for arrays of counts."""
        inside: Any = complexity.flops == complexity.flops  # all True, of the counts' shape
        for name in self.quantities:
            low, high = getattr(self, name)
            count = getattr(complexity, name)
            inside = inside & (low <= count) & (count <= high)
        return inside

    def violation(self, complexity: Complexity) -> float:
        """Return the largest distance to a bound as a ratio's natural logarithm; at most 0 inside all of them."""
        worst = -math.inf
        for name in self.quantities:
            low, high = getattr(self, name)
            count = math.log(max(getattr(complexity, name), 1))
            worst = max(worst, math.log(max(low, 1)) - count, count - _log(high))
        return max(worst, -1.0)


def _log(value: float) -> float:
    return math.log(value) if value >= 1 else 0.0
