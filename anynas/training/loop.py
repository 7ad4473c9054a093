"""The training loop: one network, one recipe, one fidelity, one seed; no callbacks, no loader.

On a CPU the same trial gives the same bits: one thread, and nothing chosen by timing. Images are indexed from tensors
on the device, and the last partial batch is dropped, so that every step has one shape. Within an epoch nothing waits
for the device: its losses are summed up there.

A trial may pause after an epoch and go on later, here or in another process: the learning rate is always that of the
whole fidelity.

A training is a generator that stops whenever some steps have been handed to the device, so that one process can keep
several trainings going at once (`side_by_side`); a trial alone simply exhausts it.
"""

import dataclasses
import math
import time
from collections.abc import Callable, Generator

import torch

from anynas.errors import SettingsError
from anynas.training.devices import PeakMemory, Ready, device_name, forked_random_state, reached
from anynas.training.engines import Engine, make_engine
from anynas.training.pausing import arrays_of, put_back
from anynas.training.prepared import PreparedData
from anynas.trials import CurvePoint, Paused, Trial, TrialResult

ORDER_STREAM = 0x5EED_0  # set apart from the streams of initial weights and of augmentation
EXPLODED_LOSS = 10.0  # times the loss of guessing, ln(classes): beyond it a network has diverged
STEPS_AT_ONCE = 8  # that a training hands to the device before it lets another one have its turn

MakeEngine = Callable[[Trial, PreparedData], Engine]
Training = Generator[Ready, None, TrialResult | Paused]


def train_trial(trial: Trial, data: PreparedData, make: MakeEngine | None = None) -> TrialResult | Paused:
    """Train the trial's network on prepared data and return its errors, curve and cost, or where it paused.

    A loss that becomes NaN or explodes ends the trial with the error of chance and the reason "diverged": it is a
    result.

    Args:
        trial: What to train.
        data: At the trial's resolution, on the device.
        make: Makes the engine; None takes the device's own.

    Raises:
        ArchitectureError: The images are too small for the network.
        SettingsError: There are fewer images than one batch.
    """
    with forked_random_state(data.device):
        steps = training(trial, data, make)
        while True:
            try:
                next(steps)
            except StopIteration as end:
                ended: TrialResult | Paused = end.value
                return ended


def training(trial: Trial, data: PreparedData, make: MakeEngine | None = None) -> Training:
    """Train as `train_trial` does, with stops; what it draws from torch's random state must be its own.

    Yields:
        A function that says whether the device has come so far that going on will not wait for it.

    Returns:
        The result, or where it paused, as the value of StopIteration.
    """
    memory = PeakMemory(data.device)
    memory.start()
    started = time.perf_counter()
    torch.manual_seed(trial.seed)
    engine, order, curve = yield from _fit(trial, data, make or make_engine)
    diverged = not math.isfinite(curve[-1].error)
    chance = 100.0 * (1 - 1 / data.num_classes)
    test_error = math.nan
    if trial.test:
        test_error = chance if diverged else engine.error(data.test)
    pauses = not diverged and len(curve) < trial.fidelity.epochs
    result = TrialResult(
        state="pruned" if pauses else "complete",
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
    return Paused(result=result, arrays=arrays_of(engine, order, data.device)) if pauses else result


def _fit(
    trial: Trial, data: PreparedData, make: MakeEngine
) -> Generator[Ready, None, tuple[Engine, torch.Generator, list[CurvePoint]]]:
    """Train from where the trial stands to where it pauses or ends.

    Returns:
        The engine, what draws the order of images, and a point an epoch; a last error that is no number means
        divergence.
    """
    recipe = trial.recipe
    num_images = len(data.train) if trial.fidelity.images == "all" else trial.fidelity.images
    if not recipe.batch_size <= num_images <= len(data.train):
        raise SettingsError(
            f"images must be at least one batch ({recipe.batch_size}) and at most the data set's {len(data.train)}; "
            f"got {num_images}"
        )
    steps_per_epoch = num_images // recipe.batch_size
    num_steps = steps_per_epoch * trial.fidelity.epochs
    engine = make(trial, data)
    generator = torch.Generator(data.device).manual_seed(trial.seed ^ ORDER_STREAM)
    curve: list[CurvePoint] = []
    if trial.paused is not None:
        curve += trial.paused.result.curve
        put_back(trial.paused.arrays, engine, generator, data.device)
    for epoch in range(len(curve), trial.stop or trial.fidelity.epochs):
        order = torch.randperm(num_images, generator=generator, device=data.device)
        total = torch.zeros((), device=data.device)
        before = reached(data.device)
        for position in range(steps_per_epoch):
            rate = recipe.learning_rate_at(epoch * steps_per_epoch + position, num_steps)
            total += engine.step(order[position * recipe.batch_size : (position + 1) * recipe.batch_size], rate)
            if position % STEPS_AT_ONCE == STEPS_AT_ONCE - 1:  # one lot is under way while the next is handed over
                yield before
                before = reached(data.device)
        yield reached(data.device)
        loss = total.item() / steps_per_epoch
        if not loss <= EXPLODED_LOSS * math.log(data.num_classes):  # a NaN fails this as well
            return engine, generator, [*curve, CurvePoint(epoch=epoch + 1, loss=loss, error=math.nan)]
        curve.append(CurvePoint(epoch=epoch + 1, loss=loss, error=engine.error(data.validation)))
    return engine, generator, curve
