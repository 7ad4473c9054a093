"""How far an axis of errors must reach: a few networks that diverged must not squeeze all others into its corner."""

import dataclasses
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from anynas.analysis.samples import checked_errors

FAR_OUT = 3.0  # interquartile ranges above the upper quartile: Tukey's outer fence
ROOM = 0.03  # of the range, left free at each end


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class VisibleErrors:
    """The range of errors that an axis shows, percent."""

    low: float
    high: float

    def beyond(self, errors: ArrayLike) -> int:
        """Return how many of a population's networks lie above the range."""
        return int((np.asarray(errors, dtype=np.float64) > self.high).sum())


def visible_errors(populations: Sequence[ArrayLike]) -> VisibleErrors:
    """Return the range from the least error to the last within the farthest outer fence of any population.

    At least three quarters of each population lie within it.

    Args:
        populations: Errors in percent, shapes (n,), (m,), ...

    Raises:
        SettingsError: There is a population without errors, or with one that is NaN.
    """
    errors = [checked_errors(values) for values in populations]
    fences = []
    for values in errors:
        lower, upper = np.quantile(values, [0.25, 0.75])
        fences.append(upper + FAR_OUT * (upper - lower))
    together = np.concatenate(errors)
    low, high = float(together.min()), float(together[together <= max(fences)].max())
    room = ROOM * (high - low) or 0.5
    return VisibleErrors(low=max(low - room, 0.0), high=high + room)
