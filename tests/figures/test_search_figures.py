"""Pictures: what is on the Axes equals the table, and the files are written."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.testing import assert_allclose

from anynas.figures import draw_edf, draw_error_flops, draw_search, save

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
def ax() -> Axes:
    return Figure().subplots()


@pytest.fixture
def table() -> pd.DataFrame:
    """Return six trials, one of them failed, two with one error; numbers, index and row are all different."""
    return pd.DataFrame(
        {
            "number": [4, 0, 7, 2, 9, 3],
            "state": ["complete", "complete", "complete", "failed", "complete", "complete"],
            "flops": [3_000_000, 1_000_000, 2_000_000, 500_000, 1_500_000, 4_000_000],
            "error": [20.0, 40.0, 25.0, np.nan, 40.0, 10.0],
            "space": "plain",
            "epochs": 2,
            "images": 8000,
            "anynas_version": "0.1",
            "torch_version": "2.13.0",
            "device": "cpu",
        },
        index=[10, 11, 12, 13, 14, 15],
    )


@pytest.fixture
def complete(table: pd.DataFrame) -> pd.DataFrame:
    return table[table["state"] == "complete"]


@pytest.fixture
def front(table: pd.DataFrame) -> pd.DataFrame:
    return table.loc[[11, 12, 10, 15]]  # by flops: 40 % at 1 M, 25 at 2, 20 at 3, 10 at 4


def texts_of_legend(ax: Axes) -> list[str]:
    return [text.get_text() for text in ax.get_legend().get_texts()]


@pytest.mark.parametrize(
    ("quantity", "label"), [("params", "params (thousands)"), ("activations", "activations (thousands)")]
)
def test_another_quantity_takes_the_place_of_flops(
    ax: Axes, complete: pd.DataFrame, front: pd.DataFrame, quantity: str, label: str
) -> None:
    renamed, edge = (frame.rename(columns={"flops": quantity}) for frame in (complete, front))
    draw_error_flops(renamed, edge, ax, winner=3, quantity=quantity)
    assert ax.get_xlabel() == label
    (points,) = ax.collections
    assert sorted(points.get_offsets()[:, 0].tolist()) == [1000.0, 1500.0, 2000.0, 3000.0, 4000.0]
    assert [line.get_xdata().tolist() for line in ax.lines] == [[1000.0, 2000.0, 3000.0, 4000.0]] * 2 + [[4000.0]]


def test_each_trial_is_a_point_at_its_flops_and_error(ax: Axes, complete: pd.DataFrame, front: pd.DataFrame) -> None:
    assert draw_error_flops(complete, front, ax) is ax
    (points,) = ax.collections
    assert_allclose(
        sorted(points.get_offsets().tolist()), [[1.0, 40.0], [1.5, 40.0], [2.0, 25.0], [3.0, 20.0], [4.0, 10.0]]
    )
    assert texts_of_legend(ax) == ["trials", "Pareto front"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("flops (millions of multiply-adds)", "validation error (%)")


def test_the_front_is_a_staircase_with_a_dot_at_each_trial_of_it(
    ax: Axes, complete: pd.DataFrame, front: pd.DataFrame
) -> None:
    draw_error_flops(complete, front, ax)
    staircase, dots = ax.lines
    for line in (staircase, dots):
        assert_allclose(line.get_xydata(), [[1.0, 40.0], [2.0, 25.0], [3.0, 20.0], [4.0, 10.0]])
    assert staircase.get_drawstyle() == "steps-post", "until the next trial, the error is that of the last"
    assert (dots.get_linestyle(), dots.get_marker()) == ("None", "o")


@pytest.mark.parametrize(("winner", "place"), [(3, (4.0, 10.0)), (4, (3.0, 20.0)), (0, (1.0, 40.0))])
def test_a_ring_is_around_the_trial_with_the_winners_number(
    ax: Axes, complete: pd.DataFrame, front: pd.DataFrame, winner: int, place: tuple[float, float]
) -> None:
    draw_error_flops(complete, front, ax, winner=winner)
    (ring,) = [line for line in ax.lines if line.get_label() == "winner"]
    assert_allclose(ring.get_xydata(), [place])
    assert ring.get_markerfacecolor() == "none"
    assert texts_of_legend(ax) == ["trials", "Pareto front", "winner"]


def test_drawing_leaves_the_table_as_it_was(ax: Axes, complete: pd.DataFrame, front: pd.DataFrame) -> None:
    before = complete.copy(), front.copy()
    draw_error_flops(complete, front, ax, winner=3)
    draw_edf(complete, ax, label="plain")
    pd.testing.assert_frame_equal(complete, before[0])
    pd.testing.assert_frame_equal(front, before[1])


def test_the_edf_rises_at_each_error_by_its_share(ax: Axes, complete: pd.DataFrame) -> None:
    assert draw_edf(complete, ax, label="plain") is ax
    (line,) = ax.lines
    assert_allclose(line.get_xydata(), [[10.0, 0.0], [10.0, 0.2], [20.0, 0.4], [25.0, 0.6], [40.0, 1.0]])
    assert line.get_drawstyle() == "steps-post", "continuous from the right"
    assert texts_of_legend(ax) == ["plain (n = 5)"]
    assert ax.get_ylim() == (0, 1.02)
    assert (ax.get_xlabel(), ax.get_ylabel()) == (
        "validation error (%)",
        "share of networks with at most this error",
    )


def test_a_search_has_two_pictures_of_its_complete_trials(
    tmp_path: Path, table: pd.DataFrame, front: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    figures: dict[str, Figure] = {}
    savefig = Figure.savefig

    def keeping(figure: Figure, path: Path, **options: object) -> None:
        figures[path.name] = figure
        savefig(figure, path, **options)

    monkeypatch.setattr(Figure, "savefig", keeping)
    written = draw_search(table, front, tmp_path, winner=3, seed=17)
    assert written == {
        "error against flops": tmp_path / "error_flops.png",
        "error EDF of all trials": tmp_path / "edf.png",
    }
    assert sorted(path.name for path in tmp_path.iterdir()) == ["edf.png", "error_flops.png"]
    for path in written.values():
        assert path.read_bytes().startswith(PNG)
    for figure in figures.values():
        assert figure.get_supxlabel() == (
            "n = 5, seed 17, 2 epochs of 8,000 images a trial; anynas 0.1, torch 2.13.0, cpu"
        )
    (scatter,), (steps,) = figures["error_flops.png"].axes, figures["edf.png"].axes
    assert (scatter.get_title(), steps.get_title()) == ("plain: error against flops", "plain: error EDF of all trials")
    assert len(scatter.collections[0].get_offsets()) == 5
    assert_allclose([line.get_xydata() for line in scatter.lines if line.get_label() == "winner"], [[[4.0, 10.0]]])
    assert texts_of_legend(steps) == ["plain (n = 5)"]


def test_one_trial_is_enough_for_both_pictures(tmp_path: Path, table: pd.DataFrame) -> None:
    one = table.loc[[15]]
    for path in draw_search(one, one, tmp_path, winner=3, seed=0).values():
        assert path.read_bytes().startswith(PNG)


def test_a_picture_is_saved_where_it_is_asked_for_with_its_title_and_footer(tmp_path: Path) -> None:
    drawn: list[Axes] = []
    path = save(tmp_path / "picture.png", drawn.append, title="a title", footer="a footer")
    assert path == tmp_path / "picture.png"
    assert path.read_bytes().startswith(PNG)
    (ax,) = drawn
    assert ax.get_title() == "a title"
    assert ax.get_figure().get_supxlabel() == "a footer"
