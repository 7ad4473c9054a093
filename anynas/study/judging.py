"""A study judged: each claim's comparison, all of them together by Holm, and what a reader must know beside them."""

import dataclasses
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from anynas.analysis.comparison import Comparison
from anynas.analysis.conditions import condition
from anynas.analysis.holm import judge_together
from anynas.analysis.populations import compare_populations
from anynas.analysis.summaries import summarise
from anynas.errors import SettingsError
from anynas.notebook import html_of
from anynas.store import Run, load_run
from anynas.study.checking import Answer, answer
from anynas.study.running import Declaration, declarations
from anynas.study.stated import StatedClaim

if TYPE_CHECKING:
    import pandas as pd

LEAST = 2  # complete trials of a population, below which there is nothing to compare
SIDE = "compared as"  # a column of the table that a claim is judged on


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class JudgedClaim:
    """A claim, and what the data say."""

    stated: StatedClaim
    comparison: Comparison | None  # None: it could not be judged
    reason: str = ""  # why not
    too_early: bool = False  # more models will do

    @property
    def verdict(self) -> str:
        """The comparison's, or "not judged"."""
        return (self.comparison and self.comparison.verdict) or "not judged"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Verdicts:
    """What a study's data say of its claims."""

    study: str
    description: str
    seed: int
    alpha: float
    claims: tuple[JudgedClaim, ...]
    checks: tuple[Answer, ...]
    populations: tuple[dict[str, Any], ...]  # one row each, as `summarise` gives them, with the models planned
    notices: tuple[str, ...]  # what a reader must know: changed claims, missing trials, interim verdicts
    provenance: dict[str, Any]

    def _repr_html_(self) -> str:
        return html_of(self)

    @property
    def is_final(self) -> bool:
        """Whether all trials that were planned are finished."""
        return all(row["finished"] >= row["planned"] for row in self.populations)

    def __getitem__(self, name: str) -> JudgedClaim:
        """Return a claim by name."""
        return {claim.stated.name: claim for claim in self.claims}[name]

    def check(self, name: str) -> Answer:
        """Return a check by name."""
        return {check.stated.name: check for check in self.checks}[name]

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON has it."""
        return {
            "schema": 1,
            "study": self.study,
            "description": self.description,
            "seed": self.seed,
            "alpha": self.alpha,
            "final": self.is_final,
            "notices": list(self.notices),
            "claims": [
                {
                    "stated": {"name": claim.stated.name, **claim.stated.to_dict()},
                    "verdict": claim.verdict,
                    "reason": claim.reason,
                    "comparison": claim.comparison and claim.comparison.to_dict(),
                }
                for claim in self.claims
            ],
            "checks": [check.to_dict() for check in self.checks],
            "populations": list(self.populations),
            "provenance": self.provenance,
        }


def judge(run: Run | str | Path) -> Verdicts:
    """Judge a study's run, finished or not, by the claims that it was last run with.

    Args:
        run: A run of `run_study`, or its folder.

    Raises:
        RunError: The run is no study's.
        SettingsError: An error is not finite.
    """
    folder = run if isinstance(run, Run) else load_run(run)
    first, last = declarations(folder.path)
    return judge_table(folder.table(), first=first, last=last)


def judge_table(table: "pd.DataFrame", *, first: Declaration, last: Declaration) -> Verdicts:
    """Judge a study's table of trials.

    Args:
        table: As `Run.table` gives it.
        first: What was claimed before the first trial.
        last: What is claimed now, and judged.

    Raises:
        SettingsError: A trial that did not fail has no finite error.
    """
    _check_errors(table)
    rows = [{**row, "planned": last.trials.get(row["population"], 0)} for row in summarise(table, last.models)]
    growing = {row["population"] for row in rows if row["finished"] < row["planned"]}
    claims = _together([_judged(table, stated, last.alpha, growing) for stated in last.claims])
    return Verdicts(
        study=last.study,
        description=last.description,
        seed=last.seed,
        alpha=last.alpha,
        claims=tuple(claims),
        checks=tuple(answer(table, stated, last.alpha) for stated in last.checks),
        populations=tuple(rows),
        notices=(*_interim(rows, claims), *_changed(first, last), *_troubles(table)),
        provenance=_provenance(table),
    )


def compared(table: "pd.DataFrame", stated: StatedClaim) -> tuple["pd.DataFrame", str, str]:
    """Return the rows that a claim compares, with a column that says on which side, and what the sides are called.

    Pairs of which one is not finished yet are left out.

    Raises:
        SettingsError: Conditions for both sides hold for the same networks.
    """
    rows = table[table["space"].isin(stated.populations)]
    if stated.within:
        rows = rows[condition(stated.within).holds(rows)]
    if not stated.population:
        if stated.paired:
            both = rows["number"].value_counts() == len(stated.populations)
            rows = rows[rows["number"].map(both).astype(bool)]
        return rows.assign(**{SIDE: rows["space"]}), stated.baseline, stated.candidate
    candidate = condition(stated.where).holds(rows)
    baseline = condition(stated.against).holds(rows) if stated.against else ~candidate
    if (candidate & baseline).any():
        raise SettingsError(
            f'where and against must not hold for the same networks; "{stated.where}" and "{stated.against}" both do '
            f"for {(candidate & baseline).sum()}"
        )
    names = [f"{stated.population}: {text}" for text in (stated.against or f"not ({stated.where})", stated.where)]
    sides = rows.assign(**{SIDE: ""})
    sides.loc[baseline, SIDE], sides.loc[candidate, SIDE] = names
    return sides[candidate | baseline], names[0], names[1]


def selection_of(stated: StatedClaim) -> dict[str, Any]:
    """Return what a claim holds fixed, as arguments of `compare_populations` and `comparison_panel`."""
    return {"by": SIDE, "control": stated.control, "method": stated.method, "paired": stated.paired, **stated.bands}


def _judged(table: "pd.DataFrame", stated: StatedClaim, alpha: float, growing: set[str]) -> JudgedClaim:
    """Return the verdict of one claim alone; what cannot be judged yet may be while its populations grow."""
    try:
        rows, baseline, candidate = compared(table, stated)
        complete = rows[rows["state"] == "complete"][SIDE].value_counts()
        counts = [int(complete.get(name, 0)) for name in (baseline, candidate)]
        if min(counts) < LEAST:
            reason = (
                f"needs at least {LEAST} complete trials on each side; {baseline} has {counts[0]}, {candidate} "
                f"{counts[1]}"
            )
            return JudgedClaim(stated=stated, comparison=None, reason=reason, too_early=True)
        comparison = compare_populations(
            rows,
            baseline=baseline,
            candidate=candidate,
            claim=stated.claim,
            margin=stated.margin,
            statistic=stated.statistic,
            alpha=alpha,
            **selection_of(stated),
        )
    except SettingsError as error:
        early = bool(growing.intersection(stated.populations))
        return JudgedClaim(stated=stated, comparison=None, reason=str(error), too_early=early)
    return JudgedClaim(stated=stated, comparison=comparison)


def _check_errors(table: "pd.DataFrame") -> None:
    complete = table[table["state"] != "failed"]
    strange = complete[~np.isfinite(complete["error"].to_numpy(dtype=np.float64))]
    if len(strange):
        first = strange.iloc[0]
        raise SettingsError(
            f'errors must be finite numbers, but for trials whose state is "failed"; got {len(strange)} that are not, '
            f"the first of {first['space']}, number {first['number']}; a network that diverged has the error of chance"
        )


def _together(claims: list[JudgedClaim]) -> list[JudgedClaim]:
    """Return the claims with Holm's p-values and verdicts over those that could be judged."""
    adjusted = iter(judge_together([claim.comparison for claim in claims if claim.comparison]))
    return [dataclasses.replace(claim, comparison=next(adjusted)) if claim.comparison else claim for claim in claims]


def _interim(rows: list[dict[str, Any]], claims: Iterable[JudgedClaim]) -> list[str]:
    finished, planned = sum(row["finished"] for row in rows), sum(row["planned"] for row in rows)
    notices = []
    if finished < planned:
        notices.append(
            f"interim: {finished:,} of {planned:,} trials are finished; verdicts may change, and looking often makes "
            "false ones more frequent"
        )
    left_out = [claim.stated.name for claim in claims if claim.comparison is None]
    if left_out:
        notices.append(f"not judged, and so not counted by Holm: {', '.join(left_out)}")
    return notices


def _changed(first: Declaration, last: Declaration) -> list[str]:
    """Return what was changed after the first trial."""
    notices = []
    for kind in ("claims", "checks"):
        before, after = ({one.name: one.to_dict() for one in getattr(each, kind)} for each in (first, last))
        for words, names in (
            ("added", [name for name in after if name not in before]),
            ("dropped", [name for name in before if name not in after]),
            ("changed", [name for name in after if name in before and after[name] != before[name]]),
        ):
            if names:
                notices.append(f"{kind} {words} after the first trial: {', '.join(names)}")
    if first.alpha != last.alpha:
        notices.append(f"alpha changed after the first trial: from {first.alpha:g} to {last.alpha:g}")
    more = [f"{name} from {n} to {last.models[name]}" for name, n in first.models.items() if last.models[name] != n]
    if more:
        notices.append(f"models changed after the first trial: {', '.join(more)}")
    return notices


def _troubles(table: "pd.DataFrame") -> list[str]:
    failed = table[table["state"] == "failed"]
    notices = []
    if len(failed):
        reasons = failed["reason"].value_counts()
        text = "; ".join(f"{reason} ({count})" for reason, count in reasons.items())
        notices.append(f"{len(failed)} trials failed and widen the bounds: {text}")
    for column in ("anynas_version", "torch_version", "git_commit", "device"):
        values = sorted(set(table[table["state"] == "complete"][column]))
        if len(values) > 1:
            notices.append(f"trials differ in {column}: {', '.join(map(str, values))}")
    return notices


def _provenance(table: "pd.DataFrame") -> dict[str, Any]:
    complete = table[table["state"] == "complete"]
    columns = ("anynas_version", "torch_version", "git_commit", "device", "epochs", "images", "regime")
    return {
        **{name: sorted(set(complete[name].tolist())) for name in columns},
        "trials": len(table),
        "training_seconds": round(float(complete["seconds"].sum()), 1),
    }
