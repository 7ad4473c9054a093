"""What people see in a terminal: tables, progress with the time left; plain lines where there is no terminal."""

import math
import sys
import time
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

from anynas.store import Entry

PIPED_WIDTH = 400
STAGES = {
    "search": "search",
    "confirm": "the best again, with other seeds",
    "test": "test error of the winner",
}


def make_console() -> Console:
    """Return a console for standard output.

    No colours and no cursor movements where it is piped, and no line cut short.
    """
    width = None if sys.stdout.isatty() else PIPED_WIDTH
    return Console(highlight=False, markup=False, emoji=False, width=width)


def print_table(
    console: Console,
    columns: Sequence[str],
    rows: Sequence[Sequence[Any]],
    *,
    title: str = "",
    right: Sequence[str] = (),
) -> None:
    """Print a table; long texts are folded, never cut.

    Columns whose values are numbers are set flush right and kept whole, and so are those named in `right`.
    """
    table = Table(title=title or None, title_justify="left", box=None, pad_edge=False, show_edge=False)
    texts = [[_cell(value) for value in row] for row in rows]
    for position, column in enumerate(columns):
        numeric = column in right or (bool(rows) and all(isinstance(row[position], (int, float)) for row in rows))
        table.add_column(
            column,
            justify="right" if numeric else "left",
            no_wrap=numeric,
            overflow="fold",
            header_style="bold",
        )
    for row in texts:
        table.add_row(*(Text(cell) for cell in row))
    console.print(table)


def duration(seconds: float) -> str:
    """Return a time as people say it: 45 s, 4 min, 3 h 20 min."""
    if seconds < 90:
        return f"{max(seconds, 0):.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


def plural(number: int, thing: str) -> str:
    """Return "1 trial", "2 trials"."""
    return f"{number:,} {thing}{'s' * (number != 1)}"


def count(number: float) -> str:
    """Return a count of flops or params with three digits: 1.05 M, 398 M, 12.3 G."""
    rounded = float(f"{number:.3g}")
    for divisor, unit in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if divisor <= abs(rounded) < math.inf:
            digits = f"{rounded / divisor:.3g}" if abs(rounded) < 1e15 else f"{rounded / divisor:.0f}"
            return f"{digits} {unit}"
    return f"{number:.0f}"


class Reporter:
    """Shows how a run goes: a bar with the time left in a terminal, a line a trial where piped."""

    def __init__(
        self,
        console: Console,
        *,
        seconds_per_trial: float | None = None,
        workers: int | None = None,
        minutes: float | None = None,
    ) -> None:
        self._console = console
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
        self._done += 1
        self._new += 1
        self._keep_best(entry)
        text = f"{self._of(self._done, self._total)}  trial {entry.number}: {_outcome(entry)}"
        if self._bar is not None:
            self._bar.console.print(text, soft_wrap=True)
            self._bar.update(self._task, completed=self._done, state=self._state())
        else:
            state = self._state()
            self._line(f"{text}; {state}" if state else text)

    def note(self, message: str) -> None:
        """Show a line."""
        self._line(message)

    def _line(self, text: str) -> None:
        self._console.print(text, soft_wrap=True)
        self._console.file.flush()

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
        remaining = self._total - self._done
        if self._new >= self._workers:
            return remaining * (time.monotonic() - self._since) / self._new
        if self._seconds_per_trial is not None:
            return remaining * self._seconds_per_trial / self._workers
        return None

    @staticmethod
    def _of(done: int, total: int | None) -> str:
        return f"{done}" if total is None else f"{done}/{total}"


def _outcome(entry: Entry) -> str:
    result = entry.result
    if result.state == "failed":
        return f"failed ({result.reason})"
    text = f"error {result.error:.2f} %, {count(entry.flops)}flops, {count(entry.params)} params"
    seconds = f", {duration(result.seconds)}" if result.seconds > 0 else ""
    return text + seconds + (f" ({result.reason})" if result.reason else "")


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.2f}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
