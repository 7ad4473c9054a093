"""Section *start-up*: from a command to its help, and to the first training step of a search.

The first training step is found from what any user sees. A search whose first trial is a single step says on standard
output that the trial has ended, and its table tells the trial's own seconds, which begin when a worker that has the
data builds the network. Their difference is the time from the command to the first step, all set-up included: imports,
checks, the estimate, the executor's start, the data. Nothing inside anynas is patched or instrumented.
"""

import functools
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.measuring import BenchmarkError, Fact, Measurement, Row, Task, compare, of, paired
from benchmarks.sides import ROOT, environment, run_side
from benchmarks.trials import SIDES, request_of

TITLE = "Start-up"
METHOD = """\
Fresh processes, in turn. *help* is `anynas --help`, beside `python -c "import torch"` for scale. *First step* is from
the command `anynas search` to the first training step: the time at which the search says that its first trial has
ended, less that trial's own seconds in the table; the trial is one step. Beside it, the time from the start of a
process to the start of the first training under Ray Tune and in a plain loop, as in the section *Trials*."""
EXECUTORS = {"ray": "Ray Tune", "process": "Ray Tune", "inline": "plain loop"}  # executor: what it is compared with
TORCH = [sys.executable, "-c", "import torch"]
SEARCH = [sys.executable, "-m", "anynas", "search", "--space", "AnyNetD"]
HELP = [sys.executable, "-m", "anynas", "--help"]
END_SECONDS = 60.0  # for a search that was told to end
SIDE_SECONDS = {"anynas": 9.0, "Ray Tune": 12.0, "plain loop": 5.0}


def tasks(*, quick: bool) -> list[Task]:
    """Return nine rounds of help and five of first steps, all sides in turn; quick: one round of each."""
    turns = []
    for number in range(1 if quick else 9):
        for side, command, seconds in (("anynas", HELP, 0.2), ("import torch", TORCH, 2.0)):
            turns.append(_task("help", side, number, seconds, functools.partial(_wall, command)))
    for number in range(1 if quick else 5):
        for executor in EXECUTORS:
            work = functools.partial(first_step, executor)
            turns.append(_task(executor, "anynas", number, SIDE_SECONDS["anynas"], work))
        for other in dict.fromkeys(EXECUTORS.values()):
            work = functools.partial(_others_first_step, other, number)
            turns.append(_task("first step", other, number, SIDE_SECONDS[other], work))
    return turns


def summary(measurements: Sequence[Measurement]) -> tuple[list[Row], list[Fact]]:
    """Return the ratios of seconds to help and to the first step, and torch's import for scale."""
    rows = [_row("anynas --help", measurements, ours="help", theirs="help", other="import torch")]
    for executor, other in EXECUTORS.items():
        rows.append(_row(f"first step, {executor}", measurements, ours=executor, theirs="first step", other=other))
    imports = [m["seconds"] for m in of(measurements, what="help", side="import torch")]
    return rows, [Fact(name="import torch", value=statistics.median(imports), unit="s", n=len(imports))]


def first_step(executor: str) -> float:
    """Return the seconds from the command `anynas search` to its first training step.

    Raises:
        BenchmarkError: The search ended without a trial.
    """
    from anynas.regimes import load_regime
    from anynas.store import load_run

    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        sizes = ["--trials", "1", "--epochs", "1", "--images", str(load_regime("fashion").recipe.batch_size)]
        started = time.perf_counter()
        process = subprocess.Popen(
            [*SEARCH, *sizes, "--executor", executor, "--run", str(run)],
            cwd=folder,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        ended, lines = None, []
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(line.rstrip())
            if re.search(r"\btrial 0:", line):
                ended = time.perf_counter()
                process.send_signal(signal.SIGTERM)
                break
        try:
            process.communicate(timeout=END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
        if ended is None:
            raise BenchmarkError(f"a search must end its first trial; it said: {lines[-1] if lines else 'nothing'}")
        return ended - started - float(load_run(run).table()["seconds"].iloc[0])


def _task(what: str, side: str, number: int, expected: float, seconds: functools.partial[float]) -> Task:
    return Task(
        label=f"start-up: {what}, {side}, round {number + 1}",
        expected_seconds=expected,
        work=lambda: {"what": what, "side": side, "round": number, "seconds": seconds()},
    )


def _wall(command: Sequence[str]) -> float:
    started = time.perf_counter()
    subprocess.run(command, cwd=ROOT, env=environment(), stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - started


def _others_first_step(side: str, number: int) -> float:
    request = request_of(number, networks=1, images=64)
    measurement = run_side(SIDES[side], **{**request, "epochs": 1})
    return float(measurement["first_start"] - measurement["spawned"])


def _row(name: str, measurements: Sequence[Measurement], *, ours: str, theirs: str, other: str) -> Row:
    pairs = paired(measurements, {"what": theirs, "side": other}, what=ours, side="anynas")
    return compare(name, other, [m["seconds"] for m, _ in pairs], [m["seconds"] for _, m in pairs])
