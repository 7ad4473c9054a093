"""Section *draws*: AnyNet A, C, D and E within 360 to 400 million multiply-adds, against plain rejection."""

import functools
import math
import random
import statistics
import time
from collections.abc import Sequence

from benchmarks.measuring import Fact, Measurement, Row, Task, compare, of, paired
from benchmarks.rejection import Candidate, NumpyCandidates, candidate, draw_by_rejection, early_candidate

TITLE = "Draws"
METHOD = """\
`space.sample(500, ...)` in the regime imagenet, 360 to 400 million multiply-adds, against rejection in plain Python:
one closed-form count a candidate, kept if constraint and band allow. *With numpy's choice* draws values by their
probabilities; *rejection* draws a logarithm with the standard library, which is faster; *early* also checks the
constraint first, as soon as what it speaks of is drawn. Rejection tries very many candidates for one draw of E, so it
is timed on fewer draws (each row names both numbers a round), and seconds are a draw. Each round has a seed of its own.
Both must give one law: the difference of the mean total depth is told with its interval over all draws."""
BAND = (360e6, 400e6)
SPACES = {  # letter: draws by rejection in a round, seconds for one
    "A": (500, 0.002),
    "C": (500, 0.002),
    "D": (200, 0.03),
    "E": (20, 0.3),
}
SIDES = {  # and for which spaces
    "rejection with numpy's choice": "AC",
    "rejection": "ACDE",
    "early rejection": "DE",
}


def tasks(*, quick: bool) -> list[Task]:
    """Return five rounds of both sides in turn for each space; quick: one round with few draws."""
    turns = []
    for letter, (rejected, seconds) in SPACES.items():
        for number in range(1 if quick else 5):
            n, m = (20, 3) if quick else (500, rejected)
            label = f"draws: AnyNet{letter}, round {number + 1}"
            turns.append(
                Task(
                    label=f"{label}, anynas",
                    expected_seconds=0.3,
                    work=functools.partial(_sampled, letter, number, n),
                )
            )
            for side, letters in SIDES.items():
                if letter in letters:
                    turns.append(
                        Task(
                            label=f"{label}, {side}",
                            expected_seconds=m * seconds,
                            work=functools.partial(_rejected, side, letter, number, m),
                        )
                    )
    return turns


def summary(measurements: Sequence[Measurement]) -> tuple[list[Row], list[Fact]]:
    """Return the ratios of seconds a draw, and the difference of laws in standard errors."""
    rows, facts = [], []
    for letter in SPACES:
        for other in (side for side, letters in SIDES.items() if letter in letters):
            pairs = paired(measurements, {"side": other, "space": letter}, side="anynas", space=letter)
            seconds = [[m["seconds"] / len(m["total_depths"]) for m in side] for side in zip(*pairs, strict=True)]
            ours, theirs = (len(m["total_depths"]) for m in pairs[0])
            rows.append(compare(f"AnyNet{letter}, {ours} and {theirs} draws", other, *seconds))
        our_depths, their_depths = (
            [depth for side in sides for m in of(measurements, side=side, space=letter) for depth in m["total_depths"]]
            for sides in (("anynas",), SIDES)
        )
        facts.append(depth_difference(letter, our_depths, their_depths))
        tried = [m["tried"] / len(m["total_depths"]) for m in of(measurements, side="rejection", space=letter)]
        facts.append(
            Fact(
                name=f"AnyNet{letter}: candidates that rejection tries a draw",
                value=statistics.fmean(tried),
                unit="",
                n=sum(len(m["total_depths"]) for m in of(measurements, side="rejection", space=letter)),
            )
        )
    return rows, facts


def depth_difference(letter: str, ours: Sequence[int], theirs: Sequence[int]) -> Fact:
    """Return the difference of mean total depths (blocks in all stages), with its normal 95 % interval."""
    error = math.sqrt(statistics.variance(ours) / len(ours) + statistics.variance(theirs) / len(theirs))
    difference = statistics.fmean(ours) - statistics.fmean(theirs)
    reach = statistics.NormalDist().inv_cdf(0.975) * error
    return Fact(
        name=f"AnyNet{letter}: mean total depth, anynas minus rejection",
        value=difference,
        unit="blocks",
        n=len(theirs),
        low=difference - reach,
        high=difference + reach,
    )


def _sampled(letter: str, number: int, n: int) -> Measurement:
    from anynas.designspace import load_space

    space = load_space(f"AnyNet{letter}", regime="imagenet")
    started = time.perf_counter()
    draws = space.sample(n, seed=number, flops=BAND)
    seconds = time.perf_counter() - started
    depths = [sum(draw.to_dict()["depths"]) for draw in draws]
    return {"side": "anynas", "space": letter, "round": number, "seconds": seconds, "total_depths": depths}


def _rejected(side: str, letter: str, number: int, n: int) -> Measurement:
    rng = random.Random(f"{side} {number}")
    started = time.perf_counter()
    make: Candidate = early_candidate if side == "early rejection" else candidate
    if side == "rejection with numpy's choice":
        make = NumpyCandidates(number)
    draws = [draw_by_rejection(letter, rng, BAND, make) for _ in range(n)]
    seconds = time.perf_counter() - started
    return {
        "side": side,
        "space": letter,
        "round": number,
        "seconds": seconds,
        "total_depths": [sum(draw.depths) for draw, _ in draws],
        "tried": sum(tried for _, tried in draws),
    }
