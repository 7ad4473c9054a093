"""The training loop: one network, one recipe, one fidelity, one seed; no callbacks, no loader.

On a CPU the same trial gives the same bits: one thread, and nothing chosen by timing. Images are indexed from tensors
on the device, and the last partial batch is dropped, so that every step has one shape.
"""

import dataclasses
import math
import time

import torch

from anynas.errors import SettingsError
from anynas.training.devices import PeakMemory, device_name
from anynas.training.engines import Engine, make_engine
from anynas.training.prepared import PreparedData
from anynas.trials import CurvePoint, Trial, TrialResult

ORDER_STREAM = 0x5EED_0  # set apart from the streams of initial weights and of augmentation
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
        engine, curve = _fit(trial, data)
        diverged = not math.isfinite(curve[-1].error)
        chance = 100.0 * (1 - 1 / data.num_classes)
        test_error = math.nan
        if trial.test:
            test_error = chance if diverged else engine.error(data.test)
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


def _fit(trial: Trial, data: PreparedData) -> tuple[Engine, list[CurvePoint]]:
    """Train, and return the engine and a point an epoch; a last error that is no number means divergence."""
    recipe = trial.recipe
    num_images = len(data.train) if trial.fidelity.images == "all" else trial.fidelity.images
    if not recipe.batch_size <= num_images <= len(data.train):
        raise SettingsError(
            f"images must be at least one batch ({recipe.batch_size}) and at most the data set's {len(data.train)}; "
            f"got {num_images}"
        )
    steps_per_epoch = num_images // recipe.batch_size
    num_steps = steps_per_epoch * trial.fidelity.epochs
    engine = make_engine(trial, data)
    generator = torch.Generator(data.device).manual_seed(trial.seed ^ ORDER_STREAM)
    curve: list[CurvePoint] = []
    for epoch in range(trial.fidelity.epochs):
        order = torch.randperm(num_images, generator=generator, device=data.device)
        total = torch.zeros((), device=data.device)
        for position in range(steps_per_epoch):
            rate = recipe.learning_rate_at(epoch * steps_per_epoch + position, num_steps)
            total += engine.step(order[position * recipe.batch_size : (position + 1) * recipe.batch_size], rate)
        loss = total.item() / steps_per_epoch
        if not loss <= EXPLODED_LOSS * math.log(data.num_classes):  # a NaN fails this as well
            return engine, [*curve, CurvePoint(epoch=epoch + 1, loss=loss, error=math.nan)]
        curve.append(CurvePoint(epoch=epoch + 1, loss=loss, error=engine.error(data.validation)))
    return engine, curve
