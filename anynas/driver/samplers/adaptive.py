"""Samplers that learn from how trials end: Optuna's TPE, GP and NSGA-II on a space's unit cube; the one module that
uses Optuna's samplers.

Each keeps an Optuna study in memory, which is rebuilt from the record when a run is resumed. Every ask is made by a
sampler of its own, seeded by (seed, number), and what it proposes is a function of that and of the study alone. So a
resumed run goes on where it was; with one worker it proposes what it would have proposed uninterrupted.

The first proposals are draws within the bounds, so that no ask is lost before there is a model. Later ones may miss the
bounds, or come twice. TPE and GP learn from that: a miss is a violated constraint, a repeat is told its error again.
Such points cost no training. They are kept with the proposal that came of them, since a rebuilt study needs them too.
NSGA-II drops them: a child outside the bounds never becomes a parent.

With two objectives, the second is a quantity that is counted before anything is trained.

A trial that pauses on a rung is told to TPE as pruned, with its error there as an intermediate value, once for each
rung that it finishes: TPE ranks pruned trials behind complete ones, and among them those that came further first. GP
and NSGA-II learn nothing from pruned trials, and Optuna has none where there are two objectives.
"""

import dataclasses
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from anynas.architecture import Architecture
from anynas.counting import complexity
from anynas.designspace import Bounds, DesignSpace
from anynas.designspace.space import Member
from anynas.driver.samplers import Earlier, Known, Point, Proposal
from anynas.driver.samplers.sequences import SequenceSampler

STARTUP = 8  # random draws before there is a model
POPULATION = 12  # of each of NSGA-II's generations: so small that 32 trials are several of them
FALLBACK_DRAWS = 64  # random draws within the bounds, of which the one nearest to the last proposal is taken
UNKNOWN_ERROR = 100.0  # told for a miss before any error is known
GENERATION = "NSGAIISampler:generation"  # under which Optuna keeps a trial's


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """One of Optuna's samplers, and how it is used."""

    make: Callable[[int], Any]  # Optuna's sampler, from a seed
    asks: int  # proposals a trial, of which the first within the bounds and not yet known is taken
    startup: int = STARTUP  # draws first
    needed: int = 0  # complete trials without which it is not asked: draws go on
    learns_from_misses: bool = True
    population: int | None = None  # of a generation; None: it has no generations


class AdaptiveSampler:
    """One of Optuna's samplers on the unit cube: aware of running trials, with the bounds as a constraint.

    Args:
        method: Which.
        space: Where it proposes.
        seed: The run's.
        bounds: What every proposal meets.
        objectives: "error", and a quantity of complexity if there is a second; all are minimised.
        earlier: Trials of another run; they stand in for as many draws of the start.
    """

    def __init__(
        self,
        method: Method,
        space: DesignSpace,
        *,
        seed: int,
        bounds: Bounds,
        objectives: tuple[str, ...] = ("error",),
        earlier: Sequence[Earlier] = (),
    ) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)  # what its GP warns of, it also deals with
        self._optuna = optuna
        self._method, self._space, self._seed, self._bounds = method, space, seed, bounds
        self._quantities = objectives[1:]
        self._lineage = Lineage(method.population) if method.population else None
        self._idle = optuna.samplers.RandomSampler(seed=seed)  # for points that are chosen here
        self._study = optuna.create_study(directions=["minimize"] * len(objectives), sampler=self._idle)
        self._axes: dict[str, optuna.distributions.BaseDistribution] = {
            f"u{axis:02d}": optuna.distributions.FloatDistribution(0.0, 1.0) for axis in range(space.dimension)
        }
        self._running: dict[int, Any] = {}  # number -> Optuna's trial
        self._told: set[int] = set()  # numbers
        self._errors: dict[str, float] = {}  # key -> error, of complete trials
        self._num_complete = 0
        self._proposed: set[str] = set()  # keys
        for trial in earlier:
            self._learn(trial)
        self._num_startup = max(method.startup - len(earlier), 0)
        draws = space.draws(seed=seed, bounds=bounds)
        self._startup = SequenceSampler(_without(frozenset(self._proposed), draws) if earlier else draws)

    def ask(self, number: int) -> Proposal:
        """Propose a draw at first; then what the model asks for, or a random draw near it when it keeps missing."""
        if number < self._num_startup or self._num_complete < self._method.needed or not self._axes:
            return self._take(number, self._startup.ask(number))
        sampler = self._method.make(_seed(self._seed, number))
        if self._lineage:
            self._lineage.settle(sampler, self._study)
        point: Point = (0.5,) * len(self._axes)
        misses: list[Point] = []
        for _ in range(self._method.asks if len(self._proposed) < self._space.size() else 0):  # else all are known
            self._study.sampler = sampler
            trial = self._study.ask(fixed_distributions=self._axes)
            point = tuple(trial.params[axis] for axis in self._axes)
            architecture = self._space.decode(point)
            constraints = self._constraints(architecture)
            for name, violation in constraints.items():
                trial.set_constraint(name, violation)
            if architecture.key not in self._proposed and max(constraints.values(), default=0.0) <= 0:
                self._running[number] = trial
                self._proposed.add(architecture.key)
                return Proposal(architecture, point, tuple(misses))
            values = self._values_of_miss(architecture)
            self._study.tell(trial, values, state=None if values else self._optuna.trial.TrialState.FAIL)
            if self._method.learns_from_misses:
                misses.append(point)
        return self._take(number, dataclasses.replace(self._nearest(number, point), misses=tuple(misses)))

    def tell(self, known: Known) -> None:
        """Add the trial's error to what is known; a failure teaches nothing."""
        architecture, error = known.proposal.architecture, known.error
        trial = self._running.pop(known.number, None)
        if trial is None and known.number not in self._told:
            self._learn_again(known.proposal.misses)
        self._told.add(known.number)
        self._proposed.add(architecture.key)
        if error is not None and known.pruned_after is None:
            self._errors[architecture.key] = error
            self._num_complete += 1
        states = self._optuna.trial.TrialState
        if error is None:
            if trial is not None:
                self._study.tell(trial, state=states.FAIL)
        elif trial is None:
            self._enter(architecture, known.proposal.point, **self._outcome(architecture, error, known.pruned_after))
        elif known.pruned_after is not None:
            trial.report(error, known.pruned_after)
            self._study.tell(trial, state=states.PRUNED)
        else:
            self._study.tell(trial, self._values(architecture, error))

    def _learn(self, earlier: Earlier) -> None:
        """Enter a trial of another run; to NSGA-II all of them are the first generation."""
        architecture, error = earlier.architecture, earlier.error
        self._errors[architecture.key] = error
        self._num_complete += 1
        self._proposed.add(architecture.key)
        point = tuple(self._space.encode(architecture).tolist())
        first = {GENERATION: 0} if self._lineage else {}
        self._enter(architecture, point, values=self._values(architecture, error), system_attrs=first)

    def _learn_again(self, misses: Sequence[Point]) -> None:
        """Enter the misses of a trial that was asked for before a restart, as they were told then."""
        for architecture, point in self._space.members(np.array(misses)) if misses else ():
            values = self._values_of_miss(architecture)
            if values is not None:
                self._enter(architecture, tuple(point.tolist()), values=values)

    def _enter(self, architecture: Architecture, point: Point, **outcome: Any) -> None:
        """Add a trial that has ended and was not asked for here."""
        fields = {"system_attrs": self._generation(), **outcome}
        self._study.add_trial(
            self._optuna.trial.create_trial(
                params=dict(zip(self._axes, point, strict=True)),
                distributions=self._axes,
                constraints=self._constraints(architecture),
                **fields,
            )
        )

    def _generation(self) -> dict[str, int]:
        """Return what Optuna keeps with a trial that is asked for now: its generation, if there are any."""
        return {GENERATION: self._lineage.generation(self._study)} if self._lineage else {}

    def _outcome(self, architecture: Architecture, error: float, pruned_after: int | None) -> dict[str, Any]:
        """Return what Optuna is to know of how a trial stands."""
        if pruned_after is None:
            return {"values": self._values(architecture, error)}
        return {"state": self._optuna.trial.TrialState.PRUNED, "intermediate_values": {pruned_after: error}}

    def _take(self, number: int, proposal: Proposal) -> Proposal:
        """Enter a proposal that the model did not make as a running trial, so that later asks see it."""
        self._study.sampler = self._idle
        self._study.add_trial(  # as `enqueue_trial` would, which leaves NSGA-II's trials without a generation
            self._optuna.trial.create_trial(
                state=self._optuna.trial.TrialState.WAITING,
                system_attrs={"fixed_params": dict(zip(self._axes, proposal.point, strict=True)), **self._generation()},
            )
        )
        trial = self._study.ask(fixed_distributions=self._axes)
        for name, violation in self._constraints(proposal.architecture).items():
            trial.set_constraint(name, violation)
        self._running[number] = trial
        self._proposed.add(proposal.architecture.key)
        return proposal

    def _nearest(self, number: int, point: Point) -> Proposal:
        draws = self._space.draws(seed=_seed(self._seed, number, 1), bounds=self._bounds)
        some = list(itertools.islice(draws, FALLBACK_DRAWS))
        fresh = [draw for draw in some if draw[0].key not in self._proposed] or some
        distances = [float(np.sum((candidate - np.asarray(point)) ** 2)) for _, candidate in fresh]
        architecture, nearest = fresh[int(np.argmin(distances))]
        return Proposal(architecture, tuple(nearest.tolist()))

    def _values_of_miss(self, architecture: Architecture) -> list[float] | None:
        """Return what is told of a point that is not taken; None teaches nothing.

        A repeat has the error that is known, or none while it runs. Outside the bounds none is known: the mean of all
        that are says as little as can be said, which a GP needs; TPE looks at the constraint alone.
        """
        if not self._method.learns_from_misses:
            return None
        error = self._errors.get(architecture.key)
        if error is None and architecture.key in self._proposed:
            return None
        if error is None:
            error = float(np.mean(list(self._errors.values()))) if self._errors else UNKNOWN_ERROR
        return self._values(architecture, error)

    def _values(self, architecture: Architecture, error: float) -> list[float]:
        """Return the values of all objectives."""
        return [error, *(float(getattr(self._count(architecture), name)) for name in self._quantities)]

    def _constraints(self, architecture: Architecture) -> dict[str, float]:
        """Return how far the architecture lies outside the bounds, at most 0 inside; nothing if there are none."""
        if self._bounds == Bounds():
            return {}
        return {"bounds": self._bounds.violation(self._count(architecture))}

    def _count(self, architecture: Architecture) -> Any:
        regime = self._space.regime
        return complexity(architecture, input_shape=regime.input_shape, num_classes=regime.num_classes)


class Lineage:
    """NSGA-II's generations: a study that is rebuilt has those of the one that was lost.

    Optuna gives a trial its generation when it is asked for: the latest, until that has as many complete trials as the
    population, then the next. Each generation's parents are chosen once.

    Args:
        population: Trials a generation.
    """

    def __init__(self, population: int) -> None:
        self._population = population
        self._settled = 0

    def generation(self, study: Any) -> int:
        """Return the generation of a trial that is asked for now, by Optuna's rule."""
        latest, size = 0, 0
        for trial in reversed(study.get_trials(deepcopy=False)):
            generation = trial.system_attrs.get(GENERATION, -1) if trial.state.name == "COMPLETE" else -1
            if generation > latest:
                latest, size = generation, 1
            elif generation == latest:
                size += 1
            elif generation >= 0:  # generations never fall, so there are no more of the latest
                break
        return latest + (size >= self._population)

    def settle(self, sampler: Any, study: Any) -> None:
        """Choose the parents of all generations so far, from the first on.

        Optuna chooses them at a generation's first ask, in the order of their rank, and hands out those chosen before
        in the order of the study. Children depend on that order, so it has to be the same at every ask.
        """
        latest = self.generation(study)
        for generation in range(self._settled + 1, latest + 1):
            sampler.get_parent_population(study, generation)
        self._settled = latest


def _tpe(seed: int) -> Any:
    from optuna.samplers import TPESampler

    return TPESampler(seed=seed, n_startup_trials=0, multivariate=True, constant_liar=True)


def _gp(seed: int) -> Any:
    from optuna.samplers import GPSampler

    return GPSampler(seed=seed, n_startup_trials=0)


def _nsga2(seed: int) -> Any:
    from optuna.samplers import NSGAIISampler

    return NSGAIISampler(seed=seed, population_size=POPULATION)


METHODS = {
    "tpe": Method(make=_tpe, asks=200),
    "gp": Method(make=_gp, asks=4, needed=2),  # an ask takes about half a second
    "nsga2": Method(
        make=_nsga2,
        asks=200,
        startup=POPULATION,
        needed=POPULATION,
        learns_from_misses=False,
        population=POPULATION,
    ),
}


def _seed(*path: int) -> int:
    return int(np.random.SeedSequence(path).generate_state(1)[0])


def _without(keys: frozenset[str], members: Iterable[Member]) -> Iterator[Member]:
    """Yield the members whose architectures are not among the keys; after many in a row that are, one of them."""
    passed = 0
    for member in members:
        passed = passed + 1 if member[0].key in keys else 0
        if passed in (0, FALLBACK_DRAWS):
            passed = 0
            yield member
