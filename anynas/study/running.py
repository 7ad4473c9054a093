"""A study run: its populations drawn, trained by one driver, recorded in one folder; again, to go on or to extend."""

import collections
import dataclasses
import hashlib
import itertools
from collections.abc import Iterator, Mapping
from inspect import signature
from pathlib import Path
from typing import Any

from anynas import __version__
from anynas.data import DataSet, Reading
from anynas.data.suiting import suited
from anynas.designspace.pairs import draws_in_pairs
from anynas.designspace.space import Member
from anynas.driver.jobs import Job, Progress, Setting, Silent, trial_seed
from anynas.driver.loop import run_jobs
from anynas.driver.planning import asked, digest_of, kept_with, make_setting, named_by, seconds_per_trial
from anynas.driver.samplers import Proposal
from anynas.errors import RunError, SettingsError
from anynas.execution.choosing import Crew, make_crew, workforce_from
from anynas.folder import now, read_json, write_json
from anynas.notebook import told
from anynas.settings import require, settings_from
from anynas.storage import check_storage
from anynas.store import Run, check_identity, recording
from anynas.study.definition import Population, Study, load_study
from anynas.study.stated import StatedCheck, StatedClaim
from anynas.training.worker import Worker

PROBES = 2  # draws of each population that are timed for an estimate
CLAIMS = "claims.json"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class StudyPlan:
    """A study that has been checked and can be run: the same plan in the same folder goes on where it was."""

    study: Study
    settings: dict[str, Setting]  # by population
    data: DataSet
    crew: Crew
    path: Path
    storage: str | None = None  # URL of the database with the entries; None: the folder's journal
    takeover: bool = False

    @property
    def identity(self) -> dict[str, Any]:
        """What the study asks, JSON-ready: what may not change in a run's folder. Claims and numbers of models may."""
        return _identity(self.study, self.settings, self.data)

    @property
    def kept(self) -> dict[str, Any]:
        """What the run's folder keeps beside that: where its data are, and their regimes."""
        return kept_with(self.data, [setting.space.regime for setting in self.settings.values()])

    @property
    def about(self) -> dict[str, Any]:
        """How much is asked of whom, JSON-ready: what `Run.status` measures progress by; it may change."""
        trials = {name: population.num_trials for name, population in self.study.populations.items()}
        return {"trials": trials, "executor": self.crew.workforce.executor, "workers": self.crew.num_workers}

    @property
    def num_trials(self) -> int:
        """In all, finished ones included."""
        return sum(population.num_trials for population in self.study.populations.values())


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class StudyEstimate:
    """About how long what is left of a study takes, from a few steps of a few of its networks on this machine."""

    trials: int  # left
    total_seconds: float
    seconds_per_trial: dict[str, float]  # by population, of those with trials left


def plan_study(
    study: Study | str | Path,
    *,
    models: int | None = None,
    run: str | Path | None = None,
    storage: str | None = None,
    takeover: bool = False,
    reading: Reading | None = None,
    **workforce: Any,
) -> StudyPlan:
    """Check a study without starting it; arguments and errors are those of `run_study`."""
    if not isinstance(study, Study):
        study = load_study(study, reading=reading)
    study = study.with_models(models)
    data = _data(study, reading)
    shape = next(iter(study.populations.values())).space.regime.input_shape
    crew = make_crew(workforce_from(workforce, signature(plan_study).parameters), data, shape)
    settings = {
        name: make_setting(p.space, recipe=p.recipe, fidelity=p.fidelity, data=data, seed=p.seed)
        for name, p in study.populations.items()
    }
    for leader in _leaders(study):
        next(_draws(study, leader))  # an empty band shows now
    identity = _identity(study, settings, data)
    named = named_by(identity, data, {name: p.space.regime for name, p in study.populations.items()})
    path = Path(run) if run is not None else Path("runs") / f"{study.name}-{digest_of(named)}"
    check_identity(path, identity)
    storage = check_storage(path, storage)
    return StudyPlan(
        study=study,
        settings=settings,
        data=data,
        crew=crew,
        path=path,
        storage=storage,
        takeover=takeover,
    )


def estimate(plan: StudyPlan) -> StudyEstimate | None:
    """Return about how long what the run's folder lacks takes, or None where another machine does the work."""
    if plan.crew.num_workers is None or plan.crew.workforce.address:
        return None
    done = finished(plan)
    worker = Worker(plan.crew.workplace, plan.data)
    seconds, total, left = {}, 0.0, 0
    for leader in _leaders(plan.study):
        pairs = list(itertools.islice(_draws(plan.study, leader), PROBES))
        for position, population in enumerate(_pair(plan.study, leader)):
            missing = max(population.num_trials - done[population.name], 0)
            if missing:
                draws = [members[position][0] for members in pairs]
                each = seconds_per_trial(plan.settings[population.name], draws, worker)
                seconds[population.name] = each
                total, left = total + missing * each, left + missing
    return StudyEstimate(trials=left, total_seconds=total / plan.crew.num_workers, seconds_per_trial=seconds)


def finished(plan: StudyPlan) -> collections.Counter[str]:
    """Return how many trials of each population the run's folder has."""
    entries = Run(plan.path.absolute()).entries("population") if (plan.path / "run.json").exists() else []
    return collections.Counter(entry.space for entry in entries)


def run_study(study: Study | str | Path, *, progress: Progress | None = None, **settings: Any) -> Run:
    """Draw and train a study's populations, and return the run, which `anynas.judge` judges.

    Running the same call again goes on where it was interrupted; more models extend it.

    Args:
        study: A study, a built-in one's name, or the path of a study.toml.
        progress: Who is told how it goes; None: a line of the cell's output in Jupyter, nobody elsewhere.
        **settings: Each may be left out:
            models: networks of each population (the study's); executor, workers, address, device, gpus_per_trial,
            memory_bytes, deadline_seconds: who trains, see `Workforce`; run: the folder, runs/STUDY-DIGEST;
            storage: URL of a database for the entries, instead of the folder's journal, and without a password;
            takeover: from a driver on another machine that is dead; reading: is told how far decoding of pictures is.

    Raises:
        AnynasError: Something is not as it must be; the message says what, and what to do.
    """
    plan = plan_study(study, **settings)
    with told(plan, progress, Silent()) as reporter:
        return run_plan(plan, progress=reporter)


def run_plan(plan: StudyPlan, *, progress: Progress) -> Run:
    """Run a plan to its end; interrupted, what is finished is safe, and the same plan goes on from there."""
    with recording(
        plan.path,
        plan.identity,
        storage=plan.storage,
        takeover=plan.takeover,
        about=plan.about,
        kept=plan.kept,
    ) as recorder:
        _declare(recorder.run, plan.study)
        executor = plan.crew.on_demand(progress.note)
        try:
            run_jobs(executor, recorder, list(jobs(plan)), stage="study", progress=progress)
        finally:
            executor.close()
        return recorder.run


def jobs(plan: StudyPlan) -> Iterator[Job]:
    """Yield all trials, finished ones too: all populations grow alike, so that partial results say something."""
    drawn: dict[str, list[Member]] = {name: [] for name in plan.study.populations}
    for leader in _leaders(plan.study):
        for members in itertools.islice(_draws(plan.study, leader), leader.models):
            for population, member in zip(_pair(plan.study, leader), members, strict=True):
                drawn[population.name].append(member)
    order = sorted(
        ((number + 0.5) / population.num_trials, place, number)
        for place, population in enumerate(plan.study.populations.values())
        for number in range(population.num_trials)
    )
    populations = list(plan.study.populations.values())
    for _, place, number in order:
        population = populations[place]
        architecture, point = drawn[population.name][number // population.repeats]
        yield Job(
            setting=plan.settings[population.name],
            number=number,
            role="population",
            proposal=Proposal(architecture, tuple(point.tolist())),
            seed=trial_seed(plan.study.seed, _number_of(population.stream), number),
        )


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """What a study claimed at some time, with how many models of each population it planned, and trials of each."""

    study: str
    at: str
    anynas_version: str
    description: str
    seed: int
    alpha: float
    models: dict[str, int]
    claims: tuple[StatedClaim, ...]
    checks: tuple[StatedCheck, ...] = ()
    repeats: dict[str, int] = dataclasses.field(default_factory=dict)  # where more than one

    @property
    def trials(self) -> dict[str, int]:
        """How many trials of each population were planned."""
        return {name: models * self.repeats.get(name, 1) for name, models in self.models.items()}


def declarations(folder: Path) -> tuple[Declaration, Declaration]:
    """Return what a run's study claimed before its first trial, and when it was last run.

    Args:
        folder: The run's, or one with its results.

    Raises:
        RunError: The run is no study's, or the file is damaged.
    """
    if not (folder / CLAIMS).is_file():
        raise RunError(f"{folder}: must be the folder of a study's run, with {CLAIMS} in it; there is none")
    content = read_json(folder / CLAIMS)
    return _declaration(content["first"]), _declaration(content["last"])


def declaration_of(study: Study) -> Declaration:
    """Return what a study claims now."""
    return Declaration(
        study=study.name,
        at=now(),
        anynas_version=__version__,
        description=study.description,
        seed=study.seed,
        alpha=study.alpha,
        models={name: population.models for name, population in study.populations.items()},
        claims=study.claims,
        checks=study.checks,
        repeats={name: population.repeats for name, population in study.populations.items() if population.repeats > 1},
    )


def _declare(run: Run, study: Study) -> None:
    """Write down what is claimed: once before the first trial, and whenever it is run again."""
    path = run.path / CLAIMS
    last = declaration_of(study)
    first = declarations(run.path)[0] if path.exists() and run.entries("population") else last
    write_declarations(first, last, run.path)


def write_declarations(first: Declaration, last: Declaration, folder: Path) -> None:
    """Write what `declarations` reads."""
    content = {
        key: {
            **dataclasses.asdict(each),
            "claims": [claim.to_dict() for claim in each.claims],
            "checks": [check.to_dict() for check in each.checks],
        }
        for key, each in (("first", first), ("last", last))
    }
    write_json(folder / CLAIMS, content)


def _declaration(content: Mapping[str, Any]) -> Declaration:
    claims = tuple(settings_from(StatedClaim, claim, where=CLAIMS) for claim in content["claims"])
    checks = tuple(settings_from(StatedCheck, check, where=CLAIMS) for check in content.get("checks", ()))
    return Declaration(**{**content, "claims": claims, "checks": checks})


def _data(study: Study, reading: Reading | None) -> DataSet:
    """Return the one data set of all populations; a user's pictures at the highest resolution among them.

    Raises:
        SettingsError: Their regimes differ in it.
        DataError: It does not suit one of them.
    """
    first, *others = study.populations.values()
    sides = (p.fidelity.resolution for p in study.populations.values())
    resolution = max(side for side in sides if side != "regime")  # a population has one in pixels
    _, data = suited(first.space.regime, study.data, is_asked=True, resolution=resolution, reading=reading)
    shape = first.space.regime.input_shape
    for other in others:
        regime = other.space.regime
        require(
            study.data is not None or regime.data == data.name,
            f"populations of one study must share a data set; {first.name} has {data.name}, {other.name} "
            f"{regime.data or 'none'}; name one for all: data = ...",
        )
        if (regime.input_shape[0], regime.num_classes) != (shape[0], data.num_classes):
            raise SettingsError(
                f"populations of one study must share channels and classes; {first.name} has {shape[0]} and "
                f"{data.num_classes}, {other.name} {regime.input_shape[0]} and {regime.num_classes}"
            )
    return data


def _identity(study: Study, settings: Mapping[str, Setting], data: DataSet) -> dict[str, Any]:
    return {
        "study": study.name,
        "seed": study.seed,
        **data.identity,
        "populations": {
            name: {
                **asked(settings[name], p.bounds, "random"),
                "pairs_with": p.pairs_with,
                **({"repeats": p.repeats} if p.repeats > 1 else {}),
            }
            for name, p in study.populations.items()
        },
    }


def _leaders(study: Study) -> list[Population]:
    return [population for population in study.populations.values() if population.pairs_with is None]


def _pair(study: Study, leader: Population) -> list[Population]:
    return [leader, *(p for p in study.populations.values() if p.pairs_with == leader.name)]


def _draws(study: Study, leader: Population) -> Iterator[list[Member]]:
    pair = _pair(study, leader)
    return draws_in_pairs([p.space for p in pair], [p.bounds for p in pair], seed=leader.seed)


def _number_of(name: str) -> int:
    """Return a name as a number that seeds may have in their path."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")
