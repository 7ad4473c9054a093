"""Workers: the same bits whatever happened before, failures as values, provenance; and `train`."""

import dataclasses
import math
import os
import platform
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

import anynas
from anynas.architecture import Architecture, anynet
from anynas.data import DataSet, Split
from anynas.errors import DataError, DeviceError, SettingsError
from anynas.training import train, worker
from anynas.training.devices import processor_name
from anynas.training.worker import Worker, Workplace, git_commit, provenance
from anynas.trials import Fidelity, Lost, Recipe, Trial, TrialResult

MakeTrial = Callable[..., Trial]
PLACE: dict[str, Any] = {"data": "synthetic", "input_shape": (1, 14, 14), "num_classes": 10, "device": "cpu"}
without_cuda = pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a CUDA device")


def workplace(**changes: Any) -> Workplace:
    return Workplace(**{**PLACE, **changes})


@pytest.fixture
def hand(data: DataSet) -> Worker:
    """A worker with the small data set in its hands."""
    return Worker(workplace(), data)


@pytest.fixture
def threads() -> Iterator[None]:
    """Put back the number of threads."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def numbers(result: TrialResult) -> tuple[Any, ...]:
    """Return what must be the same bits."""
    curve = tuple((point.epoch, point.loss, point.error) for point in result.curve)
    return (result.state, result.error, result.test_error, curve)


# The same bits


def test_a_trial_gives_the_same_bits_whatever_the_process_did_before(
    hand: Worker, data: DataSet, trial: MakeTrial, threads: None
) -> None:
    network = anynet(depths=[1, 2], widths=[16, 32], bottleneck_ratios=[1, 2], group_widths=[8, 8], stem_width=8)
    asked = trial(architecture=network, epochs=2, augmentation="crop_flip", test=True)
    first = hand.run(asked)
    assert first.state == "complete"
    for number in (1, 2, 4):
        torch.set_num_threads(number)
        torch.manual_seed(number)
        torch.rand(100)
        hand.run(trial(seed=number))
        assert numbers(hand.run(asked)) == numbers(first)
    assert numbers(Worker(workplace(), data).run(asked)) == numbers(first)


def test_threads_and_random_state_are_as_they_were(hand: Worker, trial: MakeTrial, threads: None) -> None:
    torch.set_num_threads(2)
    before = torch.random.get_rng_state()
    assert hand.run(trial()).state == "complete"
    assert hand.run(trial(images=10)).state == "failed"
    assert torch.get_num_threads() == 2
    assert torch.equal(torch.random.get_rng_state(), before)
    assert torch.tensor([1e-40]).mul(0.5).item() > 0  # denormal numbers too


def test_other_seeds_give_other_results(hand: Worker, trial: MakeTrial) -> None:
    assert len({numbers(hand.run(trial(seed=seed)))[3] for seed in range(4)}) == 4


# Fidelity


def test_the_regimes_resolution_is_the_workplaces_unless_the_fidelity_has_one(hand: Worker, trial: MakeTrial) -> None:
    assert hand.prepared(trial()).image_shape == (1, 14, 14)
    assert hand.prepared(trial(resolution=9)).image_shape == (1, 9, 9)
    assert hand.prepared(trial(resolution=28)).image_shape == (1, 28, 28)


def test_the_resolution_reaches_the_network(hand: Worker, trial: MakeTrial) -> None:
    losses = {hand.run(trial(resolution=side)).curve[0].loss for side in (9, 14, 28)}
    assert len(losses) == 3
    assert hand.run(trial(resolution=14)).curve == hand.run(trial()).curve


def test_data_are_loaded_once_and_prepared_once_a_resolution(
    data: DataSet, trial: MakeTrial, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, dict[str, Any]]] = []

    def load(name: str, **shape: Any) -> DataSet:
        asked.append((name, shape))
        return data

    monkeypatch.setattr(worker, "load_data", load)
    hand = Worker(workplace())
    assert asked == []  # a worker that is given nothing to do loads nothing
    first = hand.prepared(trial())
    assert hand.prepared(trial(seed=2)) is first
    assert hand.prepared(trial(resolution=9)) is not first
    assert asked == [("synthetic", {"input_shape": (1, 14, 14), "num_classes": 10})]


# Failures are values


def failing(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    def fail(*_: Any) -> TrialResult:
        raise error

    monkeypatch.setattr(worker, "train_trial", fail)


def test_too_few_images_are_a_failure_with_its_reason(hand: Worker, trial: MakeTrial) -> None:
    result = hand.run(trial(images=32))
    assert (result.state, result.reason) == (
        "failed",
        "SettingsError: images must be at least one batch (64) and at most the data set's 512; got 32",
    )
    assert math.isnan(result.error)
    assert result.curve == ()
    assert result.device == processor_name()
    assert result.provenance == provenance()


def test_data_that_do_not_suit_the_networks_are_a_failure_of_every_trial(trial: MakeTrial) -> None:
    hand = Worker(workplace(data="fashion-mnist-mini", num_classes=7))
    for _ in range(2):
        assert hand.run(trial()).reason == (
            'DataError: data set "fashion-mnist-mini" must have 1 channels and 7 classes for these networks; '
            "it has 1 and 10; choose another --data or --regime"
        )


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (RuntimeError("not enough\n  images:\tyou tried"), "RuntimeError: not enough images: you tried"),
        (RuntimeError(), "RuntimeError"),
        (ValueError("object at 0x7f3aB90 of 0xff"), "ValueError: object at 0x… of 0x…"),
        (KeyError("width"), "KeyError: 'width'"),
    ],
)
def test_any_exception_becomes_one_line_that_is_the_same_in_every_process(
    hand: Worker, trial: MakeTrial, monkeypatch: pytest.MonkeyPatch, error: Exception, reason: str
) -> None:
    failing(monkeypatch, error)
    result = hand.run(trial())
    assert (result.state, result.reason) == ("failed", reason)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (MemoryError(), "out of memory (MemoryError)"),
        (
            RuntimeError("[enforce] DefaultCPUAllocator: can't allocate memory:\n 9 bytes"),
            "out of memory (RuntimeError: [enforce] DefaultCPUAllocator: can't allocate memory: 9 bytes)",
        ),
        (torch.OutOfMemoryError("CUDA out of memory."), "out of memory (OutOfMemoryError: CUDA out of memory.)"),
    ],
)
def test_a_trial_that_runs_out_of_memory_may_be_tried_again_alone(
    hand: Worker, trial: MakeTrial, monkeypatch: pytest.MonkeyPatch, error: Exception, reason: str
) -> None:
    failing(monkeypatch, error)
    assert hand.run(trial()) == Lost(reason, alone=True)


GIB = 2**30


@pytest.mark.parametrize(
    ("share", "memory", "alone", "allowed"),
    [
        (1.0, math.inf, False, math.inf),
        (1.0, 5.0 * GIB, False, 5.0 * GIB),
        (0.25, math.inf, False, 15.0 * GIB),  # a quarter of 64, of which the worker has 1
        (0.25, 5.0 * GIB, False, 5.0 * GIB),
        (0.25, math.inf, True, math.inf),
        (0.25, 5.0 * GIB, True, 5.0 * GIB),
        (0.01, math.inf, False, 0.0),
    ],
)
def test_a_share_of_a_gpu_is_a_share_of_its_memory_unless_the_trial_is_alone(
    monkeypatch: pytest.MonkeyPatch, share: float, memory: float, alone: bool, allowed: float
) -> None:
    worker = Worker(workplace(gpu_share=share, memory_bytes=memory))
    worker.device = torch.device("cuda")
    card = SimpleNamespace(total_memory=64 * GIB)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: card)
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda device: GIB)
    assert worker._memory_bytes(alone=alone) == allowed


@pytest.mark.parametrize("stop", [KeyboardInterrupt, SystemExit])
def test_being_told_to_stop_is_no_failure_of_the_trial(
    hand: Worker, trial: MakeTrial, monkeypatch: pytest.MonkeyPatch, stop: type[BaseException]
) -> None:
    failing(monkeypatch, stop())
    with pytest.raises(stop):
        hand.run(trial())


def test_a_worker_goes_on_after_a_failure(hand: Worker, trial: MakeTrial) -> None:
    before = hand.run(trial())
    assert hand.run(trial(images=10)).state == "failed"
    assert numbers(hand.run(trial())) == numbers(before)


def test_divergence_is_no_failure(hand: Worker, trial: MakeTrial) -> None:
    result = hand.run(trial(learning_rate=1e12, schedule="constant", test=True))
    assert (result.state, result.error, result.test_error, result.reason) == (
        "complete",
        90.0,
        90.0,
        "diverged",
    )


@without_cuda
def test_a_device_that_is_not_there_is_refused_at_once() -> None:
    with pytest.raises(DeviceError) as caught:
        Worker(workplace(device="cuda"))
    assert str(caught.value) == (
        "device cuda must be present and torch built for it; no CUDA device was found; use --device cpu or auto"
    )


# Provenance


def test_provenance_names_versions_and_place(hand: Worker, trial: MakeTrial) -> None:
    expected = {
        "anynas_version": anynas.__version__,
        "torch_version": torch.__version__,
        "python_version": platform.python_version(),
        "host": socket.gethostname(),
        "pid": str(os.getpid()),
        "git_commit": git_commit(),
    }
    assert hand.run(trial()).provenance == hand.versions() == provenance() == expected
    assert all(type(value) is str for value in provenance().values())


COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that anynas seems to run from."""
    (tmp_path / "anynas").mkdir()
    monkeypatch.setattr(anynas, "__file__", str(tmp_path / "anynas" / "__init__.py"))
    return tmp_path


def files(folder: Path, contents: dict[str, str]) -> None:
    for name, text in contents.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")


@pytest.mark.parametrize(
    "contents",
    [
        {".git/HEAD": "ref: refs/heads/main\n", ".git/refs/heads/main": f"{COMMIT}\n"},
        {".git/HEAD": f"{COMMIT}\n"},
        {
            ".git/HEAD": "ref: refs/heads/main\n",
            ".git/packed-refs": f"# pack-refs\n{'f' * 40} refs/heads/other\n{COMMIT} refs/heads/main\n",
        },
        {
            ".git": "gitdir: elsewhere/worktrees/b\n",
            "elsewhere/worktrees/b/HEAD": "ref: refs/heads/b\n",
            "elsewhere/worktrees/b/commondir": "../..\n",
            "elsewhere/refs/heads/b": f"{COMMIT}\n",
        },
        {
            ".git": "gitdir: elsewhere/worktrees/b\n",
            "elsewhere/worktrees/b/HEAD": "ref: refs/heads/b\n",
            "elsewhere/worktrees/b/commondir": "../..\n",
            "elsewhere/packed-refs": f"{COMMIT} refs/heads/b\n",
        },
    ],
    ids=["branch", "detached", "packed", "worktree", "packed worktree"],
)
def test_the_commit_is_that_of_the_checkout(checkout: Path, contents: dict[str, str]) -> None:
    files(checkout, contents)
    assert git_commit() == COMMIT


@pytest.mark.parametrize(
    "contents",
    [
        {},
        {".git/HEAD": "ref: refs/heads/main\n"},
        {".git/HEAD": "ref: refs/heads/main\n", ".git/packed-refs": f"{COMMIT} refs/heads/not-main\n"},
        {".git": "gitdir: elsewhere/worktrees/gone\n"},
    ],
    ids=["installed", "no commit yet", "another branch", "worktree moved"],
)
def test_without_a_commit_there_is_none_to_tell(checkout: Path, contents: dict[str, str]) -> None:
    files(checkout, contents)
    assert git_commit() == ""


# anynas.training.train


def test_train_learns_and_tells_validation_and_test_error(tiny: Architecture) -> None:
    fidelity = Fidelity(epochs=3, images=1_024)
    result = train(tiny, data="fashion-mnist-mini", recipe=Recipe(batch_size=32), fidelity=fidelity, device="cpu")
    assert (result.state, result.reason) == ("complete", "")
    assert result.error < 60  # of guessing: 90
    assert abs(result.error - result.test_error) < 5
    assert [point.epoch for point in result.curve] == [1, 2, 3]
    assert result.curve[-1].error == result.error < result.curve[0].error
    assert result.seconds > 0
    assert result.peak_memory_bytes > 0
    assert result.provenance == provenance()


def test_a_regimes_resolution_is_the_data_sets_own(tiny: Architecture, data: DataSet) -> None:
    curves = [
        train(tiny, data=data, fidelity=Fidelity(epochs=1, resolution=resolution), device="cpu").curve
        for resolution in ("regime", 28, 14)
    ]
    assert curves[0] == curves[1] != curves[2]


def test_train_is_one_worker_with_the_default_recipe_and_fidelity(
    tiny: Architecture, data: DataSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[Workplace, Trial]] = []

    def run(self: Worker, trial: Trial) -> TrialResult:
        seen.append((self.workplace, trial))
        return TrialResult(state="complete")

    monkeypatch.setattr(Worker, "run", run)
    train(tiny, data=data)
    train(tiny, data=data, recipe=Recipe(momentum=0.5), fidelity=Fidelity(epochs=7), seed=9, device="cpu")
    (place, usual), (place_on_cpu, asked) = seen
    assert (place.data, place.input_shape, place.num_classes, place.device) == (
        "synthetic",
        (1, 28, 28),
        10,
        "auto",
    )
    assert place_on_cpu == dataclasses.replace(place, device="cpu")
    default = Trial(number=0, architecture=tiny, recipe=Recipe(), fidelity=Fidelity(), seed=0, test=True)
    assert usual == default
    changed = {"recipe": Recipe(momentum=0.5), "fidelity": Fidelity(epochs=7), "seed": 9}
    assert asked == dataclasses.replace(default, **changed)


def test_train_gives_the_same_bits_twice(tiny: Architecture, data: DataSet) -> None:
    once, twice = (train(tiny, data=data, fidelity=Fidelity(epochs=1), seed=3, device="cpu") for _ in range(2))
    assert numbers(once) == numbers(twice)


def test_train_suits_the_data_sets_own_channels_and_classes(tiny: Architecture, data: DataSet) -> None:
    def coloured(split: Split) -> Split:
        return Split(split.images.repeat(1, 3, 1, 1), split.labels % 4)

    few = DataSet(
        name="mine",
        num_classes=4,
        train=coloured(data.train),
        validation=coloured(data.validation),
        test=coloured(data.test),
    )
    diverged = train(tiny, data=few, recipe=Recipe(learning_rate=1e12, schedule="constant"), device="cpu")
    assert (diverged.state, diverged.error) == ("complete", 75.0)


def test_train_refuses_a_negative_seed(tiny: Architecture, data: DataSet) -> None:
    with pytest.raises(SettingsError) as caught:
        train(tiny, data=data, seed=-1)
    assert str(caught.value) == "seed must be at least 0; got -1"


def test_train_refuses_an_unknown_data_set(tiny: Architecture) -> None:
    with pytest.raises(DataError) as caught:
        train(tiny, data="sinthetic")
    assert str(caught.value) == (
        'unknown data set "sinthetic"; did you mean "synthetic"?; or pass the path of a folder of pictures'
    )


@without_cuda
def test_train_refuses_a_device_that_is_not_there(tiny: Architecture, data: DataSet) -> None:
    with pytest.raises(DeviceError) as caught:
        train(tiny, data=data, device="cuda")
    assert str(caught.value) == (
        "device cuda must be present and torch built for it; no CUDA device was found; use --device cpu or auto"
    )
