"""The expected least error of n networks drawn from a population without replacement, in closed form.

With errors e_1 <= ... <= e_N of equal weight, network i is the best of n drawn ones if it is among them and the other
n - 1 come from the N - i behind it: of C(N, n) equally likely sets, C(N - i, n - 1). So

    E = sum_i e_i C(N - i, n - 1) / C(N, n).

*With weights* w_i: n networks are drawn one by one with replacement, each with a probability proportional to its
weight, and the draw counts only if all n differ. A set S then has a probability proportional to the product of its
weights, n! prod_{i in S} w_i / W^n before conditioning. Summing over the sets whose best is i, with s_k(...) the sum
over all sets of k of the product of their weights (the elementary symmetric polynomial),

    E = sum_i e_i w_i s_{n-1}(w_{i+1}, ..., w_N) / s_n(w_1, ..., w_N).

Equal weights of any size give the first formula, as s_k of m equal weights w is C(m, k) w^k; a weight of 0 is a network
that is not there. If the networks come from one law and w is the ratio of another law's probability to it, numerator
and denominator are U-statistics, without bias for the best of n of that other law and for 1. The polynomials follow
from s_k(w_i, rest) = s_k(rest) + w_i s_{k-1}(rest), in logarithms: N n steps.

Source of the question: arXiv 1905.13214, section 4 (random-search efficiency), where it is simulated.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from anynas.analysis.samples import Floats, checked_errors, checked_weights
from anynas.errors import SettingsError

if TYPE_CHECKING:
    import pandas as pd


def expected_best(errors: ArrayLike, n: int, weights: ArrayLike | None = None) -> float:
    """Return the expected least error, in percent, of n networks drawn without replacement.

    Args:
        errors: Shape (N,), percent, at least one, none of them NaN.
        n: How many are drawn, from 1 to the number of networks that have weight.
        weights: Shape (N,), at least 0, not all 0; what they mean is derived at the top of this module.

    Raises:
        SettingsError: Errors, weights or n are not as they must be.
    """
    values, masses = _sorted(errors, weights)
    number = _checked_number(n, values.size)
    return float(values @ _best_probabilities(masses, number))


def expected_best_curve(
    errors: ArrayLike, sizes: Iterable[int] | None = None, weights: ArrayLike | None = None
) -> "pd.DataFrame":
    """Return a table of n and expected_best; `sizes` None means 1, 2, 4, ... and all.

    Raises:
        SettingsError: As `expected_best`.
    """
    import pandas as pd

    values, masses = _sorted(errors, weights)
    if sizes is None:
        sizes = sorted({*(2**k for k in range(values.size.bit_length())), values.size})
    numbers = [_checked_number(n, values.size) for n in sizes]
    best = [float(values @ _best_probabilities(masses, n)) for n in numbers]
    return pd.DataFrame({"n": numbers, "expected_best": best})


def _sorted(errors: ArrayLike, weights: ArrayLike | None) -> tuple[Floats, Floats]:
    values = checked_errors(errors)
    masses = checked_weights(weights, values)
    order = np.argsort(values, kind="stable")
    order = order[masses[order] > 0]
    return values[order], masses[order]


def _checked_number(n: int, size: int) -> int:
    if isinstance(n, bool) or n != int(n) or not 1 <= n <= size:
        raise SettingsError(f"n must be a whole number from 1 to the {size} networks that have weight; got {n}")
    return int(n)


def _best_probabilities(masses: Floats, n: int) -> Floats:
    """Return the probability of each network, best first, to be the best of n."""
    if np.ptp(masses) == 0:
        return _equal_probabilities(masses.size, n)
    logs = np.log(masses)
    with np.errstate(divide="ignore"):
        polynomials = np.log(np.eye(1, n + 1)[0])  # s_0 ... s_n of no weights: 1, 0, ..., 0
    terms = np.empty(masses.size)
    for i in range(masses.size - 1, -1, -1):
        terms[i] = logs[i] + polynomials[n - 1]
        polynomials[1:] = np.logaddexp(polynomials[1:], logs[i] + polynomials[:-1])
    return np.asarray(np.exp(terms - polynomials[n]))


def _equal_probabilities(size: int, n: int) -> Floats:
    """Return C(N - i, n - 1) / C(N, n) for i = 1 ... N: n / N, then each is the one before times its ratio."""
    behind = size - np.arange(1, size)
    ratios = np.maximum(behind - n + 1, 0) / behind
    return np.asarray(n / size * np.concatenate([[1.0], np.cumprod(ratios)]))
