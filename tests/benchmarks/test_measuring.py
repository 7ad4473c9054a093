"""Ratios, intervals and pairs, against numbers worked out by hand."""

import pytest

from benchmarks.measuring import BenchmarkError, bootstrap_ratio, compare, mean_with_interval, paired


def test_a_ratio_is_the_others_median_over_that_of_anynas():
    row = compare("work", "other", [1.0, 2.0, 4.0], [9.0, 3.0, 5.0])
    assert row.medians == (2.0, 5.0)
    assert row.ratio == 2.5


def test_the_interval_of_two_rounds_is_that_of_their_four_resamples():
    # medians of the other side are 2, 3, 3, 4: the outer quantiles are the extremes
    assert bootstrap_ratio([1.0, 1.0], [2.0, 4.0]) == (2.0, 4.0)


def test_rounds_are_resampled_as_pairs():
    # on a machine that is ten times slower in one round the ratio is 2 in every resample, if pairs stay together
    assert bootstrap_ratio([1.0, 10.0], [2.0, 20.0]) == (2.0, 2.0)


def test_the_same_measurements_give_the_same_interval():
    ours, theirs = [1.0, 1.2, 1.1, 0.9, 1.3], [2.0, 2.2, 1.8, 2.4, 2.1]
    assert bootstrap_ratio(ours, theirs) == bootstrap_ratio(ours, theirs)


@pytest.mark.parametrize(("ours", "theirs"), [([1.0], [1.0, 2.0]), ([], [])])
def test_sides_must_have_the_same_rounds(ours, theirs):
    with pytest.raises(BenchmarkError) as error:
        compare("work", "other", ours, theirs)
    assert str(error.value) == (
        f"work: both sides must have the same number of rounds, at least 1; got {len(ours)} and {len(theirs)}"
    )


def test_a_mean_has_students_interval():
    mean, low, high = mean_with_interval([1.0, 2.0, 3.0])
    reach = 4.302652729911275 / 3**0.5  # t of 0.975 with 2 degrees of freedom, deviation 1
    assert (mean, low, high) == (2.0, pytest.approx(2 - reach), pytest.approx(2 + reach))


def test_a_single_value_has_no_interval():
    assert mean_with_interval([1.5]) == (1.5, None, None)


def test_measurements_are_paired_by_round_and_a_lonely_one_is_left_out():
    measurements = [
        {"side": "anynas", "round": 1, "seconds": 1},
        {"side": "other", "round": 0, "seconds": 2},
        {"side": "anynas", "round": 0, "seconds": 3},
        {"side": "other", "round": 2, "seconds": 4},
        {"side": "other", "round": 1, "seconds": 5},
    ]
    pairs = paired(measurements, {"side": "other"}, side="anynas")
    assert [(ours["seconds"], theirs["seconds"]) for ours, theirs in pairs] == [(3, 2), (1, 5)]
