"""The section scale: workers that sleep, how busy they were, and how many GPUs that makes, worked out by hand."""

import math
import statistics
from typing import Any

import pytest

from anynas.designspace import load_space
from anynas.store import load_run
from anynas.trials import Fidelity, Paused, Recipe, Trial, TrialResult
from benchmarks import feeding, scale
from benchmarks.simulated import SPREAD, Simulated

REQUEST = {"round": 0, "workers": 2, "rungs": 1, "paused_bytes": 1_000}


def trial(number: int, **fields: Any) -> Trial:
    (architecture,) = load_space("AnyNetD").sample(1, seed=number)
    fidelity = Fidelity(epochs=9, images=64)
    return Trial(
        number=number, architecture=architecture, recipe=Recipe(), fidelity=fidelity, seed=number * 10**9, **fields
    )


# Workers


def test_trials_end_in_the_order_of_their_sleep_and_sleep_for_what_their_seed_says() -> None:
    executor = Simulated(8, seconds=0.05)
    trials = [trial(number) for number in range(8)]
    for one in trials:
        executor.submit(one)
    ended = [executor.next_outcome() for _ in trials]
    lengths = {one.number: end - start for one, (start, end) in zip(trials, executor.spans, strict=True)}
    assert [one.number for one, _ in ended] == sorted(lengths, key=lengths.__getitem__)
    assert all(outcome.seconds == pytest.approx(lengths[one.number]) for one, outcome in ended)  # type: ignore[union-attr]
    assert executor.waited > 0


def test_sleeps_are_log_normal_around_their_mean() -> None:
    executor = Simulated(1, seconds=2.0)
    one = trial(0)
    for number in range(4_000):
        executor.submit(Trial(**{**fields_of(one), "number": number, "seed": number * 2**32 // 4_000}))
    lengths = [end - start for start, end in executor.spans]
    assert statistics.fmean(lengths) == pytest.approx(2.0, rel=0.01)
    assert statistics.stdev(map(math.log, lengths)) == pytest.approx(SPREAD, rel=0.01)


def fields_of(one: Trial) -> dict[str, Any]:
    return {name: getattr(one, name) for name in Trial.__dataclass_fields__}


def test_a_trial_that_pauses_hands_back_its_state_and_sleeps_for_the_rest_when_it_goes_on() -> None:
    executor = Simulated(1, seconds=0.009, paused_bytes=1_000)
    executor.submit(trial(1, stop=3))
    _, paused = executor.next_outcome()
    assert isinstance(paused, Paused)
    assert (paused.num_bytes, paused.result.state, len(paused.result.curve)) == (1_000, "pruned", 3)
    executor.submit(trial(1, paused=paused))
    _, result = executor.next_outcome()
    assert isinstance(result, TrialResult)
    assert (result.state, len(result.curve)) == ("complete", 9)
    assert result.curve[:3] == paused.result.curve
    assert result.seconds == pytest.approx(2 * paused.result.seconds)


# Sides


@pytest.mark.parametrize("rungs", [1, 3])
def test_a_search_of_trials_that_sleep_is_recorded_and_resumed(tmp_path: Any, rungs: int) -> None:
    request = {**REQUEST, "rungs": rungs, "trials": 9, "seconds": 0.01}
    answer = feeding.sleep(request, tmp_path)
    table = load_run(tmp_path / "run").table()
    assert len(table) == answer["rows"] == 10  # one more when it is resumed
    assert answer["outcomes"] >= 9
    assert table["rung"].max() == rungs
    assert 0 < answer["busy"] <= 1
    assert 0 < answer["steady_busy"] <= 1
    assert 0 < answer["driver_seconds"] * answer["outcomes"] <= answer["wall_seconds"]
    assert answer["peak_bytes"] > answer["journal_bytes"] > 0


def test_a_record_grows_and_every_sampler_goes_on_with_a_copy(tmp_path: Any) -> None:
    request = {**REQUEST, "sizes": [0, 5], "few": {"random": 3, "tpe": 2}}
    measured = feeding.saturate(request, tmp_path)["measured"]
    cases = [(one["sampler"], one["records"], one["trials"]) for one in measured]
    assert cases == [("random", 0, 3), ("tpe", 0, 2), ("random", 5, 3), ("tpe", 5, 2)]
    assert all(0 < one["disk_seconds"] < one["seconds"] for one in measured)
    assert len(load_run(tmp_path / "run").table()) == 5


def test_busy_is_what_lies_between_the_first_start_and_the_last_end_and_steady_is_without_both_ends() -> None:
    executor = Simulated(2)
    executor.spans, executor.waited = [(0.0, 4.0), (1.0, 3.0), (3.5, 6.0), (5.0, 8.0)], 6.0
    assert feeding.shares(executor) == {
        "wall_seconds": 8.0,
        "busy": pytest.approx((4 + 2 + 2.5 + 3) / 16),
        "steady_busy": pytest.approx((3 + 2 + 1.5) / 8),  # from 1 to 5
        "driver_seconds": pytest.approx(2 / 4),
        "outcomes": 4,
    }


# Summary


def approach(number: int, workers: int, *, load: float, busy: float) -> dict[str, Any]:
    """A run in which the driver took 2 ms a trial and workers asked for this share of that."""
    times = {"driver_seconds": 0.002, "trial_seconds": workers * 0.002 / load}
    return {"side": "approach", "round": number, "workers": workers, "load": load, "steady_busy": busy, **times}


def saturated(number: int, *, seconds: float) -> dict[str, Any]:
    one = {"sampler": "random", "records": 0, "trials": 100, "seconds": seconds, "disk_seconds": seconds / 4}
    return {"side": "saturate", "round": number, "rungs": 1, "measured": [one]}


def test_the_gpus_fed_are_the_load_that_keeps_them_busy_times_the_length_of_a_trial_over_the_drivers_time() -> None:
    measurements = [saturated(number, seconds=seconds) for number, seconds in enumerate((0.2, 0.45, 0.9))]
    for number in (0, 1):
        measurements += [
            approach(number, 64, load=0.8, busy=0.99),
            approach(number, 64, load=1.0, busy=0.91),
            approach(number, 64, load=1.25, busy=0.8),
            approach(number, 1_024, load=0.9, busy=0.5),  # the fewest workers are the ones that wait longest
        ]
    assert scale.enough(measurements) == [pytest.approx(0.9)] * 2  # half way between 0.8 and 1.0
    fed = scale.fed(measurements)[("random", 0)]
    assert fed == {10: pytest.approx(2_000), 60: pytest.approx(12_000), 600: pytest.approx(120_000)}
    assert scale.gpu_table(measurements).splitlines()[-1] == "| random | 0 | 2,000 | 12,000 | 120,000 |"


def test_a_load_beyond_what_was_measured_is_the_last_that_was() -> None:
    assert scale.enough([approach(0, 64, load=0.8, busy=0.99)]) == [pytest.approx(0.8)]


def test_facts_are_medians_over_rounds() -> None:
    slept = {"busy": 0.9, "steady_busy": 0.95, "wall_seconds": 10.0, "driver_seconds": 0.25, "outcomes": 8}
    slept |= {"peak_bytes": 2**20, "journal_bytes": 2**21, "resume_seconds": 3.0, "table_seconds": 4.0}
    measurements = [saturated(0, seconds=0.2), saturated(1, seconds=0.4), approach(0, 64, load=0.8, busy=0.99)]
    for rungs in scale.SLEEPS:
        measurements.append({"side": "sleep", "round": 0, "rungs": rungs, "trials": 8, "workers": 2, **slept})
    rows, facts = scale.summary(measurements)
    found = {fact.name: (fact.value, fact.n) for fact in facts}
    assert rows == []
    assert found["random, 0 recorded: a trial"] == (pytest.approx(3.0), 2)
    assert found["random: of it waiting for the disk"] == (pytest.approx(25.0), 2)
    assert found["64 workers ask for 0.80 of what it can do: busy"] == (pytest.approx(99.0), 1)
    assert found["8 trials, 2 workers: the driver, of that"] == (pytest.approx(20.0), 1)
    assert found["8 trials, 2 workers on rungs: journal"] == (2.0, 1)


def test_a_quick_run_has_every_side_that_a_whole_one_has() -> None:
    def sides(quick: bool) -> set[tuple[str, int]]:
        works: list[Any] = [task.work for task in scale.tasks(quick=quick)]
        return {(work.args[0], work.keywords["rungs"]) for work in works}

    assert (
        sides(True) == sides(False) == {("approach", 1), *((side, n) for side in ("sleep", "saturate") for n in (1, 3))}
    )
