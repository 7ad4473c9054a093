"""benchmarks.gpu: what it plans, what it writes, how it survives, and that it runs without anynas' other libraries."""

import argparse
import dataclasses
import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from anynas.architecture import anynet
from anynas.data import DataSet, Split, load_data
from anynas.training.devices import one_thread
from anynas.training.eager import EagerEngine
from anynas.training.loop import train_trial
from anynas.training.prepared import prepare
from anynas.training.worker import Worker, Workplace
from anynas.trials import Fidelity, Recipe, Trial
from benchmarks import gpu, gpu_check, gpu_worker, ordinary
from benchmarks.gpu_pool import Pool, PoolError
from benchmarks.gpu_results import Row, Variant, base_of, cells, markdown, paired, save
from benchmarks.gpu_worker import Job, Outcome

ROOT = Path(__file__).parents[2]
ABSENT = ("ray", "optuna", "numba", "pandas", "scipy", "rich", "seaborn", "matplotlib", "pyarrow", "filelock")
HIDING = f"""
import sys
from importlib.machinery import PathFinder

class Hiding(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name.split(".")[0] in {ABSENT} else PathFinder.find_spec(name, path, target)

sys.meta_path[:] = [Hiding if finder is PathFinder else finder for finder in sys.meta_path]
"""
TINY = anynet(depths=[1, 1], widths=[8, 16], block="V", stem_width=8, stem_stride=2)
HERE = Workplace(data="synthetic", input_shape=(1, 14, 14), num_classes=10, device="cpu")
ALONE = Variant(kind="graph", precision="float32", how="alone", at_once=1)


@pytest.fixture(autouse=True)
def _one_thread():
    """Train as a worker does; processes that are started inherit it."""
    with one_thread():
        yield


def trial(number=0, architecture=TINY, images=128, epochs=1, **recipe):
    return Trial(
        number=number,
        architecture=architecture,
        recipe=Recipe(**recipe),
        fidelity=Fidelity(epochs=epochs, images=images),
        seed=number,
    )


def outcome(number, error, reason="", memory=0):
    return Outcome(number=number, error=error, reason=reason, seconds=1.0, memory_bytes=memory)


def row(variant=ALONE, errors=(10.0, 20.0), wall=10.0, **changes):
    outcomes = tuple(outcome(number, error, memory=2**20) for number, error in enumerate(errors))
    return Row(**{
        "regime": "fashion", "variant": variant, "planned": 2, "images": 600, "wall_seconds": wall,
        "outcomes": outcomes, **changes,
    })  # fmt: skip


ORDINARY = row(Variant(kind="ordinary", precision="float32", how="alone", at_once=1), (11.0, 23.0), wall=100.0)


# The whole of it, as on a machine that has torch and numpy alone


@pytest.fixture
def environment(tmp_path):
    """Return the environment of a process that sees none of the libraries that the rest of anynas needs."""
    (tmp_path / "sitecustomize.py").write_text(HIDING)  # processes that it starts see no more
    path = os.pathsep.join((str(tmp_path), str(ROOT)))
    return {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}


def test_it_loads_without_the_libraries_that_the_rest_of_anynas_needs(environment):
    load = "import benchmarks.gpu, anynas.training.worker, anynas.training.side_by_side, anynas.execution.process"
    done = subprocess.run([sys.executable, "-c", load], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.extended
def test_it_runs_without_the_libraries_that_the_rest_of_anynas_needs(environment, tmp_path):
    probe = subprocess.run([sys.executable, "-c", "import numba"], env=environment, capture_output=True, text=True)
    assert "No module named 'numba'" in probe.stderr
    out = tmp_path / "out"
    options = "--device cpu --quick --models 2 --regimes fashion --loader-workers 0 --budget 300"
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.gpu", "--out", str(out), *options.split()],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=500,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads((out / "gpu.json").read_text())
    assert all(check.startswith("passed") for check in found["checks"]), found["checks"]
    ways = [(r["variant"]["kind"], r["variant"]["precision"], r["variant"]["how"]) for r in found["rows"]]
    assert ways == [
        ("ordinary", "float32", "alone"),
        ("eager", "float32", "alone"),
        ("eager", "bfloat16", "alone"),
        ("eager", "float32", "streams"),
        ("eager", "float32", "processes"),
    ]
    for found_row in found["rows"]:
        assert (found_row["reason"], len(found_row["outcomes"])) == ("", 2)
        assert found_row["trials_per_hour"] > 0
    eager = [
        {o["number"]: o["error"] for o in r["outcomes"]}
        for r in found["rows"]
        if r["variant"]["kind"] == "eager" and r["variant"]["precision"] == "float32"
    ]
    assert eager[0] == eager[1] == eager[2]  # alone, on streams, in processes
    assert (out / "gpu.md").read_text().count("| eager ") == 4
    assert "eager float32, 2 streams" in done.stdout


def test_without_time_every_variant_says_so(tmp_path, capsys):
    bench = gpu.Bench(options(tmp_path, budget=0.0))
    bench.run()
    assert {r.reason for r in bench.rows} == {"no time left"}
    assert len(json.loads((tmp_path / "gpu.json").read_text())["rows"]) == len(bench.rows) == 5
    assert "no time left" in capsys.readouterr().out


def options(out, **changes):
    return argparse.Namespace(**{
        "out": out, "budget": 100.0, "regimes": ["fashion"], "models": 2, "seed": 0, "device": "cpu", "check": False,
        "loader_workers": 0, "quick": True, **changes,
    })  # fmt: skip


# What is planned


def test_every_variant_trains_the_same_networks_within_the_regimes_band():
    first, again = (gpu.population_of("cifar", options(None)) for _ in range(2))
    assert first == again
    assert [t.seed for t in first.trials] == [0, 1]
    assert first.workplace.input_shape == (3, 32, 32)
    assert gpu.population_of("fashion", options(None, quick=False)).images == 16_000
    assert first.images == 256


def test_packs_are_measured_in_the_faster_precision_first_and_mps_in_blocks():
    def alone(precision, wall):
        return row(dataclasses.replace(ALONE, precision=precision), wall=wall)

    assert gpu.faster_first("fashion", [alone("float32", 10.0), alone("bfloat16", 5.0)]) == ["bfloat16", "float32"]
    assert gpu.faster_first("fashion", [alone("float32", 10.0)]) == ["float32", "bfloat16"]
    assert gpu.faster_first("cifar", [alone("bfloat16", 5.0)]) == ["float32", "bfloat16"]
    plan = list(gpu.packed("cuda", ["bfloat16", "float32"]))
    assert [v.precision for v in plan] == ["bfloat16"] * 9 + ["float32"] * 9
    assert [v.how for v in plan[:9]] == ["streams", "processes"] * 3 + ["processes+MPS"] * 3
    assert sorted({v.at_once for v in plan}) == [2, 4, 8]


# What is written


def test_a_row_counts_what_ended_well():
    found = row(errors=(10.0, math.nan), wall=36.0)
    assert found.complete == {0: 10.0}
    assert found.trials_per_hour == 100
    assert found.images_per_second == pytest.approx(100 * 600 / 3600)
    assert math.isnan(row(errors=()).trials_per_hour)
    assert row(dataclasses.replace(ALONE, how="streams", at_once=4)).memory_bytes == 2**18


def test_errors_are_compared_network_by_network():
    assert paired(row(), ORDINARY) == (-2.0, pytest.approx(1.0))
    assert paired(row(errors=(10.0, math.nan)), ORDINARY) == (-1.0, pytest.approx(math.nan, nan_ok=True))
    assert all(map(math.isnan, paired(row(), None)))
    assert base_of(row(), [row(), ORDINARY]) is ORDINARY
    assert base_of(row(regime="cifar"), [ORDINARY]) is None


def test_a_line_shows_the_ratio_and_the_minutes_for_500_networks():
    assert cells(row(), [ORDINARY, row()]) == (
        "graph float32", "2/2", "120", "720", "10.0", "41.7", "15.00", "-2.00 ± 1.00", "1",
    )  # fmt: skip
    assert cells(row(errors=()), [ORDINARY])[1:6] == ("0/2", "–", "–", "–", "–")


def test_results_are_written_with_their_reasons_and_without_nan(tmp_path):
    facts = {
        "machine": {"device": "A GPU", "torch": "2.11"}, "anynas": "0.1.0", "commit": "", "date": "today", "seed": 0,
        "regimes": {"fashion": "n = 2."},
    }  # fmt: skip
    failed = row(errors=(), wall=math.nan, reason="OutOfMemoryError: none left")
    save(tmp_path, facts, [ORDINARY, failed])
    found = json.loads((tmp_path / "gpu.json").read_text(), parse_constant=pytest.fail)
    assert found["rows"][1]["reason"] == "OutOfMemoryError: none left"
    assert found["rows"][1]["trials_per_hour"] is None
    page = (tmp_path / "gpu.md").read_text()
    assert page == markdown(facts, [ORDINARY, failed])
    assert "device A GPU, torch 2.11" in page
    assert "- graph float32: OutOfMemoryError: none left" in page
    assert sorted(path.name for path in tmp_path.iterdir()) == ["gpu.json", "gpu.md"]


# How it survives


def job(**changes):
    return Job(**{
        "kind": "eager", "precision": "float32", "workplace": HERE, "trials": (trial(),), "loader_workers": 0,
        **changes,
    })  # fmt: skip


def test_a_trial_without_memory_leaves_its_reason_and_the_next_one_is_trained(monkeypatch):
    step, calls = EagerEngine.step, []

    def scarce(self, batch, rate):
        calls.append(batch)
        if len(calls) == 1:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return step(self, batch, rate)

    monkeypatch.setattr(EagerEngine, "step", scarce)
    for streams in (1, 2):
        calls.clear()
        found = list(gpu_worker.outcomes(job(trials=(trial(0), trial(1)), streams=streams), Worker(HERE)))
        by_number = {o.number: o for o in found}
        assert by_number[0].reason == "out of memory (OutOfMemoryError: CUDA out of memory)"
        assert math.isnan(by_number[0].error)
        assert by_number[1].reason == ""


def test_an_ordinary_loop_that_fails_leaves_its_reason(monkeypatch):
    def fails(*_, **__):
        raise RuntimeError("no loader")

    monkeypatch.setattr(ordinary, "train", fails)
    (found,) = gpu_worker.outcomes(job(kind="ordinary"), Worker(HERE))
    assert (found.reason, math.isnan(found.error)) == ("RuntimeError: no loader", True)


def test_after_its_time_a_job_begins_no_trial():
    for kind, streams in (("ordinary", 1), ("eager", 1), ("eager", 2)):
        assert list(gpu_worker.outcomes(job(kind=kind, streams=streams, seconds=-1.0), Worker(HERE))) == []


@pytest.fixture
def pool():
    started = Pool("cpu")
    yield started
    started.close()


def test_a_pool_trains_what_it_is_given(pool, leftovers):
    assert pool.need() is None
    pool.ready(1, job())
    found = pool.run([job(trials=(trial(n),)) for n in range(2)], 1, 60.0)
    assert sorted(o.number for o in found) == [0, 1]
    assert pool.run([job()], 1, 0.0) == []
    pool.close()
    assert leftovers() == []


def test_a_warm_up_that_fails_says_why(pool):
    with pytest.raises(PoolError, match="SettingsError: images must be at least one batch"):
        pool.ready(1, job(trials=(trial(images=20),)))


def test_a_job_that_cannot_be_done_says_why(pool):
    with pytest.raises(PoolError, match="DeviceError: device must be one of"):
        pool.run([job(workplace=dataclasses.replace(HERE, device="cuda:9"))], 1, 60.0)


def test_a_process_that_dies_says_how(pool):
    process, _ = pool._members[0]
    process.kill()
    process.join()
    with pytest.raises(PoolError, match="a process ended with code -9"):
        pool.run([job()], 1, 60.0)


def test_a_pool_without_its_service_is_refused(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(PoolError) as caught:
        Pool("cpu", with_mps=True)
    assert str(caught.value) == "MPS did not start (is nvidia-cuda-mps-control installed?)"


# What is compared


@pytest.fixture(scope="module")
def few():
    return few_of(load_data("synthetic", input_shape=(1, 14, 14)))


def few_of(whole):
    parts = {
        name: Split(getattr(whole, name).images[:count].clone(), getattr(whole, name).labels[:count].clone())
        for name, count in (("train", 1_024), ("validation", 512), ("test", 512))
    }
    return DataSet(name="synthetic", num_classes=10, **parts)


@pytest.mark.parametrize("augmentation", ["none", "crop_flip"])
def test_the_ordinary_loop_does_the_work_of_a_trial(few, augmentation):
    data = prepare(few, resolution=14, device=torch.device("cpu"))

    def engine(asked, prepared):
        return gpu_worker.engine_maker("eager", "float32")(asked, prepared)

    ours, theirs = [], []
    for number in range(3):
        asked = trial(number, images=1_024, epochs=3, augmentation=augmentation)
        theirs.append(ordinary.train(asked, few, torch.device("cpu"), loader_workers=0))
        ours.append(train_trial(asked, data, engine).error)
    assert sum(ours) / 3 == pytest.approx(sum(theirs) / 3, abs=12)
    assert augmentation != "none" or max(ours + theirs) < 80


def test_pictures_are_normalised_and_keep_their_shape(few):
    mean, deviation = few.statistics()
    image, label = ordinary.Pictures(few.train, mean, deviation)[5]
    assert torch.equal(image, (few.train.images[5].float() - mean.view(-1, 1, 1)) / deviation.view(-1, 1, 1))
    assert label == few.train.labels[5]
    assert ordinary.Pictures(few.train, mean, deviation, "crop_flip")[5][0].shape == image.shape


def test_the_checks_find_a_graph_that_trains_something_else(monkeypatch):
    said = []
    small = Worker(HERE, few_of(load_data("synthetic", input_shape=(1, 14, 14))))
    monkeypatch.setattr(gpu_check, "Worker", lambda _: small)
    monkeypatch.setattr(gpu_check, "TOLERANCES", {torch.float32: -1.0})
    checks = gpu_check.Checks("cpu")
    with pytest.raises(AssertionError, match=r"losses .* apart"):
        checks.graphs_take_the_plain_engines_steps()
    monkeypatch.setattr(gpu_check.Checks, "graphs_take_the_plain_engines_steps", lambda self: "fine")
    monkeypatch.setattr(gpu_check.Checks, "a_trial_gives_the_same_curve_twice", lambda self: 1 / 0)
    for name in ("trials_on_streams_equal_trials_alone", "augmentation_and_dropout_draw_anew_and_repeatably"):
        monkeypatch.setattr(gpu_check.Checks, name, lambda self: "")
    assert gpu_check.run("cpu", said.append) == 1
    assert said[0] == "passed  graphs take the plain engines steps: fine"
    assert next(line for line in said if line.startswith("FAILED")).startswith(
        "FAILED  a trial gives the same curve twice: ZeroDivisionError: division by zero ("
    )
