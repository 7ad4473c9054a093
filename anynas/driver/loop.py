"""The loop that every run goes through: numbered proposals in, recorded entries out, in order of completion.

The driver decides, workers compute. No worker waits for the driver: the next job is asked for while all of them train,
and a worker that has finished gets it before the result is recorded and told. One worker alone gets its next job after
that, so that an adaptive sampler learns from each trial before it proposes another.

A worker that dies is followed by another try, at most twice; then the trial is failed, and counted.
"""

import dataclasses
import math
import time
from collections import deque
from collections.abc import Iterator
from typing import Protocol

import numpy as np

from anynas.counting import Complexity, complexity
from anynas.designspace import DesignSpace
from anynas.driver.samplers import Known, Proposal, Sampler
from anynas.execution import Executor, WorkerLost
from anynas.store import Entry, Recorder
from anynas.trials import Fidelity, Recipe, Trial, TrialResult

MAX_RETRIES = 2


class Progress(Protocol):
    """Who is told how the work goes."""

    def started(self, stage: str, total: int | None, finished: list[Entry]) -> None:
        """Begin a stage with so many trials in all (None: as many as time allows), some of them finished before."""

    def finished(self, entry: Entry) -> None:
        """A trial has ended."""

    def note(self, message: str) -> None:
        """Something else that the user should know, one line."""


class Silent:
    """Tells nobody."""

    def started(self, stage: str, total: int | None, finished: list[Entry]) -> None:
        """Tell nobody."""

    def finished(self, entry: Entry) -> None:
        """Tell nobody."""

    def note(self, message: str) -> None:
        """Tell nobody."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What all trials of a population or search share."""

    space: DesignSpace
    recipe: Recipe
    fidelity: Fidelity
    num_images: int  # training images of each trial
    seed: int  # the run's

    def count(self, proposal: Proposal) -> Complexity:
        """Return the complexity at the regime's input."""
        regime = self.space.regime
        return complexity(proposal.architecture, input_shape=regime.input_shape, num_classes=regime.num_classes)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A proposal with its place in the run."""

    setting: Setting
    number: int
    role: str
    proposal: Proposal
    seed: int


class Clock:
    """Says whether there is time for another trial."""

    def __init__(self, seconds: float = math.inf) -> None:
        self._end = time.monotonic() + seconds
        self._longest = 0.0

    def saw(self, seconds: float) -> None:
        """Note how long a trial took."""
        if math.isfinite(seconds):
            self._longest = max(self._longest, seconds)

    def allows_another(self) -> bool:
        """Return whether a trial like the longest so far would end in time."""
        return time.monotonic() + self._longest <= self._end


def trial_seed(run_seed: int, *path: int) -> int:
    """Return the seed of a trial.

    A function of the run's seed and the trial's place, never of the order of completion.
    """
    return int(np.random.SeedSequence([run_seed, *path]).generate_state(1, np.uint64)[0] >> np.uint64(1))


def run_search(
    setting: Setting,
    sampler: Sampler,
    executor: Executor,
    recorder: Recorder,
    *,
    trials: int | None,
    clock: Clock,
    progress: Progress,
    reuse: bool = True,
) -> list[Entry]:
    """Run the trials that the record lacks, numbers 0 to `trials` - 1, or as many as the clock allows.

    Args:
        setting: What all trials share.
        sampler: Who proposes.
        executor: Who trains.
        recorder: The run's open record.
        trials: How many in all, finished ones included; None: no limit but the clock.
        clock: When to stop asking.
        progress: Who is told.
        reuse: Whether a proposal that builds a network already trained takes that trial's result: for searches.
            Populations train it again.

    Returns:
        All entries with this role, by number.
    """
    done = recorder.run.entries("search")
    for entry in done:
        sampler.tell(_known(entry))
    progress.started("search", trials, done)
    numbers = _missing({entry.number for entry in done}, trials)
    originals = [e for e in done if reuse and e.result.state == "complete" and not _is_repeat(e)]
    reusable = {entry.architecture.network_key: entry for entry in originals}
    collected = list(done)
    under_way: dict[str, list[Job]] = {}  # network key -> the job that trains it, and others that wait for its result

    def jobs() -> Iterator[Job]:
        for number in numbers:
            if not clock.allows_another():
                return
            yield Job(
                setting=setting,
                number=number,
                role="search",
                proposal=sampler.ask(number),
                seed=trial_seed(setting.seed, number),
            )

    def finish(job: Job, result: TrialResult) -> None:
        entry = _entry(job, result)
        recorder.add(entry, setting.space)
        sampler.tell(_known(entry))
        collected.append(entry)
        progress.finished(entry)

    def needs_training(job: Job) -> bool:
        if not reuse:
            return True
        key = job.proposal.architecture.network_key
        if key in reusable:
            finish(job, _repeat(reusable[key]))
            return False
        under_way.setdefault(key, []).append(job)
        return len(under_way[key]) == 1

    def settle(job: Job, result: TrialResult) -> list[Job]:
        """Record a trained job; return those that waited for it in vain and must be trained after all."""
        finish(job, result)
        if not reuse:
            return []
        key = job.proposal.architecture.network_key
        if result.state == "complete":
            reusable.setdefault(key, collected[-1])
        return [other for other in under_way.pop(key) if other is not job and needs_training(other)]

    _work(executor, jobs(), needs_training, settle, clock)
    return sorted(collected, key=lambda entry: entry.number)


def run_jobs(
    executor: Executor,
    recorder: Recorder,
    jobs: list[Job],
    *,
    stage: str,
    progress: Progress,
) -> list[Entry]:
    """Run given jobs, but for those that the record has: the same role, space, architecture and seed.

    Return the entries in the jobs' order.
    """
    roles = {job.role for job in jobs}
    have = {(e.role, e.space, e.architecture.key, e.seed): e for e in recorder.run.entries() if e.role in roles}

    def key_of(job: Job) -> tuple[str, str, str, int]:
        return job.role, job.setting.space.name, job.proposal.architecture.key, job.seed

    missing = [job for job in jobs if key_of(job) not in have]
    progress.started(stage, len(jobs), [have[key_of(job)] for job in jobs if key_of(job) in have])

    def settle(job: Job, result: TrialResult) -> list[Job]:
        entry = _entry(job, result)
        recorder.add(entry, job.setting.space)
        have[key_of(job)] = entry
        progress.finished(entry)
        return []

    _work(executor, iter(missing), lambda job: True, settle, Clock())
    return [have[key_of(job)] for job in jobs]


class _NeedsTraining(Protocol):
    def __call__(self, job: Job, /) -> bool: ...


class _Settle(Protocol):
    def __call__(self, job: Job, result: TrialResult, /) -> list[Job]: ...


def _work(
    executor: Executor,
    jobs: Iterator[Job],
    needs_training: _NeedsTraining,
    settle: _Settle,
    clock: Clock,
) -> None:
    """Keep all workers busy until the jobs are done, or there is no time for another of them."""
    again: deque[Job] = deque()  # to be trained after all, before all others
    ahead: deque[Job] = deque()  # the next of `jobs`: one at most; recorded nowhere before it is trained
    busy: dict[int, tuple[Job, int]] = {}  # ticket -> job, retries so far
    ticket = 0

    def submit(job: Job, retries: int = 0) -> None:
        nonlocal ticket
        executor.submit(
            Trial(
                number=ticket,
                architecture=job.proposal.architecture,
                recipe=job.setting.recipe,
                fidelity=job.setting.fidelity,
                seed=job.seed,
                test=job.role == "test",
            )
        )
        busy[ticket] = (job, retries)
        ticket += 1

    def ask() -> bool:
        """Return whether there was another job; if it needs training, it is the one ahead."""
        job = next(jobs, None)
        if job is not None and needs_training(job):
            ahead.append(job)
        return job is not None

    def fill() -> None:
        """Give every free worker a job, while there are any and there is time."""
        while not busy or len(busy) < executor.num_workers:
            if again:
                submit(again.popleft())
            elif ahead and clock.allows_another():
                submit(ahead.popleft())
            elif ahead or not ask():
                return

    while True:
        fill()
        if not busy:
            return
        if executor.num_workers > 1 and not ahead:
            ask()  # once: a finished trial is not to wait for long
        trial, outcome = executor.next_outcome()
        job, retries = busy.pop(trial.number)
        if isinstance(outcome, WorkerLost):
            if retries < MAX_RETRIES:
                submit(job, retries + 1)
                continue
            outcome = TrialResult.failed(f"{outcome.reason}, {retries + 1} times")
        clock.saw(outcome.seconds)
        try:
            if again or ahead:
                fill()
        finally:  # what is finished is recorded, whatever becomes of the next
            again += settle(job, dataclasses.replace(outcome, retries=retries))


def _missing(have: set[int], trials: int | None) -> Iterator[int]:
    number = 0
    while trials is None or number < trials:
        if number not in have:
            yield number
        number += 1


def _entry(job: Job, result: TrialResult) -> Entry:
    setting = job.setting
    counted = setting.count(job.proposal)
    return Entry(
        number=job.number,
        role=job.role,
        space=setting.space.name,
        architecture=job.proposal.architecture,
        result=result,
        seed=job.seed,
        flops=counted.flops,
        params=counted.params,
        activations=counted.activations,
        epochs=setting.fidelity.epochs,
        images=setting.num_images,
        columns=setting.space.columns_at(job.proposal.point),
        point=job.proposal.point,
    )


def _known(entry: Entry) -> Known:
    error = entry.result.error if entry.result.state == "complete" else None
    return Known(entry.number, Proposal(entry.architecture, entry.point), error)


def _repeat(original: Entry) -> TrialResult:
    """Return the original's result as that of a trial that cost nothing."""
    return dataclasses.replace(
        original.result, seconds=0.0, retries=0, curve=(), reason=f"repeats trial {original.number}"
    )


def _is_repeat(entry: Entry) -> bool:
    return entry.result.reason.startswith("repeats trial ")
