"""How often networks of two populations diverge, compared on their own: the error statistics are made not to see it.

Fisher's exact test, and Newcombe's interval of the difference (1998, method 10), which is made of both rates' Wilson
intervals and holds at rates near 0 too.
"""

import dataclasses
import math

from scipy import stats

from anynas.analysis.samples import check_alpha
from anynas.errors import SettingsError


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RateComparison:
    """Two rates, as shares of networks."""

    baseline: float
    candidate: float
    n_baseline: int
    n_candidate: int
    difference: float  # candidate - baseline
    ci_low: float
    ci_high: float
    pvalue: float  # of "one rate", exact


def compare_rates(baseline: tuple[int, int], candidate: tuple[int, int], *, alpha: float = 0.05) -> RateComparison:
    """Return the difference of two rates with its 1 - alpha interval.

    Args:
        baseline: How many diverged, of how many.
        candidate: Likewise.
        alpha: What the interval leaves out, half on each side.

    Raises:
        SettingsError: A count is below 0 or above its number, or alpha is out of range.
    """
    check_alpha(alpha)
    for name, (count, number) in (("baseline", baseline), ("candidate", candidate)):
        if not (0 <= count <= number and number >= 1):
            raise SettingsError(
                f"{name}: a count must lie between 0 and its number of networks; got {count} of {number}"
            )
    rates, lows, highs = [], [], []
    for count, number in (baseline, candidate):
        interval = stats.binomtest(count, number).proportion_ci(1 - alpha, method="wilson")
        rates.append(count / number)
        lows.append(float(interval.low))
        highs.append(float(interval.high))
    gap = rates[1] - rates[0]
    table = [[count, number - count] for count, number in (baseline, candidate)]
    return RateComparison(
        baseline=rates[0],
        candidate=rates[1],
        n_baseline=baseline[1],
        n_candidate=candidate[1],
        difference=gap,
        ci_low=max(gap - math.hypot(rates[1] - lows[1], highs[0] - rates[0]), -1.0),
        ci_high=min(gap + math.hypot(highs[1] - rates[1], rates[0] - lows[0]), 1.0),
        pvalue=float(stats.fisher_exact(table).pvalue),
    )
