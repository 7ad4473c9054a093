"""Choices made as often as another choice says: for each of the stages, or for each block of a stage.

The law is exact under constraints too. With p(b) the law of the number b, and P_b the probability that b independent
draws of every member satisfy its constraint, b is drawn by p(b) * P_b, and the members by their conditional laws.
"""

import dataclasses
import functools
import math

import numpy as np
from numpy.typing import NDArray

from anynas.designspace.constraints import Constraint, Indices, Points, constraint_for, probability
from anynas.designspace.parameters import Parameter

ABSENT = -1  # index of a value that is not there


@dataclasses.dataclass(frozen=True, eq=False)
class Repeated:
    """A number, and members of which there are so many: columns are the number's, then those of each member."""

    number: Parameter  # its values are numbers of repeats
    members: tuple[tuple[Parameter, frozenset[str]], ...]  # with the words for their constraints

    @property
    def num_axes(self) -> int:
        """One for the number if it varies, and those of all members at their most."""
        return self._law.num_axes + sum(self._axes)

    @property
    def axis_columns(self) -> tuple[int, ...]:
        """The column that each axis stands for."""
        places = [1 + member * self._most + axis for member, axes in enumerate(self._axes) for axis in range(axes)]
        return (*range(self._law.num_axes), *places)

    def size(self) -> int:
        """Return the exact number of settings."""
        return sum(math.prod(law.size() for law in laws) for laws in self._laws)

    def indices(self, points: Points) -> Indices:
        """Map (n, axes) to (n, 1 + members * most); behind the number, members are absent."""
        first = self._law.num_axes
        number = self._law.indices(points[:, :first])
        columns = np.full((len(points), len(self.members) * self._most), ABSENT, dtype=np.int64)
        for choice, laws in enumerate(self._laws):
            rows = number[:, 0] == choice
            axis = first
            for member, (law, axes) in enumerate(zip(laws, self._axes, strict=True)):
                begin = member * self._most
                drawn = law.indices(points[rows, axis : axis + law.num_axes])
                columns[rows, begin : begin + self.number.values[choice]] = drawn
                axis += axes
        return np.concatenate([number, columns], axis=1)

    def holds(self, indices: Indices) -> NDArray[np.bool_]:
        """Return whether the members present are those that the number says, and satisfy their constraints."""
        kept = np.zeros(len(indices), dtype=bool)
        for choice, laws in enumerate(self._laws):
            rows = indices[:, 0] == choice
            for member, law in enumerate(laws):
                begin = 1 + member * self._most
                end = begin + self.number.values[choice]
                rows = rows & np.all(indices[:, begin:end] != ABSENT, axis=1) & law.holds(indices[:, begin:end])
                rows = rows & np.all(indices[:, end : begin + self._most] == ABSENT, axis=1)
            kept |= rows
        return kept

    def points(self, indices: Indices) -> Points:
        """Map rows that hold to (n, axes); axes that are not read are at the centre."""
        points = np.full((len(indices), self.num_axes), 0.5)
        first = self._law.num_axes
        points[:, :first] = self._law.points(indices[:, :1])
        for choice, laws in enumerate(self._laws):
            rows = indices[:, 0] == choice
            axis = first
            for member, (law, axes) in enumerate(zip(laws, self._axes, strict=True)):
                begin = 1 + member * self._most
                present = indices[rows, begin : begin + self.number.values[choice]]
                points[rows, axis : axis + law.num_axes] = law.points(present)
                axis += axes
        return points

    @property
    def _most(self) -> int:
        return int(max(self.number.values))

    @functools.cached_property
    def _laws(self) -> list[list[Constraint]]:
        """Laws of the members for each value of the number."""
        return [
            [constraint_for(kinds, member.probabilities, repeats) for member, kinds in self.members]
            for repeats in self.number.values
        ]

    @property
    def _axes(self) -> list[int]:
        """Axes kept for each member."""
        return [max(laws[member].num_axes for laws in self._laws) for member in range(len(self.members))]

    @functools.cached_property
    def _law(self) -> Constraint:
        """The number's own law, given that the members satisfy their constraints."""
        weights = np.array(
            [
                own * math.prod(probability(kinds, member.probabilities, repeats) for member, kinds in self.members)
                for own, repeats in zip(self.number.probabilities, self.number.values, strict=True)
            ]
        )
        return constraint_for(frozenset(), tuple(weights / weights.sum()), 1)
