"""Components of variance by hand and by simulation; rates against scipy and published intervals."""

import numpy as np
import pytest
from scipy import stats

from anynas.analysis.noise import seed_noise
from anynas.analysis.rates import compare_rates
from anynas.errors import SettingsError


def test_components_by_hand():
    # two architectures, two seeds each: within 0.5 + 2 over 2 degrees, between 2 * (3^2 + 3^2) over 1
    found = seed_noise([10.0, 11.0, 15.5, 17.5], ["a", "a", "b", "b"])
    assert found.seed_sd == pytest.approx(np.sqrt(1.25))
    assert found.architecture_sd == pytest.approx(np.sqrt((36.0 - 1.25) / 2))
    assert found.architecture_share == pytest.approx(17.375 / (17.375 + 1.25))
    assert (found.n_trials, found.n_architectures) == (4, 2)


def test_the_test_is_scipys_and_unequal_repeats_are_weighed():
    rng = np.random.default_rng(0)
    groups = [rng.normal(level, 1, size) for level, size in ((10, 2), (11, 5), (9.5, 3))]
    names = np.repeat(["a", "b", "c"], [2, 5, 3])
    found = seed_noise(np.concatenate(groups), names)
    answer = stats.f_oneway(*groups)
    assert found.pvalue == pytest.approx(answer.pvalue)
    n_0 = (10 - (4 + 25 + 9) / 10) / 2
    assert found.architecture_share == pytest.approx((answer.statistic - 1) / (answer.statistic + n_0 - 1))


def test_intervals_hold_as_often_as_they_say():
    rng, held = np.random.default_rng(0), np.zeros(2)
    names = np.repeat(np.arange(12), 3)
    for _ in range(400):
        found = seed_noise(rng.normal(15, 2, 12)[names] + rng.normal(0, 1, 36), names)
        held += [
            found.seed_sd_low < 1 < found.seed_sd_high,
            found.architecture_share_low < 0.8 < found.architecture_share_high,
        ]
    assert (held / 400 > 0.95 - 0.035).all()


def test_repeats_that_are_all_alike_leave_all_to_the_architecture():
    found = seed_noise([10.0, 10.0, 12.0, 12.0], [1, 1, 2, 2])
    assert (found.seed_sd, found.architecture_share, found.pvalue) == (0.0, 1.0, 0.0)


@pytest.mark.parametrize(
    ("errors", "names", "message"),
    [
        (
            [1.0, 2.0],
            ["a", "b"],
            "at least 2 architectures are needed, one of them trained twice; got 2 trials of 2; "
            "train some again with other seeds",
        ),
        (
            [1.0, np.nan],
            ["a", "a"],
            "errors must be finite, one a trial with its architecture; got shape (2,) for (2,), 1 not finite",
        ),
    ],
)
def test_what_has_no_components_is_refused(errors, names, message):
    with pytest.raises(SettingsError) as caught:
        seed_noise(errors, names)
    assert str(caught.value) == message


def test_a_published_interval():
    # Newcombe 1998, table II, method 10: 56/70 - 48/80 = 0.2 (0.0524, 0.3339); 9/10 - 3/10 (0.1705, 0.8090)
    first = compare_rates((48, 80), (56, 70))
    assert (first.ci_low, first.ci_high) == (pytest.approx(0.0524, abs=5e-5), pytest.approx(0.3339, abs=5e-5))
    second = compare_rates((3, 10), (9, 10))
    assert (second.ci_low, second.ci_high) == (pytest.approx(0.1705, abs=5e-5), pytest.approx(0.8090, abs=5e-5))


def test_rates_of_zero_have_an_interval():
    found = compare_rates((0, 50), (0, 50))
    assert (found.difference, found.pvalue) == (0.0, 1.0)
    assert found.ci_low == pytest.approx(-found.ci_high)
    assert 0.05 < found.ci_high < 0.1


def test_counts_that_are_none_are_refused():
    with pytest.raises(SettingsError) as caught:
        compare_rates((3, 2), (0, 2))
    assert str(caught.value) == "baseline: a count must lie between 0 and its number of networks; got 3 of 2"
