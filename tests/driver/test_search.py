"""Searches from end to end: one table under every executor, nothing lost however often the driver is killed."""

import json
import os
import random
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from doubles import PLAIN_SPACE, TINY_FIDELITY, plain_space, without_costs

import anynas
from anynas.driver.jobs import Silent
from anynas.driver.search import estimate, plan_search
from anynas.errors import AnynasError, SettingsError

COMMON = {"fidelity": TINY_FIDELITY, "flops": (0, float("inf"))}


@pytest.fixture
def plain(tmp_path):
    path = tmp_path / "plain.toml"
    path.write_text(PLAIN_SPACE)
    return path


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """Tables of six trials, inline, by sampler."""
    folder = tmp_path_factory.mktemp("undisturbed")
    (folder / "plain.toml").write_text(PLAIN_SPACE)
    runs = {
        sampler: anynas.search(
            folder / "plain.toml", trials=6, sampler=sampler, executor="inline", run=folder / sampler, **COMMON
        )
        for sampler in ("random", "qmc")
    }
    return {sampler: (without_costs(run.table()), run.result()) for sampler, run in runs.items()}


@pytest.mark.parametrize(
    ("executor", "workers", "sampler"),
    [
        ("process", 2, "qmc"),
        pytest.param("process", 4, "random", marks=pytest.mark.extended),
        pytest.param("ray", 3, "qmc", marks=pytest.mark.ray),
    ],
)
def test_every_executor_and_number_of_workers_gives_the_same_table(
    plain, tmp_path, undisturbed, sampler, executor, workers
):
    run = anynas.search(
        plain, trials=6, sampler=sampler, executor=executor, workers=workers, run=tmp_path / "run", **COMMON
    )
    table, result = undisturbed[sampler]
    assert without_costs(run.table()).equals(table)
    assert run.result() == result


def test_the_winner_has_the_least_mean_of_three_seeds_and_one_test_error(plain, tmp_path):
    run = anynas.search(plain, trials=6, sampler="random", executor="inline", run=tmp_path / "run", **COMMON)
    table, again, result = run.table(), run.confirmations(), run.result()
    assert (again["role"] == "confirmation").sum() == 6
    assert (again["role"] == "test").sum() == 1
    assert again["test_error"].notna().sum() == 1
    distinct = table.drop_duplicates("network_key").nsmallest(3, "error", keep="first")
    means = {}
    for number in distinct["number"]:
        rerun = again[(again["number"] == number) & (again["role"] == "confirmation")]
        assert rerun["seed"].nunique() == 2
        assert table.set_index("number").loc[number, "seed"] not in set(rerun["seed"])
        means[number] = np.mean([table.set_index("number").loc[number, "error"], *rerun["error"]])
    assert result["number"] == min(means, key=means.get)
    assert result["validation_error_mean"] == pytest.approx(min(means.values()))
    assert result["test_error"] == again["test_error"].dropna().iloc[0]
    assert len(result["validation_errors"]) == 3


def test_more_trials_extend_a_run(plain, tmp_path, undisturbed):
    for trials in (3, 6):
        run = anynas.search(plain, trials=trials, sampler="random", executor="inline", run=tmp_path / "run", **COMMON)
    table, result = undisturbed["random"]
    assert without_costs(run.table()).equals(table)
    assert run.result() == result


class Interrupting(Silent):
    """Presses Ctrl-C when so many trials are finished."""

    def __init__(self, trials):
        self.left = trials

    def finished(self, entry):
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("sampler", "objectives", "trials", "cuts"),
    [
        ("tpe", ("error",), 16, (3, 6, 4)),
        ("tpe", ("error", "params"), 16, (9, 4)),
        ("nsga2", ("error",), 30, (5, 9, 12)),
        ("nsga2", ("error", "flops"), 30, (14, 11)),
        ("gp", ("error", "flops"), 11, (9,)),
    ],
)
def test_an_interrupted_adaptive_search_goes_on_to_the_same_table_and_result(
    tmp_path, sampler, objectives, trials, cuts
):
    space = plain_space(stages=3, depths=[1, 2], widths=range(4, 33, 4))
    asked = {
        "sampler": sampler,
        "objectives": objectives,
        "trials": trials,
        "executor": "inline",
        "fidelity": TINY_FIDELITY,
        "flops": (0.8e6, 1.2e6),
    }
    whole = anynas.search(space, run=tmp_path / "whole", **asked)
    for trials_before in cuts:
        with pytest.raises(KeyboardInterrupt):
            anynas.search(space, run=tmp_path / "run", progress=Interrupting(trials_before), **asked)
    assert len(anynas.load_run(tmp_path / "run").table()) == sum(cuts)
    run = anynas.search(space, run=tmp_path / "run", **asked)
    assert without_costs(run.table()).equals(without_costs(whole.table()))
    assert run.table()["key"].nunique() == trials
    assert run.result() == whole.result()
    assert ("front" in run.result()) == (len(objectives) == 2)
    assert [entry.misses for entry in run.entries("search")] == [entry.misses for entry in whole.entries("search")]


def test_an_interrupted_tpe_on_rungs_goes_on_to_the_same_table(tmp_path):
    space = plain_space(stages=3, depths=[1, 2], widths=range(4, 33, 4))
    asked = {**RUNGS, "sampler": "tpe", "trials": 16, "rungs": 3, "executor": "inline", "flops": (0.8e6, 1.2e6)}
    whole = anynas.search(space, run=tmp_path / "whole", **asked)
    for finished in (5, 11):
        with pytest.raises(KeyboardInterrupt):
            anynas.search(space, run=tmp_path / "run", progress=Interrupting(finished), **asked)
    run = anynas.search(space, run=tmp_path / "run", **asked)
    assert any(entry.misses for entry in whole.entries("search"))
    assert without_costs(run.table()).equals(without_costs(whole.table()))


def test_objectives_belong_to_a_run(plain):
    one = plan_search(plain, **COMMON)
    both = plan_search(plain, objectives=("flops", "error"), **COMMON)
    assert one.identity["objectives"] == ["error"]
    assert both.identity["objectives"] == ["error", "flops"]
    assert both.path != one.path
    assert both.path == plan_search(plain, objectives=("error", "flops"), **COMMON).path


def test_a_cpu_trial_repeated_gives_the_same_bits(tmp_path):
    network = anynas.load_space("AnyNetD").sample(1, seed=4, flops=(0.8e6, 1.2e6))[0]
    fidelity = anynas.Fidelity(epochs=1, images=192)
    first, second = (
        anynas.train(network, data="fashion-mnist-mini", fidelity=fidelity, seed=9, device="cpu") for _ in range(2)
    )
    assert (first.error, first.test_error, first.curve) == (second.error, second.test_error, second.curve)


# Rungs


RUNGS = {"fidelity": anynas.Fidelity(epochs=4, images=128, resolution=8), "flops": (0, float("inf")), "reduction": 2}


@pytest.fixture(scope="module")
def on_rungs(tmp_path_factory):
    """Nine trials on rungs of 1, 2 and 4 epochs, inline; and the same in full."""
    folder = tmp_path_factory.mktemp("on_rungs")
    (folder / "plain.toml").write_text(PLAIN_SPACE)
    return tuple(
        anynas.search(
            folder / "plain.toml",
            trials=9,
            sampler="random",
            executor="inline",
            run=folder / str(rungs),
            rungs=rungs,
            **RUNGS,
        )
        for rungs in (3, 1)
    )


def test_trials_on_rungs_are_those_in_full_as_far_as_they_went(on_rungs):
    run, full = on_rungs
    table, whole = run.table(), full.table()
    assert list(table["key"]) == list(whole["key"])
    assert set(table["state"]) == {"pruned", "complete"}
    assert dict(zip(table["rung"], table["epochs"], strict=True)) == {1: 1, 2: 2, 3: 4}
    assert ((table["rung"] == 3) == (table["state"] == "complete")).all()
    curves = run.curves().merge(full.curves(), on=["space", "number", "epoch"])
    assert len(curves) == len(run.curves())
    assert (curves["error_x"] == curves["error_y"]).all(), "the same bits"
    assert (curves["loss_x"] == curves["loss_y"]).all()
    finished = table[table["state"] == "complete"].set_index("number")["error"]
    assert (finished == whole.set_index("number")["error"][finished.index]).all()


def test_winner_and_finalists_of_a_search_on_rungs_were_trained_in_full(on_rungs):
    run, _ = on_rungs
    table, result = run.table().set_index("number"), run.result()
    complete = table[table["state"] == "complete"]
    assert run.best()["error"] == complete["error"].min()
    assert {int(number) for number in result["finalists"]} <= set(complete.index)
    assert set(run.confirmations()["epochs"]) == {4}
    assert result["failed"] == 0
    reached = [rung["trials"] for rung in result["rungs"]]
    repeats = table["reason"].str.startswith("repeats").sum()
    assert reached[0] == 9 - repeats
    assert reached[2] == (~complete["reason"].str.startswith("repeats")).sum()
    assert result["epochs_trained"] == len(run.curves())
    assert result["epochs_in_full"] == 4 * (9 - repeats)


@pytest.mark.parametrize("executor", ["process", pytest.param("ray", marks=[pytest.mark.ray, pytest.mark.extended])])
def test_one_worker_of_any_kind_gives_the_same_table_on_rungs(plain, tmp_path, on_rungs, executor):
    again = anynas.search(
        plain, trials=9, sampler="random", executor=executor, workers=1, run=tmp_path / "run", rungs=3, **RUNGS
    )
    run, _ = on_rungs
    assert without_costs(again.table()).equals(without_costs(run.table()))
    assert again.result() == run.result()


def test_rungs_belong_to_a_run_and_without_them_it_is_what_it_was(plain, tmp_path):
    without = plan_search(plain, **RUNGS)
    assert "rungs" not in without.identity
    with_rungs = plan_search(plain, rungs=2, **RUNGS)
    assert (with_rungs.identity["rungs"], with_rungs.identity["reduction"]) == (2, 2)
    assert with_rungs.path != without.path
    assert {**without.identity, "rungs": 2, "reduction": 2} == with_rungs.identity


def test_an_estimate_on_rungs_counts_what_they_train(plain):
    expected = estimate(plan_search(plain, trials=8, executor="inline", rungs=3, **RUNGS))
    in_full = (8 * 1 + 4 * 1 + 2 * 2) / 4
    assert expected.trials == 8
    assert expected.total_seconds == pytest.approx((in_full + 6 + 1) * expected.seconds_per_trial)


def command(folder, *, trials, executor):
    return [
        *(sys.executable, "-m", "anynas", "search", "--space", "plain.toml", "--run", "run", "--sampler", "random"),
        *("--trials", str(trials), "--executor", executor, "--flops", "0:", "--fidelity", "tiny.toml"),
        *(("--workers", "2") if executor == "process" else ()),
    ]


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "plain.toml").write_text(PLAIN_SPACE)
    (tmp_path / "tiny.toml").write_text("epochs = 2\nimages = 1280\nresolution = 12\n")
    return tmp_path


def records(folder):
    """Return how often the journal has each trial, without opening it as a driver would."""
    journal = folder / "run" / "journal.log"
    return len(anynas.load_run(folder / "run").entries()) if journal.exists() else 0


@pytest.mark.extended
def test_a_driver_killed_at_several_moments_climbs_as_an_undisturbed_one(folder):
    (folder / "tiny.toml").write_text("epochs = 4\nimages = 1280\nresolution = 12\n")
    rungs = ["--rungs", "3", "--reduction", "2"]
    reference = anynas.search(
        folder / "plain.toml",
        trials=12,
        sampler="random",
        executor="inline",
        run=folder / "reference",
        rungs=3,
        reduction=2,
        flops=(0, float("inf")),
        fidelity=anynas.load_fidelity(folder / "tiny.toml"),
    )
    for wanted in (2, 3):
        driver = subprocess.Popen(
            [*command(folder, trials=12, executor="inline"), *rungs], cwd=folder, stdout=subprocess.DEVNULL
        )
        before, deadline = history(folder), time.monotonic() + 120
        while driver.poll() is None and history(folder) < before + wanted and time.monotonic() < deadline:
            time.sleep(0.02)
        driver.send_signal(signal.SIGKILL)
        driver.wait()
    assert history(folder) >= 5
    done = subprocess.run(
        [*command(folder, trials=12, executor="inline"), *rungs], cwd=folder, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    run = anynas.load_run(folder / "run")
    assert without_costs(run.table()).equals(without_costs(reference.table()))
    assert len(run.history()) == len(reference.history()), "nothing twice"
    assert run.result() == reference.result()


def history(folder):
    """Return how many rungs are recorded."""
    journal = folder / "run" / "journal.log"
    return len(anynas.load_run(folder / "run").history()) if journal.exists() else 0


@pytest.mark.extended
def test_a_driver_killed_before_and_after_its_first_records_loses_nothing_and_does_nothing_twice(folder, leftovers):
    """On a cluster it is killed at five and ten (tests/faults), and a study with processes twice (tests/study)."""
    reference = anynas.search(
        folder / "plain.toml",
        trials=12,
        sampler="random",
        executor="inline",
        run=folder / "reference",
        flops=(0, float("inf")),
        fidelity=anynas.load_fidelity(folder / "tiny.toml"),
    )
    dice, kept = random.Random(7), []
    for wanted in (2, 0):
        driver = subprocess.Popen(
            command(folder, trials=12, executor="process"),
            cwd=folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        before = records(folder)
        deadline = time.monotonic() + 120
        while driver.poll() is None and records(folder) < before + wanted and time.monotonic() < deadline:
            time.sleep(0.02)
        time.sleep(dice.uniform(0, 0.4) if wanted else dice.uniform(0, 6))
        driver.send_signal(signal.SIGKILL)
        driver.wait()
        driver.stderr.close()
        assert leftovers() == []
        kept.append(records(folder))
    assert kept == sorted(kept), "a finished trial is never lost"
    assert kept[0] >= 2
    done = subprocess.run(command(folder, trials=12, executor="process"), cwd=folder, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    run = anynas.load_run(folder / "run")
    assert without_costs(run.table()).equals(without_costs(reference.table()))
    assert len(run.entries()) == len(reference.entries()), "nothing twice"
    assert run.result() == reference.result()


@pytest.mark.parametrize(
    ("executor", "sent"),
    [("process", signal.SIGINT), pytest.param("ray", signal.SIGTERM, marks=pytest.mark.ray)],
    ids=str,
)
def test_ctrl_c_leaves_a_clean_run_and_says_how_to_go_on(folder, leftovers, executor, sent):
    driver = subprocess.Popen(
        command(folder, trials=200, executor=executor),
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    deadline = time.monotonic() + 120
    while records(folder) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    if sent == signal.SIGINT:
        os.killpg(driver.pid, sent)  # as a terminal does: to the driver and its workers
    else:
        driver.send_signal(sent)
    _, err = driver.communicate(timeout=60)
    assert err == "anynas: interrupted; what is finished is safe in run; the same command goes on\n"
    assert driver.returncode == 130
    assert not (folder / "run" / "driver.json").exists()
    assert leftovers() == []
    numbers = [entry.number for entry in anynas.load_run(folder / "run").entries("search")]
    assert len(numbers) == len(set(numbers)) >= 2


def test_a_budget_of_minutes_ends_in_time(plain, tmp_path):
    started = time.monotonic()
    run = anynas.search(plain, minutes=0.05, sampler="random", executor="inline", run=tmp_path / "run", **COMMON)
    assert time.monotonic() - started < 60
    assert len(run.table()) >= 1
    assert run.result()["trials"] == len(run.table())


def test_an_estimate_counts_the_trials_and_the_final_trainings(plain):
    expected = estimate(plan_search(plain, trials=10, executor="process", workers=4, **COMMON))
    assert (expected.trials, expected.num_final_trainings, expected.workers) == (10, 7, 4)
    assert expected.total_seconds == pytest.approx((3 + 2 + 1) * expected.seconds_per_trial)
    in_time = estimate(plan_search(plain, minutes=1, executor="inline", **COMMON))
    assert in_time.trials >= 1
    assert in_time.total_seconds <= 60 + 10 * in_time.seconds_per_trial


def test_bounds_replace_the_regimes_band(plain):
    assert plan_search("AnyNetD").bounds.flops == (0.8e6, 1.2e6)
    assert plan_search("AnyNetD", params=(0, 1e5)).bounds.flops is None


def test_the_default_folder_follows_from_the_question_alone():
    first, second = plan_search("AnyNetD"), plan_search("AnyNetD", trials=99, workers=1, executor="process")
    assert first.path == second.path
    assert first.path != plan_search("AnyNetD", seed=1).path
    assert json.loads(json.dumps(first.identity)) == first.identity
    exact = [plan_search("AnyNetD", flops=(8e5, high)).path for high in (1_234_567, 1_234_568)]
    assert exact[0] != exact[1], "bounds count to the last digit"


def test_a_search_without_one_complete_trial_says_why(plain, tmp_path, monkeypatch):
    from anynas.training import worker

    def fails(trial, data):
        raise RuntimeError("out of luck")

    monkeypatch.setattr(worker, "train_trial", fails)
    with pytest.raises(AnynasError) as caught:
        anynas.search(plain, trials=2, sampler="random", executor="inline", run=tmp_path / "run", **COMMON)
    assert str(caught.value) == (
        f"{tmp_path / 'run'}: at least one trial must be complete; none is (RuntimeError: out of luck)"
    )
    assert list(anynas.load_run(tmp_path / "run").failures()["reason"]) == ["RuntimeError: out of luck"] * 2


def test_a_setting_that_does_not_exist_is_refused_with_the_one_that_was_meant() -> None:
    with pytest.raises(SettingsError) as caught:
        plan_search("AnyNetD", trails=4)
    assert str(caught.value) == 'unknown setting "trails"; did you mean "trials"?'
    with pytest.raises(SettingsError) as caught:
        plan_search("AnyNetD", gpu_per_trial=0.5)
    assert str(caught.value) == 'unknown setting "gpu_per_trial"; did you mean "gpus_per_trial"?'
