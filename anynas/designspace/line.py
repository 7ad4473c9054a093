"""The joint law of a RegNet's line: depth, w_0, w_a and w_m, each by its own law, conditioned on the stages they give.

The rule: the quantised line has a given number S of stages, each one level wider than the one before, none skipped.
Draws are exact by construction, as in `constraints`: uniform points of the unit cube give the law.

With l(j) the level of block j (`families.regnet`), a line of d blocks obeys the rule exactly if

    l(d - 1) = S - 1                    the last block is in the last stage
    l(j) <= j for 1 <= j <= S - 2       no level is skipped
    the widths of levels 0 ... S - 1, as rounded, all differ

For the second line: the levels start at 0 and never fall. If l(j) > j for a j <= S - 2, the j blocks before it would
have to stand for the j + 1 levels 0 ... j. Conversely, let a level k <= S - 2 be skipped: l(j) < k < l(j + 1). Before
rounding, levels are concave in j and start at 0, so s_{j+1} / s_j <= (j + 1) / j; and k + 1/2 <= s_{j+1} with
s_j <= k - 1/2 then gives j <= k - 1/2, so l(j + 1) >= k + 1 > j + 1, where j + 1 <= k <= S - 2.

Levels never fall as w_a grows. So, given the other three, the slopes that obey the rule are *one run of the grid*, and
its law there is a difference of tail sums. What is left is a sum over w_m, w_0 and depth.
"""

import dataclasses
import functools
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from anynas.designspace.constraints import Indices, Points, _tails
from anynas.designspace.parameters import Parameter
from anynas.errors import SpaceError
from anynas.families.regnet import WIDTH_STEP, first_slopes, widths_of_levels

_CHUNK = 2**16  # runs at a time: what fits in a core's cache

Floats = NDArray[np.float64]


@dataclasses.dataclass(frozen=True, eq=False)
class Line:
    """Depth, w_0, w_a and w_m of a RegNet, in this order; a constraint as `constraints.Constraint` describes it.

    It reads one axis for each parameter of more than one value, in the same order. A larger coordinate never means a
    smaller value of its own parameter, given those drawn before; drawn are w_m, w_0, depth, w_a.

    Raises:
        SpaceError: A value is out of range, or no setting has that many stages.
    """

    depth: Parameter
    w0: Parameter
    wa: Parameter
    wm: Parameter
    stages: int = 4

    def __post_init__(self) -> None:
        wrong = [value for value in self.w0.values if value < WIDTH_STEP or value % WIDTH_STEP]
        if wrong:
            raise SpaceError(f"{self.w0.name}: values must be positive multiples of {WIDTH_STEP}; got {wrong[0]}")
        for parameter, valid, rule in (
            (self.depth, self.depth.values[0] >= 1, "at least 1"),
            (self.wa, self.wa.values[0] >= 0, "at least 0"),
            (self.wm, self.wm.values[0] > 1, "above 1"),
        ):
            if not valid:
                raise SpaceError(f"{parameter.name}: values must be {rule}; got {parameter.values[0]}")
        if not any((low < high).any() for _, low, high in _runs(*self._key)):
            laws = "; ".join(f"{parameter.name} {parameter.law}" for parameter in self._parameters)
            raise SpaceError(f"some line must have {self.stages} stages and skip no level; none has with {laws}")

    @property
    def num_axes(self) -> int:
        """One for each parameter of more than one value."""
        return sum(self._varies)

    @property
    def axis_columns(self) -> tuple[int, ...]:
        """The column that each axis stands for."""
        return tuple(column for column, varies in enumerate(self._varies) if varies)

    def size(self) -> int:
        """Return the exact number of settings that obey the rule."""
        return _table(*self._key)[1]

    def indices(self, points: Points) -> Indices:
        """Map (n, num_axes) to (n, 4)."""
        coordinates = np.zeros((len(points), 4))
        coordinates[:, self._varies] = points
        ratio_tails, masses = self._ratio_tails, _table(*self._key)[0]
        end = np.flatnonzero(ratio_tails)[-1] + 1
        wm = _take_within(ratio_tails, 0, end, coordinates[:, 3])
        w0 = _take_rows(_row_tails(masses[wm]), coordinates[:, 1])
        low, high = self._runs_of(w0, wm)
        depth = _take_rows(_row_tails(self._depth_masses(low, high)), coordinates[:, 0])
        rows = np.arange(len(points))
        wa = _take_within(self._slope_tails, low[rows, depth], high[rows, depth], coordinates[:, 2])
        return np.stack([depth, w0, wa, wm], axis=1)

    def holds(self, indices: Indices) -> NDArray[np.bool_]:
        """Return for each row (n, 4) whether it obeys the rule."""
        depth, w0, wa, wm = indices.T
        low, high = self._runs_of(w0, wm)
        rows = np.arange(len(indices))
        return np.asarray((low[rows, depth] <= wa) & (wa < high[rows, depth]))

    def points(self, indices: Indices) -> Points:
        """Map (n, 4) to (n, num_axes)."""
        depth, w0, wa, wm = indices.T
        low, high = self._runs_of(w0, wm)
        rows = np.arange(len(indices))
        centres = [
            _centre_rows(_row_tails(self._depth_masses(low, high)), depth),
            _centre_rows(_row_tails(_table(*self._key)[0][wm]), w0),
            _centre_within(self._slope_tails, low[rows, depth], high[rows, depth], wa),
            _centre_within(self._ratio_tails, 0, len(self.wm.values), wm),
        ]
        return np.stack(centres, axis=1)[:, self._varies]

    @property
    def _parameters(self) -> tuple[Parameter, Parameter, Parameter, Parameter]:
        return self.depth, self.w0, self.wa, self.wm

    @property
    def _varies(self) -> list[bool]:
        return [len(parameter.values) > 1 for parameter in self._parameters]

    @property
    def _key(self) -> tuple[int, Parameter, Parameter, Parameter, Parameter]:
        return self.stages, *self._parameters

    @functools.cached_property
    def _slope_tails(self) -> Floats:
        return _tails(np.asarray(self.wa.probabilities))

    @functools.cached_property
    def _ratio_tails(self) -> Floats:
        return _tails(_row_tails(_table(*self._key)[0])[:, 0])

    def _runs_of(self, w0: NDArray[np.int64], wm: NDArray[np.int64]) -> tuple[Indices, Indices]:
        """Return the ends (n, depths) of the runs of slopes, for positions w0 (n,) and wm (n,)."""
        return _run(
            self.stages,
            np.asarray(self.depth.values),
            np.asarray(self.w0.values)[w0, None],
            np.asarray(self.wa.values, dtype=np.float64),
            np.asarray(self.wm.values, dtype=np.float64)[wm, None],
        )

    def _depth_masses(self, low: Indices, high: Indices) -> Floats:
        return np.asarray(self.depth.probabilities) * (self._slope_tails[low] - self._slope_tails[high])


@functools.lru_cache(maxsize=8)
def _table(stages: int, depth: Parameter, w0: Parameter, wa: Parameter, wm: Parameter) -> tuple[Floats, int]:
    """Return the probability (wm, w0) of each ratio and first width together with the rule, and the size."""
    slope_tails, depth_law = _tails(np.asarray(wa.probabilities)), np.asarray(depth.probabilities)
    masses, size = np.outer(wm.probabilities, w0.probabilities), 0
    for chunk, low, high in _runs(stages, depth, w0, wa, wm):
        masses[chunk] *= _row_tails(depth_law * (slope_tails[low] - slope_tails[high]))[..., 0]
        size += int(np.sum(high - low))
    return masses, size


def _runs(
    stages: int, depth: Parameter, w0: Parameter, wa: Parameter, wm: Parameter
) -> Iterator[tuple[slice, Indices, Indices]]:
    """Yield parts of wm's values, and the ends (values, w0, depth) of the runs of slopes for them."""
    depths, first_widths = np.asarray(depth.values), np.asarray(w0.values)[:, None]
    slopes, ratios = np.asarray(wa.values, dtype=np.float64), np.asarray(wm.values, dtype=np.float64)[:, None, None]
    step = max(1, _CHUNK // (len(depths) * len(first_widths)))
    for start in range(0, len(ratios), step):
        chunk = slice(start, start + step)
        yield chunk, *_run(stages, depths, first_widths, slopes, ratios[chunk])


def _run(
    stages: int, depth: NDArray[np.int64], w0: NDArray[np.int64], slopes: Floats, wm: Floats
) -> tuple[Indices, Indices]:
    """Return [low, high): the positions of the slopes that obey the rule; low = high where none does."""
    low = first_slopes(slopes, level=stages - 1, block=depth - 1, w0=w0, wm=wm)
    high = first_slopes(slopes, level=stages, block=depth - 1, w0=w0, wm=wm)
    for block in range(1, stages - 1):
        high = np.minimum(high, first_slopes(slopes, level=block + 1, block=block, w0=w0, wm=wm))
    widths = widths_of_levels(np.arange(stages), w0=w0[..., None], wm=wm[..., None])
    distinct = np.all(np.diff(widths, axis=-1) > 0, axis=-1)
    return low, np.where(distinct, np.maximum(low, high), low)


# As `_Inverse.take` and `_centre` of `constraints`, within a run [low, high) of one grid, and with a law for every row.


def _take_within(
    tails: Floats, low: "NDArray[np.int64] | int", high: "NDArray[np.int64] | int", coordinates: Floats
) -> NDArray[np.int64]:
    targets = tails[high] + (tails[low] - tails[high]) * (1 - coordinates)
    at_least = len(tails) - np.searchsorted(tails[::-1], targets, side="left")
    return np.clip(at_least - 1, low, np.subtract(high, 1))  # the sum above may round beyond either end


def _centre_within(
    tails: Floats, low: "NDArray[np.int64] | int", high: "NDArray[np.int64] | int", indices: NDArray[np.int64]
) -> Floats:
    beyond = 0.5 * (tails[indices] + tails[indices + 1]) - tails[high]
    return np.asarray(1 - beyond / (tails[low] - tails[high]))


def _row_tails(weights: Floats) -> Floats:
    """Return the sums from each index to the end, along the last axis."""
    return np.cumsum(weights[..., ::-1], axis=-1)[..., ::-1]


def _take_rows(tails: Floats, coordinates: Floats) -> NDArray[np.int64]:
    """Return for each row the largest index whose tail is positive and at least (1 - u) of the whole."""
    targets = tails[:, :1] * (1 - coordinates[:, None])
    return np.asarray(np.count_nonzero((tails >= targets) & (tails > 0), axis=1) - 1)


def _centre_rows(tails: Floats, indices: NDArray[np.int64]) -> Floats:
    padded, rows = np.pad(tails, ((0, 0), (0, 1))), np.arange(len(tails))
    return np.asarray(1 - 0.5 * (padded[rows, indices] + padded[rows, indices + 1]) / tails[:, 0])
