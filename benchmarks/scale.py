"""Section *scale*: how many GPUs one driver feeds, from searches by 64 workers that sleep or answer at once."""

import functools
import statistics
from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks.measuring import Fact, Measurement, Row, Task, of
from benchmarks.sides import run_side

TITLE = "Scale"
METHOD = """\
One driver and 64 workers that sleep, in AnyNetD (fashion regime); all but the workers is as in a search, the record on
disk included. Trials take log-normal times (0.3 is the standard deviation of their logarithm) and their errors are a
function of their key. *A trial*: what the driver takes for one when trials cost nothing, on a record that holds so many
already, over the next 512 (tpe: 72). *On rungs*: 1, 3 and 9 epochs, and half a megabyte of state for a trial that
pauses; a trial is then all of its rungs. *Busy* is the share of the workers' time in which they had a trial: over a
search of 10,000 and one of 2,000 on rungs, and, between the start of all workers and the last trial's, for trials so
short that workers ask for so many times what the driver can do (its time for a trial is measured within the same run:
all that it does not wait). A driver *feeds* the GPUs that it keeps 95 % busy, one trial at a time on each: that load,
as measured, times the length of a trial, over what the driver takes for one. That many GPUs were not there, and what it
costs to send a trial to a worker and its result back is the executor's, and no part of it. The machine had other work
meanwhile, on its cores and on its disk, and rounds differ by more than a factor of two: shares and ratios mean more
than milliseconds, and a driver with two cores to itself feeds more GPUs."""
WORKERS, MANY = 64, 1_024
SIZES = (0, 1_000, 5_000, 10_000)
FEW = {"random": 512, "qmc": 512, "tpe": 72}
RUNGS = 3
PAUSED_BYTES = 500_000
LOADS = (0.5, 0.8, 0.9, 1.0, 1.2, 2.0)  # what the workers ask for / what the driver can do
LENGTHS = (10, 60, 600)  # seconds a trial
SLEEPS = {1: (10_000, 0.5), RUNGS: (2_000, 3.0)}  # rungs -> trials, mean seconds of a whole training
ENOUGH = 0.95  # of the workers' time, busy


def tasks(*, quick: bool) -> list[Task]:
    """Return two rounds; quick: one of few workers and trials."""
    if quick:
        sizes, few, sleeps = (0, 6), {"random": 4, "qmc": 4, "tpe": 4}, {1: (8, 0.02), RUNGS: (9, 0.02)}
        crews = [(2, load) for load in (0.5, 1.2)]
        return [
            *_saturations(0, workers=2, sizes=sizes, few=few),
            *(_sleep(0, 2, rungs, *sleeps[rungs]) for rungs in sleeps),
            *(_approach(0, workers, load, few=8, trials=12) for workers, load in crews),
        ]
    turns = []
    for number in range(2):
        turns += [_approach(number, WORKERS, load, few=512, trials=1_024) for load in LOADS]
        turns.append(_approach(number, MANY, LOADS[2], few=MANY, trials=3 * MANY))
        turns += [_sleep(number, WORKERS, rungs, *SLEEPS[rungs]) for rungs in SLEEPS]
        turns += _saturations(number, workers=WORKERS, sizes=SIZES, few=FEW)
    return turns


def summary(measurements: Sequence[Measurement]) -> tuple[list[Row], list[Fact]]:
    """Return what a trial takes, how busy workers are, and what a large record costs; GPUs are in `gpu_table`."""
    facts = [
        Fact(name=f"{label}, {size:,} recorded: a trial", value=1e3 * statistics.median(taken), unit="ms", n=len(taken))
        for (label, size), taken in seconds_a_trial(measurements).items()
    ]
    facts += _disk(measurements)
    approaches = sorted((m["workers"], _load(m), m["steady_busy"]) for m in _approaches(measurements))
    facts += [
        Fact(name=f"{workers:,} workers ask for {load:.2f} of what it can do: busy", value=100 * busy, unit="%", n=1)
        for workers, load, busy in approaches
    ]
    loads = enough(measurements)
    facts.append(
        Fact(name=f"load that keeps workers {ENOUGH:.0%} busy", value=statistics.fmean(loads), unit="", n=len(loads))
    )
    return [], [*facts, *_sleeps(measurements)]


def gpu_table(measurements: Sequence[Measurement]) -> str:
    """Return how many GPUs one driver feeds, as Markdown: by sampler, records and the length of a trial."""
    lines = [
        "GPUs that one driver feeds, one trial at a time on each; with k at a time it is 1 / k of them:",
        "",
        f"| sampler | recorded | {' | '.join(f'{seconds} s a trial' for seconds in LENGTHS)} |",
        f"| --- | --: | {' | '.join('--:' for _ in LENGTHS)} |",
    ]
    for (label, size), gpus in fed(measurements).items():
        lines.append(f"| {label} | {size:,} | {' | '.join(f'{_rounded(gpus[seconds]):,}' for seconds in LENGTHS)} |")
    return "\n".join(lines)


def fed(measurements: Sequence[Measurement]) -> dict[tuple[str, int], dict[int, float]]:
    """Return the GPUs that one driver keeps busy enough, by sampler and records, for each length of a trial."""
    load = statistics.fmean(enough(measurements))
    return {
        case: {length: load * length / statistics.median(taken) for length in LENGTHS}
        for case, taken in seconds_a_trial(measurements).items()
    }


def seconds_a_trial(measurements: Sequence[Measurement]) -> dict[tuple[str, int], list[float]]:
    """Return what the driver takes for a trial in each round, by sampler and records."""
    cases: dict[tuple[str, int], list[float]] = {}
    for m in _saturated(measurements):
        cases.setdefault((m["label"], m["records"]), []).append(m["seconds"] / m["trials"])
    return dict(sorted(cases.items(), key=lambda case: [*FEW, _on_rungs(RUNGS)].index(case[0][0])))


def enough(measurements: Sequence[Measurement]) -> list[float]:
    """Return for each round the load at which the fewest workers are just busy enough, between loads by a line.

    The load is what workers ask for over what the driver can do; out of the range that was measured, its end.
    """
    approaches = _approaches(measurements)
    least = min(m["workers"] for m in approaches)
    loads = []
    for number in sorted({m["round"] for m in approaches}):
        points = sorted((m["steady_busy"], _load(m)) for m in of(approaches, workers=least, round=number))
        loads.append(float(np.interp(ENOUGH, *zip(*points, strict=True))))
    return loads


def _approaches(measurements: Sequence[Measurement]) -> list[Measurement]:
    return [m for m in measurements if m["side"] == "approach"]


def _load(measurement: Measurement) -> float:
    return float(measurement["workers"] * measurement["driver_seconds"] / measurement["trial_seconds"])


def _saturated(measurements: Sequence[Measurement]) -> list[dict[str, Any]]:
    """Return every sampler on every size of record, by round."""
    return [
        {"label": one["sampler"] if m["rungs"] == 1 else _on_rungs(m["rungs"]), **one}
        for m in of(measurements, side="saturate")
        for one in m["measured"]
    ]


def _on_rungs(rungs: int) -> str:
    return f"random on {rungs} rungs"


def _disk(measurements: Sequence[Measurement]) -> list[Fact]:
    """Return how much of a trial's time is waiting for the disk."""
    waits = [100 * m["disk_seconds"] / m["seconds"] for m in _saturated(measurements) if m["label"] == "random"]
    return [Fact(name="random: of it waiting for the disk", value=statistics.median(waits), unit="%", n=len(waits))]


def _sleeps(measurements: Sequence[Measurement]) -> list[Fact]:
    facts = []
    for rungs in SLEEPS:
        rounds = of(measurements, side="sleep", rungs=rungs)
        what = f"{rounds[0]['trials']:,} trials, {rounds[0]['workers']} workers{' on rungs' if rungs > 1 else ''}"
        columns = (
            ("busy", "busy", 100, "%"),
            ("until the last trial began: busy", "steady_busy", 100, "%"),
            ("wall time", "wall_seconds", 1, "s"),
            ("the driver, of that", "driver_share", 100, "%"),
            ("the driver's peak memory", "peak_bytes", 2**-20, "MiB"),
            ("journal", "journal_bytes", 2**-20, "MiB"),
            ("to resume", "resume_seconds", 1, "s"),
            ("Run.table()", "table_seconds", 1, "s"),
        )
        shown = [{**m, "driver_share": m["driver_seconds"] * m["outcomes"] / m["wall_seconds"]} for m in rounds]
        facts += [
            Fact(
                name=f"{what}: {name}",
                value=statistics.median(factor * m[field] for m in shown),
                unit=unit,
                n=len(shown),
            )
            for name, field, factor, unit in columns
        ]
    return facts


def _rounded(value: float) -> int:
    """Return a whole number of two digits, and zeros."""
    return int(float(f"{value:.1e}")) if value >= 10 else round(value)


def _saturations(number: int, *, workers: int, sizes: Sequence[int], few: dict[str, int]) -> list[Task]:
    """Return the samplers, and random draws on rungs, as fast as the driver can."""
    asks = 0.4 * few["tpe"] * len(sizes)  # seconds
    cases = ((1, few, 0.008 * sizes[-1] + asks), (RUNGS, {"random": few["random"]}, 0.008 * sizes[-1]))
    return [
        Task(
            label=f"scale: as fast as it can, {rungs} {'rungs' if rungs > 1 else 'rung'}, round {number + 1}",
            expected_seconds=10 + seconds,
            work=functools.partial(
                _side,
                "saturate",
                round=number,
                workers=workers,
                rungs=rungs,
                sizes=list(sizes),
                few=samplers,
                paused_bytes=PAUSED_BYTES,
            ),
        )
        for rungs, samplers, seconds in cases
    ]


def _sleep(number: int, workers: int, rungs: int, trials: int, seconds: float) -> Task:
    share = 1.0 if rungs == 1 else 0.3  # of the epochs that rungs leave
    return Task(
        label=f"scale: {trials:,} trials that sleep, {rungs} {'rungs' if rungs > 1 else 'rung'}, round {number + 1}",
        expected_seconds=5 + 1.1 * share * trials * seconds / workers + 0.003 * trials,
        work=functools.partial(
            _side,
            "sleep",
            round=number,
            workers=workers,
            rungs=rungs,
            trials=trials,
            seconds=seconds,
            paused_bytes=PAUSED_BYTES,
        ),
    )


def _approach(number: int, workers: int, load: float, *, few: int, trials: int) -> Task:
    return Task(
        label=f"scale: {workers:,} workers at load {load:g}, round {number + 1}",
        expected_seconds=3 + 0.004 * (few + trials / min(load, 1)),
        work=functools.partial(
            _side, "approach", round=number, workers=workers, rungs=1, load=load, few=few, trials=trials
        ),
    )


def _side(name: str, **request: Any) -> Measurement:
    return {"side": name, **run_side(f"feeding:{name}", **request)}
