"""The driver's loop with workers that take no time: lost workers, repeats, time, seeds, any order of completion."""

import contextlib
import dataclasses
import math
from collections import Counter
from collections.abc import Callable, Iterable
from types import SimpleNamespace
from typing import Any

import pytest
from doubles import (
    FakeExecutor,
    ListSampler,
    MemoryRecorder,
    doubled_space,
    error_of,
    plain_space,
    result_of,
    setting_for,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from anynas.architecture import Architecture
from anynas.counting import complexity
from anynas.designspace import Bounds, DesignSpace
from anynas.driver import jobs
from anynas.driver.dispatch import MAX_RETRIES
from anynas.driver.jobs import Clock, Job, Progress, Silent, trial_seed
from anynas.driver.loop import run_jobs, run_search
from anynas.driver.samplers import Known, Proposal, make_sampler
from anynas.execution import Outcome
from anynas.store import Entry
from anynas.trials import Lost, Trial, TrialResult

SPACE = plain_space()
DRAWS = SPACE.sample(200, seed=0)
DISTINCT = list({a.network_key: a for a in DRAWS}.values())


def search(
    architectures: Iterable[Architecture] | None = None,
    *,
    space: DesignSpace = SPACE,
    executor: FakeExecutor | None = None,
    recorder: MemoryRecorder | None = None,
    trials: int | None = 10,
    seed: int = 0,
    clock: Clock | None = None,
    progress: Progress | None = None,
    reuse: bool = True,
    sampler: Any = None,
) -> list[Entry]:
    return run_search(
        setting_for(space, seed=seed),
        sampler or ListSampler(space, DISTINCT if architectures is None else architectures),
        executor or FakeExecutor(),
        recorder if recorder is not None else MemoryRecorder(),  # type: ignore[arg-type]
        trials=trials,
        clock=clock or Clock(),
        progress=progress or Silent(),
        reuse=reuse,
    )


def outcomes(entries: list[Entry]) -> list[tuple[int, str, str, float, str, int]]:
    return [
        (e.number, e.architecture.key, e.result.state, e.result.error, e.result.reason, e.result.retries)
        for e in entries
    ]


# Entries


def test_each_number_is_asked_trained_told_and_recorded_once() -> None:
    sampler, executor, recorder = ListSampler(SPACE, DISTINCT), FakeExecutor(3), MemoryRecorder()
    entries = search(sampler=sampler, executor=executor, recorder=recorder)
    assert sampler.asked == list(range(10))
    assert [e.number for e in entries] == list(range(10))
    assert [e.number for e in recorder.all] == [known.number for known in sampler.told]
    assert sorted(known.number for known in sampler.told) == list(range(10))
    assert [t.architecture for t in executor.submitted] == DISTINCT[:10]


def test_an_entry_holds_the_trial_and_what_was_counted() -> None:
    setting = setting_for(SPACE, seed=5)
    (entry,) = search(trials=1, seed=5)
    architecture = DISTINCT[0]
    counted = complexity(architecture, input_shape=(1, 28, 28), num_classes=10)
    assert entry == Entry(
        number=0,
        role="search",
        space="plain",
        architecture=architecture,
        result=TrialResult(
            state="complete",
            error=error_of(architecture, trial_seed(5, 0)),
            seconds=1.0,
            device="none",
            test_error=entry.result.test_error,
        ),
        seed=trial_seed(5, 0),
        flops=counted.flops,
        params=counted.params,
        activations=counted.activations,
        epochs=setting.fidelity.epochs,
        images=128,
        columns=SPACE.columns_of(architecture),
        point=tuple(SPACE.encode(architecture).tolist()),
    )
    assert math.isnan(entry.result.test_error)


def test_a_trial_carries_the_settings_recipe_fidelity_and_its_own_seed() -> None:
    executor = FakeExecutor()
    search(executor=executor, trials=3, seed=9)
    setting = setting_for(SPACE)
    for number, trial in enumerate(executor.submitted):
        assert trial.recipe == setting.recipe
        assert trial.fidelity == setting.fidelity
        assert trial.seed == trial_seed(9, number)
        assert not trial.test


def test_workers_are_kept_busy_but_never_given_two_trials() -> None:
    under_way = 0
    seen = Counter[int]()

    class Watched(FakeExecutor):
        def submit(self, trial: Trial, *, alone: bool = False) -> None:
            nonlocal under_way
            under_way += 1
            super().submit(trial, alone=alone)  # fails if no worker is free

        def next_outcome(self) -> tuple[Trial, Outcome]:
            nonlocal under_way
            seen[under_way] += 1
            under_way -= 1
            return super().next_outcome()

    search(executor=Watched(4, seed=1), trials=12)
    assert seen == {4: 9, 3: 1, 2: 1, 1: 1}


def test_trials_in_the_record_are_told_and_not_run_again() -> None:
    before = search(trials=10)
    recorder = MemoryRecorder(entry for entry in before if entry.number in (0, 3, 4))
    sampler, executor = ListSampler(SPACE, DISTINCT), FakeExecutor()
    entries = search(sampler=sampler, executor=executor, recorder=recorder, trials=6)
    assert [known.number for known in sampler.told[:3]] == [0, 3, 4]
    assert [known.error for known in sampler.told[:3]] == [before[n].result.error for n in (0, 3, 4)]
    assert sampler.asked == [1, 2, 5]
    assert outcomes(entries) == outcomes(before[:6])
    assert [e.number for e in recorder.all] == [0, 3, 4, 1, 2, 5]


def test_ten_trials_and_then_twenty_are_twenty() -> None:
    space, recorder = doubled_space(), MemoryRecorder()
    architectures = doubled(20, seed=2)
    search(architectures, space=space, executor=FakeExecutor(2, seed=5), recorder=recorder, trials=10)
    extended = search(architectures, space=space, executor=FakeExecutor(4, seed=6), recorder=recorder, trials=20)
    assert outcomes(extended) == outcomes(search(architectures, space=space, trials=20))


def test_nothing_left_to_do_asks_no_worker() -> None:
    recorder = MemoryRecorder()
    search(recorder=recorder, trials=5)

    class Untouchable:
        def __getattr__(self, name: str) -> None:
            raise AssertionError(f"the executor's {name} was used")

    assert len(search(executor=Untouchable(), recorder=recorder, trials=5)) == 5  # type: ignore[arg-type]


def test_fewer_trials_than_the_record_has_runs_none_and_keeps_all() -> None:
    recorder = MemoryRecorder(search(trials=10))
    executor = FakeExecutor()
    assert len(search(executor=executor, recorder=recorder, trials=4)) == 10
    assert executor.submitted == []


def test_progress_hears_of_the_start_and_of_each_trial() -> None:
    heard: list[Any] = []

    class Hearing(Silent):
        def started(self, stage: str, total: int | None, finished: list[Entry]) -> None:
            heard.append((stage, total, [e.number for e in finished]))

        def finished(self, entry: Entry) -> None:
            heard.append(entry.number)

    recorder = MemoryRecorder(search(trials=2))
    search(recorder=recorder, trials=4, progress=Hearing())
    assert heard == [("search", 4, [0, 1]), 2, 3]


# Seeds


def test_seeds_of_trials_are_pinned() -> None:
    """A run resumed with another version must go on with the seeds it began with."""
    assert [trial_seed(0, number) for number in range(3)] == [
        7896617691693857887,
        2918264622725855778,
        8597659618385908031,
    ]
    assert trial_seed(7, 3) == 2530781778362038830
    assert trial_seed(0, 1, 2) == 1535930435702422785


def test_seeds_differ_by_run_and_place_and_fit_a_signed_integer() -> None:
    seeds = [trial_seed(run, number) for run in range(20) for number in range(200)]
    assert len(set(seeds)) == len(seeds)
    assert all(0 <= seed < 2**63 for seed in seeds)
    assert max(seeds) > 2**62


# Any order of completion


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 10**6), workers=st.sampled_from([1, 2, 3, 4, 8, 17, 64]))
def test_the_table_does_not_depend_on_workers_or_the_order_of_completion(seed: int, workers: int) -> None:
    for name in ("random", "qmc"):
        sampler = make_sampler(name, SPACE, seed=3, bounds=Bounds())
        entries = search(sampler=sampler, executor=FakeExecutor(workers, seed=seed), trials=40)
        assert outcomes(entries) == ALONE[name]
        assert [e.seed for e in entries] == [trial_seed(0, number) for number in range(40)]


def one_by_one(name: str) -> list[tuple[int, str, str, float, str, int]]:
    sampler = make_sampler(name, SPACE, seed=3, bounds=Bounds())
    return outcomes(search(sampler=sampler, trials=40))


ALONE = {name: one_by_one(name) for name in ("random", "qmc")}


def test_the_small_space_of_these_tests_has_repeats() -> None:
    for name in ("random", "qmc"):
        assert any(reason.startswith("repeats trial") for *_, reason, _ in ALONE[name])
        assert len({key for _, key, *_ in ALONE[name]}) > 20


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 10**6), workers=st.integers(1, 9), cut=st.integers(0, 40), first=st.integers(1, 9))
def test_a_run_cut_anywhere_goes_on_to_the_same_table(seed: int, workers: int, cut: int, first: int) -> None:
    recorder = MemoryRecorder()

    class Dies(FakeExecutor):
        def next_outcome(self) -> tuple[Trial, Outcome]:
            if len(recorder.all) >= cut:
                raise KeyboardInterrupt
            return super().next_outcome()

    def attempt(executor: FakeExecutor) -> list[Entry]:
        sampler = make_sampler("random", SPACE, seed=3, bounds=Bounds())
        return search(sampler=sampler, executor=executor, recorder=recorder, trials=40)

    with contextlib.suppress(KeyboardInterrupt):  # where nothing but repeats is left, no worker is waited for
        attempt(Dies(first, seed=seed))
    entries = attempt(FakeExecutor(workers, seed=seed + 1))
    assert outcomes(entries) == ALONE["random"]
    assert sorted(e.number for e in recorder.all) == list(range(40))


# Asking ahead


class Diary:
    """What a sampler, an executor and a recorder did, in order: "ask 3", "submit 3", "end 3", "record 3", "tell 3"."""

    def __init__(self, num_workers: int, *, outcome: Callable[[Trial], Outcome] = result_of) -> None:
        self.events: list[str] = []
        note, numbers = self.events.append, {trial_seed(0, number): number for number in range(50)}

        class Sampler(ListSampler):
            def ask(self, number: int) -> Proposal:
                note(f"ask {number}")
                return super().ask(number)

            def tell(self, known: Known) -> None:
                note(f"tell {known.number}")
                super().tell(known)

        class Executor(FakeExecutor):
            def submit(self, trial: Trial, *, alone: bool = False) -> None:
                note(f"submit {numbers[trial.seed]}")
                super().submit(trial, alone=alone)

            def next_outcome(self) -> tuple[Trial, Outcome]:
                trial, ended = super().next_outcome()
                note(f"end {numbers[trial.seed]}")
                return trial, ended

        class Recorder(MemoryRecorder):
            def add(self, entry: Entry, space: DesignSpace) -> None:
                note(f"record {entry.number}")
                super().add(entry, space)

        self.sampler, self.recorder = Sampler(SPACE, DISTINCT), Recorder()
        self.executor = Executor(num_workers, outcome=outcome)

    def search(self, **settings: Any) -> list[Entry]:
        return search(sampler=self.sampler, executor=self.executor, recorder=self.recorder, **settings)


def test_the_next_trial_is_asked_for_while_all_workers_train_and_a_free_one_gets_it_before_anything_else() -> None:
    diary = Diary(2)
    diary.search(trials=5)
    assert diary.events == [
        *("ask 0", "submit 0", "ask 1", "submit 1", "ask 2"),
        *("end 0", "submit 2", "record 0", "tell 0", "ask 3"),
        *("end 1", "submit 3", "record 1", "tell 1", "ask 4"),
        *("end 2", "submit 4", "record 2", "tell 2"),
        *("end 3", "record 3", "tell 3"),
        *("end 4", "record 4", "tell 4"),
    ]


def test_one_worker_alone_gets_a_trial_that_was_asked_for_after_all_before_it_were_told() -> None:
    diary = Diary(1)
    diary.search(trials=3)
    assert diary.events == [
        step for n in range(3) for step in (f"ask {n}", f"submit {n}", f"end {n}", f"record {n}", f"tell {n}")
    ]


@pytest.mark.parametrize("workers", [2, 3, 7])
def test_no_more_than_one_trial_is_asked_for_ahead_of_need(workers: int) -> None:
    diary = Diary(workers)
    diary.search(trials=20)
    asked = submitted = 0
    for event in diary.events:
        asked += event.startswith("ask")
        submitted += event.startswith("submit")
        assert submitted <= asked <= submitted + 1


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_what_was_asked_for_ahead_is_not_in_the_record_of_a_run_that_is_cut(workers: int) -> None:
    diary = Diary(workers)
    ended = iter([result_of] * 6)

    def outcome(trial: Trial) -> Outcome:
        try:
            return next(ended)(trial)
        except StopIteration:
            raise KeyboardInterrupt from None

    diary.executor._outcome = outcome
    with pytest.raises(KeyboardInterrupt):
        diary.search(trials=20)
    assert [e.number for e in diary.recorder.all] == list(range(6))
    again = Diary(workers)
    again.recorder.all = diary.recorder.all
    assert outcomes(again.search(trials=20)) == outcomes(search(trials=20))
    assert again.sampler.asked == list(range(6, 20)), "asked for again, and nothing else twice"


def test_a_finished_trial_is_recorded_even_if_the_next_cannot_be_handed_over() -> None:
    diary = Diary(2)

    def refuses(trial: Trial, *, alone: bool = False) -> None:
        if len(diary.executor.submitted) == 2:
            raise OSError("no more")
        FakeExecutor.submit(diary.executor, trial, alone=alone)

    diary.executor.submit = refuses  # type: ignore[method-assign]
    with pytest.raises(OSError, match="no more"):
        diary.search(trials=9)
    assert [e.number for e in diary.recorder.all] == [0]


@pytest.mark.parametrize("objectives", [("error",), ("error", "params")], ids=len)
@pytest.mark.parametrize("workers", [1, 2, 4])
@pytest.mark.parametrize(
    ("name", "trials", "cuts"), [("tpe", 20, (1, 8, 13)), ("nsga2", 40, (1, 12, 13, 30)), ("gp", 11, (9,))]
)
def test_an_adaptive_search_cut_anywhere_repeats_no_trial_and_with_one_worker_ends_as_if_it_had_not_been(
    name: str, trials: int, cuts: tuple[int, ...], workers: int, objectives: tuple[str, ...]
) -> None:
    space = plain_space(stages=3, depths=[1, 2, 3], widths=range(4, 65, 4))
    bounds = Bounds(flops=(1.5e6, 3e6))
    made = {"seed": 1, "bounds": bounds, "objectives": objectives}

    def known(entries: list[Entry]) -> list[Any]:
        return [(outcome, e.misses) for outcome, e in zip(outcomes(entries), entries, strict=True)]

    whole = known(search(space=space, sampler=make_sampler(name, space, **made), trials=trials))
    for cut in cuts:
        recorder = MemoryRecorder()

        class Dies(FakeExecutor):
            def next_outcome(self) -> tuple[Trial, Outcome]:
                if len(recorder.all) == cut:  # noqa: B023
                    raise KeyboardInterrupt
                return super().next_outcome()

        def attempt(executor: FakeExecutor) -> list[Entry]:
            sampler = make_sampler(name, space, **made)
            return search(space=space, sampler=sampler, executor=executor, recorder=recorder, trials=trials)  # noqa: B023

        with pytest.raises(KeyboardInterrupt):
            attempt(Dies(workers, seed=cut))
        assert len(recorder.all) == cut
        entries = attempt(FakeExecutor(workers, seed=cut))
        assert [e.number for e in entries] == list(range(trials))
        assert len({e.architecture.key for e in entries}) == trials
        assert workers > 1 or known(entries) == whole


def test_one_worker_gives_tpe_the_table_of_asking_and_telling_in_turn() -> None:
    space = plain_space(stages=3, depths=[1, 2, 3], widths=range(4, 65, 4))
    sampler, alone = (make_sampler("tpe", space, seed=1, bounds=Bounds()) for _ in range(2))
    entries = search(space=space, sampler=sampler, trials=20)
    for entry in entries:
        proposal = alone.ask(entry.number)
        assert (proposal.architecture, proposal.point) == (entry.architecture, entry.point)
        alone.tell(Known(entry.number, proposal, entry.result.error))


# Repeats


def doubled(count: int, seed: int) -> list[Architecture]:
    return doubled_space().sample(count, seed=seed)


def test_a_repeat_takes_the_originals_result_at_no_cost() -> None:
    space, architectures = doubled_space(), doubled(12, seed=0)
    executor = FakeExecutor()
    curved: Callable[[Trial], TrialResult] = lambda trial: dataclasses.replace(  # noqa: E731
        result_of(trial), curve=(), seconds=3.0, peak_memory_bytes=5, provenance={"host": "here"}
    )
    executor._outcome = curved
    entries = search(architectures, space=space, executor=executor, trials=12)
    firsts: dict[str, Entry] = {}
    repeats = 0
    for entry in entries:
        original = firsts.setdefault(entry.architecture.network_key, entry)
        if original is entry:
            assert entry.result.reason == ""
            continue
        repeats += 1
        assert entry.result.reason == f"repeats trial {original.number}"
        assert entry.result.error == original.result.error
        assert entry.result.state == "complete"
        assert (entry.result.seconds, entry.result.retries) == (0.0, 0)
        assert entry.result.provenance == {"host": "here"}
        assert entry.architecture == architectures[entry.number]
    assert repeats == 12 - len(firsts) == 12 - len(executor.submitted)
    assert repeats >= 6


@pytest.mark.parametrize("workers", [2, 5, 12])
def test_repeats_give_the_same_table_in_every_order_of_completion(workers: int) -> None:
    space, architectures = doubled_space(), doubled(12, seed=1)
    expected = outcomes(search(architectures, space=space, trials=12))
    for seed in range(15):
        executor = FakeExecutor(workers, seed=seed)
        assert outcomes(search(architectures, space=space, executor=executor, trials=12)) == expected
        assert len(executor.submitted) == len({a.network_key for a in architectures})


def test_populations_train_their_repeats() -> None:
    space, architectures = doubled_space(), doubled(12, seed=0)
    executor = FakeExecutor(3, seed=0)
    entries = search(architectures, space=space, executor=executor, trials=12, reuse=False)
    assert len(executor.submitted) == 12
    assert {e.result.reason for e in entries} == {""}
    assert len({e.result.error for e in entries}) > len({a.network_key for a in architectures})  # by their own seeds


@pytest.mark.parametrize("workers", [1, 4])
@pytest.mark.parametrize("seed", range(10))
def test_a_repeat_whose_original_failed_is_trained_itself(workers: int, seed: int) -> None:
    space = doubled_space()
    same = [space.decode([0.0, 0.0, ratio, group_width]) for ratio in (0.0, 1.0) for group_width in (0.0, 1.0)]
    assert len({a.key for a in same}) == 4
    assert len({a.network_key for a in same}) == 1
    failing = {trial_seed(0, 0), trial_seed(0, 1)}

    def outcome(trial: Trial) -> Outcome:
        return TrialResult.failed("RuntimeError: no") if trial.seed in failing else result_of(trial)

    executor = FakeExecutor(workers, seed=seed, outcome=outcome)
    recorder = MemoryRecorder()
    entries = search(same, space=space, executor=executor, recorder=recorder, trials=4)
    assert [e.result.state for e in entries] == ["failed", "failed", "complete", "complete"]
    assert [e.result.reason for e in entries] == ["RuntimeError: no", "RuntimeError: no", "", "repeats trial 2"]
    assert [t.seed for t in executor.submitted] == [trial_seed(0, number) for number in range(3)]
    assert len(recorder.all) == 4


def test_a_repeat_of_a_trial_in_the_record_is_not_trained() -> None:
    space, architectures = doubled_space(), doubled(12, seed=0)
    expected = outcomes(search(architectures, space=space, trials=12))
    for cut in range(12):
        recorder, executor = MemoryRecorder(), FakeExecutor()
        search(architectures, space=space, recorder=recorder, trials=cut)
        assert outcomes(search(architectures, space=space, recorder=recorder, executor=executor, trials=12)) == expected
        trained_before = {a.network_key for a in architectures[:cut]}
        assert len(executor.submitted) == len({a.network_key for a in architectures[cut:]} - trained_before)


# Workers that die


def loses(lost: dict[int, int]) -> Callable[[Trial], Outcome]:
    """Return workers that die so often on the trials with these numbers."""
    left = Counter({trial_seed(0, number): times for number, times in lost.items()})

    def outcome(trial: Trial) -> Outcome:
        if left[trial.seed] > 0:
            left[trial.seed] -= 1
            return Lost("worker killed by signal 9")
        return result_of(trial)

    return outcome


@pytest.mark.parametrize("workers", [1, 3])
def test_a_trial_whose_worker_died_is_tried_again_at_most_twice(workers: int) -> None:
    assert MAX_RETRIES == 2
    executor = FakeExecutor(workers, seed=0, outcome=loses({1: 1, 2: 2, 3: 3, 4: 99}))
    entries = search(executor=executor, trials=6)
    assert [e.result.retries for e in entries] == [0, 1, 2, 2, 2, 0]
    assert [e.result.state for e in entries] == ["complete"] * 3 + ["failed"] * 2 + ["complete"]
    assert [e.result.reason for e in entries[3:5]] == ["worker killed by signal 9, 3 times"] * 2
    tries = Counter(trial.seed for trial in executor.submitted)
    assert [tries[trial_seed(0, number)] for number in range(6)] == [1, 2, 3, 3, 3, 1]


def test_a_trial_that_ran_out_of_memory_is_tried_again_alone_and_all_reasons_are_kept() -> None:
    lost = [Lost("past its deadline of 9 s"), Lost("out of memory (MemoryError)", alone=True), Lost("worker killed")]
    given_alone: list[bool] = []

    class Told(FakeExecutor):
        def submit(self, trial: Trial, *, alone: bool = False) -> None:
            given_alone.append(alone)
            super().submit(trial, alone=alone)

    def outcomes_of(losses: list[Lost]) -> Callable[[Trial], Outcome]:
        left = iter(losses)
        return lambda trial: next(left, None) or result_of(trial)

    (got_over,) = search(executor=Told(outcome=outcomes_of(lost[:2])), trials=1)
    assert given_alone == [False, False, True]
    assert (got_over.result.state, got_over.result.lost) == ("complete", tuple(each.reason for each in lost[:2]))
    (failed,) = search(executor=Told(outcome=outcomes_of(lost)), trials=1)
    assert given_alone[3:] == [False, False, True]
    assert (failed.result.state, failed.result.retries) == ("failed", 2)
    assert failed.result.reason == "past its deadline of 9 s; out of memory (MemoryError); worker killed"


def test_workers_that_join_while_all_others_train_get_trials_at_once() -> None:
    """One worker, then three: the executor says so before any trial has ended."""
    under_way: list[int] = []

    class Growing(FakeExecutor):
        def next_outcome(self) -> tuple[Trial, Outcome] | None:  # type: ignore[override]
            if self.num_workers < 3:
                self.num_workers += 1
                return None
            under_way.append(len(self._under_way))
            return super().next_outcome()

    entries = search(executor=Growing(1), trials=6)
    assert [entry.number for entry in entries] == list(range(6))
    assert under_way == [3, 3, 3, 3, 2, 1]


def test_where_all_workers_have_gone_what_they_had_waits_for_others() -> None:
    class Dying(FakeExecutor):
        """Two workers that go with their trials; then one comes."""

        def submit(self, trial: Trial, *, alone: bool = False) -> None:
            self.submitted.append(trial)  # also without a worker
            self._under_way.append(trial)

        def next_outcome(self) -> tuple[Trial, Outcome]:
            if self.num_workers == 2 or (self.num_workers == 1 and len(self.submitted) < 4):
                self.num_workers -= 1
                return self._under_way.pop(0), Lost("node lost")
            self.num_workers = 1
            return super().next_outcome()

    entries = search(executor=Dying(2), trials=4)
    assert [entry.result.state for entry in entries] == ["complete"] * 4
    assert [entry.result.retries for entry in entries] == [1, 1, 0, 0]


def test_a_retry_gives_what_the_first_try_would_have_given() -> None:
    calm = search(trials=6)
    shaken = search(executor=FakeExecutor(2, seed=3, outcome=loses({0: 2, 5: 1})), trials=6)
    assert [e.result.retries for e in shaken] == [2, 0, 0, 0, 0, 1]
    assert [dataclasses.replace(e.result, lost=()) for e in shaken] == [
        dataclasses.replace(e.result, test_error=s.result.test_error) for e, s in zip(calm, shaken, strict=True)
    ]


def test_a_failed_trial_is_told_as_one_and_a_failure_of_the_training_is_not_retried() -> None:
    sampler = ListSampler(SPACE, DISTINCT)
    executor = FakeExecutor(outcome=lambda trial: TrialResult.failed("ValueError: no"))
    entries = search(sampler=sampler, executor=executor, trials=2)
    assert [known.error for known in sampler.told] == [None, None]
    assert [e.result.retries for e in entries] == [0, 0]
    assert len(executor.submitted) == 2


# Time


class FakeTime:
    """A clock that goes on by what trials take."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        monkeypatch.setattr(jobs, "time", SimpleNamespace(monotonic=lambda: self.now))

    def executor(self, seconds: list[float]) -> FakeExecutor:
        lasting = iter(seconds)

        def outcome(trial: Trial) -> TrialResult:
            took = next(lasting)
            self.now += took
            return dataclasses.replace(result_of(trial), seconds=took)

        return FakeExecutor(outcome=outcome)


@pytest.mark.parametrize(
    ("seconds", "trials"),
    [
        (30.0, 3),  # three of 10 s fit exactly
        (29.9, 2),
        (9.9, 1),  # nothing is known of the first
        (0.0, 1),
        (-1.0, 0),
    ],
)
def test_the_clock_stops_asking_when_another_like_the_longest_would_not_end_in_time(
    monkeypatch: pytest.MonkeyPatch, seconds: float, trials: int
) -> None:
    time = FakeTime(monkeypatch)
    sampler = ListSampler(SPACE, DISTINCT)
    entries = search(sampler=sampler, executor=time.executor([10.0] * 9), trials=None, clock=Clock(seconds))
    assert [e.number for e in entries] == list(range(trials))
    assert sampler.asked == list(range(trials))


def test_the_clock_remembers_the_longest_trial(monkeypatch: pytest.MonkeyPatch) -> None:
    time = FakeTime(monkeypatch)
    entries = search(executor=time.executor([1.0, 20.0, 1.0, 1.0, 1.0]), trials=None, clock=Clock(42.0))
    assert len(entries) == 4  # after 22 s there are just 20 left, after 23 s no longer


def test_trials_and_time_both_end_a_search(monkeypatch: pytest.MonkeyPatch) -> None:
    time = FakeTime(monkeypatch)
    assert len(search(executor=time.executor([10.0] * 9), trials=2, clock=Clock(1000.0))) == 2


def test_a_clock_told_beforehand_does_not_begin_what_would_not_end(monkeypatch: pytest.MonkeyPatch) -> None:
    time = FakeTime(monkeypatch)
    clock = Clock(9.0)
    clock.saw(10.0)
    assert search(executor=time.executor([]), trials=None, clock=clock) == []


def test_what_was_asked_for_ahead_is_dropped_when_the_trial_before_it_took_too_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    time, recorder = FakeTime(monkeypatch), MemoryRecorder()
    sampler = ListSampler(SPACE, DISTINCT)
    executor = time.executor([1.0, 20.0, 1.0, 1.0])
    executor.num_workers = 2
    entries = search(sampler=sampler, executor=executor, recorder=recorder, trials=None, clock=Clock(30.0))
    assert sampler.asked == [0, 1, 2, 3], "the fourth when a trial took 1 s"
    assert [e.number for e in entries] == [e.number for e in recorder.all] == [0, 1, 2], "not begun when it took 20 s"


def test_a_trial_of_unknown_length_does_not_stop_the_clock() -> None:
    clock = Clock(5.0)
    clock.saw(math.nan)
    clock.saw(math.inf)
    assert clock.allows_another()


def test_without_a_budget_there_is_always_time() -> None:
    clock = Clock()
    clock.saw(1e12)
    assert clock.allows_another()


# Jobs that are given


def job(number: int, role: str = "confirmation", seed: int = 1) -> Job:
    architecture = DISTINCT[number]
    return Job(
        setting=setting_for(SPACE),
        number=number,
        role=role,
        proposal=Proposal(architecture, tuple(SPACE.encode(architecture).tolist())),
        seed=seed,
    )


def run(jobs: list[Job], recorder: MemoryRecorder, executor: FakeExecutor, stage: str = "confirm") -> list[Entry]:
    return run_jobs(executor, recorder, jobs, stage=stage, progress=Silent())  # type: ignore[arg-type]


def test_given_jobs_come_back_in_their_order_and_are_run_once() -> None:
    jobs = [job(2, seed=1), job(2, seed=2), job(0, seed=1), job(1, seed=1)]
    recorder, executor = MemoryRecorder(), FakeExecutor(3, seed=4)
    entries = run(jobs, recorder, executor)
    assert [(e.number, e.seed, e.role) for e in entries] == [(j.number, j.seed, "confirmation") for j in jobs]
    assert run(jobs, recorder, executor) == entries
    assert len(executor.submitted) == len(recorder.all) == 4
    more = [*jobs, job(1, seed=5)]
    assert [e.seed for e in run(more, recorder, executor)] == [1, 2, 1, 1, 5]
    assert len(executor.submitted) == 5


def test_only_a_test_asks_for_the_test_error() -> None:
    executor = FakeExecutor()
    run([job(0)], MemoryRecorder(), executor)
    (tested,) = run([job(0, role="test")], MemoryRecorder(), executor, stage="test")
    assert [trial.test for trial in executor.submitted] == [False, True]
    assert tested.result.test_error == 50.0


def test_given_jobs_train_the_same_network_each_time() -> None:
    executor = FakeExecutor()
    first, second = run([job(0, seed=1), job(0, seed=2)], MemoryRecorder(), executor)
    assert first.result.error == error_of(DISTINCT[0], 1)
    assert second.result.error == error_of(DISTINCT[0], 2)
