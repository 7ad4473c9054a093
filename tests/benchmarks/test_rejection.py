"""The baseline of the section draws: its counts and its law are those of anynas, so that only the time differs."""

import math
import random
import statistics
from collections import Counter

import pytest
from scipy import stats

import anynas
from anynas.designspace.parameters import log_uniform as law
from benchmarks.draws import BAND, SIDES, SPACES, depth_difference, summary, tasks
from benchmarks.rejection import (
    Draw,
    NumpyCandidates,
    candidate,
    draw_by_rejection,
    early_candidate,
    log_uniform,
    log_uniform_law,
    multiply_adds,
)


def architecture_of(draw: Draw) -> anynas.Architecture:
    return anynas.anynet(
        depths=draw.depths, widths=draw.widths, bottleneck_ratios=draw.ratios, group_widths=draw.group_widths
    )


@pytest.mark.parametrize("letter", SPACES)
def test_multiply_adds_equal_anynas_complexity(letter):
    rng, draws = random.Random(5), []
    while len(draws) < 30:
        draw = early_candidate(letter, rng)
        draws += [draw] if draw is not None else []
    for draw in draws:
        counted = anynas.complexity(architecture_of(draw), input_shape=(3, 224, 224), num_classes=1000)
        assert multiply_adds(draw) == counted.flops


@pytest.mark.parametrize(("low", "high", "step"), [(1, 16, 1), (8, 1024, 8)])
def test_the_log_uniform_law_is_that_of_anynas(low, high, step):
    rng, n = random.Random(0), 20_000
    seen = Counter(log_uniform(rng, low, high, step) for _ in range(n))
    parameter = law("p", low=low, high=high, step=step)
    assert set(seen) <= set(parameter.values)
    values, probabilities = log_uniform_law(low, high, step)
    assert tuple(values.tolist()) == parameter.values
    assert probabilities == pytest.approx(parameter.probabilities)
    expected = [n * p for p in parameter.probabilities]
    assert stats.chisquare([seen[v] for v in parameter.values], expected).pvalue > 1e-3


@pytest.mark.parametrize(
    ("letter", "make"),
    [
        ("A", candidate),
        ("C", candidate),
        ("D", candidate),
        ("D", early_candidate),
        ("E", early_candidate),
        ("A", NumpyCandidates(3)),
        ("C", NumpyCandidates(3)),
    ],
)
def test_draws_lie_in_the_space_and_in_the_band(letter, make):
    space = anynas.load_space(f"AnyNet{letter}", regime="imagenet")
    draw, tried = draw_by_rejection(letter, random.Random(1), BAND, make)
    assert space.contains(architecture_of(draw))
    assert BAND[0] <= multiply_adds(draw) <= BAND[1]
    assert tried >= 1


def test_rejection_gives_the_law_of_sample():
    rng, depths = random.Random(2), []
    while len(depths) < 300:
        draw = early_candidate("E", rng)
        depths += [sum(draw.depths)] if draw is not None else []
    ours = [sum(a.to_dict()["depths"]) for a in anynas.load_space("AnyNetE").sample(300, seed=0)]
    error = math.sqrt((statistics.variance(ours) + statistics.variance(depths)) / 300)
    assert abs(statistics.fmean(ours) - statistics.fmean(depths)) < 4 * error


def test_the_difference_of_depths_has_a_normal_interval():
    fact = depth_difference("A", [10, 12], [9, 9, 12])
    error = math.sqrt(2 / 2 + 3 / 3)
    assert fact.value == 1.0
    assert (fact.low, fact.high) == (pytest.approx(1 - 1.959964 * error), pytest.approx(1 + 1.959964 * error))


def test_seconds_are_divided_by_each_sides_own_number_of_draws():
    measurements = []
    for letter in SPACES:
        ours = {"side": "anynas", "space": letter, "round": 0, "seconds": 2.0, "total_depths": [8, 9, 10, 11]}
        theirs = {"space": letter, "round": 0, "seconds": 3.0, "total_depths": [8, 9], "tried": 50}
        measurements += [ours, *({"side": side, **theirs} for side in SIDES if letter in SIDES[side])]
    rows, facts = summary(measurements)
    assert [(row.name, row.medians, row.ratio) for row in rows] == [
        (f"AnyNet{letter}, 4 and 2 draws", (0.5, 1.5), 3.0) for letter in "AACCDDEE"
    ]
    assert [row.other for row in rows] == [
        *(2 * ["rejection with numpy's choice", "rejection"]),
        *(2 * ["rejection", "early rejection"]),
    ]
    assert [fact.value for fact in facts if "candidates" in fact.name] == [25.0] * len(SPACES)


def test_sides_take_turns():
    labels = [task.label.rpartition(", ")[2] for task in tasks(quick=False)]
    assert labels == 10 * ["anynas", "rejection with numpy's choice", "rejection"] + 10 * [
        *("anynas", "rejection", "early rejection")
    ]
