"""Search: the best network of a space within bounds; planned first, then run, and run again to go on or to extend."""

import dataclasses
import itertools
import math
import time
from collections.abc import Sequence
from inspect import signature
from pathlib import Path
from typing import Any

from anynas.data import DataSet, Reading
from anynas.data.suiting import suited
from anynas.designspace import Bounds, DesignSpace, load_space
from anynas.designspace.bounds import Range
from anynas.driver.finals import decide, final_trainings_left, num_final_trainings
from anynas.driver.jobs import Clock, Progress, Setting, Silent
from anynas.driver.loop import run_search
from anynas.driver.objectives import ERROR_ALONE, check_objectives
from anynas.driver.planning import (
    PROBES,
    asked,
    digest_of,
    kept_with,
    make_setting,
    named_by,
    seconds_per_trial,
)
from anynas.driver.rungs import DEFAULT_REDUCTION, Ladder, make_ladder
from anynas.driver.samplers import check_sampler, make_sampler
from anynas.driver.warm_start import WarmStart, keep, warm_start_for
from anynas.errors import SettingsError
from anynas.execution.choosing import Crew, make_crew, workforce_from
from anynas.folder import writing
from anynas.notebook import told
from anynas.regimes import Regime
from anynas.settings import require
from anynas.storage import check_storage
from anynas.store import Run, check_identity, recording, write_result
from anynas.training.worker import Worker
from anynas.trials import Fidelity, Recipe

DEFAULT_TRIALS = 32
DEFAULT_SAMPLER = "tpe"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SearchPlan:
    """A search that has been checked and can be run: the same plan in the same folder goes on where it was."""

    setting: Setting
    bounds: Bounds
    sampler: str
    data: DataSet
    crew: Crew
    trials: int | None  # None: as many as the minutes allow
    minutes: float | None
    path: Path
    ladder: Ladder  # on whose rungs trials pause; of one rung: on none
    objectives: tuple[str, ...] = ERROR_ALONE
    warm_start: WarmStart | None = None  # what the sampler is told before its first ask
    storage: str | None = None  # URL of the database with the entries; None: the folder's journal
    takeover: bool = False

    @property
    def identity(self) -> dict[str, Any]:
        """What the search asks, JSON-ready: what may not change in a run's folder."""
        return {
            **_identity(self.setting, self.bounds, self.sampler, self.data, self.ladder, self.objectives),
            **({"warm_start": self.warm_start.identity} if self.warm_start else {}),
        }

    @property
    def kept(self) -> dict[str, Any]:
        """What the run's folder keeps beside that: where its data are, and their regime."""
        return kept_with(self.data, [self.setting.space.regime])

    @property
    def about(self) -> dict[str, Any]:
        """How much is asked of whom, JSON-ready: what `Run.status` measures progress by; it may change."""
        name, trials = self.setting.space.name, self.trials
        return {
            "trials": None if trials is None else {name: trials},
            "trainings": None if trials is None else {name: self.ladder.in_full(trials) + self.num_final_trainings},
            "minutes": self.minutes,
            "executor": self.crew.workforce.executor,
            "workers": self.crew.num_workers,
        }

    @property
    def num_final_trainings(self) -> int:
        """Trainings after the search: the best again with other seeds, and the winner once more for its test error."""
        return num_final_trainings(self.objectives)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """About how long what is left of a search takes, from a few steps of a few of its networks on this machine."""

    seconds_per_trial: float  # trained in full; 0 if nothing is left
    total_seconds: float
    trials: int  # left
    num_final_trainings: int  # likewise
    workers: int


def plan_search(
    space: DesignSpace | str | Path,
    *,
    trials: int | None = None,
    minutes: float | None = None,
    seed: int = 0,
    sampler: str = DEFAULT_SAMPLER,
    objectives: Sequence[str] = ERROR_ALONE,
    warm_start: Run | str | Path | None = None,
    flops: Range | None = None,
    params: Range | None = None,
    activations: Range | None = None,
    regime: str | Regime | None = None,
    data: str | Path | DataSet | None = None,
    recipe: Recipe | None = None,
    fidelity: Fidelity | None = None,
    epochs: int | None = None,
    images: int | None = None,
    rungs: int = 1,
    reduction: int = DEFAULT_REDUCTION,
    run: str | Path | None = None,
    storage: str | None = None,
    takeover: bool = False,
    reading: Reading | None = None,
    **workforce: Any,
) -> SearchPlan:
    """Check a search without starting it; arguments and errors are those of `search`."""
    if not isinstance(space, DesignSpace):
        space = load_space(space, regime=regime)
    elif regime not in (None, space.regime.name, space.regime):
        came = regime.name if isinstance(regime, Regime) else regime
        raise SettingsError(f"regime must be the loaded space's own, {space.regime.name}; got {came}")
    require(trials is None or trials >= 1, f"trials must be at least 1; got {trials}")
    require(minutes is None or minutes > 0, f"minutes must be above 0; got {minutes}")
    require(seed >= 0, f"seed must be at least 0; got {seed}")
    objectives = check_objectives(objectives, has_rungs=rungs > 1)
    check_sampler(sampler, has_rungs=rungs > 1, has_earlier=warm_start is not None)
    suits, loaded = suited(
        space.regime,
        data,
        is_asked=regime is not None,
        resolution=fidelity.resolution if fidelity else "regime",
        reading=reading,
    )
    space = space if suits is space.regime else dataclasses.replace(space, regime=suits)
    changed = {name: value for name, value in (("epochs", epochs), ("images", images)) if value is not None}
    given = Bounds(flops=flops, params=params, activations=activations)
    bounds = given if given != Bounds() else Bounds(flops=space.regime.flops)
    make_sampler(sampler, space, seed=seed, bounds=bounds).ask(0)  # an empty band shows now
    crew = make_crew(workforce_from(workforce, signature(plan_search).parameters), loaded, space.regime.input_shape)
    setting = make_setting(
        space,
        recipe=recipe or space.regime.recipe,
        fidelity=dataclasses.replace(fidelity or space.regime.fidelity, **changed),
        data=loaded,
        seed=seed,
    )
    ladder = make_ladder(setting.fidelity.epochs, rungs=rungs, reduction=reduction)
    identity = _identity(setting, bounds, sampler, loaded, ladder, objectives)
    source = None if warm_start is None else str(warm_start.path if isinstance(warm_start, Run) else warm_start)
    named = named_by(identity, loaded, {"": space.regime})
    named = named if source is None else {**named, "warm_start": source}  # not by what is in it, which may grow
    path = Path(run) if run is not None else Path("runs") / f"{space.name}-{digest_of(named)}"
    plan = SearchPlan(
        setting=setting,
        bounds=bounds,
        sampler=sampler,
        data=loaded,
        crew=crew,
        trials=trials if trials is not None or minutes is not None else DEFAULT_TRIALS,
        minutes=minutes,
        path=path,
        ladder=ladder,
        objectives=objectives,
        warm_start=None if source is None else warm_start_for(path, source, setting, identity),
        storage=storage,
        takeover=takeover,
    )
    check_identity(path, plan.identity)
    return dataclasses.replace(plan, storage=check_storage(path, storage))


def estimate(plan: SearchPlan) -> Estimate | None:
    """Return about how long what the run's folder lacks takes, or None where another machine does the work."""
    if plan.crew.num_workers is None or plan.crew.workforce.address:
        return None
    finished = Run(plan.path.absolute()).entries() if (plan.path / "run.json").exists() else []
    num_searched = sum(entry.role == "search" for entry in finished)
    left = None if plan.trials is None else max(plan.trials - num_searched, 0)
    num_final = plan.num_final_trainings
    if left == 0:
        num_final = final_trainings_left(finished, plan.objectives)
    if left == num_final == 0:
        return Estimate(
            seconds_per_trial=0.0, total_seconds=0.0, trials=0, num_final_trainings=0, workers=plan.crew.num_workers
        )
    draws = itertools.islice(plan.setting.space.draws(seed=plan.setting.seed, bounds=plan.bounds), PROBES)
    worker = Worker(plan.crew.workplace, plan.data)
    per_trial = seconds_per_trial(plan.setting, (architecture for architecture, _ in draws), worker)
    if plan.minutes is not None:
        in_full = max(int(plan.minutes * 60 * plan.crew.num_workers / per_trial) - num_final, 1)
        in_time = plan.ladder.trials_within(in_full)
        left = in_time if left is None else min(left, in_time)
    assert left is not None
    rounds = math.ceil(plan.ladder.in_full(left) / plan.crew.num_workers)
    rounds += math.ceil((num_final - 1) / plan.crew.num_workers) + 1 if num_final else 0  # the test comes on its own
    return Estimate(
        seconds_per_trial=per_trial,
        total_seconds=rounds * per_trial,
        trials=left,
        num_final_trainings=num_final,
        workers=plan.crew.num_workers,
    )


def search(space: DesignSpace | str | Path, *, progress: Progress | None = None, **settings: Any) -> Run:
    """Search a space for its best network within bounds, and return the run, whose `result` tells the winner.

    The best three are trained again with two more seeds each; the one with the least mean validation error wins, so
    that it is not merely the luckiest; then it is trained once more, and only there is a test error computed. With two
    objectives five networks of the front are trained again instead, and `result` tells them too, as "front".

    Running the same call again goes on where it was interrupted; more trials, or other workers, extend it.

    Args:
        space: A space, a built-in one's name, or the path of a TOML file.
        progress: Who is told how it goes; None: a line of the cell's output in Jupyter, nobody elsewhere.
        **settings: Each may be left out:
            trials (32 unless minutes are given); minutes: a budget of time; seed (0);
            sampler "tpe", "gp", "nsga2", "random" or "qmc";
            rungs (1) and reduction (3): trials pause on rungs, the top of which is the fidelity's epochs and each other
                one about 1 / reduction of the one above it, and about one of `reduction` goes on: asynchronous
                successive halving, for more networks in less time; winner and finalists are trained in full;
            objectives: ("error",), or with one of "flops", "params" and "activations" beside it: then the front of both
                is searched for, and trials cannot pause on rungs;
            warm_start: another run, its folder, or its table (.csv or .parquet): its complete trials are told to the
                sampler before the first ask, in place of random draws, and not proposed again; they must be of this
                space and trained as this search's are;
            flops, params, activations: (low, high), the regime's band of flops if none is given;
            regime: the space's own, or what suits the data (`regime_for`); data: the regime's, or a data set, its name,
                or the path of a folder of pictures; recipe, fidelity: the regime's; epochs, images: the fidelity's;
            reading: is told how far decoding of pictures is;
            executor, workers, address, device, gpus_per_trial, memory_bytes, deadline_seconds: who trains, see
                `Workforce`;
            run: the folder, runs/SPACE-DIGEST; storage: URL of a database for the entries, instead of the folder's
                journal, and without a password; takeover: from a driver on another machine that is dead.

    Raises:
        AnynasError: Something is not as it must be; the message says what, and what to do.
    """
    plan = plan_search(space, **settings)
    with told(plan, progress, Silent()) as reporter:
        return run_plan(plan, progress=reporter)


def run_plan(plan: SearchPlan, *, progress: Progress, expected: Estimate | None = None) -> Run:
    """Run a plan to its end; interrupted, what is finished is safe, and the same plan goes on from there.

    Args:
        plan: From `plan_search`.
        progress: Who is told.
        expected: From `estimate`, for the time to keep free at the end of a budget of minutes; made here if needed.
    """
    started = time.monotonic()
    sampler = make_sampler(
        plan.sampler,
        plan.setting.space,
        seed=plan.setting.seed,
        bounds=plan.bounds,
        objectives=plan.objectives,
        earlier=plan.warm_start.trials if plan.warm_start else (),
    )
    with recording(
        plan.path,
        plan.identity,
        storage=plan.storage,
        takeover=plan.takeover,
        about=plan.about,
        kept=plan.kept,
    ) as recorder:
        if plan.warm_start is not None:
            keep(plan.warm_start, recorder.run.path)
        if plan.minutes is not None and expected is None:
            expected = estimate(plan)
        executor = plan.crew.on_demand(progress.note)
        try:
            entries = run_search(
                plan.setting,
                sampler,
                executor,
                recorder,
                trials=plan.trials,
                clock=_clock(plan, expected, spent=time.monotonic() - started),
                progress=progress,
                ladder=plan.ladder,
            )
            result = decide(plan.setting, plan.objectives, plan.ladder, entries, executor, recorder, progress)
        finally:
            executor.close()
        write_result(recorder.run, result)
        table = recorder.run.path / "table.csv"
        with writing(table):
            recorder.run.table().to_csv(table, index=False)
        return recorder.run


def _identity(
    setting: Setting, bounds: Bounds, sampler: str, data: DataSet, ladder: Ladder, objectives: tuple[str, ...]
) -> dict[str, Any]:
    rungs = {"rungs": ladder.top, "reduction": ladder.reduction} if ladder.top > 1 else {}  # as before there were any
    return {"study": "search", **data.identity, **asked(setting, bounds, sampler), "objectives": [*objectives], **rungs}


def _clock(plan: SearchPlan, expected: Estimate | None, *, spent: float) -> Clock:
    """Return a clock that keeps time free for the trainings after the search."""
    if plan.minutes is None:
        return Clock()
    per_trial = expected.seconds_per_trial if expected is not None else 0.0
    reserve = math.ceil(plan.num_final_trainings / (plan.crew.num_workers or 1)) * per_trial
    clock = Clock(plan.minutes * 60 - spent - reserve)
    clock.saw(per_trial)
    return clock
