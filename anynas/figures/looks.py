"""How populations are told apart: by colour, and again by dashes, marker and hatch, so that it survives greyscale.

Colours are those of Okabe and Ito, "Color Universal Design" (2008), with grey in the place of yellow, which is too
faint for a line on white.
"""

import dataclasses
import textwrap
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from anynas.analysis.visible import VisibleErrors

INK, FAINT, ACCENT = "0.25", "0.4", "#0072B2"
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#999999")
DASHES: tuple[tuple[float, ...], ...] = (  # on, off, ... in line widths; () is solid
    (),
    (5, 1.6),
    (1.2, 1.2),
    (6, 1.5, 1.2, 1.5),
    (9, 2.5),
    (3, 1.2, 1.2, 1.2, 1.2, 1.2),
    (2.6, 2.6),
    (9, 1.5, 3, 1.5),
)
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
LONG, MOST = 42, 2  # characters of a label's line, and lines of a name
HATCHES = ("", "////", "\\\\\\\\", "....", "xxxx", "----", "||||", "++++")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """How one population looks in every figure of a study."""

    colour: str
    dashes: tuple[float, ...]
    marker: str
    hatch: str

    @property
    def linestyle(self) -> "str | tuple[int, tuple[float, ...]]":
        """The dashes as matplotlib takes them."""
        return (0, self.dashes) if self.dashes else "-"


def looks(names: Iterable[str]) -> dict[str, Look]:
    """Return the look of each population, by their order; 64 differ."""
    chosen = {}
    for place, name in enumerate(dict.fromkeys(names)):
        colour, form = place % len(COLOURS), (place + place // len(COLOURS)) % len(DASHES)  # a second round is shifted
        chosen[name] = Look(colour=COLOURS[colour], dashes=DASHES[form], marker=MARKERS[form], hatch=HATCHES[form])
    return chosen


def legend_label(
    name: str, n: int, failed: int = 0, errors: "ArrayLike | None" = None, visible: "VisibleErrors | None" = None
) -> str:
    """Return a population's name with its number of networks, of failed trials, and of errors beyond the axis.

    A long label has two lines, so that panels side by side have room for it.

    Args:
        name: The population's.
        n: Networks drawn.
        failed: Trials that are not.
        errors: Of its networks, percent.
        visible: How far the axis of errors reaches; None for one that shows all.
    """
    counts = [f"n = {n:,}"]
    if failed:
        counts.append(f"{failed:,} failed")
    if errors is not None and visible is not None and (beyond := visible.beyond(errors)):
        counts.append(f"{beyond:,} beyond {visible.high:.0f} %")
    told = f"({', '.join(counts)})"
    if len(name) + 1 + len(told) <= LONG:
        return f"{name} {told}"
    return f"{textwrap.fill(name, LONG, max_lines=MOST, placeholder=' …')}\n{told}"
