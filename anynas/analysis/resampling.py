"""The bootstrap: populations drawn anew from a population, with replacement, within its strata.

Resamples come as weights, never as copies of errors: a network drawn twice weighs twice as much. Of a plain sample,
one quantile needs no resample at all: the k-th least of n draws from F_n is F_n's quantile at the k-th least of n
uniform numbers, whose law is beta(k, n - k + 1). So the bootstrap's exact law costs two beta numbers a draw.
"""

import math
from collections.abc import Iterator

import numpy as np

from anynas.analysis.samples import Floats, Sample

RESAMPLES = 2_000
CELLS = 4_000_000  # numbers held at once
CELLS_IN_ALL = 20_000_000  # resamples times networks; beyond, a population has fewer resamples, but FEWEST
FEWEST = 300
TIE = 1e-12  # shares that differ by less are equal


def affordable(resamples: int, n: int) -> int:
    """Return how many resamples of n networks are drawn where so many are asked for: fewer of huge populations."""
    return min(resamples, max(FEWEST, CELLS_IN_ALL // n))


def resampled_weights(sample: Sample, resamples: int, rng: np.random.Generator) -> Iterator[Floats]:
    """Yield blocks of shape (r, n): weights of as many bootstrap populations as are `affordable`, each summing to 1."""
    n = sample.errors.size
    members = [np.flatnonzero(sample.strata == stratum) for stratum in np.unique(sample.strata)]
    resamples, block = affordable(resamples, n), max(1, CELLS // n)
    for start in range(0, resamples, block):
        rows = min(block, resamples - start)
        drawn = np.empty((rows, n))
        for member in members:
            drawn[:, member] = rng.multinomial(member.size, np.full(member.size, 1 / member.size), size=rows)
        drawn *= sample.weights
        yield drawn / drawn.sum(axis=1, keepdims=True)


def resampled_quantiles(sample: Sample, shares: Floats, resamples: int, rng: np.random.Generator) -> Floats:
    """Return the quantiles of bootstrap populations, shape (resamples, number of shares).

    Draws of two populations are subtracted row by row, so a weighted one repeats its own where it has fewer.
    """
    if not sample.plain:
        blocks = resampled_weights(sample, resamples, rng)
        drawn_anew = np.concatenate([quantiles(sample.errors, drawn, shares) for drawn in blocks])
        return np.asarray(np.resize(drawn_anew, (resamples, shares.size)))
    return np.stack([_beta_quantiles(sample.errors, share, resamples, rng) for share in shares], axis=1)


def quantiles(errors: Floats, weights: Floats, shares: Floats) -> Floats:
    """Return the errors that `shares` of the weight lie below: the EDF's inverse, the mean of both ends of a step.

    At one half this is the median as everybody computes it; numpy calls it averaged_inverted_cdf.

    Args:
        errors: Shape (n,), in increasing order.
        weights: Shape (..., n), each row summing to 1.
        shares: Shape (k,), between 0 and 1.

    Returns:
        Shape (..., k).
    """
    cumulative = np.cumsum(weights, axis=-1)[..., None, :]
    asked = shares[:, None]
    last = errors.size - 1
    low = np.minimum((cumulative < asked - TIE).sum(axis=-1), last)
    high = np.minimum((cumulative <= asked + TIE).sum(axis=-1), last)
    return np.asarray((errors[low] + errors[high]) / 2)


def _beta_quantiles(errors: Floats, share: float, resamples: int, rng: np.random.Generator) -> Floats:
    n = errors.size
    whole = math.isclose(n * share, round(n * share), rel_tol=0, abs_tol=n * TIE)
    k = min(max(round(n * share) if whole else math.ceil(n * share), 1), n)
    lower = rng.beta(k, n - k + 1, size=resamples)  # the k-th least of n uniform numbers
    chosen = errors[_positions(lower, n)]
    if not whole or k == n:
        return chosen
    upper = lower + (1 - lower) * rng.beta(1, n - k, size=resamples)  # the next one above it
    return np.asarray((chosen + errors[_positions(upper, n)]) / 2)


def _positions(uniform: Floats, n: int) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    return np.clip(np.ceil(uniform * n).astype(np.int64) - 1, 0, n - 1)
