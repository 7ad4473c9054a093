"""What pairs of networks say that differ in one thing alone.

*Hodges-Lehmann* is the median of all means of two differences, with the interval of the signed-rank test inverted
(normal approximation). *P(better)* is the share of pairs that the candidate wins, ties half. *P-values of EDFs*: if the
change had no effect, the two networks of a pair could be swapped; each swap is as likely, and the greatest distance
seen is ranked among those of random swaps. *Quantile differences*: pairs are resampled as pairs.
"""

import dataclasses
import math

import numpy as np
from scipy import stats

from anynas.analysis.estimands import weighted_mean
from anynas.analysis.quantile_gaps import SHARES, QuantileGap, make_gaps
from anynas.analysis.ranks import Interval, share_interval
from anynas.analysis.resampling import CELLS, RESAMPLES, quantiles
from anynas.analysis.samples import Floats, Sample


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SwapPValues:
    """P-values of "swapping changes nothing"."""

    distance: float
    baseline_lead: float
    candidate_lead: float


def hodges_lehmann(differences: Sample, alpha: float) -> Interval:
    """Return the median of the means of all pairs of differences, each with itself too."""
    values = differences.errors
    n = values.size
    rows, columns = np.triu_indices(n)
    means = np.sort((values[rows] + values[columns]) / 2)
    spread = math.sqrt(n * (n + 1) * (2 * n + 1) / 24)
    outside = math.floor(means.size / 2 - stats.norm.ppf(1 - alpha / 2) * spread)
    k = max(outside, 0)
    return Interval(float(np.median(means)), float(means[k]), float(means[means.size - 1 - k]))


def prob_better(differences: Sample, alpha: float) -> Interval:
    """Return the share of pairs in which the candidate's error is lower, ties half."""
    won = np.where(differences.errors < 0, 1.0, np.where(differences.errors == 0, 0.5, 0.0))
    spread = weighted_mean(won, differences).confidence()
    return share_interval(spread.estimate, spread, differences.errors.size, alpha)


def swap_pvalues(errors: Floats, rng: np.random.Generator) -> SwapPValues:
    """Return p-values of the EDFs' distance and leads, from random swaps within pairs; errors: shape (pairs, 2)."""
    n = len(errors)
    order = np.argsort(errors, axis=None, kind="stable")
    ends = np.append(np.diff(errors.ravel()[order]) > 0, True)
    seen = _leads(np.ones((1, n)), order, ends)[0]
    block = max(1, CELLS // (2 * n))
    drawn = np.concatenate(
        [
            _leads(rng.choice([-1.0, 1.0], size=(min(block, RESAMPLES - start), n)), order, ends)
            for start in range(0, RESAMPLES, block)
        ]
    )
    reached = [drawn.max(axis=1) >= seen.max() - 1e-9, *(drawn >= seen - 1e-9).T]
    distance, baseline, candidate = ((1 + int(r.sum())) / (1 + RESAMPLES) for r in reached)
    return SwapPValues(distance=distance, baseline_lead=baseline, candidate_lead=candidate)


def quantile_gaps(errors: Floats, alpha: float, rng: np.random.Generator) -> tuple[QuantileGap, ...]:
    """Return the differences of the two populations at quantiles; errors: shape (pairs, 2)."""
    n, shares = len(errors), np.asarray(SHARES)
    orders = [np.argsort(errors[:, side], kind="stable") for side in (0, 1)]

    def gaps(weights: Floats) -> Floats:
        ends = [quantiles(errors[order, side], weights[:, order], shares) for side, order in enumerate(orders)]
        return np.asarray(ends[1] - ends[0])

    block = max(1, CELLS // n)
    draws = np.concatenate(
        [
            gaps(rng.multinomial(n, np.full(n, 1 / n), size=min(block, RESAMPLES - start)) / n)
            for start in range(0, RESAMPLES, block)
        ]
    )
    return make_gaps(SHARES, gaps(np.full((1, n), 1 / n))[0], draws, alpha)


def _leads(signs: Floats, order: np.ndarray[tuple[int, ...], np.dtype[np.int64]], ends: Floats) -> Floats:
    """Return the greatest leads of baseline and candidate, shape (r, 2), where a sign of -1 swaps a pair."""
    steps = np.stack([-signs, signs], axis=-1).reshape(len(signs), -1)[:, order]  # each network's side
    heights = np.cumsum(steps, axis=1)[:, ends] / signs.shape[1]
    return np.asarray(np.maximum(np.stack([-heights.min(axis=1), heights.max(axis=1)], axis=1), 0.0))
