"""Progress in a terminal: a bar with the time left; plain lines where it is piped."""

import time
from collections.abc import Mapping

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, TaskID, TextColumn, TimeRemainingColumn

from anynas.driver.rungs import Ladder
from anynas.progress.tallies import STAGES, EpochTally, SearchTally, StudyTally, already, decoded
from anynas.store import Entry
from anynas.terminal import print_event
from anynas.trials import CurvePoint

LINES_EVERY = 30.0  # seconds between two lines of a study, where piped
PICTURES_EVERY = 10.0  # likewise of decoding
MOST_BARS = 16  # populations with a bar of their own


class Reporter:
    """Shows how a search goes: a bar with the time left in a terminal, a line a trial where piped.

    Where trials pause on rungs a line is a rung that a trial finished.
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
        self._tally = SearchTally(seconds_per_trial=seconds_per_trial, workers=workers, minutes=minutes, ladder=ladder)
        self._bar: Progress | None = None

    def __enter__(self) -> "Reporter":
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def started(self, stage: str, total: int | None, finished: list[Entry]) -> None:
        """Show a new stage."""
        self._stop()
        tally = self._tally
        tally.start(stage, total, finished)
        if finished and stage == "search":
            self.note(already(len(finished)))
        if not tally.is_over:
            self.note(f"{STAGES[stage]}: {tally.progress()} finished")
        if self._console.is_terminal and total is not None and not tally.is_over:
            self._bar = _bars(self._console, TextColumn("{task.completed:.0f}/{task.total:.0f}"), BarColumn())
            self._task = self._bar.add_task("", total=total, completed=tally.done, state=self._state())
            self._bar.start()

    def finished(self, entry: Entry) -> None:
        """Show a trial that has ended."""
        self._tally.take(entry)
        text, state = f"{self._tally.progress()}  {self._tally.outcome(entry)}", self._state()
        if self._bar is not None:
            print_event(self._bar.console, text)
            self._bar.update(self._task, completed=self._tally.done, state=state)
        else:
            self.note(f"{text}; {state}" if state else text)

    def note(self, message: str) -> None:
        """Show a line."""
        print_event(self._console, message)

    def _stop(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def _state(self) -> str:
        return ", ".join([*self._tally.best(), *self._tally.left()])


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
                print_event(self._console, decoded(done, total))
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
        self._console = console
        self._tally = EpochTally(epochs=epochs, done=done, seconds=seconds)
        self._bar: Progress | None = None

    def __enter__(self) -> "EpochReporter":
        tally = self._tally
        if self._console.is_terminal and tally.done < tally.epochs:
            self._bar = _bars(self._console, TextColumn("{task.completed:.0f}/{task.total:.0f}"), BarColumn())
            self._task = self._bar.add_task("", total=tally.epochs, completed=tally.done, state=", ".join(tally.left()))
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def finished(self, point: CurvePoint) -> None:
        """Show an epoch that has ended."""
        self._tally.take(point)
        text, left = self._tally.progress(), ", ".join(self._tally.left())
        if self._bar is None:
            print_event(self._console, f"{text}; {left}" if left else text)
        else:
            print_event(self._bar.console, text)
            self._bar.update(self._task, completed=self._tally.done, state=left)


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
        self._tally = StudyTally(trials, seconds_per_trial=seconds_per_trial, workers=workers)
        self._bars: Progress | None = None
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> "StudyReporter":
        return self

    def __exit__(self, *_: object) -> None:
        if self._bars is not None:
            self._bars.stop()
            self._bars = None

    def started(self, stage: str, total: int | None, finished: list[Entry]) -> None:
        """Show all populations."""
        tally, self._said = self._tally, time.monotonic()
        tally.start(finished)
        if finished:
            self.note(already(len(finished)))
        if tally.is_over:
            return
        if self._console.is_terminal:
            columns = [TextColumn("{task.description}"), BarColumn(bar_width=20)]
            self._bars = _bars(self._console, *columns, TextColumn("{task.completed:.0f}/{task.total:.0f}"))
            own = tally.trials if len(tally.trials) <= MOST_BARS else {}
            self._tasks = {name: self._bars.add_task(name, total=n, state="") for name, n in own.items()}
            self._all = self._bars.add_task("all", total=tally.total, state="")
            self._update(self._bars)
            self._bars.start()
        else:
            self.note(self._state())

    def finished(self, entry: Entry) -> None:
        """Show a trial that has ended."""
        self._tally.take(entry)
        if entry.result.state == "failed":
            self.note(f"{entry.space} {entry.number}: failed ({entry.result.reason})")
        if self._bars is not None:
            self._update(self._bars)
        elif time.monotonic() - self._said > LINES_EVERY or self._tally.is_over:
            self._said = time.monotonic()
            self.note(self._state())

    def note(self, message: str) -> None:
        """Show a line."""
        print_event(self._console, message)

    def _update(self, bars: Progress) -> None:
        tally = self._tally
        for name, task in self._tasks.items():
            bars.update(task, completed=min(tally.finished[name], tally.trials[name]))
        bars.update(self._all, completed=tally.done, state=", ".join([*tally.trouble(), *tally.left()]))

    def _state(self) -> str:
        return ", ".join([f"{self._tally.progress()} finished", *self._tally.trouble(), *self._tally.left()])


def _bars(console: Console, *columns: ProgressColumn) -> Progress:
    """Return a bar or several, behind each of which stands its state."""
    return Progress(
        *columns,
        TextColumn("{task.fields[state]}"),
        console=console,
        transient=True,
        refresh_per_second=1,  # more would take the workers' time
    )
