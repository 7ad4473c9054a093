"""Committed results: what their tables say today is what was committed, and the study draws the same networks."""

import dataclasses
import json
import math
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from anynas.analysis.populations import compare_populations
from anynas.analysis.power import models_needed, power, spread
from anynas.results import results_in
from anynas.settings import shipped
from anynas.study.definition import builtin_studies, load_study
from anynas.study.judging import Verdicts, judge_table
from anynas.study.running import declaration_of, jobs, plan_study
from anynas.views.pages import claim_numbers

STUDIES = shipped("studies")
NAMES = sorted(path.parent.parent.name for path in STUDIES.glob("*/results/verdicts.json"))

ALSO = {"principles": ("ties",)}  # studies whose rows a page has too
PILOTS = {"two_epochs": "AnyNetA", "groups_free": "AnyNetB", "groups_tied": "AnyNetC"}  # of studies/fidelity


def judged(name: str) -> Verdicts:
    results = results_in(STUDIES / name / "results")
    return judge_table(results.table, first=results.first, last=results.last)


def rounded(value: Any) -> Any:
    """Return JSON with numbers to six digits: the last ones differ between versions of the libraries."""
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [rounded(item) for item in value]
    return float(f"{value:.6g}") if isinstance(value, float) else value


def test_there_are_results() -> None:
    assert set(builtin_studies()) == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_committed_verdicts_come_from_the_committed_table(name: str) -> None:
    committed = json.loads((STUDIES / name / "results" / "verdicts.json").read_text(encoding="utf-8"))
    assert rounded(judged(name).to_dict()) == rounded(committed)


@pytest.mark.parametrize("name", NAMES)
def test_the_study_still_asks_what_was_answered(name: str, tmp_path: Path) -> None:
    plan = plan_study(name, executor="inline", run=tmp_path / "run")
    results = results_in(STUDIES / name / "results")
    asked = declaration_of(plan.study)
    for key in ("claims", "checks", "alpha", "models", "repeats"):
        assert getattr(asked, key) == getattr(results.last, key)
    assert dataclasses.replace(results.first, at=results.last.at) == results.last
    trained = results.table.set_index(["space", "number"])
    for job in jobs(plan):
        row = trained.loc[job.setting.space.name, job.number]
        assert (row["key"], row["seed"]) == (job.proposal.architecture.key, job.seed)


@pytest.mark.parametrize("name", NAMES)
def test_the_page_has_the_numbers_of_the_verdicts(name: str) -> None:
    page = (STUDIES / name / "README.md").read_text(encoding="utf-8")
    answered = [judged(each) for each in (name, *ALSO.get(name, ()))]
    rows = re.findall(r"(?m)^\| [^|]+ \| ([+-]?[\d.]+ \[[-\d., ]+\]) \| (?:[^|]+ \| )+(\w+) \|$", page)
    claims = [
        (claim_numbers(claim)[0], claim.verdict) for each in answered for claim in each.claims if claim.comparison
    ]
    checks = [(f"{c.estimate:.2f} [{c.low:.2f}, {c.high:.2f}]", c.verdict) for each in answered for c in each.checks]
    assert rows == claims + checks


def blocks_of(table: pd.DataFrame) -> "pd.Series[float]":
    return table.filter(regex=r"^depth_\d$").sum(axis=1)


def test_what_the_principles_page_says_of_blocks_is_in_the_table() -> None:
    page = (STUDIES / "principles" / "README.md").read_text(encoding="utf-8")
    table = results_in(STUDIES / "principles" / "results").table
    blocks = blocks_of(table)
    for label, low, high in (("at most 10", 0, 10), ("11 to 17", 11, 17), ("18 and more", 18, 99)):
        cells = []
        for name in ("AnyNetD", "AnyNetE", "equal_depths", "decreasing_depths"):
            errors = table.loc[(table["space"] == name) & blocks.between(low, high), "error"]
            cells.append(f"{errors.median():.1f} (n = {len(errors)})")
        assert f"| {label} | {' | '.join(cells)} |\n" in page
    assert f"correlation {table['error'].corr(blocks, method='spearman'):.2f} over all 1,350 networks" in page
    assert (len(table), int(table["network_key"].duplicated().sum())) == (1350, 0)
    assert set(table["state"]) == {"complete"}
    assert set(table["reason"]) == {""}
    fidelity = results_in(STUDIES / "fidelity" / "results").table
    after = {
        name: fidelity.loc[fidelity["space"] == name, "error"].corr(blocks_of(fidelity), method="spearman")
        for name in ("two_epochs", "ten_epochs")
    }
    assert f"it is {after['two_epochs']:.2f} after two epochs and {after['ten_epochs']:.2f} after ten" in page


def test_the_plan_of_the_principles_is_that_of_the_pilot() -> None:
    table = results_in(STUDIES / "fidelity" / "results").table
    spreads = {name: spread(table.loc[table["space"] == name, "error"]) for name in PILOTS}
    page = (STUDIES / "fidelity" / "README.md").read_text(encoding="utf-8")
    for name, words in PILOTS.items():
        assert f"{spreads[name]:.1f} points in {words}" in page or f"{spreads[name]:.1f} in {words}" in page
    both = math.hypot(spreads["two_epochs"], spreads["groups_free"]) / math.sqrt(2)
    least = 0.05 / len(load_study("principles").claims)
    planned = re.search(r"--sd ([\d.]+) -n 250 --alpha ([\d.]+) +# ([\d.]+)", page)
    assert planned is not None
    assert planned.groups() == (
        f"{both:.2f}",
        f"{least:.4f}",
        f"{power('no_effect', n=250, sd=both, margin=1.0, alpha=least):.2f}",
    )
    ties = load_study("ties").populations
    for kind in ("ratios", "groups"):
        names = [f"{kind}_free", f"{kind}_tied"]
        pairs = compare_populations(table, baseline=names[0], candidate=names[1], paired=True)
        sd = pairs.standard_error * math.sqrt(30)
        needed = models_needed("no_effect", sd=round(sd, 2), margin=0.5, alpha=0.025, paired=True)
        assert f"--sd {sd:.2f} --paired --alpha 0.025        # {needed} pairs\n" in page
        assert ties[names[0]].models >= needed - 5


def test_what_the_principles_page_says_of_ratios_is_in_the_verdicts() -> None:
    page = (STUDIES / "principles" / "README.md").read_text(encoding="utf-8")
    alone, pairs = judged("principles")["(i) ratios"].comparison, judged("ties")["(i) ratios, in pairs"].comparison
    assert alone is not None
    assert pairs is not None
    worst = alone.quantiles[-1]
    assert worst.share == 0.9
    assert f"{worst.difference:.1f} points higher [{worst.ci_low:.1f}, {worst.ci_high:.1f}]" in page
    assert f"as much as {alone.ci_high:.1f} points" in page
    assert f"costs {pairs.difference:.1f} points, and {pairs.ci_low:.1f} to {pairs.ci_high:.1f} is what" in page
