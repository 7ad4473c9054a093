"""Bounds: both ends count, arrays as single networks do, and how far outside is measured."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anynas.counting import Complexity
from anynas.designspace import Bounds
from anynas.errors import SpaceError

COUNTS = st.integers(1, 10**12)


@st.composite
def ranges(draw: st.DrawFn) -> tuple[int, int] | None:
    low, high = sorted(draw(st.tuples(COUNTS, COUNTS)))
    return draw(st.sampled_from([None, (low, high)]))


BOUNDS = st.builds(Bounds, flops=ranges(), params=ranges(), activations=ranges())
COMPLEXITIES = st.builds(Complexity, flops=COUNTS, params=COUNTS, activations=COUNTS)


def test_both_ends_are_inside_and_what_is_beyond_is_not() -> None:
    bounds = Bounds(flops=(100, 200))
    accepted = [bounds.accept(Complexity(flops=flops, params=7)) for flops in (99, 100, 150, 200, 201)]
    assert accepted == [False, True, True, True, False]


@pytest.mark.parametrize("name", ["flops", "params", "activations"])
def test_each_bound_looks_at_its_own_count(name: str) -> None:
    bounds = Bounds(**{name: (10, 20)})
    inside = {"flops": 1, "params": 1, "activations": 1, name: 15}
    outside = {"flops": 15, "params": 15, "activations": 15, name: 1}
    assert bounds.accept(Complexity(**inside))
    assert not bounds.accept(Complexity(**outside))


@given(BOUNDS, st.lists(COMPLEXITIES, min_size=1, max_size=8))
def test_arrays_of_counts_are_accepted_as_each_network_is(bounds: Bounds, complexities: list[Complexity]) -> None:
    arrays = Complexity(
        flops=np.array([c.flops for c in complexities]),
        params=np.array([c.params for c in complexities]),
        activations=np.array([c.activations for c in complexities]),
    )
    assert bounds.accept(arrays).tolist() == [bool(bounds.accept(c)) for c in complexities]


def test_no_bounds_accept_everything() -> None:
    assert Bounds().accept(Complexity(flops=1))
    assert Bounds().accept(Complexity(flops=np.array([1, 2]))).tolist() == [True, True]


def test_a_range_may_be_open_above_and_a_single_number() -> None:
    assert Bounds(flops=(0, math.inf)).accept(Complexity(flops=10**15))
    assert Bounds(flops=(5, 5)).accept(Complexity(flops=5))


@given(BOUNDS, COMPLEXITIES)
def test_a_violation_is_above_zero_outside_the_bounds_alone(bounds: Bounds, counted: Complexity) -> None:
    assert (bounds.violation(counted) <= 0) == bool(bounds.accept(counted))


@given(BOUNDS, COMPLEXITIES)
def test_a_violation_is_never_below_minus_one(bounds: Bounds, counted: Complexity) -> None:
    assert bounds.violation(counted) >= -1


def test_a_violation_is_the_logarithm_of_the_ratio_to_the_bound_that_is_missed_most() -> None:
    bounds = Bounds(flops=(100, 200), params=(1000, 2000))
    assert bounds.violation(Complexity(flops=400, params=1500)) == pytest.approx(math.log(2))
    assert bounds.violation(Complexity(flops=50, params=1500)) == pytest.approx(math.log(2))
    assert bounds.violation(Complexity(flops=400, params=6000)) == pytest.approx(math.log(3))
    assert bounds.violation(Complexity(flops=150, params=1900)) == pytest.approx(math.log(1900 / 2000))


def test_bounds_read_as_the_command_line_takes_them() -> None:
    assert str(Bounds(flops=(360e6, 400e6), params=(0, 5000))) == "flops 3.6e+08:4e+08, params 0:5000"
    assert str(Bounds()) == "no bounds"


def test_bounds_are_equal_whether_lists_or_tuples_were_given() -> None:
    given_list: Any = [100, 200]
    assert Bounds(flops=given_list) == Bounds(flops=(100.0, 200.0))


@pytest.mark.parametrize("name", ["flops", "params", "activations"])
@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ((200, 100), "must be LOW:HIGH with 0 <= LOW <= HIGH; got 200:100"),
        ((-1, 100), "must be LOW:HIGH with 0 <= LOW <= HIGH; got -1:100"),
        ((math.nan, 100), "must be LOW:HIGH with 0 <= LOW <= HIGH; got nan:100"),
        ((100, math.nan), "must be LOW:HIGH with 0 <= LOW <= HIGH; got 100:nan"),
        (100, "must be a pair (low, high) of numbers; got 100"),
        ((100,), "must be a pair (low, high) of numbers; got (100,)"),
        ((1, 2, 3), "must be a pair (low, high) of numbers; got (1, 2, 3)"),
        (("a", "b"), "must be a pair (low, high) of numbers; got ('a', 'b')"),
    ],
)
def test_a_range_that_is_none_is_refused(name: str, wrong: Any, message: str) -> None:
    with pytest.raises(SpaceError) as caught:
        Bounds(**{name: wrong})
    assert str(caught.value) == f"{name} {message}"
