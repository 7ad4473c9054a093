"""What a section is made of: tasks that are run in turn, their measurements, and rows of ratios made from them.

All times are in seconds, so that less is better throughout and a ratio above 1 says that anynas is faster. Every
measurement is kept; medians, ratios and intervals are functions of them.
"""

import dataclasses
import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from scipy import stats

Measurement = dict[str, Any]  # JSON-ready; "side" and "round" say what it is
RESAMPLES = 10_000
CONFIDENCE = 0.95


class BenchmarkError(Exception):
    """A benchmark that cannot be run as asked: what must hold, what came, what to do, in one line."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One turn of one side."""

    label: str
    expected_seconds: float  # on two cores; only for the time that is left
    work: Callable[[], Measurement]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Two sides on the same work, turn by turn."""

    name: str
    other: str  # what anynas is compared with
    anynas_seconds: tuple[float, ...]  # one a round
    other_seconds: tuple[float, ...]
    ratio: float  # median of the other / median of anynas
    low: float  # its 95 % interval, from a bootstrap over the rounds
    high: float

    @property
    def medians(self) -> tuple[float, float]:
        """Median seconds of anynas and of the other."""
        return statistics.median(self.anynas_seconds), statistics.median(self.other_seconds)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """A number that is no ratio of two sides."""

    name: str
    value: float
    unit: str  # "%", "points", "ms", "" for a plain number
    n: int  # measurements behind it
    low: float | None = None  # 95 % interval
    high: float | None = None


class Section(Protocol):
    """A module that measures one thing."""

    TITLE: str
    METHOD: str  # what is measured, for the page: one paragraph

    def tasks(self, *, quick: bool) -> list[Task]:
        """Return the turns of all sides, in the order in which they are run."""

    def summary(self, measurements: Sequence[Measurement]) -> tuple[list[Row], list[Fact]]:
        """Return the rows and facts that follow from the measurements."""


def compare(name: str, other: str, anynas_seconds: Sequence[float], other_seconds: Sequence[float]) -> Row:
    """Return the row of two sides' seconds, one of each a round.

    Raises:
        BenchmarkError: The sides have not the same number of measurements, or none.
    """
    if len(anynas_seconds) != len(other_seconds) or not anynas_seconds:
        raise BenchmarkError(
            f"{name}: both sides must have the same number of rounds, at least 1; "
            f"got {len(anynas_seconds)} and {len(other_seconds)}"
        )
    low, high = bootstrap_ratio(anynas_seconds, other_seconds)
    return Row(
        name=name,
        other=other,
        anynas_seconds=tuple(anynas_seconds),
        other_seconds=tuple(other_seconds),
        ratio=statistics.median(other_seconds) / statistics.median(anynas_seconds),
        low=low,
        high=high,
    )


def bootstrap_ratio(anynas_seconds: Sequence[float], other_seconds: Sequence[float]) -> tuple[float, float]:
    """Return the 95 % percentile interval of the ratio of medians; rounds are drawn with replacement, as pairs."""
    ours, theirs = np.asarray(anynas_seconds), np.asarray(other_seconds)
    rows = np.random.default_rng(0).integers(len(ours), size=(RESAMPLES, len(ours)))
    ratios = np.median(theirs[rows], axis=1) / np.median(ours[rows], axis=1)
    tail = (1 - CONFIDENCE) / 2
    return float(np.quantile(ratios, tail)), float(np.quantile(ratios, 1 - tail))


def mean_with_interval(values: Sequence[float]) -> tuple[float, float | None, float | None]:
    """Return the mean and its 95 % interval by Student's t; no interval for a single value."""
    mean = statistics.fmean(values)
    if len(values) < 2:
        return mean, None, None
    reach = statistics.stdev(values) / len(values) ** 0.5 * float(stats.t.ppf((1 + CONFIDENCE) / 2, len(values) - 1))
    return mean, mean - reach, mean + reach


def of(measurements: Sequence[Measurement], **fields: Any) -> list[Measurement]:
    """Return the measurements with these values, by round."""
    chosen = [m for m in measurements if all(m.get(name) == value for name, value in fields.items())]
    return sorted(chosen, key=lambda m: m["round"])


def paired(measurements: Sequence[Measurement], other: Mapping[str, Any], **ours: Any) -> list[tuple[Any, Any]]:
    """Return the measurements of two sides, in pairs of one round; a round that only one side has is left out."""
    theirs = {m["round"]: m for m in of(measurements, **other)}
    return [(m, theirs[m["round"]]) for m in of(measurements, **ours) if m["round"] in theirs]
