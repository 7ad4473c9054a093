"""Populations in a row of numbers each: what a reader asks first."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from anynas.analysis.estimands import location
from anynas.analysis.samples import make_sample

if TYPE_CHECKING:
    import pandas as pd


def summarise(table: "pd.DataFrame", names: Iterable[str] | None = None, *, by: str = "space") -> list[dict[str, Any]]:
    """Return one row a population, JSON-ready: counts, errors (percent) of complete trials, median complexity.

    Args:
        table: One row a trial, with the columns `by`, state, reason, error, network_key, flops and params.
        names: Which populations, in which order; None: all, as they first appear.
        by: The column that says which population a trial belongs to.
    """
    order = dict.fromkeys(table[by] if names is None else names)
    return [{"population": name, **_row(table[table[by] == name])} for name in order]


def _row(rows: "pd.DataFrame") -> dict[str, Any]:
    complete = rows[rows["state"] == "complete"]
    errors = complete["error"].to_numpy(dtype=np.float64)
    sample = make_sample(errors, name="population") if errors.size > 1 else None
    return {
        "finished": len(rows),
        "complete": len(complete),
        "failed": int((rows["state"] == "failed").sum()),
        "diverged": int((complete["reason"] == "diverged").sum()),
        "repeats": int(complete["network_key"].duplicated().sum()),  # of a network drawn before
        "trimmed_mean": location(sample, "trimmed_mean") if sample else None,
        "mean": location(sample, "mean") if sample else None,
        "median": location(sample, "median") if sample else None,
        "best": float(errors.min()) if errors.size else None,
        "median_flops": float(rows["flops"].median()) if len(rows) else None,
        "median_params": float(rows["params"].median()) if len(rows) else None,
    }
