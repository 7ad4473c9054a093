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

from anynas.architecture import Architecture, anynet
from anynas.counting import Complexity, count_anynets
from anynas.designspace.bounds import Bounds, Range
from anynas.designspace.constraints import Constraint, Points, constraint_for
from anynas.designspace.parameters import Parameter
from anynas.errors import ArchitectureError, EmptyBandError, SpaceError, did_you_mean
from anynas.regimes import Regime

BLOCK = 4096  # candidates drawn at once; part of what a draw depends on
FRUITLESS = 1 << 20  # candidates in a row outside the bounds after which a band counts as empty
CONSTRAINTS = ("tie", "equal", "nondecreasing", "nonincreasing")
FIELDS = {  # parameter of a stage -> field of the family's parameters
    "depth": "depths",
    "width": "widths",
    "bottleneck_ratio": "bottleneck_ratios",
    "group_width": "group_widths",
}

Values = dict[str, NDArray[np.int64]]  # parameter -> (n, stages)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class DesignSpace:
    """Parameters with laws, constraints across stages, a family and a regime.

    Make one with `load_space` or `derive`.
    """

    name: str
    family: str
    regime: Regime
    parameters: tuple[Parameter, ...]
    stages: int
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
        try:
            _ = self._shape_fields
        except ArchitectureError as error:
            raise SpaceError(f"fixed: {error}") from None

    def __repr__(self) -> str:
        counts = f"{self.dimension} free parameters, {self.size():.2e} settings"
        return f"DesignSpace({self.name}, regime {self.regime.name}, {counts})"

    @property
    def dimension(self) -> int:
        """Number of free parameters: axes of the unit cube that `decode` reads."""
        return sum(constraint.num_axes for _, constraint in self._axes())

    @property
    def digest(self) -> str:
        """Identity of the law: hexadecimal; equal for spaces that differ in name, description or regime alone.

        It reads ten digits of each probability: a logarithm's last ones differ from machine to machine, and draws
        must not.
        """
        law = {
            "family": self.family,
            "stages": self.stages,
            "fixed": self._shape_fields,
            "parameters": [[p.name, list(p.values), [f"{q:.9e}" for q in p.probabilities]] for p in self.parameters],
            "constraints": [sorted(self._kinds(parameter.name)) for parameter in self.parameters],
        }
        return hashlib.sha256(json.dumps(law, sort_keys=True).encode()).hexdigest()[:16]

    def size(self) -> int:
        """Return the exact number of nominal settings."""
        return math.prod(constraint.size() for constraint in self._constraints.values())

    def contains(self, architecture: Architecture) -> bool:
        """Return whether the architecture's shape is one of this space's, by nominal values.

        Its stem, strides and everything else that a regime owns play no part: a space says which shapes, a regime for
        which images.
        """
        return self._indices_of(architecture) is not None

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
        return list(itertools.islice(self.draws(seed=seed, bounds=bounds, start=start), n))

    def draws(self, *, seed: int, bounds: Bounds, start: int = 0) -> Iterator[Architecture]:
        """Yield the endless sequence of draws from index `start` on, as `sample` gives them."""
        if seed < 0:
            raise SpaceError(f"seed must be at least 0; got {seed}")
        return self.accepted(self._random_points(seed), bounds, start=start)

    def accepted(self, blocks: Iterable[Points], bounds: Bounds, *, start: int = 0) -> Iterator[Architecture]:
        """Decode points, block by block, and yield the architectures within the bounds from the `start`-th on.

        Args:
            blocks: Points of the unit cube, each (n, dimension).
            bounds: What counts as accepted.
            start: How many accepted ones to pass over; passing over builds nothing.

        Raises:
            EmptyBandError: Over a million candidates in a row were outside the bounds.
        """
        accepted = candidates = fruitless = 0
        for points in blocks:
            values = self._values(points)
            if bounds != Bounds():
                inside = bounds.accept(self._count(values))
                values = {name: column[inside] for name, column in values.items()}
            count = len(next(iter(values.values())))
            first = min(max(start - accepted, 0), count)
            accepted, candidates = accepted + count, candidates + len(points)
            fruitless = 0 if count else fruitless + len(points)
            if fruitless >= FRUITLESS:
                raise EmptyBandError(
                    f"{self.name} ({self.regime.name}): {bounds} must hold for some draws; accepted {accepted} of "
                    f"{candidates:,} candidates; widen the band"
                )
            yield from self._architectures({name: column[first:] for name, column in values.items()})

    def decode(self, u: ArrayLike) -> Architecture:
        """Map a point of the closed unit cube, shape (dimension,), to an architecture; uniform points give the law of
        `sample`.

        Raises:
            SpaceError: The point has another length or lies outside.
        """
        point = np.asarray(u, dtype=np.float64)
        if point.shape != (self.dimension,) or not ((point >= 0) & (point <= 1)).all():
            came = " ".join(np.array2string(point, threshold=20).split())
            raise SpaceError(f"{self.name}: a point must be {self.dimension} numbers in [0, 1]; got {came}")
        return next(self._architectures(self._values(point[None, :])))

    def encode(self, architecture: Architecture) -> NDArray[np.float64]:
        """Return a point that decodes to the architecture's shape: the centre of those that do, shape (dimension,).

        Raises:
            SpaceError: The space does not contain the architecture.
        """
        indices = self._indices_of(architecture)
        if indices is None:
            raise SpaceError(f"{self.name} must contain the architecture; got {architecture.parameters}")
        parts = [constraint.points(indices[parameter.name])[0] for parameter, constraint in self._axes()]
        return np.concatenate(parts) if parts else np.empty(0)

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
            SpaceError: A parameter is unknown.
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
        """Return nominal values under the names of a table's columns: width_1, depth_3, ..."""
        return {
            column: value
            for parameter in self.parameters
            for column, value in zip(
                parameter.columns, getattr(architecture.parameters, FIELDS[parameter.name]), strict=True
            )
        }

    def _kinds(self, name: str) -> set[str]:
        return {kind for kind in CONSTRAINTS if name in getattr(self, kind)}

    @functools.cached_property
    def _constraints(self) -> dict[str, Constraint]:
        return {
            parameter.name: constraint_for(self._kinds(parameter.name), parameter.probabilities, parameter.count)
            for parameter in self.parameters
        }

    def _axes(self) -> list[tuple[Parameter, Constraint]]:
        """Return the parameters that are free: those with a single value have no axis."""
        return [(p, self._constraints[p.name]) for p in self.parameters if len(p.values) > 1]

    def _values(self, points: Points) -> Values:
        """Map points (n, dimension) to values."""
        values, axis = {}, 0
        for parameter in self.parameters:
            grid = np.asarray(parameter.values)
            if len(grid) == 1:
                values[parameter.name] = np.full((len(points), parameter.count), grid[0])
                continue
            constraint = self._constraints[parameter.name]
            values[parameter.name] = grid[constraint.indices(points[:, axis : axis + constraint.num_axes])]
            axis += constraint.num_axes
        return values

    def _indices_of(self, architecture: Architecture) -> dict[str, NDArray[np.int64]] | None:
        """Return each parameter's positions in its grid, (1, stages); None if the space has no such architecture."""
        parameters = architecture.parameters
        if architecture.family != self.family or any(
            getattr(parameters, name) != value for name, value in self._shape_fields.items()
        ):
            return None
        indices = {}
        for parameter in self.parameters:
            given = getattr(parameters, FIELDS[parameter.name])
            if len(given) != parameter.count or any(value not in parameter.values for value in given):
                return None
            row = np.array([[parameter.values.index(value) for value in given]])
            if not self._constraints[parameter.name].holds(row)[0]:
                return None
            indices[parameter.name] = row
        return indices

    @functools.cached_property
    def _shape_fields(self) -> dict[str, Any]:
        """The fields that all members share, whatever the regime, as the family completes them: Y has a ratio."""
        stage: dict[str, Any] = dict.fromkeys(FIELDS.values(), (1,))
        member = anynet(**stage, **self.fixed).parameters
        return {name: getattr(member, name) for name in ("block", "se_ratio", "conv_bias", *self.fixed)}

    def _shared_fields(self) -> dict[str, Any]:
        regime = self.regime
        return {
            **self._shape_fields,
            "strides": (regime.stage_stride,) * self.stages,
            "stem_width": regime.stem_width,
            "stem_stride": regime.stem_stride,
            "stem_kernel": regime.stem_kernel,
        }

    def _architectures(self, values: Values) -> Iterator[Architecture]:
        shared = self._shared_fields()
        names = [FIELDS[name] for name in values]
        rows = zip(*(column.tolist() for column in values.values()), strict=True)
        return (anynet(**dict(zip(names, row, strict=True)), **shared) for row in rows)

    def _count(self, values: Values) -> Complexity:
        fields: dict[str, Any] = {FIELDS[name]: column for name, column in values.items()}
        regime = self.regime
        return count_anynets(
            **fields, **self._shared_fields(), input_shape=regime.input_shape, num_classes=regime.num_classes
        )

    def _random_points(self, seed: int) -> Iterator[Points]:
        """Yield blocks of uniform points, each a function of (seed, digest, block) alone."""
        key = np.random.SeedSequence([seed, int(self.digest, 16)]).generate_state(2, np.uint64)
        for block in itertools.count():
            generator = np.random.Generator(np.random.Philox(key=key, counter=[0, 0, 0, block]))
            yield generator.random((BLOCK, self.dimension))
