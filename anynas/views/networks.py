"""What the commands print about one network: its full training, what it predicts, how long it takes."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from rich.console import Console

from anynas.counting import complexity
from anynas.terminal import count, duration, plural, print_table
from anynas.views.pictures import print_pictures

if TYPE_CHECKING:
    from anynas.exporting.predicting import Prediction
    from anynas.training.fully import TrainingPlan
    from anynas.training.latency import Latency
    from anynas.training.trained import Trained


def print_training_plan(console: Console, plan: "TrainingPlan", *, seconds: float, where: str) -> None:
    """Print what a training will do, and about how long that takes."""
    architecture, done = plan.architecture, plan.epochs_done
    counted = complexity(architecture, input_shape=plan.input_shape, num_classes=plan.num_classes)
    size = "x".join(map(str, plan.input_shape))
    epochs = plan.fidelity.epochs
    print_pictures(console, plan.data)
    lines = [
        f"{architecture.family} {architecture.key} at {size}: {count(counted.flops)} multiply-adds, "
        f"{count(counted.params)} params",
        f"data {plan.data.name}: all {len(plan.data.train):,} training images, {plural(epochs, 'epoch')}, batch "
        f"{plan.recipe.batch_size}, seed {plan.seed}, on {where}",
    ]
    if plan.is_finished:
        lines.append("all of it is finished: nothing is trained again")
    else:
        already = f"; {plural(done, 'epoch')} done already" if done else ""
        lines.append(f"about {duration(seconds)}: {plural(epochs - done, 'epoch')}{already}")
    lines.append(f"folder {plan.path}")
    for line in lines:
        console.print(line, soft_wrap=True)


def print_trained(console: Console, trained: "Trained", *, num_validation: int, num_test: int) -> None:
    """Print what came of a training."""
    console.print()
    console.print(f"validation error  {trained.validation_error:.2f} % of {num_validation:,} images")
    console.print(f"test error        {trained.test_error:.2f} % of {num_test:,} images")


def print_predictions(console: Console, image: str, predictions: "Sequence[Prediction]") -> None:
    """Print an image's classes, the most probable first."""
    said = ", ".join(f"{one.name} {100 * one.probability:.1f} %" for one in predictions)
    console.print(f"{image}: {said}", soft_wrap=True)


def print_latency(console: Console, measured: "Iterable[Latency]", *, device: str) -> None:
    """Print how long a network takes, by size of the batch."""
    measured = list(measured)
    rows = [
        [one.batch, *(_milliseconds(s) for s in (one.median_seconds, one.low_seconds, one.high_seconds)), one.n]
        for one in measured
    ]
    console.print()
    threads, warm = measured[0].threads, measured[0].warm_calls
    console.print(
        f"time of a call on {device}: torch, float32, {plural(threads, 'thread')}, after {warm} calls to warm up",
        soft_wrap=True,
    )
    print_table(
        console,
        ["batch", "median ms", "lower quartile", "upper quartile", "n"],
        rows,
        right=["median ms", "lower quartile", "upper quartile"],
    )


def _milliseconds(seconds: float) -> str:
    """Return three digits, or all in front of the point."""
    return f"{1e3 * seconds:,.0f}" if seconds >= 1 else f"{1e3 * seconds:.3g}"
