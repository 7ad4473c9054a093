"""Differences candidate - baseline, points of error, by quantile and by claim: below 0 the candidate is better."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from anynas.analysis.comparison import NAMES, Comparison
from anynas.figures.looks import ACCENT, INK
from anynas.figures.pages import SMALL, legend_below, wrapped

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ZONE: dict[str, Any] = {"facecolor": "0.88", "edgecolor": "none", "zorder": 0}  # where a difference would not matter
MOST = 2  # lines of a name; what is longer stands in the text beside a picture
VERDICTS = {"supported": "black", "contradicted": "white", "undecided": "0.65", None: "0.65"}  # a dot's filling
SIGNS = {"supported": "o", "contradicted": "X", "undecided": "D", None: "o"}  # and its form


def draw_quantiles(comparison: Comparison, ax: "Axes", *, title: str) -> "Axes":
    """Draw the difference at quantiles of the error with intervals, and a claim's margin as a grey zone.

    Args:
        comparison: Its quantiles; intervals hold each for itself.
        ax: Where to draw.
        title: Above the panel.
    """
    gaps = comparison.quantiles
    if comparison.margin is not None:
        ax.axhspan(-comparison.margin, comparison.margin, label=f"margin ±{comparison.margin:g}", **ZONE)
    ax.axhline(0, color=INK, linewidth=0.8, linestyle=(0, (4, 2)), zorder=1)
    ax.errorbar(
        range(len(gaps)),
        [gap.difference for gap in gaps],
        yerr=[
            [gap.difference - gap.ci_low for gap in gaps],
            [gap.ci_high - gap.difference for gap in gaps],
        ],
        fmt="o",
        color=ACCENT,
        markersize=4,
        capsize=3,
        label=f"{100 * (1 - comparison.alpha):g} % interval of each",
    )
    ax.set_xticks(range(len(gaps)), [f"{100 * gap.share:g}" for gap in gaps])
    ax.set(
        xlabel="share of networks below the quantile (%)",
        ylabel="difference (points)",
        xlim=(-0.5, len(gaps) - 0.5),
    )
    ax.set_title(wrapped(title), loc="left")
    legend_below(ax, title=f"{_populations(comparison)}\n{wrapped(f'held fixed: {comparison.held}')}", columns=2)
    return ax


def draw_claims(claims: Sequence[tuple[str, Comparison]], ax: "Axes") -> "Axes":
    """Draw a row a claim: its name, its difference with intervals, its margin, its verdict.

    The thick bar is the interval that the verdict used (1 - 2 alpha), the thin one the 1 - alpha interval.

    Args:
        claims: Names and comparisons.
        ax: Where to draw.
    """
    for row, (_, comparison) in enumerate(claims):
        if comparison.margin is not None:
            ax.barh(row, 2 * comparison.margin, left=-comparison.margin, height=0.7, **ZONE)
        ax.plot([comparison.ci_low, comparison.ci_high], [row, row], color=INK, linewidth=1, zorder=2)
        ax.plot([comparison.bound_low, comparison.bound_high], [row, row], color=ACCENT, linewidth=3.5, zorder=2)
        ax.plot(
            comparison.difference,
            row,
            marker=SIGNS[comparison.verdict],
            color=VERDICTS[comparison.verdict],
            markeredgecolor="black",
            markersize=6.5,
            zorder=3,
        )
        ax.annotate(
            _result(comparison),
            (1.02, row),
            xycoords=("axes fraction", "data"),
            va="center",
            fontsize=SMALL,
            annotation_clip=False,
        )
    ax.axvline(0, color=INK, linewidth=0.8, linestyle=(0, (4, 2)), zorder=1)
    ax.set_yticks(range(len(claims)), [_row_label(name, comparison) for name, comparison in claims])
    ax.tick_params(axis="y", length=0)
    ax.set_ylim(len(claims) - 0.5, -0.5)  # the first claim on top
    ax.set_xlabel(
        "candidate - baseline, points of error (left of 0 the candidate is better)".replace(" - ", " \u2212 ")
    )
    return ax


def verdict(comparison: Comparison) -> str:
    """Return a claim with its verdict: "no effect within ±0.5: supported"."""
    if comparison.claim is None:
        return "no claim"
    margin = "" if comparison.margin is None else f" within ±{comparison.margin:g}"
    return f"{comparison.claim.replace('_', ' ')}{margin}: {comparison.verdict}"


def _row_label(name: str, comparison: Comparison) -> str:
    held = wrapped(f"held fixed: {comparison.held}", 3)
    return f"{wrapped(name, 3, most=MOST)}\n{_populations(comparison, columns=3)}\n{held}"


def _result(comparison: Comparison) -> str:
    """Return the number, its interval and its verdict, a line each."""
    numbers = f"{comparison.difference:+.2f} [{comparison.ci_low:+.2f}, {comparison.ci_high:+.2f}]"
    numbers = numbers.replace("-", "\u2212")
    together = f"\n(Holm, of {comparison.judged_with} claims)" if comparison.judged_with > 1 else ""
    level = f"{100 * (1 - comparison.alpha):g} %"
    return (
        f"{numbers} ({level})\n"
        f"{NAMES[comparison.statistic]}{', paired' if comparison.paired else ''}\n{verdict(comparison)}{together}"
    )


def _populations(comparison: Comparison, *, columns: int = 2) -> str:
    """Return candidate and baseline with their n, a line each unless their names are long."""
    sides = (
        (comparison.candidate, f" (n = {comparison.n_candidate:,})"),
        (f"\u2212 {comparison.baseline}", f" (n = {comparison.n_baseline:,})"),
    )
    return "\n".join(wrapped(name, columns, most=MOST) + n for name, n in sides)
