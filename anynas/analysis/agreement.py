"""Whether two measurements of the same networks put them in the same order: Spearman's rank correlation.

The interval is Fisher's z with the standard error of Bonett and Wright (2000), sqrt((1 + r^2 / 2) / (n - 3)). The z of
a correlation of 1 is infinite; there it stops at what one exchange of neighbours would leave.
"""

import dataclasses
import math

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from anynas.analysis.samples import check_alpha
from anynas.errors import SettingsError

LEAST = 5  # networks, below which the interval means nothing


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RankCorrelation:
    """Spearman's rank correlation with its 1 - alpha interval; equal errors share their mean rank."""

    n: int
    estimate: float
    low: float
    high: float


def rank_correlation(first: ArrayLike, second: ArrayLike, *, alpha: float = 0.05) -> RankCorrelation:
    """Return how far two measurements agree in their order.

    Args:
        first: Shape (n,), one value a network.
        second: Shape (n,), the same networks in the same order.
        alpha: What the interval leaves out, half on each side.

    Raises:
        SettingsError: Too few networks, values that are no finite numbers, or all equal.
    """
    check_alpha(alpha)
    pair = [np.asarray(values, dtype=np.float64) for values in (first, second)]
    n = pair[0].size
    if any(values.shape != (n,) or not np.isfinite(values).all() for values in pair) or n < LEAST:
        raise SettingsError(
            f"a rank correlation needs two finite values of each of at least {LEAST} networks; got shapes "
            f"{pair[0].shape} and {pair[1].shape}"
        )
    if any(np.ptp(values) == 0 for values in pair):
        raise SettingsError("a rank correlation needs networks that differ; all values of one measurement are equal")
    estimate = float(stats.spearmanr(*pair).statistic)
    nearest = 1 - 6 * 2 / (n * (n**2 - 1))  # one exchange of neighbours in n ranks
    middle = math.atanh(float(np.clip(estimate, -nearest, nearest)))
    reach = stats.norm.ppf(1 - alpha / 2) * math.sqrt((1 + estimate**2 / 2) / (n - 3))
    low, high = math.tanh(middle - reach), math.tanh(middle + reach)
    return RankCorrelation(n=n, estimate=estimate, low=min(low, estimate), high=max(high, estimate))
