"""Two populations of one table of trials compared, with what was held fixed."""

from collections.abc import Hashable, Iterable, Mapping
from typing import TYPE_CHECKING, get_args

import numpy as np

from anynas.analysis.claims import ClaimKind, make_claim
from anynas.analysis.compare import ERROR_RANGE
from anynas.analysis.comparison import Comparison, Facts, conclude
from anynas.analysis.controls import Arm, Control, Method, controlled
from anynas.analysis.estimands import Statistic
from anynas.analysis.normalising import NUM_BINS
from anynas.analysis.rates import RateComparison, compare_rates
from anynas.errors import SettingsError, did_you_mean

if TYPE_CHECKING:
    import pandas as pd

Band = tuple[float, float]  # (low, high), both included


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
    _check_choice("control", control, get_args(Control))
    _check_choice("method", method, get_args(Method))
    if paired and control != "none":
        raise SettingsError(f'pairs hold all but one thing fixed; got control "{control}" too; leave one of them out')
    checked = make_claim(claim, margin)
    given = {"flops": flops, "params": params, "activations": activations}
    bands = {name: band for name, band in given.items() if band is not None}
    needed = [by, column, *bands]
    _check_columns(table, [*needed, *([] if control == "none" else [control]), *([pair_by] if paired else [])])
    rows = [_rows(table, by, value, bands) for value in (baseline, candidate)]
    if paired:
        rows = _in_pairs(rows, pair_by)
    arms = [_arm(part, column, control, str(value)) for part, value in zip(rows, (baseline, candidate), strict=True)]
    cases, held = controlled(
        arms[0], arms[1], control=control, method=method, num_bins=num_bins, error_range=error_range, paired=paired
    )
    sentences = [f"{name} {low:g} to {high:g}" for name, (low, high) in bands.items()]
    facts = Facts(
        baseline=arms[0].name,
        candidate=arms[1].name,
        missing=held.missing,
        paired=paired,
        control=control if control != "none" or not bands else ", ".join(f"{name} band" for name in bands),
        method=held.method,
        held=", ".join([*([held.sentence] if held.sentence else []), *sentences]) or "nothing",
        divergence=_divergence(rows, alpha),
    )
    return conclude(cases, facts, claim=checked, alpha=alpha, statistic=statistic, seed=seed)


def _check_choice(what: str, choice: str, known: Iterable[str]) -> None:
    if choice not in (choices := tuple(known)):
        raise SettingsError(f'unknown {what} "{choice}"{did_you_mean(str(choice), choices)}')


def _check_columns(table: "pd.DataFrame", names: Iterable[str]) -> None:
    for name in names:
        if name not in table.columns:
            known = did_you_mean(str(name), [str(column) for column in table.columns])
            raise SettingsError(f'the table has no column "{name}"{known}')


def _rows(table: "pd.DataFrame", by: str, value: Hashable, bands: Mapping[str, Band]) -> "pd.DataFrame":
    """Return a population's rows within bands."""
    rows = table[table[by] == value]
    if rows.empty:
        known = did_you_mean(str(value), {str(name) for name in table[by]})
        raise SettingsError(f'no trial has {by} "{value}"{known}')
    for name, (low, high) in bands.items():
        rows = rows[(rows[name] >= low) & (rows[name] <= high)]
    if "state" in rows and (pruned := int((rows["state"] == "pruned").sum())):
        raise SettingsError(f'{by} "{value}": populations must not be pruned, their errors are not final; got {pruned}')
    return rows


def _in_pairs(rows: "list[pd.DataFrame]", pair_by: str) -> "list[pd.DataFrame]":
    """Return the rows of both populations in one order, pair by pair."""
    indexed = [part.set_index(pair_by, drop=False).sort_index() for part in rows]
    for part in indexed:
        if not part.index.is_unique:
            again = part.index[part.index.duplicated()][0]
            raise SettingsError(f'"{pair_by}" must name each pair once in a population; {again} comes again')
    if not indexed[0].index.equals(indexed[1].index):
        alone = indexed[0].index.symmetric_difference(indexed[1].index)
        raise SettingsError(
            f'each pair must have a trial in both populations; {len(alone)} values of "{pair_by}" are in one alone, '
            f"the first {alone[0]}"
        )
    return indexed


def _arm(rows: "pd.DataFrame", column: str, control: Control, name: str) -> Arm:
    errors = rows[column].to_numpy(dtype=np.float64, na_value=np.nan)
    failed = (rows["state"] == "failed").to_numpy() if "state" in rows else np.zeros(len(rows), dtype=np.bool_)
    if strange := int((~np.isfinite(errors[~failed])).sum()):
        raise SettingsError(
            f'{name}: errors must be finite numbers, but for trials whose state is "failed"; got {strange} that are '
            f"not, of {len(rows)}; a network that diverged has the error of chance"
        )
    complexity = np.ones(len(rows)) if control == "none" else rows[control].to_numpy(dtype=np.float64)
    return Arm(name=name, errors=np.where(failed, np.nan, errors), complexity=complexity)


def _divergence(rows: "list[pd.DataFrame]", alpha: float) -> RateComparison | None:
    """Return the rates of divergence of complete trials; None where reasons are not known."""
    if not all("reason" in part for part in rows):
        return None
    complete = [part[part["state"] != "failed"] if "state" in part else part for part in rows]
    baseline, candidate = ((int((part["reason"] == "diverged").sum()), len(part)) for part in complete)
    return compare_rates(baseline, candidate, alpha=alpha) if baseline[1] and candidate[1] else None
