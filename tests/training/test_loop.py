"""The loop: equal to a plain one written straight in torch, the same bits twice, divergence as a result."""

import dataclasses
import math
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from anynas.architecture import anynet
from anynas.data import Split
from anynas.errors import SettingsError
from anynas.networks import build, initialise
from anynas.training import loop
from anynas.training.augmentation import augmented
from anynas.training.devices import one_thread
from anynas.training.engines import AUGMENTATION_STREAM
from anynas.training.prepared import PreparedData
from anynas.trials import Trial, TrialResult

MakeTrial = Callable[..., Trial]


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Train as a worker does."""
    with one_thread():
        yield


def curve_of(result: TrialResult) -> list[tuple[int, float, float]]:
    return [(point.epoch, point.loss, point.error) for point in result.curve]


# Against a loop written straight in torch


def plain_training(trial: Trial, data: PreparedData) -> tuple[list[float], list[float]]:
    """Return the mean loss and the validation error after each epoch: plain SGD, nothing fused or shared."""
    recipe, fidelity = trial.recipe, trial.fidelity
    torch.manual_seed(trial.seed)
    network = build(trial.architecture, input_shape=data.image_shape, num_classes=data.num_classes)
    if recipe.initialisation != "family":
        initialise(network, recipe.initialisation)
    norms = {name for name, module in network.named_modules() if isinstance(module, nn.BatchNorm2d)}
    groups = [
        {
            "params": [parameter],
            "weight_decay": recipe.norm_weight_decay if name.rpartition(".")[0] in norms else recipe.weight_decay,
        }
        for name, parameter in network.named_parameters()
    ]
    optimizer = torch.optim.SGD(groups, lr=1.0, momentum=recipe.momentum, nesterov=recipe.nesterov)
    order = torch.Generator().manual_seed(trial.seed ^ loop.ORDER_STREAM)
    shifts = torch.Generator().manual_seed(trial.seed ^ AUGMENTATION_STREAM)
    num_images = len(data.train) if fidelity.images == "all" else fidelity.images
    num_steps = fidelity.epochs * (num_images // recipe.batch_size)
    losses, errors, step = [], [], 0
    for _ in range(fidelity.epochs):
        network.train()
        total = 0.0
        batches = torch.randperm(num_images, generator=order).split(recipe.batch_size)
        whole = [batch for batch in batches if len(batch) == recipe.batch_size]
        for batch in whole:
            images = augmented(data.train.images[batch], recipe.augmentation, shifts)
            logits = network(images)
            loss = functional.cross_entropy(logits, data.train.labels[batch], label_smoothing=recipe.label_smoothing)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            for group in optimizer.param_groups:
                group["lr"] = recipe.learning_rate_at(step, num_steps)
            optimizer.step()
            total, step = total + loss.item(), step + 1
        network.eval()
        with torch.no_grad():
            right = network(data.validation.images).argmax(dim=1) == data.validation.labels
        losses.append(total / len(whole))
        errors.append(100 * (1 - right.double().mean().item()))
    return losses, errors


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"epochs": 3, "images": "all"},
        {"images": 300, "batch_size": 80},  # 60 images are left over
        {"schedule": "constant", "warmup_fraction": 0.5, "epochs": 2},
        {"nesterov": False, "momentum": 0.5},
        {"nesterov": False, "momentum": 0.0, "learning_rate": 0.5},
        {"weight_decay": 0.3, "norm_weight_decay": 0.0},
        {"weight_decay": 0.0, "norm_weight_decay": 0.3},
        {"label_smoothing": 0.3},
        {"augmentation": "flip"},
        {"augmentation": "crop_flip"},
        {"initialisation": "xavier_uniform"},
        {"initialisation": "fan_out_normal"},
        {"seed": 2**40},
    ],
    ids=str,
)
def test_a_trial_is_what_a_plain_loop_makes_of_it(
    trial: MakeTrial, prepared: PreparedData, changes: dict[str, Any]
) -> None:
    asked = trial(**changes)
    result = loop.train_trial(asked, prepared)
    with torch.random.fork_rng(devices=[]):
        losses, errors = plain_training(asked, prepared)
    assert [point.epoch for point in result.curve] == list(range(1, len(losses) + 1))
    assert [point.loss for point in result.curve] == pytest.approx(losses, rel=2e-3)
    assert [point.error for point in result.curve] == pytest.approx(errors, abs=2)
    assert result.error == result.curve[-1].error


@pytest.mark.parametrize(
    "change",
    [
        {"learning_rate": 0.02},
        {"schedule": "constant"},
        {"warmup_fraction": 0.0},
        {"momentum": 0.5},
        {"nesterov": False},
        {"weight_decay": 0.3},
        {"norm_weight_decay": 0.3},
        {"batch_size": 32},
        {"label_smoothing": 0.1},
        {"augmentation": "flip"},
        {"augmentation": "crop_flip"},
        {"initialisation": "fan_out_normal"},
        {"initialisation": "xavier_uniform"},
        {"images": 192},
        {"epochs": 2},
        {"seed": 2},
        {"architecture": anynet(depths=[1, 1], widths=[8, 16], block="VR", stem_width=8, stem_stride=2)},
    ],
    ids=lambda change: "-".join(change),
)
def test_every_setting_makes_a_difference(trial: MakeTrial, prepared: PreparedData, change: dict[str, Any]) -> None:
    usual, changed = (loop.train_trial(trial(**changes), prepared) for changes in ({}, change))
    assert usual.curve[0].loss != changed.curve[0].loss


def test_a_network_learns(trial: MakeTrial, prepared: PreparedData) -> None:
    result = loop.train_trial(trial(epochs=8, images="all", test=True), prepared)
    assert result.error < 50  # of guessing: 90
    assert abs(result.error - result.test_error) < 15
    assert result.curve[-1].loss < 0.6 * result.curve[0].loss


# The same bits


def test_a_trial_gives_the_same_bits_whatever_was_drawn_before(trial: MakeTrial, prepared: PreparedData) -> None:
    asked = trial(epochs=2, augmentation="crop_flip", test=True)
    first = loop.train_trial(asked, prepared)
    torch.rand(1_000)
    torch.manual_seed(77)
    again = loop.train_trial(asked, prepared)
    assert curve_of(again) == curve_of(first)
    assert (again.error, again.test_error) == (first.error, first.test_error)


def test_a_trial_leaves_torchs_random_state_as_it_was(trial: MakeTrial, prepared: PreparedData) -> None:
    before = torch.random.get_rng_state()
    loop.train_trial(trial(augmentation="crop_flip"), prepared)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_a_failed_trial_leaves_torchs_random_state_as_it_was(trial: MakeTrial, prepared: PreparedData) -> None:
    before = torch.random.get_rng_state()
    with pytest.raises(SettingsError):
        loop.train_trial(trial(images=10), prepared)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_the_first_epoch_does_not_depend_on_the_test_error_being_asked_for(
    trial: MakeTrial, prepared: PreparedData
) -> None:
    with_test, without = (loop.train_trial(trial(test=test), prepared) for test in (True, False))
    assert curve_of(with_test) == curve_of(without)
    assert math.isnan(without.test_error)
    assert 0 <= with_test.test_error <= 100


def test_seeds_give_other_weights_orders_and_errors(trial: MakeTrial, prepared: PreparedData) -> None:
    losses = [loop.train_trial(trial(seed=seed), prepared).curve[0].loss for seed in range(5)]
    assert len(set(losses)) == 5


# Images, batches, costs


def test_the_first_images_alone_are_trained_on(trial: MakeTrial, prepared: PreparedData) -> None:
    first = Split(prepared.train.images[:200], prepared.train.labels[:200])
    expected = loop.train_trial(trial(images="all"), dataclasses.replace(prepared, train=first))
    assert curve_of(loop.train_trial(trial(images=200), prepared)) == curve_of(expected)


def test_every_epoch_goes_through_the_images_in_a_new_order(
    trial: MakeTrial, prepared: PreparedData, monkeypatch: pytest.MonkeyPatch
) -> None:
    batches: list[Tensor] = []
    make_engine = loop.make_engine

    def spied(asked: Trial, data: PreparedData) -> Any:
        engine = make_engine(asked, data)
        step = engine.step
        monkeypatch.setattr(engine, "step", lambda batch, rate: batches.append(batch) or step(batch, rate))
        return engine

    monkeypatch.setattr(loop, "make_engine", spied)
    loop.train_trial(trial(epochs=2), prepared)
    assert [len(batch) for batch in batches] == [64] * 8
    epochs = torch.cat(batches).view(2, 256)
    for epoch in epochs:
        assert epoch.sort().values.tolist() == list(range(256))
    assert epochs[0].tolist() != epochs[1].tolist()
    assert epochs[0].tolist() != list(range(256))


def test_a_trial_tells_what_it_cost(trial: MakeTrial, prepared: PreparedData) -> None:
    result = loop.train_trial(trial(), prepared)
    assert (result.state, result.reason) == ("complete", "")
    assert 0 < result.seconds < 60
    assert result.peak_memory_bytes > 2**20
    assert result.device


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"images": 63}, "images must be at least one batch (64) and at most the data set's 512; got 63"),
        ({"images": 513}, "images must be at least one batch (64) and at most the data set's 512; got 513"),
        (
            {"images": "all", "batch_size": 513},
            "images must be at least one batch (513) and at most the data set's 512; got 512",
        ),
    ],
)
def test_images_that_make_no_batch_or_do_not_exist_are_refused(
    trial: MakeTrial, prepared: PreparedData, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        loop.train_trial(trial(**changes), prepared)
    assert str(caught.value) == message


def test_one_batch_of_all_images_is_allowed(trial: MakeTrial, prepared: PreparedData) -> None:
    assert loop.train_trial(trial(images=256, batch_size=256), prepared).state == "complete"
    assert loop.train_trial(trial(images=512, batch_size=64), prepared).state == "complete"


# Divergence


@pytest.mark.parametrize("learning_rate", [1e6, 1e12, 1e30])
@pytest.mark.parametrize("block", ["V", "VR", "X"])
def test_a_network_that_diverges_is_complete_with_the_error_of_chance(
    trial: MakeTrial, prepared: PreparedData, learning_rate: float, block: Any
) -> None:
    network = anynet(depths=[1, 1], widths=[8, 16], bottleneck_ratios=[1, 1], group_widths=[8, 8], block=block)
    asked = trial(
        architecture=network,
        learning_rate=learning_rate,
        schedule="constant",
        epochs=3,
        warmup_fraction=0,
        test=True,
    )
    result = loop.train_trial(asked, prepared)
    assert (result.state, result.reason) == ("complete", "diverged")
    assert result.error == result.test_error == 90.0
    assert result.curve[-1].error == 90.0
    assert len(result.curve) == 1  # no epoch is spent on it any more


def with_losses(monkeypatch: pytest.MonkeyPatch, losses: list[float]) -> None:
    """Let the loop see these losses, one a step, whatever the network does."""
    rest = iter(losses)
    make_engine = loop.make_engine

    def faked(asked: Trial, data: PreparedData) -> Any:
        engine = make_engine(asked, data)
        monkeypatch.setattr(engine, "step", lambda batch, rate: torch.tensor(next(rest)))
        return engine

    monkeypatch.setattr(loop, "make_engine", faked)


@pytest.mark.parametrize("bad", [math.nan, math.inf, 1e30])
def test_epochs_before_the_divergence_keep_their_errors(
    trial: MakeTrial, prepared: PreparedData, monkeypatch: pytest.MonkeyPatch, bad: float
) -> None:
    with_losses(monkeypatch, [1.0, 3.0, 2.0, bad])
    result = loop.train_trial(trial(epochs=4, images=128), prepared)
    assert [point.epoch for point in result.curve] == [1, 2]
    assert result.curve[0].loss == 2.0
    assert 0 < result.curve[0].error <= 100
    assert result.curve[1].error == result.error == 90.0
    assert not result.curve[1].loss <= 1e29
    assert (result.state, result.reason) == ("complete", "diverged")
    assert math.isnan(result.test_error)


@pytest.mark.parametrize(("times", "reason"), [(9.99, ""), (10.01, "diverged")])
def test_a_loss_of_ten_times_that_of_guessing_is_where_a_network_has_diverged(
    trial: MakeTrial, prepared: PreparedData, monkeypatch: pytest.MonkeyPatch, times: float, reason: str
) -> None:
    with_losses(monkeypatch, [times * math.log(10)] * 2)
    assert loop.train_trial(trial(images=128), prepared).reason == reason


@pytest.mark.parametrize(("num_classes", "chance"), [(10, 90.0), (4, 75.0), (2, 50.0)])
def test_the_error_of_chance_is_that_of_the_number_of_classes(
    trial: MakeTrial, prepared: PreparedData, num_classes: int, chance: float
) -> None:
    fewer = Split(prepared.train.images, prepared.train.labels % num_classes)
    data = dataclasses.replace(prepared, num_classes=num_classes, train=fewer, validation=fewer, test=fewer)
    result = loop.train_trial(trial(learning_rate=1e30, schedule="constant"), data)
    assert (result.error, result.reason) == (chance, "diverged")
