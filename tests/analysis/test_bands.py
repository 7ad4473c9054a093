"""Bands: against the formula, against scipy's exact law, and over simulated populations."""

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from anynas.analysis.bands import bootstrap_band, dkw_band
from anynas.errors import SettingsError


def test_the_dkw_band_is_massarts():
    band = dkw_band([10.0, 20.0, 20.0, 40.0], alpha=0.05)
    half = math.sqrt(math.log(40) / 8)
    assert band.half_width == pytest.approx(half)
    assert band.errors.tolist() == [10.0, 20.0, 40.0]
    assert_allclose(band.low, [0.0, 0.75 - half, 1 - half])
    assert_allclose(band.high, [0.25 + half, 1.0, 1.0])
    assert (band.level, band.method) == (0.95, "dkw")


@pytest.mark.parametrize("n", [10, 100, 500])
def test_it_is_hardly_wider_than_the_exact_law_for_continuous_errors(n):
    exact = stats.kstwo.ppf(0.95, n)
    assert exact <= dkw_band(np.arange(n)).half_width <= 1.06 * exact


def test_weights_count_as_kishs_effective_size():
    weights = [1.0, 1.0, 2.0]
    assert dkw_band([1.0, 2.0, 3.0], weights).half_width == pytest.approx(math.sqrt(math.log(40) / (2 * 16 / 6)))


def test_the_bootstrap_band_is_near_dkws_and_the_same_again():
    errors = np.random.default_rng(1).normal(20, 3, 400)
    band = bootstrap_band(errors, seed=3)
    assert band.half_width == pytest.approx(dkw_band(errors).half_width, rel=0.1)
    assert band.half_width == bootstrap_band(errors, seed=3).half_width


def test_bands_hold_the_law_as_often_as_they_say():
    rng, held = np.random.default_rng(0), {"dkw": 0, "bootstrap": 0}
    for seed in range(300):
        errors = np.sort(rng.random(100))
        for band in (dkw_band(errors), bootstrap_band(errors, resamples=300, seed=seed)):
            below = np.concatenate([[band.half_width], band.high[:-1]])  # just under each error
            held[band.method] += bool(((band.low <= errors) & (errors <= below)).all())
    assert held["dkw"] >= 300 * 0.95 - 11  # three standard errors
    assert held["bootstrap"] >= 300 * 0.95 - 15


def test_no_alpha_is_refused():
    with pytest.raises(SettingsError) as caught:
        dkw_band([1.0, 2.0], alpha=1.5)
    assert str(caught.value) == "alpha must lie between 0 and 0.5, the usual one is 0.05; got 1.5"
