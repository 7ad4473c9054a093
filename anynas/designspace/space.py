"""DesignSpace: a set of architectures with a law to draw from it.

Everything here speaks of nominal values. A draw depends on (space, bounds, regime, seed, index) alone: candidates
come in blocks of fixed size from a counter-based generator, keyed by the seed and the space's digest, and draw i is
the i-th candidate within the bounds.
"""

import dataclasses
import functools
import hashlib
import itertools
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from anynas.architecture import Architecture
from anynas.designspace.bounds import Bounds, Range
from anynas.designspace.constraints import Points
from anynas.designspace.forms import Each, Form, LineForm
from anynas.designspace.groups import (
    LENGTH,
    Group,
    Settings,
    by_blocks,
    by_stages,
    draw,
    holds,
    independent,
    points_of,
)
from anynas.designspace.line import Line
from anynas.designspace.members import Members
from anynas.designspace.parameters import Parameter
from anynas.designspace.repeats import ABSENT
from anynas.errors import ArchitectureError, EmptyBandError, SpaceError, did_you_mean
from anynas.notebook import html_of
from anynas.regimes import Regime

BLOCK = 4096  # candidates drawn at once; part of what a draw depends on
COUNTED_TOGETHER = 64  # candidates counted at a time where each needs its own tree
FRUITLESS = 1 << 20  # candidates in a row outside the bounds after which a band counts as empty
FRUITLESS_TREES = 1 << 14  # likewise where each needs its own tree, a thousand times slower
CONSTRAINTS = ("tie", "equal", "nondecreasing", "nonincreasing")

Member = tuple[Architecture, NDArray[np.float64]]  # and the point of the unit cube that decodes to it


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class DesignSpace:
    """Parameters with laws, constraints across stages, a family and a regime.

    Make one with `load_space` or `derive`.
    """

    name: str
    family: str  # of the architectures; "regnet" for AnyNets that follow a line
    regime: Regime
    parameters: tuple[Parameter, ...]
    stages: int | Parameter  # one number for all, or a parameter of its own
    fixed: Mapping[str, Any] = dataclasses.field(default_factory=dict)  # family's fields that are the same throughout
    tie: tuple[str, ...] = ()  # parameters with one value for all stages, drawn once
    equal: tuple[str, ...] = ()  # the stages' law conditioned on equal values
    nondecreasing: tuple[str, ...] = ()
    nonincreasing: tuple[str, ...] = ()
    description: str = ""

    def __post_init__(self) -> None:
        names = [parameter.name for parameter in self.parameters]
        for kind in CONSTRAINTS:
            object.__setattr__(self, kind, tuple(dict.fromkeys(getattr(self, kind))))
            for name in getattr(self, kind):
                if name not in names:
                    raise SpaceError(f'{kind}: unknown parameter "{name}"{did_you_mean(name, names)}')
                if self._form.parameters[name] == "network":
                    raise SpaceError(f"{kind}: {name} must be a choice of each stage; it is one for the whole network")
        if isinstance(self._form, LineForm) and isinstance(self.stages, Parameter):
            raise SpaceError(f"stages must be one number for the lines of {self.family}; got {self.stages.law}")
        try:
            self._members.check()
        except ArchitectureError as error:
            raise SpaceError(str(error)) from None
        _ = self._groups

    def __repr__(self) -> str:
        counts = f"{self.dimension} free parameters, {self.size():.2e} settings"
        return f"DesignSpace({self.name}, regime {self.regime.name}, {counts})"

    def _repr_html_(self) -> str:
        return html_of(self)

    @property
    def dimension(self) -> int:
        """Number of free parameters: axes of the unit cube that `decode` reads."""
        return sum(group.law.num_axes for group in self._groups)

    @property
    def axes(self) -> tuple[str, ...]:
        """What each axis of the unit cube stands for, as a table's columns are named; a tied choice has its first
        column's.
        """
        named = {parameter.name: parameter.columns for parameter in self.all_parameters}
        return tuple(named[name][column] for group in self._groups for name, column in group.axes)

    @functools.cached_property
    def digest(self) -> str:
        """Identity of the law: hexadecimal; equal for spaces that differ in name, description or regime alone.

        It reads ten digits of each probability: a logarithm's last ones differ from machine to machine, and draws
        must not.
        """
        law = {
            "family": self.family,
            "stages": self.stages if isinstance(self.stages, int) else _law_of(self.stages),
            "fixed": self._members.same_throughout[self._members.most_stages],
            "parameters": [
                [*_law_of(p), *(() if self._form.parameters[p.name] == "stage" else (p.count, p.blocks))]
                for p in self.parameters
            ],
            "constraints": [sorted(self._kinds(parameter.name)) for parameter in self.parameters],
        }
        return hashlib.sha256(json.dumps(law, sort_keys=True).encode()).hexdigest()[:16]

    def size(self) -> int:
        """Return the exact number of nominal settings."""
        return math.prod(group.law.size() for group in self._groups)

    def contains(self, architecture: Architecture) -> bool:
        """Return whether the architecture's shape is one of this space's, by nominal values.

        Its stem, strides and everything else that a regime owns play no part: a space says which shapes, a regime for
        which images. Families name these fields as `regime_fields`.
        """
        return self._settings_of(architecture) is not None

    def sample(
        self,
        n: int,
        *,
        seed: int,
        start: int = 0,
        flops: Range | None = None,
        params: Range | None = None,
        activations: Range | None = None,
    ) -> list[Architecture]:
        """Draw architectures by the space's law, conditioned on the bounds.

        Args:
            n: How many.
            seed: At least 0; with the index it fixes each draw.
            start: Index of the first: sample(n, start=k) equals sample(k + n)[k:].
            flops: (low, high) multiply-adds, both included, counted at the regime's input; likewise params and
                activations.

        Raises:
            SpaceError: n, seed, start or bounds are not valid.
            EmptyBandError: No draws within the bounds; the message tells the acceptance seen.
        """
        if n < 0 or start < 0:
            raise SpaceError(f"n and start must be at least 0; got n {n}, start {start}")
        bounds = Bounds(flops=flops, params=params, activations=activations)
        drawn = itertools.islice(self.draws(seed=seed, bounds=bounds, start=start), n)
        return [architecture for architecture, _ in drawn]

    def draws(self, *, seed: int, bounds: Bounds, start: int = 0) -> Iterator[Member]:
        """Yield the endless sequence of draws from index `start` on, as `sample` gives them, with their points."""
        if seed < 0:
            raise SpaceError(f"seed must be at least 0; got {seed}")
        return self.accepted(self.random_points(seed), bounds, start=start)

    def members(self, points: Points) -> list[Member]:
        """Return what points (n, dimension) of the unit cube decode to, with them."""
        return list(zip(self._members.architectures(self._settings(points)), points, strict=True))

    def inside(self, points: Points, bounds: Bounds) -> NDArray[np.bool_]:
        """Return for each of the points (n, dimension) whether what it decodes to lies within the bounds."""
        if bounds == Bounds():
            return np.ones(len(points), dtype=np.bool_)
        return np.asarray(bounds.accept(self._members.count(self._settings(points))), dtype=np.bool_)

    @property
    def batch(self) -> int:
        """How many candidates are best counted at a time."""
        return BLOCK if self._members.in_arrays else COUNTED_TOGETHER

    def accepted(self, blocks: Iterable[Points], bounds: Bounds, *, start: int = 0) -> Iterator[Member]:
        """Decode points, block by block, and yield the architectures within the bounds from the `start`-th on.

        Args:
            blocks: Points of the unit cube, each (n, dimension).
            bounds: What counts as accepted.
            start: How many accepted ones to pass over; passing over builds as little as counting needs.

        Yields:
            Architectures, and the points that decode to them.

        Raises:
            EmptyBandError: Very many candidates in a row were outside the bounds.
        """
        accepted = candidates = fruitless = 0
        patience = FRUITLESS if self._members.in_arrays else FRUITLESS_TREES
        for points, settings in self._parts(blocks, bounds):
            inside = np.arange(len(points))
            if bounds != Bounds():
                inside = np.flatnonzero(bounds.accept(self._members.count(settings, bounds.quantities)))
            first = min(max(start - accepted, 0), len(inside))
            accepted, candidates = accepted + len(inside), candidates + len(points)
            fruitless = 0 if len(inside) else fruitless + len(points)
            if fruitless >= patience:
                raise EmptyBandError(
                    f"{self.name} ({self.regime.name}): {bounds} must hold for some draws; accepted {accepted} of "
                    f"{candidates:,} candidates; widen the band"
                )
            rows = inside[first:]
            kept = {name: columns[rows] for name, columns in settings.items()}
            yield from zip(self._members.architectures(kept), points[rows], strict=True)

    def decode(self, u: ArrayLike) -> Architecture:
        """Map a point of the closed unit cube, shape (dimension,), to an architecture; uniform points give the law of
        `sample`.

        Raises:
            SpaceError: The point has another length or lies outside.
        """
        return next(self._members.architectures(self._settings(self._checked(u))))

    def encode(self, architecture: Architecture) -> NDArray[np.float64]:
        """Return a point that decodes to the architecture's shape: the centre of those that do, shape (dimension,).

        Raises:
            SpaceError: The space does not contain the architecture.
        """
        settings = self._settings_of(architecture)
        if settings is None:
            raise SpaceError(f"{self.name} must contain the architecture; got {architecture.parameters}")
        return np.asarray(points_of(self._groups, settings)[0])

    def derive(
        self,
        name: str,
        *,
        tie: Sequence[str] = (),
        equal: Sequence[str] = (),
        nondecreasing: Sequence[str] = (),
        nonincreasing: Sequence[str] = (),
        description: str = "",
    ) -> "DesignSpace":
        """Return this space with further constraints, each a list of parameters.

        Args:
            name: The new space's.
            tie: One value for all stages, drawn once by the parameter's own law.
            equal: Equal values, as rejection would give them.
            nondecreasing: No stage below the one before.
            nonincreasing: No stage above the one before.
            description: One line.

        Raises:
            SpaceError: A parameter is unknown, or is one for the whole network.
        """
        for kind, given in zip(CONSTRAINTS, (tie, equal, nondecreasing, nonincreasing), strict=True):
            if isinstance(given, str):
                raise SpaceError(f'{kind} must be a list of parameters; got the text "{given}"; write ["{given}"]')
        return dataclasses.replace(
            self,
            name=name,
            tie=(*self.tie, *tie),
            equal=(*self.equal, *equal),
            nondecreasing=(*self.nondecreasing, *nondecreasing),
            nonincreasing=(*self.nonincreasing, *nonincreasing),
            description=description,
        )

    def columns_of(self, architecture: Architecture) -> dict[str, Any]:
        """Return nominal values under the names of a table's columns: width_1, depth_3, ...

        Raises:
            SpaceError: The space does not contain the architecture.
        """
        return self.columns_at(self.encode(architecture))

    def columns_at(self, u: ArrayLike) -> dict[str, Any]:
        """Return the nominal values at a point of the unit cube: `columns_of` what it decodes to."""
        settings = self._settings(self._checked(u))
        return {
            column: parameter.values[index]
            for parameter in self.all_parameters
            for column, index in zip(parameter.columns, settings[parameter.name][0].tolist(), strict=True)
            if index != ABSENT
        }

    @property
    def all_parameters(self) -> tuple[Parameter, ...]:
        """The parameters, and the number of stages first if that is one."""
        return self._members.all_parameters

    def each(self, parameter: Parameter) -> Each:
        """Return for what a parameter is chosen once: network, stage or block."""
        return self._members.each(parameter)

    @property
    def _form(self) -> Form:
        return self._members.form

    @functools.cached_property
    def _members(self) -> Members:
        return Members(self.family, self.parameters, self.stages, self.fixed, self.regime)

    def _kinds(self, name: str) -> frozenset[str]:
        return frozenset(kind for kind in CONSTRAINTS if name in getattr(self, kind))

    @functools.cached_property
    def _groups(self) -> tuple[Group, ...]:
        named = {parameter.name: parameter for parameter in self.parameters}
        if isinstance(self._form, LineForm):
            line = ("depth", "w0", "wa", "wm")
            law = Line(**{name: named[name] for name in line}, stages=self._form.stages)
            rest = (independent(p, frozenset()) for name, p in named.items() if name not in line)
            return (Group(tuple((name, slice(0, 1)) for name in line), law), *rest)
        per_block = [p for p in self.parameters if self._form.parameters[p.name] == "block"]
        per_stage = [p for p in self.parameters if self._form.parameters[p.name] == "stage"]
        if per_block:
            joint = by_blocks(named[LENGTH], per_block, self._kinds)
            drawn = {LENGTH, *(p.name for p in per_block)}
        elif isinstance(self.stages, Parameter):
            joint = [by_stages(self.stages, per_stage, self._kinds)]
            drawn = {p.name for p in per_stage}
        else:
            joint, drawn = [], set()
        rest = (independent(p, self._kinds(p.name)) for p in self.parameters if p.name not in drawn)
        return (*joint, *rest)

    def _checked(self, u: ArrayLike) -> Points:
        """Return a point as an array (1, dimension)."""
        point = np.asarray(u, dtype=np.float64)
        if point.shape != (self.dimension,) or not ((point >= 0) & (point <= 1)).all():
            came = " ".join(np.array2string(point, threshold=20).split())
            raise SpaceError(f"{self.name}: a point must be {self.dimension} numbers in [0, 1]; got {came}")
        return point[None, :]

    def _settings(self, points: Points) -> Settings:
        return draw(self._groups, {p.name: p for p in self.all_parameters}, points)

    def _parts(self, blocks: Iterable[Points], bounds: Bounds) -> Iterator[tuple[Points, Settings]]:
        """Yield points and their settings, in parts small enough that what is counted in vain costs little."""
        for points in blocks:
            settings = self._settings(points)
            step = len(points) if self._members.in_arrays or bounds == Bounds() else COUNTED_TOGETHER
            for begin in range(0, len(points), step):
                part = slice(begin, begin + step)
                yield points[part], {name: columns[part] for name, columns in settings.items()}

    def _settings_of(self, architecture: Architecture) -> Settings | None:
        """Return an architecture's settings, (1, columns); None if the space does not contain it."""
        settings = self._members.settings_of(architecture)
        return settings if settings is not None and holds(self._groups, settings)[0] else None

    def random_points(self, seed: int) -> Iterator[Points]:
        """Yield blocks of uniform points, each a function of (seed, digest, block) alone."""
        key = np.random.SeedSequence([seed, int(self.digest, 16)]).generate_state(2, np.uint64)
        for block in itertools.count():
            generator = np.random.Generator(np.random.Philox(key=key, counter=[0, 0, 0, block]))
            yield generator.random((BLOCK, self.dimension))


def _law_of(parameter: Parameter) -> list[Any]:
    return [parameter.name, list(parameter.values), [f"{q:.9e}" for q in parameter.probabilities]]
