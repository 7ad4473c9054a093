"""Two populations set against each other, drawn apart or in pairs: what any comparison is read off."""

import dataclasses
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike

from anynas.analysis import pairs, ranks
from anynas.analysis.confidence import Confidence
from anynas.analysis.estimands import Statistic, difference, single
from anynas.analysis.quantile_gaps import QuantileGap, quantile_gaps
from anynas.analysis.ranks import Interval, Lead
from anynas.analysis.samples import Sample, make_sample
from anynas.errors import SettingsError


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    """What the whole of both EDFs says, beside any one statistic."""

    hodges_lehmann: Interval  # points of error
    prob_better: Interval
    ks: Interval
    ks_pvalue: float
    baseline_lead: Lead
    candidate_lead: Lead
    quantiles: tuple[QuantileGap, ...]


class Contrast(Protocol):
    """A baseline and a candidate."""

    @property
    def sizes(self) -> tuple[int, int]:
        """Networks of the baseline and of the candidate."""

    @property
    def populations(self) -> tuple[Sample, Sample]:
        """Baseline and candidate as an EDF shows them."""

    def confidence(self, statistic: Statistic, rng: np.random.Generator) -> Confidence:
        """Return the confidence distribution of the statistic's difference, candidate - baseline."""

    def whole(self, alpha: float, rng: np.random.Generator) -> Whole:
        """Return what the whole of both EDFs says, with 1 - alpha intervals."""


@dataclasses.dataclass(frozen=True, slots=True)
class Apart:
    """Two populations drawn independently."""

    baseline: Sample
    candidate: Sample

    @property
    def sizes(self) -> tuple[int, int]:
        """Networks of the baseline and of the candidate."""
        return self.baseline.errors.size, self.candidate.errors.size

    @property
    def populations(self) -> tuple[Sample, Sample]:
        """Both, with their weights."""
        return self.baseline, self.candidate

    def confidence(self, statistic: Statistic, rng: np.random.Generator) -> Confidence:
        """Return the confidence distribution of the difference of the statistics."""
        return difference(self.baseline, self.candidate, statistic, rng)

    def whole(self, alpha: float, rng: np.random.Generator) -> Whole:
        """Return what the whole of both EDFs says."""
        populations = (self.baseline, self.candidate)
        ks, pvalue = ranks.kolmogorov_smirnov(*populations, alpha)
        baseline_lead, candidate_lead = ranks.leads(*populations, alpha)
        return Whole(
            hodges_lehmann=ranks.hodges_lehmann(*populations, alpha),
            prob_better=ranks.prob_better(*populations, alpha),
            ks=ks,
            ks_pvalue=pvalue,
            baseline_lead=baseline_lead,
            candidate_lead=candidate_lead,
            quantiles=quantile_gaps(*populations, alpha, rng),
        )


@dataclasses.dataclass(frozen=True, slots=True)
class Pairs:
    """Pairs of networks that differ in one thing alone; make it with `make_pairs`."""

    baseline: Sample  # the two populations without their pairing
    candidate: Sample
    differences: Sample  # candidate - baseline, one a pair
    errors: np.ndarray[tuple[int, ...], np.dtype[np.float64]]  # shape (pairs, 2)

    @property
    def sizes(self) -> tuple[int, int]:
        """Twice the number of pairs."""
        return len(self.errors), len(self.errors)

    @property
    def populations(self) -> tuple[Sample, Sample]:
        """Both, without their pairing."""
        return self.baseline, self.candidate

    def confidence(self, statistic: Statistic, rng: np.random.Generator) -> Confidence:
        """Return the confidence distribution of the statistic of the differences of pairs."""
        return single(self.differences, statistic, rng)

    def whole(self, alpha: float, rng: np.random.Generator) -> Whole:
        """Return what the whole says; P-values of EDFs come from swapping the two networks of pairs."""
        populations = (self.baseline, self.candidate)
        ks, _ = ranks.kolmogorov_smirnov(*populations, alpha)  # the bands' union bound needs no independence
        leads = ranks.leads(*populations, alpha)
        pvalues = pairs.swap_pvalues(self.errors, rng)
        return Whole(
            hodges_lehmann=pairs.hodges_lehmann(self.differences, alpha),
            prob_better=pairs.prob_better(self.differences, alpha),
            ks=ks,
            ks_pvalue=pvalues.distance,
            baseline_lead=dataclasses.replace(leads[0], pvalue=pvalues.baseline_lead),
            candidate_lead=dataclasses.replace(leads[1], pvalue=pvalues.candidate_lead),
            quantiles=pairs.quantile_gaps(self.errors, alpha, rng),
        )


def make_pairs(baseline: ArrayLike, candidate: ArrayLike) -> Pairs:
    """Return pairs from two arrays of shape (n,): the i-th of both are one pair.

    Raises:
        SettingsError: The lengths differ, or as `make_sample`.
    """
    first = make_sample(baseline, name="baseline")
    second = make_sample(candidate, name="candidate")
    if first.errors.size != second.errors.size:
        raise SettingsError(
            f"paired populations must be of one length, the i-th of both a pair; got {first.errors.size} and "
            f"{second.errors.size}"
        )
    errors = np.column_stack([np.asarray(baseline, dtype=np.float64), np.asarray(candidate, dtype=np.float64)])
    return Pairs(first, second, make_sample(errors[:, 1] - errors[:, 0], name="differences"), errors)
