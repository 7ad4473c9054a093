"""Who proposes: samplers behind one small protocol, by name.

`sequences` has those whose proposals are functions of (seed, index): random and quasi-random. `adaptive` has those that
learn from how trials end: Optuna's TPE, GP and NSGA-II; it alone uses Optuna's samplers. All work on a space's unit
cube, so that no proposal can leave the space; complexity bounds are met before anything is trained.

`SAMPLERS` names them all. A sampler of one's own is an entry there, in the package or from one's own script.
"""

import dataclasses
from collections.abc import Sequence
from functools import partial
from typing import Protocol

from anynas.architecture import Architecture
from anynas.designspace import Bounds, DesignSpace
from anynas.errors import SettingsError, did_you_mean
from anynas.settings import require

Point = tuple[float, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Proposal:
    """An architecture within the bounds, and the point of the unit cube that it was decoded from."""

    architecture: Architecture
    point: Point
    misses: tuple[Point, ...] = ()  # proposed before it and not taken, where the sampler learnt from that


@dataclasses.dataclass(frozen=True, slots=True)
class Known:
    """A trial that has ended or paused: what a sampler learns from, at once or when a run is resumed."""

    number: int
    proposal: Proposal
    error: float | None  # None: failed
    pruned_after: int | None = None  # epochs, where it has paused and may be told again; its error is from there


@dataclasses.dataclass(frozen=True, slots=True)
class Earlier:
    """A trial of another run, which is known before the first ask."""

    architecture: Architecture
    error: float


class Sampler(Protocol):
    """Proposes trial after trial; numbers may be left out, but never come twice."""

    def ask(self, number: int) -> Proposal:
        """Propose trial `number`; it may be asked for before others were told, and may never be begun."""

    def tell(self, known: Known) -> None:
        """Learn how a trial ended, whether it was asked here or before a restart."""


class MakeSampler(Protocol):
    """Makes a sampler for one run."""

    def __call__(
        self,
        space: DesignSpace,
        *,
        seed: int,
        bounds: Bounds,
        objectives: tuple[str, ...],
        earlier: Sequence[Earlier],
    ) -> Sampler:
        """Return it; arguments are those of `make_sampler`."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """What is known of a sampler by its name."""

    make: MakeSampler
    learns: bool = True  # from how trials end, so that those that it proposes are no sample of the space
    learns_from_earlier: bool = False  # from trials of another run, told before the first ask
    learns_from_paused: bool = False  # from trials that have paused on a rung


def is_adaptive(name: str | None) -> bool:
    """Return whether a run's sampler chose trials by those before; None: trials were drawn, as a study's are.

    A sampler that is not known here, but was where the run was made, is taken to have learnt.
    """
    return name is not None and (name not in SAMPLERS or SAMPLERS[name].learns)


def check_sampler(name: str, *, has_rungs: bool = False, has_earlier: bool = False) -> None:
    """Check that there is such a sampler, and that it can learn from what it will be told.

    Args:
        name: The sampler's.
        has_rungs: Whether trials pause on rungs.
        has_earlier: Whether trials of another run are told to it.

    Raises:
        SettingsError: There is none, or it cannot.
    """
    if name not in SAMPLERS:
        raise SettingsError(f'unknown sampler "{name}"{did_you_mean(name, SAMPLERS)}')
    from_earlier = [each for each, kind in SAMPLERS.items() if kind.learns_from_earlier]
    require(
        not has_earlier or name in from_earlier,
        f"a warm start needs a sampler that learns from trials: {_listed(from_earlier)}; got {name}",
    )
    on_rungs = [each for each, kind in SAMPLERS.items() if kind.learns_from_paused or not kind.learns]
    require(
        not has_rungs or name in on_rungs,
        f"rungs need a sampler that learns from paused trials, or from none: {_listed(on_rungs)}; got {name}",
    )


def make_sampler(
    name: str,
    space: DesignSpace,
    *,
    seed: int,
    bounds: Bounds,
    objectives: Sequence[str] = ("error",),
    earlier: Sequence[Earlier] = (),
) -> Sampler:
    """Return a sampler by name.

    Args:
        name: One of SAMPLERS.
        space: Where it proposes.
        seed: The run's.
        bounds: What every proposal meets.
        objectives: What it minimises: "error", and a quantity of complexity if there is a second. Sequences propose
            the same whatever it is.
        earlier: Trials of another run, told before the first ask; their architectures are not proposed again.

    Raises:
        SettingsError: No such sampler, or one that cannot learn from earlier trials.
    """
    check_sampler(name, has_earlier=bool(earlier))
    return SAMPLERS[name].make(space, seed=seed, bounds=bounds, objectives=tuple(objectives), earlier=earlier)


def _adaptive(
    method: str,
    space: DesignSpace,
    *,
    seed: int,
    bounds: Bounds,
    objectives: tuple[str, ...],
    earlier: Sequence[Earlier],
) -> Sampler:
    from anynas.driver.samplers.adaptive import METHODS, AdaptiveSampler

    return AdaptiveSampler(METHODS[method], space, seed=seed, bounds=bounds, objectives=objectives, earlier=earlier)


def _random(
    space: DesignSpace, *, seed: int, bounds: Bounds, objectives: tuple[str, ...], earlier: Sequence[Earlier]
) -> Sampler:
    from anynas.driver.samplers.sequences import SequenceSampler

    return SequenceSampler(space.draws(seed=seed, bounds=bounds))


def _qmc(
    space: DesignSpace, *, seed: int, bounds: Bounds, objectives: tuple[str, ...], earlier: Sequence[Earlier]
) -> Sampler:
    from anynas.driver.samplers.sequences import SequenceSampler, sobol

    return SequenceSampler(space.accepted(sobol(space.dimension, seed), bounds))


SAMPLERS: dict[str, Kind] = {
    "tpe": Kind(make=partial(_adaptive, "tpe"), learns_from_earlier=True, learns_from_paused=True),
    "gp": Kind(make=partial(_adaptive, "gp"), learns_from_earlier=True),
    "nsga2": Kind(make=partial(_adaptive, "nsga2"), learns_from_earlier=True),
    "random": Kind(make=_random, learns=False),
    "qmc": Kind(make=_qmc, learns=False),
}


def _listed(names: Sequence[str]) -> str:
    *before, last = names
    return f"{', '.join(before)} or {last}"
