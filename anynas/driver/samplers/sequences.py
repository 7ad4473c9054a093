"""Samplers whose proposals are a function of (seed, index): the space's own draws, and quasi-random points.

Quasi-random points are scipy's scrambled Sobol points, the engine inside Optuna's QMCSampler, which itself keeps its
position in a study's attributes and begins anew when a run is resumed.
"""

import itertools
import math
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from anynas.designspace.space import Member
from anynas.driver.samplers import Known, Proposal

SOBOL_BLOCK = 4096


class SequenceSampler:
    """Proposals that are a function of their number alone: nothing is learnt."""

    def __init__(self, members: Iterator[Member]) -> None:
        self._members = members
        self._taken: list[Member] = []

    def ask(self, number: int) -> Proposal:
        """Return the architecture with this index, and its point."""
        self._taken += itertools.islice(self._members, max(number + 1 - len(self._taken), 0))
        architecture, point = self._taken[number]
        return Proposal(architecture, tuple(point.tolist()))

    def tell(self, known: Known) -> None:
        """Learn nothing."""


def sobol(dimension: int, seed: int) -> Iterable[Any]:
    """Yield blocks of scrambled Sobol points, (SOBOL_BLOCK, dimension)."""
    from scipy.stats import qmc

    engine = qmc.Sobol(max(dimension, 1), scramble=True, rng=np.random.default_rng(seed))
    for _ in range(math.floor(engine.maxn / SOBOL_BLOCK)):
        yield engine.random(SOBOL_BLOCK)[:, :dimension]
