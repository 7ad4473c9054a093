"""Weights that let two populations be compared as if they had the same complexities.

arXiv 1905.13214, section 3: complexity is cut into bins, and a network weighs 1 / (its bin's count) / (number of
bins). Bins here are equally wide in log complexity between the ends of the range that both populations reach. Where a
bin holds fewer than five networks of either, it is joined with the next, so that each stratum has a variance.
"""

import numpy as np
from numpy.typing import ArrayLike

from anynas.analysis.samples import Floats
from anynas.errors import SettingsError

NUM_BINS = 10
LEAST = 5  # networks of each population in a bin


def complexity_weights(complexity: ArrayLike, edges: ArrayLike) -> Floats:
    """Return weights, shape (n,), that sum to 1 and make all bins that hold networks weigh alike.

    Args:
        complexity: Shape (n,): flops, params or activations, above 0.
        edges: Shape (k + 1,), increasing; bins hold their lower edge, the last its upper one too. Networks outside
            all bins weigh 0.

    Raises:
        SettingsError: No network lies within a bin, or a complexity is not above 0.
    """
    values = checked_complexity(complexity, "population")
    strata = bin_of(values, np.asarray(edges, dtype=np.float64))
    counts = np.bincount(strata[strata >= 0])
    if not counts.any():
        raise SettingsError(
            f"at least one network must lie within the bins; got complexities {values.min():g} to {values.max():g}"
        )
    weights = np.zeros_like(values)
    weights[strata >= 0] = 1 / counts[strata[strata >= 0]] / np.count_nonzero(counts)
    return weights


def common_range(baseline: Floats, candidate: Floats, what: str) -> tuple[float, float]:
    """Return the range of complexity that both populations reach.

    Raises:
        SettingsError: It is empty, or holds fewer than two networks of either.
    """
    low, high = max(baseline.min(), candidate.min()), min(baseline.max(), candidate.max())
    inside = [int(((low <= x) & (x <= high)).sum()) for x in (baseline, candidate)]
    if low > high or min(inside) < 2:
        raise SettingsError(
            f"a control for {what} needs at least 2 networks of each population in the range of {what} that both "
            f"reach; baseline has {baseline.min():g} to {baseline.max():g}, candidate {candidate.min():g} to "
            f"{candidate.max():g}; compare within one band, or without this control"
        )
    return float(low), float(high)


def shared_bins(baseline: Floats, candidate: Floats, low: float, high: float, num_bins: int = NUM_BINS) -> Floats:
    """Return the edges of bins from low to high, of which each holds enough of both populations.

    Args:
        baseline: Shape (n,), complexities.
        candidate: Shape (m,), complexities.
        low: The first edge, above 0.
        high: The last.
        num_bins: How many there would be if none had to be joined.
    """
    if not low < high:
        return np.array([low, high])
    fine = np.geomspace(low, high, num_bins + 1)
    fine[[0, -1]] = low, high  # exactly
    counts = [np.bincount(x[x >= 0], minlength=num_bins) for x in (bin_of(y, fine) for y in (baseline, candidate))]
    edges, held = [low], np.zeros(2, dtype=np.int64)
    for k in range(num_bins):
        held += [count[k] for count in counts]
        if held.min() >= LEAST:
            edges.append(float(fine[k + 1]))
            held[:] = 0
    if len(edges) == 1:
        return np.array([low, high])
    return np.array([*edges[:-1], high])  # what is left over at the end joins the last bin


def bin_of(complexity: Floats, edges: Floats) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    """Return each network's bin from 0, -1 outside all; shape (n,)."""
    where = np.searchsorted(edges, complexity, "right") - 1
    where[complexity == edges[-1]] = edges.size - 2
    where[(complexity < edges[0]) | (complexity > edges[-1])] = -1
    return where


def checked_complexity(complexity: ArrayLike, name: str) -> Floats:
    """Return complexities as an array of shape (n,).

    Raises:
        SettingsError: One is not a number above 0.
    """
    values = np.asarray(complexity, dtype=np.float64)
    if values.ndim != 1 or values.size == 0 or not (np.isfinite(values) & (values > 0)).all():
        raise SettingsError(f"{name}: complexities must be a list of numbers above 0; got {values[:5].tolist()}")
    return values
