"""Claims and verdicts: what was said before the run, and whether the data support it.

The difference is candidate - baseline in error, so below 0 the candidate is better.

- improves: supported if the upper 1 - alpha bound is below 0, contradicted if the lower one is above 0.
- no_effect, with a margin m: supported if the 1 - 2 alpha interval lies inside (-m, m), which is two one-sided tests
  at alpha (Schuirmann 1987); contradicted if it lies wholly outside.

Anything else is undecided. A large p-value never supports a claim.
"""

import dataclasses
from typing import Literal, get_args

import numpy as np

from anynas.analysis.confidence import Confidence
from anynas.errors import SettingsError, did_you_mean

ClaimKind = Literal["no_effect", "improves"]
Verdict = Literal["supported", "contradicted", "undecided"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What is claimed of the difference candidate - baseline.

    Raises:
        SettingsError: An unknown kind, or a margin that is missing, needless or not above 0.
    """

    kind: ClaimKind
    margin: float | None = None  # points of error; of no_effect alone

    def __post_init__(self) -> None:
        if self.kind not in get_args(ClaimKind):
            raise SettingsError(f'unknown claim "{self.kind}"{did_you_mean(self.kind, get_args(ClaimKind))}')
        if self.kind == "improves" and self.margin is not None:
            raise SettingsError(f'claim "improves" has no margin; got {self.margin:g}; leave it out')
        if self.kind == "no_effect" and not (self.margin is not None and 0 < self.margin < np.inf):
            came = "none" if self.margin is None else f"{self.margin:g}"
            raise SettingsError(
                f'claim "no_effect" needs a margin above 0, in points of error; got {came}; '
                "name the least difference that would matter"
            )


def make_claim(claim: ClaimKind | None, margin: float | None) -> Claim | None:
    """Return the claim, None if there is none.

    Raises:
        SettingsError: It is no claim, or there is a margin without one.
    """
    if claim is None and margin is not None:
        raise SettingsError(f'a margin belongs to the claim "no_effect"; got {margin:g} without a claim')
    return None if claim is None else Claim(kind=claim, margin=margin)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """A verdict with the two p-values that stand behind it."""

    verdict: Verdict
    pvalue_support: float  # at most alpha: supported
    pvalue_contradict: float  # at most alpha: contradicted


def judge(claim: Claim, low: Confidence, high: Confidence, alpha: float) -> Judgement:
    """Return the verdict.

    Args:
        claim: What was claimed.
        low: The confidence distribution whose lower bounds count: the best case for the candidate.
        high: The one whose upper bounds count: the worst case. Both are one where no trial is missing.
        alpha: The level.
    """
    lower, upper = low.quantile(alpha), high.quantile(1 - alpha)
    if claim.kind == "improves":
        supported, contradicted = upper < 0, lower > 0
        for_it, against_it = 1 - high.cdf(0.0), low.cdf(0.0)
    else:
        margin = claim.margin or 0.0
        supported = -margin < lower and upper < margin
        contradicted = lower > margin or upper < -margin
        for_it = max(low.cdf(-margin), 1 - high.cdf(margin))
        against_it = min(low.cdf(margin), 1 - high.cdf(-margin))
    verdict: Verdict = "supported" if supported else "contradicted" if contradicted else "undecided"
    return Judgement(verdict=verdict, pvalue_support=float(for_it), pvalue_contradict=float(against_it))
