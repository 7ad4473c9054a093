"""What more work gives: more networks drawn, or more epochs trained."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from anynas.figures.edfs import ERROR
from anynas.figures.looks import ACCENT, Look, legend_label
from anynas.figures.pages import save_page

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from anynas.analysis.visible import VisibleErrors


def draw_expected_best(
    populations: "Sequence[tuple[str, pd.DataFrame]]", ax: "Axes", *, looks: dict[str, Look], failed: dict[str, int]
) -> "Axes":
    """Draw the expected least error of n networks against n, on a log axis.

    Args:
        populations: Names, and what `expected_best_curve` returns; its last n is the number of networks.
        ax: Where to draw.
        looks: Of each population, by name.
        failed: Trials of each population that failed, by name.
    """
    for name, curve in populations:
        look = looks[name]
        ax.plot(
            curve["n"],
            curve["expected_best"],
            color=look.colour,
            linestyle=look.linestyle,
            marker=look.marker,
            markersize=4,
            linewidth=1.3,
            label=legend_label(name, int(curve["n"].iloc[-1]), failed[name]),
        )
    ax.set_xscale("log", base=2)  # n doubles from point to point
    ax.xaxis.set_major_formatter("{x:g}")
    ax.set(xlabel="networks drawn at random", ylabel="expected error of the best (%)")
    return ax


def draw_learning(
    quartiles: "pd.DataFrame", networks: "pd.DataFrame", ax: "Axes", *, title: str, look: Look, visible: "VisibleErrors"
) -> "Axes":
    """Draw a population's validation error against the epoch: median, quartiles, and a thin line for a few networks.

    Args:
        quartiles: The population's rows of `learning_quartiles`.
        networks: Curves of a few networks, with number, epoch, error.
        ax: Where to draw.
        title: Above the panel: the population and its n.
        look: The population's.
        visible: How far the axis of errors reaches.
    """
    from matplotlib.ticker import MaxNLocator

    for _, curve in networks.groupby("number"):
        ax.plot(curve["epoch"], curve["error"], color="0.6", linewidth=0.5, alpha=0.7, zorder=1)
    epochs = quartiles["epoch"]
    ax.fill_between(
        epochs,
        quartiles["low"],
        quartiles["high"],
        facecolor=(look.colour, 0.2),
        edgecolor=(look.colour, 0.6),
        linewidth=0,
        hatch=look.hatch,
        label="quartiles",
        zorder=2,
    )
    if len(epochs) == 1:  # an area needs two
        ax.vlines(epochs, quartiles["low"], quartiles["high"], color=look.colour, linewidth=4, alpha=0.5)
        ax.set_xlim(epochs.iloc[0] - 0.6, epochs.iloc[0] + 0.6)
    ax.plot(
        epochs,
        quartiles["median"],
        color=look.colour,
        linestyle=look.linestyle,
        marker=look.marker if len(epochs) <= 20 else "",
        markersize=4,
        label="median",
        zorder=3,
    )
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    ax.set(xlabel="epoch", ylabel=ERROR, ylim=(visible.low, visible.high))
    ax.set_title(title, loc="left")
    return ax


def draw_training(curve: "pd.DataFrame", path: Path, *, title: str, footer: str) -> Path:
    """Make the picture of one training, validation error and training loss against the epoch, and return its path.

    Args:
        curve: With epoch, error (percent) and loss.
        path: Where to write it.
        title: Above the panels.
        footer: Below them.
    """
    from matplotlib.ticker import MaxNLocator

    def panel(column: str, label: str, ax: "Axes") -> None:
        ax.plot(curve["epoch"], curve[column], color=ACCENT, marker="o" if len(curve) <= 20 else "", markersize=4)
        ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        ax.set(xlabel="epoch", ylabel=label)

    panels = [lambda ax: panel("error", ERROR, ax), lambda ax: panel("loss", "training loss", ax)]
    return save_page(path, panels, title=title, footer=footer)
