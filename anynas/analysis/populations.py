"""Two populations of one table of trials compared, with what was held fixed."""

import dataclasses
from collections.abc import Hashable
from typing import TYPE_CHECKING

from anynas.analysis.claims import ClaimKind, make_claim
from anynas.analysis.compare import ERROR_RANGE
from anynas.analysis.comparison import Comparison, conclude
from anynas.analysis.controls import Control, Method
from anynas.analysis.estimands import Statistic
from anynas.analysis.normalising import NUM_BINS
from anynas.analysis.rates import RateComparison, compare_rates
from anynas.analysis.selection import Band, select_populations

if TYPE_CHECKING:
    import pandas as pd


def compare_populations(
    table: "pd.DataFrame",
    *,
    baseline: Hashable,
    candidate: Hashable,
    by: str = "space",
    control: Control = "none",
    method: Method = "weights",
    num_bins: int = NUM_BINS,
    flops: Band | None = None,
    params: Band | None = None,
    activations: Band | None = None,
    claim: ClaimKind | None = None,
    margin: float | None = None,
    alpha: float = 0.05,
    statistic: Statistic = "trimmed_mean",
    paired: bool = False,
    pair_by: str = "number",
    column: str = "error",
    error_range: Band = ERROR_RANGE,
    seed: int = 0,
) -> Comparison:
    """Compare two populations of a table of trials.

    Args:
        table: One row a trial, with the columns `by`, `column`, those of control and bands, and, where there are,
            `state` (failed trials widen the bounds) and `reason` (divergence rates are compared on their own).
        baseline: A value of column `by`.
        candidate: Another.
        by: The column that says which population a trial belongs to.
        control: What is held fixed: "flops", "params", "activations", or "none".
        method: How: "weights" make both populations equally frequent in bins of equal width in log complexity over
            the range that both reach; "regression" takes a line in log complexity out, within that range.
        num_bins: Of the weights; those with too few networks are joined.
        flops: A band: networks outside are left out. Also without a control.
        params: Likewise.
        activations: Likewise.
        claim: As for `compare`, as are margin, alpha, statistic, error_range, seed.
        margin: Of "no_effect".
        alpha: The level.
        statistic: Whose difference is claimed.
        paired: Whether rows of both populations with one value of `pair_by` are a pair.
        pair_by: The column that names pairs.
        column: The column of errors, percent.
        error_range: Between which a failed trial's error would have been.
        seed: Fixes all resampling.

    Raises:
        SettingsError: An unknown population, control, method or column; complexity ranges that do not meet; pruned
            trials, whose errors are not final; errors that are NaN; and as for `compare`.
    """
    checked = make_claim(claim, margin)
    chosen = select_populations(
        table,
        baseline=baseline,
        candidate=candidate,
        by=by,
        control=control,
        method=method,
        num_bins=num_bins,
        flops=flops,
        params=params,
        activations=activations,
        paired=paired,
        pair_by=pair_by,
        column=column,
        error_range=error_range,
    )
    facts = dataclasses.replace(chosen.facts, divergence=_divergence(chosen.rows, alpha))
    return conclude(chosen.cases, facts, claim=checked, alpha=alpha, statistic=statistic, seed=seed)


def _divergence(rows: "tuple[pd.DataFrame, pd.DataFrame]", alpha: float) -> RateComparison | None:
    """Return the rates of divergence of complete trials; None where reasons are not known."""
    if not all("reason" in part for part in rows):
        return None
    complete = [part[part["state"] != "failed"] if "state" in part else part for part in rows]
    baseline, candidate = ((int((part["reason"] == "diverged").sum()), len(part)) for part in complete)
    return compare_rates(baseline, candidate, alpha=alpha) if baseline[1] and candidate[1] else None
