"""Progress in Jupyter: one line, replaced, whose last state stays; the terminal's words; nothing anywhere else."""

import dataclasses
import subprocess
import sys
from pathlib import Path
from typing import Any

import IPython
import IPython.display
import pytest
from doubles import TINY_FIDELITY, plain_space
from report_runs import entry, failure
from small_study import write

import anynas
from anynas.driver.jobs import Silent
from anynas.notebook import is_notebook, reading_of
from anynas.progress import notebook
from anynas.progress.notebook import EpochLine, SearchLine, StudyLine
from anynas.progress.tallies import EpochTally, SearchTally, StudyTally
from anynas.trials import CurvePoint


class Cell:
    """A cell's output: what was displayed, each with all that it said."""

    def __init__(self) -> None:
        self.displayed: list[list[str]] = []
        self.html = ""

    def display(self, thing: Any, *, display_id: bool) -> "Handle":
        assert display_id
        self.displayed.append([])
        handle = Handle(self, len(self.displayed) - 1)
        handle.update(thing)
        return handle

    @property
    def said(self) -> list[str]:
        """What the only line said, one after the other."""
        (said,) = self.displayed
        return said


@dataclasses.dataclass
class Handle:
    cell: Cell
    place: int

    def update(self, thing: Any) -> None:
        self.cell.displayed[self.place].append(repr(thing))
        self.cell.html = thing._repr_html_()


class Clock:
    """A clock that the test moves."""

    now = 1000.0


@pytest.fixture
def cell(monkeypatch: pytest.MonkeyPatch) -> Cell:
    """Return the output of a cell in what looks like a kernel."""
    cell = Cell()
    monkeypatch.setattr(IPython.display, "display", cell.display)
    monkeypatch.setattr(IPython, "get_ipython", lambda: type("Shell", (), {"kernel": object()})())
    return cell


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(notebook.time, "monotonic", lambda: clock.now)
    return clock


def test_a_search_is_one_line_whose_last_state_reads_well(cell: Cell, clock: Clock) -> None:
    with SearchLine(SearchTally(workers=1)) as line:
        line.started("search", 3, [])
        for number in range(3):
            clock.now += 10
            line.finished(entry(number))
        line.started("confirm", 2, [])
        clock.now += 10
        line.finished(entry(1, seed=8))
        line.started("test", 1, [])
        clock.now += 100
        line.finished(entry(1, seed=9))
    assert cell.said == [
        "0/3 trials",
        "1/3 trials, best 30.00 %, 20 s left",
        "2/3 trials, best 22.50 %, 10 s left",
        "3/3 trials, best 22.50 %",
        "3/3 trials, best 22.50 %, the best again, with other seeds: 0/2",
        "3/3 trials, best 22.50 %, the best again, with other seeds: 1/2, 10 s left",
        "3/3 trials, best 22.50 %, test error of the winner: 0/1",
        "3/3 trials, best 22.50 %, test error of the winner: 1/1",
        "3/3 trials, best 22.50 %, 2 min",
    ]
    assert cell.html.startswith('<div><progress value="3" max="3"')


def test_failures_are_counted_and_told_below_and_what_was_finished_before_too(cell: Cell, clock: Clock) -> None:
    with SearchLine(SearchTally()) as line:
        line.started("search", 3, [entry(0)])
        clock.now += 1
        line.finished(failure(1, "<b>no memory</b>"))
        line.note("a note")
    told = "1 trial finished already\ntrial 1: failed (<b>no memory</b>)\na note"
    assert cell.said[-1] == f"2/3 trials, best 30.00 %, 1 failed, 1 s\n{told}"
    assert "<div>trial 1: failed (&lt;b&gt;no memory&lt;/b&gt;)</div>" in cell.html


def test_a_line_is_replaced_at_most_twice_a_second(cell: Cell, clock: Clock) -> None:
    with SearchLine(SearchTally()) as line:
        line.started("search", 40, [])
        for number in range(40):
            clock.now += 0.1
            line.finished(entry(number))
    assert 5 <= len(cell.said) <= 11
    assert cell.said[-1] == "40/40 trials, best 18.75 %, 4 s"


def test_decoding_is_a_line_where_nobody_else_is_told(
    cell: Cell, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("anynas.notebook.is_notebook", lambda: True)
    reading = reading_of(None)
    for done in (100, 200, 300):
        clock.now += 1
        reading(done, 300)
    assert cell.said == ["100 of 300 files decoded", "200 of 300 files decoded", "300 of 300 files decoded, 3 s"]
    assert reading_of(print) is print


def test_what_was_interrupted_says_so(cell: Cell, clock: Clock) -> None:
    with pytest.raises(KeyboardInterrupt), SearchLine(SearchTally()) as line:  # noqa: PT012
        line.started("search", 3, [])
        clock.now += 2
        line.finished(entry(0))
        raise KeyboardInterrupt
    assert cell.said[-1] == "1/3 trials, best 30.00 %; interrupted after 2 s"


def test_without_a_number_of_trials_the_bar_has_no_end(cell: Cell, clock: Clock) -> None:
    with SearchLine(SearchTally(minutes=2)) as line:
        line.started("search", None, [])
        clock.now += 60
        line.finished(entry(0))
    assert cell.said[1] == "1 trial, best 30.00 %, 60 s left"
    assert "<progress aria-label" in cell.html


def test_a_study_is_one_line(cell: Cell, clock: Clock) -> None:
    with StudyLine(StudyTally({"a": 2, "b": 1})) as line:
        line.started("study", 3, [])
        clock.now += 30
        line.finished(entry(0, space="a", seconds=30.0))
        line.finished(failure(0, "no", space="b"))
        clock.now += 30
        line.finished(entry(1, space="a", seconds=30.0, reason="diverged"))
    assert cell.said[1] == "1/3 trials, 30 s left"
    assert cell.said[-1] == "3/3 trials, 1 failed, 1 diverged, 60 s\nb 0: failed (no)"


def test_a_training_is_one_line(cell: Cell, clock: Clock) -> None:
    with EpochLine(EpochTally(epochs=3, done=1)) as line:
        for epoch in (2, 3):
            clock.now += 5
            line.finished(CurvePoint(epoch=epoch, loss=0.5, error=20.0))
    assert cell.said == [
        "epoch 1/3",
        "epoch 2/3: loss 0.5000, error 20.00 %, 5 s left",
        "epoch 3/3: loss 0.5000, error 20.00 %",
        "epoch 3/3: loss 0.5000, error 20.00 %, 10 s",
    ]


def test_searches_studies_and_trainings_show_it_by_themselves_in_a_kernel(cell: Cell, tmp_path: Path) -> None:
    asked = {"fidelity": TINY_FIDELITY, "executor": "inline", "flops": (0, 1e9)}
    run = anynas.search(plain_space(), trials=1, sampler="random", run=tmp_path / "run", **asked)
    anynas.train_fully(run, epochs=1)
    anynas.run_study(write(tmp_path), models=2, executor="inline", run=tmp_path / "study")
    last = [said[-1] for said in cell.displayed]
    assert last[0].startswith("1/1 trials, best ")
    assert last[1].startswith("epoch 1/1: loss ")
    assert last[2].startswith("6/6 trials, ")


def test_who_is_told_wins(cell: Cell, tmp_path: Path) -> None:
    asked = {"fidelity": TINY_FIDELITY, "executor": "inline", "flops": (0, 1e9), "trials": 1, "sampler": "random"}
    run = anynas.search(plain_space(), progress=Silent(), run=tmp_path / "run", **asked)
    points: list[CurvePoint] = []
    told = type("Told", (), {"finished": lambda self, point: points.append(point)})()
    anynas.train_fully(run, epochs=2, progress=told)
    assert [point.epoch for point in points] == [1, 2]
    assert cell.displayed == []


def test_elsewhere_nobody_is_told_and_ipython_is_not_imported() -> None:
    assert not is_notebook()
    code = "import sys, anynas.driver.search; from anynas.notebook import is_notebook\n"
    code += "print(is_notebook(), 'IPython' in sys.modules)"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout == "False False\n"
