"""A comparison as text: what `anynas compare` does not reach."""

import io

import numpy as np
import pytest
from rich.console import Console

import anynas
from anynas.analysis.holm import judge_together
from anynas.views.comparisons import print_comparison, pvalue

ERRORS = np.random.default_rng(0).normal(20, 1, (2, 40))


def text_of(comparison, width=80):
    console = Console(file=io.StringIO(), width=width, highlight=False, markup=False)
    print_comparison(console, comparison)
    return console.file.getvalue()


def test_claims_judged_together_say_so():
    alone = anynas.compare(ERRORS[0], ERRORS[1] - 2, claim="improves")
    assert "Holm" not in text_of(alone)
    pair, triple = ([alone, *[alone] * more] for more in (1, 2))
    assert "for contradiction, with 1 more claim (Holm)\n" in text_of(judge_together(pair)[0])
    assert "for contradiction, with 2 more claims (Holm)\n" in text_of(judge_together(triple)[0])


def test_without_a_claim_there_is_no_verdict_and_without_rows_no_table_of_populations():
    text = text_of(anynas.compare(*ERRORS))
    assert text.endswith("held fixed: nothing\n")
    assert "trials" not in text
    assert "diverged" not in text


def test_the_asked_statistic_comes_first_and_only_once():
    lines = text_of(anynas.compare(*ERRORS, statistic="median")).splitlines()
    start = next(k for k, line in enumerate(lines) if line.startswith("difference of"))
    assert [line.split("  ")[0] for line in lines[start + 1 : start + 4]] == ["median", "mean", "Hodges-Lehmann"]


def test_it_fits_80_columns_whatever_the_numbers():
    wide = anynas.compare(100 * ERRORS[0], 100 * ERRORS[1] + 300, claim="improves")
    assert max(map(len, text_of(wide, width=400).splitlines())) <= 80


@pytest.mark.parametrize(
    ("p", "text"), [(None, ""), (0.2347, "0.235"), (0.00346, "0.0035"), (0.00009, "<0.0001"), (1.0, "1.000")]
)
def test_p_values_are_written_with_the_digits_that_matter(p, text):
    assert pvalue(p) == text
