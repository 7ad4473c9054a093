"""How many networks a claim needs, before a run and after it.

The noise of a statistic enters as its *spread*: its standard error times sqrt(n), which for the mean is the standard
deviation of the errors. `spread` reads it off a pilot. With se = spread sqrt(1/n_b + 1/n_c) and d the true difference:

- improves: P(T < -t), T of the non-central t law with d / se, exact for normal errors and means.
- no_effect: the interval lies in (-m, m) if the estimate does so by t · se_hat on each side; given se_hat = s · se
  that is Phi((m - d) / se - t s) - Phi((-m - d) / se + t s), averaged over s^2 ~ chi^2 / degrees.
"""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike
from scipy import optimize, stats

from anynas.analysis.claims import Claim, ClaimKind
from anynas.analysis.estimands import Statistic, check_statistic, single
from anynas.analysis.samples import check_alpha, make_sample
from anynas.errors import SettingsError

POWER = 0.8
MOST = 10**9  # networks, beyond which nobody plans
NODES = 400  # of the average over chi^2


def spread(errors: ArrayLike, statistic: Statistic = "trimmed_mean", *, seed: int = 0) -> float:
    """Return the standard error of a statistic times sqrt(n), in points of error, from a pilot population.

    Args:
        errors: Shape (n,), percent, at least two; for pairs, the differences.
        statistic: Which.
        seed: Of the resampling that the median needs.

    Raises:
        SettingsError: Errors or statistic are not as they must be.
    """
    check_statistic(statistic)
    sample = make_sample(errors, name="pilot")
    return single(sample, statistic, np.random.default_rng(seed)).standard_error * math.sqrt(sample.errors.size)


def power(
    claim: ClaimKind,
    *,
    n: int | tuple[int, int],
    sd: float,
    effect: float = 0.0,
    margin: float | None = None,
    alpha: float = 0.05,
    paired: bool = False,
) -> float:
    """Return the probability that the claim is supported.

    Args:
        claim: "improves" or "no_effect".
        n: Networks of each population, or of baseline and candidate; pairs if paired.
        sd: The statistic's spread, in points of error; of the differences if paired.
        effect: The true difference candidate - baseline, in points of error.
        margin: Of "no_effect".
        alpha: The level.
        paired: Whether networks come in pairs.

    Raises:
        SettingsError: A value is out of range.
    """
    _check(Claim(kind=claim, margin=margin), sd, alpha)
    sizes = (n, n) if isinstance(n, int) else n
    if min(sizes) < 2 or (paired and sizes[0] != sizes[1]):
        raise SettingsError(f"n must be at least 2 networks of each population, as many of both if paired; got {n}")
    return _power(margin, sizes, sd, effect, alpha, paired)


def models_needed(
    claim: ClaimKind,
    *,
    sd: float,
    effect: float = 0.0,
    margin: float | None = None,
    alpha: float = 0.05,
    power: float = POWER,
    paired: bool = False,
) -> int:
    """Return how many networks of each population (pairs, if paired) support the claim with a given probability.

    Arguments as for `power`, which is here the probability asked for.

    Raises:
        SettingsError: A value is out of range, or no number would do: an effect that does not improve, or one at or
            beyond the margin.
    """
    _check(Claim(kind=claim, margin=margin), sd, alpha)
    if not 0 < power < 1:
        raise SettingsError(f"power must lie between 0 and 1, the usual one is 0.8; got {power:g}")
    if margin is None and effect >= 0:
        raise SettingsError(f"effect must be below 0, a lower error, for improves to be supported; got {effect:g}")
    if margin is not None and abs(effect) >= margin:
        raise SettingsError(f"effect must lie within the margin, -{margin:g} to {margin:g}; got {effect:g}")
    number = _least(lambda n: _power(margin, (n, n), sd, effect, alpha, paired) >= power)
    if number is None:
        raise SettingsError(f"the claim must be within reach of {MOST:,} networks; it is not; ask for a greater effect")
    return number


def smallest_effect(
    *, n: int | tuple[int, int], sd: float, alpha: float = 0.05, power: float = POWER, paired: bool = False
) -> float:
    """Return the least improvement, in points of error and above 0, that `improves` finds with this power.

    Raises:
        SettingsError: A value is out of range.
    """
    _check(Claim(kind="improves"), sd, alpha)
    if not alpha < power < 1:
        raise SettingsError(f"power must lie between alpha and 1, the usual one is 0.8; got {power:g}")
    sizes = (n, n) if isinstance(n, int) else n
    if min(sizes) < 2:
        raise SettingsError(f"n must be at least 2 networks of each population; got {n}")
    far = 50 * sd
    return float(optimize.brentq(lambda x: _power(None, sizes, sd, -x, alpha, paired) - power, 0.0, far))


def to_decide(
    claim: Claim, *, sizes: tuple[int, int], difference: float, standard_error: float, alpha: float, paired: bool
) -> int | None:
    """Return how many networks of each population would decide the claim with a power of 0.8.

    That is, if the true difference is the one seen and the noise too; whichever way it would be decided. None: the
    difference seen lies exactly where no number decides, at 0 or at the margin.
    """
    noise = standard_error / _root(sizes, paired)
    if noise == 0:
        return None
    distance = abs(difference)
    if claim.margin is None:
        return _least(lambda n: _power(None, (n, n), noise, -distance, alpha, paired) >= POWER)
    if distance > claim.margin:
        beyond = claim.margin - distance
        return _least(lambda n: _power(None, (n, n), noise, beyond, alpha, paired) >= POWER)
    return _least(lambda n: _power(claim.margin, (n, n), noise, distance, alpha, paired) >= POWER)


def _check(claim: Claim, sd: float, alpha: float) -> None:
    check_alpha(alpha)
    if not 0 < sd < math.inf:
        raise SettingsError(f"sd must be above 0, in points of error; got {sd:g}; claim: {claim.kind}")


def _root(sizes: tuple[int, int], paired: bool) -> float:
    return math.sqrt(1 / sizes[0] if paired else 1 / sizes[0] + 1 / sizes[1])


def _power(margin: float | None, sizes: tuple[int, int], sd: float, effect: float, alpha: float, paired: bool) -> float:
    error = sd * _root(sizes, paired)
    degrees = sizes[0] - 1 if paired else sizes[0] + sizes[1] - 2
    critical = float(stats.t.ppf(1 - alpha, degrees))
    if margin is None:
        exact = float(stats.nct.cdf(-critical, degrees, effect / error))
        return exact if math.isfinite(exact) else float(stats.norm.cdf(-critical - effect / error))
    middles = (np.arange(NODES) + 0.5) / NODES
    ratios = np.sqrt(stats.chi2.ppf(middles, degrees) / degrees)
    upper = (margin - effect) / error - critical * ratios
    lower = (-margin - effect) / error + critical * ratios
    return float(np.mean(np.maximum(stats.norm.cdf(upper) - stats.norm.cdf(lower), 0.0)))


def _least(enough: Callable[[int], bool]) -> int | None:
    """Return the least number from 2 on that is enough, if it is at most MOST; more is never less."""
    high = 2
    while not enough(high):
        if high > MOST:
            return None
        high *= 2
    low = high // 2  # not enough, or 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high
