"""The planner: against textbook sample sizes, simulation, and itself."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

import anynas
from anynas.analysis.power import models_needed, power, smallest_effect, spread
from anynas.errors import SettingsError


def test_textbook_sizes_of_a_one_sided_t_test():
    # half a standard deviation, 5 % one-sided, power 0.8: 51 a group, or 27 pairs (Cohen 1988, tables of the t test)
    assert models_needed("improves", sd=1.0, effect=-0.5) == 51
    assert models_needed("improves", sd=1.0, effect=-0.5, paired=True) == 27
    assert power("improves", n=51, sd=1.0, effect=-0.5) == pytest.approx(0.8, abs=0.01)


def test_two_one_sided_tests_by_the_normal_formula():
    # both sides at once: z(0.95) + z(0.9) standard errors to the margin
    n = models_needed("no_effect", sd=2.0, margin=0.5)
    reach = stats.norm.ppf(0.95) + stats.norm.ppf(0.9)
    assert n == pytest.approx(2 * (2.0 * reach / 0.5) ** 2, rel=0.02)


@pytest.mark.parametrize(
    ("claim", "effect", "margin", "sizes"),
    [("improves", -1.0, None, (12, 40)), ("no_effect", 0.0, 1.2, (12, 40)), ("no_effect", 0.5, 2.0, (20, 20))],
)
def test_it_is_the_share_of_simulated_studies_that_succeed(claim, effect, margin, sizes):
    rng, alpha, runs = np.random.default_rng(0), 0.05, 20_000
    baseline = rng.normal(0, 1.5, (runs, sizes[0]))
    candidate = rng.normal(effect, 1.5, (runs, sizes[1]))
    answer = stats.ttest_ind(candidate, baseline, axis=1)
    difference = candidate.mean(1) - baseline.mean(1)
    reach = stats.t.ppf(1 - alpha, sum(sizes) - 2) * np.abs(difference / answer.statistic)
    won = difference + reach < 0 if margin is None else (difference + reach < margin) & (difference - reach > -margin)
    assert power(claim, n=sizes, sd=1.5, effect=effect, margin=margin) == pytest.approx(won.mean(), abs=0.012)


@settings(max_examples=30, deadline=None)
@given(st.floats(0.5, 5), st.floats(0.05, 0.95), st.sampled_from([0.6, 0.8, 0.9]), st.booleans())
def test_the_number_is_the_least_that_reaches_the_power(sd, effect, asked, paired):
    for claim, arguments in (("improves", {"effect": -effect}), ("no_effect", {"effect": effect / 2, "margin": 1.0})):
        n = models_needed(claim, sd=sd, power=asked, paired=paired, **arguments)
        assert power(claim, n=n, sd=sd, paired=paired, **arguments) >= asked
        assert n == 2 or power(claim, n=n - 1, sd=sd, paired=paired, **arguments) < asked


def test_the_smallest_effect_has_the_power_asked():
    effect = smallest_effect(n=(30, 50), sd=2.0)
    assert power("improves", n=(30, 50), sd=2.0, effect=-effect) == pytest.approx(0.8)


def test_the_spread_of_a_mean_is_the_standard_deviation():
    errors = np.random.default_rng(0).gamma(4, 2, 100)
    assert spread(errors, "mean") == pytest.approx(errors.std(ddof=1))
    normal = np.random.default_rng(0).normal(20, 2, 20_000)
    assert spread(normal, "median") == pytest.approx(2 * np.sqrt(np.pi / 2), rel=0.2)
    assert 2.0 < spread(normal, "trimmed_mean") < 2.1


def test_an_undecided_comparison_says_what_would_decide_it():
    rng = np.random.default_rng(1)
    baseline, candidate = rng.normal(20, 2, (2, 30))
    found = anynas.compare(baseline, candidate, claim="improves")
    assert found.verdict == "undecided"
    noise = found.standard_error / np.sqrt(2 / 30)
    assert found.models_needed == models_needed("improves", sd=noise, effect=-abs(found.difference))
    assert found.models_needed > 30
    same = anynas.compare(baseline, candidate, claim="no_effect", margin=0.7)
    assert same.models_needed == models_needed("no_effect", sd=noise, effect=abs(found.difference), margin=0.7)
    near = anynas.compare(baseline, candidate, claim="no_effect", margin=abs(found.difference))
    assert (near.verdict, near.models_needed) == ("undecided", None)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"sd": 0.0, "effect": -1.0}, "sd must be above 0, in points of error; got 0; claim: improves"),
        ({"effect": 0.5}, "effect must be below 0, a lower error, for improves to be supported; got 0.5"),
        (
            {"claim": "no_effect", "margin": 1.0, "effect": -1.0},
            "effect must lie within the margin, -1 to 1; got -1",
        ),
        ({"effect": -1.0, "power": 1.0}, "power must lie between 0 and 1, the usual one is 0.8; got 1"),
        ({"effect": -1.0, "alpha": 0.0}, "alpha must lie between 0 and 0.5, the usual one is 0.05; got 0"),
        (
            {"effect": -1e-9},
            "the claim must be within reach of 1,000,000,000 networks; it is not; ask for a greater effect",
        ),
    ],
)
def test_plans_that_cannot_be_made_are_refused(arguments, message):
    with pytest.raises(SettingsError) as caught:
        models_needed(**{"claim": "improves", "sd": 1.0, **arguments})
    assert str(caught.value) == message


def test_a_population_of_one_has_no_power():
    with pytest.raises(SettingsError) as caught:
        power("improves", n=1, sd=1.0, effect=-1.0)
    assert str(caught.value) == "n must be at least 2 networks of each population, as many of both if paired; got 1"
