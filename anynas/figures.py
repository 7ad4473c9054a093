"""Pictures: table -> Axes, one function a figure. Nothing is computed here that a reader might want as a number."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from anynas.analysis.edf import edf

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

INK, ACCENT = "0.25", "#0072B2"  # readable in print and for colour-blind readers


def draw_search(
    table: "pd.DataFrame", front: "pd.DataFrame", folder: Path, *, winner: int, seed: int
) -> dict[str, Path]:
    """Write a search's two pictures, error_flops.png and edf.png, and return their paths by what they show.

    Args:
        table: All its trials, as `Run.table` gives them.
        front: As `Run.front` gives it.
        folder: Where to write.
        winner: A trial's number.
        seed: The run's.
    """
    complete = table[table["state"] == "complete"]
    first = complete.iloc[0]
    footer = (
        f"n = {len(complete)}, seed {seed}, {first.epochs} epochs of {first.images:,} images a trial; "
        f"anynas {first.anynas_version}, torch {first.torch_version}, {first.device}"
    )
    space = first.space
    return {
        "error against flops": save(
            folder / "error_flops.png",
            lambda ax: draw_error_flops(complete, front, ax, winner=winner),
            title=f"{space}: error against flops",
            footer=footer,
        ),
        "error EDF of all trials": save(
            folder / "edf.png",
            lambda ax: draw_edf(complete, ax, label=space),
            title=f"{space}: error EDF of all trials",
            footer=footer,
        ),
    }


def draw_error_flops(table: "pd.DataFrame", front: "pd.DataFrame", ax: "Axes", *, winner: int | None = None) -> "Axes":
    """Draw each trial's error against its flops, the front as a line, and a ring around the winner.

    Args:
        table: Trials, with flops, error and number.
        front: Those that no other beats in both, by flops.
        ax: Where to draw.
        winner: A trial's number.
    """
    import seaborn

    millions = table.assign(flops=table["flops"] / 1e6)
    seaborn.scatterplot(millions, x="flops", y="error", ax=ax, color=INK, alpha=0.6, s=28, label="trials")
    edge = front.assign(flops=front["flops"] / 1e6)
    ax.step(edge["flops"], edge["error"], where="post", color=ACCENT, label="Pareto front")
    ax.plot(edge["flops"], edge["error"], "o", color=ACCENT, markersize=5)
    if winner is not None:
        chosen = millions[millions["number"] == winner]
        ax.plot(chosen["flops"], chosen["error"], "o", mfc="none", mec="black", markersize=13, label="winner")
    ax.set(xlabel="flops (millions of multiply-adds)", ylabel="validation error (%)")
    ax.legend(frameon=False)
    return ax


def draw_edf(table: "pd.DataFrame", ax: "Axes", *, label: str) -> "Axes":
    """Draw the EDF of a population's errors.

    Args:
        table: Complete trials, with error.
        ax: Where to draw.
        label: What the population is.
    """
    distribution = edf(table["error"].to_numpy())
    errors = [distribution.errors[0], *distribution.errors]
    ax.step(
        errors,
        [0.0, *distribution.cumulative],
        where="post",
        color=ACCENT,
        label=f"{label} (n = {len(table)})",
    )
    ax.set(xlabel="validation error (%)", ylabel="share of networks with at most this error", ylim=(0, 1.02))
    ax.legend(frameon=False, loc="lower right")
    return ax


def save(path: Path, draw: Any, *, title: str, footer: str) -> Path:
    """Make a picture of one panel and return its path.

    Args:
        path: Where to write it.
        draw: Called with the Axes.
        title: Above the panel.
        footer: Below it: n, seed, fidelity, version, machine.
    """
    import seaborn
    from matplotlib.figure import Figure

    with seaborn.axes_style("ticks"):
        figure = Figure(figsize=(6.4, 4.4), layout="constrained")  # not pyplot's: no backend is touched
        ax = figure.subplots()
        draw(ax)
        ax.set_title(title, fontsize=11)
        seaborn.despine(figure)
        figure.supxlabel(footer, fontsize=7, color="0.4")
        figure.savefig(path, dpi=160)
    return path
