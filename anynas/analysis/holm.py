"""A study's claims judged together: the more is claimed, the surer each must be (Holm 1979).

Support and contradiction are two questions, each with a familywise error of alpha: that any false claim is supported,
and that any true one is contradicted.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

from anynas.analysis.claims import Claim, Verdict
from anynas.analysis.comparison import TOO_FEW, Comparison
from anynas.analysis.power import to_decide
from anynas.errors import SettingsError


def holm(pvalues: Sequence[float]) -> list[float]:
    """Return Holm's adjusted p-values, in the order they came: those at most alpha have a familywise error of alpha.

    The k-th least of m is multiplied by m - k + 1, none falls below one before it, none exceeds 1 (Holm 1979).

    Raises:
        SettingsError: One lies outside [0, 1].
    """
    values = np.asarray(pvalues, dtype=np.float64)
    if values.ndim != 1 or not ((values >= 0) & (values <= 1)).all():
        raise SettingsError(f"p-values must be a list of numbers from 0 to 1; got {list(pvalues)}")
    order = np.argsort(values, kind="stable")
    steps = values[order] * (values.size - np.arange(values.size))
    adjusted = np.empty_like(values)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0) if values.size else steps
    return [float(value) for value in adjusted]


def judge_together(comparisons: Sequence[Comparison]) -> list[Comparison]:
    """Return the comparisons with p-values adjusted for each other and the verdicts that follow, in the order given.

    The first hurdle is alpha / (number of claims); `models_needed` is for that one, so it is on the safe side.

    Raises:
        SettingsError: One has no claim, or their levels differ.
    """
    levels = {comparison.alpha for comparison in comparisons}
    if len(levels) > 1 or any(comparison.claim is None for comparison in comparisons):
        raise SettingsError(
            f"comparisons judged together must each have a claim, all at one alpha; got alpha "
            f"{', '.join(f'{level:g}' for level in sorted(levels))}, "
            f"{sum(comparison.claim is None for comparison in comparisons)} without a claim"
        )
    support = holm([comparison.pvalue_support or 0.0 for comparison in comparisons])
    contradict = holm([comparison.pvalue_contradict or 0.0 for comparison in comparisons])
    number = len(comparisons)
    return [_adjusted(*each, number) for each in zip(comparisons, support, contradict, strict=True)]


def _adjusted(comparison: Comparison, support: float, contradict: float, number: int) -> Comparison:
    kept = {"supported": support < comparison.alpha, "contradicted": contradict < comparison.alpha}
    before = comparison.verdict or "undecided"
    verdict: Verdict = before if number == 1 or kept.get(before) else "undecided"
    because, needed = comparison.undecided_because, None
    if verdict == "undecided" and comparison.claim and because in ("", TOO_FEW):
        because = TOO_FEW
        needed = to_decide(
            Claim(kind=comparison.claim, margin=comparison.margin),
            sizes=(comparison.n_baseline, comparison.n_candidate),
            difference=comparison.difference,
            standard_error=comparison.standard_error,
            alpha=comparison.alpha / number,
            paired=comparison.paired,
        )
    return dataclasses.replace(
        comparison,
        verdict=verdict,
        pvalue_support=support,
        pvalue_contradict=contradict,
        undecided_because=because,
        models_needed=needed,
        judged_with=number,
    )
