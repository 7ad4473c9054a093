"""What a panel shows: the rows and weights of the comparison beside it; and how far its axis reaches."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

import anynas
from anynas.analysis.bands import dkw_band
from anynas.analysis.learning import learning_quartiles
from anynas.analysis.panels import comparison_panel, population_panel
from anynas.analysis.visible import visible_errors
from anynas.errors import SettingsError


def table(n=120, seed=0):
    """Return populations A and B: larger networks of B, better ones; two of B failed, one of them within the range."""
    rng = np.random.default_rng(seed)
    flops = np.concatenate([rng.lognormal(0, 0.5, n), 1.5 * rng.lognormal(0, 0.5, n)]) * 1e6
    rows = pd.DataFrame(
        {
            "space": ["A"] * n + ["B"] * n,
            "number": [*range(n)] * 2,
            "flops": flops,
            "error": (20 - 4 * np.log(flops / 1e6) + rng.normal(0, 0.8, 2 * n)).round(1),  # ties
            "state": "complete",
        }
    )
    rows.loc[[n, rows["flops"].idxmax()], ["state", "error"]] = ["failed", np.nan]
    return rows


def means(panel):
    return [float(p.weights @ p.errors) for p in panel.populations]


def test_the_weighted_edf_is_that_of_a_hand_computation():
    """Two bins of flops, [1, 10) and [10, 100]: A has five and ten networks in them, B ten and five."""
    flops = [1, *[2] * 4, *[20] * 9, 100, 1, *[2] * 9, *[20] * 4, 100]
    errors = [*[10.0] * 5, *[5.0] * 10, *[12.0] * 10, *[4.0] * 4, 3.0]
    rows = pd.DataFrame({"space": ["A"] * 15 + ["B"] * 15, "flops": flops, "error": errors})
    panel = comparison_panel(rows, baseline="A", candidate="B", control="flops", num_bins=2)
    first, second = panel.populations
    assert panel.held == "flops 1 to 100 by weights in 2 bins"
    assert_allclose(first.edf.errors, [5, 10])
    assert_allclose(first.edf.cumulative, [1 / 2, 1])
    assert_allclose(second.edf.errors, [3, 4, 12])
    assert_allclose(second.edf.cumulative, [1 / 10, 1 / 2, 1])
    assert (first.n, second.n) == (15, 15)


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"control": "flops"},
        {"control": "flops", "num_bins": 3},
        {"flops": (1e6, 2e6)},
        {"paired": True},
    ],
    ids=str,
)
def test_a_panel_agrees_with_the_comparison_of_the_same_arguments(arguments):
    rows = table()
    panel = comparison_panel(rows, baseline="A", candidate="B", **arguments)
    found = anynas.compare_populations(rows, baseline="A", candidate="B", **arguments)
    baseline, candidate = means(panel)
    assert candidate - baseline == pytest.approx(found.mean_difference)
    assert [p.n for p in panel.populations] == [found.n_baseline, found.n_candidate]
    assert [p.failed for p in panel.populations] == [found.missing_baseline, found.missing_candidate]
    assert [p.name for p in panel.populations] == ["A", "B"]
    assert (panel.held, panel.control, panel.method) == (found.held, found.control, found.method)


def test_under_a_regression_errors_are_as_they_are_within_the_common_range():
    rows = table()
    panel = comparison_panel(rows, baseline="A", candidate="B", control="flops", method="regression")
    low, high = rows.groupby("space")["flops"].min().max(), rows.groupby("space")["flops"].max().min()
    for population in panel.populations:
        inside = rows[(rows["space"] == population.name) & rows["flops"].between(low, high)]["error"].dropna()
        assert_allclose(population.errors, np.sort(inside))
        assert_allclose(population.weights, 1 / len(inside))
    assert panel.held == (
        f"flops {low:,.0f} to {high:,.0f} by regression on its logarithm"
        "; EDFs of errors as they are within that range, without weights"
    )


def test_bands_are_around_the_weighted_edf():
    panel = comparison_panel(table(), baseline="A", candidate="B", control="flops", alpha=0.1)
    for population in panel.populations:
        band = dkw_band(population.errors, population.weights, alpha=0.1)
        assert_allclose(population.band.low, band.low)
        assert_allclose(population.band.high, band.high)
        assert population.band.level == 0.9
    drawn = comparison_panel(table(), baseline="A", candidate="B", band="bootstrap", seed=3)
    assert [p.band.method for p in drawn.populations] == ["bootstrap"] * 2


def test_all_populations_stand_in_the_order_of_the_table_without_those_that_have_nothing_yet():
    rows = pd.DataFrame(
        {
            "space": ["Z", "A", "A", "M", "A"],
            "state": ["complete", "complete", "failed", "failed", "complete"],
            "error": [3.0, 2.0, np.nan, np.nan, 1.0],
        }
    )
    alone, two = population_panel(rows).populations
    assert (alone.name, alone.n, alone.band) == ("Z", 1, None)
    assert (two.name, two.n, two.failed) == ("A", 2, 1)
    assert_allclose(two.edf.errors, [1, 2])
    with pytest.raises(SettingsError) as caught:
        population_panel(rows[rows["space"] == "M"])
    assert str(caught.value) == "at least one trial must be complete; got 1, none complete"


def test_a_band_of_an_unknown_kind_is_refused():
    with pytest.raises(SettingsError) as caught:
        comparison_panel(table(), baseline="A", candidate="B", band="bootstrp")
    assert str(caught.value) == 'unknown band "bootstrp"; did you mean "bootstrap"?'


def test_networks_that_diverged_lie_beyond_and_are_counted():
    errors = [*np.linspace(10, 20, 99), 90.0]
    visible = visible_errors([errors, [12.0, 13.0]])
    assert visible.low == pytest.approx(10 - 0.3)
    assert visible.high == pytest.approx(20 + 0.3)
    assert (visible.beyond(errors), visible.beyond([12.0, 90.0, 91.0])) == (1, 2)


@pytest.mark.parametrize("errors", [[20.0, 90.0], [20.0, 20.0, 90.0], [*[15.0] * 6, *[90.0] * 3]])
def test_where_many_diverged_or_few_are_known_all_is_shown(errors):
    assert visible_errors([errors]).beyond(errors) == 0


def test_an_axis_of_one_error_has_some_width():
    assert visible_errors([[20.0]]) == visible_errors([[20.0, 20.0]])
    assert (visible_errors([[20.0]]).low, visible_errors([[0.0]]).low) == (19.5, 0.0)


def test_learning_quartiles_are_of_each_epoch_in_the_order_of_populations():
    curves = pd.DataFrame(
        {
            "space": ["B", "B", "B", "A", "B", "B"],
            "number": [0, 1, 2, 0, 0, 1],
            "epoch": [1, 1, 1, 1, 2, 2],
            "error": [30.0, 40.0, 50.0, 9.0, 20.0, np.nan],
        }
    )
    found = learning_quartiles(curves)
    assert found.to_dict("list") == {
        "space": ["B", "B", "A"],
        "epoch": [1, 2, 1],
        "n": [3, 1, 1],
        "low": [35.0, 20.0, 9.0],
        "median": [40.0, 20.0, 9.0],
        "high": [45.0, 20.0, 9.0],
    }
