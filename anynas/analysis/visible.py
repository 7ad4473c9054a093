"""How far an axis of errors must reach: a few networks that diverged must not squeeze all others into its corner."""

import dataclasses
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from anynas.analysis.samples import checked_errors

FAR_OUT = 3.0  # interquartile ranges above the upper quartile: Tukey's outer fence


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class VisibleErrors:
    """The range of errors that an axis shows, and how many networks lie beyond it."""

    low: float  # the least error, percent
    high: float  # the greatest that is not far out
    beyond: tuple[int, ...]  # networks above `high`, one count a population


def visible_errors(populations: Sequence[ArrayLike]) -> VisibleErrors:
    """Return the range up to the last error within the farthest outer fence of any population.

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
    high = float(together[together <= max(fences)].max())
    return VisibleErrors(
        low=float(together.min()), high=high, beyond=tuple(int((values > high).sum()) for values in errors)
    )
