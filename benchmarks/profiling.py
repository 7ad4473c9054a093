"""How a step spends its time, by kind of operation; how long steps take; and what a core can do at most.

A step is any function without arguments, so that these serve whatever engine does the training.
"""

import cProfile
import time
from collections.abc import Callable
from pathlib import Path

WARM_STEPS = 3
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
TAPE = "training/cpu/*.py"  # where a tape's operations are
OPTIMISER = "SGD.step"
TAPE_KINDS = (
    ("1x1 convolution, linear", ("Pointwise",)),
    ("larger convolution", ("Direct", "Unfolded", "Wide")),
    ("norm, with addition and ReLU", ("Normalised", "Added", "Activated", "Forked")),
    ("pooling", ("Pooled", "GloballyPooled")),
)
OTHER, BETWEEN = "other operations", "between operations"
Step = Callable[[], object]


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
        is_operation = file.match(TAPE) and name.endswith((".forward", ".backward")) and not name.startswith("Tape.")
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


def peak_gflops(*, repeats: int) -> list[float]:
    """Return the rates of a float32 matrix product with torch's present number of threads, in GFLOP/s."""
    import torch

    a, b = torch.randn(2, MATRIX_SIDE, MATRIX_SIDE)
    return [2 * MATRIX_SIDE**3 / timed(lambda: a @ b, steps=1) / 1e9 for _ in range(repeats)]
