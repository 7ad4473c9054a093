"""Which rows of a table are compared, and under which control: what a comparison and its panel have in common."""

import dataclasses
from collections.abc import Hashable, Iterable, Mapping
from typing import TYPE_CHECKING, get_args

import numpy as np

from anynas.analysis.compare import ERROR_RANGE
from anynas.analysis.comparison import Cases, Facts
from anynas.analysis.controls import Arm, Control, Method, between, controlled
from anynas.analysis.normalising import NUM_BINS
from anynas.errors import SettingsError, did_you_mean

if TYPE_CHECKING:
    import pandas as pd

Band = tuple[float, float]  # (low, high), both included


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Selection:
    """Two populations of a table, set against each other."""

    rows: "tuple[pd.DataFrame, pd.DataFrame]"  # of baseline and candidate, within the bands
    cases: Cases
    facts: Facts  # but for rates of divergence


def select_populations(
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
    paired: bool = False,
    pair_by: str = "number",
    column: str = "error",
    error_range: Band = ERROR_RANGE,
) -> Selection:
    """Return two populations of a table; arguments and errors as for `compare_populations`."""
    _check_choice("control", control, get_args(Control))
    _check_choice("method", method, get_args(Method))
    if paired and control != "none":
        raise SettingsError(f'pairs hold all but one thing fixed; got control "{control}" too; leave one of them out')
    given = {"flops": flops, "params": params, "activations": activations}
    bands = {name: band for name, band in given.items() if band is not None}
    needed = [by, column, *bands]
    _check_columns(table, [*needed, *([] if control == "none" else [control]), *([pair_by] if paired else [])])
    rows = (_rows(table, by, baseline, bands), _rows(table, by, candidate, bands))
    if paired:
        rows = _in_pairs(rows, pair_by)
    arms = [_arm(part, column, control, str(value)) for part, value in zip(rows, (baseline, candidate), strict=True)]
    cases, held = controlled(
        arms[0], arms[1], control=control, method=method, num_bins=num_bins, error_range=error_range, paired=paired
    )
    sentences = [between(name, low, high) for name, (low, high) in bands.items()]
    facts = Facts(
        baseline=arms[0].name,
        candidate=arms[1].name,
        missing=held.missing,
        paired=paired,
        control=control if control != "none" or not bands else ", ".join(f"{name} band" for name in bands),
        method=held.method,
        held=", ".join([*([held.sentence] if held.sentence else []), *sentences]) or "nothing",
    )
    return Selection(rows=rows, cases=cases, facts=facts)


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


def _in_pairs(rows: "tuple[pd.DataFrame, pd.DataFrame]", pair_by: str) -> "tuple[pd.DataFrame, pd.DataFrame]":
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
    return indexed[0], indexed[1]


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
