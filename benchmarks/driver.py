"""Section *driver*: what the driver itself costs a trial, when trials cost nothing.

Errors are looked up by the architecture's key, as in a table of trained networks; everything else is as in a search:
proposals, identities, counts, and a journal on disk.
"""

import dataclasses
import math
import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from anynas.architecture import Architecture
from anynas.designspace import Bounds, load_space
from anynas.driver.loop import Clock, Setting, Silent, run_search
from anynas.driver.samplers import Known, Proposal, Sampler, make_sampler
from anynas.execution import Outcome
from anynas.store import recording
from anynas.trials import CurvePoint, Trial, TrialResult
from benchmarks.measuring import Fact, Measurement, Row, Task, compare, of, paired
from benchmarks.sides import run_side

TITLE = "Driver"
METHOD = """\
Trials of AnyNetD (fashion regime) that cost nothing: an executor looks errors up by key. Everything else is as in a
search, the record on disk included. Against `study.optimize` on SQLite and Ray Tune with OptunaSearch, both with 16
parameters, random draws and an objective that returns at once; where they are timed on fewer trials, since they cost
more, the row names both numbers. Seconds are a trial. *tpe* is timed on a record that holds so many trials already,
over the next few: in `ask()`, and in all the rest."""
SPACE = "AnyNetD"
SIZES = (100, 1_000, 10_000)
SAMPLERS = ("random", "qmc")
WORKERS = 2
EXPECTED_SECONDS = 0.005  # a trial
OTHERS = {"Optuna, SQLite": ("others:sqlite", 100, 0.3), "Ray Tune, OptunaSearch": ("others:optuna_search", 20, 2.0)}


def tasks(*, quick: bool) -> list[Task]:
    """Return three rounds of the driver at all sizes and of the others in turn; quick: one round of few trials."""
    rounds, sizes = (1, (4, 8)) if quick else (3, SIZES)
    turns = []
    for number in range(rounds):
        for side, (function, trials, seconds) in OTHERS.items():
            n = 2 if quick else trials
            turns.append(_task("random", sizes[0], number, few=2, expected=2.0, beside=side))
            turns.append(
                Task(
                    label=f"driver: {side}, round {number + 1}",
                    expected_seconds=8 + n * seconds,
                    work=lambda side=side, function=function, n=n, number=number: {
                        "side": side,
                        **run_side(function, round=number, trials=n),
                    },
                )
            )
        for size in sizes:
            for sampler in SAMPLERS:
                turns.append(
                    _task(
                        sampler,
                        size,
                        number,
                        few=2 if quick or sampler != "random" else 20,
                        expected=size * EXPECTED_SECONDS,
                    )
                )
    return turns


def _task(sampler: str, size: int, number: int, *, few: int, expected: float, beside: str = "") -> Task:
    return Task(
        label=f"driver: {sampler}, {size:,} trials, round {number + 1}",
        expected_seconds=3 + expected,
        work=lambda: {
            "side": "anynas",
            "beside": beside,
            **run_side("driver:search", round=number, sampler=sampler, trials=size, few=few),
        },
    )


def summary(measurements: Sequence[Measurement]) -> tuple[list[Row], list[Fact]]:
    """Return the ratios of seconds a trial, what a trial costs at each size, and how that grows."""
    rows, facts = [], []
    for side in OTHERS:
        pairs = paired(measurements, {"side": side}, side="anynas", beside=side)
        seconds = [[m["seconds"] / m["trials"] for m in part] for part in zip(*pairs, strict=True)]
        name = f"a trial, {pairs[0][0]['trials']} and {pairs[0][1]['trials']} of them"
        rows.append(compare(name, side, *seconds))
    alone = of(measurements, side="anynas", beside="")
    sizes = sorted({m["trials"] for m in alone})
    for sampler in SAMPLERS:
        facts += _growth(
            sampler, sizes, {n: [1e3 * m["seconds"] / n for m in of(alone, sampler=sampler, trials=n)] for n in sizes}
        )
    for name, field in (("tpe without ask()", "tpe_rest"), ("tpe, ask()", "tpe_ask")):
        taken = {n: [1e3 * m[field] / m["few"] for m in of(alone, sampler="random", trials=n)] for n in sizes}
        facts += _growth(name, sizes, taken)
    return rows, facts


def _growth(name: str, sizes: Sequence[int], milliseconds: dict[int, list[float]]) -> list[Fact]:
    """Return a fact a size, and the ratio of the two largest."""
    medians = {size: statistics.median(milliseconds[size]) for size in sizes}
    facts = [
        Fact(name=f"{name}, {size:,} trials: a trial", value=medians[size], unit="ms", n=len(milliseconds[size]))
        for size in sizes
    ]
    before, last = sizes[-2:]
    growth = medians[last] / medians[before]
    return [*facts, Fact(name=f"{name}: {last:,} / {before:,}", value=growth, unit="times", n=len(milliseconds[last]))]


class LookUp:
    """An executor whose trials cost nothing: an error is a function of the architecture's key."""

    name = "look-up"
    num_workers = WORKERS

    def __init__(self) -> None:
        self._waiting: list[Trial] = []

    def submit(self, trial: Trial) -> None:
        """Keep the trial until its result is asked for."""
        self._waiting.append(trial)

    def next_outcome(self) -> tuple[Trial, Outcome]:
        """Return the trial that has waited longest, with a result of the usual size."""
        trial = self._waiting.pop(0)
        error = error_of(trial.architecture)
        curve = tuple(CurvePoint(epoch=epoch, loss=1.0, error=error) for epoch in (1, 2))
        provenance = {"anynas_version": "0", "torch_version": "0", "python_version": "0", "host": "host", "pid": "1"}
        return trial, TrialResult(state="complete", error=error, curve=curve, seconds=0.0, provenance=provenance)

    def close(self) -> None:
        """Drop what waits."""
        self._waiting.clear()


def error_of(architecture: Architecture) -> float:
    """Return a percentage that is the same on every machine."""
    return 100.0 * int(architecture.key, 16) / 16**12


class TimedAsk:
    """A sampler that keeps when it was first asked, and how long its asks took."""

    def __init__(self, sampler: Sampler) -> None:
        self._sampler = sampler
        self.first_ask = math.inf  # on the clock of time.perf_counter
        self.seconds = 0.0

    def ask(self, number: int) -> Proposal:
        """Ask, and time it."""
        started = time.perf_counter()
        self.first_ask = min(self.first_ask, started)
        proposal = self._sampler.ask(number)
        self.seconds += time.perf_counter() - started
        return proposal

    def tell(self, known: Known) -> None:
        """Tell."""
        self._sampler.tell(known)


def search(request: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Side: a search of so many trials; after a random one, a few more by TPE on its record."""
    space = load_space(SPACE)
    regime = space.regime
    setting = Setting(space=space, recipe=regime.recipe, fidelity=regime.fidelity, num_images=8_000, seed=0)
    bounds = Bounds(flops=regime.flops)
    identity = {"study": "search", "regime": regime.name, "recipe": dataclasses.asdict(regime.recipe)}
    with recording(folder / "run", identity) as recorder:

        def run(name: str, trials: int) -> tuple[float, float, float]:
            """Return the seconds before the first ask, those in asks, and all others after the first ask."""
            sampler = TimedAsk(make_sampler(name, space, seed=request["round"], bounds=bounds))
            started = time.perf_counter()
            run_search(
                setting,
                sampler,
                LookUp(),
                recorder,
                trials=trials,
                clock=Clock(),
                progress=Silent(),
                reuse=False,
            )
            ended = time.perf_counter()
            return sampler.first_ask - started, sampler.seconds, ended - sampler.first_ask - sampler.seconds

        _, ask, rest = run(request["sampler"], request["trials"])
        answer = {"seconds": ask + rest}
        if request["sampler"] == "random":
            read, ask, rest = run("tpe", request["trials"] + request["few"])
            answer |= {"read_seconds": read, "tpe_ask": ask, "tpe_rest": rest}
    return answer
