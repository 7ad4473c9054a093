"""The loop that every run goes through: numbered proposals in, recorded entries out, in order of completion.

The driver decides, workers compute. No worker waits for the driver (`dispatch`); one that dies is followed by another
try, at most twice; then the trial is failed, and counted. Trials that pause go on when `rungs` says so.
"""

import dataclasses
from collections.abc import Callable, Iterable, Iterator

from anynas.architecture import Architecture
from anynas.driver.dispatch import work
from anynas.driver.jobs import Clock, Job, Progress, Setting, trial_seed
from anynas.driver.rungs import Kept, Ladder, Standings, together
from anynas.driver.samplers import Known, Proposal, Sampler
from anynas.execution import Executor
from anynas.store import Entry, Recorder
from anynas.trials import Paused, TrialResult


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
    ladder: Ladder | None = None,
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
        ladder: On which rungs trials pause; None: on none, every trial is trained to its end.

    Returns:
        All entries with this role, by number.
    """
    ladder = ladder or Ladder(epochs=(setting.fidelity.epochs,))
    search = _Search(
        setting, sampler, recorder, trials=trials, clock=clock, progress=progress, reuse=reuse, ladder=ladder
    )
    work(executor, search, clock)
    return sorted(search.entries.values(), key=lambda entry: entry.number)


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

    def take(job: Job, result: TrialResult) -> None:
        entry = _entry(job, result, job.setting.fidelity.epochs)
        recorder.add(entry, job.setting.space)
        have[key_of(job)] = entry
        progress.finished(entry)

    work(executor, _Given(missing, take), Clock())
    return [have[key_of(job)] for job in jobs]


class _Search:
    """What a search has to train: promotions first, then new proposals; see `dispatch.Jobs`."""

    def __init__(
        self,
        setting: Setting,
        sampler: Sampler,
        recorder: Recorder,
        *,
        trials: int | None,
        clock: Clock,
        progress: Progress,
        reuse: bool,
        ladder: Ladder,
    ) -> None:
        self._setting, self._sampler, self._recorder = setting, sampler, recorder
        self._clock, self._progress, self._reuse, self._ladder = clock, progress, reuse, ladder
        self._standings, self._kept = Standings(ladder), Kept()
        self._network_keys: dict[int, str] = {}  # by a trial's number: each is made once
        self._reusable: dict[str, Entry] = {}  # network key -> the trial that trained it
        self._under_way: dict[str, list[Job]] = {}  # network key -> the job that trains it first, and others that wait
        history = recorder.run.history("search")
        for entry in _in_order_of_asking(history):
            sampler.tell(_known(entry))
        self.entries = {entry.number: entry for entry in sorted(history, key=lambda entry: entry.number)}  # the latest
        for entry in self.entries.values():
            self._know(entry)
        progress.started("search", trials, list(self.entries.values()))
        self._numbers = _missing(set(self.entries), trials)

    def ask(self) -> Job | None:
        """Return a new trial."""
        number = next(self._numbers, None) if self._clock.allows_another() else None
        if number is None:
            return None
        return Job(
            setting=self._setting,
            number=number,
            role="search",
            proposal=self._sampler.ask(number),
            seed=trial_seed(self._setting.seed, number),
            stop=self._ladder.stop(1),
        )

    def needs_training(self, job: Job) -> bool:
        """Return whether its network was not trained yet; if it was, this trial has the same result so far."""
        if not self._reuse:
            return True
        key = self._network_key(job.number, job.proposal.architecture)
        if key in self._reusable:
            original = self._reusable[key]
            self._finish(dataclasses.replace(job, rung=original.rung), _repeat(original), original.epochs)
            return False
        self._under_way.setdefault(key, []).append(job)
        return len(self._under_way[key]) == 1

    def promoted(self, *, idle: bool) -> Job | None:
        """Return a trial that goes on to its next rung; out of time, one still has to reach the top."""
        number = self._standings.promote() if self._clock.allows_another() else None
        if number is None and idle:
            number = self._standings.promote_to_the_end()
        if number is None:
            return None
        entry = self.entries[number]
        return Job(
            setting=self._setting,
            number=number,
            role="search",
            proposal=Proposal(entry.architecture, entry.point, entry.misses),
            seed=entry.seed,
            rung=entry.rung + 1,
            stop=self._ladder.stop(entry.rung + 1),
            before=entry.result,
            paused=self._kept.take(number),
        )

    def settle(self, job: Job, result: TrialResult, paused: Paused | None) -> list[Job]:
        """Record a trained job; return those that waited for it in vain and must be trained after all."""
        if paused is not None:
            self._kept.keep(job.number, paused)
        result = together(job.before, result)
        has_rungs = self._ladder.top > 1
        self._finish(job, result, len(result.curve) if has_rungs else self._setting.fidelity.epochs)
        if not self._reuse:
            return []
        waited = self._under_way.pop(self._network_key(job.number, job.proposal.architecture), [])
        return [other for other in waited if other is not job and self.needs_training(other)]

    def _finish(self, job: Job, result: TrialResult, epochs: int) -> None:
        entry = _entry(job, result, epochs)
        self._recorder.add(entry, self._setting.space)
        self._sampler.tell(_known(entry))
        self.entries[entry.number] = entry
        self._know(entry)
        self._progress.finished(entry)

    def _know(self, entry: Entry) -> None:
        self._standings.add(entry.number, entry.result)
        if not self._reuse:
            return
        key = self._network_key(entry.number, entry.architecture)
        if entry.result.state != "failed" and not _is_repeat(entry):
            self._reusable[key] = entry
        elif key in self._reusable and self._reusable[key].number == entry.number:  # failed after it had paused
            del self._reusable[key]

    def _network_key(self, number: int, architecture: Architecture) -> str:
        if number not in self._network_keys:
            self._network_keys[number] = architecture.network_key
        return self._network_keys[number]


class _Given:
    """Given jobs, none of which pauses; see `dispatch.Jobs`."""

    def __init__(self, jobs: Iterable[Job], take: Callable[[Job, TrialResult], None]) -> None:
        self._jobs, self._take = iter(jobs), take

    def ask(self) -> Job | None:
        """Return the next."""
        return next(self._jobs, None)

    def needs_training(self, job: Job) -> bool:
        """All do."""
        return True

    def promoted(self, *, idle: bool) -> Job | None:
        """None is."""
        return None

    def settle(self, job: Job, result: TrialResult, paused: Paused | None) -> list[Job]:
        """Take the result."""
        self._take(job, result)
        return []


def _missing(have: set[int], trials: int | None) -> Iterator[int]:
    number = 0
    while trials is None or number < trials:
        if number not in have:
            yield number
        number += 1


def _in_order_of_asking(history: list[Entry]) -> list[Entry]:
    """Return entries in the order of their numbers, as an undisturbed sampler has them.

    What a trial did on later rungs comes behind all trials that had ended or paused by then.
    """
    places: list[tuple[int, bool, int]] = []
    seen: set[int] = set()
    highest = 0  # of them
    for position, entry in enumerate(history):
        is_later = entry.number in seen
        seen.add(entry.number)
        highest = max(highest, entry.number)
        places.append((highest if is_later else entry.number, is_later, position))
    return [history[position] for *_, position in sorted(places)]


def _entry(job: Job, result: TrialResult, epochs: int) -> Entry:
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
        epochs=epochs,
        images=setting.num_images,
        columns=setting.space.columns_at(job.proposal.point),
        point=job.proposal.point,
        misses=job.proposal.misses,
        rung=job.rung,
    )


def _known(entry: Entry) -> Known:
    state = entry.result.state
    error = None if state == "failed" else entry.result.error
    epochs = entry.epochs if state == "pruned" else None
    return Known(entry.number, Proposal(entry.architecture, entry.point, entry.misses), error, pruned_after=epochs)


def _repeat(original: Entry) -> TrialResult:
    """Return the original's result as that of a trial that cost nothing."""
    return dataclasses.replace(
        original.result, seconds=0.0, lost=(), curve=(), reason=f"repeats trial {original.number}"
    )


def _is_repeat(entry: Entry) -> bool:
    return entry.result.reason.startswith("repeats trial ")
