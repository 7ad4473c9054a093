"""Verdicts on made-up confidence distributions, where each is plain."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from anynas.analysis.claims import Claim, judge
from anynas.analysis.confidence import Student

IMPROVES, SAME = Claim(kind="improves"), Claim(kind="no_effect", margin=1.0)
REACH = stats.norm.ppf(0.95)  # of a one-sided bound, for a standard error of 1


def verdict(claim, estimate, error=1.0, alpha=0.05):
    seen = Student(estimate, error, math.inf)
    return judge(claim, seen, seen, alpha).verdict


@pytest.mark.parametrize(
    ("estimate", "expected"),
    [
        (-REACH - 0.01, "supported"),
        (-REACH + 0.01, "undecided"),
        (REACH - 0.01, "undecided"),
        (REACH + 0.01, "contradicted"),
    ],
)
def test_improves_looks_at_one_sided_bounds(estimate, expected):
    assert verdict(IMPROVES, estimate) == expected


@pytest.mark.parametrize(
    ("estimate", "error", "expected"),
    [
        (0.0, 0.99 / REACH, "supported"),
        (0.0, 1.01 / REACH, "undecided"),
        (0.5, 0.49 / REACH, "supported"),
        (0.5, 0.51 / REACH, "undecided"),
        (-1.5, 0.51 / REACH, "undecided"),
        (-1.5, 0.49 / REACH, "contradicted"),
        (1.5, 0.49 / REACH, "contradicted"),
        (0.0, 100.0, "undecided"),  # a large p-value supports nothing
    ],
)
def test_no_effect_looks_at_the_interval_and_the_margin(estimate, error, expected):
    assert verdict(SAME, estimate, error) == expected


@settings(deadline=None)
@given(st.floats(-4, 4), st.floats(0.01, 3), st.sampled_from([IMPROVES, SAME]), st.sampled_from([0.01, 0.05, 0.1]))
def test_p_values_say_what_verdicts_say(estimate, error, claim, alpha):
    seen = Student(estimate, error, 20.0)
    found = judge(claim, seen, seen, alpha)
    assert (found.verdict == "supported") == (found.pvalue_support < alpha)
    assert (found.verdict == "contradicted") == (found.pvalue_contradict < alpha)


def test_failed_trials_must_not_matter_for_a_verdict():
    best, worst = Student(-5.0, 1.0, math.inf), Student(-1.0, 1.0, math.inf)
    assert judge(IMPROVES, best, best, 0.05).verdict == "supported"
    assert judge(IMPROVES, best, worst, 0.05).verdict == "undecided"
    assert judge(SAME, best, Student(-4.0, 1.0, math.inf), 0.05).verdict == "contradicted"
    assert judge(SAME, best, Student(4.0, 1.0, math.inf), 0.05).verdict == "undecided"
