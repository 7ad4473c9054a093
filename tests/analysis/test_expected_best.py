"""Expected best of n: against the enumeration of all sets, and what must hold whatever the errors."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from anynas.analysis.expected import expected_best, expected_best_curve
from anynas.errors import SettingsError

ERRORS = st.lists(st.sampled_from([5.0, 6.5, 7.0, 7.0, 8.25, 30.0, 90.0]), min_size=1, max_size=7)


def enumerated(errors: list[float], n: int, weights: list[float]) -> float:
    """Return the mean of the least error over all sets of n, each as likely as the product of its weights."""
    sets = list(itertools.combinations(range(len(errors)), n))
    products = [math.prod(weights[i] for i in chosen) for chosen in sets]
    best = [min(errors[i] for i in chosen) for chosen in sets]
    return float(np.average(best, weights=products))


@settings(deadline=None)
@given(ERRORS, st.data())
def test_it_is_the_mean_over_all_sets(errors, data):
    n = data.draw(st.integers(1, len(errors)))
    assert_allclose(expected_best(errors, n), enumerated(errors, n, [1.0] * len(errors)), rtol=1e-12)


@settings(deadline=None)
@given(ERRORS, st.data())
def test_with_weights_a_set_is_as_likely_as_the_product_of_its_weights(errors, data):
    weights = data.draw(st.lists(st.sampled_from([0.1, 1.0, 2.0, 7.5]), min_size=len(errors), max_size=len(errors)))
    n = data.draw(st.integers(1, len(errors)))
    assert_allclose(expected_best(errors, n, weights), enumerated(errors, n, weights), rtol=1e-10)


def test_with_weights_it_is_drawing_with_replacement_until_all_differ():
    errors, weights, n = np.array([4.0, 6.0, 9.0, 20.0]), np.array([1.0, 4.0, 3.0, 2.0]), 2
    drawn = np.random.default_rng(0).choice(4, size=(200_000, n), p=weights / weights.sum())
    distinct = drawn[drawn[:, 0] != drawn[:, 1]]
    simulated = errors[distinct].min(axis=1)
    tolerance = 4 * simulated.std() / math.sqrt(simulated.size)
    assert_allclose(expected_best(errors, n, weights), simulated.mean(), atol=tolerance)


def test_one_draw_is_the_mean_and_all_draws_are_the_least():
    errors = [12.0, 9.0, 30.0]
    assert expected_best(errors, 1) == pytest.approx(17.0)
    assert expected_best(errors, 3) == 9.0
    assert expected_best(errors, 1, [2.0, 1.0, 1.0]) == pytest.approx(15.75)
    assert expected_best(errors, 3, [2.0, 1.0, 5.0]) == pytest.approx(9.0)


@pytest.mark.parametrize("weight", [1e-300, 0.1, 1.0, 1e300])
def test_equal_weights_of_any_size_are_no_weights(weight):
    errors = np.linspace(5, 40, 50)
    assert expected_best(errors, 20, np.full(50, weight)) == expected_best(errors, 20)


def test_weights_that_are_nearly_equal_give_nearly_the_same():
    errors = np.linspace(5, 40, 300)
    weights = 1 + 1e-9 * np.arange(300)
    assert_allclose(expected_best(errors, 100, weights), expected_best(errors, 100), rtol=1e-6)


def test_a_network_without_weight_is_not_there():
    assert expected_best([1.0, 5.0, 9.0], 2, [0.0, 1.0, 1.0]) == 5.0


@settings(deadline=None)
@given(ERRORS)
def test_more_draws_are_never_worse_and_errors_that_rise_raise_it(errors):
    best = expected_best_curve(errors, range(1, len(errors) + 1))["expected_best"].to_numpy()
    assert (np.diff(best) <= 1e-12).all()
    assert_allclose(expected_best([e + 3 for e in errors], 1), best[0] + 3)


def test_a_curve_goes_up_in_doublings_to_all():
    curve = expected_best_curve([3.0, 1.0, 2.0, 5.0, 4.0])
    assert curve["n"].tolist() == [1, 2, 4, 5]
    assert curve["expected_best"].tolist() == pytest.approx([3.0, 2.0, 1.2, 1.0])


@pytest.mark.parametrize(
    ("n", "weights"), [(0, None), (4, None), (-1, None), (1.5, None), (3, [1, 1, 0]), (True, None)]
)
def test_a_number_that_cannot_be_drawn_is_refused(n, weights):
    there = 2 if weights else 3
    with pytest.raises(SettingsError) as caught:
        expected_best([1.0, 2.0, 3.0], n, weights)
    assert str(caught.value) == f"n must be a whole number from 1 to the {there} networks that have weight; got {n}"
