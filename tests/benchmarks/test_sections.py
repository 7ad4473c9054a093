"""The sections trials, driver, start-up and profile: sides that do their work, and summaries worked out by hand."""

import dataclasses
from typing import Any

import pytest
import torch

from anynas.designspace import load_space
from anynas.driver.jobs import trial_seed
from benchmarks import driver, look_up, others, population, profile, profiling, startup, trials
from benchmarks.measuring import BenchmarkError, Fact, Row
from benchmarks.sides import run_side


def values(facts: list[Fact]) -> dict[str, float]:
    return {fact.name: fact.value for fact in facts}


def ratios(rows: list[Row]) -> dict[tuple[str, str], float]:
    return {(row.name, row.other): row.ratio for row in rows}


# Trials


def round_of(side: str, number: int, *, seconds: float, errors: dict[str, float], workers: int = 2) -> dict[str, Any]:
    """A side's round that started its process at 90 s, its first trial at 100 s, with trials of 3 s."""
    results = [{"key": key, "error": error, "seconds": 3.0} for key, error in errors.items()]
    times = {"spawned": 90.0, "first_start": 100.0, "last_end": 100.0 + seconds}
    return {"side": side, "round": number, **times, "workers": workers, "results": results}


def test_trials_are_compared_by_wall_time_a_trial():
    measurements = [
        round_of("anynas", 0, seconds=4.0, errors={"a": 10.0, "b": 20.0}),
        round_of("Ray Tune", 0, seconds=8.0, errors={"b": 20.0, "a": 10.0}),
        round_of("plain loop", 0, seconds=18.0, errors={"a": 9.0, "b": 20.0}, workers=1),
    ]
    rows, facts = trials.summary(measurements)
    assert ratios(rows) == {
        ("trials", "Ray Tune"): 2.0,
        ("trials", "plain loop"): 4.5,
        ("with start-up", "Ray Tune"): 18 / 14,
        ("with start-up", "plain loop"): 2.0,
    }
    assert values(facts)["anynas: trials a minute"] == 30.0  # two in four seconds
    assert values(facts)["workers busy with trials"] == 75.0  # 6 of 2 x 4 seconds


def test_errors_are_compared_network_by_network():
    measurements = []
    for number, (a, b) in enumerate([(11.0, 20.0), (13.0, 22.0)]):
        measurements.append(round_of("anynas", number, seconds=4.0, errors={"a": a, "b": b}))
        for other in ("Ray Tune", "plain loop"):
            measurements.append(round_of(other, number, seconds=4.0, errors={"b": 20.0, "a": 10.0}))
    _, facts = trials.summary(measurements)
    (fact,) = [fact for fact in facts if fact.name == "validation error, anynas minus plain loop"]
    assert (fact.value, fact.n) == (1.5, 4)  # a: +1 and +3, b: 0 and +2; means 2 and 1
    assert fact.low == pytest.approx(1.5 - 12.706204736 * 0.5)  # t with 1 degree of freedom; error of the mean 0.5
    (both,) = [fact for fact in facts if fact.name == "validation error, anynas minus plain loop and Ray Tune"]
    assert (both.value, both.low) == (fact.value, pytest.approx(fact.low))  # Ray Tune's errors are the loop's here


def test_a_request_names_the_first_draws_in_the_band_with_a_searchs_seeds():
    request = trials.request_of(2, networks=3)
    regime = load_space("AnyNetD").regime
    draws = load_space("AnyNetD").sample(3, seed=0, flops=regime.flops)
    assert [trial["key"] for trial in request["trials"]] == [draw.key for draw in draws]
    assert [trial["seed"] for trial in request["trials"]] == [trial_seed(2, number) for number in range(3)]
    assert request["recipe"] == dataclasses.asdict(regime.recipe)
    assert (request["images"], request["epochs"]) == (regime.fidelity.images, regime.fidelity.epochs)


def check_answer(answer: dict[str, Any], request: dict[str, Any]) -> None:
    assert sorted(r["key"] for r in answer["results"]) == sorted(trial["key"] for trial in request["trials"])
    assert answer["first_start"] < answer["last_end"]
    assert 0 < trials.busy(answer) <= 1
    assert answer["threads"] == 1


def test_anynas_trains_the_requested_networks_through_its_driver(tmp_path):
    request = {**trials.request_of(1, networks=2, images=64), "epochs": 1}
    check_answer(population.population({**request, "executor": "inline"}, tmp_path), request)


def test_anynas_side_refuses_other_seeds(tmp_path):
    request = {**trials.request_of(1, networks=1, images=64), "epochs": 1, "executor": "inline", "round": 2}
    with pytest.raises(BenchmarkError) as error:
        population.population(request, tmp_path)
    assert str(error.value) == "both sides must train with the same seeds; the driver's are others"


@pytest.mark.ray
def test_ray_tune_trains_the_requested_networks():
    pytest.importorskip("pydantic", reason="Ray Tune needs it")
    request = {**trials.request_of(1, networks=2, images=64), "epochs": 1}
    answer = run_side("ray_tune:tuner", **request)
    check_answer(answer, request)
    assert answer["spawned"] < answer["first_start"]


def test_a_side_that_fails_is_an_error_in_one_line():
    with pytest.raises(BenchmarkError) as error:
        run_side("trials:nothing")
    assert str(error.value).startswith("trials:nothing must end with code 0; got 1: AttributeError: ")
    assert "\n" not in str(error.value)


def test_sides_take_turns_and_ray_tune_rests_in_one_round():
    sides = [task.label.removeprefix("trials: ").partition(",")[0] for task in trials.tasks(quick=False)]
    whole = ["anynas", "Ray Tune", "plain loop"]
    assert sides == [*whole, "anynas", "plain loop", *whole]


# Driver


@pytest.mark.parametrize("sampler", driver.SAMPLERS)
def test_a_search_of_free_trials_is_recorded_in_full(tmp_path, sampler):
    from anynas.store import load_run

    answer = look_up.search({"round": 0, "sampler": sampler, "trials": 6, "few": 2}, tmp_path)
    errors = load_run(tmp_path / "run").table()["error"]
    assert len(errors) == (8 if sampler == "random" else 6)  # two more by TPE
    assert errors.between(0, 100).all()
    assert ("tpe_ask" in answer) == (sampler == "random")
    assert all(seconds > 0 for name, seconds in answer.items())


def test_the_driver_is_compared_by_seconds_a_trial_and_growth_is_that_of_medians():
    measurements = []
    for other in driver.OTHERS:
        ours = {"side": "anynas", "beside": other, "round": 0, "sampler": "random", "trials": 100, "seconds": 0.1}
        measurements += [ours, {"side": other, "round": 0, "trials": 20, "seconds": 2.0}]
    for sampler in driver.SAMPLERS:
        for number, scale in enumerate((1, 2, 9)):
            for trials_, seconds in ((1_000, 1.0), (10_000, 15.0)):
                measurements.append(
                    {"side": "anynas", "beside": "", "round": number, "sampler": sampler, "trials": trials_}
                    | {"seconds": seconds * scale, "few": 10, "tpe_ask": 0.2 * scale, "tpe_rest": 0.1 * scale}
                )
    rows, facts = driver.summary(measurements)
    assert list(ratios(rows).values()) == [pytest.approx(100.0)] * len(driver.OTHERS)
    assert {row.name for row in rows} == {"a trial, 100 and 20 of them"}
    found = values(facts)
    assert found["random, 1,000 trials: a trial"] == pytest.approx(2.0)  # ms
    assert found["random: 10,000 / 1,000"] == pytest.approx(1.5)
    assert found["tpe, ask(), 1,000 trials: a trial"] == pytest.approx(40.0)
    assert found["tpe without ask(): 10,000 / 1,000"] == pytest.approx(1.0)


def test_a_study_on_sqlite_keeps_its_trials(tmp_path):
    pytest.importorskip("sqlalchemy")
    import optuna

    assert others.sqlite({"round": 0, "trials": 2}, tmp_path)["seconds"] > 0
    (study,) = optuna.get_all_study_summaries(storage=f"sqlite:///{tmp_path / 'study.db'}")
    assert study.n_trials == 2


# Start-up


def test_the_first_step_of_a_search_is_found_from_outside():
    assert 0 < startup.first_step("inline") < 60


def test_a_search_that_does_not_begin_is_an_error():
    with pytest.raises(BenchmarkError) as error:
        startup.first_step("threads")
    assert str(error.value) == (
        'a search must end its first trial; it said: anynas: unknown executor "threads"; known: inline, process, ray'
    )


def test_start_up_is_compared_round_by_round():
    def measured(what: str, side: str, seconds: float) -> dict[str, Any]:
        return {"what": what, "side": side, "round": 0, "seconds": seconds}

    measurements = [measured("help", "anynas", 0.1), measured("help", "import torch", 2.0)]
    measurements += [measured(executor, "anynas", 4.0) for executor in startup.EXECUTORS]
    measurements += [measured("first step", "Ray Tune", 8.0), measured("first step", "plain loop", 2.0)]
    rows, facts = startup.summary(measurements)
    assert ratios(rows) == {
        ("anynas --help", "import torch"): 20.0,
        ("first step, ray", "Ray Tune"): 2.0,
        ("first step, process", "Ray Tune"): 2.0,
        ("first step, inline", "plain loop"): 0.5,
    }
    assert values(facts) == {"import torch": 2.0}


# Profile


@pytest.mark.parametrize(
    ("operation", "kind"),
    [
        ("aten::convolution_backward", "convolution"),
        ("aten::native_batch_norm", "batch norm"),
        ("aten::threshold_backward", "ReLU"),
        ("aten::addmm", "linear, pooling and loss"),
        ("Optimizer.step#SGD.step", "optimiser"),
        ("aten::index", "taking images"),
        ("aten::add_", "sums and copies"),
        ("anynas::something_new", "other operations"),
    ],
)
def test_operations_have_kinds(operation, kind):
    assert profiling.kind_of(operation) == kind


@pytest.mark.parametrize(
    ("operation", "kind"),
    [
        ("Pointwise.forward", "1x1 convolution, linear"),
        ("Direct.backward", "larger convolution"),
        ("Normalised.backward", "norm, with addition and ReLU"),
        ("SGD.step", "optimiser"),
        ("New.forward", "other operations"),
    ],
)
def test_operations_of_a_tape_have_kinds(operation, kind):
    assert profiling.tape_kind_of(operation) == kind


def test_the_parts_of_a_profile_add_up_to_its_wall_time():
    conv, images = torch.nn.Conv2d(8, 8, 3), torch.randn(4, 8, 16, 16)
    wall, kinds, operations = profiling.profiled(lambda: conv(images).sum().backward(), steps=5)
    assert sum(kinds.values()) == pytest.approx(wall, rel=0.05)
    assert kinds["convolution"] > 0
    assert "aten::convolution_backward" in operations


def test_the_rate_counts_two_operations_a_multiply_add_and_three_passes():
    network = {"multiply_adds": 1e6, "images": 500, "seconds": 2.0, "profiled_seconds": 4.0}
    kinds = {"convolution": 3.0, "batch norm": 1.0}
    measurement = {"side": "anynas", "round": 0, "peak_gflops": [10.0, 15.0]}
    rows, facts = profile.summary([{**measurement, "results": [{**network, "seconds_by_kind": kinds}] * 2}])
    assert rows == []
    assert values(facts) == {
        "time: convolution": 75.0,
        "time: batch norm": 25.0,
        "images a second on one core": 250.0,
        "training on one core": 1.5,  # 250 images x 1e6 x 3 x 2
        "matrix product on one core": 15.0,
        "training / matrix product": 10.0,
    }


def test_networks_are_profiled_by_the_step_that_trains_them(tmp_path):
    answer = profile.profile_networks({"networks": 1, "steps": 2}, tmp_path)
    (network,) = answer["results"]
    assert network["key"] == trials.request_of(0, networks=1)["trials"][0]["key"]
    assert network["images"] == 2 * load_space("AnyNetD").regime.recipe.batch_size
    assert network["seconds"] > 0
    assert sum(network["seconds_by_kind"].values()) == pytest.approx(network["profiled_seconds"], rel=0.05)
    assert min(answer["peak_gflops"]) > 0
