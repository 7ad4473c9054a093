"""Section *trials*: the same networks, trained by anynas on its default executor, by Ray Tune, and by a plain loop.

The networks are the first draws of AnyNetD in the fashion regime's band (seed 0); recipe, images, epochs, seeds,
initial weights and evaluations are the same on all sides. A trial's seed is that of a search with the round's seed.
"""

import dataclasses
import functools
import itertools
import statistics
from collections.abc import Callable, Sequence
from typing import Any

from benchmarks.measuring import (
    Fact,
    Measurement,
    Row,
    Task,
    compare,
    mean_with_interval,
    of,
    paired,
)
from benchmarks.sides import run_side

TITLE = "Trials"
METHOD = """\
The first 16 draws of AnyNetD in the fashion regime's band (seed 0), trained with that regime's recipe and fidelity:
by anynas through its driver, on its default executor (Ray), with a record; by Ray Tune's Tuner with a function
trainable in ordinary torch (Dataset, DataLoader, contiguous memory format, one CPU a trial, a report an epoch); and
by a plain loop in ordinary torch, one network after the other with torch's own number of threads. Seeds, initial
weights, schedule and evaluations are the same. A round is all 16 networks on each side, each side in a fresh process.
*Trials* counts from the start of the first trial to the end of the last; *with start-up* counts from the start of the
process. For anynas a trial starts when the driver hands it to a worker; what it compiles once for a machine is
compiled before. Seconds are wall time a trial: all of a round's divided by its trials."""
SPACE, DRAW_SEED = "AnyNetD", 0
SIDES = {"anynas": "population:population", "Ray Tune": "ray_tune:tuner", "plain loop": "plain:sequential"}
RAY_TUNE_ROUNDS = (0, 2)  # errors need three rounds of the other sides; a third of this one would take too long
EXPECTED_SECONDS = {"anynas": 3.0, "Ray Tune": 13.0, "plain loop": 14.0}  # a trial of two epochs of 8,000 images


def tasks(*, quick: bool) -> list[Task]:
    """Return rounds of all sides in turn: three of 16 networks, Ray Tune in two of them; quick: one of few images."""
    rounds, networks, images = (1, 2, 256) if quick else (3, 16, None)
    turns = []
    for number in range(rounds):
        request = functools.partial(request_of, number, networks=networks, images=images)
        for side in SIDES:
            if side == "Ray Tune" and number not in RAY_TUNE_ROUNDS:
                continue
            turns.append(
                Task(
                    label=f"trials: {side}, round {number + 1} of {rounds}",
                    expected_seconds=12 + EXPECTED_SECONDS[side] * networks * ((images or 8000) / 8000),
                    work=functools.partial(_turn, side, request),
                )
            )
    return turns


def summary(measurements: Sequence[Measurement]) -> tuple[list[Row], list[Fact]]:
    """Return the ratios of wall time a trial, the difference of errors, and the share of time that workers train."""
    rows, facts = [], []
    for span, first in (("trials", "first_start"), ("with start-up", "spawned")):
        for other in ("Ray Tune", "plain loop"):
            pairs = paired(measurements, {"side": other}, side="anynas")
            seconds = [[_seconds_a_trial(m, first) for m in side] for side in zip(*pairs, strict=True)]
            rows.append(compare(span, other, *seconds))
    for side in SIDES:
        rates = [60 / _seconds_a_trial(m, "first_start") for m in of(measurements, side=side)]
        facts.append(Fact(name=f"{side}: trials a minute", value=statistics.median(rates), unit="", n=len(rates)))
    shares = [100 * busy(m) for m in of(measurements, side="anynas")]
    facts.append(Fact(name="workers busy with trials", value=statistics.median(shares), unit="%", n=len(shares)))
    return rows, [*facts, _error_difference(measurements), _error_difference_to_both(measurements)]


def busy(measurement: Measurement) -> float:
    """Return the share of the workers' time, from the first start to the last end, that was spent in trials."""
    wall = measurement["last_end"] - measurement["first_start"]
    spent = sum(result["seconds"] for result in measurement["results"])
    return float(spent / (measurement["workers"] * wall))


def _turn(side: str, request: Callable[[], dict[str, Any]]) -> Measurement:
    measurement = run_side(SIDES[side], **request())
    for bulky in ("trials", "recipe"):  # the same in every turn
        del measurement[bulky]
    return {"side": side, **measurement}


def request_of(number: int, *, networks: int, images: int | None = None) -> dict[str, Any]:
    """Return what all sides of a round train, JSON-ready; `images` None: as many as the regime says."""
    from anynas.designspace import Bounds, load_space
    from anynas.driver.jobs import trial_seed

    space = load_space(SPACE)
    regime = space.regime
    draws = itertools.islice(space.draws(seed=DRAW_SEED, bounds=Bounds(flops=regime.flops)), networks)
    return {
        "round": number,
        "data": regime.data,
        "images": images or regime.fidelity.images,
        "epochs": regime.fidelity.epochs,
        "recipe": dataclasses.asdict(regime.recipe),
        "trials": [
            {"key": draw.key, "architecture": draw.to_dict(), "seed": trial_seed(number, index)}
            for index, (draw, _) in enumerate(draws)
        ],
    }


def _seconds_a_trial(measurement: Measurement, first: str) -> float:
    return float((measurement["last_end"] - measurement[first]) / len(measurement["results"]))


def _error_difference(measurements: Sequence[Measurement]) -> Fact:
    """Return anynas' validation error minus the plain loop's for the same network and seed.

    The mean is over networks of each network's mean over rounds, and the interval over networks: rounds of one network
    are not independent of each other.
    """
    differences: dict[str, list[float]] = {}
    for ours, theirs in paired(measurements, {"side": "plain loop"}, side="anynas"):
        errors = {result["key"]: result["error"] for result in theirs["results"]}
        for result in ours["results"]:
            differences.setdefault(result["key"], []).append(result["error"] - errors[result["key"]])
    means = [statistics.fmean(values) for values in differences.values()]
    return _difference("anynas minus plain loop", means, sum(map(len, differences.values())))


def _error_difference_to_both(measurements: Sequence[Measurement]) -> Fact:
    """Return the difference to all trainings in ordinary torch, Ray Tune's too: more of them, a shorter interval."""
    ours, theirs = _errors(measurements, ["anynas"]), _errors(measurements, ["plain loop", "Ray Tune"])
    means = [statistics.fmean(ours[key]) - statistics.fmean(theirs[key]) for key in ours]
    return _difference("anynas minus plain loop and Ray Tune", means, sum(map(len, ours.values())))


def _errors(measurements: Sequence[Measurement], sides: Sequence[str]) -> dict[str, list[float]]:
    """Return all errors of these sides by network."""
    errors: dict[str, list[float]] = {}
    for side in sides:
        for measurement in of(measurements, side=side):
            for result in measurement["results"]:
                errors.setdefault(result["key"], []).append(result["error"])
    return errors


def _difference(name: str, means: Sequence[float], n: int) -> Fact:
    mean, low, high = mean_with_interval(means)
    return Fact(name=f"validation error, {name}", value=mean, unit="points", n=n, low=low, high=high)
