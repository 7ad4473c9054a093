"""Rank correlation: scipy's estimate, an interval that covers as often as it says."""

import math

import numpy as np
import pytest
from scipy import stats

from anynas.analysis.agreement import rank_correlation
from anynas.errors import SettingsError


def test_the_estimate_is_the_correlation_of_mean_ranks() -> None:
    first, second = [3.0, 1.0, 2.0, 2.0, 5.0, 9.0], [2.0, 1.0, 4.0, 3.0, 3.0, 8.0]
    ranks = [[4, 1, 2.5, 2.5, 5, 6], [2, 1, 5, 3.5, 3.5, 6]]
    assert rank_correlation(first, second).estimate == pytest.approx(np.corrcoef(*ranks)[0, 1])
    assert rank_correlation(first, first).n == 6


@pytest.mark.parametrize("true", [0.0, 0.5, 0.85])
def test_the_interval_covers_the_true_correlation(true: float) -> None:
    rng = np.random.default_rng(0)
    normal = 2 * math.sin(math.pi * true / 6)  # Pearson's of the normal law whose Spearman's is `true`
    covered = []
    for _ in range(2000):
        first, noise = rng.normal(size=(2, 40))
        found = rank_correlation(first, normal * first + math.sqrt(1 - normal**2) * noise)
        covered.append(found.low <= true <= found.high)
    assert stats.binomtest(sum(covered), 2000, 0.95).proportion_ci(0.999).low <= 0.95
    assert sum(covered) / 2000 < 0.975


def test_ranks_that_agree_throughout_are_no_proof_of_certainty() -> None:
    found = rank_correlation(np.arange(10), np.arange(10) ** 3)
    assert (found.estimate, found.high) == (pytest.approx(1), pytest.approx(1, abs=1e-3))
    assert 0.9 < found.low < 1
    assert rank_correlation(np.arange(40), np.arange(40)).low > found.low


def test_the_interval_is_that_of_bonett_and_wright() -> None:
    rng = np.random.default_rng(3)
    first, second = rng.normal(size=(2, 30))
    found = rank_correlation(first, first + second, alpha=0.1)
    reach = 1.6448536 * math.sqrt((1 + found.estimate**2 / 2) / 27)
    assert np.arctanh([found.low, found.high]) == pytest.approx(np.arctanh(found.estimate) + np.array([-reach, reach]))


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        ([1, 2, 3, 4], [1, 2, 3, 4], "at least 5 networks"),
        ([1, 2, 3, 4, 5], [1, 2, 3, 4], r"got shapes \(5,\) and \(4,\)"),
        ([1, 2, 3, 4, math.nan], [1, 2, 3, 4, 5], "two finite values"),
        ([1, 1, 1, 1, 1], [1, 2, 3, 4, 5], "all values of one measurement are equal"),
    ],
)
def test_what_has_no_order_is_refused(first: list[float], second: list[float], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        rank_correlation(first, second)
