"""Who proposes: random, quasi-random, and Optuna's TPE, behind one small protocol; the one module that imports
Optuna's samplers.

All work on a space's unit cube, so that no proposal can leave the space; complexity bounds are met before anything is
trained.

Random proposals are the space's own draws. Quasi-random ones are scipy's scrambled Sobol points, the engine inside
Optuna's QMCSampler, which itself keeps its position in a study's attributes and begins anew when a run is resumed.
Both are functions of (seed, index).

TPE's every ask is seeded by (seed, number) and sees what was told so far, so a resumed run goes on where it was.
Proposals outside the bounds are told to it as constraint violations and cost no training.

A trial that pauses on a rung is told to TPE as pruned, with its error there as an intermediate value, once for each
rung that it finishes: TPE ranks pruned trials behind complete ones, and among them those that came further first.
"""

import dataclasses
import itertools
import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol

import numpy as np

from anynas.architecture import Architecture
from anynas.counting import complexity
from anynas.designspace import Bounds, DesignSpace
from anynas.designspace.space import Member
from anynas.errors import SettingsError, did_you_mean

STARTUP = 8  # random draws before TPE's model has something to say
ASK_BUDGET = 200  # proposals a trial, of which the first within the bounds and not yet known is taken
FALLBACK_DRAWS = 64  # random draws within the bounds, of which the one nearest to the last proposal is taken
MISS_VALUE = 100.0  # error told for a miss; the constraint decides, so it plays no part
SOBOL_BLOCK = 4096

Point = tuple[float, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Proposal:
    """An architecture within the bounds, and the point of the unit cube that it was decoded from."""

    architecture: Architecture
    point: Point


@dataclasses.dataclass(frozen=True, slots=True)
class Known:
    """A trial that has ended or paused: what a sampler learns from, at once or when a run is resumed."""

    number: int
    proposal: Proposal
    error: float | None  # None: failed
    pruned_after: int | None = None  # epochs, where it has paused and may be told again; its error is from there


class Sampler(Protocol):
    """Proposes trial after trial; numbers may be left out, but never come twice."""

    def ask(self, number: int) -> Proposal:
        """Propose trial `number`; it may be asked for before others were told, and may never be begun."""

    def tell(self, known: Known) -> None:
        """Learn how a trial ended, whether it was asked here or before a restart."""


class SequenceSampler:
    """Proposals that are a function of their number alone: nothing is learnt."""

    def __init__(self, members: Iterator[Member]) -> None:
        self._members = members
        self._taken: list[Member] = []

    def ask(self, number: int) -> Proposal:
        """Return the architecture with this index, and its point."""
        self._taken += itertools.islice(self._members, max(number + 1 - len(self._taken), 0))
        architecture, point = self._taken[number]
        return Proposal(architecture, tuple(point.tolist()))

    def tell(self, known: Known) -> None:
        """Learn nothing."""


class TPESampler:
    """Optuna's TPE on the unit cube: multivariate, aware of running trials, with the bounds as a constraint."""

    def __init__(self, space: DesignSpace, *, seed: int, bounds: Bounds) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._optuna = optuna
        self._space, self._seed, self._bounds = space, seed, bounds
        self._study = optuna.create_study(direction="minimize", sampler=optuna.samplers.RandomSampler(seed=seed))
        self._axes: dict[str, optuna.distributions.BaseDistribution] = {
            f"u{axis:02d}": optuna.distributions.FloatDistribution(0.0, 1.0) for axis in range(space.dimension)
        }
        self._startup = SequenceSampler(space.draws(seed=seed, bounds=bounds))
        self._running: dict[int, Any] = {}  # number -> Optuna's trial
        self._errors: dict[str, float] = {}  # key -> error, of complete trials
        self._proposed: set[str] = set()  # keys

    def ask(self, number: int) -> Proposal:
        """Propose a draw at first; then what TPE asks for, or a random draw near it when TPE keeps missing."""
        if number < STARTUP or not self._axes:
            return self._take(number, self._startup.ask(number))
        seed = int(np.random.SeedSequence([self._seed, number]).generate_state(1)[0])
        self._study.sampler = self._optuna.samplers.TPESampler(
            seed=seed, n_startup_trials=0, multivariate=True, constant_liar=True
        )
        point: Point = (0.5,) * len(self._axes)
        for _ in range(ASK_BUDGET if len(self._proposed) < self._space.size() else 0):  # else all are known
            trial = self._study.ask(fixed_distributions=self._axes)
            point = tuple(trial.params[axis] for axis in self._axes)
            architecture = self._space.decode(point)
            violation = self._violation(architecture)
            trial.set_constraint("bounds", violation)
            if violation > 0:
                self._study.tell(trial, MISS_VALUE)
            elif architecture.key in self._proposed:
                self._tell_again(trial, architecture)
            else:
                self._running[number] = trial
                self._proposed.add(architecture.key)
                return Proposal(architecture, point)
        return self._take(number, self._nearest(number, point))

    def tell(self, known: Known) -> None:
        """Add the trial's error to what TPE knows; a failure teaches nothing."""
        key = known.proposal.architecture.key
        self._proposed.add(key)
        if known.error is not None and known.pruned_after is None:
            self._errors[key] = known.error
        trial = self._running.pop(known.number, None)
        if trial is not None and known.error is None:
            self._study.tell(trial, state=self._optuna.trial.TrialState.FAIL)
        elif trial is not None and known.pruned_after is not None:
            trial.report(known.error, known.pruned_after)
            self._study.tell(trial, state=self._optuna.trial.TrialState.PRUNED)
        elif trial is not None:
            self._study.tell(trial, known.error)
        elif known.error is not None:
            self._study.add_trial(
                self._optuna.trial.create_trial(
                    params=dict(zip(self._axes, known.proposal.point, strict=True)),
                    distributions=self._axes,
                    constraints={"bounds": self._violation(known.proposal.architecture)},
                    **self._value(known),
                )
            )

    def _value(self, known: Known) -> dict[str, Any]:
        """Return what Optuna is to know of how a trial stands."""
        if known.pruned_after is None:
            return {"value": known.error}
        state = self._optuna.trial.TrialState.PRUNED
        return {"state": state, "intermediate_values": {known.pruned_after: known.error}}

    def _take(self, number: int, proposal: Proposal) -> Proposal:
        """Enter a proposal that TPE did not make as a running trial, so that later asks see it."""
        self._study.enqueue_trial(dict(zip(self._axes, proposal.point, strict=True)))
        trial = self._study.ask(fixed_distributions=self._axes)
        trial.set_constraint("bounds", self._violation(proposal.architecture))
        self._running[number] = trial
        self._proposed.add(proposal.architecture.key)
        return proposal

    def _tell_again(self, trial: Any, architecture: Architecture) -> None:
        """Tell what is known of a point that was proposed before; one that is still running teaches nothing yet."""
        error = self._errors.get(architecture.key)
        if error is None:
            self._study.tell(trial, state=self._optuna.trial.TrialState.FAIL)
        else:
            self._study.tell(trial, error)

    def _nearest(self, number: int, point: Point) -> Proposal:
        seed = int(np.random.SeedSequence([self._seed, number, 1]).generate_state(1)[0])
        draws = list(itertools.islice(self._space.draws(seed=seed, bounds=self._bounds), FALLBACK_DRAWS))
        fresh = [draw for draw in draws if draw[0].key not in self._proposed] or draws
        distances = [float(np.sum((candidate - np.asarray(point)) ** 2)) for _, candidate in fresh]
        architecture, nearest = fresh[int(np.argmin(distances))]
        return Proposal(architecture, tuple(nearest.tolist()))

    def _violation(self, architecture: Architecture) -> float:
        if self._bounds == Bounds():
            return -1.0
        regime = self._space.regime
        counted = complexity(architecture, input_shape=regime.input_shape, num_classes=regime.num_classes)
        return self._bounds.violation(counted)


SAMPLERS: dict[str, Callable[..., Sampler]] = {
    "random": lambda space, seed, bounds: SequenceSampler(space.draws(seed=seed, bounds=bounds)),
    "qmc": lambda space, seed, bounds: SequenceSampler(space.accepted(_sobol(space.dimension, seed), bounds)),
    "tpe": lambda space, seed, bounds: TPESampler(space, seed=seed, bounds=bounds),
}


def make_sampler(name: str, space: DesignSpace, *, seed: int, bounds: Bounds) -> Sampler:
    """Return a sampler by name.

    Raises:
        SettingsError: No such sampler.
    """
    if name not in SAMPLERS:
        raise SettingsError(f'unknown sampler "{name}"{did_you_mean(name, SAMPLERS)}')
    return SAMPLERS[name](space, seed, bounds)


def _sobol(dimension: int, seed: int) -> Iterable[Any]:
    """Yield blocks of scrambled Sobol points, (SOBOL_BLOCK, dimension)."""
    from scipy.stats import qmc

    engine = qmc.Sobol(max(dimension, 1), scramble=True, rng=np.random.default_rng(seed))
    for _ in range(math.floor(engine.maxn / SOBOL_BLOCK)):
        yield engine.random(SOBOL_BLOCK)[:, :dimension]
