"""Published figures on tables of trained networks."""

import pytest
from numpy.testing import assert_allclose
from real_tables import plain_space, size_space
from scipy import stats

import anynas

FLOPS_BAND, PARAMS_BAND = (30e6, 40e6), (200e3, 300e3)


def widths(**kwargs):
    return anynas.compare_populations(size_space(), by="increasing", baseline=False, candidate=True, **kwargs)


def test_a_quarter_of_the_size_space_has_at_most_8_percent_error():
    assert anynas.edf(size_space()["error"])(8.0) == 8164 / 32768


@pytest.mark.parametrize(("n", "best"), [(1, 8.91454), (8, 7.48964), (64, 6.95462), (512, 6.66073)])
def test_expected_best_of_n_random_networks(n, best):
    assert_allclose(anynas.expected_best(size_space()["error"], n), best, atol=6e-6)


def test_increasing_widths_are_worse_when_nothing_is_held_fixed():
    found = widths(claim="improves")
    assert (found.n_baseline, found.n_candidate) == (31976, 792)
    assert found.ks_statistic == pytest.approx(0.0656, abs=5e-5)
    assert (found.verdict, found.control, found.held) == ("contradicted", "none", "nothing")
    assert found.bound_low > 0


def test_increasing_widths_are_better_within_a_band_of_flops():
    found = widths(claim="improves", flops=FLOPS_BAND)
    assert (found.n_baseline, found.n_candidate) == (2260, 119)
    assert found.ks_statistic == pytest.approx(0.5806, abs=5e-5)
    assert (found.verdict, found.control, found.held) == ("supported", "flops band", "flops 30,000,000 to 40,000,000")
    assert found.prob_better > 0.8


def test_increasing_widths_make_no_difference_within_a_band_of_params():
    found = widths(claim="improves", params=PARAMS_BAND)
    assert found.ks_pvalue == pytest.approx(0.32, abs=0.005)
    assert found.verdict == "undecided"
    assert found.ci_low < 0 < found.ci_high


@pytest.mark.parametrize("method", ["weights", pytest.param("regression", marks=pytest.mark.extended)])
def test_a_control_for_flops_turns_the_verdict_round(method):
    found = widths(claim="improves", control="flops", method=method)
    assert (found.verdict, found.control, found.method) == ("supported", "flops", method)
    assert found.ci_high < -0.3


def test_both_ways_of_holding_flops_fixed_agree():
    by_weights, by_regression = (widths(control="flops", method=m, flops=FLOPS_BAND) for m in ("weights", "regression"))
    assert by_weights.difference == pytest.approx(by_regression.difference, abs=0.1)


def residuals(**kwargs):
    return anynas.compare_populations(plain_space(), by="residual", baseline=False, candidate=True, **kwargs)


def test_residual_connections_in_small_plain_networks_do_not_change_the_edf():
    found = residuals()
    assert found.ks_statistic == pytest.approx(0.112, abs=5e-4)
    assert found.ks_pvalue == pytest.approx(0.25, abs=0.005)
    for low, high in ((found.ci_low, found.ci_high), found.mean_ci, found.median_ci, found.hodges_lehmann_ci):
        assert low < 0 < high
    assert found.prob_better_ci[0] < 0.5 < found.prob_better_ci[1]


@pytest.mark.parametrize("method", ["weights", "regression"])
def test_at_equal_flops_residual_connections_in_them_decide_nothing(method):
    assert residuals(control="flops", method=method, claim="improves").verdict == "undecided"


def test_ks_of_the_size_space_is_scipys():
    table = size_space()
    first, second = (table.loc[table["increasing"] == side, "error"] for side in (False, True))
    found = widths()
    answer = stats.ks_2samp(first, second)
    assert_allclose([found.ks_statistic, found.ks_pvalue], [answer.statistic, answer.pvalue], rtol=1e-6)
