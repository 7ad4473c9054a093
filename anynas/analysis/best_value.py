"""Which value of a parameter the best networks have: the empirical bootstrap of the design-space papers, exactly.

A quarter of the population's size is drawn with replacement and the value of the best network is kept; the law of
that value is the answer. arXiv 2003.13678 draws 10,000 times. No draw is needed: with networks in order of error, the
best of m draws is behind the first i of N with probability (1 - i / N)^m, so network i is the best with probability
(1 - (i - 1) / N)^m - (1 - i / N)^m. Networks with equal errors share the probability of their run equally.
"""

import dataclasses
import math

import numpy as np
from numpy.typing import ArrayLike

from anynas.analysis.resampling import quantiles
from anynas.analysis.samples import check_alpha, checked_errors
from anynas.errors import SettingsError


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class BestValue:
    """Where the best value of a parameter lies."""

    median: float
    low: float  # of the interval that holds it with probability `level`
    high: float
    level: float  # 1 - alpha
    n: int  # networks
    drawn: int  # networks a resample


def best_value(values: ArrayLike, errors: ArrayLike, *, fraction: float = 0.25, alpha: float = 0.05) -> BestValue:
    """Return median and interval of the parameter's value in the best network of a resample.

    Args:
        values: Shape (n,), the parameter's, one a network.
        errors: Shape (n,), percent.
        fraction: A resample's size, of the population's; rounded up to whole networks.
        alpha: What the interval leaves out, half on each side.

    Raises:
        SettingsError: Values and errors do not pair up, or fraction or alpha are out of range.
    """
    check_alpha(alpha)
    losses = checked_errors(errors)
    settings = np.asarray(values, dtype=np.float64)
    if settings.shape != losses.shape or not np.isfinite(settings).all():
        raise SettingsError(
            f"values must be one finite number a network; got shape {settings.shape} for {losses.shape}, "
            f"{(~np.isfinite(settings)).sum()} not finite"
        )
    if not 0 < fraction <= 1:
        raise SettingsError(f"fraction must lie above 0 and be at most 1; got {fraction:g}")
    drawn = math.ceil(fraction * losses.size)
    _, run, length = np.unique(losses, return_inverse=True, return_counts=True)
    at_or_before = np.cumsum(length) / losses.size
    behind = np.concatenate([[1.0], (1 - at_or_before) ** drawn])  # P(the best is behind the first k runs)
    probabilities = (-np.diff(behind) / length)[run]
    order = np.argsort(settings, kind="stable")
    asked = np.array([alpha / 2, 0.5, 1 - alpha / 2])
    low, median, high = quantiles(settings[order], probabilities[order], asked).tolist()
    return BestValue(median=median, low=low, high=high, level=1 - alpha, n=losses.size, drawn=drawn)
