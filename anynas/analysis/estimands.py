"""The statistics of error that a claim may be about, and what two populations say about their difference.

*Trimmed mean*: the mean of the middle 80 % of the weight. Of n networks floor(n / 10) are left out at each end, as
scipy.stats.trim_mean does; with weights that share of the weight is, a network on the edge in part. Its variance is
Tukey and McLaughlin's, of the Winsorised errors, and the difference's degrees of freedom are Yuen's (1974) and
Welch's: with h = n minus those left out, h / (h - 1) sum w_i^2 (z_i - z)^2 / (1 - 2 trim)^2, which for equal weights is
Yuen's (n - 1) s_z^2 / (h (h - 1)). With strata the deviations are from a stratum's own mean. *Mean*: the same without
trimming, so Welch's interval. *Median*: the percentile bootstrap, whose law for it is exact.
"""

import math
from typing import Literal, get_args

import numpy as np

from anynas.analysis.confidence import Confidence, Resampled, Student, from_components
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
    parts = [_parts(sample, _trim(sample, statistic)) for sample in (baseline, candidate)]
    variances, degrees = (np.concatenate([part[k] for part in parts]) for k in (1, 2))
    return from_components(parts[1][0] - parts[0][0], variances, degrees)


def single(sample: Sample, statistic: Statistic, rng: np.random.Generator) -> Confidence:
    """Return the confidence distribution of one sample's statistic: of differences of pairs, for one."""
    if statistic == "median":
        draws = resampled_quantiles(sample, HALF, RESAMPLES, rng)[:, 0]
        return Resampled(location(sample, statistic), np.sort(draws))
    return from_components(*_parts(sample, _trim(sample, statistic)))


def weighted_mean(values: Floats, sample: Sample) -> tuple[float, Floats, Floats]:
    """Return the mean of values, one a network of the sample, with the variances and degrees of its strata."""
    return float(sample.weights @ values), *_variances(values, sample, 0.0)


def mean_difference(first: tuple[float, Floats, Floats], second: tuple[float, Floats, Floats]) -> Student:
    """Return the confidence distribution of the second mean less the first, each as `weighted_mean` gives it."""
    parts = (first, second)
    variances, degrees = (np.concatenate([part[k] for part in parts]) for k in (1, 2))
    return from_components(second[0] - first[0], variances, degrees)


def _trim(sample: Sample, statistic: Statistic) -> float:
    """Return the share of the weight that is left out at each end."""
    n = sample.errors.size
    return math.floor(TRIM * n + TIE) / n if statistic == "trimmed_mean" else 0.0


def _parts(sample: Sample, trim: float) -> tuple[float, Floats, Floats]:
    """Return the trimmed mean, with the variances and degrees of freedom of its strata."""
    estimate, winsorised = _trimmed(sample, trim)
    return estimate, *_variances(winsorised, sample, trim)


def _trimmed(sample: Sample, trim: float) -> tuple[float, Floats]:
    """Return the trimmed mean and the Winsorised errors: those beyond the outermost that are kept set to these."""
    high = np.cumsum(sample.weights)
    kept = np.minimum(high, 1 - trim) - np.maximum(high - sample.weights, trim)
    inside = np.flatnonzero(kept > TIE)
    kept = np.where(kept > TIE, kept, 0.0)
    first, last = sample.errors[inside[0]], sample.errors[inside[-1]]
    return float(kept @ sample.errors / kept.sum()), np.clip(sample.errors, first, last)


def _variances(values: Floats, sample: Sample, trim: float) -> tuple[Floats, Floats]:
    """Return each stratum's part of the variance of a (trimmed) mean, and its degrees of freedom."""
    _, where = np.unique(sample.strata, return_inverse=True)
    mass, squares = (np.bincount(where, sample.weights**power) for power in (1, 2))
    size = (1 - 2 * trim) * mass**2 / squares
    if size.min() < LEAST_SIZE:
        raise SettingsError(
            f"weights must spread over at least 2 networks of each stratum; one network has nearly all of it, "
            f"effective size {size.min():.3g}"
        )
    centre = np.bincount(where, sample.weights * values) / mass
    deviations = np.bincount(where, (sample.weights * (values - centre[where])) ** 2)
    return np.asarray(size / (size - 1) * deviations / (1 - 2 * trim) ** 2), np.asarray(size - 1)
