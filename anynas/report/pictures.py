"""The pictures of a report, a panel each: what `anynas.figures` draws, as SVG, with captions that are text."""

import dataclasses
import itertools
from collections.abc import Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from markupsafe import Markup

from anynas.analysis.expected import expected_best_curve
from anynas.analysis.front import pareto_front
from anynas.analysis.learning import learning_quartiles
from anynas.analysis.panels import population_panel
from anynas.analysis.visible import VisibleErrors, visible_errors
from anynas.figures import (
    Look,
    draw_claims,
    draw_complexity,
    draw_edf,
    draw_error_flops,
    draw_expected_best,
    draw_front,
    draw_learning,
    draw_panel,
    inline_svg,
    looks,
)
from anynas.figures.checks import draw_ranks, draw_seeds
from anynas.figures.differences import verdict
from anynas.figures.looks import INK
from anynas.figures.pages import WIDTH, Draw, legend_below
from anynas.figures.study import BARS, FEW
from anynas.pieces import Item, Picture, Pictures
from anynas.report.page import Section
from anynas.report.record import Record
from anynas.results import answered_checks, panels

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

MANY = 2_000  # networks, above which their points are one image within the SVG
CLAIMS = 6  # of one picture, so that it fits a printed page
ENTRY = 0.16  # inches, of a legend's line
WHAT = {"flops": "flops (multiply-adds)", "params": "params", "activations": "activations"}
DRAWN = ("flops", "params")  # of a study


class Album:
    """Makes a page's pictures, so that no two have the ids of their elements in common."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)

    def picture(
        self, draw: Draw, caption: str, *, height: float = 2.9, wide: bool = False, image_below: float | None = None
    ) -> Picture:
        """Return a picture; it is called by its caption's first sentence."""
        svg = inline_svg(
            draw,
            prefix=f"picture{next(self._numbers)}",
            label=caption.partition(". ")[0],
            width=WIDTH if wide else WIDTH / 2,
            height=height,
            image_below=image_below,
        )
        return Picture(svg=Markup(svg), caption=caption, is_wide=wide)


def picture_sections(record: Record, album: Album) -> list[Section]:
    """Return the sections with EDFs, and with error against complexity; none if no trial is complete."""
    if record.complete.empty:
        return []
    make = _search if record.verdicts is None else _study
    return make(record, album)


def learning_section(record: Record, album: Album) -> Section | None:
    """Return the learning curves of each population; None if there are none."""
    known = record.curves[record.curves["error"].notna()] if len(record.curves) else record.curves
    if known.empty:
        return None
    quartiles = learning_quartiles(known)
    visible = visible_errors([errors for _, errors in known.groupby("epoch")["error"]])
    look = _looks(record.table["space"].astype(str))
    pictures = []
    for name, rows in quartiles.groupby("space", sort=False):
        own = known[known["space"] == name]
        few = own[own["number"].isin(sorted(own["number"].unique())[:FEW])]

        def draw(ax: "Axes", rows: "pd.DataFrame" = rows, few: "pd.DataFrame" = few, name: str = str(name)) -> None:
            draw_learning(rows, few, ax, title="", look=look[name], visible=visible)
            legend_below(ax, columns=2)

        text = f"{name}: validation error after each epoch, n = {own['number'].nunique():,}. Median and quartiles"
        text += (
            f"; thin: the first {FEW} networks by number." if own["number"].nunique() > FEW else "; thin: each network."
        )
        if record.table["state"].eq("pruned").any():
            text += " Trials that paused and did not go on are counted as far as they were trained."
        pictures.append(album.picture(draw, text, height=2.6))
    return Section(key="learning", heading="Learning curves", items=[Pictures(pictures=pictures)])


def _search(record: Record, album: Album) -> list[Section]:
    complete = record.complete
    winner = None if record.result is None else record.result["number"]
    front = pareto_front(complete, against=record.quantity)
    visible = visible_errors([complete["error"]])
    beyond = visible.beyond(complete["error"])
    n = f"n = {len(complete):,}, one seed each" + (f", {beyond:,} beyond {visible.high:.0f} %" if beyond else "")

    def against(ax: "Axes") -> None:
        draw_error_flops(complete, front, ax, winner=winner, quantity=record.quantity)
        ax.set_ylim(visible.low, visible.high)
        legend_below(ax, columns=3)

    items: list[Item] = []
    if not record.table["state"].eq("pruned").any():
        items.append(album.picture(*_edf(record, visible, n)))
    items.append(
        album.picture(
            against,
            f"Error against {WHAT[record.quantity]} of all complete trials, {n}. On the Pareto front are the networks "
            "that no other beats in both.",
            image_below=1.5 if len(complete) > MANY else None,
        )
    )
    pictures = [item for item in items if isinstance(item, Picture)]
    return [Section(key="pictures", heading="Errors", items=[Pictures(pictures=pictures)])]


def _edf(record: Record, visible: VisibleErrors, n: str) -> tuple[Draw, str]:
    """Return how the EDF of a search is drawn and what is said of it: a band is for random draws alone."""
    complete = record.complete
    what = f"Error EDF: the share of networks with at most this validation error, {n}."
    if record.is_adaptive or len(complete) < 2:
        why = "the sampler chose its networks, they are no sample of the space" if record.is_adaptive else "n is 1"

        def draw_alone(ax: "Axes") -> None:
            draw_edf(complete, ax, label=record.name)
            ax.set_xlim(visible.low, visible.high)
            legend_below(ax)

        return draw_alone, f"{what} No band: {why}."
    panel = population_panel(record.table)
    look = _looks(population.name for population in panel.populations)
    draw = partial(draw_panel, panel, looks=look, visible=visible, title="", shown=panel.populations[0].name)
    return draw, f"{what} Band: 95 %, simultaneous (DKW)."


def _study(record: Record, album: Album) -> list[Section]:
    table = record.table
    populations = [(str(name), rows) for name, rows in record.complete.groupby("space", sort=False)]
    look = _looks(table["space"].astype(str))
    failures = table["space"].astype(str)[table["state"] == "failed"].value_counts()
    failed = {name: int(failures.get(name, 0)) for name in look}
    sections = [
        Section(key="edfs", heading="Error EDFs", items=_edfs(record, look, album)),
        Section(
            key="complexity", heading="Error against complexity", items=_complexity(populations, look, failed, album)
        ),
        Section(key="expected", heading="Expected best", items=_expected(populations, look, failed, album)),
    ]
    checks = _checks(record, album)
    return [*sections, Section(key="checks", heading="Can trials be trusted?", items=checks)] if checks else sections


def _edfs(record: Record, look: dict[str, Look], album: Album) -> list[Item]:
    """Return the claims' panels, or without judged claims each population's."""
    assert record.verdicts is not None
    claims = panels(record.verdicts, record.table)
    if not claims:
        panel = population_panel(record.table)
        visible = visible_errors([population.errors for population in panel.populations])
        shown = [
            album.picture(
                partial(draw_panel, panel, looks=look, visible=visible, title="", shown=population.name),
                f"{population.name}: error EDF, n = {population.n:,}. Band: 95 %, simultaneous (DKW); others in grey.",
            )
            for population in panel.populations
        ]
        return [Pictures(pictures=shown)]
    visible = visible_errors([population.errors for _, _, panel in claims for population in panel.populations])
    items: list[Item] = []
    for part in (claims[begin : begin + CLAIMS] for begin in range(0, len(claims), CLAIMS)):
        rows = [(name, comparison) for name, comparison, _ in part]
        names = ", ".join(name for name, _, _ in part)
        text = f"{names}: differences of error, candidate \u2212 baseline, in points. {BARS}."
        items.append(album.picture(partial(draw_claims, rows), text, height=0.85 * len(part) + 0.6, wide=True))
    pictures = []
    for name, comparison, panel in claims:
        sides = {**_looks(population.name for population in panel.populations), **look}
        draw = partial(draw_panel, panel, looks=sides, visible=visible, title="")
        level = next((p.band.level for p in panel.populations if p.band is not None), None)
        band = "" if level is None else f" Bands: {100 * level:g} %, simultaneous."
        caption = f"{name} ({verdict(comparison)}): error EDFs.{band}"
        pictures.append(album.picture(draw, caption, height=3.2))
    return [*items, Pictures(pictures=pictures)]


def _complexity(
    populations: "Sequence[tuple[str, pd.DataFrame]]", look: dict[str, Look], failed: dict[str, int], album: Album
) -> list[Item]:
    import pandas as pd

    visible = visible_errors([rows["error"] for _, rows in populations])
    together = pd.concat([rows for _, rows in populations])
    pictures = []
    for against in DRAWN:

        def draw(ax: "Axes", against: str = against) -> None:
            draw_complexity(populations, ax, against=against, looks=look, visible=visible, failed=failed)
            draw_front(pareto_front(together, against=against), ax, against=against, colour=INK)
            legend_below(ax)

        pictures.append(
            album.picture(
                draw,
                f"Error against {WHAT[against]}, n = {len(together):,}. The Pareto front is that of all populations "
                "together.",
                height=2.9 + ENTRY * (1 + len(populations)),
                image_below=3.0 if len(together) > MANY else None,
            )
        )
    return [Pictures(pictures=pictures)]


def _expected(
    populations: "Sequence[tuple[str, pd.DataFrame]]", look: dict[str, Look], failed: dict[str, int], album: Album
) -> list[Item]:
    drawn = [(name, expected_best_curve(rows["error"])) for name, rows in populations]

    def draw(ax: "Axes") -> None:
        draw_expected_best(drawn, ax, looks=look, failed=failed)
        legend_below(ax)

    caption = "The least error to be expected of so many networks, drawn at random without replacement."
    return [Pictures(pictures=[album.picture(draw, caption, height=2.9 + ENTRY * len(drawn))])]


def _checks(record: Record, album: Album) -> list[Item]:
    assert record.verdicts is not None
    pictures = []
    for check, rows in answered_checks(record.verdicts, record.table):
        if check.stated.check == "rank_correlation":
            draw: Draw = partial(draw_ranks, rows, names=check.stated.populations, title="")
        else:
            draw = partial(draw_seeds, rows, title="")
        pictures.append(
            album.picture(draw, f"{check.stated.name} ({check.verdict}), n = {check.n:,} networks.", height=2.9)
        )
    return [Pictures(pictures=pictures)] if pictures else []


def _looks(names: Iterable[str]) -> dict[str, Look]:
    """Return the look of each population, with hatches half as dense: as SVG they take less room."""
    return {
        name: dataclasses.replace(look, hatch=look.hatch[: len(look.hatch) // 2]) for name, look in looks(names).items()
    }
