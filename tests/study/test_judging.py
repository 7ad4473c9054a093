"""A study's verdicts: each claim the comparison that it says, all together by Holm, and nothing left unsaid."""

import dataclasses
import json
from typing import Any

import numpy as np
import pandas as pd
import pytest

from anynas.analysis.comparison import Comparison
from anynas.analysis.holm import judge_together
from anynas.analysis.populations import compare_populations
from anynas.errors import SettingsError
from anynas.store import LIST_COLUMNS
from anynas.study.judging import judge_table
from anynas.study.running import Declaration
from anynas.study.stated import StatedClaim


def table_of(**populations: Any) -> pd.DataFrame:
    """Return a table of trials; a population is a table of error and whatever else differs from the defaults."""
    parts = []
    for name, columns in populations.items():
        n = len(columns["error"])
        defaults = {
            "study": "mine",
            "space": name,
            "number": range(n),
            "key": [f"{name}{i}" for i in range(n)],
            "network_key": [f"{name}{i}" for i in range(n)],
            "state": "complete",
            "flops": 1_000_000,
            "params": 50_000,
            "activations": 10_000,
            "epochs": 2,
            "images": 640,
            "seconds": 1.0,
            "device": "cpu",
            "reason": "",
            "regime": "fashion",
            "anynas_version": "0.1.0",
            "torch_version": "2.13.0",
            "git_commit": "",
        }
        parts.append(pd.DataFrame({**defaults, **columns}, index=range(n)))
    return pd.concat(parts, ignore_index=True)


def errors(n: int, mean: float, seed: int, sd: float = 2.0) -> np.ndarray[Any, Any]:
    return np.random.default_rng(seed).normal(mean, sd, n)


def declared(*claims: StatedClaim, models: dict[str, int] | None = None, alpha: float = 0.05) -> Declaration:
    return Declaration(
        study="mine",
        seed=0,
        at="2026-01-01T00:00:00+00:00",
        anynas_version="0.1.0",
        description="",
        alpha=alpha,
        models=models or {"a": 40, "b": 40},
        claims=claims,
    )


BETTER = StatedClaim(name="better", baseline="a", candidate="b", claim="improves")
SAME = StatedClaim(name="same", baseline="a", candidate="b", claim="no_effect", margin=3.0)
PAIRED = StatedClaim(name="paired", baseline="a", candidate="b", claim="improves", paired=True)
WIDER = StatedClaim(name="wider", population="a", where="nondecreasing(width)", claim="improves")
TABLE = table_of(
    a={"error": errors(40, 20.0, 0), "width_1": [8, 16] * 20, "width_2": [12] * 40},
    b={"error": errors(40, 18.5, 1), "width_1": [8, 16] * 20, "width_2": [12] * 40},
)


def judged(table: pd.DataFrame, *claims: StatedClaim, **changes: Any) -> Any:
    last = declared(*claims, **changes)
    return judge_table(table, first=last, last=last)


def test_each_claim_is_the_comparison_that_it_says_and_all_are_judged_together() -> None:
    verdicts = judged(TABLE, BETTER, SAME, PAIRED, WIDER)
    plain = compare_populations(TABLE, baseline="a", candidate="b", claim="improves")
    same = compare_populations(TABLE, baseline="a", candidate="b", claim="no_effect", margin=3.0)
    paired = compare_populations(TABLE, baseline="a", candidate="b", claim="improves", paired=True)
    sides = TABLE[TABLE["space"] == "a"].assign(side=["a: nondecreasing(width)", "a: not (nondecreasing(width))"] * 20)
    names = {"baseline": "a: not (nondecreasing(width))", "candidate": "a: nondecreasing(width)"}
    wider = compare_populations(sides, by="side", claim="improves", **names)
    expected = judge_together([plain, same, paired, wider])
    assert [claim.comparison for claim in verdicts.claims] == expected
    assert verdicts["better"].verdict == "supported"
    assert verdicts["wider"].verdict == "undecided"
    assert verdicts.is_final
    assert verdicts.notices == ()


def test_within_restricts_both_sides_and_against_names_the_other() -> None:
    within = dataclasses.replace(BETTER, name="within", within="width_1 == 8")
    rows = TABLE[TABLE["width_1"] == 8]
    (claim,) = judged(TABLE, within).claims
    assert claim.comparison == compare_populations(rows, baseline="a", candidate="b", claim="improves")
    against = dataclasses.replace(WIDER, where="width_1 <= 8", against="width_1 > 8")
    (claim,) = judged(TABLE, against).claims
    assert (claim.comparison.baseline, claim.comparison.candidate) == ("a: width_1 > 8", "a: width_1 <= 8")
    assert (claim.comparison.n_baseline, claim.comparison.n_candidate) == (20, 20)


def test_conditions_that_hold_for_the_same_networks_are_refused() -> None:
    both = dataclasses.replace(WIDER, where="width_1 <= 16", against="width_1 > 8")
    (claim,) = judged(TABLE, both).claims
    assert (claim.verdict, claim.too_early) == ("not judged", False)
    assert claim.reason.endswith("both do for 20")


def test_bands_and_controls_of_a_claim_are_held() -> None:
    params = np.geomspace(10_000, 90_000, 40)
    table = table_of(a={"error": errors(40, 20, 0), "params": params}, b={"error": errors(40, 20, 1), "params": params})
    controlled = dataclasses.replace(SAME, control="params", method="regression")
    banded = dataclasses.replace(SAME, name="banded", params=[20_000, 60_000])
    verdicts = judged(table, controlled, banded)
    assert verdicts["same"].comparison.control == "params"
    assert verdicts["same"].comparison.method == "regression"
    assert verdicts["banded"].comparison.n_baseline == ((params >= 20_000) & (params <= 60_000)).sum()


def test_too_few_networks_leave_a_claim_for_later_and_the_others_judged() -> None:
    table = TABLE[(TABLE["space"] == "a") | (TABLE["number"] < 1)]
    verdicts = judged(table, BETTER, WIDER)
    assert (verdicts["better"].verdict, verdicts["better"].too_early) == ("not judged", True)
    assert verdicts["better"].reason == "needs at least 2 complete trials on each side; a has 40, b 1"
    assert verdicts["wider"].comparison.judged_with == 1
    assert not verdicts.is_final
    assert verdicts.notices == (
        "interim: 41 of 80 trials are finished; verdicts may change, and looking often makes false ones more frequent",
        "not judged, and so not counted by Holm: better",
    )


def test_an_empty_table_has_no_verdicts_and_says_so() -> None:
    verdicts = judged(TABLE.iloc[:0], BETTER)
    assert verdicts["better"].verdict == "not judged"
    assert verdicts.notices[0].startswith("interim: 0 of 80 trials are finished")


def test_pairs_of_which_one_is_missing_yet_are_left_out() -> None:
    table = TABLE[(TABLE["space"] == "a") | (TABLE["number"] < 25)]
    (claim,) = judged(table, PAIRED).claims
    whole = TABLE[TABLE["number"] < 25]
    assert claim.comparison == compare_populations(whole, baseline="a", candidate="b", claim="improves", paired=True)


def test_disjoint_ranges_under_a_control_are_one_line_and_spare_the_others() -> None:
    table = TABLE.assign(params=np.where(TABLE["space"] == "a", 10_000, 90_000) + TABLE["number"])
    verdicts = judged(table, dataclasses.replace(BETTER, control="params"), PAIRED)
    assert (verdicts["better"].verdict, verdicts["better"].too_early) == ("not judged", False)
    assert "params" in verdicts["better"].reason
    assert "\n" not in verdicts["better"].reason
    assert verdicts["paired"].verdict == "supported"


def test_ranges_that_do_not_meet_yet_may_meet_later() -> None:
    table = TABLE.assign(params=np.where(TABLE["space"] == "a", 10_000, 90_000) + TABLE["number"])
    (claim,) = judged(table, dataclasses.replace(BETTER, control="params"), models={"a": 40, "b": 41}).claims
    assert (claim.verdict, claim.too_early) == ("not judged", True)


def test_errors_that_are_no_numbers_are_refused() -> None:
    table = TABLE.copy()
    table.loc[50, "error"] = np.nan
    with pytest.raises(SettingsError) as caught:
        judged(table, BETTER)
    assert str(caught.value) == (
        'errors must be finite numbers, but for trials whose state is "failed"; got 1 that are not, the first of b, '
        "number 10; a network that diverged has the error of chance"
    )


def test_trials_that_failed_widen_the_bounds_and_are_told_with_their_reasons() -> None:
    table = TABLE.copy()
    table.loc[[50, 51], "state"] = "failed"
    table.loc[[50, 51], "error"] = np.nan
    table.loc[[50, 51], "reason"] = "out of memory"
    verdicts = judged(table, BETTER)
    comparison = verdicts["better"].comparison
    assert (comparison.missing_baseline, comparison.missing_candidate) == (0, 2)
    assert comparison.ci_high > judged(TABLE, BETTER)["better"].comparison.ci_high
    assert "2 trials failed and widen the bounds: out of memory (2)" in verdicts.notices


def test_what_differs_between_trials_is_told() -> None:
    table = TABLE.assign(torch_version=np.where(TABLE["number"] < 3, "2.12.0", "2.13.0"))
    assert judged(table, BETTER).notices == ("trials differ in torch_version: 2.12.0, 2.13.0",)


def test_changes_after_the_first_trial_are_told() -> None:
    wider = dataclasses.replace(SAME, margin=4.0)
    first, last = declared(BETTER, SAME), declared(PAIRED, wider, models={"a": 40, "b": 50}, alpha=0.1)
    notices = judge_table(TABLE, first=first, last=last).notices
    assert notices == (
        "interim: 80 of 90 trials are finished; verdicts may change, and looking often makes false ones more frequent",
        "claims added after the first trial: paired",
        "claims dropped after the first trial: better",
        "claims changed after the first trial: same",
        "alpha changed after the first trial: from 0.05 to 0.1",
        "models changed after the first trial: b from 40 to 50",
    )


def test_a_true_null_is_seldom_supported_by_a_whole_study() -> None:
    claims = [dataclasses.replace(BETTER, name=f"{k}", within=f"width_1 == {k}") for k in range(5)]
    wrong = 0
    for seed in range(60):
        rng = np.random.default_rng([seed, 7])
        columns = {"width_1": np.arange(100) % 5, "width_2": 1}
        table = table_of(a={"error": rng.normal(20, 2, 100), **columns}, b={"error": rng.normal(20, 2, 100), **columns})
        wrong += any(claim.verdict == "supported" for claim in judged(table, *claims).claims)
    assert wrong <= 9, "0.05 of 60 is 3; more than 9 happen once in 1,500"


def test_verdicts_are_strict_json_with_everything_in_it() -> None:
    content = json.loads(json.dumps(judged(TABLE, BETTER, WIDER).to_dict(), allow_nan=False))
    better = content["claims"][0]
    assert better["stated"] == {"name": "better", "baseline": "a", "candidate": "b", "claim": "improves"}
    assert better["verdict"] == better["comparison"]["verdict"] == "supported"
    assert set(better["comparison"]) == {field.name for field in dataclasses.fields(Comparison)}
    a, b = content["populations"]
    assert (a["population"], a["complete"], a["planned"]) == ("a", 40, 40)
    assert b["best"] == TABLE[TABLE["space"] == "b"]["error"].min()
    assert b["median"] == pytest.approx(TABLE[TABLE["space"] == "b"]["error"].median())
    assert content["provenance"]["torch_version"] == ["2.13.0"]


def test_the_columns_of_these_tables_are_a_runs() -> None:
    assert set(TABLE.columns) - {"width_1", "width_2"} <= set(LIST_COLUMNS)
