"""A study's checks answered: whether its trials can be trusted, each by its own interval.

Checks are judged apart from claims, and not by Holm: they are about the instrument. One that demands at least x is
supported if the lower 1 - alpha bound reaches x, contradicted if the upper one does not, and otherwise undecided.
"""

import dataclasses
import math
from typing import TYPE_CHECKING, Any

from anynas.analysis.agreement import rank_correlation
from anynas.analysis.claims import Verdict
from anynas.analysis.noise import SeedNoise, seed_noise
from anynas.errors import SettingsError
from anynas.study.stated import StatedCheck

if TYPE_CHECKING:
    import pandas as pd


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A check, and what the data say."""

    stated: StatedCheck
    estimate: float | None  # None: it could not be answered
    low: float | None  # 1 - alpha interval
    high: float | None
    demand: float  # what was asked for
    verdict: Verdict | None
    n: int  # networks
    text: str  # all of it in a line, or why there is no answer
    numbers: dict[str, Any]  # all that was computed, JSON-ready

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON has it."""
        return {**dataclasses.asdict(self), "stated": {"name": self.stated.name, **self.stated.to_dict()}}


def answer(table: "pd.DataFrame", stated: StatedCheck, alpha: float) -> Answer:
    """Answer a check from a study's table of trials; trials that failed are left out, and counted beside it."""
    return (_ranks if stated.check == "rank_correlation" else _noise)(table, stated, alpha)


def measured_twice(table: "pd.DataFrame", stated: StatedCheck) -> "pd.DataFrame":
    """Return the errors of networks with a complete trial in both populations of a check: number, first, second."""
    first, second = (_complete(table, name)[["number", "error"]] for name in stated.populations)
    both = first.merge(second, on="number", suffixes=("_first", "_second")).sort_values("number")
    return both.rename(columns={"error_first": "first", "error_second": "second"}).reset_index(drop=True)


def trained_again(table: "pd.DataFrame", stated: StatedCheck) -> "pd.DataFrame":
    """Return the complete trials of a check's population that did not diverge: network_key, error."""
    rows = _complete(table, stated.population)
    return rows[rows["reason"] != "diverged"][["number", "network_key", "error"]].reset_index(drop=True)


def _ranks(table: "pd.DataFrame", stated: StatedCheck, alpha: float) -> Answer:
    pairs = measured_twice(table, stated)
    demand = stated.at_least or 0.0
    try:
        two_sided, one_sided = (
            rank_correlation(pairs["first"], pairs["second"], alpha=level) for level in (alpha, 2 * alpha)
        )
    except SettingsError as error:
        return _unanswered(stated, demand, len(pairs), str(error))
    verdict = _verdict(one_sided.low >= demand, one_sided.high < demand)
    text = (
        f"{' against '.join(stated.populations)}: Spearman's rank correlation {two_sided.estimate:.2f} "
        f"[{two_sided.low:.2f}, {two_sided.high:.2f}] ({100 * (1 - alpha):g} %), n = {two_sided.n} networks; at least "
        f"{demand:g}: {verdict}"
    )
    return Answer(
        stated=stated,
        estimate=two_sided.estimate,
        low=two_sided.low,
        high=two_sided.high,
        demand=demand,
        verdict=verdict,
        n=two_sided.n,
        text=text,
        numbers=dataclasses.asdict(two_sided),
    )


def _noise(table: "pd.DataFrame", stated: StatedCheck, alpha: float) -> Answer:
    rows = trained_again(table, stated)
    demand = stated.at_most or 0.0
    try:
        two_sided, one_sided = (
            seed_noise(rows["error"], rows["network_key"], alpha=level) for level in (alpha, 2 * alpha)
        )
    except SettingsError as error:
        return _unanswered(stated, demand, rows["network_key"].nunique(), str(error))
    estimate, low, high = _ratios(two_sided)
    _, lower, upper = _ratios(one_sided)
    verdict = _verdict(upper <= demand, lower > demand)
    text = (
        f"{stated.population}: sd over seeds {two_sided.seed_sd:.2f} points, between architectures "
        f"{two_sided.architecture_sd:.2f}, ratio {estimate:.2f} [{low:.2f}, {high:.2f}] ({100 * (1 - alpha):g} %), "
        f"n = {two_sided.n_architectures} networks, {two_sided.n_trials} trials; at most {demand:g}: {verdict}"
    )
    return Answer(
        stated=stated,
        estimate=_finite(estimate),
        low=_finite(low),
        high=_finite(high),
        demand=demand,
        verdict=verdict,
        n=two_sided.n_architectures,
        text=text,
        numbers=dataclasses.asdict(two_sided),
    )


def _ratios(noise: SeedNoise) -> tuple[float, float, float]:
    """Return sd over seeds / sd between architectures: estimate, low, high."""

    def ratio(share: float) -> float:
        return math.sqrt((1 - share) / share) if share > 0 else math.inf

    return (
        ratio(noise.architecture_share),
        ratio(noise.architecture_share_high),
        ratio(noise.architecture_share_low),
    )


def _verdict(supported: bool, contradicted: bool) -> Verdict:
    return "supported" if supported else "contradicted" if contradicted else "undecided"


def _unanswered(stated: StatedCheck, demand: float, n: int, why: str) -> Answer:
    return Answer(
        stated=stated, estimate=None, low=None, high=None, demand=demand, verdict=None, n=n, text=why, numbers={}
    )


def _complete(table: "pd.DataFrame", population: str) -> "pd.DataFrame":
    return table[(table["space"] == population) & (table["state"] == "complete")]


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
