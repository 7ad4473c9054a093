"""Error against each parameter of one population, as the design-space papers show it."""

import re
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from anynas.analysis.best_value import best_value
from anynas.analysis.visible import visible_errors
from anynas.figures.looks import Look, legend_label
from anynas.figures.pages import Draw, save_pages
from anynas.store import LIST_COLUMNS

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from numpy.typing import ArrayLike

    from anynas.analysis.best_value import BestValue
    from anynas.analysis.visible import VisibleErrors

COLUMNS, PAGE = 4, 20  # panels side by side, and on one page
STRIP = 0.5  # of the distance of two choices: how wide their points spread


def draw_parameters(
    name: str, rows: "pd.DataFrame", folder: Path, *, look: Look, failed: int, footer: str
) -> dict[str, Path]:
    """Write a population's pictures, a panel a parameter, and return their paths by what they show.

    Args:
        name: The population's.
        rows: Its complete trials; every column that is not of `LIST_COLUMNS` is a parameter. Those that the population
            lacks or that are the same in all its networks are not drawn; several that are always equal (tied ones)
            are drawn once.
        folder: Where to write.
        look: The population's.
        failed: Its trials that failed.
        footer: As for `draw_study`.
    """
    visible = visible_errors([rows["error"]])
    panels: list[Draw] = []
    for columns in _free(rows):
        values = rows[columns[0]].dropna()
        errors = rows.loc[values.index, "error"]
        label = _label(columns) + (f" (n = {len(values):,})" if len(values) < len(rows) else "")
        if _numeric(values):
            numbers = values.astype(np.float64)
            best = best_value(numbers, errors)
            draw: Draw = partial(draw_values, numbers, errors, label=label, look=look, visible=visible, best=best)
        else:
            draw = partial(draw_choices, values, errors, label=label, look=look, visible=visible)
        panels.append(draw)
    networks = legend_label(name, len(rows), failed, rows["error"], visible).replace("\n", " ")
    note = "Dashed and shaded: the best network's value, median and 95 % interval"
    file = re.sub(r"[^\w.-]+", "_", f"parameters_{name}")
    return save_pages(
        f"parameters of {name}",
        folder / f"{file}.png",
        panels,
        most=PAGE,
        title=f"{networks}: error against each parameter",
        footer=f"{note}. {footer}",
        columns=COLUMNS,
        height=1.55,
    )


def draw_values(
    values: "pd.Series[float]",
    errors: "pd.Series[float]",
    ax: "Axes",
    *,
    label: str,
    look: Look,
    visible: "VisibleErrors",
    best: "BestValue",
) -> "Axes":
    """Draw error against a numeric parameter, with the interval of the best value shaded and its median as a line.

    Args:
        values: Shape (n,), the parameter's.
        errors: Shape (n,), percent.
        ax: Where to draw.
        label: What the parameter is called.
        look: The population's.
        visible: How far the axis of errors reaches.
        best: Of these values and errors.
    """
    if best.low < best.high:
        ax.axvspan(best.low, best.high, facecolor="0.86", edgecolor="0.6", linewidth=0.5, zorder=0)
    ax.axvline(best.median, color="black", linewidth=1, linestyle=(0, (4, 1.5)), zorder=3)
    _points(values, errors, ax, look)
    _finish(ax, label, visible)
    return ax


def draw_choices(
    values: "pd.Series[object]",
    errors: "pd.Series[float]",
    ax: "Axes",
    *,
    label: str,
    look: Look,
    visible: "VisibleErrors",
) -> "Axes":
    """Draw error by the choices of a parameter that is a word or a truth: a strip each, in order of their names.

    Args: as `draw_values`, but there is no interval.
    """
    choices = sorted(values.unique(), key=str)
    place = values.map({choice: position for position, choice in enumerate(choices)}).to_numpy(dtype=np.float64)
    spread = np.random.default_rng(0).uniform(-STRIP / 2, STRIP / 2, len(values))  # sideways alone: no number moves
    _points(place + spread, errors, ax, look)
    ax.set_xticks(range(len(choices)), [str(choice) for choice in choices])
    ax.set_xlim(-0.5, len(choices) - 0.5)
    if len(choices) > 3 or max(len(str(choice)) for choice in choices) > 6:
        ax.tick_params(axis="x", labelrotation=30)
    _finish(ax, label, visible)
    return ax


def _free(rows: "pd.DataFrame") -> list[list[str]]:
    """Return the parameters that vary in a population, those that are always equal together."""
    groups: dict[tuple[object, ...], list[str]] = {}
    for column in rows.columns:
        if column not in LIST_COLUMNS and rows[column].nunique() > 1:
            key = (rows[column].isna().to_numpy().tobytes(), *rows[column].dropna())
            groups.setdefault(key, []).append(column)
    return list(groups.values())


def _label(columns: list[str]) -> str:
    """Return what several equal parameters are called: "group_width_1 … 4"."""
    return columns[0] if len(columns) == 1 else f"{columns[0]} \u2026 {columns[-1].rpartition('_')[2]}"


def _numeric(values: "pd.Series[object]") -> bool:
    return not any(isinstance(value, (bool, np.bool_, str)) for value in values)


def _points(places: "ArrayLike", errors: "pd.Series[float]", ax: "Axes", look: Look) -> None:
    ax.scatter(
        places,
        errors,
        s=8,
        marker=look.marker,
        facecolors=(look.colour, 0.3),
        edgecolors=(look.colour, 0.7),
        linewidths=0.4,
    )


def _finish(ax: "Axes", label: str, visible: "VisibleErrors") -> None:
    ax.set(xlabel=label, ylim=(visible.low, visible.high))
    place = ax.get_subplotspec()
    if place is None or place.is_first_col():
        ax.set_ylabel("error (%)")
