"""A study's page: its numbers are the verdicts', every picture is there, and no text of a user's is markup."""

import dataclasses
import re
from pathlib import Path

import pytest
from small_study import changed, write

from anynas.results import results_of, write_results
from anynas.study.judging import Verdicts, judge
from anynas.study.running import run_study
from anynas.views.pages import claim_numbers, escaped, study_page


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Verdicts, Path]:
    folder = tmp_path_factory.mktemp("finished")
    text = changed('description = "two stages', 'description = "<b>two</b> | stages')
    run = run_study(write(folder, text), executor="inline", run=folder / "run")
    verdicts = judge(run)
    write_results(verdicts, results_of(run), folder / "out")
    return verdicts, folder / "out"


def test_every_claim_and_population_has_its_row(finished: tuple[Verdicts, Path]) -> None:
    verdicts, folder = finished
    page = (folder / "report.md").read_text()
    for claim in verdicts.claims:
        difference, n, verdict = claim_numbers(claim)
        words = escaped(claim.stated.says or claim.stated.name)
        held = escaped(claim.comparison.held if claim.comparison else claim.reason)
        assert f"| {words} | {difference} | {held} | {n} | {verdict} |\n" in page
    for row in verdicts.populations:
        assert (
            f"| {row['population']} | {row['complete']}/{row['planned']} | 0 | 0 | {row['trimmed_mean']:.2f} |" in page
        )
    assert "n = 16, seed 3, 2 epochs of 640 images; anynas " in page


def test_every_picture_of_the_page_lies_beside_it(finished: tuple[Verdicts, Path]) -> None:
    _, folder = finished
    pictures = re.findall(r"!\[[^\]]*\]\(([^)]+)\)", (folder / "report.md").read_text())
    assert set(pictures) == {path.name for path in folder.glob("*.png")}


def test_a_users_words_are_text(finished: tuple[Verdicts, Path]) -> None:
    verdicts, folder = finished
    assert "&lt;b&gt;two&lt;/b&gt; \\| stages of plain 3x3s\n" in (folder / "report.md").read_text()
    hostile = dataclasses.replace(verdicts, study="<script>alert(1)</script>", notices=("a\n\n# b*",))
    page = study_page(hostile, {}, footer="")
    assert "<script>" not in page.split("    anynas study run")[0]
    assert "\n# b" not in page
