"""What is held fixed when two populations are compared, and how.

- *weights*: both populations count alike in bins of log complexity over the range that both reach (normalising.py).
- *regression*: a line in log complexity is taken out, within that range (regression.py).

Complexity is known before a network is trained, so trials that failed are controlled like all others: in the best case
a candidate's failed trial has the least error that can be and a baseline's the greatest, in the worst case the reverse.
"""

import dataclasses
from collections.abc import Callable
from typing import Literal

import numpy as np

from anynas.analysis.comparison import Cases
from anynas.analysis.contrasts import Apart, Contrast, make_pairs
from anynas.analysis.normalising import bin_of, checked_complexity, common_range, complexity_weights, shared_bins
from anynas.analysis.regression import Regressed
from anynas.analysis.samples import Floats, Sample, make_sample
from anynas.errors import SettingsError

Control = Literal["none", "flops", "params", "activations"]
Method = Literal["weights", "regression"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Arm:
    """One population."""

    name: str  # as in the table
    errors: Floats  # shape (n,), percent; NaN where the trial failed
    complexity: Floats  # shape (n,); without a control it is not read


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What was held fixed, and for how many failed trials of baseline and candidate bounds were widened."""

    method: str
    sentence: str  # "" for nothing
    missing: tuple[int, int]


def controlled(
    baseline: Arm,
    candidate: Arm,
    *,
    control: Control,
    method: Method,
    num_bins: int,
    error_range: tuple[float, float],
    paired: bool,
) -> tuple[Cases, Held]:
    """Return the contrast of two populations under a control, as seen and at its bounds.

    Raises:
        SettingsError: The ranges of complexity do not meet, or a population is too small.
    """
    if num_bins < 1:
        raise SettingsError(f"num_bins must be at least 1; got {num_bins}")
    arms = (baseline, candidate)
    if control == "none":
        make: Maker = _pairs if paired else _apart
        used, sentence = "none", "all but one thing, by pairs" if paired else ""
    else:
        complexities = [checked_complexity(arm.complexity, arm.name) for arm in arms]
        low, high = common_range(complexities[0], complexities[1], control)
        arms = (_within(baseline, low, high), _within(candidate, low, high))
        used = method
        if method == "weights":
            edges = shared_bins(arms[0].complexity, arms[1].complexity, low, high, num_bins)
            make, how = _weighted(low, high, num_bins), f"by weights in {edges.size - 1} bins"
        else:
            make, how = _regressed, "by regression on its logarithm"
        sentence = f"{between(control, low, high)} {how}"
    missing = (int(np.isnan(arms[0].errors).sum()), int(np.isnan(arms[1].errors).sum()))
    least, most = error_range
    seen = make(*arms) if paired else make(*(_complete(arm) for arm in arms))  # a pair goes or stays as one
    if not any(missing):
        return Cases(seen=seen, best=seen, worst=seen), Held(method=used, sentence=sentence, missing=missing)
    best = make(_filled(arms[0], most), _filled(arms[1], least))
    worst = make(_filled(arms[0], least), _filled(arms[1], most))
    return Cases(seen=seen, best=best, worst=worst), Held(method=used, sentence=sentence, missing=missing)


Maker = Callable[[Arm, Arm], Contrast]


def _apart(baseline: Arm, candidate: Arm) -> Contrast:
    return Apart(make_sample(baseline.errors, name=baseline.name), make_sample(candidate.errors, name=candidate.name))


def _pairs(baseline: Arm, candidate: Arm) -> Contrast:
    both = np.isfinite(baseline.errors) & np.isfinite(candidate.errors)
    return make_pairs(baseline.errors[both], candidate.errors[both])


def _weighted(low: float, high: float, num_bins: int) -> Maker:
    def make(baseline: Arm, candidate: Arm) -> Contrast:
        edges = shared_bins(baseline.complexity, candidate.complexity, low, high, num_bins)
        return Apart(*(_weighted_sample(arm, edges) for arm in (baseline, candidate)))

    return make


def _weighted_sample(arm: Arm, edges: Floats) -> Sample:
    weights = complexity_weights(arm.complexity, edges)
    return make_sample(arm.errors, weights, bin_of(arm.complexity, edges), name=arm.name)


def _regressed(baseline: Arm, candidate: Arm) -> Contrast:
    for arm in (baseline, candidate):
        make_sample(arm.errors, name=arm.name)  # checks it
    return Regressed((baseline.errors, candidate.errors), (np.log(baseline.complexity), np.log(candidate.complexity)))


def _within(arm: Arm, low: float, high: float) -> Arm:
    inside = (low <= arm.complexity) & (arm.complexity <= high)
    return dataclasses.replace(arm, errors=arm.errors[inside], complexity=arm.complexity[inside])


def _complete(arm: Arm) -> Arm:
    """Return the arm without trials that failed."""
    kept = np.isfinite(arm.errors)
    return dataclasses.replace(arm, errors=arm.errors[kept], complexity=arm.complexity[kept])


def _filled(arm: Arm, error: float) -> Arm:
    return dataclasses.replace(arm, errors=np.where(np.isnan(arm.errors), error, arm.errors))


def between(name: str, low: float, high: float) -> str:
    """Return a range of complexities in words: params 8,936 to 92,520."""
    ends = (f"{end:,.0f}" if end >= 1000 else f"{end:g}" for end in (low, high))
    return f"{name} {' to '.join(ends)}"
