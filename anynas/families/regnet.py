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
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from anynas.errors import ArchitectureError
from anynas.families.anynet import AnyNet, anynet_parameters

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

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

    widths = widths_of_levels(levels_of_line(np.arange(depth), w0=w0, wa=wa, wm=wm), w0=w0, wm=wm)
    runs = [(width, len(list(run))) for width, run in itertools.groupby(widths.tolist())]
    return [width for width, _ in runs], [blocks for _, blocks in runs]


def stages_of_lines(
    *,
    depth: "NDArray[np.int64]",
    w0: "NDArray[np.int64]",
    wa: "NDArray[np.float64]",
    wm: "NDArray[np.float64]",
    num_stages: int,
) -> tuple["NDArray[np.int64]", "NDArray[np.int64]"]:
    """Return (widths, depths) of the stages of many lines, each array (n, num_stages).

    Args:
        depth: (n,), like the others: line i has depth[i], w0[i], wa[i], wm[i].
        w0: As in the module's notation.
        wa: Likewise.
        wm: Likewise.
        num_stages: Of every line, none of which may skip a level.
    """
    import numpy as np

    blocks, stages = np.arange(np.max(depth, initial=0)), np.arange(num_stages)
    levels = levels_of_line(blocks, w0=w0[:, None], wa=wa[:, None], wm=wm[:, None])
    levels[blocks >= depth[:, None]] = num_stages  # behind the last block
    depths = np.stack([np.count_nonzero(levels == stage, axis=1) for stage in stages], axis=1)
    return widths_of_levels(stages, w0=w0[:, None], wm=wm[:, None]), depths.astype(np.int64)


def levels_of_line(blocks: "ArrayLike", *, w0: "ArrayLike", wa: "ArrayLike", wm: "ArrayLike") -> "NDArray[np.float64]":
    """Return round(s_j) for blocks j; arrays of any shapes that broadcast."""
    import numpy as np

    first, ratio = np.asarray(w0), np.asarray(wm)
    line = first + np.asarray(wa) * np.asarray(blocks)
    return np.asarray(np.round(np.log(line / first) / np.log(ratio)))


def widths_of_levels(levels: "ArrayLike", *, w0: "ArrayLike", wm: "ArrayLike") -> "NDArray[np.int64]":
    """Return w_0 * w_m ** level, rounded to a multiple of 8; arrays of any shapes that broadcast."""
    import numpy as np

    first, ratio, powers = np.broadcast_arrays(w0, wm, np.asarray(levels, dtype=np.float64))
    # A copy: numpy takes other ways to a power when one number stands for all exponents, and the last bit may differ.
    widths = np.round(first * np.power(ratio, powers.copy()) / WIDTH_STEP) * WIDTH_STEP
    return np.asarray(widths, dtype=np.int64)


def first_slopes(
    slopes: "NDArray[np.float64]", *, level: int, block: "ArrayLike", w0: "ArrayLike", wm: "ArrayLike"
) -> "NDArray[np.int64]":
    """Return the position of the least slope with which a block's level is at least `level`.

    Block j is at level k or above when w_a * j >= w_0 * (w_m ** (k - 1/2) - 1). Where a slope meets that bound but for
    rounding, `levels_of_line` decides.

    Args:
        slopes: Values of w_a, increasing, by more than a billionth each.
        level: 0 or more.
        block: Any shape, like `w0` and `wm`; they broadcast.
        w0: As in the module's notation.
        wm: Likewise.

    Returns:
        Positions; len(slopes) where no slope suffices, as for block 0.
    """
    import numpy as np

    with np.errstate(divide="ignore"):
        bounds = np.expm1((level - 0.5) * np.log(wm)) * np.divide(w0, block)
    positions = np.searchsorted(slopes, bounds * (1 - 1e-9)).astype(np.int64, copy=False)
    found = np.append(slopes, np.inf)[positions]
    close = np.nonzero(found < bounds * (1 + 1e-9))
    block, w0, wm = (np.broadcast_to(values, bounds.shape)[close] for values in (block, w0, wm))
    positions[close] += levels_of_line(block, w0=w0, wa=found[close], wm=wm) < level
    return positions


def settings_of_stages(
    widths: Sequence[int], depths: Sequence[int], *, wa_values: "ArrayLike", wm_values: "ArrayLike"
) -> tuple[int, int] | None:
    """Return positions in `wa_values` and `wm_values` of a line with these stages, or None if there is none.

    The line has w_0 = widths[0] and sum(depths) blocks, and skips no level. Of all ratios that serve with some slope,
    the middle one is taken, and of the slopes that serve with it the middle one.

    Args:
        widths: Of the stages, as `stages_of_line` gives them.
        depths: Blocks of each stage, at least 1.
        wa_values: Slopes in increasing order.
        wm_values: Ratios in increasing order, above 1.
    """
    import numpy as np

    slopes, ratios = np.asarray(wa_values, dtype=np.float64), np.asarray(wm_values, dtype=np.float64)
    if any(after <= before for before, after in itertools.pairwise(widths)):
        return None  # equal widths are one stage
    w0, num_stages = widths[0], len(widths)
    fitting = widths_of_levels(np.arange(num_stages), w0=w0, wm=ratios[:, None]) == np.asarray(widths)
    candidates = np.flatnonzero(fitting.all(axis=1))
    wm = ratios[candidates]
    low = np.zeros(len(wm), dtype=np.int64)
    high = first_slopes(slopes, level=num_stages, block=sum(depths) - 1, w0=w0, wm=wm)
    for level, block in enumerate(itertools.accumulate(depths[:-1]), start=1):  # the first block of each later stage
        low = np.maximum(low, first_slopes(slopes, level=level, block=block, w0=w0, wm=wm))
        high = np.minimum(high, first_slopes(slopes, level=level, block=block - 1, w0=w0, wm=wm))
    serving = np.flatnonzero(low < high)
    if not len(serving):
        return None
    middle = serving[(len(serving) - 1) // 2]
    return int(low[middle] + high[middle] - 1) // 2, int(candidates[middle])


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
