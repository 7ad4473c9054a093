"""What the driver's work is made of: what trials share, a proposal with its place and seed, time, and who is told."""

import dataclasses
import math
import time
from typing import Protocol

import numpy as np

from anynas.counting import Complexity, complexity
from anynas.designspace import DesignSpace
from anynas.driver.samplers import Proposal
from anynas.store import Entry
from anynas.trials import Fidelity, Paused, Recipe, TrialResult


class Progress(Protocol):
    """Who is told how the work goes."""

    def started(self, stage: str, total: int | None, finished: list[Entry]) -> None:
        """Begin a stage with so many trials in all (None: as many as time allows), some of them finished before."""

    def finished(self, entry: Entry) -> None:
        """A trial has ended, or has finished a rung."""

    def note(self, message: str) -> None:
        """Something else that the user should know, one line."""


class Silent:
    """Tells nobody."""

    def started(self, stage: str, total: int | None, finished: list[Entry]) -> None:
        """Tell nobody."""

    def finished(self, entry: Entry) -> None:
        """Tell nobody."""

    def note(self, message: str) -> None:
        """Tell nobody."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What all trials of a population or search share."""

    space: DesignSpace
    recipe: Recipe
    fidelity: Fidelity
    num_images: int  # training images of each trial
    seed: int  # the run's

    def count(self, proposal: Proposal) -> Complexity:
        """Return the complexity at the regime's input."""
        regime = self.space.regime
        return complexity(proposal.architecture, input_shape=regime.input_shape, num_classes=regime.num_classes)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A proposal with its place in the run."""

    setting: Setting
    number: int
    role: str
    proposal: Proposal
    seed: int
    rung: int = 1  # that it is to reach, from 1
    stop: int | None = None  # epochs of that rung; None: it is trained to its end
    before: TrialResult | None = None  # what it gave up to the rung below
    paused: Paused | None = (
        None  # where it goes on; None: it is trained from its seed, which on a CPU gives the same bits
    )


class Clock:
    """Says whether there is time for another trial."""

    def __init__(self, seconds: float = math.inf) -> None:
        self._end = time.monotonic() + seconds
        self._longest = 0.0

    def saw(self, seconds: float) -> None:
        """Note how long a trial took."""
        if math.isfinite(seconds):
            self._longest = max(self._longest, seconds)

    def allows_another(self) -> bool:
        """Return whether a trial like the longest so far would end in time."""
        return time.monotonic() + self._longest <= self._end


def trial_seed(run_seed: int, *path: int) -> int:
    """Return the seed of a trial.

    A function of the run's seed and the trial's place, never of the order of completion.
    """
    return int(np.random.SeedSequence([run_seed, *path]).generate_state(1, np.uint64)[0] >> np.uint64(1))
