"""Whether trials can be trusted: networks measured twice against each other, networks trained with several seeds."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from anynas.figures.edfs import ERROR
from anynas.figures.looks import ACCENT, FAINT, INK

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes


def draw_ranks(pairs: "pd.DataFrame", ax: "Axes", *, names: Sequence[str], title: str) -> "Axes":
    """Draw each network's error in one population against its error in another, each axis with its own range.

    Args:
        pairs: One row a network: first, second, errors in percent.
        ax: Where to draw.
        names: What both populations are called.
        title: Above the panel: the check and its answer.
    """
    ax.scatter(pairs["first"], pairs["second"], s=16, color=ACCENT, alpha=0.7, linewidth=0)
    ax.set(xlabel=f"{names[0]}: {ERROR}", ylabel=f"{names[1]}: {ERROR}")
    ax.set_title(title, loc="left")
    return ax


def draw_seeds(trials: "pd.DataFrame", ax: "Axes", *, title: str) -> "Axes":
    """Draw every trial's error in the column of its network, networks by their mean error.

    Args:
        trials: One row a trial: network_key, error in percent.
        ax: Where to draw.
        title: Above the panel: the check and its answer.
    """
    from matplotlib.ticker import MaxNLocator

    means = trials.groupby("network_key")["error"].mean().sort_values(kind="stable")
    places = {key: place for place, key in enumerate(means.index, 1)}
    where = trials["network_key"].map(places)
    spans = trials.groupby(where)["error"].agg(["min", "max"])
    ax.vlines(spans.index, spans["min"], spans["max"], color=FAINT, linewidth=0.8)
    ax.scatter(where, trials["error"], s=14, color=ACCENT, alpha=0.8, linewidth=0, label="a trial", zorder=3)
    ax.scatter(range(1, len(means) + 1), means, marker="_", s=60, color=INK, label="mean of a network", zorder=4)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set(xlabel="networks, by mean error", ylabel=ERROR)
    ax.set_title(title, loc="left")
    ax.legend(frameon=False, loc="upper left")
    return ax
