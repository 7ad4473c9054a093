"""What is known of long work while it goes, and how people say it: shown by a terminal and by a notebook alike."""

import math
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping

from anynas.driver.rungs import Ladder
from anynas.store import Entry
from anynas.terminal import count, duration, plural
from anynas.trials import CurvePoint

STAGES = {
    "search": "search",
    "confirm": "the best again, with other seeds",
    "test": "test error of the winner",
}


class SearchTally:
    """Counts a search's trials, stage by stage.

    Where trials pause on rungs a trial counts as finished from its first rung on.
    """

    def __init__(
        self,
        *,
        seconds_per_trial: float | None = None,
        workers: int | None = None,
        minutes: float | None = None,
        ladder: Ladder | None = None,
    ) -> None:
        self._ladder = ladder or Ladder(epochs=(1,))
        self._seconds_per_trial = seconds_per_trial
        self._workers = workers or 1
        self._end = None if minutes is None else time.monotonic() + 60 * minutes

    def start(self, stage: str, total: int | None, finished: Iterable[Entry]) -> None:
        """Begin a stage."""
        self.stage, self.total = stage, total
        self._new, self._since = 0, time.monotonic()
        self._work: dict[tuple[int, int], float] = {}
        self._best: Entry | None = None
        self._failed = 0
        for entry in finished:
            self._keep(entry)
        self.done = self.done_before = len(self._work)
        self._work_before = sum(self._work.values())

    def take(self, entry: Entry) -> None:
        """Count a trial that has ended, or has finished a rung."""
        self._new += 1
        self._keep(entry)
        self.done = len(self._work)

    @property
    def is_over(self) -> bool:
        """Whether the stage has all of its trials."""
        return self.total is not None and self.done >= self.total

    def progress(self) -> str:
        """Return how many are finished, of how many: "3/32"."""
        return f"{self.done:,}" if self.total is None else f"{self.done:,}/{self.total:,}"

    def outcome(self, entry: Entry) -> str:
        """Return what came of a trial: "trial 3: error 12.35 %, 1.05 Mflops, 43.2 k params, 28 s"."""
        rung = f" (rung {entry.rung} of {self._ladder.top})" if entry.result.state == "pruned" else ""
        return f"trial {entry.number}: {_outcome(entry)}{rung}"

    def best(self) -> list[str]:
        """Return the least error of the search, if there is one: "best 12.35 %"."""
        known = self._best is not None and self.stage == "search"
        return [f"best {self._best.result.error:.2f} %"] if known and self._best is not None else []

    def trouble(self) -> list[str]:
        """Return how many trials failed, if any did: "2 failed"."""
        return _failed(self._failed)

    def left(self) -> list[str]:
        """Return the time left, if it is known: "45 s left"."""
        return _left(self._seconds_left())

    def _keep(self, entry: Entry) -> None:
        self._work[entry.number, entry.seed] = self._in_full(entry)
        self._failed += entry.result.state == "failed"
        if entry.result.state == "complete" and (self._best is None or entry.result.error < self._best.result.error):
            self._best = entry

    def _seconds_left(self) -> float | None:
        if self.total is None:
            return None if self._end is None else self._end - time.monotonic()
        done = sum(self._work.values())
        remaining = max((self._ladder.in_full(self.total) if self._has_rungs else self.total) - done, 0)
        if self._new >= self._workers and done > self._work_before:
            return remaining * (time.monotonic() - self._since) / (done - self._work_before)
        if self._seconds_per_trial is not None:
            return remaining * self._seconds_per_trial / self._workers
        return None

    @property
    def _has_rungs(self) -> bool:
        return self.stage == "search" and self._ladder.top > 1

    def _in_full(self, entry: Entry) -> float:
        """Return how many full trainings a trial is so far."""
        return entry.epochs / self._ladder.epochs[-1] if self._has_rungs else 1.0


class EpochTally:
    """Counts the epochs of one training."""

    def __init__(self, *, epochs: int, done: int, seconds: float | None = None) -> None:
        self.epochs, self.done = epochs, done
        self._new, self._since, self._expected = 0, time.monotonic(), seconds
        self._last: CurvePoint | None = None

    def take(self, point: CurvePoint) -> None:
        """Count an epoch that has ended."""
        self._new += 1
        self.done, self._last = point.epoch, point

    def progress(self) -> str:
        """Return what the last epoch came to, if there is one: "epoch 3/10: loss 0.5012, error 16.20 %"."""
        if self._last is None:
            return f"epoch {self.done}/{self.epochs}"
        return f"epoch {self.done}/{self.epochs}: loss {self._last.loss:.4f}, error {self._last.error:.2f} %"

    def left(self) -> list[str]:
        """Return the time left, if it is known."""
        if self._new == 0:
            return [] if self._expected is None else [f"{duration(self._expected)} left"]
        seconds = (time.monotonic() - self._since) / self._new * (self.epochs - self.done)
        return [f"{duration(seconds)} left"] if self.done < self.epochs else []


class StudyTally:
    """Counts a study's trials, population by population."""

    def __init__(
        self,
        trials: Mapping[str, int],
        *,
        seconds_per_trial: Mapping[str, float] | None = None,
        workers: int | None = None,
    ) -> None:
        self.trials = dict(trials)
        self.finished: Counter[str] = Counter()
        self._expected = dict(seconds_per_trial or {})
        self._workers = workers or 1
        self._seconds: dict[str, list[float]] = defaultdict(list)  # of trials that ended since the start
        self._failed = self._diverged = 0

    def start(self, finished: Iterable[Entry]) -> None:
        """Begin with what was finished before."""
        self._since = time.monotonic()
        for entry in finished:
            self._keep(entry)

    def take(self, entry: Entry) -> None:
        """Count a trial that has ended."""
        self._keep(entry)
        if math.isfinite(entry.result.seconds):
            self._seconds[entry.space].append(entry.result.seconds)

    @property
    def total(self) -> int:
        """Trials in all."""
        return sum(self.trials.values())

    @property
    def done(self) -> int:
        """Trials that are finished, of those that are asked."""
        return self.total - self._missing().total()

    @property
    def is_over(self) -> bool:
        """Whether all trials are finished."""
        return not self._missing()

    def progress(self) -> str:
        """Return how many are finished, of how many."""
        return f"{self.done:,}/{self.total:,}"

    def trouble(self) -> list[str]:
        """Return how many trials failed and how many diverged, if any did."""
        return [*_failed(self._failed), *([f"{self._diverged:,} diverged"] if self._diverged else [])]

    def left(self) -> list[str]:
        """Return the time left, if it is known."""
        return _left(self._seconds_left())

    def _keep(self, entry: Entry) -> None:
        self.finished[entry.space] += 1
        self._failed += entry.result.state == "failed"
        self._diverged += entry.result.reason == "diverged"

    def _missing(self) -> Counter[str]:
        return Counter(self.trials) - self.finished

    def _seconds_left(self) -> float:
        """Return about how long the rest takes: by what trials of each population took, or were expected to."""
        spent = sum(map(sum, self._seconds.values()))
        expected = sum(len(took) * self._expected.get(name, 0.0) for name, took in self._seconds.items())
        drift = spent / expected if expected else 1.0  # this machine now against when it was timed
        each = {name: drift * seconds for name, seconds in self._expected.items()}
        each |= {name: sum(took) / len(took) for name, took in self._seconds.items()}
        work = sum(missing * each.get(name, 0.0) for name, missing in self._missing().items())
        idle = (time.monotonic() - self._since) * self._workers / spent if spent > 0 else 1.0
        return work * max(idle, 1.0) / self._workers


def decoded(done: int, total: int) -> str:
    """Return how far decoding of pictures is."""
    return f"{done:,} of {plural(total, 'file')} decoded"


def already(number: int) -> str:
    """Return what is said of trials that were finished before the work began."""
    return f"{plural(number, 'trial')} finished already"


def _failed(number: int) -> list[str]:
    return [f"{number:,} failed"] if number else []


def _left(seconds: float | None) -> list[str]:
    return [f"{duration(seconds)} left"] if seconds is not None and seconds > 0 else []


def _outcome(entry: Entry) -> str:
    result = entry.result
    if result.state == "failed":
        return f"failed ({result.reason})"
    text = f"error {result.error:.2f} %, {count(entry.flops)}flops, {count(entry.params)} params"
    seconds = f", {duration(result.seconds)}" if result.seconds > 0 else ""
    return text + seconds + (f" ({result.reason})" if result.reason else "")
