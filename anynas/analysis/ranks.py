"""What ranks say of two populations: P(better), the Hodges-Lehmann shift, Kolmogorov-Smirnov, dominance.

*P(better)* is P(candidate < baseline) + P(tie) / 2, the Mann-Whitney statistic as a share of all pairs. Its variance
comes from placements (the share of the other population that a network beats) as in Brunner and Munzel (2000), so it
does not assume that both spread alike; the interval is theirs on the logit scale. When every pair is won it has no
variance: then the min(m, n) pairs that share no network give Clopper and Pearson's bound.

*Hodges-Lehmann* is the median of all differences candidate - baseline. Its interval holds the shifts at which P(better)
would not differ from one half, with the variance of placements at the estimate.

*KS and dominance* compare EDFs at every error: the greatest lead of each population over the other, with p-values from
scipy and intervals from the two populations' DKW bands at alpha / 2 each, which are valid and wide.
"""

import dataclasses
import math
import warnings
from collections.abc import Callable

import numpy as np
from scipy import stats

from anynas.analysis.bands import dkw_half_width
from anynas.analysis.confidence import Student
from anynas.analysis.estimands import weighted_mean
from anynas.analysis.samples import Floats, Sample

STEPS = 80  # of a bisection: beyond the precision of its ends


@dataclasses.dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with its 1 - alpha interval."""

    estimate: float
    low: float
    high: float


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Lead:
    """How far one EDF is above the other at most: F(e) is the share with error <= e, so above is better."""

    share: float  # 0: nowhere above
    low: float  # interval
    high: float
    at: float  # the error where the lead is greatest, percent
    pvalue: float  # small: the lead is more than chance, so the other population does not dominate


def prob_better(baseline: Sample, candidate: Sample, alpha: float) -> Interval:
    """Return P(candidate's error < baseline's) + P(equal) / 2."""
    won = weighted_mean(_share_below(candidate, baseline.errors), baseline)
    lost = weighted_mean(_share_below(baseline, candidate.errors), candidate)
    spread = won.minus(lost).confidence()  # its standard error is that of `won`: both parts add
    pairs = min(baseline.effective_size, candidate.effective_size)
    return share_interval(won.estimate, spread, pairs, alpha)


def share_interval(share: float, spread: Student, pairs: float, alpha: float) -> Interval:
    """Return the interval of a share of pairs won, on the logit scale; `pairs` share no network."""
    if spread.standard_error == 0 or not 0 < share < 1:
        bound = (alpha / 2) ** (1 / pairs)
        return Interval(share, 0.0 if share <= 0 else min(bound, share), 1.0 if share >= 1 else max(1 - bound, share))
    logit = math.log(share / (1 - share))
    reach = stats.t.ppf(1 - alpha / 2, spread.degrees) * spread.standard_error / (share * (1 - share))
    low, high = (1 / (1 + math.exp(-x)) for x in (max(logit - reach, -700), min(logit + reach, 700)))
    return Interval(share, low, high)


def hodges_lehmann(baseline: Sample, candidate: Sample, alpha: float) -> Interval:
    """Return the median of all differences candidate - baseline, in points of error."""
    shift = _difference_quantile(baseline, candidate, 0.5)
    moved = dataclasses.replace(candidate, errors=candidate.errors - shift)
    won = weighted_mean(_share_below(moved, baseline.errors), baseline)
    lost = weighted_mean(_share_below(baseline, moved.errors), moved)
    spread = won.minus(lost).confidence()
    reach = 0.0 if spread.standard_error == 0 else stats.t.ppf(1 - alpha / 2, spread.degrees) * spread.standard_error
    low = _difference_quantile(baseline, candidate, max(0.5 - reach, 0.0))
    high = _difference_quantile(baseline, candidate, min(0.5 + reach, 1.0))
    return Interval(shift, low, high)


def leads(baseline: Sample, candidate: Sample, alpha: float) -> tuple[Lead, Lead]:
    """Return the baseline's greatest lead and the candidate's."""
    points = np.union1d(baseline.errors, candidate.errors)
    heights = [_share_at_most(sample, points) for sample in (baseline, candidate)]
    half = sum(dkw_half_width(sample.effective_size, alpha / 2) for sample in (baseline, candidate))
    first = _lead(heights[0] - heights[1], points, half, _ks(baseline, candidate, "less"))
    second = _lead(heights[1] - heights[0], points, half, _ks(baseline, candidate, "greater"))
    return first, second


def kolmogorov_smirnov(baseline: Sample, candidate: Sample, alpha: float) -> tuple[Interval, float]:
    """Return the greatest distance of the EDFs with its interval, and the p-value of "one law".

    With weights the p-value is the asymptotic one for Kish's effective sizes, an approximation.
    """
    points = np.union1d(baseline.errors, candidate.errors)
    distance = float(np.abs(_share_at_most(candidate, points) - _share_at_most(baseline, points)).max())
    half = sum(dkw_half_width(sample.effective_size, alpha / 2) for sample in (baseline, candidate))
    interval = Interval(distance, max(distance - half, 0.0), min(distance + half, 1.0))
    return interval, _ks(baseline, candidate, "two-sided")


def _share_at_most(sample: Sample, points: Floats) -> Floats:
    heights = np.concatenate([[0.0], np.cumsum(sample.weights)])
    return np.asarray(heights[np.searchsorted(sample.errors, points, "right")])


def _share_below(sample: Sample, points: Floats) -> Floats:
    """Return the share of a sample below each point, ties half."""
    heights = np.concatenate([[0.0], np.cumsum(sample.weights)])
    sides = (heights[np.searchsorted(sample.errors, points, side)] for side in ("left", "right"))
    return np.asarray(sum(sides) / 2)


def _difference_quantile(baseline: Sample, candidate: Sample, share: float) -> float:
    """Return the weighted quantile of all differences candidate - baseline, the mean of both ends of a step."""
    slack = 1e-10

    def first(enough: Callable[[float], bool]) -> float:
        low = candidate.errors[0] - baseline.errors[-1]
        high = candidate.errors[-1] - baseline.errors[0]
        if enough(low):
            return float(low)
        for _ in range(STEPS):
            middle = (low + high) / 2
            low, high = (low, middle) if enough(middle) else (middle, high)
        return float(high)

    def at_most(x: float) -> float:
        return float(baseline.weights @ _share_at_most(candidate, baseline.errors + x))

    left = first(lambda x: at_most(x) >= share - slack)
    right = first(lambda x: at_most(x) > min(share, 1 - 2 * slack) + slack)
    return (left + right) / 2


def _lead(differences: Floats, points: Floats, half: float, pvalue: float) -> Lead:
    where = int(np.argmax(differences))
    share = max(float(differences[where]), 0.0)
    return Lead(
        share=share, low=max(share - half, 0.0), high=min(share + half, 1.0), at=float(points[where]), pvalue=pvalue
    )


def _ks(baseline: Sample, candidate: Sample, alternative: str) -> float:
    if baseline.plain and candidate.plain:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # scipy says so where it turns to the asymptotic law
            answer = stats.ks_2samp(candidate.errors, baseline.errors, alternative=alternative)
        return float(answer.pvalue)
    points = np.union1d(baseline.errors, candidate.errors)
    differences = _share_at_most(candidate, points) - _share_at_most(baseline, points)
    size = 1 / (1 / baseline.effective_size + 1 / candidate.effective_size)
    if alternative == "two-sided":
        return float(np.clip(stats.kstwobign.sf(math.sqrt(size) * np.abs(differences).max()), 0.0, 1.0))
    lead = max(float((differences if alternative == "greater" else -differences).max()), 0.0)
    return math.exp(-2 * size * lead**2)
