"""Bands around an EDF that hold at every error at once.

Two are on offer. Dvoretzky-Kiefer-Wolfowitz with Massart's constant: sup |F_n - F| <= sqrt(ln(2 / alpha) / 2n) with a
probability of at least 1 - alpha, whatever F (Massart 1990). The bootstrap: the 1 - alpha quantile of sup |F* - F_n|
over resampled populations, which needs no law either but holds only for large n.
"""

import dataclasses
import math
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike

from anynas.analysis.edf import edf
from anynas.analysis.resampling import RESAMPLES, resampled_weights
from anynas.analysis.samples import Floats, Sample, check_alpha, make_sample
from anynas.errors import SettingsError, did_you_mean

BandMethod = Literal["dkw", "bootstrap"]


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Band:
    """A band around an EDF; it is constant between errors, as the EDF is. All arrays have shape (k,)."""

    errors: Floats  # distinct, in increasing order, percent
    low: Floats  # share, at least 0
    high: Floats  # share, at most 1; below the first error it is `half_width`
    half_width: float  # before it is cut at 0 and 1
    level: float  # 1 - alpha: the probability that all of F lies within
    method: BandMethod


def dkw_band(errors: ArrayLike, weights: ArrayLike | None = None, *, alpha: float = 0.05) -> Band:
    """Return the simultaneous band of Dvoretzky, Kiefer, Wolfowitz and Massart.

    With weights n is Kish's effective size, and the level is then only about 1 - alpha.

    Args:
        errors: Shape (n,), percent, at least two.
        weights: Shape (n,), at least 0; None weighs all alike.
        alpha: The probability that some part of F lies outside, at most.

    Raises:
        SettingsError: Errors, weights or alpha are not as they must be.
    """
    return sample_band(make_sample(errors, weights, name="population"), alpha=alpha)


def bootstrap_band(
    errors: ArrayLike,
    weights: ArrayLike | None = None,
    *,
    alpha: float = 0.05,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Band:
    """Return the simultaneous bootstrap band; arguments and errors as for `dkw_band`."""
    sample = make_sample(errors, weights, name="population")
    return sample_band(sample, "bootstrap", alpha=alpha, resamples=resamples, seed=seed)


def sample_band(
    sample: Sample, method: BandMethod = "dkw", *, alpha: float = 0.05, resamples: int = RESAMPLES, seed: int = 0
) -> Band:
    """Return the band around a sample's EDF; the bootstrap draws anew within its strata.

    Raises:
        SettingsError: An unknown method, or alpha is out of range.
    """
    check_alpha(alpha)
    if method == "dkw":
        return _around(sample, dkw_half_width(sample.effective_size, alpha), alpha, method)
    if method != "bootstrap":
        raise SettingsError(f'unknown band "{method}"{did_you_mean(method, get_args(BandMethod))}')
    ends = np.append(np.diff(sample.errors) > 0, True)  # the last of each run of ties
    heights = np.cumsum(sample.weights)[ends]
    greatest = [
        np.abs(np.cumsum(drawn, axis=1)[:, ends] - heights).max(axis=1)
        for drawn in resampled_weights(sample, resamples, np.random.default_rng(seed))
    ]
    return _around(sample, float(np.quantile(np.concatenate(greatest), 1 - alpha)), alpha, method)


def dkw_half_width(n: float, alpha: float) -> float:
    """Return sqrt(ln(2 / alpha) / 2n)."""
    return math.sqrt(math.log(2 / alpha) / (2 * n))


def _around(sample: Sample, half_width: float, alpha: float, method: BandMethod) -> Band:
    distribution = edf(sample.errors, sample.weights)
    return Band(
        errors=distribution.errors,
        low=np.clip(distribution.cumulative - half_width, 0.0, 1.0),
        high=np.clip(distribution.cumulative + half_width, 0.0, 1.0),
        half_width=half_width,
        level=1 - alpha,
        method=method,
    )
