"""Rungs: which of the trials that have paused goes on. Asynchronous successive halving (ASHA), decided from results.

A trial pauses on each rung of a ladder. Whenever a worker is free, the highest rung is looked for on which one of the
best 1 / reduction of the trials that finished it waits, and that one goes on; if there is none, a new trial begins.
Nobody waits for a rung to fill. Source: Li et al. 2018, "A System for Massively Parallel Hyperparameter Tuning"
(arXiv 1810.05934), algorithm 2.

What goes on is a function of the results alone, so a search that is resumed decides as it would have done. When all
trials have begun, those that the rule still lets go on do so, and all others stay where they are: pruned. If none has
reached the top by then, the best of those that came furthest goes on until one has.

Nothing here trains, reads or writes.
"""

import bisect
import dataclasses
import itertools
import math
from collections.abc import Iterable, Sequence
from typing import Any

from anynas.settings import require
from anynas.trials import Paused, TrialResult

DEFAULT_REDUCTION = 3
KEPT_BYTES = 2**30  # of paused trials, in the driver; what does not fit is trained anew if its trial goes on

Place = tuple[float, int]  # error and number: of equals the one that began first is better


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Ladder:
    """After how many epochs trials pause, and what share of them goes on. Rungs are counted from 1."""

    epochs: tuple[int, ...]  # of each rung, increasing; those of the top are the fidelity's
    reduction: int = DEFAULT_REDUCTION  # one of so many goes on

    @property
    def top(self) -> int:
        """The highest rung."""
        return len(self.epochs)

    def stop(self, rung: int) -> int | None:
        """Return the epochs after which a trial that is to reach a rung pauses; None at the top."""
        return None if rung == self.top else self.epochs[rung - 1]

    def errors(self, result: TrialResult) -> tuple[float, ...]:
        """Return a trial's error on each rung that it finished; divergence finishes the rung that it happens on."""
        curve = result.curve
        errors = tuple(curve[epochs - 1].error for epochs in self.epochs if epochs <= len(curve))
        if result.reason == "diverged" and len(curve) not in self.epochs:
            return (*errors, result.error)
        return errors

    def reached(self, results: Iterable[TrialResult]) -> list[int]:
        """Return how many trials finished each rung."""
        counts = [len(self.errors(result)) for result in results]
        return [sum(count >= rung for count in counts) for rung in range(1, self.top + 1)]

    def summary(self, results: Sequence[TrialResult]) -> dict[str, Any]:
        """Return how many trials reached each rung, and what was trained against full training, JSON-ready.

        A repeat of another trial, and one that failed before its first epoch ended, has no curve and counts for none.
        """
        pairs = zip(self.epochs, self.reached(results), strict=True)
        return {
            "rungs": [{"epochs": epochs, "trials": trials} for epochs, trials in pairs],
            "epochs_trained": sum(len(result.curve) for result in results),
            "epochs_in_full": self.epochs[-1] * sum(bool(result.curve) for result in results),
        }

    def expected_epochs(self, trials: int) -> int:
        """Return about how many epochs so many trials take in all: as if each rung let go on its share and no more."""
        counts = itertools.accumulate(self.epochs[1:], lambda n, _: max(n // self.reduction, 1), initial=trials)
        heights = (high - low for low, high in itertools.pairwise((0, *self.epochs)))
        return sum(count * height for count, height in zip(counts, heights, strict=True)) if trials else 0

    def in_full(self, trials: int) -> float:
        """Return about how many full trainings so many trials cost."""
        return self.expected_epochs(trials) / self.epochs[-1]

    def trials_within(self, in_full: int) -> int:
        """Return about how many trials cost no more than so many full trainings; at least 1."""
        most = in_full * self.epochs[-1]  # of a trial's epochs there is one at least
        return max(bisect.bisect_right(range(most + 1), most, key=self.expected_epochs) - 1, 1)


def make_ladder(epochs: int, *, rungs: int, reduction: int = DEFAULT_REDUCTION) -> Ladder:
    """Return a ladder whose top has all epochs, and each rung below about 1 / reduction of those above it.

    Raises:
        SettingsError: Too few rungs, too small a reduction, or two rungs of the same number of epochs.
    """
    require(rungs >= 1, f"rungs must be at least 1; got {rungs}")
    require(reduction >= 2, f"reduction must be at least 2; got {reduction}")
    heights = _heights(epochs, rungs, reduction)
    if len(set(heights)) < rungs:
        enough = next(more for more in itertools.count(epochs) if len(set(_heights(more, rungs, reduction))) == rungs)
        listed = ", ".join(map(str, heights))
        require(
            False,
            f"rungs must differ in epochs; {rungs} rungs with reduction {reduction} of {epochs} epochs have {listed}; "
            f"choose fewer rungs, or at least {enough} epochs",
        )
    return Ladder(epochs=heights, reduction=reduction)


class Standings:
    """Where the trials of a search stand; what it answers is a function of the results that it was told.

    Each rung is kept in order, so that a search of many trials does not sort them anew for every decision.

    Args:
        ladder: The rungs.
    """

    def __init__(self, ladder: Ladder) -> None:
        self._ladder = ladder
        self._errors: dict[int, tuple[float, ...]] = {}  # number -> error on each rung that it finished
        self._finished: list[list[Place]] = [[] for _ in ladder.epochs]  # by rung, best first, whatever came afterwards
        self._waiting: list[list[Place]] = [[] for _ in ladder.epochs]  # those of them that paused and may go on
        self._is_topped = False  # whether a trial has reached the top

    def add(self, number: int, result: TrialResult) -> None:
        """Take what became of a trial, in place of what was known of it; a repeat trains nothing and stands nowhere."""
        self._forget(number)
        self._errors[number] = errors = self._ladder.errors(result)
        for error, finished in zip(errors, self._finished, strict=False):
            bisect.insort(finished, (error, number))
        if result.state == "pruned" and errors:
            bisect.insort(self._waiting[len(errors) - 1], (errors[-1], number))
        self._is_topped |= result.state == "complete" and result.reason != "diverged"

    def promote(self) -> int | None:
        """Return the number of a trial that goes on, which waits no longer; None if no trial is to.

        It is the best that waits on the highest rung where one is among the best 1 / reduction; of equals the least
        number.
        """
        for finished, waiting in zip(self._finished[-2::-1], self._waiting[-2::-1], strict=True):
            share = len(finished) // self._ladder.reduction
            if share and waiting and waiting[0] <= finished[share - 1]:
                return waiting.pop(0)[1]
        return None

    def promote_to_the_end(self) -> int | None:
        """Likewise where nothing is under way and nothing else will begin: one has to reach the top, if any waits.

        It is the best of those that wait on the highest rung where any does.
        """
        furthest = next(filter(None, reversed(self._waiting)), None)
        return None if self._is_topped or furthest is None else furthest.pop(0)[1]

    def _forget(self, number: int) -> None:
        errors = self._errors.pop(number, ())
        for error, finished in zip(errors, self._finished, strict=False):
            _remove(finished, (error, number))
        if errors:
            _remove(self._waiting[len(errors) - 1], (errors[-1], number))


class Kept:
    """Paused trials by number, as long as there is room: the one with the greatest error leaves first.

    It is the last to go on, and mostly the one that costs least to train anew.

    Args:
        limit: Bytes in all.
    """

    def __init__(self, limit: int = KEPT_BYTES) -> None:
        self._limit, self._bytes = limit, 0
        self._paused: dict[int, Paused] = {}
        self._places: list[Place] = []  # of those that are kept, best first

    def keep(self, number: int, paused: Paused) -> None:
        """Keep a trial, and let go of what has no room."""
        self.take(number)
        if paused.num_bytes > self._limit:
            return
        self._paused[number] = paused
        self._bytes += paused.num_bytes
        bisect.insort(self._places, (paused.result.error, number))
        while self._bytes > self._limit:
            self.take(self._places[-1][1])

    def take(self, number: int) -> Paused | None:
        """Hand a trial over; None if it was not kept."""
        paused = self._paused.pop(number, None)
        if paused is not None:
            self._bytes -= paused.num_bytes
            _remove(self._places, (paused.result.error, number))
        return paused


def together(before: TrialResult | None, after: TrialResult) -> TrialResult:
    """Return a trial's result after another part of its training: costs of both, and the curve of all that is known.

    `after` has the whole curve unless it failed: then what was known before stands.
    """
    if before is None:
        return after
    return dataclasses.replace(
        after,
        curve=after.curve or before.curve,
        seconds=math.fsum(part.seconds for part in (before, after) if math.isfinite(part.seconds)),
        peak_memory_bytes=max(before.peak_memory_bytes, after.peak_memory_bytes),
        lost=before.lost + after.lost,
    )


def _remove(places: list[Place], place: Place) -> None:
    """Take a place out of an ordered list, if it is there."""
    index = bisect.bisect_left(places, place)
    if places[index : index + 1] == [place]:
        del places[index]


def _heights(epochs: int, rungs: int, reduction: int) -> tuple[int, ...]:
    return tuple(max(round(epochs / reduction**below), 1) for below in range(rungs - 1, -1, -1))
