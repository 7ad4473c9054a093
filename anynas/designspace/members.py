"""A space's members: settings of its parameters to architectures and back, and what they cost."""

import dataclasses
import functools
import math
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from anynas.architecture import Architecture
from anynas.counting import QUANTITIES, Complexity, complexity
from anynas.counting_anynets import Shared, StageTable, count_anynets
from anynas.designspace.constraints import Indices
from anynas.designspace.forms import Each, Fields, Form, form_of, shared_fields
from anynas.designspace.groups import LENGTH, Settings, places
from anynas.designspace.parameters import Parameter
from anynas.designspace.repeats import ABSENT
from anynas.families import Family
from anynas.families.anynet import AnyNet, anynets_like
from anynas.regimes import Regime

LARGEST_TABLE = 4096  # entries a stage: to fill it costs no more than to count so many candidates
STAGE_FIELDS = ("depths", "widths", "bottleneck_ratios", "group_widths")
MADE_TOGETHER = 128  # networks made at a time: who draws one does not wait for thousands
CHECKED_ONE_BY_ONE = 32  # of a longer grid the ends are checked alone

_List = tuple[str, tuple[int, ...]]  # an AnyNet's field, and its values


@dataclasses.dataclass(frozen=True)
class Members:
    """What a space's settings stand for; which of them belong to it is the law's affair."""

    family: str
    parameters: tuple[Parameter, ...]
    stages: int | Parameter
    fixed: Mapping[str, Any]
    regime: Regime

    @functools.cached_property
    def form(self) -> Form:
        """What the family's parameters mean."""
        return form_of(self.family, self.most_stages)

    @property
    def stage_numbers(self) -> tuple[int, ...]:
        """All numbers of stages."""
        return self.stages.values if isinstance(self.stages, Parameter) else (self.stages,)

    @property
    def most_stages(self) -> int:
        """The largest number of stages."""
        return max(self.stage_numbers)

    @functools.cached_property
    def all_parameters(self) -> tuple[Parameter, ...]:
        """The parameters, and the number of stages first if that is one."""
        return (self.stages, *self.parameters) if isinstance(self.stages, Parameter) else self.parameters

    def each(self, parameter: Parameter) -> Each:
        """Return for what a parameter is chosen once."""
        return "network" if parameter is self.stages else self.form.parameters[parameter.name]

    def check(self) -> None:
        """Raise ArchitectureError unless there are members with each number of stages, and with each value."""
        first = {p.name: p.values[0] for p in self.parameters}
        _ = self._templates
        for parameter in self.parameters:
            few = len(parameter.values) <= CHECKED_ONE_BY_ONE
            for value in parameter.values[1:] if few else parameter.values[-1:]:
                self._template({**first, parameter.name: value}, self.most_stages)

    @functools.cached_property
    def same_throughout(self) -> dict[int, dict[str, Any]]:
        """For each number of stages the fields that all members share, whatever the regime, as the family completes
        them: Y has a ratio.
        """
        return {
            stages: {name: shared[name] for name in sorted(self.form.fields - self._chosen)}
            for stages, shared in self._shared.items()
        }

    def architectures(self, settings: Settings) -> Iterator[Architecture]:
        """Yield the architecture of each row."""
        if self.in_arrays:
            return map(Architecture, self._anynets(settings))
        return self._one_by_one(settings)

    def _anynets(self, settings: Settings) -> Iterator[AnyNet]:
        template = self._templates[self.most_stages]
        assert isinstance(template, AnyNet)
        for begin in range(0, len(settings[self.parameters[0].name]), MADE_TOGETHER):
            part = {name: columns[begin : begin + MADE_TOGETHER] for name, columns in settings.items()}
            yield from anynets_like(template, **self._lists(part))

    def _one_by_one(self, settings: Settings) -> Iterator[Architecture]:
        assert isinstance(self.form, Fields)
        names = [parameter.name for parameter in self.all_parameters]
        columns = (self._values(parameter, settings[parameter.name]) for parameter in self.all_parameters)
        for row in zip(*columns, strict=True):
            values = dict(zip(names, row, strict=True))
            stages = values.pop("stages", self.stages)
            yield Architecture(self.form.member(values, self._shared[stages]))

    def _values(self, parameter: Parameter, indices: Indices) -> Iterator[Any]:
        """Yield for each row (n, columns) the parameter's value, or the tuple of those that are there."""
        value = parameter.values.__getitem__
        if self.each(parameter) == "network":
            return map(value, indices[:, 0].tolist())
        rows: Iterable[list[int]] = indices.tolist()
        if (indices == ABSENT).any():
            rows = ([index for index in row if index != ABSENT] for row in rows)
        return (tuple(map(value, row)) for row in rows)

    def settings_of(self, architecture: Architecture) -> Settings | None:
        """Return each parameter's positions in its grid, (1, columns); None if a value or fixed field is another."""
        member = architecture.parameters
        if not isinstance(member, self.form.family):
            return None
        given = self.form.values(member, {p.name: p for p in self.parameters})
        if given is None:
            return None
        lengths = [len(given[p.name]) for p in self.parameters if self.each(p) == "stage"]
        stages = lengths[0] if isinstance(self.stages, Parameter) else self.stages
        if stages not in self.stage_numbers:
            return None
        if any(getattr(member, name) != value for name, value in self.same_throughout[stages].items()):
            return None
        settings = {}
        for parameter in self.all_parameters:
            values = (stages,) if parameter is self.stages else given[parameter.name]
            row = np.full((1, parameter.count * parameter.blocks), ABSENT)
            columns = places(parameter, self.each(parameter), given.get(LENGTH, ()))
            if isinstance(self.stages, Parameter):
                columns = columns[: len(values)]
            if len(columns) != len(values) or max(columns) >= row.shape[1]:
                return None
            if any(value not in parameter.values for value in values):
                return None
            row[0, columns] = [parameter.values.index(value) for value in values]
            settings[parameter.name] = row
        return settings

    @functools.cached_property
    def in_arrays(self) -> bool:
        """Whether many members are counted and made at once."""
        one = {p.name: np.array([[p.values[0]] * (p.count * p.blocks)]) for p in self.parameters}
        return isinstance(self.stages, int) and self.form.anynets(one) is not None

    def count(self, settings: Settings, quantities: Collection[str] = QUANTITIES) -> Complexity:
        """Count many members at the regime's input; arrays of one length. Other quantities may be left at 0."""
        if self._stage_table is not None:
            at: Any = 0
            for parameter in self._looked_up:
                at = at * len(parameter.values) + settings[parameter.name]
            depths = self._grids[LENGTH].take(settings[LENGTH])
            return self._stage_table.count(np.ascontiguousarray(at.T), np.ascontiguousarray(depths.T), quantities)
        if self.in_arrays:
            return count_anynets(**self._lists(settings), **self._shared[self.most_stages], **self._images)
        counted = [complexity(architecture, **self._images) for architecture in self.architectures(settings)]
        return Complexity(**{name: np.array([getattr(one, name) for one in counted]) for name in QUANTITIES})

    @property
    def _images(self) -> dict[str, Any]:
        return {"input_shape": self.regime.input_shape, "num_classes": self.regime.num_classes}

    @property
    def _looked_up(self) -> list[Parameter]:
        """The parameters whose values together are a stage's entry in the table."""
        return [parameter for parameter in self.parameters if parameter.name != LENGTH]

    def _lists(self, settings: Settings) -> dict[str, NDArray[Any]]:
        """Return the lists of many AnyNets, each (n, stages)."""
        return self.form.anynets({name: grid.take(settings[name]) for name, grid in self._grids.items()}) or {}

    @functools.cached_property
    def _grids(self) -> dict[str, NDArray[Any]]:
        return {parameter.name: np.array(parameter.values) for parameter in self.parameters}

    @functools.cached_property
    def _stage_table(self) -> StageTable | None:
        """What stages cost, where there are few of them and the table can tell."""
        if not self.in_arrays or not isinstance(self.form, Fields):
            return None
        shared = dict(self._shared[self.most_stages])
        fixed = {name: shared.pop(name) for name in STAGE_FIELDS if name in shared}
        grids = {self.form.field(parameter.name): parameter.values for parameter in self._looked_up}
        common = Shared(**shared, **self._images)
        if "depths" in fixed or math.prod(map(len, grids.values())) > LARGEST_TABLE or not common.linear:
            return None
        return _table(common, tuple(fixed.items()), tuple(grids.items()))

    @functools.cached_property
    def _shared(self) -> dict[int, dict[str, Any]]:
        """For each number of stages all fields that no parameter sets, as the family completes them."""
        return {
            stages: {
                field.name: getattr(member, field.name)
                for field in dataclasses.fields(member)
                if field.name not in self._chosen
            }
            for stages, member in self._templates.items()
        }

    @functools.cached_property
    def _templates(self) -> dict[int, Family]:
        """Some member with each number of stages."""
        first = {p.name: p.values[0] for p in self.parameters}
        return {stages: self._template(first, stages) for stages in self.stage_numbers}

    @functools.cached_property
    def _chosen(self) -> frozenset[str]:
        return frozenset[str]().union(*(self.form.sets(p.name) for p in self.parameters))

    def _template(self, values: Mapping[str, Any], stages: int) -> Family:
        """Return some member that has these values in all stages and blocks."""
        filled = {}
        for parameter in self.parameters:
            value, each = values[parameter.name], self.each(parameter)
            number = stages if isinstance(self.stages, Parameter) else parameter.count
            if each == "block":
                number = parameter.count * values[LENGTH]
            filled[parameter.name] = value if each == "network" else (value,) * number
        given = shared_fields(self.form, self.fixed, self.regime, stages)
        return self.form.template(filled, given, stages)


@functools.lru_cache(maxsize=8)
def _table(shared: Shared, fixed: tuple[_List, ...], grids: tuple[_List, ...]) -> StageTable:
    """Return what stages cost for all combinations of the grids' values, the last grid's running fastest.

    Spaces with the same grids and regime share it.
    """
    combined = np.meshgrid(*(values for _, values in grids), indexing="ij")
    lists = {name: values.ravel() for (name, _), values in zip(grids, combined, strict=True)}
    return StageTable(shared, **lists, **{name: np.array(values)[:, None] for name, values in fixed})
