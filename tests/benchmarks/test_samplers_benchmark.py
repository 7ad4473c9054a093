"""What the benchmark of samplers measures: fronts, and the area that they dominate."""

import pytest

from benchmarks.samplers import front, hypervolume, widths_space

POINTS = [(30.0, 1.0), (20.0, 2.0), (25.0, 3.0), (10.0, 4.0), (20.0, 2.0)]


def test_a_front_is_what_no_other_point_beats_by_flops() -> None:
    assert front(POINTS) == [(30.0, 1.0), (20.0, 2.0), (10.0, 4.0)]


@pytest.mark.parametrize(
    ("points", "area"),
    [
        ([], 0),
        ([(30.0, 1.0)], 0),  # on the corner's edge
        ([(20.0, 2.0)], 10 * 3),
        ([(20.0, 2.0), (25.0, 3.0)], 10 * 3),  # beaten by the first
        (POINTS, 10 * 3 + 10 * 1),
        ([(10.0, 6.0), (40.0, 1.0)], 0),  # both outside
    ],
)
def test_a_hypervolume_is_the_area_between_a_front_and_the_corner(
    points: list[tuple[float, float]], area: float
) -> None:
    assert hypervolume(points, (30.0, 5.0)) == area


def test_the_space_has_the_tables_networks() -> None:
    assert widths_space().size() == 8**5
