"""Full training: what it leaves, that it goes on where it was stopped, and what it refuses."""

import functools
import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from few_images import few

import anynas
from anynas.architecture import anynet, load_architecture
from anynas.data import DATA_SETS
from anynas.designspace.loading import own_regime
from anynas.errors import AnynasError, ArchitectureError, DataError, RunError, SettingsError
from anynas.regimes import load_regime
from anynas.training import fully
from anynas.training.cuda.engine import GraphEngine
from anynas.training.cuda.recording import Repeater
from anynas.training.eager import EagerEngine
from anynas.training.engines import network_of
from anynas.training.fully import plan_training, run_training, seconds_left, train_fully
from anynas.training.trained import load_trained
from anynas.training.weights import read_tensors, write_tensors
from anynas.trials import Fidelity, Recipe

TINY = anynet(depths=[1, 1], widths=[8, 16], block="V", stem_width=8)
RECIPE = Recipe(batch_size=32, augmentation="crop_flip", learning_rate=0.05)
NETWORKS = {  # on the tape and on torch's own modules, the last with dropout
    "anynet": anynet(depths=[1, 2], widths=[16, 24], bottleneck_ratios=[2, 2], group_widths=[4, 4], se_ratio=0.25),
    "lenet": load_architecture("lenet"),
    "wide": anynet(depths=[1, 1], widths=[96, 96], block="VR", stem_width=16),
    "vgg": anynas.Architecture.from_dict(
        {"schema": 1, "family": "vgg", "depths": [1, 1], "widths": [8, 16], "hidden_width": 32, "dropout": 0.5}
    ),
}


@pytest.fixture(autouse=True)
def _few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(DATA_SETS, "few", few)


def trained(path: Path, network: anynas.Architecture = TINY, **settings: object) -> anynas.Trained:
    return train_fully(
        network, **{"data": "few", "regime": "fashion", "recipe": RECIPE, "epochs": 3, "path": path, **settings}
    )


def outcome(path: Path) -> tuple[bytes, object, object, object]:
    """Return what two equal trainings have in common: weights, curve, errors."""
    record = json.loads((path / "training.json").read_text())
    weights = (path / "weights.safetensors").read_bytes()
    return weights, record["curve"], record["validation_error"], record["test_error"]


def test_a_folder_has_weights_architecture_record_and_no_checkpoint(tmp_path: Path) -> None:
    found = trained(tmp_path / "t")
    assert sorted(file.name for file in (tmp_path / "t").iterdir()) == [
        *("architecture.json", "training.json", "training.lock", "weights.safetensors")
    ]
    assert anynas.load_architecture(tmp_path / "t" / "architecture.json") == TINY == found.architecture
    assert found == load_trained(tmp_path / "t")
    assert (found.data, found.num_images, found.seed, found.input_shape) == ("few", 256, 0, (1, 28, 28))
    assert (found.recipe, found.fidelity) == (RECIPE, Fidelity(epochs=3))
    assert list(found.curve().epoch) == [1, 2, 3]
    assert found.record["key"] == TINY.key
    assert found.record["params"] == anynas.complexity(TINY, input_shape=(1, 28, 28), num_classes=10).params
    pixels = few((1, 28, 28), 10)[0].images.double()
    assert found.mean == (pytest.approx(pixels.mean().item()),)
    assert found.deviation == (pytest.approx(pixels.std().item()),)


@pytest.mark.parametrize("name", list(NETWORKS))
def test_the_network_with_its_weights_has_the_errors_that_training_saw(tmp_path: Path, name: str) -> None:
    """The engine's last validation error is that of plain torch with the weights of the file."""
    found = trained(tmp_path / "t", NETWORKS[name], regime="cifar", recipe=RECIPE)
    assert found.validation_error == found.record["curve"][-1]["error"]
    _, validation, _ = few((3, 32, 32), 10)
    mean, deviation = (torch.tensor(values).view(-1, 1, 1) for values in (found.mean, found.deviation))
    with torch.no_grad():
        wrong = found.network()((validation.images.float() - mean) / deviation).argmax(dim=1) != validation.labels
    assert found.validation_error == 100 * wrong.double().mean().item()


@pytest.mark.parametrize("name", ["anynet", "wide", "vgg"])
def test_a_training_that_was_stopped_goes_on_and_ends_with_the_same_bits(tmp_path: Path, name: str) -> None:
    settings = {"data": "few", "regime": "cifar", "recipe": RECIPE, "epochs": 4, "seed": 3}
    train_fully(NETWORKS[name], **settings, path=tmp_path / "whole")
    for _ in range(2):  # two epochs, then one more, each time with all made anew
        plan = plan_training(NETWORKS[name], **settings, path=tmp_path / "parts")
        steps = run_training(plan)
        before = plan.epochs_done
        assert next(steps).epoch == before + 1
        if before == 0:
            next(steps)
        steps.close()
    assert plan_training(NETWORKS[name], **settings, path=tmp_path / "parts").epochs_done == 3
    train_fully(NETWORKS[name], **settings, path=tmp_path / "parts")
    assert outcome(tmp_path / "parts") == outcome(tmp_path / "whole")


@pytest.mark.parametrize("kind", ["eager", "graph"])
def test_other_engines_go_on_too(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A graph's recorder has a stand-in here; that one engine serves all epochs is what it has to bear."""
    kinds = {"eager": EagerEngine, "graph": functools.partial(GraphEngine, recorder=Repeater())}
    monkeypatch.setattr(fully, "make_engine", lambda trial, data: kinds[kind](network_of(trial, data), trial, data))
    settings = {"data": "few", "regime": "fashion", "recipe": RECIPE, "epochs": 3, "seed": 3}
    train_fully(TINY, **settings, path=tmp_path / "whole")
    steps = run_training(plan_training(TINY, **settings, path=tmp_path / "parts"))
    next(steps)
    steps.close()
    train_fully(TINY, **settings, path=tmp_path / "parts")
    assert outcome(tmp_path / "parts") == outcome(tmp_path / "whole")


KILLED = """
import os, signal
from few_images import register
from anynas.training.cpu.engine import CpuEngine
from anynas.training.fully import train_fully
from anynas.trials import Recipe

register()
step, taken = CpuEngine.step, 0

def dies(self, *arguments):
    global taken
    taken += 1
    if taken == 20:  # eight an epoch
        os.kill(os.getpid(), signal.SIGKILL)
    return step(self, *arguments)

CpuEngine.step = dies
recipe = Recipe(batch_size=32, augmentation="crop_flip", learning_rate=0.05)
train_fully("lenet", data="few", recipe=recipe, epochs=4, path="killed")
"""


def test_a_process_killed_within_an_epoch_loses_that_epoch_alone(tmp_path: Path) -> None:
    path = os.pathsep.join([str(Path(__file__).parents[1]), os.environ["PYTHONPATH"]])
    killed = subprocess.run([sys.executable, "-c", KILLED], cwd=tmp_path, env={**os.environ, "PYTHONPATH": path})
    assert killed.returncode == -9
    assert sorted(file.name for file in (tmp_path / "killed").iterdir()) == ["checkpoint.safetensors", "training.lock"]
    with pytest.raises(RunError) as refused:
        load_trained(tmp_path / "killed")
    assert str(refused.value) == (
        f"{tmp_path}/killed: its training must have ended; it has not; run the same command again to go on"
    )
    settings = {"data": "few", "recipe": RECIPE, "epochs": 4}
    plan = plan_training("lenet", **settings, path=tmp_path / "killed")
    assert plan.epochs_done == 2
    assert [point.epoch for point in run_training(plan)] == [3, 4]
    train_fully("lenet", **settings, path=tmp_path / "whole")
    assert outcome(tmp_path / "killed") == outcome(tmp_path / "whole")


def test_what_is_finished_is_not_trained_again(tmp_path: Path) -> None:
    first = trained(tmp_path / "t")
    before = (tmp_path / "t" / "training.json").stat().st_mtime_ns
    plan = plan_training(TINY, data="few", regime="fashion", recipe=RECIPE, epochs=3, path=tmp_path / "t")
    assert (plan.epochs_done, seconds_left(plan), list(run_training(plan))) == (3, 0.0, [])
    assert trained(tmp_path / "t") == first
    assert (tmp_path / "t" / "training.json").stat().st_mtime_ns == before


def test_another_question_in_the_same_folder_is_refused(tmp_path: Path) -> None:
    trained(tmp_path / "t")
    for changed, said in (
        ({"epochs": 4}, "epochs must not change; it has 3, got 4"),
        ({"seed": 1}, "seed must not change; it has 0, got 1"),
        ({"data": "synthetic"}, 'data must not change; it has "few", got "synthetic"'),
        ({"recipe": Recipe(batch_size=64)}, "learning_rate must not change; it has 0.05, got 0.1"),
        ({"network": NETWORKS["lenet"]}, f'architecture must not change; it has "{TINY.key}", got "'),
    ):
        with pytest.raises(RunError) as refused:
            trained(tmp_path / "t", **changed)  # type: ignore[arg-type]
        assert str(refused.value).startswith(f"{tmp_path}/t: a training's {said}")
        assert str(refused.value).endswith("; choose another --out")


def test_two_trainings_in_one_folder_are_refused(tmp_path: Path) -> None:
    plan = plan_training(TINY, data="few", regime="fashion", recipe=RECIPE, epochs=3, path=tmp_path / "t")
    first = run_training(plan)
    next(first)
    with pytest.raises(RunError) as refused:
        next(run_training(plan))
    first.close()
    assert str(refused.value) == (
        f"{tmp_path}/t: must have one training at a time; another process is at work on it; wait for it, or choose "
        "another --out"
    )


def test_folders_that_hold_other_things_are_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("mine")
    for path in (tmp_path, tmp_path / "note.txt"):
        with pytest.raises(RunError) as refused:
            trained(path)
        assert str(refused.value) == (
            f"{path}: must be a trained network's folder or a new one; it holds other things; choose another --out"
        )
    assert [file.name for file in tmp_path.iterdir()] == ["note.txt"]


def test_damaged_files_get_one_line(tmp_path: Path) -> None:
    trained(tmp_path / "t")
    weights = tmp_path / "t" / "weights.safetensors"
    whole = weights.read_bytes()
    for content in (b"", whole[:100], b"\x80\x04" + whole[2:]):
        weights.write_bytes(content)
        with pytest.raises(RunError) as refused:
            load_trained(tmp_path / "t").network()
        assert str(refused.value).startswith(f"{weights}: must be a safetensors file; it is damaged (")
        assert "\n" not in str(refused.value)
    record = json.loads((tmp_path / "t" / "training.json").read_text())
    for change, reason in (
        ({"validation_error": None}, "an error must be a number; got None"),
        ({"identity": {**record["identity"], "seed": "x", "recipe": {"batch_size": 1}}}, "batch_size must be at least"),
        ({"identity": {}}, "no 'architecture'"),
    ):
        (tmp_path / "t" / "training.json").write_text(json.dumps({**record, **change}))
        with pytest.raises(RunError) as refused:
            load_trained(tmp_path / "t")
        assert str(refused.value).startswith(f"{tmp_path}/t/training.json: must be what training wrote; {reason}")
    with pytest.raises(RunError) as refused:
        load_trained(tmp_path)
    assert str(refused.value) == (
        f"{tmp_path}: must be a trained network's folder, with training.json in it; there is none"
    )


def test_a_damaged_checkpoint_gets_one_line_that_says_what_to_do(tmp_path: Path) -> None:
    plan = plan_training(TINY, data="few", regime="fashion", recipe=RECIPE, epochs=3, path=tmp_path / "t")
    steps = run_training(plan)
    next(steps)
    steps.close()
    checkpoint = tmp_path / "t" / "checkpoint.safetensors"
    tensors, about = read_tensors(checkpoint)
    assert all(tensor.dtype in (torch.float32, torch.int64, torch.uint8) for tensor in tensors.values())
    assert json.loads(about["anynas"])["identity"] == plan.identity
    write_tensors(checkpoint, tensors, {"anynas": "[]"})
    with pytest.raises(RunError) as refused:
        plan_training(TINY, data="few", regime="fashion", recipe=RECIPE, epochs=3, path=tmp_path / "t")
    assert str(refused.value) == f"{checkpoint}: must be a checkpoint; it is damaged; delete it to begin again"


def test_a_training_that_diverges_says_what_to_change(tmp_path: Path) -> None:
    wild = Recipe(batch_size=32, learning_rate=1e6, warmup_fraction=0.0)
    with pytest.raises(RunError) as refused:
        trained(tmp_path / "t", recipe=wild)
    assert str(refused.value) == (
        f"{tmp_path}/t: a training must not diverge; in epoch 1 its loss was no number or exploded; lower "
        "learning_rate, with --recipe FILE and another --out"
    )
    assert not (tmp_path / "t" / "weights.safetensors").exists()


def test_a_runs_winner_is_trained_as_the_run_asks(tmp_path: Path) -> None:
    run = anynas.search(
        "LeNet",
        trials=2,
        sampler="random",
        data="few",
        recipe=Recipe(batch_size=16),
        fidelity=Fidelity(epochs=1, images=64),
        executor="inline",
        run=tmp_path / "run",
    )
    plan = plan_training(tmp_path / "run")
    assert plan.architecture.to_dict() == run.result()["architecture"]
    assert (plan.data.name, plan.recipe, plan.fidelity) == ("few", Recipe(batch_size=16), Fidelity(epochs=10))
    assert plan.path == tmp_path / "run" / "winner"
    found = train_fully(run, epochs=1)
    assert found == load_trained(tmp_path / "run" / "winner")
    with pytest.raises(SettingsError, match=r"^regime must be the run's own, LeNet; got cifar$"):
        plan_training(run, regime="cifar")
    anynas.load_run(tmp_path / "run").table()  # the run is as it was


def test_a_study_has_no_winner(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text(json.dumps({"schema": 1, "identity": {"study": "mine"}}))
    with pytest.raises(RunError) as refused:
        plan_training(tmp_path)
    assert str(refused.value) == (
        f"{tmp_path}: must be a search's run, which has a winner; it is the study mine's; name an architecture's JSON "
        "file"
    )


@pytest.mark.parametrize(
    ("network", "settings", "kind", "message"),
    [
        (
            "lenett",
            {},
            ArchitectureError,
            'unknown architecture "lenett"; did you mean "lenet" or "alexnet" or "googlenet"?',
        ),
        ("lenet", {"epochs": 0}, SettingsError, "epochs must be at least 1; got 0"),
        ("lenet", {"seed": -1}, SettingsError, "seed must be at least 0; got -1"),
        ("lenet", {"device": "gpu"}, AnynasError, 'device must be one of auto, cpu, cuda; got "gpu"'),
        (
            "lenet",
            {"regime": "cifar"},
            DataError,
            "regime cifar has no data set of its own; pass --data with one of 3 channels and 10 classes (synthetic "
            "has any)",
        ),
        (
            "lenet",
            {"data": "few", "recipe": Recipe(batch_size=1000)},
            SettingsError,
            "batch_size must be at most the data set's 256 training images; got 1000",
        ),
    ],
)
def test_what_cannot_be_trained_gets_one_line(
    network: str, settings: dict[str, object], kind: type[Exception], message: str, tmp_path: Path
) -> None:
    with pytest.raises(kind) as refused:
        plan_training(network, **settings, path=tmp_path / "t")  # type: ignore[arg-type]
    assert str(refused.value) == message
    assert not (tmp_path / "t").exists()


def test_epochs_are_ten_times_a_trials_and_folders_are_named_by_what_is_trained() -> None:
    plan = plan_training("lenet", data="few")
    assert plan.fidelity.epochs == 10 * own_regime(load_architecture("lenet")).fidelity.epochs
    assert plan.path.parent == Path("runs")
    assert plan.path.name.startswith("lenet-")
    assert plan.path != plan_training("lenet", data="few", seed=1).path
    assert math.isfinite(seconds_left(plan))
    assert own_regime(TINY) == load_regime("fashion")
