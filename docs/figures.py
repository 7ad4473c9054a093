"""The figures of concepts.md, from committed results and from draws: python -m docs.figures

Nothing is trained for them and nothing is made up: errors are those of the tables in studies/, sizes are counted,
networks are drawn with seed 0. Pictures of studies are anynas' own, with fewer populations in each.
"""

import dataclasses
import math
import re
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from PIL import Image

import anynas
from anynas.analysis.expected import expected_best_curve
from anynas.analysis.panels import Panel, population_panel
from anynas.analysis.visible import visible_errors
from anynas.figures import draw_claims, draw_complexity, draw_expected_best, draw_panel, looks, save_page
from anynas.figures.pages import legend_below
from anynas.results import results_in
from anynas.study.judging import judge_table
from anynas.views.diagrams import network_diagram

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docs" / "figures"
PRINCIPLES = ROOT / "studies" / "principles" / "results"
LADDER = ("AnyNetA", "AnyNetB", "AnyNetC", "AnyNetD", "AnyNetE")
STEPS = {  # from the space before, in a word
    "AnyNetA": "all free",
    "AnyNetB": "one bottleneck ratio",
    "AnyNetC": "one group width",
    "AnyNetD": "widths never decrease",
    "AnyNetE": "depths never decrease",
    "RegNetX": "widths on a quantised line",
}
CLAIMS = (
    "(i) ratios",
    "(ii) groups",
    "(iii) widths",
    "(iv) depths",
    "against decreasing widths",
    "against equal depths",
)
COLOURS = 96  # of a picture's palette: it is half as large then, and looks the same
INK, GAP, CAPTION, LARGE = "#333333", 12.0, 16.0, 1.4  # of the drawn networks


def networks(path: Path) -> None:
    """Draw three networks: what a stage, a block, a width look like, and how D's rule shows."""
    drawn = [(f"a draw of {name}", *_some(name)) for name in ("AnyNetA", "AnyNetE")]
    drawn.append(("regnetx_400mf", anynas.load_architecture("regnetx_400mf"), (3, 224, 224), 1000))
    parts, top, wide = [], GAP, 0.0
    for caption, architecture, shape, classes in drawn:
        diagram = network_diagram(architecture, input_shape=shape, num_classes=classes)
        (width, height), inner = _size(diagram), diagram[diagram.index(">") + 1 :]
        text = f'<text x="{GAP}" y="{top + 11:.0f}" fill="{INK}" font-size="11" font-weight="bold">{caption}</text>'
        place = f'x="{GAP}" y="{top + CAPTION:.0f}" width="{width:.0f}" height="{height:.0f}"'
        parts.append(f'{text}<svg {place} viewBox="0 0 {width:.0f} {height:.0f}" font-size="10">{inner}')
        top, wide = top + CAPTION + height + GAP, max(wide, width)
    wide += 2 * GAP
    size = f'viewBox="0 0 {wide:.0f} {top:.0f}" width="{LARGE * wide:.0f}" height="{LARGE * top:.0f}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size}'
    style = f'font-family="sans-serif" color="{INK}"><rect width="100%" height="100%" fill="white"/>'
    path.write_text(f"{head} {style}{''.join(parts)}</svg>\n", encoding="utf-8")


def sizes(path: Path) -> None:
    """Draw how many settings each space of the ladder has."""
    counted = ladder_sizes()

    def draw(ax: "Axes") -> None:
        for row, size in enumerate(counted.values()):
            ax.barh(row, math.log10(size), color="#0072B2", height=0.5)
            digits, power = f"{size:.2e}".split("e+")
            text = f"${digits} \\cdot 10^{{{int(power)}}}$"
            place: dict[str, Any] = {"textcoords": "offset points", "va": "center", "parse_math": True}
            ax.annotate(text, (math.log10(size), row), (4, 0), **place)
        ax.set_yticks(range(len(counted)), [f"{name}: {STEPS[name]}" for name in counted])
        ax.set_ylim(len(counted) - 0.5, -0.5)
        ticks = range(0, 21, 3)
        ax.set_xticks(ticks, [f"$10^{{{tick}}}$" for tick in ticks], parse_math=True)
        ax.set(xlabel="settings", xlim=(0, 21))

    footer = f"Exact numbers of nominal settings, as anynas spaces prints them; anynas {anynas.__version__}"
    save_page(path, [draw], title="A step of the ladder makes the space smaller", footer=footer, columns=1, height=2.2)


def edfs(path: Path) -> None:
    """Draw the EDFs of A to E, and those of C and D with their bands."""
    table = principles()
    panel = population_panel(table[table["space"].isin(LADDER)])
    visible = visible_errors([population.errors for population in panel.populations])
    lines = [dataclasses.replace(population, band=None) for population in panel.populations]
    pair = [population for population in panel.populations if population.name in ("AnyNetC", "AnyNetD")]
    panels = [
        partial(draw_panel, _showing(panel, lines), title="The ladder, without bands"),
        partial(draw_panel, _showing(panel, pair), title="C and D, with simultaneous 95 % bands"),
    ]
    look = looks(LADDER)
    drawn = [partial(each, looks=look, visible=visible) for each in panels]
    save_page(
        path, drawn, title="Error EDFs: how good the networks of a space are", footer=footer_of(table), height=3.4
    )


def complexity(path: Path) -> None:
    """Draw the error of networks of C and D against flops and params."""
    table, names = principles(), ("AnyNetC", "AnyNetD")
    chosen = [(name, table[table["space"] == name]) for name in names]
    visible = visible_errors([rows["error"] for _, rows in chosen])
    told: dict[str, Any] = {"looks": looks(LADDER), "visible": visible, "failed": dict.fromkeys(names, 0)}

    def draw(ax: "Axes", against: str) -> None:
        draw_complexity(chosen, ax, against=against, **told)
        legend_below(ax)

    panels = [partial(draw, against=against) for against in ("flops", "params")]
    save_page(path, panels, title="Error against complexity: C and D", footer=footer_of(table), height=3.0)


def expected_best(path: Path) -> None:
    """Draw the expected best of n networks against n."""
    table = principles()
    curves = [(name, expected_best_curve(table[table["space"] == name]["error"])) for name in LADDER]

    def draw(ax: "Axes") -> None:
        draw_expected_best(curves, ax, looks=looks(LADDER), failed=dict.fromkeys(LADDER, 0))
        legend_below(ax, columns=2)

    title = "What a random search of n networks may expect of its best"
    save_page(path, [draw], title=title, footer=footer_of(table), columns=1, height=3.4)


def claims(path: Path) -> None:
    """Draw what a claim's interval looks like, for six claims of the study."""
    results = results_in(PRINCIPLES)
    verdicts = judge_table(results.table, first=results.first, last=results.last)
    chosen = [(name, comparison) for name in CLAIMS if (comparison := verdicts[name].comparison) is not None]
    footer = (
        "Thick: between the one-sided bounds that verdicts use (before Holm's adjustment); thin: two-sided interval; "
        f"grey: margin. Filled dot: supported; diamond: undecided. {footer_of(results.table)}"
    )
    rows = partial(draw_claims, chosen)
    title = "Six of the twelve claims of studies/principles"
    save_page(path, [rows], title=title, footer=footer, columns=1, height=0.8 * len(chosen) + 0.4)


FIGURES: dict[str, Callable[[Path], None]] = {
    "networks.svg": networks,
    "sizes.png": sizes,
    "edfs.png": edfs,
    "complexity.png": complexity,
    "expected_best.png": expected_best,
    "claims.png": claims,
}


def main(folder: Path = FOLDER) -> None:
    """Make all figures."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, draw in FIGURES.items():
        draw(folder / name)
        if name.endswith(".png"):
            _shrink(folder / name)
        print(folder / name)


def ladder_sizes() -> dict[str, int]:
    """Return how many settings the spaces of the ladder have, exactly."""
    return {name: anynas.load_space(name).size() for name in STEPS}


@cache
def principles() -> pd.DataFrame:
    """Return the complete trials of studies/principles: all of them."""
    return results_in(PRINCIPLES).table


def footer_of(table: pd.DataFrame) -> str:
    """Return fidelity, versions and machine of a study's trials, and that nothing is held fixed."""
    first = table.iloc[0]
    return (
        f"{first.epochs} epochs of {first.images:,} images of fashion-mnist-mini, 0.8 to 1.2 million multiply-adds, "
        f"seed 0; anynas {first.anynas_version}, torch {first.torch_version}, {first.device}; held fixed: nothing more"
    )


def _some(name: str) -> tuple[anynas.Architecture, tuple[int, ...], int]:
    """Return a draw of a space within the regime's band, with its images and classes."""
    space = anynas.load_space(name)
    regime = space.regime
    (network,) = space.sample(1, seed=0, flops=regime.flops)
    return network, regime.input_shape, regime.num_classes


def _size(diagram: str) -> tuple[float, float]:
    found = re.search(r'viewBox="0 0 (\d+) (\d+)"', diagram)
    assert found is not None
    return float(found[1]), float(found[2])


def _showing(panel: Panel, populations: list[Any]) -> Panel:
    return dataclasses.replace(panel, populations=tuple(populations))


def _shrink(path: Path) -> None:
    """Write a picture again with a palette."""
    with Image.open(path) as picture:
        small = picture.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    small.save(path, optimize=True)


if __name__ == "__main__":
    main()
