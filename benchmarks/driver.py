"""Section *driver*: what the driver itself costs a trial, when trials cost nothing."""

import statistics
from collections.abc import Sequence

from benchmarks.measuring import Fact, Measurement, Row, Task, compare, of, paired
from benchmarks.sides import run_side

TITLE = "Driver"
METHOD = """\
Trials of AnyNetD (fashion regime) that cost nothing: an executor looks errors up by key. Everything else is as in a
search, the record on disk included. Against `study.optimize` on SQLite and Ray Tune with OptunaSearch, both with 16
parameters, random draws and an objective that returns at once; where they are timed on fewer trials, since they cost
more, the row names both numbers. Seconds are a trial. *tpe* is timed on a record that holds so many trials already,
over the next few: in `ask()`, and in all the rest."""
SIZES = (100, 1_000, 10_000)
SAMPLERS = ("random", "qmc")
EXPECTED_SECONDS = 0.005  # a trial
OTHERS = {"Optuna, SQLite": ("others:sqlite", 100, 0.07), "Ray Tune, OptunaSearch": ("others:optuna_search", 12, 2.0)}


def tasks(*, quick: bool) -> list[Task]:
    """Return three rounds of the driver at all sizes and of the others in turn; quick: one round of few trials."""
    rounds, sizes = (1, (4, 8)) if quick else (3, SIZES)
    few = 2 if quick else 60  # so many that what happens once, a sort or a collection of garbage, weighs little
    turns = []
    for number in range(rounds):
        for side in OTHERS:
            turns += [_ours("random", sizes[0], number, few=2, beside=side), _others(side, number, quick=quick)]
        turns += [_ours(sampler, size, number, few=few) for size in sizes for sampler in SAMPLERS]
    return turns


def _ours(sampler: str, size: int, number: int, *, few: int, beside: str = "") -> Task:
    """Return a search; `beside`: the side that it is compared with."""
    return Task(
        label=f"driver: {sampler}, {size:,} trials, round {number + 1}",
        expected_seconds=3 + size * EXPECTED_SECONDS,
        work=lambda: {
            "side": "anynas",
            "beside": beside,
            **run_side("look_up:search", round=number, sampler=sampler, trials=size, few=few),
        },
    )


def _others(side: str, number: int, *, quick: bool) -> Task:
    function, trials, seconds = OTHERS[side]
    n = 2 if quick else trials
    return Task(
        label=f"driver: {side}, round {number + 1}",
        expected_seconds=8 + n * seconds,
        work=lambda: {"side": side, **run_side(function, round=number, trials=n)},
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
