"""A population's errors as the statistics take them: checked once, with weights that sum to 1, and strata.

Strata are groups of networks whose joint weight a control fixes (bins of complexity): what varies from draw to draw is
then what varies within them. Without a control all networks are one stratum.
"""

import dataclasses

import numpy as np
from numpy.typing import ArrayLike, NDArray

from anynas.errors import SettingsError

Floats = NDArray[np.float64]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sample:
    """Networks drawn from one law; all arrays have shape (n,)."""

    errors: Floats  # percent, in increasing order
    weights: Floats  # above 0, their sum is 1
    strata: NDArray[np.int64]  # which stratum each belongs to
    plain: bool  # whether all weigh alike and are one stratum

    @property
    def effective_size(self) -> float:
        """Kish's: how many networks of equal weight have as much noise in their mean; n without weights."""
        return float(1 / np.sum(self.weights**2))


def make_sample(
    errors: ArrayLike, weights: ArrayLike | None = None, strata: ArrayLike | None = None, *, name: str
) -> Sample:
    """Return a sample of at least two networks; those without weight are left out.

    Args:
        errors: Shape (n,), percent.
        weights: Shape (n,), at least 0, not all 0; None weighs all alike.
        strata: Shape (n,), whole numbers; None makes one stratum.
        name: What the population is called in errors: "baseline", "candidate".

    Raises:
        SettingsError: Fewer than two networks, an error that is no finite number, weights that are no shares.
    """
    values = np.asarray(errors, dtype=np.float64)
    if values.ndim != 1 or not np.isfinite(values).all():
        raise SettingsError(
            f"{name}: errors must be a list of finite numbers; got shape {values.shape}, "
            f"{np.isnan(values).sum()} NaN, {np.isinf(values).sum()} infinite; "
            "a network that diverged has the error of chance, one that failed is counted as missing"
        )
    masses = checked_weights(weights, values) if values.size else values
    groups = np.zeros(values.size, dtype=np.int64) if strata is None else np.asarray(strata, dtype=np.int64)
    order = np.argsort(values, kind="stable")
    order = order[masses[order] > 0]
    if order.size < 2:
        raise SettingsError(f"{name}: a population must have at least 2 networks; got {order.size}; train more of it")
    values, masses, groups = values[order], masses[order], groups[order]
    if np.ptp(masses) <= 1e-12 * masses.max():
        masses = np.ones_like(masses)  # equal but for rounding: exactly what no weights give
    return Sample(
        errors=values,
        weights=masses / masses.sum(),
        strata=groups,
        plain=bool(np.ptp(masses) == 0 and np.ptp(groups) == 0),
    )


def checked_errors(errors: ArrayLike) -> Floats:
    """Return errors as an array of shape (n,); infinite ones may be among them.

    Raises:
        SettingsError: There are none, one is NaN, or they are no list.
    """
    values = np.asarray(errors, dtype=np.float64)
    if values.ndim != 1 or values.size == 0 or np.isnan(values).any():
        raise SettingsError(
            f"errors must be a list of at least one number, none NaN; got shape {values.shape}, "
            f"{np.isnan(values).sum()} NaN"
        )
    return values


def checked_weights(weights: ArrayLike | None, values: Floats) -> Floats:
    """Return weights as an array of the shape of the values; None becomes ones.

    Raises:
        SettingsError: They are not one a network, one is below 0 or infinite, or all are 0.
    """
    masses = np.ones_like(values) if weights is None else np.asarray(weights, dtype=np.float64)
    if masses.shape != values.shape or not (np.isfinite(masses).all() and (masses >= 0).all() and masses.sum() > 0):
        raise SettingsError(
            f"weights must be one a network, at least 0 and not all 0; got shape {masses.shape} for {values.shape}, "
            f"sum {masses.sum():g}"
        )
    return masses


def check_alpha(alpha: float) -> None:
    """Raise SettingsError unless 0 < alpha < 0.5."""
    if not 0 < alpha < 0.5:
        raise SettingsError(f"alpha must lie between 0 and 0.5, the usual one is 0.05; got {alpha:g}")
