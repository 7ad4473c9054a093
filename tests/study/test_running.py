"""Studies run from end to end: who is trained, in which order, with which seeds; killed, resumed, extended."""

import json
import signal
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from doubles import without_costs
from small_study import SMALL, changed, write

import anynas
from anynas.driver.jobs import Job
from anynas.errors import AnynasError, RunError
from anynas.folder import read_json
from anynas.store import Run
from anynas.study.definition import load_study
from anynas.study.judging import Verdicts, judge
from anynas.study.running import declarations, estimate, jobs, plan_study, run_study

TRIALS = 16


def planned(folder: Path, **settings: Any) -> dict[str, list[Job]]:
    found = defaultdict(list)
    for job in jobs(plan_study(write(folder), executor="inline", run=folder / "run", **settings)):
        found[job.setting.space.name].append(job)
    return found


def comparable(verdicts: Verdicts) -> dict[str, Any]:
    content = verdicts.to_dict()
    content["provenance"].pop("training_seconds")
    return content


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("undisturbed")
    return run_study(write(folder), executor="inline", run=folder / "run")


def test_each_population_is_its_spaces_own_draws(tmp_path: Path) -> None:
    found = planned(tmp_path)
    study = load_study(tmp_path / "small.toml")
    for name in ("free", "wide"):
        expected = study.populations[name].space.sample(len(found[name]), seed=3, flops=(0, 1e9))
        assert [job.proposal.architecture for job in found[name]] == expected
    assert [job.number for job in found["wide"]] == [0, 1, 2, 3]


def test_pairs_share_what_is_not_tied_and_their_seeds(tmp_path: Path) -> None:
    found = planned(tmp_path)
    for free, tied in zip(found["free"], found["tied"], strict=True):
        assert (free.number, free.seed) == (tied.number, tied.seed)
        before, after = free.proposal.architecture.parameters, tied.proposal.architecture.parameters
        assert after.depths == before.depths  # type: ignore[union-attr]
        assert after.widths == (before.widths[0],) * 2  # type: ignore[union-attr]
    seeds = [job.seed for name in ("free", "wide") for job in found[name]]
    assert len(set(seeds)) == len(seeds), "others share no seed"


def test_more_models_are_more_draws_after_the_same_first_ones(tmp_path: Path) -> None:
    few, many = planned(tmp_path), planned(tmp_path, models=9)
    for name, listed in few.items():
        first = [(job.proposal.architecture, job.seed) for job in many[name][: len(listed)]]
        assert first == [(job.proposal.architecture, job.seed) for job in listed]
        assert len(many[name]) == 9


def test_populations_grow_alike(tmp_path: Path) -> None:
    plan = plan_study(write(tmp_path), executor="inline", run=tmp_path / "run")
    names = [job.setting.space.name for job in jobs(plan)]
    half = names[: TRIALS // 2]
    assert (half.count("free"), half.count("tied"), half.count("wide")) == (3, 3, 2)


def test_the_table_has_every_trial_by_population_and_number(undisturbed: Run) -> None:
    table = undisturbed.table()
    assert list(zip(table["space"], table["number"], strict=True)) == [
        (name, number) for name, models in (("free", 6), ("tied", 6), ("wide", 4)) for number in range(models)
    ]
    assert set(table["study"]) == {"small"}
    assert set(table["state"]) == {"complete"}
    assert (table["error"].between(0, 100)).all()
    assert set(table["epochs"]) == {2}
    curves = undisturbed.curves()
    assert curves.groupby(["space", "number"]).size().eq(2).all()
    last = curves[curves["epoch"] == 2].set_index(["space", "number"])["error"]
    assert (last == table.set_index(["space", "number"])["error"]).all()


def test_a_trial_of_a_study_is_that_training_and_no_other(undisturbed: Run) -> None:
    row = undisturbed.table().iloc[7]
    result = anynas.train(
        anynas.Architecture.from_dict(json.loads(row["architecture"])),
        data="fashion-mnist-mini",
        recipe=anynas.Recipe(**json.loads(row["recipe"])),
        fidelity=anynas.Fidelity(epochs=2, images=640, resolution=12),
        seed=int(row["seed"]),
        device="cpu",
    )
    assert result.error == row["error"]


@pytest.mark.ray
@pytest.mark.extended
def test_rays_actors_give_the_same_table_and_verdicts(undisturbed: Run, tmp_path: Path) -> None:
    """As processes do, below: killed twice."""
    run = run_study(write(tmp_path), executor="ray", workers=2, run=tmp_path / "run")
    assert without_costs(run.table()).equals(without_costs(undisturbed.table()))
    assert comparable(judge(run)) == comparable(judge(undisturbed))


def command(folder: Path) -> list[str]:
    options = ("--run", "run", "--executor", "process", "--workers", "2")
    return [sys.executable, "-m", "anynas", "study", "run", str(folder / "small.toml"), *options]


@pytest.mark.slow
def test_a_study_killed_twice_ends_with_the_same_table_and_verdicts(
    undisturbed: Run, tmp_path: Path, leftovers: Any
) -> None:
    write(tmp_path)
    kept = []
    for wanted in (3, 9):
        driver = subprocess.Popen(command(tmp_path), cwd=tmp_path, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 120
        while driver.poll() is None and finished(tmp_path) < wanted and time.monotonic() < deadline:
            time.sleep(0.02)
        driver.send_signal(signal.SIGKILL)
        driver.wait()
        assert leftovers() == []
        kept.append(finished(tmp_path))
        interim = judge(anynas.load_run(tmp_path / "run"))
        assert not interim.is_final
        assert any(notice.startswith("interim: ") for notice in interim.notices)
    assert 3 <= kept[0] < kept[1] < TRIALS
    done = subprocess.run(command(tmp_path), cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    run = anynas.load_run(tmp_path / "run")
    assert without_costs(run.table()).equals(without_costs(undisturbed.table()))
    assert comparable(judge(run)) == comparable(judge(undisturbed))
    assert len(run.entries()) == TRIALS, "nothing twice"
    again = subprocess.run(command(tmp_path), cwd=tmp_path, capture_output=True, text=True)
    assert "all of it is finished: nothing is trained again" in again.stdout


def finished(folder: Path) -> int:
    journal = folder / "run" / "journal.log"
    return len(anynas.load_run(folder / "run").entries()) if journal.exists() else 0


def test_a_run_goes_on_with_more_models(undisturbed: Run, tmp_path: Path) -> None:
    first = run_study(write(tmp_path), models=2, executor="inline", run=tmp_path / "run")
    assert len(first.table()) == 6
    whole = run_study(write(tmp_path), executor="inline", run=tmp_path / "run")
    assert without_costs(whole.table()).equals(without_costs(undisturbed.table()))
    verdicts = judge(whole)
    assert verdicts.is_final
    assert "models changed after the first trial: free from 2 to 6, tied from 2 to 6, wide from 2 to 4" in (
        verdicts.notices
    )


def test_claims_may_change_but_not_in_silence(tmp_path: Path) -> None:
    run = run_study(write(tmp_path), models=2, executor="inline", run=tmp_path / "run")
    assert judge(run).notices == ("not judged, and so not counted by Holm: increasing",) or judge(run).is_final
    text = changed("margin = 5.0", "margin = 9.0")
    text = changed('name = "wide"\n', 'name = "wider"\n', text)
    run = run_study(write(tmp_path, text), models=2, executor="inline", run=tmp_path / "run")
    notices = judge(run).notices
    for said in (
        "added after the first trial: wider",
        "dropped after the first trial: wide",
        "changed after the first",
    ):
        assert any(said in notice for notice in notices)
    first, last = declarations(run.path)
    assert (first.claims[0].margin, last.claims[0].margin) == (5.0, 9.0)


def test_claims_changed_before_the_first_trial_are_the_declared_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from anynas.study import running

    def no_time(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(running, "run_jobs", no_time)
        with pytest.raises(KeyboardInterrupt):
            run_study(write(tmp_path), models=2, executor="inline", run=tmp_path / "run")
    text = changed("margin = 5.0", "margin = 9.0")
    run = run_study(write(tmp_path, text), models=2, executor="inline", run=tmp_path / "run")
    assert not any("changed after" in notice for notice in judge(run).notices)


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("seed = 3", "seed = 4", "a run's seed must not change; it has 3, got 4"),
        ("epochs = 2", "epochs = 1", "a run's populations free fidelity epochs must not change; it has 2, got 1"),
        (
            "[populations.wide]",
            "[populations.broad]",
            "a run's populations wide space name must not change; it has wide, got none",
        ),
        ('pairs_with = "free"', "", "a run's populations tied pairs_with must not change; it has free, got none"),
    ],
)
def test_what_identifies_a_study_may_not_change(tmp_path: Path, before: str, after: str, said: str) -> None:
    run = run_study(write(tmp_path), models=2, executor="inline", run=tmp_path / "run")
    content = read_json(run.path / "run.json")
    text = SMALL.replace("wide", "broad") if "broad" in after else changed(before, after)
    if "pairs_with" in before:
        text = (
            text.replace("paired = true\n", "")
            .replace("margin = 5.0\n", "margin = 5.0\n")
            .replace('space = { extends = "plain.toml", tie', 'seed = 8\nspace = { extends = "plain.toml", tie')
        )
        said = "a run's populations tied seed must not change; it has 3, got 8"
    with pytest.raises(RunError) as caught:
        plan_study(write(tmp_path, text), executor="inline", run=tmp_path / "run")
    assert said in str(caught.value)
    assert read_json(run.path / "run.json") == content


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[populations.AnyNetA]\nregime = "imagenet"\n', "has no data set of its own"),
        ('data = "synthetic"\n[populations.LeNet]\n[populations.AnyNetA]\nregime = "cifar"\n', "share channels"),
        ("[populations.LeNet]\nflops = [1, 2]\n", "LeNet"),
        ("[fidelity]\nimages = 3\n[populations.LeNet]\n", "images must be at least one batch (64)"),
    ],
)
def test_a_study_that_cannot_be_trained_is_refused_before_anything_is_written(
    tmp_path: Path, text: str, said: str
) -> None:
    with pytest.raises(AnynasError) as caught:
        plan_study(write(tmp_path, text), executor="inline", run=tmp_path / "run")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_an_estimate_counts_what_is_left_of_each_population(tmp_path: Path) -> None:
    run_study(write(tmp_path), models=2, executor="inline", run=tmp_path / "run")
    expected = estimate(plan_study(tmp_path / "small.toml", executor="inline", run=tmp_path / "run"))
    assert expected is not None
    assert expected.trials == TRIALS - 6
    each = expected.seconds_per_trial
    assert expected.total_seconds == pytest.approx(4 * each["free"] + 4 * each["tied"] + 2 * each["wide"])


def test_the_run_of_a_search_is_no_study(tmp_path: Path) -> None:
    write(tmp_path)
    run = anynas.search(
        tmp_path / "plain.toml",
        trials=1,
        sampler="random",
        executor="inline",
        run=tmp_path / "run",
        fidelity=anynas.Fidelity(epochs=1, images=128, resolution=8),
    )
    with pytest.raises(RunError, match=r"must be the folder of a study's run, with claims.json in it; there is none"):
        judge(run)
