"""The Pareto front of a table: the networks that no other beats in both error and cost."""

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


def pareto_front(table: "pd.DataFrame", *, against: str = "flops") -> "pd.DataFrame":
    """Return the rows that no other beats in both error and cost, from the cheapest to the best.

    Args:
        table: Complete trials, with error, number and the column `against`.
        against: "flops", "params" or "activations".
    """
    by_cost = table.sort_values([against, "error", "number"], kind="stable")
    least_before = by_cost["error"].astype(float).cummin().shift(fill_value=math.inf)
    return by_cost[by_cost["error"] < least_before]
