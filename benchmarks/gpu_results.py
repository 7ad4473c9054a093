"""What `benchmarks.gpu` found: rows, their comparison with the ordinary loop, JSON, and a table."""

import dataclasses
import json
import math
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.gpu_worker import Outcome

GOAL_MODELS = 500


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """One way to train a population."""

    kind: str  # as a job's
    precision: str  # "float32" or "bfloat16"
    how: str  # "alone", "processes", "processes+MPS" or "streams"
    at_once: int  # trials

    def __str__(self) -> str:
        return f"{self.kind} {self.precision}" + ("" if self.how == "alone" else f", {self.at_once} {self.how}")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A variant on a regime's population."""

    regime: str
    variant: Variant
    planned: int  # trials
    images: int  # that each trial trains on, all epochs together
    wall_seconds: float = math.nan
    outcomes: tuple[Outcome, ...] = ()
    reason: str = ""  # why trials are missing

    @property
    def complete(self) -> dict[int, float]:
        """Error of each trial that has one, by number."""
        return {o.number: o.error for o in self.outcomes if not math.isnan(o.error)}

    @property
    def trials_per_hour(self) -> float:
        """Trials that ended in an hour of the GPU."""
        return 3600 * len(self.complete) / self.wall_seconds if self.complete else math.nan

    @property
    def images_per_second(self) -> float:
        """Training images in a second of the whole trial, evaluation, capture and all."""
        return self.trials_per_hour * self.images / 3600

    @property
    def memory_bytes(self) -> int:
        """Most that a trial needed; of several in one process, an even share."""
        most = max((outcome.memory_bytes for outcome in self.outcomes), default=0)
        return most // self.variant.at_once if self.variant.how == "streams" else most


def paired(row: Row, base: Row | None) -> tuple[float, float]:
    """Return the mean difference of errors to a base, network by network, and its standard error; NaN without pairs."""
    ours, theirs = row.complete, base.complete if base else {}
    differences = [ours[number] - theirs[number] for number in sorted(ours.keys() & theirs.keys())]
    if not differences:
        return math.nan, math.nan
    spread = statistics.stdev(differences) / math.sqrt(len(differences)) if len(differences) > 1 else math.nan
    return statistics.mean(differences), spread


def base_of(row: Row, rows: Sequence[Row]) -> Row | None:
    """Return the ordinary loop's row on the same population."""
    return next((other for other in rows if other.regime == row.regime and other.variant.kind == "ordinary"), None)


def save(folder: Path, facts: dict[str, Any], rows: Sequence[Row]) -> None:
    """Write gpu.json and gpu.md, each at once or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    data = {**facts, "rows": [_plain(row, rows) for row in rows]}
    for name, text in (("gpu.json", json.dumps(_finite(data), indent=1) + "\n"), ("gpu.md", markdown(facts, rows))):
        partial = folder / f"{name}.partial"
        partial.write_text(text, encoding="utf-8")
        partial.replace(folder / name)


HEADINGS = ("variant", "n", "images/s", "trials/h", "x ordinary", "min for 500", "error %", "difference", "MiB/trial")


def cells(row: Row, rows: Sequence[Row]) -> tuple[str, ...]:
    """Return a row's cells, one a heading."""
    base = base_of(row, rows)
    difference, spread = paired(row, base)
    errors = list(row.complete.values())
    times = row.trials_per_hour / base.trials_per_hour if base and base.complete and errors else math.nan
    return (
        str(row.variant),
        f"{len(errors)}/{row.planned}",
        _number(row.images_per_second, ",.0f"),
        _number(row.trials_per_hour, ",.0f"),
        _number(times, ".1f"),
        _number(60 * GOAL_MODELS / row.trials_per_hour if errors else math.nan, ".1f"),
        _number(statistics.mean(errors) if errors else math.nan, ".2f"),
        "" if base is row else f"{_number(difference, '+.2f')} ± {_number(spread, '.2f')}",
        _number(row.memory_bytes / 2**20 or math.nan, ",.0f"),
    )


def markdown(facts: dict[str, Any], rows: Sequence[Row]) -> str:
    """Return a page: what was measured, where, and a table a regime."""
    machine = ", ".join(f"{name} {value}" for name, value in facts["machine"].items())
    lines = [
        "# Training on a GPU",
        "",
        f"{machine}; anynas {facts['anynas']}, commit {facts['commit'] or 'unknown'}; {facts['date']}; "
        f"seed {facts['seed']}. Whole trials: building, recording, training, evaluation; processes were warm.",
        "Difference: mean error minus that of the ordinary loop, network by network, ± its standard error.",
    ]
    for regime, about in facts["regimes"].items():
        lines += ["", f"## {regime}", "", about, ""]
        lines += [f"| {' | '.join(HEADINGS)} |", f"| {' | '.join('---' for _ in HEADINGS)} |"]
        lines += [f"| {' | '.join(cells(row, rows))} |" for row in rows if row.regime == regime]
        missing = [f"- {row.variant}: {row.reason}" for row in rows if row.regime == regime and row.reason]
        lines += ["", *missing] if missing else []
    return "\n".join(lines) + "\n"


def _plain(row: Row, rows: Sequence[Row]) -> dict[str, Any]:
    derived = ("trials_per_hour", "images_per_second", "memory_bytes")
    difference, spread = paired(row, base_of(row, rows))
    return {
        **dataclasses.asdict(row),
        **{name: getattr(row, name) for name in derived},
        "difference": difference,
        "difference_standard_error": spread,
    }


def _finite(value: Any) -> Any:
    """Return plain data with None for what is no finite number: JSON has no NaN."""
    if isinstance(value, dict):
        return {key: _finite(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _number(value: float, form: str) -> str:
    return format(value, form) if math.isfinite(value) else "–"
