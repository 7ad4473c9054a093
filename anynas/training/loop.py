"""The training loop: one network, one recipe, one fidelity, one seed; no callbacks, no loader.

On a CPU the same trial gives the same bits: one thread, and nothing chosen by timing. Images are indexed from tensors
on the device, and the last partial batch is dropped, so that every step has one shape.
"""

import dataclasses
import math
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from anynas.data import Split
from anynas.errors import SettingsError
from anynas.networks import build, initialise
from anynas.training.augmentation import augmented
from anynas.training.devices import PeakMemory, device_name
from anynas.training.prepared import PreparedData
from anynas.trials import CurvePoint, Recipe, Trial, TrialResult

EVALUATION_BATCH = 500
ORDER_STREAM, AUGMENTATION_STREAM = 0x5EED_0, 0x5EED_1  # set apart from the stream of initial weights
EXPLODED_LOSS = 10.0  # times the loss of guessing, ln(classes): beyond it a network has diverged


def train_trial(trial: Trial, data: PreparedData) -> TrialResult:
    """Train the trial's network on prepared data and return its errors, curve and cost.

    A loss that becomes NaN or explodes ends the trial with the error of chance and the reason "diverged": it is a
    result.

    Raises:
        ArchitectureError: The images are too small for the network.
        SettingsError: There are fewer images than one batch.
    """
    memory = PeakMemory(data.device)
    memory.start()
    started = time.perf_counter()
    with torch.random.fork_rng(devices=[data.device] if data.device.type == "cuda" else []):
        torch.manual_seed(trial.seed)
        network, curve = _fit(trial, data)
        diverged = not math.isfinite(curve[-1].error)
        chance = 100.0 * (1 - 1 / data.num_classes)
        test_error = math.nan
        if trial.test:
            test_error = chance if diverged else evaluate(network, data.test, data)
    return TrialResult(
        state="complete",
        error=chance if diverged else curve[-1].error,
        test_error=test_error,
        curve=tuple(
            dataclasses.replace(point, error=chance) if diverged and point is curve[-1] else point for point in curve
        ),
        seconds=time.perf_counter() - started,
        peak_memory_bytes=memory.bytes(),
        device=device_name(data.device),
        reason="diverged" if diverged else "",
    )


@torch.inference_mode()
def evaluate(network: nn.Module, split: Split, data: PreparedData) -> float:
    """Return the top-1 error in percent; a logit that is not a number counts as wrong."""
    network.eval()
    wrong = torch.zeros((), dtype=torch.int64, device=data.device)
    for images, labels in zip(
        torch.split(split.images, EVALUATION_BATCH), torch.split(split.labels, EVALUATION_BATCH), strict=True
    ):
        logits = network(data.batch(images))
        right = (logits.argmax(dim=1) == labels) & logits.isfinite().all(dim=1)
        wrong += (~right).sum()
    return 100.0 * wrong.item() / len(split)


def make_step(trial: Trial, data: PreparedData) -> tuple[nn.Module, Callable[[Tensor, float], Tensor]]:
    """Return the trial's network in training mode, and a step on it: (indices of a batch, learning rate) -> loss."""
    recipe = trial.recipe
    network = build(trial.architecture, input_shape=data.image_shape, num_classes=data.num_classes)
    if recipe.initialisation != "family":
        initialise(network, recipe.initialisation)
    network = network.to(data.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    network.train()
    optimizer = _optimizer(network, recipe)
    generator = torch.Generator(data.device).manual_seed(trial.seed ^ AUGMENTATION_STREAM)

    def step(batch: Tensor, rate: float) -> Tensor:
        images = augmented(data.batch(data.train.images[batch]), recipe.augmentation, generator)
        logits = network(images.contiguous(memory_format=torch.channels_last))
        loss = functional.cross_entropy(logits, data.train.labels[batch], label_smoothing=recipe.label_smoothing)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.step()
        return loss.detach()

    return network, step


def _fit(trial: Trial, data: PreparedData) -> tuple[nn.Module, list[CurvePoint]]:
    """Train, and return a point an epoch; a last error that is not finite means that the network diverged."""
    recipe = trial.recipe
    num_images = len(data.train) if trial.fidelity.images == "all" else trial.fidelity.images
    if not recipe.batch_size <= num_images <= len(data.train):
        raise SettingsError(
            f"images must be at least one batch ({recipe.batch_size}) and at most the data set's {len(data.train)}; "
            f"got {num_images}"
        )
    steps_per_epoch = num_images // recipe.batch_size
    num_steps = steps_per_epoch * trial.fidelity.epochs
    network, step = make_step(trial, data)
    generator = torch.Generator(data.device).manual_seed(trial.seed ^ ORDER_STREAM)
    curve: list[CurvePoint] = []
    for epoch in range(trial.fidelity.epochs):
        network.train()
        order = torch.randperm(num_images, generator=generator, device=data.device)
        total = torch.zeros((), device=data.device)
        for position in range(steps_per_epoch):
            rate = recipe.learning_rate_at(epoch * steps_per_epoch + position, num_steps)
            total += step(order[position * recipe.batch_size : (position + 1) * recipe.batch_size], rate)
        loss = total.item() / steps_per_epoch
        if not loss <= EXPLODED_LOSS * math.log(data.num_classes):  # a NaN fails this as well
            return network, [*curve, CurvePoint(epoch=epoch + 1, loss=loss, error=math.nan)]
        curve.append(CurvePoint(epoch=epoch + 1, loss=loss, error=evaluate(network, data.validation, data)))
    return network, curve


def _optimizer(network: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    norms = [p for module in network.modules() if isinstance(module, nn.BatchNorm2d) for p in module.parameters()]
    in_norms = set(map(id, norms))
    others = [p for p in network.parameters() if id(p) not in in_norms]
    groups = [
        {"params": others, "weight_decay": recipe.weight_decay},
        {"params": norms, "weight_decay": recipe.norm_weight_decay},
    ]
    return torch.optim.SGD(
        [group for group in groups if group["params"]],
        lr=recipe.learning_rate,
        momentum=recipe.momentum,
        nesterov=recipe.nesterov,
        fused=True,
    )
