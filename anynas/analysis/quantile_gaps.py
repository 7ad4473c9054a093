"""The difference of two populations at quantiles of their errors: where one is better, the good half or the bad.

Intervals are the percentile bootstrap's, each for itself at its level, not all at once.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

from anynas.analysis.resampling import RESAMPLES, quantiles, resampled_quantiles
from anynas.analysis.samples import Floats, Sample

SHARES = (0.1, 0.25, 0.5, 0.75, 0.9)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class QuantileGap:
    """candidate - baseline at one quantile, in points of error."""

    share: float  # of the networks that lie below it
    difference: float
    ci_low: float
    ci_high: float


def quantile_gaps(
    baseline: Sample,
    candidate: Sample,
    alpha: float,
    rng: np.random.Generator,
    shares: tuple[float, ...] = SHARES,
    resamples: int = RESAMPLES,
) -> tuple[QuantileGap, ...]:
    """Return the differences at quantiles, with 1 - alpha intervals."""
    asked = np.asarray(shares)
    seen = [quantiles(sample.errors, sample.weights, asked) for sample in (baseline, candidate)]
    draws = [resampled_quantiles(sample, asked, resamples, rng) for sample in (baseline, candidate)]
    return make_gaps(shares, seen[1] - seen[0], draws[1] - draws[0], alpha)


def make_gaps(shares: Sequence[float], seen: Floats, draws: Floats, alpha: float) -> tuple[QuantileGap, ...]:
    """Return gaps from those seen, shape (k,), and from resamples, shape (r, k)."""
    low, high = np.quantile(draws, [alpha / 2, 1 - alpha / 2], axis=0)
    return tuple(
        QuantileGap(share=share, difference=float(gap), ci_low=float(a), ci_high=float(b))
        for share, gap, a, b in zip(shares, seen, low, high, strict=True)
    )
