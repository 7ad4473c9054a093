"""Section *ways*: a training step and an evaluation, computed in other ways that were tried.

All ways take the same networks, weights and batches, in turn within one process and on one thread, so that their
ratios mean something even where their times do not. `plain` is what a user writes, `tape` what anynas does.
"""

import copy
import functools
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.measuring import Fact, Measurement, Row, Task, compare, of
from benchmarks.sides import run_side
from benchmarks.trials import request_of

TITLE = "What was tried"
METHOD = """\
One training step (batch 64) and one evaluation of 1,000 images of each of the section *Trials*' 16 networks, on one
thread, in all ways in turn within one process; seconds are the sum over the networks, the median of so many steps of
each; n is the number of processes. *tape* is what anynas does on a CPU. *channels_last* is its engine for networks of
mostly wide 3x3s, and was its engine for all before. *bfloat16* is channels_last with narrow activations and weights.
*block-diagonal* turns each grouped 3x3 of fewer than 8 channels a group into an ordinary one whose other weights are 0.
*two threads* gives channels_last both cores, on which two trials could run. *pinned* is the tape on one core, kept
there."""
TRAINING = ("plain", "channels_last", "bfloat16", "block-diagonal", "two threads", "pinned")
EVALUATION = (16, 128, 500)  # batches beside the tape's own
STEPS, IMAGES = 4, 1_000

Step = Callable[[], object]


def tasks(*, quick: bool) -> list[Task]:
    """Return three rounds, each a process; quick: one round over one network."""
    rounds, networks, steps = (1, 1, 2) if quick else (3, 16, STEPS)
    return [
        Task(
            label=f"ways, round {number + 1}",
            expected_seconds=12 + 0.9 * networks * steps,
            work=functools.partial(
                run_side, "ways:measure_ways", side="anynas", round=number, networks=networks, steps=steps
            ),
        )
        for number in range(rounds)
    ]


def summary(measurements: Sequence[Measurement]) -> tuple[list[Row], list[Fact]]:
    """Return how many times the tape's time each other way takes."""
    rounds = of(measurements, side="anynas")
    rows = []
    for what, ways in (("step", TRAINING), ("evaluation", [f"batch {size}" for size in EVALUATION])):
        for way in ways:
            ours, theirs = ([m["seconds"][what][name] for m in rounds] for name in ("tape", way))
            rows.append(compare(what, way, ours, theirs))
    return rows, []


def measure_ways(request: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Side: the first so many networks, each in all ways in turn."""
    from anynas.architecture import Architecture
    from anynas.regimes import load_regime
    from anynas.training.devices import one_thread
    from anynas.training.worker import Worker, Workplace
    from anynas.trials import Trial

    regime = load_regime("fashion")
    worker = Worker(
        Workplace(data=regime.data, input_shape=regime.input_shape, num_classes=regime.num_classes, device="cpu")
    )
    totals: dict[str, dict[str, float]] = {"step": {}, "evaluation": {}}
    given = request_of(request["round"], networks=request["networks"])["trials"]
    with one_thread():
        for number, one in enumerate(given):
            architecture = Architecture.from_dict(one["architecture"])
            trial = Trial(
                number=number,
                architecture=architecture,
                recipe=regime.recipe,
                fidelity=regime.fidelity,
                seed=one["seed"],
            )
            data = worker.prepared(trial)
            for what, ways in (("step", _steps(trial, data)), ("evaluation", _evaluations(trial, data))):
                for way, seconds in _in_turn(ways, request["steps"]).items():
                    totals[what][way] = totals[what].get(way, 0.0) + seconds
    return {"seconds": totals}


def _in_turn(ways: dict[str, Step], steps: int) -> dict[str, float]:
    """Return each way's median seconds; every way is done once before it counts."""
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(steps + 1):
        for way, step in ways.items():
            started = time.perf_counter()
            step()
            seconds[way].append(time.perf_counter() - started)
    return {way: statistics.median(values[1:]) for way, values in seconds.items()}


def _steps(trial: Any, data: Any) -> dict[str, Step]:
    """Return a training step in each way, all from the same weights."""
    import torch

    from anynas.training.cpu.engine import CpuEngine
    from anynas.training.eager import EagerEngine
    from anynas.training.engines import network_of

    torch.manual_seed(trial.seed)
    network, batch = network_of(trial, data), torch.arange(trial.recipe.batch_size)
    tape, narrow = CpuEngine(copy.deepcopy(network), trial, data), torch.bfloat16
    engines: dict[str, Any] = {
        "tape": tape,
        "channels_last": EagerEngine(copy.deepcopy(network), trial, data),
        "bfloat16": EagerEngine(copy.deepcopy(network), trial, data, narrow),
        "block-diagonal": EagerEngine(_without_small_groups(copy.deepcopy(network)), trial, data),
    }
    steps: dict[str, Step] = {
        name: functools.partial(engine.step, batch, trial.recipe.learning_rate) for name, engine in engines.items()
    }
    return {
        **steps,
        "plain": _plain_step(copy.deepcopy(network), trial, data),
        "two threads": functools.partial(_with_threads, 2, steps["channels_last"]),
        "pinned": functools.partial(_pinned, steps["tape"]),
    }


def _plain_step(network: Any, trial: Any, data: Any) -> Step:
    """Return a step in contiguous memory format, with torch's plain optimiser."""
    import torch
    from torch.nn import functional

    from benchmarks.plain import parameter_groups

    images = data.train.images[: trial.recipe.batch_size].contiguous(memory_format=torch.contiguous_format)
    labels = data.train.labels[: trial.recipe.batch_size]
    recipe = trial.recipe
    optimizer = torch.optim.SGD(
        parameter_groups(network, recipe), lr=recipe.learning_rate, momentum=recipe.momentum, nesterov=recipe.nesterov
    )

    def step() -> None:
        optimizer.zero_grad()
        functional.cross_entropy(network(images), labels).backward()  # type: ignore[no-untyped-call]
        optimizer.step()

    return step


def _without_small_groups(network: Any) -> Any:
    """Replace convolutions of small groups by ordinary ones with a block-diagonal weight."""
    import torch
    from torch import nn

    for parent in list(network.modules()):
        for name, conv in list(parent.named_children()):
            if isinstance(conv, nn.Conv2d) and conv.groups > 1 and conv.in_channels // conv.groups < 8:
                sizes: dict[str, Any] = {
                    name: getattr(conv, name) for name in ("in_channels", "out_channels", "kernel_size", "stride")
                }
                whole = nn.Conv2d(**sizes, padding=conv.padding, bias=False)  # type: ignore[arg-type]
                weight = torch.zeros_like(whole.weight)
                width, outputs = conv.in_channels // conv.groups, conv.out_channels // conv.groups
                for group in range(conv.groups):
                    rows = slice(group * outputs, (group + 1) * outputs)
                    weight[rows, group * width : (group + 1) * width] = conv.weight.detach()[rows]
                whole.weight.data = weight
                setattr(parent, name, whole)
    return network


def _with_threads(number: int, step: Step) -> None:
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        step()
    finally:
        torch.set_num_threads(before)


def _pinned(step: Step) -> None:
    import os

    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        step()
    finally:
        os.sched_setaffinity(0, before)


def _evaluations(trial: Any, data: Any) -> dict[str, Step]:
    """Return an evaluation of so many images in batches of each size; `tape` has the engine's own."""
    from anynas.data import Split
    from anynas.training.cpu import engine
    from anynas.training.engines import network_of

    some = Split(data.validation.images[:IMAGES], data.validation.labels[:IMAGES])

    def evaluation(size: int) -> Step:
        made = engine.CpuEngine(network_of(trial, data), trial, data, evaluation_batch=size)
        return functools.partial(made.error, some)

    return {
        "tape": evaluation(engine.EVALUATION_BATCH),
        **{f"batch {size}": evaluation(size) for size in EVALUATION},
    }
