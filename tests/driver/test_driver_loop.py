"""The loop under every order of completion, with workers that die, networks that repeat and time that runs out."""

import dataclasses
import math

import pandas as pd
import pytest

from anynas.designspace import Bounds
from anynas.driver.loop import MAX_RETRIES, Clock, Job, Silent, run_jobs, run_search, trial_seed
from anynas.driver.samplers import Proposal, make_sampler
from anynas.execution import WorkerLost
from anynas.trials import TrialResult
from tests.doubles import (
    FakeExecutor,
    ListSampler,
    MemoryRecorder,
    doubled_space,
    plain_space,
    result_of,
    setting_for,
)

NO_BOUNDS = Bounds()


def search(space, executor, *, trials, recorder=None, sampler=None, clock=None, reuse=True, progress=None):
    recorder = recorder if recorder is not None else MemoryRecorder()
    sampler = sampler or make_sampler("random", space, seed=0, bounds=NO_BOUNDS)
    return run_search(
        setting_for(space),
        sampler,
        executor,
        recorder,
        trials=trials,
        clock=clock or Clock(),
        progress=progress or Silent(),
        reuse=reuse,
    )


def facts(entries):
    """Return what must not depend on the order of completion, by number."""
    return [(e.number, e.architecture.key, e.seed, e.result.state, e.result.error, e.result.reason) for e in entries]


@pytest.mark.parametrize("workers", [1, 2, 4, 64])
@pytest.mark.parametrize("order", range(8))
@pytest.mark.parametrize("name", ["random", "qmc"])
def test_the_order_of_completion_changes_nothing(name, order, workers):
    space = doubled_space()  # full of repeats
    alone = search(space, FakeExecutor(), trials=40, sampler=make_sampler(name, space, seed=3, bounds=NO_BOUNDS))
    sampler = make_sampler(name, space, seed=3, bounds=NO_BOUNDS)
    together = search(space, FakeExecutor(workers, seed=order), trials=40, sampler=sampler)
    assert facts(together) == facts(alone)
    assert [entry.number for entry in alone] == list(range(40))


@pytest.mark.parametrize("order", range(6))
def test_a_repeated_network_takes_the_result_of_the_first(order):
    space = doubled_space()
    executor = FakeExecutor(3, seed=order)
    entries = search(space, executor, trials=40)
    first = {}
    for entry in entries:
        original = first.setdefault(entry.architecture.network_key, entry)
        assert entry.result.error == original.result.error
        if original is not entry:
            assert entry.result.reason == f"repeats trial {original.number}"
            assert entry.result.seconds == 0
    assert len(executor.submitted) == len(first) < 40


def test_a_population_trains_repeats_again():
    executor = FakeExecutor(3, seed=0)
    entries = search(doubled_space(), executor, trials=40, reuse=False)
    assert len(executor.submitted) == 40
    assert not any(entry.result.reason for entry in entries)


def test_repeats_of_a_failed_trial_are_trained_after_all():
    space = plain_space()
    network = space.sample(1, seed=0)[0]

    def first_fails(trial):
        return TrialResult.failed("no") if trial.seed == trial_seed(0, 0) else result_of(trial)

    executor = FakeExecutor(4, outcome=first_fails)
    entries = search(space, executor, trials=3, sampler=ListSampler(space, [network] * 3))
    assert [entry.result.state for entry in entries] == ["failed", "complete", "complete"]
    assert [entry.result.reason for entry in entries] == ["no", "", "repeats trial 1"]
    assert len(executor.submitted) == 2


@pytest.mark.parametrize("deaths", range(MAX_RETRIES + 2))
def test_a_trial_whose_worker_dies_is_tried_again_at_most_twice(deaths):
    died = {}

    def outcome(trial):
        died[trial.seed] = died.get(trial.seed, 0) + 1
        return WorkerLost("worker killed by signal 9") if died[trial.seed] <= deaths else result_of(trial)

    executor = FakeExecutor(2, seed=1, outcome=outcome)
    (entry,) = search(plain_space(), executor, trials=1)
    assert len(executor.submitted) == min(deaths, MAX_RETRIES) + 1
    assert entry.result.retries == min(deaths, MAX_RETRIES)
    if deaths <= MAX_RETRIES:
        assert entry.result.state == "complete"
    else:
        assert entry.result.state == "failed"
        assert entry.result.reason == "worker killed by signal 9, 3 times"
        assert math.isnan(entry.result.error)


def test_an_interrupted_search_goes_on_with_the_numbers_that_are_missing():
    space = plain_space()
    whole = search(space, FakeExecutor(), trials=20)
    recorder = MemoryRecorder(entry for entry in whole if entry.number not in (0, 7, 8, 19))
    executor = FakeExecutor(3, seed=2)
    resumed = search(space, executor, trials=20, recorder=recorder)
    assert facts(resumed) == facts(whole)
    assert len(executor.submitted) <= 4


def test_ten_trials_and_then_twenty_are_twenty():
    space, recorder = doubled_space(), MemoryRecorder()
    search(space, FakeExecutor(2, seed=5), trials=10, recorder=recorder)
    assert facts(search(space, FakeExecutor(4, seed=6), trials=20, recorder=recorder)) == facts(
        search(space, FakeExecutor(), trials=20)
    )


def test_nothing_left_to_do_asks_no_worker():
    space, recorder = plain_space(), MemoryRecorder()
    search(space, FakeExecutor(), trials=5, recorder=recorder)

    class Untouchable:
        def __getattr__(self, name):
            raise AssertionError(f"the executor's {name} was used")

    assert len(search(space, Untouchable(), trials=5, recorder=recorder)) == 5


def test_a_clock_that_has_run_out_allows_no_trial_and_one_that_has_not_allows_all():
    assert search(plain_space(), FakeExecutor(), trials=9, clock=Clock(-1.0)) == []
    assert len(search(plain_space(), FakeExecutor(), trials=9, clock=Clock(1000.0))) == 9


def test_a_clock_keeps_time_for_a_trial_as_long_as_the_longest():
    clock = Clock(100.0)
    clock.saw(99.0)
    clock.saw(math.nan)
    assert clock.allows_another()
    clock.saw(101.0)
    assert not clock.allows_another()


def test_without_a_number_of_trials_the_clock_decides():
    clock = Clock(50.0)

    def slow_at_last(trial):
        return dataclasses.replace(result_of(trial), seconds=100.0 if trial.number == 6 else 1.0)

    entries = search(plain_space(stages=4), FakeExecutor(outcome=slow_at_last), trials=None, clock=clock)
    assert len([entry for entry in entries if not entry.result.reason]) == 7


def test_jobs_that_the_record_has_are_not_run_again():
    space = plain_space()
    networks = space.sample(3, seed=1)
    jobs = [
        Job(number=i, role="confirmation", proposal=Proposal(n, tuple(space.encode(n))), seed=10 + i)
        for i, n in enumerate(networks)
    ]
    recorder, setting = MemoryRecorder(), setting_for(space)
    first = FakeExecutor(2)
    run_jobs(setting, first, recorder, jobs[:2], stage="confirm", progress=Silent())
    second = FakeExecutor(2)
    entries = run_jobs(setting, second, recorder, jobs[::-1], stage="confirm", progress=Silent())
    assert (len(first.submitted), len(second.submitted)) == (2, 1)
    assert [entry.number for entry in entries] == [2, 1, 0]


def test_progress_hears_of_every_trial_once():
    heard = []

    class Ear(Silent):
        def started(self, stage, total, finished):
            heard.append((stage, total, len(finished)))

        def finished(self, entry):
            heard.append(entry.number)

    recorder = MemoryRecorder()
    search(plain_space(), FakeExecutor(), trials=2, recorder=recorder)
    search(plain_space(), FakeExecutor(3, seed=0), trials=6, recorder=recorder, progress=Ear())
    assert heard[0] == ("search", 6, 2)
    assert sorted(heard[1:]) == [2, 3, 4, 5]


def test_seeds_of_trials_are_pinned_and_differ():
    assert [trial_seed(0, number) for number in range(2)] == [7896617691693857887, 2918264622725855778]
    seeds = pd.Series([trial_seed(run, number) for run in range(20) for number in range(100)])
    assert seeds.is_unique
    assert seeds.between(0, 2**63 - 1).all()
