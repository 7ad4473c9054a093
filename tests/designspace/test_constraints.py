"""Constraints: sizes by counting, laws by conditioning, both from an enumeration of every setting."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from anynas.designspace.constraints import Constraint, constraint_for

KINDS = ("tie", "equal", "nondecreasing", "nonincreasing")
LAW = (0.4, 0.25, 0.15, 0.2)
COMBINATIONS = [set(kinds) for n in range(3) for kinds in itertools.combinations(KINDS, n)]
FORMS: list[set[str]] = [set(), {"tie"}, {"equal"}, {"nondecreasing"}, {"nonincreasing"}]

Law = tuple[float, ...]
Setting = tuple[int, ...]

COUNTS = st.integers(1, 4)
CONSTRAINTS = st.sets(st.sampled_from(KINDS))


@st.composite
def laws(draw: st.DrawFn) -> Law:
    weights = draw(st.lists(st.floats(0.01, 1), min_size=2, max_size=5))
    return tuple(weight / sum(weights) for weight in weights)


def satisfies(kinds: set[str], setting: Setting) -> bool:
    pairs = list(itertools.pairwise(setting))
    return (
        (not kinds & {"tie", "equal"} or len(set(setting)) == 1)
        and ("nondecreasing" not in kinds or all(after >= before for before, after in pairs))
        and ("nonincreasing" not in kinds or all(after <= before for before, after in pairs))
    )


def enumerated(kinds: set[str], law: Law, count: int) -> dict[Setting, float]:
    """Return every setting that satisfies the constraint, with its probability."""
    settings_ = [s for s in itertools.product(range(len(law)), repeat=count) if satisfies(kinds, s)]
    drawn = 1 if "tie" in kinds else count  # a tie is drawn once, by the parameter's own law
    weights = [float(np.prod([law[index] for index in s[:drawn]])) for s in settings_]
    return {s: weight / sum(weights) for s, weight in zip(settings_, weights, strict=True)}


def ends(constraint: Constraint, rows: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return along each axis the lowest and the highest coordinate that keep a setting, by bisection."""
    points = constraint.points(rows)
    found = []
    for end in (0.0, 1.0):
        found.append(points.copy())
        for axis in range(constraint.num_axes):
            inside, outside = points[:, axis].copy(), np.full(len(rows), end)
            for _ in range(50):
                moved = points.copy()
                moved[:, axis] = middle = (inside + outside) / 2
                same = constraint.indices(moved)[:, axis] == rows[:, axis]
                inside, outside = np.where(same, middle, inside), np.where(same, outside, middle)
            found[-1][:, axis] = inside
    return found[0], found[1]


def volumes(constraint: Constraint, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return each setting's share of the cube; an axis depends on those before it alone."""
    low, high = ends(constraint, rows)
    return np.prod(high - low, axis=1)


# Sizes and membership


@given(CONSTRAINTS, laws(), COUNTS)
def test_the_size_is_the_number_of_settings_that_satisfy_the_constraint(kinds: set[str], law: Law, count: int) -> None:
    assert constraint_for(kinds, law, count).size() == len(enumerated(kinds, law, count))


@given(CONSTRAINTS, laws(), COUNTS)
def test_it_holds_for_the_settings_that_satisfy_it_alone(kinds: set[str], law: Law, count: int) -> None:
    rows = list(itertools.product(range(len(law)), repeat=count))
    held = constraint_for(kinds, law, count).holds(np.array(rows))
    assert held.tolist() == [satisfies(kinds, row) for row in rows]


@pytest.mark.parametrize("kinds", COMBINATIONS, ids=lambda kinds: "+".join(sorted(kinds)) or "free")
def test_the_number_of_axes_is_that_of_the_values_drawn(kinds: set[str]) -> None:
    shared = kinds & {"tie", "equal"} or kinds == {"nondecreasing", "nonincreasing"}
    assert constraint_for(kinds, LAW, 3).num_axes == (1 if shared else 3)


# Laws


@given(CONSTRAINTS, laws(), COUNTS)
@settings(deadline=None, max_examples=50)
def test_the_law_is_the_parameters_own_conditioned_on_the_constraint(kinds: set[str], law: Law, count: int) -> None:
    expected = enumerated(kinds, law, count)
    shares = volumes(constraint_for(kinds, law, count), np.array(list(expected)))
    assert shares == pytest.approx(list(expected.values()), abs=1e-9)


@pytest.mark.parametrize("kinds", FORMS, ids=lambda kinds: "+".join(sorted(kinds)) or "free")
def test_uniform_points_give_the_law(kinds: set[str]) -> None:
    constraint, expected = constraint_for(kinds, LAW, 4), enumerated(kinds, LAW, 4)
    points = np.random.default_rng(5).random((200_000, constraint.num_axes))
    drawn, counts = np.unique(constraint.indices(points), axis=0, return_counts=True)
    assert {tuple(row) for row in drawn.tolist()} == set(expected)
    probabilities = np.array([expected[tuple(row)] for row in drawn.tolist()])
    assert stats.chisquare(counts, counts.sum() * probabilities).pvalue > 1e-4


@pytest.mark.parametrize("kinds", [{"equal"}, {"nondecreasing"}, {"nonincreasing"}], ids=min)
def test_rejection_from_independent_draws_gives_the_law(kinds: set[str]) -> None:
    constraint, generator = constraint_for(kinds, LAW, 3), np.random.default_rng(6)
    candidates = generator.choice(len(LAW), size=(200_000, 3), p=LAW)
    accepted = candidates[[satisfies(kinds, tuple(row)) for row in candidates.tolist()]]
    drawn = constraint.indices(generator.random((len(accepted), constraint.num_axes)))
    cells = len(LAW) ** 3
    codes = [np.ravel_multi_index(tuple(rows.T), (len(LAW),) * 3) for rows in (accepted, drawn)]
    table = np.array([np.bincount(code, minlength=cells) for code in codes])
    assert stats.chi2_contingency(table[:, table.sum(axis=0) > 0]).pvalue > 1e-4


def test_a_nondecreasing_law_is_not_that_of_sorted_draws() -> None:
    constraint = constraint_for({"nondecreasing"}, (0.5, 0.5), 2)
    shares = volumes(constraint, np.array([[0, 0], [0, 1], [1, 1]]))
    assert shares == pytest.approx([1 / 3] * 3, abs=1e-9)  # sorted draws would give 1/4, 1/2, 1/4


def test_a_tie_keeps_the_parameters_law_and_equality_sharpens_it() -> None:
    rows = np.array([[0, 0], [1, 1]])
    assert volumes(constraint_for({"tie"}, (0.8, 0.2), 2), rows) == pytest.approx([0.8, 0.2], abs=1e-9)
    equal = volumes(constraint_for({"equal"}, (0.8, 0.2), 2), rows)
    assert equal == pytest.approx([0.64 / 0.68, 0.04 / 0.68], abs=1e-9)


@given(CONSTRAINTS, laws(), COUNTS)
def test_what_is_tied_is_just_tied(kinds: set[str], law: Law, count: int) -> None:
    points = np.linspace(0, 1, 101)[:, None]
    tied = constraint_for({"tie"}, law, count).indices(points)
    assert constraint_for({"tie", *kinds}, law, count).indices(points).tolist() == tied.tolist()


def test_never_decreasing_and_never_increasing_is_equal() -> None:
    points = np.linspace(0, 1, 101)[:, None]
    both = constraint_for({"nondecreasing", "nonincreasing"}, LAW, 3).indices(points)
    assert both.tolist() == constraint_for({"equal"}, LAW, 3).indices(points).tolist()


# The map from the cube


@given(CONSTRAINTS, laws(), COUNTS)
def test_every_setting_has_a_point_that_maps_to_it(kinds: set[str], law: Law, count: int) -> None:
    constraint, rows = constraint_for(kinds, law, count), np.array(list(enumerated(kinds, law, count)))
    points = constraint.points(rows)
    assert points.shape == (len(rows), constraint.num_axes)
    assert points.min() >= 0
    assert points.max() <= 1
    assert constraint.indices(points).tolist() == rows.tolist()


@given(CONSTRAINTS, laws(), COUNTS)
@settings(deadline=None, max_examples=30)
def test_the_point_of_a_setting_is_the_centre_of_those_that_map_to_it(kinds: set[str], law: Law, count: int) -> None:
    constraint, rows = constraint_for(kinds, law, count), np.array(list(enumerated(kinds, law, count)))
    low, high = ends(constraint, rows)
    assert constraint.points(rows) == pytest.approx((low + high) / 2, abs=1e-9)


@given(
    CONSTRAINTS,
    laws(),
    COUNTS,
    st.lists(st.sampled_from([0.0, 5e-324, 1e-17, 0.5, np.nextafter(1, 0), 1.0]), min_size=4, max_size=4),
)
def test_corners_and_what_is_next_to_them_map_to_settings_that_satisfy_the_constraint(
    kinds: set[str], law: Law, count: int, point: list[float]
) -> None:
    constraint = constraint_for(kinds, law, count)
    (row,) = constraint.indices(np.array([point[: constraint.num_axes]])).tolist()
    assert len(row) == count
    assert all(0 <= index < len(law) for index in row)
    assert satisfies(kinds, tuple(row))


@given(CONSTRAINTS, laws(), COUNTS)
def test_the_lowest_corner_is_the_lowest_setting_and_the_highest_the_highest(
    kinds: set[str], law: Law, count: int
) -> None:
    constraint = constraint_for(kinds, law, count)
    corners = np.array([[0.0] * constraint.num_axes, [1.0] * constraint.num_axes])
    assert constraint.indices(corners).tolist() == [[0] * count, [len(law) - 1] * count]


@given(CONSTRAINTS, laws(), COUNTS, st.data())
def test_a_larger_coordinate_never_means_a_smaller_value_of_its_stage(
    kinds: set[str], law: Law, count: int, data: st.DataObject
) -> None:
    constraint = constraint_for(kinds, law, count)
    point = data.draw(st.lists(st.floats(0, 1), min_size=4, max_size=4))[: constraint.num_axes]
    axis = data.draw(st.integers(0, constraint.num_axes - 1))
    points = np.tile(point, (50, 1))
    points[:, axis] = np.linspace(0, 1, 50)
    assert (np.diff(constraint.indices(points)[:, axis]) >= 0).all()


def test_a_long_run_over_a_fine_grid_keeps_its_precision() -> None:
    law = tuple(np.full(128, 1 / 128))
    constraint = constraint_for({"nondecreasing"}, law, 5)
    rows = np.array([[127] * 5, [126] * 4 + [127], [126] * 5, [0] * 4 + [127], [0] * 5])
    assert constraint.indices(constraint.points(rows)).tolist() == rows.tolist()
