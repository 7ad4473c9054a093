"""Parameters: the log-uniform law against its published values and its definition, lists, what is refused."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from anynas.designspace.parameters import Parameter, log_uniform, uniform, uniform_range
from anynas.errors import SpaceError

DEPTH = log_uniform("depth", low=1, high=16, step=1, count=4)
WIDTH = log_uniform("width", low=8, high=1024, step=8, count=4)


@st.composite
def grids(draw: st.DrawFn) -> dict[str, int]:
    step = draw(st.integers(1, 16))
    first = draw(st.integers(1, 20))
    return {"low": first * step, "high": draw(st.integers(first, 60)) * step, "step": step}


# The log-uniform law


def test_depths_have_the_published_law() -> None:
    probabilities = dict(zip(DEPTH.values, DEPTH.probabilities, strict=True))
    assert DEPTH.values == tuple(range(1, 17))
    assert probabilities[1] == pytest.approx(math.log(2) / math.log(32), rel=1e-12)
    assert probabilities[1] == pytest.approx(0.2, rel=1e-12)
    assert probabilities[2] == pytest.approx(0.2, rel=1e-12)
    assert probabilities[3] == pytest.approx(0.117, abs=5e-4)
    assert probabilities[16] == pytest.approx(0.0186, abs=5e-5)


def test_widths_have_the_published_law() -> None:
    probabilities = dict(zip(WIDTH.values, WIDTH.probabilities, strict=True))
    assert WIDTH.values == tuple(range(8, 1025, 8))
    assert probabilities[8] == pytest.approx(0.125, rel=1e-12)
    assert probabilities[16] == pytest.approx(0.125, rel=1e-12)
    assert probabilities[1024] == pytest.approx(math.log(1024 / 1016) / math.log(256), rel=1e-12)


@given(grids())
def test_a_log_uniform_law_sums_to_one_over_the_multiples_of_its_step(grid: dict[str, int]) -> None:
    parameter = log_uniform("width", **grid, count=1)
    assert parameter.values == tuple(range(grid["low"], grid["high"] + 1, grid["step"]))
    assert len(parameter.probabilities) == len(parameter.values)
    assert min(parameter.probabilities) > 0
    assert sum(parameter.probabilities) == pytest.approx(1, rel=1e-12)


@given(grids())
def test_the_share_up_to_a_value_is_that_of_the_continuous_log_uniform(grid: dict[str, int]) -> None:
    parameter = log_uniform("width", **grid, count=1)
    edge = grid["low"] / 2 if grid["low"] == grid["step"] else grid["low"] - grid["step"]
    shares = [math.log(value / edge) / math.log(grid["high"] / edge) for value in parameter.values]
    assert np.cumsum(parameter.probabilities) == pytest.approx(shares, rel=1e-9)


@pytest.mark.parametrize(
    ("low", "high", "step"), [(1, 16, 1), (8, 1024, 8), (16, 256, 8), (3, 9, 3), (3, 9, 1), (64, 64, 64)]
)
def test_the_law_is_that_of_a_continuous_draw_rounded_up(low: int, high: int, step: int) -> None:
    parameter = log_uniform("width", low=low, high=high, step=step, count=1)
    generator = np.random.default_rng(13)
    edge = low - min(step, low / 2)
    continuous = np.exp(generator.uniform(math.log(edge), math.log(high), 400_000))
    rounded = (np.ceil(continuous / step) * step).astype(int)
    counts = np.array([(rounded == value).sum() for value in parameter.values])
    assert counts.sum() == len(rounded)
    if len(counts) > 1:
        expected = len(rounded) * np.array(parameter.probabilities)
        assert stats.chisquare(counts, expected).pvalue > 1e-4


# Uniform laws, texts


def test_a_uniform_range_gives_every_multiple_the_same_probability() -> None:
    parameter = uniform_range("depth", low=2, high=10, step=2, count=3)
    assert parameter.values == (2, 4, 6, 8, 10)
    assert parameter.probabilities == (0.2,) * 5


def test_a_list_gives_every_value_the_same_probability() -> None:
    parameter = uniform("group_width", [1, 2, 4, 32], count=4)
    assert parameter.values == (1, 2, 4, 32)
    assert parameter.probabilities == (0.25,) * 4


@pytest.mark.parametrize(
    ("parameter", "law"),
    [
        (DEPTH, "log-uniform 1..16"),
        (WIDTH, "log-uniform 8..1024 by 8"),
        (uniform_range("depth", low=1, high=4, step=1, count=1), "uniform 1..4"),
        (uniform_range("depth", low=2, high=4, step=2, count=1), "uniform 2..4 by 2"),
        (uniform("bottleneck_ratio", [1, 2, 4], count=4), "uniform 1, 2, 4"),
        (uniform("bottleneck_ratio", [2], count=4), "always 2"),
    ],
)
def test_a_law_reads_as_a_reader_would_say_it(parameter: Parameter, law: str) -> None:
    assert parameter.law == law


def test_columns_are_numbered_from_one_where_there_are_several() -> None:
    assert DEPTH.columns == ["depth_1", "depth_2", "depth_3", "depth_4"]
    assert uniform("depth", [1, 2], count=1).columns == ["depth"]


# Errors


@pytest.mark.parametrize("law", [log_uniform, uniform_range])
@pytest.mark.parametrize(
    ("grid", "message"),
    [
        ((9, 8, 1), "width: low must be at least 1 and at most high; got low 9, high 8"),
        ((0, 8, 1), "width: low must be at least 1 and at most high; got low 0, high 8"),
        ((8, 60, 8), "width: low and high must be multiples of step; got low 8, high 60, step 8"),
        ((4, 64, 8), "width: low and high must be multiples of step; got low 4, high 64, step 8"),
        ((8, 64, 0), "width: low and high must be multiples of step; got low 8, high 64, step 0"),
    ],
)
def test_a_grid_that_is_none_is_refused(
    law: Callable[..., Parameter], grid: tuple[int, int, int], message: str
) -> None:
    low, high, step = grid
    with pytest.raises(SpaceError) as caught:
        law("width", low=low, high=high, step=step, count=4)
    assert str(caught.value) == message


@pytest.mark.parametrize("values", [[], [1, 4, 2], [1, 1, 2]])
def test_a_list_that_does_not_increase_is_refused(values: list[Any]) -> None:
    with pytest.raises(SpaceError) as caught:
        uniform("group_width", values, count=4)
    assert str(caught.value) == (
        f"group_width: values must be in increasing order, at least one, none twice; got {values}"
    )
