"""The Pareto front: what no other network beats in both."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anynas.analysis.front import pareto_front

NETWORKS = st.lists(st.tuples(st.integers(1, 6), st.integers(1, 6)), min_size=1, max_size=12)


@given(NETWORKS)
def test_it_is_every_row_that_none_beats(networks: list[tuple[int, int]]) -> None:
    table = pd.DataFrame(networks, columns=["params", "error"]).assign(number=np.arange(len(networks)))
    front = pareto_front(table, against="params")
    points = set(networks)
    beaten = {
        (cost, error)
        for cost, error in points
        if any(c <= cost and e <= error and (c, e) != (cost, error) for c, e in points)
    }
    assert list(zip(front["params"], front["error"], strict=True)) == sorted(points - beaten)
    assert front["error"].is_monotonic_decreasing
    firsts = table.drop_duplicates(["params", "error"]).set_index(["params", "error"])["number"]
    assert [firsts[place] for place in zip(front["params"], front["error"], strict=True)] == front["number"].tolist()


@pytest.mark.parametrize("against", ["flops", "activations"])
def test_cost_may_be_another_column(against: str) -> None:
    table = pd.DataFrame({against: [3, 1, 2], "error": [1.0, 2.0, 3.0], "number": [0, 1, 2]})
    assert pareto_front(table, against=against)["number"].tolist() == [1, 0]
