"""Progress in Jupyter: one line of the cell's output, replaced while the work goes; its last state stays."""

import time
from collections.abc import Sequence
from functools import singledispatch
from html import escape
from typing import Any

from anynas.driver.search import SearchPlan
from anynas.progress.tallies import STAGES, EpochTally, SearchTally, StudyTally, already, decoded
from anynas.store import Entry
from anynas.study.running import StudyPlan
from anynas.terminal import duration, plural
from anynas.training.fully import TrainingPlan
from anynas.trials import CurvePoint

EVERY = 0.5  # seconds between two pictures of the line: more would take the workers' time


class Line:
    """One line of a cell's output: a bar, and what is said beside it; notes stand below."""

    def __init__(self) -> None:
        self._handle: Any = None
        self._notes: list[str] = []
        self._done, self._text = 0, ""
        self._total: int | None = None
        self._shown = -EVERY
        self._since = time.monotonic()

    def __repr__(self) -> str:
        return "\n".join([self._text, *self._notes])

    def _repr_html_(self) -> str:
        share = f' value="{self._done}" max="{max(self._total, 1)}"' if self._total is not None else ""
        label = escape(self._text)
        bar = f'<progress{share} aria-label="{label}" style="width: 12em; vertical-align: middle"></progress>'
        notes = "".join(f"<div>{escape(note)}</div>" for note in self._notes)
        return f"<div>{bar} {label}</div>{notes}"

    def say(self, text: str, done: int, total: int | None, *, now: bool = False) -> None:
        """Replace what is said, and show it unless it was shown just before."""
        self._text, self._done, self._total = text, done, total
        if now or time.monotonic() - self._shown >= EVERY:
            self._show()

    def note(self, message: str) -> None:
        """Add a line below."""
        self._notes.append(message)
        self._show()

    def close(self, parts: Sequence[str], done: int, total: int | None, *, interrupted: bool) -> None:
        """Say it for the last time, with how long all of it took."""
        took = duration(time.monotonic() - self._since)
        self._done, self._total = done, total
        self._text = ", ".join([*parts, took]) if not interrupted else f"{', '.join(parts)}; interrupted after {took}"
        self._show()

    def _show(self) -> None:
        from IPython.display import display

        self._shown = time.monotonic()
        if self._handle is None:
            self._handle = display(self, display_id=True)
        else:
            self._handle.update(self)


class SearchLine:
    """Shows how a search goes."""

    def __init__(self, tally: SearchTally) -> None:
        self._tally, self._line = tally, Line()
        self._searched: tuple[list[str], int, int | None] = ([], 0, None)  # said of the search itself, and how far

    def __enter__(self) -> "SearchLine":
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self._line.close(*self._searched, interrupted=kind is not None)

    def started(self, stage: str, total: int | None, finished: list[Entry]) -> None:
        """Show a new stage."""
        self._tally.start(stage, total, finished)
        if finished and stage == "search":
            self._line.note(already(len(finished)))
        self._say(now=True)

    def finished(self, entry: Entry) -> None:
        """Show a trial that has ended."""
        self._tally.take(entry)
        if entry.result.state == "failed":
            self._line.note(self._tally.outcome(entry))
        self._say()

    def note(self, message: str) -> None:
        """Show a line below."""
        self._line.note(message)

    def _say(self, *, now: bool = False) -> None:
        tally = self._tally
        if tally.stage == "search":
            counted = plural(tally.done, "trial") if tally.total is None else f"{tally.progress()} trials"
            said = [counted, *tally.best(), *tally.trouble()]
            self._searched = said, tally.done, tally.total
            said = [*said, *tally.left()]
        else:
            said = [*self._searched[0], f"{STAGES[tally.stage]}: {tally.progress()}", *tally.left()]
        self._line.say(", ".join(said), tally.done, tally.total, now=now)


class StudyLine:
    """Shows how a study goes, all of its populations together."""

    def __init__(self, tally: StudyTally) -> None:
        self._tally, self._line = tally, Line()

    def __enter__(self) -> "StudyLine":
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self._line.close(self._said(), self._tally.done, self._tally.total, interrupted=kind is not None)

    def started(self, stage: str, total: int | None, finished: list[Entry]) -> None:
        """Show how many trials there are."""
        self._tally.start(finished)
        if finished:
            self._line.note(already(len(finished)))
        self._say(now=True)

    def finished(self, entry: Entry) -> None:
        """Show a trial that has ended."""
        self._tally.take(entry)
        if entry.result.state == "failed":
            self._line.note(f"{entry.space} {entry.number}: failed ({entry.result.reason})")
        self._say()

    def note(self, message: str) -> None:
        """Show a line below."""
        self._line.note(message)

    def _say(self, *, now: bool = False) -> None:
        self._line.say(", ".join([*self._said(), *self._tally.left()]), self._tally.done, self._tally.total, now=now)

    def _said(self) -> list[str]:
        return [f"{self._tally.progress()} trials", *self._tally.trouble()]


class EpochLine:
    """Shows how one training goes."""

    def __init__(self, tally: EpochTally) -> None:
        self._tally, self._line = tally, Line()

    def __enter__(self) -> "EpochLine":
        self._say(now=True)
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        tally = self._tally
        self._line.close([tally.progress()], tally.done, tally.epochs, interrupted=kind is not None)

    def finished(self, point: CurvePoint) -> None:
        """Show an epoch that has ended."""
        self._tally.take(point)
        self._say()

    def _say(self, *, now: bool = False) -> None:
        text = ", ".join([self._tally.progress(), *self._tally.left()])
        self._line.say(text, self._tally.done, self._tally.epochs, now=now)


class PictureLine:
    """Shows how far decoding of pictures is."""

    def __init__(self) -> None:
        self._line = Line()

    def __call__(self, done: int, total: int) -> None:
        """Show that so many files of so many are decoded."""
        text = decoded(done, total)
        if done < total:
            self._line.say(text, done, total)
        else:
            self._line.close([text], done, total, interrupted=False)


@singledispatch
def reporter_for(plan: object) -> Any:
    """Return who shows how a plan goes, to be entered before it is run."""
    raise TypeError(f"a plan must be of a search, a study or a training; got {type(plan).__name__}")


@reporter_for.register
def _(plan: SearchPlan) -> SearchLine:
    return SearchLine(SearchTally(workers=plan.crew.num_workers, minutes=plan.minutes, ladder=plan.ladder))


@reporter_for.register
def _(plan: StudyPlan) -> StudyLine:
    trials = {name: population.num_trials for name, population in plan.study.populations.items()}
    return StudyLine(StudyTally(trials, workers=plan.crew.num_workers))


@reporter_for.register
def _(plan: TrainingPlan) -> EpochLine:
    return EpochLine(EpochTally(epochs=plan.fidelity.epochs, done=plan.epochs_done))
