"""Error EDFs as steps, with their bands."""

from typing import TYPE_CHECKING

import numpy as np

from anynas.analysis.edf import EDF, edf
from anynas.figures.looks import ACCENT, Look, legend_label
from anynas.figures.pages import legend_below, wrapped

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from anynas.analysis.bands import Band
    from anynas.analysis.panels import Panel, Population
    from anynas.analysis.visible import VisibleErrors

ERROR = "validation error (%)"
SHARE = "share of networks with at most this error"


def draw_edf(table: "pd.DataFrame", ax: "Axes", *, label: str) -> "Axes":
    """Draw the EDF of a population's errors.

    Args:
        table: Complete trials, with error.
        ax: Where to draw.
        label: What the population is.
    """
    errors, shares = _steps(edf(table["error"].to_numpy()))
    ax.step(errors, shares, where="post", color=ACCENT, label=legend_label(label, len(table)))
    ax.set(xlabel=ERROR, ylabel=SHARE, ylim=(0, 1.02))
    ax.legend(frameon=False, loc="lower right")
    return ax


def draw_panel(
    panel: "Panel",
    ax: "Axes",
    *,
    looks: "dict[str, Look]",
    visible: "VisibleErrors",
    title: str,
    shown: str | None = None,
) -> "Axes":
    """Draw a panel's EDFs within their bands; n, failed trials and what was held fixed stand in the legend.

    Args:
        panel: Two populations compared, or all of a table.
        ax: Where to draw.
        looks: Of each population, by name.
        visible: How far the axis of errors reaches.
        title: Above the panel: the claim, say.
        shown: The one population to be shown with its band, all others being faint lines; None shows all alike.
    """
    for population in panel.populations:
        if shown in (None, population.name):
            _draw_population(population, ax, looks[population.name], visible)
        else:
            ax.step(*_steps(population.edf, visible.high), where="post", color="0.82", linewidth=0.7, zorder=1)
    ax.set(xlabel=ERROR, ylabel="share of networks", ylim=(0, 1.02), xlim=(visible.low, visible.high))
    ax.set_title(wrapped(title), loc="left")
    held = wrapped(f"held fixed: {panel.held}") if shown is None else None
    legend_below(ax, title=held)
    return ax


def _draw_population(population: "Population", ax: "Axes", look: Look, visible: "VisibleErrors") -> None:
    label = legend_label(population.name, population.n, population.failed, population.errors, visible)
    if population.band is not None:
        _draw_band(population.band, ax, look, visible.high)
    errors, shares = _steps(population.edf, visible.high)
    ax.step(errors, shares, where="post", color=look.colour, linestyle=look.linestyle, linewidth=1.3, label=label)


def _draw_band(band: "Band", ax: "Axes", look: Look, end: float) -> None:
    """Draw the band from below the least error, where the EDF is 0, to the end of the axis."""
    before = band.errors[0] - 100.0  # to the left of any axis
    errors = np.concatenate([[before], band.errors, [max(end, band.errors[-1])]])
    low = np.concatenate([[0.0], band.low, band.low[-1:]])
    high = np.concatenate([[min(band.half_width, 1.0)], band.high, band.high[-1:]])
    ax.fill_between(
        errors,
        low,
        high,
        step="post",
        facecolor=(look.colour, 0.14),
        edgecolor=(look.colour, 0.55),
        linewidth=0,
        hatch=look.hatch,
    )


def _steps(distribution: EDF, end: float | None = None) -> "tuple[list[float], list[float]]":
    """Return where the EDF's steps are: from 0 at the least error, and on to the end of the axis, if there is one."""
    errors = [distribution.errors[0], *distribution.errors]
    shares = [0.0, *distribution.cumulative]
    if end is not None and end > errors[-1]:
        return [*errors, end], [*shares, shares[-1]]
    return errors, shares
