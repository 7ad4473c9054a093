"""The line's law: sizes by counting, laws by conditioning, both against the stages of every line on a grid."""

import itertools
import math
import time
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from anynas.designspace import line
from anynas.designspace.line import Line
from anynas.designspace.parameters import Parameter, log_uniform, uniform
from anynas.errors import SpaceError
from anynas.families.regnet import levels_of_line, stages_of_line, stages_of_lines, widths_of_levels

TIES = (1.69, 1.96, 2.25, 2.56, 2.89)  # squares of tenths: some blocks lie exactly between two levels
PUBLISHED_SIZE = 1_251_758_425  # settings with four stages on the grid of `published_line`


def on_grid(name: str, *, low: float, high: float, step: float, digits: int) -> Parameter:
    """Return a parameter with the law of `log_uniform`, on a grid of decimals."""
    values = [round(k * step, digits) for k in range(round(low / step), round(high / step) + 1)]
    edges = [low - min(step, low / 2), *values]
    probabilities = tuple(math.log(b / a) / math.log(high / edges[0]) for a, b in itertools.pairwise(edges))
    return Parameter(name=name, values=tuple(values), probabilities=probabilities, law=f"log-uniform {low}..{high}")


def published_line(**others: Parameter) -> Line:
    """Return the line of the RegNet paper, with other parameters in place of some."""
    parameters = {
        "depth": log_uniform("depth", low=1, high=63, step=1, count=1),
        "w0": log_uniform("w0", low=8, high=248, step=8, count=1),
        "wa": on_grid("wa", low=0.1, high=255.9, step=0.1, digits=1),
        "wm": on_grid("wm", low=1.5, high=3.0, step=0.001, digits=3),
    }
    return Line(**{**parameters, **others})


def small_line(*, wm: tuple[float, ...] = (1.5, 2.25, 2.4), stages: int = 4, **others: Parameter) -> Line:
    parameters = {
        "depth": log_uniform("depth", low=2, high=12, step=2, count=1),
        "w0": log_uniform("w0", low=8, high=40, step=8, count=1),
        "wa": on_grid("wa", low=2.5, high=60.0, step=2.5, digits=1),
        "wm": uniform("wm", wm, count=1),
    }
    return Line(**{**parameters, **others}, stages=stages)


def parameters_of(line_: Line) -> tuple[Parameter, ...]:
    return line_.depth, line_.w0, line_.wa, line_.wm


def values_of(line_: Line, row: tuple[int, ...]) -> dict[str, Any]:
    pairs = zip(("depth", "w0", "wa", "wm"), zip(parameters_of(line_), row, strict=True), strict=True)
    return {name: parameter.values[index] for name, (parameter, index) in pairs}


def obeys(stages: int, *, depth: int, w0: int, wa: float, wm: float) -> bool:
    """Return whether a line has that many stages, and its last block is as many levels up as that takes."""
    widths, _ = stages_of_line(depth=depth, w0=w0, wa=wa, wm=wm)
    return len(widths) == stages == 1 + levels_of_line(depth - 1, w0=w0, wa=wa, wm=wm)


def every_row(line_: Line) -> list[tuple[int, ...]]:
    return list(itertools.product(*(range(len(parameter.values)) for parameter in parameters_of(line_))))


def enumerated(line_: Line) -> dict[tuple[int, ...], float]:
    """Return every setting that obeys the rule, with its probability."""
    weights = {
        row: math.prod(p.probabilities[index] for p, index in zip(parameters_of(line_), row, strict=True))
        for row in every_row(line_)
        if obeys(line_.stages, **values_of(line_, row))
    }
    return {row: weight / sum(weights.values()) for row, weight in weights.items()}


def independent(line_: Line, n: int, seed: int) -> NDArray[np.int64]:
    """Return rows (n, 4), each parameter drawn by its own law without the rule."""
    generator = np.random.default_rng(seed)
    laws = [np.asarray(parameter.probabilities) for parameter in parameters_of(line_)]
    return np.stack([generator.choice(len(law), size=n, p=law / law.sum()) for law in laws], axis=1)


def columns_of(line_: Line, rows: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
    pairs = zip(("depth", "w0", "wa", "wm"), parameters_of(line_), rows.T, strict=True)
    return {name: np.asarray(parameter.values)[column] for name, parameter, column in pairs}


def obey(line_: Line, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return `obeys` for many rows, by the runs of levels of each line."""
    columns = columns_of(line_, rows)
    depth, w0, wa, wm = (columns[name][:, None] for name in ("depth", "w0", "wa", "wm"))
    levels = levels_of_line(np.arange(63), w0=w0, wa=wa, wm=wm)
    inside = np.arange(63) < depth
    highest = np.max(levels, axis=1, where=inside, initial=0)
    number = 1 + np.sum((np.diff(levels, axis=1) > 0) & inside[:, 1:], axis=1)
    widths = widths_of_levels(np.arange(line_.stages), w0=w0, wm=wm)
    return (highest == line_.stages - 1) & (number == line_.stages) & np.all(np.diff(widths, axis=1) > 0, axis=1)


def volumes(line_: Line, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return each setting's share of the cube, from its extent along each axis, by bisection."""
    points, share = line_.points(rows), np.ones(len(rows))
    axes = [axis for axis, parameter in enumerate(parameters_of(line_)) if len(parameter.values) > 1]
    for column, axis in enumerate(axes):
        found = []
        for end in (0.0, 1.0):
            inside, outside = points[:, column].copy(), np.full(len(rows), end)
            for _ in range(40):
                moved = points.copy()
                moved[:, column] = middle = (inside + outside) / 2
                same = line_.indices(moved)[:, axis] == rows[:, axis]
                inside, outside = np.where(same, middle, inside), np.where(same, outside, middle)
            found.append(inside)
        share *= found[1] - found[0]
        assert points[:, column] == pytest.approx((found[0] + found[1]) / 2, abs=1e-9)  # the centre
    return share


@pytest.fixture(scope="module")
def published() -> Line:
    return published_line()


@pytest.fixture(scope="module")
def drawn(published: Line) -> NDArray[np.int64]:
    return published.indices(np.random.default_rng(1).random((20_000, 4)))


SMALL_LINES = {
    "ties": small_line(wm=TIES),
    "ties, on every multiple of 8": small_line(
        wm=(2.25,),
        depth=log_uniform("depth", low=1, high=20, step=1, count=1),
        wa=uniform("wa", (9.5, 10.55, 21.1, 42.2, 105.5), count=1),
    ),
    "narrow ratios": small_line(
        wm=(1.02, 1.1, 1.15, 1.2, 1.3, 1.38, 1.39, 1.4), w0=uniform("w0", (8, 16, 48, 120, 248), count=1)
    ),
    "no slope among the slopes": small_line(wa=uniform("wa", (0, 5, 20.5), count=1)),
    "one stage": small_line(stages=1),
    "two stages": small_line(stages=2),
    "three stages": small_line(stages=3),
    "six stages": small_line(wm=(1.2, 1.3, 1.5), stages=6),
    "one width": small_line(w0=uniform("w0", (24,), count=1)),
    "one of each but depth": small_line(
        wm=(2.25,), w0=uniform("w0", (24,), count=1), wa=uniform("wa", (22.5,), count=1)
    ),
}
small_lines = pytest.mark.parametrize("small", SMALL_LINES.values(), ids=SMALL_LINES)

# Sizes and membership


@small_lines
def test_the_size_is_the_number_of_settings_whose_lines_obey_the_rule(small: Line) -> None:
    assert small.size() == sum(obeys(small.stages, **values_of(small, row)) for row in every_row(small))


@small_lines
def test_it_holds_for_the_settings_whose_lines_obey_the_rule(small: Line) -> None:
    rows = every_row(small)
    expected = [obeys(small.stages, **values_of(small, row)) for row in rows]
    assert small.holds(np.array(rows)).tolist() == expected


def test_some_small_lines_have_a_block_exactly_between_two_levels() -> None:
    small = SMALL_LINES["ties, on every multiple of 8"]
    lines = itertools.product(small.w0.values, small.wa.values, range(1, 20), (0, 1, 2, 3))
    assert sum(w0 * 1.5 ** (2 * level + 1) == w0 + wa * j for w0, wa, j, level in lines) > 5


def test_it_holds_on_the_papers_grid_for_the_lines_that_obey_the_rule(published: Line) -> None:
    rows = independent(published, 3000, seed=2)
    rows[::3, 3] = np.searchsorted(published.wm.values, np.resize(TIES, 1000))
    rows[::2, 0] %= 25
    expected = [obeys(4, **values_of(published, tuple(row))) for row in rows.tolist()]
    assert 100 < sum(expected) < 2000
    assert published.holds(rows).tolist() == expected


def test_the_size_on_the_papers_grid(published: Line) -> None:
    assert published.size() == PUBLISHED_SIZE


@pytest.mark.parametrize("wm", [*TIES, 1.5, 1.501, 1.777, 2.148, 2.5, 2.993, 3.0])
def test_the_size_on_the_papers_grid_is_a_count_of_every_line_with_a_ratio(wm: float) -> None:
    alone = published_line(wm=uniform("wm", (wm,), count=1))
    number = 0
    for w0 in alone.w0.values:
        levels = levels_of_line(np.arange(63), w0=w0, wa=np.array(alone.wa.values)[:, None], wm=wm)
        stages = 1 + np.cumsum(np.diff(levels, axis=1) > 0, axis=1)  # of the lines of 2 to 63 blocks
        if len({8 * round(w0 * wm**level / 8) for level in range(4)}) == 4:
            number += np.count_nonzero((stages == 4) & (levels[:, 1:] == 3))
    assert alone.size() == number


# Laws


@pytest.mark.parametrize("name", ["ties", "narrow ratios", "three stages", "one width", "one of each but depth"])
def test_the_law_is_the_parameters_own_conditioned_on_the_rule(name: str) -> None:
    expected = enumerated(SMALL_LINES[name])
    rows = np.array(list(expected))[::7]
    assert volumes(SMALL_LINES[name], rows) == pytest.approx(list(expected.values())[::7], abs=1e-9)


def test_uniform_points_give_the_law() -> None:
    small = small_line(wa=on_grid("wa", low=10, high=60, step=10, digits=1))
    expected = enumerated(small)
    rows, counts = np.unique(small.indices(np.random.default_rng(3).random((20_000, 4))), axis=0, return_counts=True)
    observed = dict(zip(map(tuple, rows.tolist()), counts.tolist(), strict=True))
    assert set(observed) <= set(expected)
    frequent = [row for row, probability in expected.items() if probability > 5 / 20_000]
    table = np.array([[observed.get(row, 0), 20_000 * expected[row]] for row in frequent])
    table = np.vstack([table, 20_000 - table.sum(axis=0)])  # all others together
    assert len(frequent) > 50
    assert stats.chisquare(table[:, 0], table[:, 1]).pvalue > 1e-4


def test_rejection_from_independent_draws_gives_the_papers_law(published: Line, drawn: NDArray[np.int64]) -> None:
    candidates = independent(published, 300_000, seed=4)
    accepted = candidates[obey(published, candidates)]
    assert 0.049 < len(accepted) / len(candidates) < 0.053
    statistics = []
    for rows in (accepted, drawn):
        columns = columns_of(published, rows)
        widths, depths = stages_of_lines(**columns, num_stages=4)
        statistics.append(np.column_stack([*columns.values(), widths[:, 1:], depths, np.prod(rows + 1.0, axis=1)]))
    for ours, theirs in zip(*(values.T for values in statistics), strict=True):
        edges = np.unique(np.quantile(np.concatenate([ours, theirs]), np.linspace(0, 1, 21)[1:-1]))
        table = np.array([np.bincount(np.searchsorted(edges, x), minlength=len(edges) + 1) for x in (ours, theirs)])
        assert stats.chi2_contingency(table[:, table.sum(axis=0) > 0]).pvalue > 1e-4


# The map from the cube


def test_every_point_maps_to_a_line_that_obeys_the_rule(published: Line, drawn: NDArray[np.int64]) -> None:
    assert published.holds(drawn).all()
    assert obey(published, drawn).all()
    assert all(obeys(4, **values_of(published, tuple(row))) for row in drawn[:1000].tolist())


@small_lines
def test_every_setting_has_a_point_that_maps_to_it(small: Line) -> None:
    rows = np.array(every_row(small))
    rows = rows[small.holds(rows)]
    points = small.points(rows)
    assert points.shape == (len(rows), small.num_axes)
    assert points.min() >= 0
    assert points.max() <= 1
    assert small.indices(points).tolist() == rows.tolist()


def test_a_setting_on_the_papers_grid_has_a_point_that_maps_to_it(published: Line, drawn: NDArray[np.int64]) -> None:
    assert published.indices(published.points(drawn)).tolist() == drawn.tolist()
    rows = independent(published, 20_000, seed=5)
    rows = rows[published.holds(rows)]
    assert published.indices(published.points(rows)).tolist() == rows.tolist()


@small_lines
def test_corners_and_what_is_next_to_them_map_to_lines_that_obey_the_rule(small: Line) -> None:
    ends = (0.0, 5e-324, 1e-17, 0.5, float(np.nextafter(1, 0)), 1.0)
    rows = small.indices(np.array(list(itertools.product(ends, repeat=small.num_axes))))
    assert small.holds(rows).all()
    assert all(obeys(small.stages, **values_of(small, tuple(row))) for row in np.unique(rows, axis=0).tolist())


def test_corners_of_the_papers_cube_map_to_lines_that_obey_the_rule(published: Line) -> None:
    ends = (0.0, 5e-324, 1e-17, float(np.nextafter(1, 0)), 1.0)
    rows = published.indices(np.array(list(itertools.product(ends, repeat=4))))
    assert obey(published, rows).all()


def test_a_larger_coordinate_never_means_a_smaller_value_of_its_parameter(published: Line) -> None:
    points = np.random.default_rng(6).random((20, 1, 4)).repeat(200, axis=1)
    for axis in range(4):
        moved = points.copy()
        moved[:, :, axis] = np.linspace(0, 1, 200)
        rows = published.indices(moved.reshape(-1, 4)).reshape(20, 200, 4)
        assert (np.diff(rows[:, :, axis], axis=1) >= 0).all()
        assert (rows[:, -1, axis] > rows[:, 0, axis]).any()


@small_lines
def test_a_parameter_of_one_value_reads_no_axis(small: Line) -> None:
    assert small.num_axes == sum(len(parameter.values) > 1 for parameter in parameters_of(small))


def test_without_points_there_are_no_settings(published: Line) -> None:
    assert published.indices(np.empty((0, 4))).shape == (0, 4)
    assert published.points(np.empty((0, 4), dtype=np.int64)).shape == (0, 4)
    assert published.holds(np.empty((0, 4), dtype=np.int64)).shape == (0,)


# Cost


def test_two_lines_with_the_same_parameters_are_set_up_once(published: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    published.size()
    again = published_line()

    def fail(*_: Any) -> None:
        pytest.fail("set up twice")

    monkeypatch.setattr(line, "_runs", fail)
    assert again.size() == PUBLISHED_SIZE


def test_setting_up_and_drawing_are_quick(published: Line) -> None:
    """An order of magnitude above what one slow core needs: 0.4 s and 0.04 s."""
    line._table.cache_clear()
    start = time.perf_counter()
    published.size()
    middle = time.perf_counter()
    published.indices(np.random.default_rng(7).random((4096, 4)))
    assert middle - start < 5
    assert time.perf_counter() - middle < 0.5


# Errors


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"depth": uniform("depth", (0, 5), count=1)}, "depth: values must be at least 1; got 0"),
        ({"w0": uniform("w0", (8, 20), count=1)}, "w0: values must be positive multiples of 8; got 20"),
        ({"w0": uniform("w0", (0, 8), count=1)}, "w0: values must be positive multiples of 8; got 0"),
        ({"wa": uniform("wa", (-0.5, 8), count=1)}, "wa: values must be at least 0; got -0.5"),
        ({"wm": uniform("wm", (1, 2), count=1)}, "wm: values must be above 1; got 1"),
        (
            {"depth": log_uniform("depth", low=1, high=3, step=1, count=1), "w0": uniform("w0", (8, 16), count=1)},
            "some line must have 4 stages and skip no level; none has with depth log-uniform 1..3; w0 uniform 8, 16; "
            "wa log-uniform 0.1..255.9; wm log-uniform 1.5..3.0",
        ),
    ],
)
def test_what_cannot_be_a_line_is_refused(wrong: dict[str, Parameter], message: str) -> None:
    with pytest.raises(SpaceError) as caught:
        published_line(**wrong)
    assert str(caught.value) == message
