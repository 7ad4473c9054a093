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

NO_SKEWNESS = 1e-6  # below which the inverse of Hall's transformation is t to the last digits


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
    """(estimate - difference) / standard error has Student's law, once its skewness is removed.

    Where errors are skewed, and populations differ in shape or size, so is the estimate, and the ordinary t bounds are
    missed more often on one side than on the other. Hall's transformation (1992) of t,
    t + skewness t^2 / 3 + skewness^2 t^3 / 27 + skewness / 6, increases and removes that to the order of 1 / n. With
    skewness 0 it is t itself: Welch's interval, or Yuen's.
    """

    estimate: float
    standard_error: float
    degrees: float  # of freedom; infinity gives the normal law
    skewness: float = 0.0  # of the estimate: its third cumulant over its standard error cubed

    def quantile(self, p: float) -> float:
        """Return the upper bound at level p."""
        if self.standard_error == 0:
            return self.estimate
        wanted, skewness = float(stats.t.ppf(1 - p, self.degrees)), self.skewness
        t = wanted
        if abs(skewness) > NO_SKEWNESS:
            t = 3 / skewness * (float(np.cbrt(1 + skewness * (wanted - skewness / 6))) - 1)
        return self.estimate - self.standard_error * t

    def cdf(self, x: float) -> float:
        """Return the p-value against differences of at most x."""
        distance = x - self.estimate
        if self.standard_error == 0:
            return 0.5 if distance == 0 else float(distance > 0)
        t, skewness = -distance / self.standard_error, self.skewness
        return float(stats.t.sf(t + skewness * t**2 / 3 + skewness**2 * t**3 / 27 + skewness / 6, self.degrees))


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


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Moments:
    """A mean made of independent parts, its strata: what each adds to its cumulants, arrays of shape (k,)."""

    estimate: float
    variances: Floats
    degrees: Floats  # of freedom of each variance
    thirds: Floats  # third cumulants

    def minus(self, other: "Moments") -> "Moments":
        """Return the difference to an independent mean."""
        return Moments(
            self.estimate - other.estimate,
            np.concatenate([other.variances, self.variances]),
            np.concatenate([other.degrees, self.degrees]),
            np.concatenate([-other.thirds, self.thirds]),
        )

    def confidence(self) -> Student:
        """Return the confidence distribution, with Welch's approximate degrees of freedom."""
        total = float(self.variances.sum())
        if total == 0:
            return Student(self.estimate, 0.0, math.inf)
        degrees = total**2 / float(np.sum(self.variances**2 / self.degrees))
        return Student(self.estimate, math.sqrt(total), degrees, float(self.thirds.sum()) / total**1.5)
