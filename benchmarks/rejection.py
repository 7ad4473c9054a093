"""Drawing networks of a design space by plain rejection, as a user writes it who follows the paper and its code.

Each parameter is drawn on its own, the network's multiply-adds are counted in closed form, and the draw is kept if it
satisfies the constraint and they lie in the band. Plain Python on plain numbers; log-uniform values come from numpy's
`choice` with their probabilities, or, faster, from one logarithm and the standard library's generator. Who thinks
about it also checks the constraint first, as soon as what it speaks of is drawn. Definitions: arXiv 2003.13678,
sections 3.2 to 3.4 and appendix D.
"""

import itertools
import math
import random
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

STAGES = 4
RATIOS = (1, 2, 4)
GROUP_WIDTHS = (1, 2, 4, 8, 16, 32)
STEM_WIDTH, STEM_STRIDE, SIDE, CHANNELS, CLASSES = 32, 2, 224, 3, 1000
SHARED_RATIO, SHARED_GROUP, WIDTHS_RISE, DEPTHS_RISE = "BCDE", "CDE", "DE", "E"  # in which spaces


class Draw(NamedTuple):
    """One network, by nominal values: one of each a stage."""

    depths: list[int]
    widths: list[int]
    ratios: list[int]
    group_widths: list[int]


Candidate = Callable[[str, random.Random], Draw | None]


def draw_by_rejection(letter: str, rng: random.Random, band: tuple[float, float], make: Candidate) -> tuple[Draw, int]:
    """Return a draw of AnyNet `letter` ("A" to "E") with multiply-adds in the band, and how many were tried for it."""
    for tried in itertools.count(1):
        draw = make(letter, rng)
        if draw is not None and band[0] <= multiply_adds(draw) <= band[1] and keeps(letter, draw):
            return draw, tried
    raise AssertionError("counting never ends")


def candidate(letter: str, rng: random.Random) -> Draw:
    """Return one draw without constraint or band."""
    widths = [log_uniform(rng, 8, 1024, 8) for _ in range(STAGES)]
    depths = [log_uniform(rng, 1, 16, 1) for _ in range(STAGES)]
    return Draw(depths, widths, *_rest(letter, rng))


def early_candidate(letter: str, rng: random.Random) -> Draw | None:
    """Return one draw without a band; None if it breaks the space's constraint, which is seen before all is drawn."""
    widths = [log_uniform(rng, 8, 1024, 8) for _ in range(STAGES)]
    if letter in WIDTHS_RISE and not rises(widths):
        return None
    depths = [log_uniform(rng, 1, 16, 1) for _ in range(STAGES)]
    if letter in DEPTHS_RISE and not rises(depths):
        return None
    return Draw(depths, widths, *_rest(letter, rng))


class NumpyCandidates:
    """Draws without constraint or band, by numpy's choice."""

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng(seed)
        self._widths, self._depths = log_uniform_law(8, 1024, 8), log_uniform_law(1, 16, 1)

    def __call__(self, letter: str, rng: random.Random) -> Draw:
        """Return one; `rng` is not used."""
        drawn = [self._rng.choice(values, size=STAGES, p=law).tolist() for values, law in (self._depths, self._widths)]
        shared = (letter in SHARED_RATIO, letter in SHARED_GROUP)
        for values, once in zip((RATIOS, GROUP_WIDTHS), shared, strict=True):
            few = self._rng.choice(values, size=1 if once else STAGES).tolist()
            drawn.append(few * STAGES if once else few)
        return Draw(*drawn)


def log_uniform_law(low: int, high: int, step: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the multiples of the step from low to high, and their probabilities; `log_uniform` has the same law."""
    values = np.arange(low, high + 1, step)
    edges = np.append(low - min(step, low / 2), values)
    return values, np.diff(np.log(edges)) / np.log(edges[-1] / edges[0])


def keeps(letter: str, draw: Draw) -> bool:
    """Return whether a draw satisfies the space's constraint."""
    return (letter not in WIDTHS_RISE or rises(draw.widths)) and (letter not in DEPTHS_RISE or rises(draw.depths))


def _rest(letter: str, rng: random.Random) -> tuple[list[int], list[int]]:
    ratios = choices(rng, RATIOS, shared=letter in SHARED_RATIO)
    return ratios, choices(rng, GROUP_WIDTHS, shared=letter in SHARED_GROUP)


def choices(rng: random.Random, values: tuple[int, ...], *, shared: bool) -> list[int]:
    """Return one of the values a stage; the same for all stages if it is shared."""
    return [rng.choice(values)] * STAGES if shared else [rng.choice(values) for _ in range(STAGES)]


def log_uniform(rng: random.Random, low: int, high: int, step: int) -> int:
    """Return a multiple of the step from low to high: a continuous log-uniform draw, rounded up."""
    start = low - min(step, low / 2)
    value = math.exp(rng.uniform(math.log(start), math.log(high)))
    return min(max(math.ceil(value / step) * step, low), high)


def rises(values: list[int]) -> bool:
    """Return whether no value is below the one before."""
    return all(before <= after for before, after in itertools.pairwise(values))


def multiply_adds(draw: Draw) -> int:
    """Return a network's multiply-adds on one image, after widths are made to fit ratios and groups."""
    side = halved(SIDE)
    total = 9 * CHANNELS * STEM_WIDTH * side**2
    width_in = STEM_WIDTH
    for depth, width, ratio, group in zip(*draw, strict=True):
        inner = max(width // ratio, 1)
        group = min(group, inner)
        inner = max(group, round(inner / group) * group)  # half to even, as the paper's code rounds
        width = inner * ratio
        after = halved(side)
        total += width_in * inner * side**2 + 9 * inner * group * after**2 + inner * width * after**2
        total += width_in * width * after**2  # the first block's shortcut: its stride is 2
        total += (depth - 1) * (2 * width * inner + 9 * inner * group) * after**2
        width_in, side = width, after
    return total + width_in * CLASSES + CLASSES


def halved(side: int) -> int:
    """Return the side behind a 3x3 convolution with stride 2 and padding 1."""
    return (side - 1) // 2 + 1
