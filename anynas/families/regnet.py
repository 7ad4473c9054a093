"""RegNet: AnyNets whose widths follow a quantised line (Radosavovic et al. 2020, arXiv 2003.13678, equations 2 to 4).

With j = 0, 1, ..., d - 1 over all blocks:

    u_j = w_0 + w_a * j                          the line
    s_j = ln(u_j / w_0) / ln(w_m)                in powers of w_m
    w_j = w_0 * w_m ** round(s_j)                quantised, then rounded to a multiple of 8

A stage is a run of equal w_j. It is a law over AnyNets, not a family of its own.
"""

import itertools
import math
import numbers
from typing import Any

from anynas.errors import ArchitectureError
from anynas.families.anynet import AnyNet, anynet_parameters

WIDTH_STEP = 8


def regnet_parameters(
    *,
    depth: int,
    w0: int,
    wa: float,
    wm: float,
    group_width: int,
    bottleneck_ratio: int = 1,
    se_ratio: float = 0.0,
    **rest: Any,
) -> AnyNet:
    """Return the AnyNet that a RegNet's line describes: nominal widths and depths, one a stage.

    Args:
        depth: Blocks in all.
        w0: Width at which the line starts: a multiple of 8.
        wa: Slope of the line, channels a block; 0 gives one stage.
        wm: Ratio of the widths of one stage and the next, above 1.
        group_width: Channels per group, in every stage.
        bottleneck_ratio: Width / inner width, in every stage.
        se_ratio: 0 for RegNetX, 0.25 for RegNetY.
        **rest: Stem, strides and the like, as `anynet` takes them.

    Raises:
        ArchitectureError: A value is out of range.
    """
    if isinstance(depth, bool) or not isinstance(depth, numbers.Integral) or depth < 1:
        raise ArchitectureError(f"regnet: depth must be a whole number of at least 1; got {depth!r}")
    for name, value in (("w0", w0), ("wa", wa), ("wm", wm)):
        if isinstance(value, bool) or not isinstance(value, numbers.Real) or not math.isfinite(value):
            raise ArchitectureError(f"regnet: {name} must be a finite number; got {value!r}")
    if w0 < WIDTH_STEP or w0 % WIDTH_STEP:
        raise ArchitectureError(f"regnet: w0 must be a positive multiple of {WIDTH_STEP}; got {w0!r}")
    if wa < 0:
        raise ArchitectureError(f"regnet: wa must be at least 0; got {wa!r}")
    if wm <= 1:
        raise ArchitectureError(f"regnet: wm must be above 1; got {wm!r}")
    widths, depths = stages_of_line(depth=int(depth), w0=int(w0), wa=float(wa), wm=float(wm))
    return anynet_parameters(
        depths=depths,
        widths=widths,
        bottleneck_ratios=(bottleneck_ratio,) * len(depths),
        group_widths=(group_width,) * len(depths),
        se_ratio=se_ratio,
        **rest,
    )


def stages_of_line(*, depth: int, w0: int, wa: float, wm: float) -> tuple[list[int], list[int]]:
    """Return (widths, depths) of the stages, in the module's notation."""
    import numpy as np

    line = w0 + wa * np.arange(depth)
    powers = np.round(np.log(line / w0) / np.log(wm))
    widths = (np.round(w0 * np.power(wm, powers) / WIDTH_STEP) * WIDTH_STEP).astype(int)
    runs = [(width, len(list(run))) for width, run in itertools.groupby(widths.tolist())]
    return [width for width, _ in runs], [blocks for _, blocks in runs]


_X = (  # depth, w0, wa, wm, group width: tables 5 and 6 of the paper
    ("regnetx_200mf", 13, 24, 36.44, 2.49, 8),
    ("regnetx_400mf", 22, 24, 24.48, 2.54, 16),
    ("regnetx_600mf", 16, 48, 36.97, 2.24, 24),
    ("regnetx_800mf", 16, 56, 35.73, 2.28, 16),
    ("regnetx_1.6gf", 18, 80, 34.01, 2.25, 24),
    ("regnetx_3.2gf", 25, 88, 26.31, 2.25, 48),
    ("regnetx_4.0gf", 23, 96, 38.65, 2.43, 40),
    ("regnetx_6.4gf", 17, 184, 60.83, 2.07, 56),
    ("regnetx_8.0gf", 23, 80, 49.56, 2.88, 120),
    ("regnetx_12gf", 19, 168, 73.36, 2.37, 112),
    ("regnetx_16gf", 22, 216, 55.59, 2.1, 128),
    ("regnetx_32gf", 23, 320, 69.86, 2.0, 168),
)
_Y = (
    ("regnety_200mf", 13, 24, 36.44, 2.49, 8),
    ("regnety_400mf", 16, 48, 27.89, 2.09, 8),
    ("regnety_600mf", 15, 48, 32.54, 2.32, 16),
    ("regnety_800mf", 14, 56, 38.84, 2.4, 16),
    ("regnety_1.6gf", 27, 48, 20.71, 2.65, 24),
    ("regnety_3.2gf", 21, 80, 42.63, 2.66, 24),
    ("regnety_4.0gf", 22, 96, 31.41, 2.24, 64),
    ("regnety_6.4gf", 25, 112, 33.22, 2.27, 72),
    ("regnety_8.0gf", 17, 192, 76.82, 2.19, 56),
    ("regnety_12gf", 19, 168, 73.36, 2.37, 112),
    ("regnety_16gf", 18, 200, 106.23, 2.48, 112),
    ("regnety_32gf", 20, 232, 115.89, 2.53, 232),
)


def published_regnets() -> dict[str, dict[str, Any]]:
    """Return the arguments of `regnet_parameters` for each published RegNet, by name."""
    fields = ("depth", "w0", "wa", "wm", "group_width")
    return {
        name: {**dict(zip(fields, values, strict=True)), "se_ratio": se_ratio}
        for table, se_ratio in ((_X, 0.0), (_Y, 0.25))
        for name, *values in table
    }
