"""Two populations compared: one frozen result that says what was compared, how, how surely, and what was held fixed.

The difference is always candidate - baseline, in points of error: below 0 the candidate is better.
"""

import dataclasses
from typing import Any

import numpy as np

from anynas.analysis.claims import Claim, ClaimKind, Judgement, Verdict, judge
from anynas.analysis.confidence import Confidence
from anynas.analysis.contrasts import Contrast
from anynas.analysis.estimands import Statistic, check_statistic
from anynas.analysis.power import to_decide
from anynas.analysis.quantile_gaps import QuantileGap
from anynas.analysis.ranks import Interval, Lead
from anynas.analysis.rates import RateComparison
from anynas.analysis.samples import check_alpha
from anynas.errors import SettingsError
from anynas.notebook import html_of

TOO_FEW, FAILED = "too few models", "trials failed"  # why a claim is undecided
NAMES = {"trimmed_mean": "10 % trimmed mean", "mean": "mean", "median": "median"}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What two populations say about a difference; intervals are 1 - alpha unless said."""

    baseline: str  # what the populations are called
    candidate: str
    n_baseline: int  # networks compared
    n_candidate: int
    missing_baseline: int  # trials that failed: they widen the bounds
    missing_candidate: int
    paired: bool
    statistic: Statistic
    difference: float  # of the statistic, points of error
    standard_error: float
    ci_low: float
    ci_high: float
    bound_low: float  # one-sided bounds at 1 - alpha: the ends of the 1 - 2 alpha interval that the verdict used
    bound_high: float
    alpha: float
    mean_difference: float
    mean_ci: tuple[float, float]
    median_difference: float
    median_ci: tuple[float, float]
    hodges_lehmann: float  # median of all differences
    hodges_lehmann_ci: tuple[float, float]
    ks_statistic: float
    ks_ci: tuple[float, float]
    ks_pvalue: float
    prob_better: float  # P(candidate's error is lower) + P(equal) / 2
    prob_better_ci: tuple[float, float]
    baseline_lead: Lead  # candidate dominates where this is 0
    candidate_lead: Lead
    quantiles: tuple[QuantileGap, ...]
    divergence: RateComparison | None  # None where reasons are not known
    control: str  # "none", or what was held fixed: "flops", "params", "activations", "weights", or bands
    method: str  # how: "none", "weights", "regression"; bands speak for themselves
    held: str  # both in a sentence
    claim: ClaimKind | None
    margin: float | None
    verdict: Verdict | None
    pvalue_support: float | None
    pvalue_contradict: float | None
    models_needed: int | None  # of each population, for a verdict with a power of 0.8; None unless undecided
    seed: int  # of all resampling
    undecided_because: str  # "", "too few models", or "trials failed": then no number of models helps
    judged_with: int = 1  # claims judged together, this one among them: p-values and verdict are then Holm's

    def _repr_html_(self) -> str:
        return html_of(self)

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as JSON has them."""
        return dataclasses.asdict(self)

    def summary(self) -> str:
        """Return one line: estimand, interval, n, control, verdict."""
        missing = ""
        if self.missing_baseline or self.missing_candidate:
            missing = f" ({self.missing_baseline} and {self.missing_candidate} failed)"
        text = (
            f"{self.candidate} - {self.baseline}: {NAMES[self.statistic]} of error {self.difference:+.2f} points "
            f"[{self.ci_low:+.2f}, {self.ci_high:+.2f}] ({100 * (1 - self.alpha):g} %), n = {self.n_baseline} and "
            f"{self.n_candidate}{', paired' if self.paired else ''}{missing}, held fixed: {self.held}"
        )
        if self.claim is None:
            return text
        claim = self.claim if self.margin is None else f"{self.claim} within {self.margin:g}"
        needed = f", about {self.models_needed:,} models of each needed" if self.models_needed else ""
        reason = f" ({self.undecided_because}{needed})" if self.undecided_because else ""
        together = f", judged with {self.judged_with - 1} more" if self.judged_with > 1 else ""
        return f"{text}; {claim}: {self.verdict}{reason}{together}"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Cases:
    """The contrast seen, and those where trials that failed are as good and as bad for the candidate as may be."""

    seen: Contrast
    best: Contrast
    worst: Contrast


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a comparison repeats and does not compute."""

    baseline: str = "baseline"
    candidate: str = "candidate"
    missing: tuple[int, int] = (0, 0)
    paired: bool = False
    control: str = "none"
    method: str = "none"
    held: str = "nothing"
    divergence: RateComparison | None = None


def conclude(
    cases: Cases, facts: Facts, *, claim: Claim | None, alpha: float, statistic: Statistic, seed: int
) -> Comparison:
    """Return the comparison of a contrast.

    Raises:
        SettingsError: alpha, statistic or seed are not as they must be.
    """
    check_alpha(alpha)
    check_statistic(statistic)
    if seed < 0:
        raise SettingsError(f"seed must be at least 0; got {seed}")

    def rng(purpose: int) -> np.random.Generator:  # so that no number depends on what else is computed
        return np.random.default_rng([seed, purpose])

    seen, best, worst = (case.confidence(statistic, rng(0)) for case in (cases.seen, cases.best, cases.worst))
    mean, median = cases.seen.confidence("mean", rng(1)), cases.seen.confidence("median", rng(2))
    whole = cases.seen.whole(alpha, rng(3))
    judgement = judge(claim, best, worst, alpha) if claim else None
    sizes = cases.seen.sizes
    because, needed = "", None
    if claim and judgement and judgement.verdict == "undecided":
        because, needed = _undecided(claim, seen, sizes, alpha, facts.paired)
    return Comparison(
        baseline=facts.baseline,
        candidate=facts.candidate,
        n_baseline=sizes[0],
        n_candidate=sizes[1],
        missing_baseline=facts.missing[0],
        missing_candidate=facts.missing[1],
        paired=facts.paired,
        statistic=statistic,
        difference=seen.estimate,
        standard_error=seen.standard_error,
        ci_low=best.quantile(alpha / 2),
        ci_high=worst.quantile(1 - alpha / 2),
        bound_low=best.quantile(alpha),
        bound_high=worst.quantile(1 - alpha),
        alpha=alpha,
        mean_difference=mean.estimate,
        mean_ci=(mean.quantile(alpha / 2), mean.quantile(1 - alpha / 2)),
        median_difference=median.estimate,
        median_ci=(median.quantile(alpha / 2), median.quantile(1 - alpha / 2)),
        hodges_lehmann=whole.hodges_lehmann.estimate,
        hodges_lehmann_ci=_ends(whole.hodges_lehmann),
        ks_statistic=whole.ks.estimate,
        ks_ci=_ends(whole.ks),
        ks_pvalue=whole.ks_pvalue,
        prob_better=whole.prob_better.estimate,
        prob_better_ci=_ends(whole.prob_better),
        baseline_lead=whole.baseline_lead,
        candidate_lead=whole.candidate_lead,
        quantiles=whole.quantiles,
        divergence=facts.divergence,
        control=facts.control,
        method=facts.method,
        held=facts.held,
        claim=claim.kind if claim else None,
        margin=claim.margin if claim else None,
        **_judged(judgement),
        models_needed=needed,
        undecided_because=because,
        seed=seed,
    )


def _undecided(
    claim: Claim, seen: Confidence, sizes: tuple[int, int], alpha: float, paired: bool
) -> tuple[str, int | None]:
    if judge(claim, seen, seen, alpha).verdict != "undecided":
        return FAILED, None
    needed = to_decide(
        claim,
        sizes=sizes,
        difference=seen.estimate,
        standard_error=seen.standard_error,
        alpha=alpha,
        paired=paired,
    )
    return TOO_FEW, needed


def _judged(judgement: Judgement | None) -> dict[str, Any]:
    if judgement is None:
        return {"verdict": None, "pvalue_support": None, "pvalue_contradict": None}
    return dataclasses.asdict(judgement)


def _ends(interval: Interval) -> tuple[float, float]:
    return interval.low, interval.high
