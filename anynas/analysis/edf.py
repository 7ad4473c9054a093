"""The error empirical distribution function of a population: F(e) = sum of w_i over trials with error e_i <= e.

Exact at every error, never on a grid. Source: arXiv 1905.13214, section 3; arXiv 2003.13678, section 3.1.
"""

import dataclasses

import numpy as np
from numpy.typing import ArrayLike, NDArray

from anynas.analysis.samples import checked_errors, checked_weights
from anynas.notebook import html_of


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class EDF:
    """A step function, continuous from the right."""

    errors: NDArray[np.float64]  # distinct, in increasing order, percent
    cumulative: NDArray[np.float64]  # share of the weight at or below each of them

    def _repr_html_(self) -> str:
        return html_of(self)

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
    values = checked_errors(errors)
    masses = checked_weights(weights, values)
    distinct, where = np.unique(values, return_inverse=True)
    cumulative = np.cumsum(np.bincount(where, weights=masses))
    return EDF(distinct, cumulative / cumulative[-1])
