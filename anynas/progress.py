"""How long work goes, while it goes: a bar with the time left in a terminal, plain lines where piped."""

import math
import time
from collections import Counter, defaultdict
from collections.abc import Mapping

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from anynas.driver.rungs import Ladder
from anynas.store import Entry
from anynas.terminal import count, duration, plural, print_event
from anynas.trials import CurvePoint

STAGES = {
    "search": "search",
    "confirm": "the best again, with other seeds",
    "test": "test error of the winner",
}
LINES_EVERY = 30.0  # seconds between two lines of a study, where piped
PICTURES_EVERY = 10.0  # likewise of decoding
MOST_BARS = 16  # populations with a bar of their own


class Reporter:
    """Shows how a run goes: a bar with the time left in a terminal, a line a trial where piped.

    Where trials pause on rungs a line is a rung that a trial finished; a trial counts as finished from its first on.
    """

    def __init__(
        self,
        console: Console,
        *,
        seconds_per_trial: float | None = None,
        workers: int | None = None,
        minutes: float | None = None,
        ladder: Ladder | None = None,
    ) -> None:
        self._console = console
        self._ladder = ladder or Ladder(epochs=(1,))
        self._seconds_per_trial = seconds_per_trial
        self._workers = workers or 1
        self._end = None if minutes is None else time.monotonic() + 60 * minutes
        self._bar: Progress | None = None
        self._best: Entry | None = None

    def __enter__(self) -> "Reporter":
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def started(self, stage: str, total: int | None, finished: list[Entry]) -> None:
        """Show a new stage."""
        self._stop()
        self._stage, self._total = stage, total
        self._done, self._new, self._since = len(finished), 0, time.monotonic()
        self._work = {_name(entry): self._in_full(entry) for entry in finished}
        self._work_before = sum(self._work.values())
        self._best = None
        for entry in finished:
            self._keep_best(entry)
        if finished and stage == "search":
            self._line(f"{plural(len(finished), 'trial')} finished already")
        if total is None or len(finished) < total:
            self._line(f"{STAGES[stage]}: {self._of(len(finished), total)} finished")
        if self._console.is_terminal and total is not None and len(finished) < total:
            self._bar = Progress(
                TextColumn("{task.completed:.0f}/{task.total:.0f}"),
                BarColumn(),
                TextColumn("{task.fields[state]}"),
                console=self._console,
                transient=True,
                refresh_per_second=1,  # more would take the workers' time
            )
            self._task = self._bar.add_task("", total=total, completed=self._done, state=self._state())
            self._bar.start()

    def finished(self, entry: Entry) -> None:
        """Show a trial that has ended."""
        self._done += _name(entry) not in self._work
        self._new += 1
        self._work[_name(entry)] = self._in_full(entry)
        self._keep_best(entry)
        rung = f" (rung {entry.rung} of {self._ladder.top})" if entry.result.state == "pruned" else ""
        text = f"{self._of(self._done, self._total)}  trial {entry.number}: {_outcome(entry)}{rung}"
        if self._bar is not None:
            print_event(self._bar.console, text)
            self._bar.update(self._task, completed=self._done, state=self._state())
        else:
            state = self._state()
            self._line(f"{text}; {state}" if state else text)

    def note(self, message: str) -> None:
        """Show a line."""
        self._line(message)

    def _line(self, text: str) -> None:
        print_event(self._console, text)

    def _stop(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def _keep_best(self, entry: Entry) -> None:
        if entry.result.state == "complete" and (self._best is None or entry.result.error < self._best.result.error):
            self._best = entry

    def _state(self) -> str:
        parts = []
        if self._best is not None and self._stage == "search":
            parts.append(f"best {self._best.result.error:.2f} %")
        left = self._seconds_left()
        if left is not None and left > 0:
            parts.append(f"{duration(left)} left")
        return ", ".join(parts)

    def _seconds_left(self) -> float | None:
        if self._total is None:
            return None if self._end is None else self._end - time.monotonic()
        done = sum(self._work.values())
        remaining = max((self._ladder.in_full(self._total) if self._has_rungs else self._total) - done, 0)
        if self._new >= self._workers and done > self._work_before:
            return remaining * (time.monotonic() - self._since) / (done - self._work_before)
        if self._seconds_per_trial is not None:
            return remaining * self._seconds_per_trial / self._workers
        return None

    @property
    def _has_rungs(self) -> bool:
        return self._stage == "search" and self._ladder.top > 1

    def _in_full(self, entry: Entry) -> float:
        """Return how many full trainings a trial is so far."""
        return entry.epochs / self._ladder.epochs[-1] if self._has_rungs else 1.0

    @staticmethod
    def _of(done: int, total: int | None) -> str:
        return f"{done}" if total is None else f"{done}/{total}"


class PictureReporter:
    """Shows how far decoding of pictures is: a bar in a terminal, a line now and then where piped; nothing if there is
    nothing to decode.
    """

    def __init__(self, console: Console) -> None:
        self._console, self._said = console, time.monotonic()
        self._bar: Progress | None = None

    def __enter__(self) -> "PictureReporter":
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def __call__(self, done: int, total: int) -> None:
        """Show that so many files of so many are decoded."""
        if not self._console.is_terminal:
            if done == total or time.monotonic() - self._said > PICTURES_EVERY:
                self._said = time.monotonic()
                self._console.print(f"{done:,} of {plural(total, 'file')} decoded", soft_wrap=True)
                self._console.file.flush()
            return
        if self._bar is None:
            columns = (TextColumn("decoding"), BarColumn(), TextColumn("{task.completed:.0f}/{task.total:.0f} files"))
            self._bar = Progress(*columns, TimeRemainingColumn(), console=self._console, transient=True)
            self._task = self._bar.add_task("", total=total)
            self._bar.start()
        self._bar.update(self._task, completed=done)


class EpochReporter:
    """Shows how one training goes: a bar with the time left in a terminal, a line an epoch where piped."""

    def __init__(self, console: Console, *, epochs: int, done: int, seconds: float) -> None:
        self._console, self._epochs, self._done = console, epochs, done
        self._new, self._since, self._expected = 0, time.monotonic(), seconds
        self._bar: Progress | None = None

    def __enter__(self) -> "EpochReporter":
        if self._console.is_terminal and self._done < self._epochs:
            self._bar = Progress(
                TextColumn("{task.completed:.0f}/{task.total:.0f}"),
                BarColumn(),
                TextColumn("{task.fields[state]}"),
                console=self._console,
                transient=True,
                refresh_per_second=1,  # more would take the training's time
            )
            left = f"{duration(self._expected)} left"
            self._task = self._bar.add_task("", total=self._epochs, completed=self._done, state=left)
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def finished(self, point: CurvePoint) -> None:
        """Show an epoch that has ended."""
        self._new += 1
        seconds = (time.monotonic() - self._since) / self._new * (self._epochs - point.epoch)
        left = f"{duration(seconds)} left" if point.epoch < self._epochs else ""
        text = f"epoch {point.epoch}/{self._epochs}: loss {point.loss:.4f}, error {point.error:.2f} %"
        if self._bar is None:
            print_event(self._console, f"{text}; {left}" if left else text)
        else:
            print_event(self._bar.console, text)
            self._bar.update(self._task, completed=point.epoch, state=left)


class StudyReporter:
    """Shows how a study goes: a bar for each population and one for all, with the time left; a line now and then where
    piped.
    """

    def __init__(
        self,
        console: Console,
        trials: Mapping[str, int],
        *,
        seconds_per_trial: Mapping[str, float] | None = None,
        workers: int | None = None,
    ) -> None:
        self._console = console
        self._trials = dict(trials)
        self._expected = dict(seconds_per_trial or {})
        self._workers = workers or 1
        self._bars: Progress | None = None
        self._tasks: dict[str, TaskID] = {}
        self._done: Counter[str] = Counter()
        self._seconds: dict[str, list[float]] = defaultdict(list)  # of trials that ended since the start
        self._failed = self._diverged = 0

    def __enter__(self) -> "StudyReporter":
        return self

    def __exit__(self, *_: object) -> None:
        if self._bars is not None:
            self._bars.stop()
            self._bars = None

    def started(self, stage: str, total: int | None, finished: list[Entry]) -> None:
        """Show all populations."""
        self._since = self._said = time.monotonic()
        for entry in finished:
            self._take(entry)
        if finished:
            self.note(f"{plural(len(finished), 'trial')} finished already")
        if self._left() and self._console.is_terminal:
            self._bars = Progress(
                TextColumn("{task.description}"),
                BarColumn(bar_width=20),
                TextColumn("{task.completed:.0f}/{task.total:.0f}"),
                TextColumn("{task.fields[state]}"),
                console=self._console,
                transient=True,
                refresh_per_second=1,  # more would take the workers' time
            )
            own = self._trials if len(self._trials) <= MOST_BARS else {}
            self._tasks = {name: self._bars.add_task(name, total=n, state="") for name, n in own.items()}
            self._all = self._bars.add_task("all", total=sum(self._trials.values()), state="")
            self._update()
            self._bars.start()
        elif self._left():
            self.note(self._state())

    def finished(self, entry: Entry) -> None:
        """Show a trial that has ended."""
        self._take(entry)
        if math.isfinite(entry.result.seconds):
            self._seconds[entry.space].append(entry.result.seconds)
        if entry.result.state == "failed":
            self.note(f"{entry.space} {entry.number}: failed ({entry.result.reason})")
        if self._bars is not None:
            self._update()
        elif time.monotonic() - self._said > LINES_EVERY or not self._left():
            self._said = time.monotonic()
            self.note(self._state())

    def note(self, message: str) -> None:
        """Show a line."""
        print_event(self._console, message)

    def _take(self, entry: Entry) -> None:
        self._done[entry.space] += 1
        self._failed += entry.result.state == "failed"
        self._diverged += entry.result.reason == "diverged"

    def _left(self) -> Counter[str]:
        return Counter(self._trials) - self._done

    def _update(self) -> None:
        assert self._bars is not None
        for name, task in self._tasks.items():
            self._bars.update(task, completed=min(self._done[name], self._trials[name]))
        total = sum(self._trials.values())
        self._bars.update(self._all, completed=total - self._left().total(), state=self._words())

    def _state(self) -> str:
        total = sum(self._trials.values())
        words = self._words()
        return f"{total - self._left().total():,}/{total:,} finished{', ' if words else ''}{words}"

    def _words(self) -> str:
        left = self._seconds_left()
        parts = [f"{self._failed} failed"] * bool(self._failed) + [f"{self._diverged} diverged"] * bool(self._diverged)
        return ", ".join([*parts, *([f"{duration(left)} left"] if left else [])])

    def _seconds_left(self) -> float:
        """Return about how long the rest takes: by what trials of each population took, or were expected to."""
        spent = sum(map(sum, self._seconds.values()))
        expected = sum(len(took) * self._expected.get(name, 0.0) for name, took in self._seconds.items())
        drift = spent / expected if expected else 1.0  # this machine now against when it was timed
        each = {name: drift * seconds for name, seconds in self._expected.items()}
        each |= {name: sum(took) / len(took) for name, took in self._seconds.items()}
        work = sum(missing * each.get(name, 0.0) for name, missing in self._left().items())
        idle = (time.monotonic() - self._since) * self._workers / spent if spent > 0 else 1.0
        return work * max(idle, 1.0) / self._workers


def _name(entry: Entry) -> tuple[int, int]:
    return entry.number, entry.seed


def _outcome(entry: Entry) -> str:
    result = entry.result
    if result.state == "failed":
        return f"failed ({result.reason})"
    text = f"error {result.error:.2f} %, {count(entry.flops)}flops, {count(entry.params)} params"
    seconds = f", {duration(result.seconds)}" if result.seconds > 0 else ""
    return text + seconds + (f" ({result.reason})" if result.reason else "")
