"""What the commands print about one network: its full training, what it predicts, how long it takes."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Console

from anynas.facts import Facts
from anynas.terminal import count, duration, plural, print_line, print_table
from anynas.views.pictures import print_pictures

if TYPE_CHECKING:
    from anynas.exporting.card import Card
    from anynas.training.fully import TrainingPlan
    from anynas.training.trained import Trained


def print_training_plan(console: Console, plan: "TrainingPlan", planned: Facts) -> None:
    """Print what a training will do, and about how long that takes."""
    architecture, done, epochs = plan.architecture, planned["epochs_done"], plan.fidelity.epochs
    size = "x".join(map(str, plan.input_shape))
    print_pictures(console, plan.data)
    lines = [
        f"{architecture.family} {architecture.key} at {size}: {count(planned['flops'])} multiply-adds, "
        f"{count(planned['params'])} params",
        f"data {plan.data.name}: all {planned['images']:,} training images, {plural(epochs, 'epoch')}, batch "
        f"{plan.recipe.batch_size}, seed {plan.seed}, on {planned['device']}",
    ]
    if planned["is_finished"]:
        lines.append("all of it is finished: nothing is trained again")
    else:
        already = f"; {plural(done, 'epoch')} done already" if done else ""
        seconds = planned["estimate"]["total_seconds"]
        lines.append(f"about {duration(seconds)}: {plural(epochs - done, 'epoch')}{already}")
    lines.append(f"folder {plan.path}")
    for line in lines:
        print_line(console, line)


def print_trained(console: Console, trained: "Trained", *, num_validation: int, num_test: int) -> None:
    """Print what came of a training."""
    console.print(f"validation error  {trained.validation_error:.2f} % of {num_validation:,} images")
    console.print(f"test error        {trained.test_error:.2f} % of {num_test:,} images")


def print_card(console: Console, card: "Card") -> None:
    """Print which network it is, and where its weights come from."""
    print_line(console, f"{card.architecture.family} {card.architecture.key}, weights {card.weights}")


def print_predictions(console: Console, predictions: Sequence[Facts]) -> None:
    """Print a line an image: its classes, the most probable first."""
    for each in predictions:
        said = ", ".join(f"{one['name']} {100 * one['probability']:.1f} %" for one in each["classes"])
        print_line(console, f"{each['image']}: {said}")


def print_latency(console: Console, measured: Facts) -> None:
    """Print how long a network takes, by size of the batch."""
    batches = measured["batches"]
    times = ("median_seconds", "low_seconds", "high_seconds")
    rows = [[one["batch"], *(_milliseconds(one[name]) for name in times), one["n"]] for one in batches]
    threads, warm = batches[0]["threads"], batches[0]["warm_calls"]
    console.print()
    print_line(
        console,
        f"time of a call on {measured['device']}: torch, float32, {plural(threads, 'thread')}, after {warm} calls to "
        "warm up",
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
