"""Learning curves of populations: the quartiles of validation error after each epoch."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


def learning_quartiles(curves: "pd.DataFrame", *, by: str = "space") -> "pd.DataFrame":
    """Return a table of `by`, epoch, n, low, median, high: quartiles of error; populations as they first appear.

    Args:
        curves: One row a network and epoch, with `by`, epoch and error (percent); rows whose error is NaN are left out.
        by: The column that says which population a network belongs to.
    """
    errors = curves[curves["error"].notna()].groupby([by, "epoch"], sort=False)["error"]
    quartiles = errors.quantile([0.25, 0.5, 0.75]).unstack()
    quartiles.columns = ["low", "median", "high"]
    quartiles.insert(0, "n", errors.size())
    order = {name: place for place, name in enumerate(curves[by].unique())}
    return quartiles.reset_index().sort_values(
        [by, "epoch"], key=lambda column: column.map(order) if column.name == by else column, ignore_index=True
    )
