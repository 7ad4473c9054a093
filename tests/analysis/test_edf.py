"""The error EDF: against hand arithmetic and scipy's, at every error and between them."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats

from anynas.analysis.edf import edf
from anynas.errors import SettingsError

PERCENT = st.integers(0, 10_000).map(lambda hundredths: hundredths / 100)
ERRORS = st.lists(PERCENT | st.sampled_from([6.5, 7.0, 90.0]), min_size=1, max_size=40)  # ties are common
WEIGHTED = st.lists(st.tuples(PERCENT, st.integers(0, 5)), min_size=1, max_size=40).filter(
    lambda pairs: any(weight for _, weight in pairs)
)


def test_ties_make_one_step_of_their_joint_height() -> None:
    distribution = edf([30.0, 10.0, 30.0, 20.0, 30.0])
    assert distribution.errors.tolist() == [10.0, 20.0, 30.0]
    assert distribution.cumulative.tolist() == [0.2, 0.4, 1.0]


def test_an_error_counts_at_itself_and_not_below() -> None:
    distribution = edf([10.0, 20.0, 20.0, 40.0])
    asked = [-math.inf, 9.99, 10.0, 19.99, np.nextafter(20.0, 0.0), 20.0, 39.99, 40.0, 100.0, math.inf]
    assert distribution(asked).tolist() == [0, 0, 0.25, 0.25, 0.25, 0.75, 0.75, 1, 1, 1]


def test_weights_are_shares_of_their_sum() -> None:
    distribution = edf([30.0, 10.0, 20.0, 10.0], weights=[1, 2, 4, 3])
    assert distribution.errors.tolist() == [10.0, 20.0, 30.0]
    assert distribution.cumulative.tolist() == [0.5, 0.9, 1.0]
    assert float(distribution(25.0)) == 0.9


def test_a_network_without_weight_adds_nothing_to_the_share() -> None:
    distribution = edf([10.0, 20.0, 30.0], weights=[0, 1, 0])
    assert distribution([10.0, 20.0, 30.0]).tolist() == [0, 1, 1]


def test_one_network_is_one_step() -> None:
    distribution = edf([12.5])
    assert (distribution.errors.tolist(), distribution.cumulative.tolist()) == ([12.5], [1.0])


def test_answers_have_the_shape_of_the_question() -> None:
    distribution = edf([10.0, 20.0])
    assert distribution(15.0).shape == ()
    assert distribution([]).shape == (0,)
    assert_array_equal(distribution([[5.0, 10.0, 15.0], [20.0, 25.0, 10.0]]), [[0, 0.5, 0.5], [1, 1, 0.5]])


@given(ERRORS, st.lists(PERCENT, max_size=20))
def test_it_equals_scipys_at_and_between_errors(errors: list[float], between: list[float]) -> None:
    distribution, reference = edf(errors), stats.ecdf(errors).cdf
    assert_array_equal(distribution.errors, reference.quantiles)
    assert_allclose(distribution.cumulative, reference.probabilities, rtol=1e-12)
    assert_allclose(distribution([*errors, *between]), reference.evaluate([*errors, *between]), rtol=1e-12)


@given(WEIGHTED)
def test_a_whole_weight_is_as_many_networks(pairs: list[tuple[float, int]]) -> None:
    errors, weights = (list(column) for column in zip(*pairs, strict=True))
    repeated = edf([error for error, weight in pairs for _ in range(weight)])
    assert_allclose(edf(errors, weights)(errors), repeated(errors), rtol=1e-12)


@given(ERRORS, st.floats(1e-6, 1e6))
def test_equal_weights_of_any_size_are_no_weights(errors: list[float], weight: float) -> None:
    weighted = edf(errors, [weight] * len(errors))
    assert_array_equal(weighted.errors, edf(errors).errors)
    assert_allclose(weighted.cumulative, edf(errors).cumulative, rtol=1e-9)


@given(WEIGHTED, st.randoms(use_true_random=False))
def test_it_rises_to_exactly_one_and_order_plays_no_part(pairs: list[tuple[float, int]], rng: Any) -> None:
    distribution = edf(*zip(*pairs, strict=True))
    assert distribution.cumulative[-1] == 1.0
    assert (np.diff(distribution.errors) > 0).all()
    assert (np.diff(distribution.cumulative) >= 0).all()
    rng.shuffle(pairs)
    shuffled = edf(*zip(*pairs, strict=True))
    assert_array_equal(shuffled.errors, distribution.errors)
    assert_allclose(shuffled.cumulative, distribution.cumulative, rtol=1e-12)


@pytest.mark.parametrize(
    ("errors", "came"),
    [
        ([], "shape (0,), 0 NaN"),
        (10.0, "shape (), 0 NaN"),
        ([[1.0, 2.0]], "shape (1, 2), 0 NaN"),
        ([1.0, math.nan, 2.0, math.nan], "shape (4,), 2 NaN"),
    ],
)
def test_errors_that_are_no_population_are_refused(errors: Any, came: str) -> None:
    with pytest.raises(SettingsError) as caught:
        edf(errors)
    assert str(caught.value) == f"errors must be a list of at least one number, none NaN; got {came}"


@pytest.mark.parametrize(
    ("weights", "came"),
    [
        ([1.0], "shape (1,) for (2,), sum 1"),
        (1.0, "shape () for (2,), sum 1"),
        ([[1.0, 2.0]], "shape (1, 2) for (2,), sum 3"),
        ([3.0, -1.0], "shape (2,) for (2,), sum 2"),
        ([0.0, 0.0], "shape (2,) for (2,), sum 0"),
        ([1.0, math.nan], "shape (2,) for (2,), sum nan"),
        ([1.0, math.inf], "shape (2,) for (2,), sum inf"),
    ],
)
def test_weights_that_are_no_shares_are_refused(weights: Any, came: str) -> None:
    with pytest.raises(SettingsError) as caught:
        edf([10.0, 20.0], weights)
    assert str(caught.value) == f"weights must be one a network, at least 0 and not all 0; got {came}"
