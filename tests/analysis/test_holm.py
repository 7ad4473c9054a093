"""Holm's adjustment by hand, and what it does to a study's verdicts."""

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import anynas
from anynas.analysis.holm import holm, judge_together
from anynas.errors import SettingsError


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.5, 0.9]) == [1.0, 1.0]
    assert holm([0.2]) == [0.2]
    assert holm([]) == []


@settings(deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_lies_between_no_correction_and_bonferronis(pvalues):
    for raw, adjusted in zip(pvalues, holm(pvalues), strict=True):
        assert raw <= adjusted <= min(1.0, len(pvalues) * raw) + 1e-12


@pytest.mark.parametrize("pvalues", [[0.5, 1.5], [math.nan]])
def test_numbers_that_are_no_p_values_are_refused(pvalues):
    with pytest.raises(SettingsError) as caught:
        holm(pvalues)
    assert str(caught.value) == f"p-values must be a list of numbers from 0 to 1; got {pvalues}"


def improvement(gain, n=40, **kwargs):
    """Return a comparison of two populations of one shape, `gain` standard errors apart."""
    errors = 20 + 2 * np.linspace(-1.5, 1.5, n)
    noise = anynas.compare(errors, errors).standard_error
    return anynas.compare(errors, errors - gain * noise, **{"claim": "improves", **kwargs})


def test_a_verdict_that_stood_alone_may_not_stand_among_others():
    alone = improvement(1.9)
    assert alone.verdict == "supported"
    strong, weak, none = judge_together([improvement(5.0), alone, improvement(0.0)])
    assert (strong.verdict, weak.verdict, none.verdict) == ("supported", "undecided", "undecided")
    assert weak.pvalue_support == pytest.approx(2 * alone.pvalue_support)
    assert (weak.judged_with, weak.undecided_because) == (3, "too few models")
    assert weak.models_needed > 40
    assert weak.summary().endswith("models of each needed), judged with 2 more")


def test_contradictions_are_adjusted_on_their_own():
    found = judge_together([improvement(5.0), improvement(-1.9), improvement(-1.0)])
    assert [one.verdict for one in found] == ["supported", "undecided", "undecided"]
    found = judge_together([improvement(5.0), improvement(-2.5), improvement(-5.0)])
    assert [one.verdict for one in found] == ["supported", "contradicted", "contradicted"]


def test_one_claim_alone_stays_as_it_is():
    alone = improvement(1.0)
    assert judge_together([alone]) == [alone]
    assert judge_together([]) == []


def test_what_cannot_be_judged_together_is_refused():
    with pytest.raises(SettingsError) as caught:
        judge_together(
            [improvement(1.0), improvement(1.0, alpha=0.1), dataclasses.replace(improvement(1.0), claim=None)]
        )
    assert str(caught.value) == (
        "comparisons judged together must each have a claim, all at one alpha; got alpha 0.05, 0.1, 1 without a claim"
    )
