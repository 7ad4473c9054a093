"""Section *profile*: where the time of training steps goes, and how far training is from what a core can do.

`profiled` takes any step, a function without arguments, so that it serves whatever engine does the training;
`training_step` is the one place that knows how anynas makes a step.
"""

import cProfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.measuring import BenchmarkError, Fact, Measurement, Row, Task, of
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
STEPS, WARM_STEPS = 20, 3
PASSES = 3  # forward, and backward to inputs and to weights
MATRIX_SIDE = 1536
KINDS = (  # the first whose words occur in an operation's name
    ("convolution", ("conv",)),
    ("batch norm", ("batch_norm", "batchnorm", "bn_")),
    ("ReLU", ("relu", "clamp", "threshold")),
    ("linear, pooling and loss", ("addmm", "::mm", "linear", "softmax", "nll", "entropy", "pool", "mean", "::div")),
    ("optimiser", ("sgd", "foreach", "zero_", "optimizer")),
    ("taking images", ("index", "gather", "select")),
    ("sums and copies", ("add", "copy", "clone", "contiguous", "empty", "resize", "fill", "detach", "::t", "view")),
)
TAPE = "training/cpu/operations.py"  # where a tape's operations are
OPTIMISER = "SGD.step"
TAPE_KINDS = (
    ("1x1 convolution, linear", ("Pointwise",)),
    ("larger convolution", ("Direct", "Unfolded", "Wide")),
    ("norm, with addition and ReLU", ("Normalised", "Added", "Activated", "Forked")),
    ("pooling", ("Pooled", "GloballyPooled")),
)
OTHER, BETWEEN = "other operations", "between operations"
Step = Callable[[], object]


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


def profiled(step: Step, *, steps: int) -> tuple[float, dict[str, float], dict[str, float]]:
    """Return wall seconds of so many profiled steps; their parts by kind; and by operation.

    A step that plays a tape, as anynas' engine for CPUs does, is profiled by Python's profiler, which sees the tape's
    operations; any other step by torch's.
    """
    step()  # what happens once is not profiled
    wall, operations = _by_tape(step, steps)
    name_kind = tape_kind_of
    if not operations:
        wall, operations = _by_torch(step, steps)
        name_kind = kind_of
    kinds: dict[str, float] = {}
    for name, seconds in operations.items():
        kinds[name_kind(name)] = kinds.get(name_kind(name), 0.0) + seconds
    kinds[BETWEEN] = max(wall - sum(operations.values()), 0.0)
    return wall, kinds, operations


def _by_tape(step: Step, steps: int) -> tuple[float, dict[str, float]]:
    """Return wall seconds, and seconds in each operation of a tape and in the optimiser; nothing without a tape."""
    profiler = cProfile.Profile()
    started = time.perf_counter()
    profiler.enable()
    for _ in range(steps):
        step()
    profiler.disable()
    wall = time.perf_counter() - started
    operations: dict[str, float] = {}
    for entry in profiler.getstats():
        if isinstance(entry.code, str):  # built in
            continue
        name, file = entry.code.co_qualname, Path(entry.code.co_filename)
        is_operation = file.match(TAPE) and name.endswith((".forward", ".backward"))
        if is_operation or name == OPTIMISER:
            operations[name] = operations.get(name, 0.0) + entry.totaltime
    return (wall, operations) if set(operations) - {OPTIMISER} else (wall, {})


def _by_torch(step: Step, steps: int) -> tuple[float, dict[str, float]]:
    """Return wall seconds, and each torch operation's own seconds."""
    from torch.profiler import ProfilerActivity, profile

    with profile(activities=[ProfilerActivity.CPU]) as profiler:
        started = time.perf_counter()
        for _ in range(steps):
            step()
        wall = time.perf_counter() - started
    return wall, {event.key: round(event.self_cpu_time_total / 1e6, 6) for event in profiler.key_averages()}


def tape_kind_of(operation: str) -> str:
    """Return the kind of a tape's operation, named CLASS.forward or CLASS.backward."""
    if operation == OPTIMISER:
        return "optimiser"
    cls = operation.partition(".")[0]
    return next((kind for kind, classes in TAPE_KINDS if cls in classes), OTHER)


def kind_of(operation: str) -> str:
    """Return the kind of an operation, by its name."""
    name = operation.lower()
    return next((kind for kind, words in KINDS if any(word in name for word in words)), OTHER)


def timed(step: Step, *, steps: int) -> float:
    """Return wall seconds of so many steps, after a few that are not counted."""
    for _ in range(WARM_STEPS):
        step()
    started = time.perf_counter()
    for _ in range(steps):
        step()
    return time.perf_counter() - started


def training_step(trial: Any, data: Any) -> Step:
    """Return a training step of anynas on the first batch, at the recipe's rate."""
    import torch

    from anynas.training.engines import make_engine

    engine = make_engine(trial, data)
    batch = torch.arange(trial.recipe.batch_size, device=data.device)
    return lambda: engine.step(batch, trial.recipe.learning_rate)


def peak_gflops(*, repeats: int) -> list[float]:
    """Return the rates of a float32 matrix product with torch's present number of threads, in GFLOP/s."""
    import torch

    a, b = torch.randn(2, MATRIX_SIDE, MATRIX_SIDE)
    return [2 * MATRIX_SIDE**3 / timed(lambda: a @ b, steps=1) / 1e9 for _ in range(repeats)]


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
