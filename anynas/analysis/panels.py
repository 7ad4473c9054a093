"""What one panel of error EDFs shows: populations as a comparison weighs them, with bands.

The rows, pairs and weights are those of `compare_populations` under the same arguments, so that a panel and the verdict
beside it speak of the same networks. Trials that failed have no error: they are left out of the EDF and counted.
"""

import dataclasses
from collections.abc import Hashable
from typing import TYPE_CHECKING

import numpy as np

from anynas.analysis.bands import Band, BandMethod, sample_band
from anynas.analysis.controls import Control, Method
from anynas.analysis.edf import EDF, edf
from anynas.analysis.normalising import NUM_BINS
from anynas.analysis.samples import Floats, make_sample
from anynas.analysis.selection import Band as Bounds
from anynas.analysis.selection import select_populations
from anynas.errors import SettingsError

if TYPE_CHECKING:
    import pandas as pd

AS_THEY_ARE = "; EDFs of errors as they are within that range, without weights"  # under a regression


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Population:
    """One population as a panel shows it."""

    name: str
    n: int  # networks shown
    failed: int  # trials that are not
    errors: Floats  # shape (n,), percent, in increasing order
    weights: Floats  # shape (n,), their sum is 1
    edf: EDF
    band: Band | None  # None for a single network


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Panel:
    """Populations side by side, and what was held fixed between them."""

    populations: tuple[Population, ...]  # baseline and candidate; all of a table where nothing is compared
    control: str  # as in the comparison
    method: str
    held: str  # both in a sentence


def comparison_panel(
    table: "pd.DataFrame",
    *,
    baseline: Hashable,
    candidate: Hashable,
    by: str = "space",
    control: Control = "none",
    method: Method = "weights",
    num_bins: int = NUM_BINS,
    flops: Bounds | None = None,
    params: Bounds | None = None,
    activations: Bounds | None = None,
    paired: bool = False,
    pair_by: str = "number",
    column: str = "error",
    alpha: float = 0.05,
    band: BandMethod = "dkw",
    seed: int = 0,
) -> Panel:
    """Return what a panel shows of two populations that are compared; arguments and errors as `compare_populations`.

    Args:
        table: One row a trial.
        baseline: A value of column `by`.
        candidate: Another.
        by: The column that says which population a trial belongs to.
        control: What is held fixed.
        method: How. Under "regression" EDFs are of errors as they are within the common range, without weights.
        num_bins: Of the weights.
        flops: A band, as are params and activations.
        params: Likewise.
        activations: Likewise.
        paired: Whether rows with one value of `pair_by` are a pair.
        pair_by: The column that names pairs.
        column: The column of errors, percent.
        alpha: Bands hold at every error at once with a probability of 1 - alpha, each population's for itself.
        band: "dkw", or "bootstrap" within the control's bins.
        seed: Of the bootstrap.
    """
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
    )
    facts = chosen.facts
    samples = zip((facts.baseline, facts.candidate), chosen.cases.seen.populations, facts.missing, strict=True)
    return Panel(
        populations=tuple(
            _population(name, sample.errors, sample.weights, failed, sample_band(sample, band, alpha=alpha, seed=seed))
            for name, sample, failed in samples
        ),
        control=facts.control,
        method=facts.method,
        held=facts.held + (AS_THEY_ARE if facts.method == "regression" else ""),
    )


def population_panel(
    table: "pd.DataFrame",
    *,
    by: str = "space",
    column: str = "error",
    alpha: float = 0.05,
    band: BandMethod = "dkw",
    seed: int = 0,
) -> Panel:
    """Return all populations of a table, in order of first appearance, none compared and nothing held fixed.

    A population of which no trial is complete is left out.

    Raises:
        SettingsError: No trial is complete.
    """
    populations = []
    for name, rows in table.groupby(by, sort=False):
        complete = rows[rows["state"] == "complete"] if "state" in rows else rows
        if complete.empty:
            continue
        errors = np.sort(complete[column].to_numpy(dtype=np.float64))
        around = (
            sample_band(make_sample(errors, name=str(name)), band, alpha=alpha, seed=seed) if errors.size > 1 else None
        )
        weights = np.full(errors.size, 1 / errors.size)
        failed = int((rows["state"] == "failed").sum()) if "state" in rows else 0
        populations.append(_population(str(name), errors, weights, failed, around))
    if not populations:
        raise SettingsError(f"at least one trial must be complete; got {len(table)}, none complete")
    return Panel(populations=tuple(populations), control="none", method="none", held="nothing")


def _population(name: str, errors: Floats, weights: Floats, failed: int, band: Band | None) -> Population:
    return Population(
        name=name,
        n=errors.size,
        failed=failed,
        errors=errors,
        weights=weights,
        edf=edf(errors, weights),
        band=band,
    )
