"""Constraints on a parameter's values across the stages, and the exact law under each.

A constrained space is the unconstrained law *conditioned* on the constraint: what rejection gives, not what sorting
gives. Each constraint here is drawn exactly, by construction, through a map from the unit cube: uniform points give
the law, so sampling and decoding are one map.

For a run that must not decrease, with probabilities p over the grid, work from the last stage to the first:

    S_last = tail sums of p,  q_i = p * S_{i+1},  S_i(k) = sum over m >= k of q_i(m)

Given the previous stage's index j, stage i takes the index k with P(K >= k) = S_i(k) / S_i(j). Tail sums keep their
relative precision where sums from the left would cancel.
"""

import dataclasses
import functools
import math
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.int64]  # (n, count): positions in a parameter's values
Points = NDArray[np.float64]  # (n, axes), in [0, 1]


class Constraint(Protocol):
    """The joint law of one parameter's values over the stages."""

    @property
    def num_axes(self) -> int:
        """How many axes of the unit cube it reads."""

    def size(self) -> int:
        """Return the exact number of settings."""

    def indices(self, points: Points) -> Indices:
        """Map points of the unit cube to values; uniform points give the law."""

    def holds(self, indices: Indices) -> NDArray[np.bool_]:
        """Return for each row whether it satisfies the constraint."""

    def points(self, indices: Indices) -> Points:
        """Return for each row a point that maps to it: the centre of those that do."""


@dataclasses.dataclass(frozen=True)
class Constant:
    """There is a single value: nothing is drawn."""

    count: int

    @property
    def num_axes(self) -> int:
        """None."""
        return 0

    def size(self) -> int:
        """Return 1."""
        return 1

    def indices(self, points: Points) -> Indices:
        """Map (n, 0) to (n, stages)."""
        return np.zeros((len(points), self.count), dtype=np.int64)

    def holds(self, indices: Indices) -> NDArray[np.bool_]:
        """Return True throughout."""
        return np.ones(len(indices), dtype=bool)

    def points(self, indices: Indices) -> Points:
        """Map (n, stages) to (n, 0)."""
        return np.empty((len(indices), 0))


@dataclasses.dataclass(frozen=True)
class Free:
    """Every stage is drawn on its own."""

    probabilities: NDArray[np.float64]
    count: int

    @property
    def num_axes(self) -> int:
        """One a stage."""
        return self.count

    def size(self) -> int:
        """Return values ** stages."""
        return int(len(self.probabilities) ** self.count)

    def indices(self, points: Points) -> Indices:
        """Map (n, stages) to (n, stages)."""
        return self._inverse.take(0, points)

    def holds(self, indices: Indices) -> NDArray[np.bool_]:
        """Return True throughout."""
        return np.ones(len(indices), dtype=bool)

    def points(self, indices: Indices) -> Points:
        """Map (n, stages) to (n, stages)."""
        return _centre(_tails(self.probabilities), 0, indices)

    @functools.cached_property
    def _inverse(self) -> "_Inverse":
        return _Inverse(_tails(self.probabilities))


@dataclasses.dataclass(frozen=True)
class Shared:
    """All stages have one value; `probabilities` is that value's law."""

    probabilities: NDArray[np.float64]
    count: int

    @property
    def num_axes(self) -> int:
        """One for all stages."""
        return 1

    def size(self) -> int:
        """Return the number of values."""
        return len(self.probabilities)

    def indices(self, points: Points) -> Indices:
        """Map (n, 1) to (n, stages)."""
        return np.repeat(self._inverse.take(0, points), self.count, axis=1)

    def holds(self, indices: Indices) -> NDArray[np.bool_]:
        """Return whether all stages agree."""
        return np.asarray(np.all(indices == indices[:, :1], axis=1))

    def points(self, indices: Indices) -> Points:
        """Map (n, stages) to (n, 1)."""
        return _centre(_tails(self.probabilities), 0, indices[:, :1])

    @functools.cached_property
    def _inverse(self) -> "_Inverse":
        return _Inverse(_tails(self.probabilities))


@dataclasses.dataclass(frozen=True)
class Nondecreasing:
    """No stage has a smaller value than the one before."""

    probabilities: NDArray[np.float64]
    count: int

    @property
    def num_axes(self) -> int:
        """One a stage."""
        return self.count

    def size(self) -> int:
        """Return the number of multisets of that many values."""
        return math.comb(len(self.probabilities) + self.count - 1, self.count)

    def indices(self, points: Points) -> Indices:
        """Map (n, stages) to (n, stages)."""
        columns: list[NDArray[np.int64]] = []
        previous = np.zeros(len(points), dtype=np.int64)
        for stage, inverse in enumerate(self._inverses):
            previous = inverse.take(previous, points[:, stage])
            columns.append(previous)
        return np.stack(columns, axis=1)

    def holds(self, indices: Indices) -> NDArray[np.bool_]:
        """Return whether no index is below the one before."""
        return np.asarray(np.all(np.diff(indices, axis=1) >= 0, axis=1))

    def points(self, indices: Indices) -> Points:
        """Map (n, stages) to (n, stages)."""
        previous = np.concatenate([np.zeros_like(indices[:, :1]), indices[:, :-1]], axis=1)
        columns = [
            _centre(tails, previous[:, stage], indices[:, stage]) for stage, tails in enumerate(self._stage_tails())
        ]
        return np.stack(columns, axis=1)

    @property
    def probability(self) -> float:
        """That of independent draws being in this order."""
        return float(self._stage_tails()[0][0])

    @functools.cached_property
    def _inverses(self) -> "list[_Inverse]":
        return [_Inverse(tails) for tails in self._stage_tails()]

    def _stage_tails(self) -> list[NDArray[np.float64]]:
        """Return S_1, ..., S_last of the module's notation."""
        tails = [_tails(self.probabilities)]
        for _ in range(self.count - 1):
            tails.append(_tails(self.probabilities * tails[-1][:-1]))
        return tails[::-1]


@dataclasses.dataclass(frozen=True)
class Nonincreasing:
    """No stage has a larger value than the one before: a nondecreasing run over the grid read backwards."""

    probabilities: NDArray[np.float64]
    count: int

    @property
    def num_axes(self) -> int:
        """One a stage."""
        return self.count

    def size(self) -> int:
        """Return the number of multisets of that many values."""
        return self._backwards.size()

    def indices(self, points: Points) -> Indices:
        """Map (n, stages) to (n, stages); a larger coordinate still means a larger value."""
        return self._mirror(self._backwards.indices(1 - points))

    def holds(self, indices: Indices) -> NDArray[np.bool_]:
        """Return whether no index is above the one before."""
        return self._backwards.holds(self._mirror(indices))

    def points(self, indices: Indices) -> Points:
        """Map (n, stages) to (n, stages)."""
        return 1 - self._backwards.points(self._mirror(indices))

    @functools.cached_property
    def _backwards(self) -> Nondecreasing:
        return Nondecreasing(self.probabilities[::-1], self.count)

    def _mirror(self, indices: Indices) -> Indices:
        return len(self.probabilities) - 1 - indices


def constraint_for(kinds: frozenset[str] | set[str], probabilities: tuple[float, ...], count: int) -> Constraint:
    """Return the constraint that a set of words stands for.

    Args:
        kinds: Any of "tie" (one value, drawn once by the parameter's own law), "equal" (the stages' law conditioned
            on all being equal),
            "nondecreasing", "nonincreasing" (both together: equal). A parameter both tied and ordered is just tied.
        probabilities: The parameter's law.
        count: Number of stages.
    """
    law = np.asarray(probabilities)
    if len(law) == 1:
        return Constant(count)
    if "tie" in kinds or count == 1:
        return Shared(law, count)
    if "equal" in kinds or {"nondecreasing", "nonincreasing"} <= kinds:
        return Shared(law**count / np.sum(law**count), count)
    if "nondecreasing" in kinds:
        return Nondecreasing(law, count)
    return Nonincreasing(law, count) if "nonincreasing" in kinds else Free(law, count)


def probability(kinds: frozenset[str] | set[str], probabilities: tuple[float, ...], count: int) -> float:
    """Return the probability that values drawn for each stage on its own satisfy the constraint; 1 for a tie, which
    is one draw.
    """
    law = np.asarray(probabilities)
    if "tie" in kinds or not kinds:
        return 1.0
    if "equal" in kinds or {"nondecreasing", "nonincreasing"} <= kinds:
        return float(np.sum(law**count))
    return Nondecreasing(law if "nondecreasing" in kinds else law[::-1], count).probability


def _tails(weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the sums from each index to the end, and 0 behind the end."""
    return np.append(np.cumsum(weights[::-1])[::-1], 0.0)


class _Inverse:
    """Takes values by their tails, very many at a time.

    The range of the tails is cut into equal parts. Within most of them every target has the same answer, found when
    the table is made; only targets in the others are searched for. Parts overlap by far more than a rounding error, so
    that the answer is always the search's.
    """

    PARTS = 4096
    OVERLAP = 1e-9  # of a part

    def __init__(self, tails: NDArray[np.float64]) -> None:
        self._tails = tails
        self._ascending = np.ascontiguousarray(tails[-2::-1])
        self._in_parts = tails * (self.PARTS / tails[0]) if tails[0] > 0 else tails
        parts = np.arange(self.PARTS + 1)
        low = self._search((parts - self.OVERLAP) * (tails[0] / self.PARTS))
        high = self._search((parts + 1 + self.OVERLAP) * (tails[0] / self.PARTS))
        self._answers = np.where(low == high, low, -1)  # -1: more than one

    def take(self, previous: "NDArray[np.int64] | int", points: Points) -> Indices:
        """Return the largest index whose tail is at least (1 - u) of the previous index's tail.

        u = 0 stays there, u = 1 ends the grid.
        """
        rest = 1 - points
        parts = (self._in_parts[previous] * rest).astype(np.intp)
        indices = self._answers.take(parts)
        several = np.flatnonzero(indices < 0)
        if len(several):
            given = previous if isinstance(previous, int) else previous[several]
            indices.flat[several] = self._search(self._tails[given] * rest.flat[several])
        return indices

    def _search(self, targets: NDArray[np.float64]) -> NDArray[np.int64]:
        return np.asarray(len(self._tails) - 2 - np.searchsorted(self._ascending, targets, side="left"), dtype=np.int64)


def _centre(tails: NDArray[np.float64], previous: "NDArray[np.int64] | int", indices: Indices) -> Points:
    """Return the centre of the interval that `_Inverse.take` maps to each index."""
    return 1 - 0.5 * (tails[indices] + tails[indices + 1]) / tails[previous]
