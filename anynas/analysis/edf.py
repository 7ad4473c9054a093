"""The error empirical distribution function of a population: F(e) = sum of w_i over trials with error e_i <= e.

Exact at every error, never on a grid. Source: arXiv 1905.13214, section 3; arXiv 2003.13678, section 3.1.
"""

import dataclasses

import numpy as np
from numpy.typing import ArrayLike, NDArray

from anynas.errors import SettingsError


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class EDF:
    """A step function, continuous from the right."""

    errors: NDArray[np.float64]  # distinct, in increasing order, percent
    cumulative: NDArray[np.float64]  # share of the weight at or below each of them

    def __call__(self, error: ArrayLike) -> NDArray[np.float64]:
        """Return the share of networks with an error of at most `error`, of the same shape."""
        shares = np.concatenate([[0.0], self.cumulative])
        return shares[np.searchsorted(self.errors, np.asarray(error, dtype=np.float64), side="right")]


def edf(errors: ArrayLike, weights: ArrayLike | None = None) -> EDF:
    """Return the exact EDF of a population's errors.

    Args:
        errors: Shape (n,), percent, at least one, none of them NaN.
        weights: Shape (n,), at least 0, not all 0; they need not sum to 1. None weighs all alike.

    Raises:
        SettingsError: Errors or weights are not as they must be.
    """
    values = np.asarray(errors, dtype=np.float64)
    if values.ndim != 1 or values.size == 0 or np.isnan(values).any():
        raise SettingsError(
            f"errors must be a list of at least one number, none NaN; got shape {values.shape}, "
            f"{np.isnan(values).sum()} NaN"
        )
    masses = np.ones_like(values) if weights is None else np.asarray(weights, dtype=np.float64)
    if masses.shape != values.shape or not (np.isfinite(masses).all() and (masses >= 0).all() and masses.sum() > 0):
        raise SettingsError(
            f"weights must be one a network, at least 0 and not all 0; got shape {masses.shape} for {values.shape}, "
            f"sum {masses.sum():g}"
        )
    distinct, where = np.unique(values, return_inverse=True)
    cumulative = np.cumsum(np.bincount(where, weights=masses))
    return EDF(distinct, cumulative / cumulative[-1])
