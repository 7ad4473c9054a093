"""Error against complexity: all networks of all populations."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from anynas.figures.edfs import ERROR
from anynas.figures.looks import Look, legend_label

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from anynas.analysis.visible import VisibleErrors

AXES = {
    "flops": "flops (millions of multiply-adds)",
    "params": "parameters (millions)",
    "activations": "activations (millions)",
}
LAYERS = 10  # populations are drawn in turns, so that the last does not hide all others
TICKS = (1.0, 2.0, 5.0)  # of each decade
WIDE = 8.0  # a wider range of complexity has a log axis


def draw_complexity(
    populations: "Sequence[tuple[str, pd.DataFrame]]",
    ax: "Axes",
    *,
    against: str,
    looks: dict[str, Look],
    visible: "VisibleErrors",
    failed: dict[str, int],
) -> "Axes":
    """Draw each network's error against its flops, params or activations, one colour and marker a population.

    Args:
        populations: Names, and complete trials with error and the column `against`.
        ax: Where to draw.
        against: "flops", "params" or "activations".
        looks: Of each population, by name.
        visible: How far the axis of errors reaches.
        failed: Trials of each population that failed, by name.
    """
    from matplotlib.ticker import LogLocator, NullFormatter

    for name, rows in populations:
        look = looks[name]
        label = legend_label(name, len(rows), failed[name], rows["error"], visible)
        for layer in range(LAYERS):
            own = rows.iloc[layer::LAYERS]
            ax.scatter(
                own[against] / 1e6,
                own["error"],
                s=8 if look.marker != "*" else 14,
                marker=look.marker,
                facecolors=(look.colour, 0.25),
                edgecolors=(look.colour, 0.9),
                linewidths=0.5,
                label="_" if layer else label,
                zorder=2 + layer / LAYERS,
            )
    ax.set(xlabel=AXES[against], ylabel=ERROR, ylim=(visible.low, visible.high))
    ends = [end for _, rows in populations for end in (rows[against].min(), rows[against].max())]
    if min(ends) > 0 and max(ends) > WIDE * min(ends):
        ax.set_xscale("log")
        ax.xaxis.set_major_locator(LogLocator(subs=TICKS))
        ax.xaxis.set_major_formatter("{x:g}")
        ax.xaxis.set_minor_formatter(NullFormatter())
    return ax
