"""compare_populations: what is held fixed, what is missing, and the text of each refusal."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy import stats

import anynas
from anynas.analysis.normalising import complexity_weights, shared_bins
from anynas.errors import SettingsError


def table(n=200, *, gain=0.0, larger=1.5, seed=0):
    """Return populations A and B: error falls with log flops, B's networks are larger, and better by `gain` besides."""
    rng = np.random.default_rng(seed)
    flops = np.concatenate([rng.lognormal(0, 0.5, n), larger * rng.lognormal(0, 0.5, n)]) * 1e6
    errors = 20 - 4 * np.log(flops / 1e6) + rng.normal(0, 0.8, 2 * n)
    errors[n:] -= gain
    return pd.DataFrame(
        {
            "space": ["A"] * n + ["B"] * n,
            "number": [*range(n)] * 2,
            "flops": flops,
            "error": errors,
            "state": "complete",
        }
    )


def compared(rows, **kwargs):
    return anynas.compare_populations(rows, **{"baseline": "A", "candidate": "B", **kwargs})


def test_without_a_control_it_is_compare():
    rows = table()
    errors = [rows.loc[rows["space"] == name, "error"] for name in "AB"]
    found, plain = compared(rows, claim="improves"), anynas.compare(*errors, claim="improves")
    for field in ("difference", "ci_low", "ci_high", "ks_pvalue", "prob_better_ci", "verdict", "control", "held"):
        assert getattr(found, field) == getattr(plain, field)
    assert (found.baseline, found.candidate, found.divergence) == ("A", "B", None)


@pytest.mark.parametrize("method", ["weights", "regression"])
@pytest.mark.parametrize("statistic", ["trimmed_mean", "mean", "median"])
def test_a_control_takes_out_what_complexity_explains(method, statistic):
    rows = table(400)
    assert compared(rows, claim="improves", statistic=statistic).verdict == "supported"
    held = compared(rows, claim="improves", control="flops", method=method, statistic=statistic)
    assert held.ci_low < 0.2
    assert held.ci_high > -0.2
    assert (held.control, held.method) == ("flops", method)
    gained = compared(table(400, gain=1.0), claim="improves", control="flops", method=method, statistic=statistic)
    assert gained.verdict == "supported"
    assert gained.difference == pytest.approx(-1.0, abs=0.35)


def test_a_control_says_what_it_held():
    rows = table()
    found = compared(rows, control="flops")
    low, high = rows.groupby("space")["flops"].min().max(), rows.groupby("space")["flops"].max().min()
    assert found.held.startswith(f"flops {low:,.0f} to {high:,.0f} by weights in ")
    assert "held fixed: flops" in found.summary()
    both = compared(rows.assign(params=1.0), control="flops", params=(0.5, 2), method="regression")
    assert both.held == f"flops {low:,.0f} to {high:,.0f} by regression on its logarithm, params 0.5 to 2"
    assert compared(rows, flops=(1e6, 2e6)).control == "flops band"


def test_a_band_leaves_out_what_lies_outside():
    rows = table()
    found = compared(rows, flops=(1e6, 2e6))
    inside = rows[rows["flops"].between(1e6, 2e6)].groupby("space").size()
    assert (found.n_baseline, found.n_candidate) == (inside["A"], inside["B"])


def test_weights_make_bins_count_alike():
    weights = complexity_weights([1.0, 2.0, 3.0, 10.0, 99.0, 500.0], [1.0, 5.0, 50.0, 100.0])
    assert_allclose(weights, [1 / 9, 1 / 9, 1 / 9, 1 / 3, 1 / 3, 0.0])
    assert_allclose(complexity_weights([1.0, 100.0], [1.0, 5.0, 50.0, 100.0]), [0.5, 0.5])


def test_the_weighted_mean_is_the_mean_of_bins():
    rows = table()
    first, second = (rows[rows["space"] == name] for name in "AB")
    low, high = max(first["flops"].min(), second["flops"].min()), min(first["flops"].max(), second["flops"].max())
    edges = shared_bins(first["flops"].to_numpy(), second["flops"].to_numpy(), low, high)
    means = []
    for part in (first, second):
        inside = part[part["flops"].between(edges[0], edges[-1])]
        bins = pd.cut(inside["flops"], [*edges[:-1], np.inf], right=False)
        means.append(inside.groupby(bins, observed=True)["error"].mean().mean())
    found = compared(rows, control="flops", statistic="mean")
    assert found.difference == pytest.approx(means[1] - means[0])


def test_shared_bins_hold_five_of_each_and_span_the_common_range():
    rng = np.random.default_rng(0)
    baseline, candidate = rng.lognormal(0, 1, 60), rng.lognormal(1, 1, 40)
    edges = shared_bins(baseline, candidate, candidate.min(), baseline.max())
    assert (edges[0], edges[-1]) == (candidate.min(), baseline.max())
    for values in (baseline, candidate):
        counts, _ = np.histogram(values, edges)
        assert counts.min() >= 5


def test_regression_of_the_mean_is_that_of_least_squares():
    rows = table(300, gain=0.5)
    found = compared(rows, control="flops", method="regression", statistic="mean")
    low, high = rows.groupby("space")["flops"].min().max(), rows.groupby("space")["flops"].max().min()
    inside = rows[rows["flops"].between(low, high)]
    design = np.column_stack([np.ones(len(inside)), inside["space"] == "B", np.log(inside["flops"])]).astype(float)
    solution, residual = np.linalg.lstsq(design, inside["error"])[:2]
    error = np.sqrt(residual[0] / (len(inside) - 3) * np.linalg.inv(design.T @ design)[1, 1])
    assert found.difference == pytest.approx(solution[1])
    assert found.standard_error == pytest.approx(error, rel=0.1)


def test_one_percent_diverged_does_not_turn_the_line():
    rows = table(300, gain=0.5)
    rows.loc[[5, 80, 299, 400, 500, 599], "error"] = 90.0
    found = compared(rows, control="flops", method="regression")
    assert found.difference == pytest.approx(-0.5, abs=0.2)
    assert found.standard_error < 0.1


def test_pairs_are_rows_of_one_number():
    rng = np.random.default_rng(0)
    rows = table(50)
    rows.loc[50:, "error"] = rows.loc[:49, "error"].to_numpy() - 0.2 + rng.normal(0, 0.1, 50)
    rows = rows.sample(frac=1, random_state=0)
    found = compared(rows, paired=True, claim="improves")
    assert (found.verdict, found.n_baseline, found.paired) == ("supported", 50, True)
    assert found.difference == pytest.approx(-0.2, abs=0.05)


def test_trials_that_failed_are_counted_and_widen_the_bounds():
    rows = table(gain=1.0)
    rows.loc[[0, 200, 201], ["state", "error"]] = ["failed", np.nan]
    whole, some = compared(table(gain=1.0)), compared(rows)
    assert (some.missing_baseline, some.missing_candidate, some.n_candidate) == (1, 2, 198)
    assert some.ci_low < whole.ci_low
    assert some.ci_high > whole.ci_high
    held = compared(rows, control="flops", method="weights")
    assert held.missing_candidate == 2
    paired = compared(rows, paired=True)
    assert paired.n_baseline == 198  # pairs 0 and 1 have no difference
    assert compared(rows, control="flops", method="regression").missing_baseline == 1


def test_divergence_rates_are_compared_on_their_own():
    rows = table()
    rows["reason"] = ""
    rows.loc[200:219, ["error", "reason"]] = [90.0, "diverged"]
    found = compared(rows).divergence
    assert (found.baseline, found.candidate) == (0.0, 0.1)
    assert found.pvalue == stats.fisher_exact([[0, 200], [20, 180]]).pvalue
    assert 0.04 < found.ci_low < 0.1 < found.ci_high < 0.17


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"candidate": "b"}, 'no trial has space "b"; did you mean "B"?'),
        ({"control": "flop"}, 'unknown control "flop"; did you mean "flops"?'),
        ({"method": "regresion"}, 'unknown method "regresion"; did you mean "regression"?'),
        ({"by": "spaces"}, 'the table has no column "spaces"; did you mean "space"?'),
        ({"column": "eror"}, 'the table has no column "eror"; did you mean "error"?'),
        ({"control": "params"}, 'the table has no column "params"; known: error, flops, number, space, state'),
        ({"flops": (9e9, 1e10)}, "A: a population must have at least 2 networks; got 0; train more of it"),
        ({"control": "flops", "num_bins": 0}, "num_bins must be at least 1; got 0"),
        (
            {"paired": True, "control": "flops"},
            'pairs hold all but one thing fixed; got control "flops" too; leave one of them out',
        ),
        (
            {"claim": "no_effect", "margin": 0},
            'claim "no_effect" needs a margin above 0, in points of error; got 0; '
            "name the least difference that would matter",
        ),
    ],
)
def test_what_cannot_be_compared_is_refused_in_one_line(arguments, message):
    with pytest.raises(SettingsError) as caught:
        compared(table(20), **arguments)
    assert str(caught.value) == message


def test_ranges_of_complexity_that_do_not_meet_are_refused():
    rows = table(20)
    rows["flops"] = [*range(1, 21), *range(101, 121)]
    for method in ("weights", "regression"):
        with pytest.raises(SettingsError) as caught:
            compared(rows, control="flops", method=method)
        assert str(caught.value) == (
            "a control for flops needs at least 2 networks of each population in the range of flops that both reach; "
            "baseline has 1 to 20, candidate 101 to 120; compare within one band, or without this control"
        )


def test_errors_that_are_missing_without_having_failed_are_refused():
    rows = table(20)
    rows.loc[3, "error"] = np.nan
    with pytest.raises(SettingsError) as caught:
        compared(rows)
    assert str(caught.value) == (
        'A: errors must be finite numbers, but for trials whose state is "failed"; got 1 that are not, of 20; '
        "a network that diverged has the error of chance"
    )


def test_pruned_trials_are_refused():
    rows = table(20)
    rows.loc[25, "state"] = "pruned"
    with pytest.raises(SettingsError) as caught:
        compared(rows)
    assert str(caught.value) == 'space "B": populations must not be pruned, their errors are not final; got 1'


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {25: 6},
            '"number" must name each pair once in a population; 6 comes again',
        ),
        (
            {25: 99},
            'each pair must have a trial in both populations; 2 values of "number" are in one alone, the first 5',
        ),
    ],
)
def test_rows_that_are_no_pairs_are_refused(change, message):
    rows = table(20)
    for row, number in change.items():
        rows.loc[row, "number"] = number
    with pytest.raises(SettingsError) as caught:
        compared(rows, paired=True)
    assert str(caught.value) == message
