"""The empirical bootstrap in closed form, against the bootstrap."""

import numpy as np
import pytest

from anynas.analysis.best_value import best_value
from anynas.errors import SettingsError


def test_it_is_what_ten_thousand_resamples_give():
    rng = np.random.default_rng(0)
    depth = rng.integers(5, 40, 200)
    errors = 10 + 0.02 * (depth - 22) ** 2 + rng.exponential(2, 200)
    drawn = rng.integers(200, size=(10_000, 50))
    best = depth[np.take_along_axis(drawn, errors[drawn].argmin(axis=1)[:, None], axis=1)[:, 0]]
    low, median, high = np.quantile(best, [0.025, 0.5, 0.975], method="inverted_cdf")
    found = best_value(depth, errors)
    assert (found.low, found.median, found.high) == (low, median, high)
    assert (found.n, found.drawn, found.level) == (200, 50, 0.95)


def test_two_networks_by_hand():
    # one draw of two: either is the best with probability 1/2
    found = best_value([3.0, 5.0], [10.0, 20.0], fraction=0.5)
    assert (found.low, found.median, found.high, found.drawn) == (3.0, 4.0, 5.0, 1)


def test_equal_errors_share_their_probability():
    found = best_value([1.0, 2.0, 9.0], [10.0, 10.0, 30.0], fraction=1.0)
    # behind the tied pair: (1/3)^3; the others 13/27 each
    assert (found.low, found.median, found.high) == (1.0, 2.0, 9.0)
    assert best_value([1.0, 2.0, 9.0], [10.0, 10.0, 30.0], fraction=1.0, alpha=0.08).high == 2.0


@pytest.mark.parametrize(
    ("values", "fraction", "message"),
    [
        ([1.0], 0.25, "values must be one finite number a network; got shape (1,) for (2,), 0 not finite"),
        ([1.0, np.nan], 0.25, "values must be one finite number a network; got shape (2,) for (2,), 1 not finite"),
        ([1.0, 2.0], 0.0, "fraction must lie above 0 and be at most 1; got 0"),
    ],
)
def test_what_does_not_pair_up_is_refused(values, fraction, message):
    with pytest.raises(SettingsError) as caught:
        best_value(values, [10.0, 20.0], fraction=fraction)
    assert str(caught.value) == message
