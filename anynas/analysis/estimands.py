"""The statistics of error that a claim may be about, and what two populations say about their difference.

*Trimmed mean*: the mean of the middle 80 % of the weight. Of n networks floor(n / 10) are left out at each end, as
scipy.stats.trim_mean does; with weights that share of the weight is, a network on the edge in part. Its variance is
Tukey and McLaughlin's, of the Winsorised errors, and the difference's degrees of freedom are Yuen's (1974) and
Welch's: with h = n minus those left out, h / (h - 1) sum w_i^2 (z_i - z)^2 / (1 - 2 trim)^2, which for equal weights is
Yuen's (n - 1) s_z^2 / (h (h - 1)). Its skewness is removed by Hall's transformation (confidence.py), with the third
cumulant of the Winsorised errors, sum w_i^3 (z_i - z)^3 / (1 - 2 trim)^3. With strata the deviations are from a
stratum's own mean. *Mean*: the same without trimming, by Welch's interval as it is: a few networks that diverge rule
its skewness too, and removing what is seen of that makes matters worse. *Median*: the percentile bootstrap, whose law
for it is exact.
"""

import math
from typing import Literal, get_args

import numpy as np

from anynas.analysis.confidence import Confidence, Moments, Resampled
from anynas.analysis.resampling import RESAMPLES, TIE, quantiles, resampled_quantiles
from anynas.analysis.samples import Floats, Sample
from anynas.errors import SettingsError, did_you_mean

Statistic = Literal["trimmed_mean", "mean", "median"]
TRIM = 0.1  # left out at each end
LEAST_SIZE = 1.1  # effective networks of a stratum, below which its variance is unknown
HALF = np.array([0.5])


def check_statistic(statistic: str) -> None:
    """Raise SettingsError unless it is one of the estimands."""
    if statistic not in get_args(Statistic):
        raise SettingsError(f'unknown statistic "{statistic}"{did_you_mean(statistic, get_args(Statistic))}')


def location(sample: Sample, statistic: Statistic) -> float:
    """Return the statistic of a sample's errors, percent."""
    if statistic == "median":
        return float(quantiles(sample.errors, sample.weights, HALF)[0])
    return float(_trimmed(sample, _trim(sample, statistic))[0])


def difference(baseline: Sample, candidate: Sample, statistic: Statistic, rng: np.random.Generator) -> Confidence:
    """Return the confidence distribution of candidate - baseline; `rng` is used by the median alone.

    Raises:
        SettingsError: One network has nearly all the weight of its population or stratum.
    """
    if statistic == "median":
        draws = [resampled_quantiles(sample, HALF, RESAMPLES, rng)[:, 0] for sample in (baseline, candidate)]
        estimate = location(candidate, statistic) - location(baseline, statistic)
        return Resampled(estimate, np.sort(draws[1] - draws[0]))
    first, second = (_moments(sample, _trim(sample, statistic)) for sample in (baseline, candidate))
    return second.minus(first).confidence()


def single(sample: Sample, statistic: Statistic, rng: np.random.Generator) -> Confidence:
    """Return the confidence distribution of one sample's statistic: of differences of pairs, for one."""
    if statistic == "median":
        draws = resampled_quantiles(sample, HALF, RESAMPLES, rng)[:, 0]
        return Resampled(location(sample, statistic), np.sort(draws))
    return _moments(sample, _trim(sample, statistic)).confidence()


def weighted_mean(values: Floats, sample: Sample) -> Moments:
    """Return the mean of values, one a network of the sample."""
    return _of_strata(float(sample.weights @ values), values, sample, 0.0)


def _trim(sample: Sample, statistic: Statistic) -> float:
    """Return the share of the weight that is left out at each end."""
    n = sample.errors.size
    return math.floor(TRIM * n + TIE) / n if statistic == "trimmed_mean" else 0.0


def _moments(sample: Sample, trim: float) -> Moments:
    """Return the trimmed mean."""
    estimate, winsorised = _trimmed(sample, trim)
    return _of_strata(estimate, winsorised, sample, trim)


def _trimmed(sample: Sample, trim: float) -> tuple[float, Floats]:
    """Return the trimmed mean and the Winsorised errors: those beyond the outermost that are kept set to these."""
    high = np.cumsum(sample.weights)
    kept = np.minimum(high, 1 - trim) - np.maximum(high - sample.weights, trim)
    inside = np.flatnonzero(kept > TIE)
    kept = np.where(kept > TIE, kept, 0.0)
    first, last = sample.errors[inside[0]], sample.errors[inside[-1]]
    return float(kept @ sample.errors / kept.sum()), np.clip(sample.errors, first, last)


def _of_strata(estimate: float, values: Floats, sample: Sample, trim: float) -> Moments:
    """Return a (trimmed) mean with what each stratum adds to its cumulants."""
    _, where = np.unique(sample.strata, return_inverse=True)
    mass, squares = (np.bincount(where, sample.weights**power) for power in (1, 2))
    size = (1 - 2 * trim) * mass**2 / squares
    if size.min() < LEAST_SIZE:
        raise SettingsError(
            f"weights must spread over at least 2 networks of each stratum; one network has nearly all of it, "
            f"effective size {size.min():.3g}"
        )
    centre = np.bincount(where, sample.weights * values) / mass
    deviations = sample.weights * (values - centre[where]) / (1 - 2 * trim)
    return Moments(
        estimate,
        variances=size / (size - 1) * np.bincount(where, deviations**2),
        degrees=size - 1,
        thirds=np.asarray(np.bincount(where, deviations**3 * (trim > 0)), dtype=np.float64),  # a mean's is not used
    )
