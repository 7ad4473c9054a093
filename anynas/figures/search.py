"""The two pictures of a search."""

from pathlib import Path
from typing import TYPE_CHECKING

from anynas.figures.edfs import draw_edf
from anynas.figures.looks import ACCENT, INK
from anynas.figures.pages import save

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

UNITS = {  # of an axis, and what is written beside it
    "flops": (1e6, "flops (millions of multiply-adds)"),
    "params": (1e3, "params (thousands)"),
    "activations": (1e3, "activations (thousands)"),
}


def draw_search(
    table: "pd.DataFrame", front: "pd.DataFrame", folder: Path, *, winner: int, seed: int, quantity: str = "flops"
) -> dict[str, Path]:
    """Write a search's two pictures, error_flops.png and edf.png, and return their paths by what they show.

    The first bears the quantity's name: error_params.png.

    Where trials were pruned there is no EDF: those that are left are no sample of the space.

    Args:
        table: All its trials, as `Run.table` gives them.
        front: As `Run.front` gives it.
        folder: Where to write.
        winner: A trial's number.
        seed: The run's.
        quantity: What the front sets against error: flops, params or activations.
    """
    complete = table[table["state"] == "complete"]
    footer = search_footer(complete, seed=seed)
    space = complete.iloc[0].space
    pictures = {
        f"error against {quantity}": save(
            folder / f"error_{quantity}.png",
            lambda ax: draw_error_flops(complete, front, ax, winner=winner, quantity=quantity),
            title=f"{space}: error against {quantity}",
            footer=footer,
        ),
    }
    if not (table["state"] == "pruned").any():
        pictures["error EDF of all trials"] = save(
            folder / "edf.png",
            lambda ax: draw_edf(complete, ax, label=space),
            title=f"{space}: error EDF of all trials",
            footer=footer,
        )
    return pictures


def search_footer(complete: "pd.DataFrame", *, seed: int) -> str:
    """Return where numbers come from: n, seed, fidelity, versions, device.

    Args:
        complete: Its complete trials, at least one; or a study's.
        seed: The run's.
    """
    has = {name: " or ".join(f"{value:,}" for value in sorted(set(complete[name]))) for name in ("epochs", "images")}
    unit = "epoch" if has["epochs"] == "1" else "epochs"
    ran = {name: ", ".join(sorted(set(complete[name]))) for name in ("anynas_version", "torch_version", "device")}
    return (
        f"n = {len(complete)}, seed {seed}, {has['epochs']} {unit} of {has['images']} images a trial; "
        f"anynas {ran['anynas_version']}, torch {ran['torch_version']}, {ran['device']}"
    )


def draw_error_flops(
    table: "pd.DataFrame",
    front: "pd.DataFrame",
    ax: "Axes",
    *,
    winner: int | None = None,
    quantity: str = "flops",
) -> "Axes":
    """Draw each trial's error against its flops, the front as a line, and a ring around the winner.

    Args:
        table: Trials, with flops (or the other quantity), error and number.
        front: Those that no other beats in both, by flops.
        ax: Where to draw.
        winner: A trial's number.
        quantity: params or activations instead of flops.
    """
    import seaborn

    unit, label = UNITS[quantity]
    scaled = table.assign(**{quantity: table[quantity] / unit})
    seaborn.scatterplot(scaled, x=quantity, y="error", ax=ax, color=INK, alpha=0.6, s=28, label="trials")
    draw_front(front, ax, against=quantity, unit=unit)
    if winner is not None:
        chosen = scaled[scaled["number"] == winner]
        ax.plot(chosen[quantity], chosen["error"], "o", mfc="none", mec="black", markersize=13, label="winner")
    ax.set(xlabel=label, ylabel="validation error (%)")
    ax.legend(frameon=False)
    return ax


def draw_front(
    front: "pd.DataFrame", ax: "Axes", *, against: str = "flops", unit: float = 1e6, colour: str = ACCENT
) -> "Axes":
    """Draw the front as a staircase: up to the next network, the least error is that of the last.

    Args:
        front: Trials that no other beats in both, from the cheapest to the best, with error and the column `against`.
        ax: Where to draw.
        against: "flops", "params" or "activations".
        unit: Of the axis.
        colour: Of the line.
    """
    places = front[against] / unit
    ax.step(places, front["error"], where="post", color=colour, label="Pareto front")
    ax.plot(places, front["error"], "o", color=colour, markersize=5)
    return ax
