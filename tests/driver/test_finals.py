"""The trainings after a search: which networks are trained again, and what is said of them."""

import dataclasses
from typing import Any

import pytest
from doubles import FakeExecutor, MemoryRecorder, plain_space, setting_for

from anynas.designspace import Bounds
from anynas.driver.finals import (
    FRONT_FINALISTS,
    REPLICATES,
    decide,
    final_trainings_left,
    finalists,
    num_final_trainings,
)
from anynas.driver.jobs import Silent
from anynas.driver.loop import run_search
from anynas.driver.rungs import Ladder
from anynas.driver.samplers import make_sampler
from anynas.store import Entry
from anynas.trials import Trial, TrialResult

SPACE = plain_space(stages=3, depths=[1, 2, 3], widths=range(4, 65, 4))
SETTING = setting_for(SPACE)
BOTH = ("error", "params")


def searched(errors: list[float], params: list[int]) -> list[Entry]:
    """Return complete trials with these errors and params, each of a network of its own."""
    from anynas.driver.jobs import Clock

    recorder: Any = MemoryRecorder()
    sampler = make_sampler("random", SPACE, seed=0, bounds=Bounds())
    entries = run_search(
        SETTING, sampler, FakeExecutor(), recorder, trials=len(errors), clock=Clock(), progress=Silent()
    )
    results = [dataclasses.replace(entry.result, error=error) for entry, error in zip(entries, errors, strict=True)]
    return [
        dataclasses.replace(entry, result=result, params=count)
        for entry, result, count in zip(entries, results, params, strict=True)
    ]


def decided(entries: list[Entry], objectives: tuple[str, ...], again: dict[int, float]) -> tuple[dict[str, Any], Any]:
    """Return the result and the record, where the trainings of a number with other seeds have one error."""
    keys = {entry.architecture.key: entry.number for entry in entries}

    def outcome(trial: Trial) -> TrialResult:
        error = again[keys[trial.architecture.key]]
        return TrialResult(state="complete", error=error, test_error=error + 1)

    recorder: Any = MemoryRecorder(entries)
    ladder = Ladder(epochs=(1,))
    result = decide(SETTING, objectives, ladder, entries, FakeExecutor(outcome=outcome), recorder, Silent())
    return result, recorder


def test_of_one_objective_the_three_of_least_error_are_finalists() -> None:
    entries = searched([30, 10, 20, 40, 15], [1, 2, 3, 4, 5])
    assert [entry.number for entry in finalists(entries, ("error",))] == [1, 4, 2]


def test_of_two_objectives_the_front_is_by_its_quantity() -> None:
    entries = searched([30, 10, 20, 40, 15], [100, 500, 200, 50, 600])
    assert [entry.number for entry in finalists(entries, BOTH)] == [3, 0, 2, 1]


def test_of_a_long_front_five_are_taken_evenly_with_both_its_ends() -> None:
    entries = searched([50 - number for number in range(9)], [100 + number for number in range(9)])
    assert [entry.number for entry in finalists(entries, BOTH)] == [0, 2, 4, 6, 8]


def test_two_trials_of_one_network_are_one_finalist() -> None:
    first, second = searched([30, 20], [100, 200])
    repeat = dataclasses.replace(first, number=2)
    assert [entry.number for entry in finalists([first, second, repeat], BOTH)] == [0, 1]


def test_the_confirmed_front_has_means_and_says_which_of_them_is_beaten() -> None:
    entries = searched([30, 20, 10], [100, 200, 300])
    result, _ = decided(entries, BOTH, {0: 30, 1: 35, 2: 16})
    assert [(row["number"], row["validation_error_mean"], row["dominated"]) for row in result["front"]] == [
        (0, 30, False),
        (1, 30, True),
        (2, 14, False),
    ]
    assert [row["validation_errors"] for row in result["front"]] == [[30, 30, 30], [20, 35, 35], [10, 16, 16]]
    assert [row["params"] for row in result["front"]] == [100, 200, 300]
    assert (result["number"], result["validation_error_mean"], result["test_error"]) == (2, 14, 17)


def test_the_winner_of_two_objectives_is_the_least_mean_of_the_front() -> None:
    entries = searched([30, 20, 10], [100, 200, 300])
    result, recorder = decided(entries, BOTH, {0: 30, 1: 20, 2: 40})
    assert result["number"] == 1
    tests = [entry for entry in recorder.all if entry.role == "test"]
    assert [entry.number for entry in tests] == [1]


def test_one_objective_has_no_front_in_its_result() -> None:
    result, _ = decided(searched([30, 20], [1, 2]), ("error",), {0: 30, 1: 20})
    assert "front" not in result


@pytest.mark.parametrize("objectives", [("error",), BOTH], ids=len)
@pytest.mark.parametrize("trials", [1, 2, 9])
def test_trainings_left_are_those_that_will_be_done(objectives: tuple[str, ...], trials: int) -> None:
    entries = searched([50.0 - number for number in range(trials)], [100 + number for number in range(trials)])
    most = num_final_trainings(objectives)
    left = final_trainings_left(entries, objectives)
    assert left == min(trials, (most - 1) // REPLICATES) * REPLICATES + 1
    _, recorder = decided(entries, objectives, dict.fromkeys(range(trials), 20.0))
    assert len(recorder.all) - len(entries) == left
    assert final_trainings_left(recorder.all, objectives) == 0
    without_test = [entry for entry in recorder.all if entry.role != "test"]
    assert final_trainings_left(without_test, objectives) == 1


def test_a_front_takes_eleven_trainings_at_most() -> None:
    assert num_final_trainings(BOTH) == FRONT_FINALISTS * REPLICATES + 1 == 11
    assert num_final_trainings(("error",)) == 7
