"""All figures of a study, from its table, its curves and its judged claims."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from anynas.analysis.comparison import Comparison
from anynas.analysis.expected import expected_best_curve
from anynas.analysis.learning import learning_quartiles
from anynas.analysis.panels import Panel, population_panel
from anynas.analysis.visible import visible_errors
from anynas.figures.checks import draw_ranks, draw_seeds
from anynas.figures.complexity import draw_complexity
from anynas.figures.differences import draw_claims, draw_quantiles, verdict
from anynas.figures.edfs import draw_panel
from anynas.figures.learning import draw_expected_best, draw_learning
from anynas.figures.looks import Look, legend_label, looks
from anynas.figures.pages import Draw, legend_below, save_page, save_pages, wrapped
from anynas.figures.parameters import draw_parameters
from anynas.study.checking import Answer

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

BARS = (
    "Thick: between the one-sided bounds that verdicts use (before Holm's adjustment); thin: two-sided interval; "
    "grey: margin"
)
FEW = 20  # networks whose learning curves are drawn one by one

Populations = Sequence[tuple[str, "pd.DataFrame"]]
Claims = Sequence[tuple[str, Comparison, Panel]]
Checks = Sequence[tuple[Answer, "pd.DataFrame"]]  # each with the trials that answer it


def draw_study(
    table: "pd.DataFrame",
    curves: "pd.DataFrame | None",
    claims: Claims,
    folder: Path,
    *,
    checks: Checks = (),
    footer: str,
) -> dict[str, Path]:
    """Write a study's pictures as PNG files and return their paths by what they show.

    Args:
        table: All its trials, with the columns of `Run.table`; space names the population. Those whose state is not
            "complete" are not drawn; how many failed stands beside n.
        curves: With space, number, epoch, error: one row a trial and epoch; None or empty leaves their figure out.
        claims: Name, comparison and panel of each judged claim. Without any, EDFs are of each population for itself.
        folder: Where to write; it is made if there is none.
        checks: Each answered check with what `measured_twice` or `trained_again` says of it.
        footer: Below each picture: n, seed, fidelity, version, machine.

    Returns:
        Nothing if no trial is complete yet.
    """
    complete = table[table["state"] == "complete"]
    if complete.empty:
        return {}
    folder.mkdir(parents=True, exist_ok=True)
    populations = [(str(name), rows) for name, rows in complete.groupby("space", sort=False)]
    look = looks(table["space"].astype(str))
    failures = table["space"].astype(str)[table["state"] == "failed"].value_counts()
    failed = {name: int(failures.get(name, 0)) for name in look}
    nothing = f"Held fixed: nothing; {footer}"
    drawn = _claims(claims, look, folder, footer) if claims else _edfs(table, look, folder, nothing)
    drawn |= _checks(checks, folder, footer)
    drawn |= _complexity(populations, look, failed, folder, nothing)
    for name, rows in populations:
        drawn |= draw_parameters(name, rows, folder, look=look[name], failed=failed[name], footer=nothing)
    drawn |= _expected_best(populations, look, failed, folder, nothing)
    return drawn if curves is None or curves.empty else drawn | _learning(curves, look, failed, folder, nothing)


def _claims(claims: Claims, look: dict[str, Look], folder: Path, footer: str) -> dict[str, Path]:
    visible = visible_errors([population.errors for _, _, panel in claims for population in panel.populations])
    titled = [(f"{name} ({verdict(comparison)})", comparison, panel) for name, comparison, panel in claims]
    panels = [
        partial(draw_panel, panel, looks={**looks(p.name for p in panel.populations), **look}, visible=visible, title=t)
        for t, _, panel in titled  # the sides of a population that a claim splits have looks for that panel alone
    ]
    gaps = [partial(draw_quantiles, comparison, title=title) for title, comparison, _ in titled]
    rows = partial(draw_claims, [(name, comparison) for name, comparison, _ in claims])
    above = f"Held fixed: as said above; {footer}"
    edfs = f"Error EDFs with bands {_levels(claims)}"
    apart = "Difference of errors by quantile, candidate \u2212 baseline"
    return {
        **save_pages("error EDFs", folder / "edfs.png", panels, title=edfs, footer=above, height=3.1),
        **save_pages("difference by quantile", folder / "quantiles.png", gaps, title=apart, footer=above, height=3.1),
        "claims": save_page(
            folder / "claims.png",
            [rows],
            title="Claims and what came",
            footer=f"{BARS}. {above}",
            columns=1,
            height=0.85 * len(claims) + 0.6,
        ),
    }


def _checks(checks: Checks, folder: Path, footer: str) -> dict[str, Path]:
    panels: list[Draw] = []
    for answer, rows in checks:
        found = f"{answer.estimate:.2f}" if answer.estimate is not None else "no estimate"
        title = wrapped(f"{answer.stated.name} ({answer.verdict}: {found}, n = {answer.n})")
        if answer.stated.check == "rank_correlation":
            panels.append(partial(draw_ranks, rows, names=answer.stated.populations, title=title))
        else:
            panels.append(partial(draw_seeds, rows, title=title))
    if not panels:
        return {}
    footer = f"Rank correlations are Spearman's; seed noise is sd over seeds / sd between architectures. {footer}"
    path = save_page(folder / "checks.png", panels, title="Can trials be trusted?", footer=footer, height=3.0)
    return {"checks": path}


def _levels(claims: Claims) -> str:
    bands = {(p.band.method, p.band.level) for _, _, panel in claims for p in panel.populations if p.band is not None}
    names = {"dkw": "DKW", "bootstrap": "bootstrap"}
    return "(" + ", ".join(f"{100 * level:g} %, simultaneous, {names[method]}" for method, level in sorted(bands)) + ")"


def _edfs(table: "pd.DataFrame", look: dict[str, Look], folder: Path, footer: str) -> dict[str, Path]:
    panel = population_panel(table)
    visible = visible_errors([population.errors for population in panel.populations])
    names = [population.name for population in panel.populations]
    draws = [partial(draw_panel, panel, looks=look, visible=visible, title=name, shown=name) for name in names]
    title = "Error EDF of each population, 95 % band (simultaneous, DKW); others in grey"
    return save_pages("error EDFs", folder / "edfs.png", draws, title=title, footer=footer)


def _complexity(
    populations: "Populations", look: dict[str, Look], failed: dict[str, int], folder: Path, footer: str
) -> dict[str, Path]:
    visible = visible_errors([rows["error"] for _, rows in populations])
    half = (len(populations) + 1) // 2

    def panel(against: str, part: slice) -> Draw:  # half of the legend under each of both
        def draw(ax: "Axes") -> None:
            draw_complexity(populations, ax, against=against, looks=look, visible=visible, failed=failed)
            legend_below(ax, part=part)

        return draw

    panels = [panel("flops", slice(half)), panel("params", slice(half, None))]
    path = save_page(
        folder / "complexity.png", panels, title="Error against complexity", footer=footer, height=3 + 0.2 * half
    )
    return {"error against flops and params": path}


def _expected_best(
    populations: "Populations", look: dict[str, Look], failed: dict[str, int], folder: Path, footer: str
) -> dict[str, Path]:
    drawn = [(name, expected_best_curve(rows["error"])) for name, rows in populations]

    def draw(ax: "Axes") -> None:
        draw_expected_best(drawn, ax, looks=look, failed=failed)
        legend_below(ax, columns=2)

    height = 3.2 + 0.1 * len(drawn)
    title = "Expected best of n networks"
    path = save_page(folder / "expected_best.png", [draw], title=title, footer=footer, columns=1, height=height)
    return {"expected best of n": path}


def _learning(
    curves: "pd.DataFrame", look: dict[str, Look], failed: dict[str, int], folder: Path, footer: str
) -> dict[str, Path]:
    known = curves[curves["error"].notna()]
    if known.empty:
        return {}
    quartiles = learning_quartiles(known)
    visible = visible_errors([errors for _, errors in known.groupby("epoch")["error"]])
    panels = []
    for name, rows in quartiles.groupby("space", sort=False):
        own = known[known["space"] == name]
        few = own[own["number"].isin(sorted(own["number"].unique())[:FEW])]
        label = legend_label(
            str(name), own["number"].nunique(), failed[str(name)], own.groupby("number")["error"].max(), visible
        )
        panels.append(partial(draw_learning, rows, few, title=label, look=look[str(name)], visible=visible))
    title = "Learning curves: median and quartiles of each epoch"
    footer = f"Thin: the first {FEW} networks of each population by number. {footer}"
    path = save_page(folder / "learning.png", panels, title=title, footer=footer, height=2.1, share=True)
    return {"learning curves": path}
