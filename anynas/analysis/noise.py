"""How much of the errors' variance is the seed's and how much the architecture's, from architectures trained again.

One-way random effects: error = mean + architecture + seed. The components are those of the analysis of variance, for
unequal numbers of repeats with n_0 = (N - sum n_i^2 / N) / (k - 1) (Searle 1971). Intervals assume normal seed noise
(chi^2 for its sd, F for the share; the latter is exact for equal repeats): leave trials that diverged out.
"""

import dataclasses
import math

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from anynas.analysis.samples import check_alpha
from anynas.errors import SettingsError


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SeedNoise:
    """Components of variance; sds are in points of error."""

    n_trials: int
    n_architectures: int
    seed_sd: float  # of one architecture over seeds
    seed_sd_low: float
    seed_sd_high: float
    architecture_sd: float  # of the architectures' own errors; 0 if seeds explain all that is seen
    architecture_share: float  # of the variance of one trial
    architecture_share_low: float
    architecture_share_high: float
    pvalue: float  # of "architectures do not differ", by F


def seed_noise(errors: ArrayLike, architectures: ArrayLike, *, alpha: float = 0.05) -> SeedNoise:
    """Return the components of variance.

    Args:
        errors: Shape (n,), percent, one a trial.
        architectures: Shape (n,), which architecture each trial trained, such as its network_key.
        alpha: What the intervals leave out, half on each side.

    Raises:
        SettingsError: No architecture was trained twice, there is but one, or an error is no finite number.
    """
    check_alpha(alpha)
    values, keys = np.asarray(errors, dtype=np.float64), np.asarray(architectures)
    if values.ndim != 1 or keys.shape != values.shape or not np.isfinite(values).all():
        raise SettingsError(
            f"errors must be finite, one a trial with its architecture; got shape {values.shape} for {keys.shape}, "
            f"{(~np.isfinite(values)).sum()} not finite"
        )
    names, where, repeats = np.unique(keys, return_inverse=True, return_counts=True)
    n, k = values.size, names.size
    if not 2 <= k < n:
        raise SettingsError(
            f"at least 2 architectures are needed, one of them trained twice; got {n} trials of {k}; "
            "train some again with other seeds"
        )
    means = np.bincount(where, values) / repeats
    within = float(((values - means[where]) ** 2).sum())
    between = float((repeats * (means - values.mean()) ** 2).sum())
    noise, effect = within / (n - k), between / (k - 1)
    typical = (n - float((repeats**2).sum()) / n) / (k - 1)
    component = max((effect - noise) / typical, 0.0)
    ratio = effect / noise if noise > 0 else (math.inf if effect > 0 else 1.0)
    low, high = (_share(ratio / stats.f.ppf(p, k - 1, n - k), typical) for p in (1 - alpha / 2, alpha / 2))
    return SeedNoise(
        n_trials=n,
        n_architectures=k,
        seed_sd=math.sqrt(noise),
        seed_sd_low=math.sqrt(within / stats.chi2.ppf(1 - alpha / 2, n - k)),
        seed_sd_high=math.sqrt(within / stats.chi2.ppf(alpha / 2, n - k)),
        architecture_sd=math.sqrt(component),
        architecture_share=_share(ratio, typical),
        architecture_share_low=low,
        architecture_share_high=high,
        pvalue=float(stats.f.sf(ratio, k - 1, n - k)),
    )


def _share(ratio: float, repeats: float) -> float:
    """Return the architectures' share of the variance that a ratio of mean squares stands for."""
    return 1.0 if math.isinf(ratio) else max((ratio - 1) / (ratio + repeats - 1), 0.0)
