"""Committed results: what their tables say today is what was committed, and the study draws the same networks."""

import dataclasses
import json
import re
from pathlib import Path
from typing import Any

import pytest

from anynas.results import results_in
from anynas.settings import shipped
from anynas.study.judging import Verdicts, judge_table
from anynas.study.running import declaration_of, jobs, plan_study

STUDIES = shipped("studies")
NAMES = sorted(path.parent.parent.name for path in STUDIES.glob("*/results/verdicts.json"))


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
    assert "lecture" in NAMES


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
    rows = re.findall(r"(?m)^\| [^|]+ \| ([+-][\d.]+) \[([-\d.]+), ([-\d.]+)\] \| [^|]+ \| (\w+) \|$", page)
    found = [
        (f"{c.comparison.difference:+.2f}", f"{c.comparison.ci_low:.2f}", f"{c.comparison.ci_high:.2f}", c.verdict)
        for c in judged(name).claims
        if c.comparison
    ]
    assert rows == found
