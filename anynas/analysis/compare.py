"""Two arrays of errors compared."""

import numpy as np
from numpy.typing import ArrayLike

from anynas.analysis.claims import ClaimKind, make_claim
from anynas.analysis.comparison import Cases, Comparison, Facts, conclude
from anynas.analysis.contrasts import Apart, make_pairs
from anynas.analysis.estimands import Statistic
from anynas.analysis.samples import make_sample
from anynas.errors import SettingsError

ERROR_RANGE = (0.0, 100.0)  # percent: what a trial that failed might have had
SIDES = ("baseline", "candidate")


def compare(
    baseline: ArrayLike,
    candidate: ArrayLike,
    *,
    claim: ClaimKind | None = None,
    margin: float | None = None,
    alpha: float = 0.05,
    statistic: Statistic = "trimmed_mean",
    paired: bool = False,
    weights: tuple[ArrayLike | None, ArrayLike | None] | None = None,
    missing: tuple[int, int] = (0, 0),
    error_range: tuple[float, float] = ERROR_RANGE,
    seed: int = 0,
) -> Comparison:
    """Compare two populations of errors; nothing is held fixed but by the weights given.

    Args:
        baseline: Shape (n,), percent, at least two, all finite.
        candidate: Shape (m,), likewise; m = n if paired.
        claim: "improves", "no_effect" (needs margin), or None.
        margin: The least difference that would matter, in points of error, above 0.
        alpha: The level: intervals are 1 - alpha, one-sided bounds too.
        statistic: Whose difference is claimed: "trimmed_mean" (10 %), "mean", "median".
        paired: Whether the i-th of both are one pair; then the statistic is that of the differences of pairs.
        weights: Of baseline and of candidate, shapes (n,) and (m,), None for equal ones.
        missing: Trials that failed, of baseline and of candidate; bounds are the best and the worst that they allow.
        error_range: Between which a failed trial's error would have been.
        seed: Fixes all resampling.

    Raises:
        SettingsError: Any of these is not as it must be.
    """
    if paired:
        if weights is not None or any(missing):
            raise SettingsError("paired populations take neither weights nor missing trials; leave them out")
        seen = make_pairs(baseline, candidate)
        cases = Cases(seen=seen, best=seen, worst=seen)
    else:
        cases = _unpaired(baseline, candidate, weights, missing, error_range)
    weighted = weights is not None
    facts = Facts(
        missing=missing,
        paired=paired,
        control="weights" if weighted else "none",
        method="weights" if weighted else "none",
        held="the weights given" if weighted else "all but one thing, by pairs" if paired else "nothing",
    )
    checked = make_claim(claim, margin)
    return conclude(cases, facts, claim=checked, alpha=alpha, statistic=statistic, seed=seed)


def _unpaired(
    baseline: ArrayLike,
    candidate: ArrayLike,
    weights: tuple[ArrayLike | None, ArrayLike | None] | None,
    missing: tuple[int, int],
    error_range: tuple[float, float],
) -> Cases:
    given = (None, None) if weights is None else tuple(weights)
    if len(given) != 2:
        raise SettingsError(f"weights must be two lists, the baseline's and the candidate's; got {len(given)}")
    if min(missing) < 0 or (any(missing) and weights is not None):
        raise SettingsError(
            f"missing must be two counts of at least 0, and 0 with weights; got {missing}; a table of trials knows "
            "what failed ones weigh: see compare_populations"
        )
    errors = tuple(np.asarray(x, dtype=np.float64) for x in (baseline, candidate))
    samples = [make_sample(x, w, name=n) for x, w, n in zip(errors, given, SIDES, strict=True)]
    seen = Apart(*samples)
    if not any(missing):
        return Cases(seen=seen, best=seen, worst=seen)
    best, worst = (
        Apart(
            *(
                make_sample(np.append(x, np.full(count, value)), name=name)
                for x, count, value, name in zip(errors, missing, values, SIDES, strict=True)
            )
        )
        for values in (error_range[::-1], error_range)  # the candidate's failed trials perfect, then hopeless
    )
    return Cases(seen=seen, best=best, worst=worst)
