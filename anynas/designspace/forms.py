"""How values of a space's parameters make an architecture, and back.

In most spaces a parameter is a field of the family, or one entry a stage of it (`width` of `widths`). RegNet's
parameters are those of a line, which makes AnyNets.
"""

import dataclasses
import functools
import typing
from collections.abc import Callable, Mapping
from typing import Any, Literal, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from anynas.designspace.parameters import Parameter
from anynas.families import FAMILIES, Family
from anynas.families.anynet import AnyNet, anynet_parameters
from anynas.families.regnet import regnet_parameters, settings_of_stages, stages_of_lines
from anynas.regimes import Regime

Each: TypeAlias = Literal["network", "stage", "block"]  # for what a parameter is chosen once
Values: TypeAlias = Mapping[str, Any]  # parameter -> value, or tuple of values
Arrays: TypeAlias = dict[str, NDArray[Any]]  # parameter -> values of many draws, (n, columns)


class Form(Protocol):
    """The parameters that a space may have, and what they mean."""

    @property
    def family(self) -> type[Family]:
        """The family of the architectures."""

    @property
    def parameters(self) -> Mapping[str, Each]:
        """The names that parameters may have; all that have no default must be given."""

    @property
    def required(self) -> frozenset[str]:
        """The parameters that a space must have, unless it fixes their field."""

    @property
    def fields(self) -> frozenset[str]:
        """The family's fields that are a space's affair, not a regime's."""

    def sets(self, name: str) -> frozenset[str]:
        """Return the fields that a parameter sets."""

    def template(self, values: Values, shared: Mapping[str, Any], stages: int) -> Family:
        """Return some member with so many stages, to read from it the fields that all share."""

    def values(self, member: Family, parameters: Mapping[str, Parameter]) -> dict[str, tuple[Any, ...]] | None:
        """Return the values that make the member, or None if none do; their grids need not hold them."""

    def anynets(self, values: Arrays) -> Arrays | None:
        """Return many members' lists, each (n, stages); None where the family is no AnyNet, or a choice no list."""


@dataclasses.dataclass(frozen=True)
class Fields:
    """A parameter is a field of the family, or in the singular one entry of it a stage or block."""

    family: type[Family]

    @functools.cached_property
    def parameters(self) -> Mapping[str, Each]:
        """Names in the singular, of fields that are no regime's."""
        each: dict[str, Each] = {}
        for name, hint in typing.get_type_hints(self.family).items():
            if name == "family" or name in self.family.regime_fields or typing.get_origin(hint) is typing.ClassVar:
                continue
            if typing.get_origin(hint) is tuple:
                each[name.removesuffix("s")] = "block" if name in self.family.block_fields else "stage"
            else:
                each[name] = "network"
        return each

    @property
    def required(self) -> frozenset[str]:
        """Those whose field has no default."""
        missing = {f.name for f in dataclasses.fields(self.family) if f.default is dataclasses.MISSING}
        return frozenset(name for name in self.parameters if self.field(name) in missing)

    @property
    def fields(self) -> frozenset[str]:
        """All fields that are no regime's."""
        return frozenset(self.field(name) for name in self.parameters)

    def sets(self, name: str) -> frozenset[str]:
        """Return the parameter's field."""
        return frozenset({self.field(name)})

    def field(self, name: str) -> str:
        """Return the field that a parameter sets."""
        return name if self.parameters[name] == "network" else f"{name}s"

    def member(self, values: Values, shared: Mapping[str, Any]) -> Family:
        """Return the family's parameters for one value of each parameter, and the fields that all members share."""
        return self._made(self.family, values, shared)

    def template(self, values: Values, shared: Mapping[str, Any], stages: int) -> Family:
        """Return the member with these values, fields that depend on others filled in."""
        return self._made(anynet_parameters if self.family is AnyNet else self.family, values, shared)

    def _made(self, make: Callable[..., Family], values: Values, shared: Mapping[str, Any]) -> Family:
        return make(**{**shared, **{self._fields_of[name]: value for name, value in values.items()}})

    @functools.cached_property
    def _fields_of(self) -> Mapping[str, str]:
        return {name: self.field(name) for name in self.parameters}

    def values(self, member: Family, parameters: Mapping[str, Parameter]) -> dict[str, tuple[Any, ...]] | None:
        """Return the fields' values."""
        given = {name: getattr(member, self.field(name)) for name in parameters}
        return {name: value if isinstance(value, tuple) else (value,) for name, value in given.items()}

    def anynets(self, values: Arrays) -> Arrays | None:
        """Return the values under their fields' names."""
        if self.family is not AnyNet or any(self.parameters[name] != "stage" for name in values):
            return None
        return {self.field(name): column for name, column in values.items()}


@dataclasses.dataclass(frozen=True)
class LineForm:
    """A RegNet's line: depth (blocks in all), w0, wa, wm, and one group width and bottleneck ratio for all stages."""

    stages: int
    family: type[Family] = AnyNet

    parameters: typing.ClassVar[Mapping[str, Each]] = dict.fromkeys(
        ("depth", "w0", "wa", "wm", "bottleneck_ratio", "group_width"), "network"
    )
    required: typing.ClassVar[frozenset[str]] = frozenset(parameters)

    @property
    def fields(self) -> frozenset[str]:
        """Those of an AnyNet."""
        return Fields(self.family).fields

    def sets(self, name: str) -> frozenset[str]:
        """Return the lists of stages that the line makes, or the list that is the same in all stages."""
        return frozenset({f"{name}s"} if name in ("bottleneck_ratio", "group_width") else {"depths", "widths"})

    def template(self, values: Values, shared: Mapping[str, Any], stages: int) -> Family:
        """Return the narrowest AnyNet with so many stages: which lines have as many is not known yet."""
        regnet_parameters(**values)  # checks them
        return anynet_parameters(
            **{**shared, **dict.fromkeys(("depths", "widths", "bottleneck_ratios", "group_widths"), (8,) * stages)}
        )

    def values(self, member: Family, parameters: Mapping[str, Parameter]) -> dict[str, tuple[Any, ...]] | None:
        """Return a line through the member's stages: many are, one near the middle is taken."""
        assert isinstance(member, AnyNet)
        if len(member.widths) != self.stages or len({*member.bottleneck_ratios}) > 1 or len({*member.group_widths}) > 1:
            return None
        grids = {f"{name}_values": parameters[name].values for name in ("wa", "wm")}
        found = settings_of_stages(member.widths, member.depths, **grids)
        if found is None:
            return None
        return {
            "depth": (sum(member.depths),),
            "w0": (member.widths[0],),
            "wa": (parameters["wa"].values[found[0]],),
            "wm": (parameters["wm"].values[found[1]],),
            "bottleneck_ratio": member.bottleneck_ratios[:1],
            "group_width": member.group_widths[:1],
        }

    def anynets(self, values: Arrays) -> Arrays | None:
        """Return the lines' stages."""
        line = {name: values[name][:, 0] for name in ("depth", "w0", "wa", "wm")}
        widths, depths = stages_of_lines(**line, num_stages=self.stages)
        ratios, groups = (np.repeat(values[name], self.stages, axis=1) for name in ("bottleneck_ratio", "group_width"))
        return {"depths": depths, "widths": widths, "bottleneck_ratios": ratios, "group_widths": groups}


def form_of(family: str, stages: int) -> Form:
    """Return the form of a family's spaces; `regnet` is a line that makes AnyNets."""
    return LineForm(stages) if family == "regnet" else Fields(FAMILIES[family])


def form_names() -> list[str]:
    """Return the families that a space may name."""
    return [*FAMILIES, "regnet"]


def fixable(form: Form) -> set[str]:
    """Return the fields that a space's `fixed` may set; AnyNets' stems and strides are the regime's."""
    return {*form.fields, *(() if form.family is AnyNet else form.family.regime_fields)}


def shared_fields(form: Form, fixed: Mapping[str, Any], regime: Regime, stages: int) -> dict[str, Any]:
    """Return the fields that all members with so many stages share, as `Form.template` takes them.

    Lists that a space fixes, and a family's own defaults, serve networks of fewer stages by their first values.
    """
    if form.family is AnyNet:
        stem = {name: getattr(regime, name) for name in ("stem_width", "stem_stride", "stem_kernel")}
        return {**fixed, "strides": (regime.stage_stride,) * stages, **stem}
    defaults = {
        field.name: field.default
        for field in dataclasses.fields(form.family)
        if field.default is not dataclasses.MISSING
    }
    whole = {**defaults, **{name: tuple(v) if isinstance(v, list) else v for name, v in fixed.items()}}
    return {name: value[:stages] if isinstance(value, tuple) else value for name, value in whole.items()}
