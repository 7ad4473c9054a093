"""A picture's page: its title, its panels, its footer, and the file."""

import math
import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Draw = Callable[["Axes"], Any]

WIDTH = 7.0  # inches, of a page with several panels: the text width of most journals' double column
PANELS = 4  # of a picture, unless they are small: more would not fit on a printed page
DPI = 160
SMALL, NORMAL = 7, 8  # points, at the printed size
LINE = 118  # characters of a footer's line at the page's width
BELOW = 32  # points from a panel's axis to its legend: the ticks and the label lie between
TEXT: dict[Any, Any] = {
    "font.size": NORMAL,
    "axes.titlesize": NORMAL,
    "axes.labelsize": NORMAL,
    "xtick.labelsize": SMALL,
    "ytick.labelsize": SMALL,
    "legend.fontsize": SMALL,
    "legend.title_fontsize": SMALL,
    "hatch.linewidth": 0.4,
    "axes.unicode_minus": True,
    "text.parse_math": False,  # a name with dollars in it is no formula
}


def save(path: Path, draw: Draw, *, title: str, footer: str) -> Path:
    """Make a picture of one panel and return its path.

    Args:
        path: Where to write it.
        draw: Called with the Axes.
        title: Above the panel.
        footer: Below it: n, seed, fidelity, version, machine.
    """
    import seaborn

    with seaborn.axes_style("ticks"):
        figure = _figure(6.4, 4.4)
        ax = figure.subplots()
        draw(ax)
        ax.set_title(title, fontsize=11)
        return _write(figure, path, footer)


def save_page(
    path: Path,
    panels: Sequence[Draw],
    *,
    title: str,
    footer: str,
    columns: int = 2,
    height: float = 2.5,
    share: bool = False,
) -> Path:
    """Make a picture of several panels, row by row, and return its path.

    Args:
        path: Where to write it.
        panels: Each is called with its Axes; at least one.
        title: Above all of them.
        footer: Below them: n, seed, fidelity, version, machine, and what was held fixed.
        columns: Panels side by side.
        height: Of a panel, inches.
        share: Whether all panels have the same axes.
    """
    import seaborn
    from matplotlib import rc_context

    columns = min(columns, len(panels))
    with seaborn.axes_style("ticks"), rc_context(TEXT):
        rows = math.ceil(len(panels) / columns)
        figure = _figure(WIDTH, rows * height + 0.7)
        grid = figure.subplots(rows, columns, squeeze=False, sharex=share, sharey=share).ravel()
        for ax, draw in zip(grid, panels, strict=False):
            draw(ax)
        for ax in grid[len(panels) :]:
            ax.set_axis_off()
        if share:
            _label_outer(list(grid[: len(panels)]), columns)
        figure.set_layout_engine("constrained", h_pad=0.07)
        figure.suptitle(textwrap.fill(title, 84), x=0.01, ha="left", fontsize=10, fontweight="bold")
        return _write(figure, path, footer)


def save_pages(
    what: str, path: Path, panels: Sequence[Draw], *, title: str, most: int = PANELS, **page: Any
) -> dict[str, Path]:
    """Make as many pictures as the panels need, and return their paths by what they show.

    Args:
        what: They show.
        path: Of a single one; of several, each says in its name which of how many it is.
        panels: As for `save_page`, as are all others.
        title: Of all.
        most: Panels of one picture.
        **page: As for `save_page`.
    """
    parts = [panels[begin : begin + most] for begin in range(0, len(panels), most)]
    made = {}
    for number, part in enumerate(parts, 1):
        name, said = (f"_{number}_of_{len(parts)}", f", {number} of {len(parts)}") if len(parts) > 1 else ("", "")
        file = path.with_name(f"{path.stem}{name}{path.suffix}")
        made[what + said] = save_page(file, part, title=title + said, **page)
    return made


def wrapped(text: str, columns: int = 2, *, most: int | None = None) -> str:
    """Return text in lines that fit above or below one of so many panels side by side; what `most` lines hold of it."""
    return textwrap.fill(text, 104 // columns - 4, max_lines=most, placeholder=" \u2026")


def legend_below(ax: "Axes", *, title: str | None = None, columns: int = 1, part: slice = slice(None)) -> None:
    """Put the legend, or a part of its entries, under the axis label, where it covers no data."""
    from matplotlib.transforms import ScaledTranslation

    figure = ax.get_figure()
    assert figure is not None
    handles, labels = ax.get_legend_handles_labels()
    ax.legend(
        handles[part],
        labels[part],
        frameon=False,
        loc="upper left",
        bbox_to_anchor=(0, 0),
        bbox_transform=ax.transAxes + ScaledTranslation(0, -BELOW / 72, figure.dpi_scale_trans),
        borderaxespad=0,
        borderpad=0,
        title=title,
        alignment="left",
        handlelength=3.6,
        ncols=columns,
    )


def _label_outer(axes: "Sequence[Axes]", columns: int) -> None:
    """Keep the labels of shared axes at the left and under the lowest panel of each column."""
    for place, ax in enumerate(axes):
        lowest, first = place + columns >= len(axes), place % columns == 0
        ax.tick_params(labelbottom=lowest, labelleft=first)
        ax.set(xlabel=ax.get_xlabel() if lowest else "", ylabel=ax.get_ylabel() if first else "")


def _figure(width: float, height: float) -> "Figure":
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")  # not pyplot's: no backend is touched


def _write(figure: "Figure", path: Path, footer: str) -> Path:
    import seaborn

    seaborn.despine(figure)
    figure.supxlabel(textwrap.fill(footer, LINE), fontsize=SMALL, color="0.4")
    figure.savefig(path, dpi=DPI)
    return path
