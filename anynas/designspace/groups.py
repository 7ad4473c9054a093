"""A space's law as a product of independent laws, each over some columns of values."""

import dataclasses
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from anynas.designspace.constraints import Constraint, Indices, Points, constraint_for
from anynas.designspace.forms import Each
from anynas.designspace.line import Line
from anynas.designspace.parameters import Parameter
from anynas.designspace.repeats import ABSENT, Repeated
from anynas.errors import SpaceError

LENGTH = "depth"  # the parameter that says how many blocks a stage has
Kinds = Callable[[str], frozenset[str]]  # parameter -> words for its constraints
Settings = dict[str, Indices]  # parameter -> positions in its values, (n, columns); ABSENT where there is none


@dataclasses.dataclass(frozen=True, eq=False)
class Group:
    """A law, and the columns that it draws."""

    columns: tuple[tuple[str, slice], ...]  # parameters, and which columns of theirs
    law: Constraint

    @property
    def axes(self) -> tuple[tuple[str, int], ...]:
        """Parameter and column that each axis stands for: a tied choice's is its first column."""
        each = [(name, column) for name, columns in self.columns for column in range(columns.start, columns.stop)]
        if isinstance(self.law, (Repeated, Line)):
            return tuple(each[column] for column in self.law.axis_columns)
        return tuple(each[: self.law.num_axes])


def independent(parameter: Parameter, kinds: frozenset[str]) -> Group:
    """Return a parameter's own law."""
    count = parameter.count * parameter.blocks
    return Group(((parameter.name, slice(0, count)),), constraint_for(kinds, parameter.probabilities, count))


def by_stages(stages: Parameter, parameters: list[Parameter], kinds: Kinds) -> Group:
    """Return the law of a number of stages and of all that is chosen for each of them."""
    columns = [(stages.name, slice(0, 1)), *((p.name, slice(0, p.count)) for p in parameters)]
    return Group(tuple(columns), Repeated(stages, tuple((p, kinds(p.name)) for p in parameters)))


def by_blocks(depth: Parameter, parameters: list[Parameter], kinds: Kinds) -> list[Group]:
    """Return the laws of each stage's depth and of all that is chosen for each of its blocks.

    A choice tied throughout the network is drawn once.

    Raises:
        SpaceError: A constraint would make stages depend on each other.
    """
    tied = [p for p in parameters if kinds(p.name) == {"tie"}]
    members = [p for p in parameters if p not in tied]
    for parameter in (depth, *members):
        if kinds(parameter.name):
            words = " and ".join(sorted(kinds(parameter.name)))
            raise SpaceError(
                f"{words}: {parameter.name} must be free where other parameters have a value for each block; "
                f"those themselves can only be tied; got {words}"
            )
    groups = [independent(p, kinds(p.name)) for p in tied]
    for stage in range(depth.count):
        columns = [(depth.name, slice(stage, stage + 1))]
        columns += [(p.name, slice(stage * p.blocks, (stage + 1) * p.blocks)) for p in members]
        groups.append(Group(tuple(columns), Repeated(depth, tuple((p, frozenset()) for p in members))))
    return groups


def draw(groups: tuple[Group, ...], parameters: Mapping[str, Parameter], points: Points) -> Settings:
    """Map points (n, axes) to settings."""
    settings: Settings = {}
    axis = 0
    for group in groups:
        drawn = group.law.indices(points[:, axis : axis + group.law.num_axes])
        axis += group.law.num_axes
        begin = 0
        for name, columns in group.columns:
            end = begin + columns.stop - columns.start
            num_columns = parameters[name].count * parameters[name].blocks
            if end - begin == num_columns:  # all of its columns: no copy
                settings[name] = drawn[:, begin:end]
            else:
                whole = settings.setdefault(name, np.empty((len(points), num_columns), dtype=np.int64))
                whole[:, columns] = drawn[:, begin:end]
            begin = end
    _drop_absent_blocks(settings, parameters)
    return settings


def holds(groups: tuple[Group, ...], settings: Settings) -> NDArray[np.bool_]:
    """Return for each row whether its settings satisfy all laws."""
    kept = [group.law.holds(_columns(group, settings)) for group in groups]
    return np.asarray(np.all(kept, axis=0))


def points_of(groups: tuple[Group, ...], settings: Settings) -> Points:
    """Map settings that hold to points (n, axes)."""
    return np.concatenate([group.law.points(_columns(group, settings)) for group in groups], axis=1)


def places(parameter: Parameter, each: Each, depths: tuple[int, ...]) -> list[int]:
    """Return the columns of the values that an architecture has, in its own order."""
    if each != "block":
        return list(range(parameter.count))
    return [stage * parameter.blocks + block for stage, depth in enumerate(depths) for block in range(depth)]


def _columns(group: Group, settings: Settings) -> Indices:
    columns = np.concatenate([settings[name][:, columns] for name, columns in group.columns], axis=1)
    if isinstance(group.law, Repeated):
        return columns
    return np.where(columns == ABSENT, columns[:, :1], columns)  # a choice tied over blocks that are not all there


def _drop_absent_blocks(settings: Settings, parameters: Mapping[str, Parameter]) -> None:
    """Mark blocks behind a stage's depth as absent: a tied choice is drawn for all of them."""
    for name, parameter in parameters.items():
        if parameter.blocks == 1:
            continue
        depths = np.asarray(parameters[LENGTH].values)[settings[LENGTH]]  # (n, stages)
        absent = np.arange(parameter.blocks) >= depths[:, :, None]
        settings[name][absent.reshape(len(depths), -1)] = ABSENT
