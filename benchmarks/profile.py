"""Section *profile*: where the time of training steps goes, and how far training is from what a core can do.

`training_step` is the one place here that knows how anynas makes a step.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.measuring import BenchmarkError, Fact, Measurement, Row, Task, of
from benchmarks.profiling import Step, peak_gflops, profiled, timed
from benchmarks.sides import run_side
from benchmarks.trials import request_of

TITLE = "Where the time goes now"
METHOD = """\
Training steps of the section *Trials*' 16 networks (one batch each, one thread), under a profiler: time in each
operation, summed by kind. Networks that anynas plays as a tape are profiled by Python's profiler, those that it
leaves to torch by torch's. *Between operations* is all else: the loss, taking images, Python, autograd and the
profiler itself. Without the profiler the same steps are timed for the rate: a step is counted as three forward
passes, two floating-point operations for each multiply-add, and compared with the largest float32 matrix product's
rate on one core of the same machine."""
STEPS = 20
PASSES = 3  # forward, and backward to inputs and to weights


def tasks(*, quick: bool) -> list[Task]:
    """Return one turn over all networks; quick: over one."""
    networks, steps = (1, 2) if quick else (16, STEPS)
    return [
        Task(
            label="profile",
            expected_seconds=15 + 0.05 * networks * steps,
            work=lambda: {
                "side": "anynas",
                **run_side("profile:profile_networks", round=0, networks=networks, steps=steps),
            },
        )
    ]


def summary(measurements: Sequence[Measurement]) -> tuple[list[Row], list[Fact]]:
    """Return no rows; shares of the time by kind, and the rate beside the machine's."""
    (measurement,) = of(measurements, side="anynas")
    networks = measurement["results"]
    total = sum(network["profiled_seconds"] for network in networks)
    kinds: dict[str, float] = {}
    for network in networks:
        for kind, seconds in network["seconds_by_kind"].items():
            kinds[kind] = kinds.get(kind, 0.0) + seconds
    ordered = sorted(kinds.items(), key=lambda item: -item[1])
    facts = [
        Fact(name=f"time: {kind}", value=100 * seconds / total, unit="%", n=len(networks)) for kind, seconds in ordered
    ]
    seconds = sum(network["seconds"] for network in networks)
    images = sum(network["images"] for network in networks)
    reached = sum(2 * PASSES * network["images"] * network["multiply_adds"] for network in networks) / seconds / 1e9
    peak = max(measurement["peak_gflops"])
    rate = {"n": len(networks)}
    return [], [
        *facts,
        Fact(name="images a second on one core", value=images / seconds, unit="", **rate),
        Fact(name="training on one core", value=reached, unit="GFLOP/s", **rate),
        Fact(name="matrix product on one core", value=peak, unit="GFLOP/s", n=len(measurement["peak_gflops"])),
        Fact(name="training / matrix product", value=100 * reached / peak, unit="%", **rate),
    ]


def training_step(trial: Any, data: Any) -> Step:
    """Return a training step of anynas on the first batch, at the recipe's rate."""
    import torch

    from anynas.training.engines import make_engine

    engine = make_engine(trial, data)
    batch = torch.arange(trial.recipe.batch_size, device=data.device)
    return lambda: engine.step(batch, trial.recipe.learning_rate)


def profile_networks(request: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Side: time and profile steps of the first so many networks, one after the other, on one thread."""
    from anynas.architecture import Architecture
    from anynas.counting import complexity
    from anynas.regimes import load_regime
    from anynas.training.devices import one_thread
    from anynas.training.worker import Worker, Workplace
    from anynas.trials import Trial

    regime = load_regime("fashion")
    shape: dict[str, Any] = {"input_shape": regime.input_shape, "num_classes": regime.num_classes}
    worker = Worker(Workplace(data=regime.data, device="cpu", **shape))
    answers, steps = [], request["steps"]
    with one_thread():
        peak = peak_gflops(repeats=5)
        for number, given in enumerate(request_of(0, networks=request["networks"])["trials"]):
            architecture = Architecture.from_dict(given["architecture"])
            trial = Trial(
                number=number,
                architecture=architecture,
                recipe=regime.recipe,
                fidelity=regime.fidelity,
                seed=given["seed"],
            )
            step = training_step(trial, worker.prepared(trial))
            seconds = timed(step, steps=steps)
            wall, kinds, operations = profiled(step, steps=steps)
            answers.append(
                {
                    "key": architecture.key,
                    "multiply_adds": complexity(architecture, **shape).flops,
                    "images": steps * regime.recipe.batch_size,
                    "seconds": seconds,
                    "profiled_seconds": wall,
                    "seconds_by_kind": kinds,
                    "seconds_by_operation": operations,
                }
            )
    if not answers:
        raise BenchmarkError("there must be at least one network to profile; got none")
    return {"peak_gflops": peak, "results": answers}
