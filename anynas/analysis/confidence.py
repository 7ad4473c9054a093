"""What the data say about a difference, at every level at once: its confidence distribution.

cdf(x) is the p-value against differences of at most x, 1 - cdf(x) the one against differences of at least x;
quantile(p), its inverse, is the upper bound at level p. Intervals, verdicts and Holm's adjustment are all read off it,
so they agree with each other. (Xie and Singh 2013 review the idea.)
"""

import dataclasses
import math
from typing import Protocol

import numpy as np
from scipy import stats

from anynas.analysis.samples import Floats


class Confidence(Protocol):
    """A confidence distribution of a difference, in points of error."""

    @property
    def estimate(self) -> float:
        """The difference seen."""

    @property
    def standard_error(self) -> float:
        """Of the estimate."""

    def quantile(self, p: float) -> float:
        """Return the upper bound at level p."""

    def cdf(self, x: float) -> float:
        """Return the p-value against differences of at most x."""


@dataclasses.dataclass(frozen=True, slots=True)
class Student:
    """estimate + standard error · t."""

    estimate: float
    standard_error: float
    degrees: float  # of freedom; infinity gives the normal law

    def quantile(self, p: float) -> float:
        """Return the upper bound at level p."""
        if self.standard_error == 0:
            return self.estimate
        return float(self.estimate + self.standard_error * stats.t.ppf(p, self.degrees))

    def cdf(self, x: float) -> float:
        """Return the p-value against differences of at most x."""
        distance = x - self.estimate
        if self.standard_error == 0:
            return 0.5 if distance == 0 else float(distance > 0)
        return float(stats.t.cdf(distance / self.standard_error, self.degrees))


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Resampled:
    """The percentile bootstrap: the law of the difference over resampled populations."""

    estimate: float
    draws: Floats  # shape (resamples,), in increasing order

    @property
    def standard_error(self) -> float:
        """Return the standard deviation of the draws."""
        return float(np.std(self.draws, ddof=1))

    def quantile(self, p: float) -> float:
        """Return the upper bound at level p."""
        return float(np.quantile(self.draws, p))

    def cdf(self, x: float) -> float:
        """Return the p-value against differences of at most x; never quite 0 or 1, ties count half."""
        below = np.searchsorted(self.draws, x, "left") + np.searchsorted(self.draws, x, "right")
        return float((below / 2 + 0.5) / (self.draws.size + 1))


def from_components(estimate: float, variances: Floats, degrees: Floats) -> Student:
    """Return Welch's approximation: variances of independent parts, with their degrees of freedom, shape (k,)."""
    total = float(variances.sum())
    if total == 0:
        return Student(estimate, 0.0, math.inf)
    return Student(estimate, math.sqrt(total), total**2 / float(np.sum(variances**2 / degrees)))
