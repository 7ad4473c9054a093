"""compare: against scipy's statistics, symmetries that hold whatever the errors, and the text of each refusal."""

import dataclasses
import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy import stats

import anynas
from anynas.analysis.confidence import Student
from anynas.analysis.estimands import difference, single
from anynas.analysis.samples import make_sample
from anynas.errors import SettingsError

POPULATION = st.lists(st.integers(500, 3000).map(lambda k: k / 100) | st.just(90.0), min_size=2, max_size=30)


def populations(n=60, m=45, seed=0):
    rng = np.random.default_rng(seed)
    return rng.gamma(4, 2, n).round(2) + 8, rng.gamma(5, 2, m).round(2) + 7


def test_the_trimmed_mean_and_its_error_are_scipys_of_yuen_and_so_is_an_interval_without_skewness():
    baseline, candidate = populations(63, 48)  # neither is a multiple of ten
    found = anynas.compare(baseline, candidate)
    assert_allclose(found.difference, stats.trim_mean(candidate, 0.1) - stats.trim_mean(baseline, 0.1), rtol=1e-12)
    answer = stats.ttest_ind(candidate, baseline, trim=0.1, equal_var=False)
    assert_allclose(found.difference / found.standard_error, answer.statistic, rtol=1e-10)
    reach = stats.t.ppf(0.975, answer.df) * found.standard_error
    samples = make_sample(baseline, name="b"), make_sample(candidate, name="c")
    plain = dataclasses.replace(difference(*samples, "trimmed_mean", np.random.default_rng(0)), skewness=0.0)
    yuens = [found.difference - reach, found.difference + reach]
    assert_allclose([plain.quantile(0.025), plain.quantile(0.975)], yuens, rtol=1e-10)
    assert_allclose([found.ci_low, found.ci_high], yuens, atol=0.05 * reach)
    symmetric = np.concatenate([candidate, 2 * candidate.mean() - candidate])
    both = anynas.compare(-symmetric + 2 * symmetric.mean(), symmetric)
    assert both.ci_high + both.ci_low == pytest.approx(2 * both.difference, abs=1e-9), "no skewness, no correction"


def test_removing_skewness_makes_both_sides_of_a_trimmed_mean_miss_alike():
    rng = np.random.default_rng(11)
    truth = stats.trim_mean(rng.gamma(0.5, size=4_000_000), 0.1)
    missed = np.zeros((2, 2))  # with and without the correction, below and above
    for _ in range(4_000):
        sample = make_sample(rng.gamma(0.5, size=25), name="drawn")
        seen = single(sample, "trimmed_mean", rng)
        for row, confidence in enumerate((seen, dataclasses.replace(seen, skewness=0.0))):
            missed[row] += confidence.cdf(truth) > 0.95, confidence.cdf(truth) < 0.05
    corrected, plain = missed / 4_000
    assert plain[0] > 0.065, "an upper bound of t is passed too often"
    assert plain[1] < 0.04
    assert abs(corrected - 0.05).max() < 0.017, "three standard errors, and what is left"
    assert abs(corrected[0] - 0.05) < abs(plain[0] - 0.05) / 2


@pytest.mark.parametrize("skewness", [-2.0, -0.3, 1e-7, 0.3, 2.0])
def test_bounds_and_p_values_agree_whatever_the_skewness(skewness):
    seen = Student(1.5, 0.4, 20.0, skewness)
    levels = np.linspace(0.001, 0.999, 41)
    bounds = [seen.quantile(p) for p in levels]
    assert all(np.diff(bounds) > 0)
    assert_allclose([seen.cdf(x) for x in bounds], levels, atol=1e-7)


def test_the_means_interval_is_scipys_of_welch():
    baseline, candidate = populations()
    found = anynas.compare(baseline, candidate, statistic="mean")
    interval = stats.ttest_ind(candidate, baseline, equal_var=False).confidence_interval(0.95)
    assert_allclose([found.ci_low, found.ci_high], [interval.low, interval.high], rtol=1e-10)
    assert found.mean_ci == (found.ci_low, found.ci_high)
    assert found.mean_difference == found.difference == pytest.approx(candidate.mean() - baseline.mean())


def test_the_medians_interval_is_scipys_bootstrap():
    baseline, candidate = populations()
    found = anynas.compare(baseline, candidate, statistic="median")
    assert found.difference == pytest.approx(np.median(candidate) - np.median(baseline))
    answer = stats.bootstrap(
        (candidate, baseline),
        lambda x, y, axis: np.median(x, axis=axis) - np.median(y, axis=axis),
        method="percentile",
        n_resamples=9999,
        rng=np.random.default_rng(0),
    ).confidence_interval
    assert_allclose([found.ci_low, found.ci_high], [answer.low, answer.high], atol=0.25)


def test_a_paired_trimmed_mean_is_tukeys_and_mclaughlins():
    baseline, candidate = populations(50, 50)
    found = anynas.compare(baseline, candidate, paired=True)
    low, high = stats.mstats.trimmed_mean_ci(candidate - baseline, limits=(0.1, 0.1), alpha=0.05)
    factor = math.sqrt(49 / 50 * 40 / 39)  # Yuen's variance against theirs
    middle = (low + high) / 2
    assert found.difference == pytest.approx(middle)
    assert_allclose(found.ci_high - found.ci_low, factor * (high - low), rtol=0.01)
    assert found.paired
    assert found.held == "all but one thing, by pairs"


def test_pairing_finds_what_the_populations_hide():
    rng = np.random.default_rng(0)
    baseline = rng.gamma(4, 3, 40) + 8
    candidate = baseline - 0.3 + rng.normal(0, 0.2, 40)
    assert anynas.compare(baseline, candidate, claim="improves").verdict == "undecided"
    found = anynas.compare(baseline, candidate, claim="improves", paired=True)
    assert found.verdict == "supported"
    assert found.prob_better == pytest.approx((candidate < baseline).mean())
    walsh = np.add.outer(candidate - baseline, candidate - baseline)[np.triu_indices(40)] / 2
    assert found.hodges_lehmann == pytest.approx(np.median(walsh))
    assert found.hodges_lehmann_ci[1] < 0


def test_ks_and_leads_are_scipys():
    baseline, candidate = populations()
    found = anynas.compare(baseline, candidate)
    for lead, side in ((found.candidate_lead, "greater"), (found.baseline_lead, "less")):
        answer = stats.ks_2samp(candidate, baseline, alternative=side)
        assert_allclose([lead.share, lead.pvalue], [answer.statistic, answer.pvalue], rtol=1e-12)
        assert lead.low <= lead.share <= lead.high
        gap = (candidate <= lead.at).mean() - (baseline <= lead.at).mean()
        assert abs(gap) == pytest.approx(lead.share)
    answer = stats.ks_2samp(candidate, baseline)
    assert_allclose([found.ks_statistic, found.ks_pvalue], [answer.statistic, answer.pvalue], rtol=1e-12)


def test_prob_better_is_mann_whitneys():
    baseline, candidate = populations()
    found = anynas.compare(baseline, candidate)
    pairs = baseline.size * candidate.size
    assert found.prob_better == pytest.approx(stats.mannwhitneyu(baseline, candidate).statistic / pairs)
    answer = stats.brunnermunzel(baseline, candidate)
    assert (answer.pvalue < 0.05) == (not found.prob_better_ci[0] < 0.5 < found.prob_better_ci[1])


def test_when_every_pair_is_won_the_bound_is_clopper_pearsons():
    found = anynas.compare(np.linspace(20, 30, 12), np.linspace(5, 9, 8))
    exact = stats.binomtest(8, 8).proportion_ci(0.95, method="exact").low
    assert (found.prob_better, found.prob_better_ci) == (1.0, (pytest.approx(exact), 1.0))
    assert (found.baseline_lead.share, found.candidate_lead.share) == (0.0, 1.0)


def test_hodges_lehmann_is_the_median_of_all_differences():
    baseline, candidate = populations()
    found = anynas.compare(baseline, candidate)
    assert found.hodges_lehmann == pytest.approx(np.median(np.subtract.outer(candidate, baseline)), abs=1e-9)
    assert found.hodges_lehmann_ci[0] < found.hodges_lehmann < found.hodges_lehmann_ci[1]


def test_quantile_gaps_are_differences_of_quantiles():
    baseline, candidate = populations()
    found = anynas.compare(baseline, candidate)
    shares = [gap.share for gap in found.quantiles]
    expected = [np.quantile(x, shares, method="averaged_inverted_cdf") for x in (baseline, candidate)]
    assert_allclose([gap.difference for gap in found.quantiles], expected[1] - expected[0], rtol=1e-12)
    assert all(gap.ci_low <= gap.difference <= gap.ci_high for gap in found.quantiles)


def test_weights_by_hand():
    # 10 weighs 1/2, 20 and 30 a quarter each: mean 17.5, median (10 + 20) / 2
    found = anynas.compare([10.0, 20.0, 30.0], [5.0, 5.5], weights=([2, 1, 1], None))
    assert found.mean_difference == pytest.approx(5.25 - 17.5)
    assert found.median_difference == pytest.approx(5.25 - 15)
    assert (found.control, found.held) == ("weights", "the weights given")
    half = anynas.compare([10.0, 20.0], [10.0, 20.0], weights=([3, 1], [1, 3]))
    assert half.ks_statistic == pytest.approx(0.5)
    assert half.prob_better == pytest.approx(3 / 4 * 1 / 4 / 2 + 1 / 4 * 1 / 4 + 1 / 4 * 3 / 4 / 2)


def test_weights_trim_weight_and_not_networks():
    # ten networks, so a tenth of the weight goes at each end: half of the first, and the last three with 1/30 each
    errors, weights = np.arange(10.0), np.array([6, 3, 3, 3, 3, 3, 3, 2, 2, 2]) / 30
    kept = np.array([3, 3, 3, 3, 3, 3, 3, 2, 1, 0]) / 24
    found = anynas.compare(errors, [1.0, 1.0], weights=(weights, None))
    assert found.difference == pytest.approx(1 - errors @ kept)


@pytest.mark.parametrize("weight", [0.1, 3.0])
def test_equal_weights_are_no_weights(weight):
    baseline, candidate = populations()
    weighted = anynas.compare(baseline, candidate, weights=(np.full(60, weight), None))
    plain = anynas.compare(baseline, candidate)
    assert dataclasses.replace(weighted, control="none", method="none", held="nothing") == plain


@settings(max_examples=40, deadline=None)
@given(POPULATION, POPULATION)
def test_swapping_the_populations_turns_signs_round(baseline, candidate):
    there, back = anynas.compare(baseline, candidate), anynas.compare(candidate, baseline)
    assert_allclose([there.difference, there.ci_low], [-back.difference, -back.ci_high], atol=1e-9)
    assert_allclose(there.hodges_lehmann, -back.hodges_lehmann, atol=1e-8)
    assert_allclose(there.prob_better, 1 - back.prob_better, atol=1e-12)
    assert_allclose(there.prob_better_ci, [1 - x for x in reversed(back.prob_better_ci)], atol=1e-9)
    assert there.ks_statistic == pytest.approx(back.ks_statistic)
    assert there.baseline_lead.share == pytest.approx(back.candidate_lead.share)


@settings(max_examples=40, deadline=None)
@given(POPULATION, POPULATION, st.integers(-400, 400))
def test_a_shift_of_the_candidate_shifts_the_difference(baseline, candidate, hundredths):
    shift = hundredths / 100
    moved = anynas.compare(baseline, [error + shift for error in candidate])
    still = anynas.compare(baseline, candidate)
    for field in ("difference", "ci_low", "ci_high", "mean_difference", "median_difference", "hodges_lehmann"):
        assert getattr(moved, field) == pytest.approx(getattr(still, field) + shift, abs=1e-7), field
    better = np.sign(moved.prob_better - still.prob_better)
    assert better in (0, -np.sign(shift))


def test_the_same_seed_gives_the_same_result_and_another_hardly_another():
    baseline, candidate = populations()
    first, again, other = (anynas.compare(baseline, candidate, statistic="median", seed=s) for s in (1, 1, 2))
    assert first == again
    assert first.ci_low != other.ci_low
    assert first.ci_low == pytest.approx(other.ci_low, abs=0.3)


def test_the_order_of_networks_plays_no_part():
    baseline, candidate = populations()
    assert anynas.compare(baseline[::-1], candidate[::-1]) == anynas.compare(baseline, candidate)


def test_divergence_rules_the_mean_and_not_the_trimmed_mean():
    rng = np.random.default_rng(0)
    baseline, candidate = rng.normal(17, 2, (2, 500))
    broken = candidate.copy()
    broken[:5] = 90.0
    first, second = (anynas.compare(baseline, x, claim="no_effect", margin=0.6) for x in (candidate, broken))
    assert (first.verdict, second.verdict) == ("supported", "supported")
    assert second.mean_ci[1] > 1


def test_trials_that_failed_widen_the_bounds_and_can_leave_it_undecided():
    baseline, candidate = populations(60, 60)
    candidate = candidate - 6
    without = anynas.compare(baseline, candidate, claim="improves")
    few = anynas.compare(baseline, candidate, claim="improves", missing=(0, 2))
    many = anynas.compare(baseline, candidate, claim="improves", missing=(0, 30))
    assert (without.verdict, few.verdict, many.verdict) == ("supported", "supported", "undecided")
    assert few.difference == without.difference
    assert few.ci_low < without.ci_low
    assert without.ci_high < few.ci_high < many.ci_high
    assert (many.undecided_because, many.models_needed, many.missing_candidate) == ("trials failed", None, 30)
    worst = anynas.compare(baseline, [*candidate, 100.0, 100.0])
    best = anynas.compare(baseline, [*candidate, 0.0, 0.0])
    assert (few.ci_low, few.ci_high) == (best.ci_low, worst.ci_high)


def test_a_result_is_json_and_a_sentence():
    baseline, candidate = populations()
    found = anynas.compare(baseline, candidate, claim="no_effect", margin=0.2)
    assert json.loads(json.dumps(found.to_dict()))["verdict"] == "undecided"
    assert found.summary() == (
        f"candidate - baseline: 10 % trimmed mean of error {found.difference:+.2f} points [{found.ci_low:+.2f}, "
        f"{found.ci_high:+.2f}] (95 %), n = 60 and 45, held fixed: nothing; no_effect within 0.2: undecided "
        f"(too few models, about {found.models_needed:,} models of each needed)"
    )


def test_populations_without_spread_are_compared_all_the_same():
    found = anynas.compare([10.0, 10.0, 10.0], [9.0, 9.0], claim="improves")
    assert (found.difference, found.ci_low, found.ci_high, found.verdict) == (-1.0, -1.0, -1.0, "supported")
    same = anynas.compare([10.0, 10.0], [10.0, 10.0], claim="improves")
    assert (same.verdict, same.prob_better, same.models_needed) == ("undecided", 0.5, None)


GOOD = [10.0, 11.0, 12.0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"candidate": [10.0]},
            "candidate: a population must have at least 2 networks; got 1; train more of it",
        ),
        (
            {"candidate": [10.0, math.nan, math.inf]},
            "candidate: errors must be a list of finite numbers; got shape (3,), 1 NaN, 1 infinite; "
            "a network that diverged has the error of chance, one that failed is counted as missing",
        ),
        ({"baseline": []}, "baseline: a population must have at least 2 networks; got 0; train more of it"),
        (
            {"claim": "no_effect", "margin": 0.0},
            'claim "no_effect" needs a margin above 0, in points of error; got 0; '
            "name the least difference that would matter",
        ),
        (
            {"claim": "no_effect"},
            'claim "no_effect" needs a margin above 0, in points of error; got none; '
            "name the least difference that would matter",
        ),
        ({"claim": "improves", "margin": 1.0}, 'claim "improves" has no margin; got 1; leave it out'),
        ({"margin": 1.0}, 'a margin belongs to the claim "no_effect"; got 1 without a claim'),
        ({"claim": "improve"}, 'unknown claim "improve"; did you mean "improves"?'),
        ({"statistic": "medain"}, 'unknown statistic "medain"; did you mean "median" or "mean"?'),
        ({"seed": -1}, "seed must be at least 0; got -1"),
        ({"alpha": 0.95}, "alpha must lie between 0 and 0.5, the usual one is 0.05; got 0.95"),
        (
            {"paired": True, "candidate": [1.0, 2.0]},
            "paired populations must be of one length, the i-th of both a pair; got 3 and 2",
        ),
        (
            {"paired": True, "missing": (1, 0)},
            "paired populations take neither weights nor missing trials; leave them out",
        ),
        (
            {"weights": ([1, 1, 1], None), "missing": (1, 0)},
            "missing must be two counts of at least 0, and 0 with weights; got (1, 0); a table of trials knows what "
            "failed ones weigh: see compare_populations",
        ),
        (
            {"weights": ([1, 1], None)},
            "weights must be one a network, at least 0 and not all 0; got shape (2,) for (3,), sum 2",
        ),
        (
            {"weights": ([1, 1e-9, 1e-9], None)},
            "weights must spread over at least 2 networks of each stratum; one network has nearly all of it, "
            "effective size 1",
        ),
    ],
)
def test_what_cannot_be_compared_is_refused_in_one_line(arguments, message):
    with pytest.raises(SettingsError) as caught:
        anynas.compare(**{"baseline": GOOD, "candidate": GOOD, **arguments})
    assert str(caught.value) == message
