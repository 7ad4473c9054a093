"""What is printed: numbers as people say them, tables that lose nothing, and a run's lines where output is piped."""

import io
import math
import re
import sys

import pytest
from doubles import plain_space
from rich.console import Console

from anynas import terminal
from anynas.store import Entry
from anynas.terminal import PIPED_WIDTH, Reporter, count, duration, make_console, plural, print_table
from anynas.trials import TrialResult

ARCHITECTURE = plain_space().sample(1, seed=0)[0]


def piped(width: int = PIPED_WIDTH) -> tuple[Console, io.StringIO]:
    """Return a console as `make_console` gives it where output is piped, and what it writes to."""
    file = io.StringIO()
    return Console(file=file, highlight=False, markup=False, emoji=False, width=width), file


def entry(number: int, result: TrialResult) -> Entry:
    return Entry(
        number=number,
        role="search",
        space="plain",
        architecture=ARCHITECTURE,
        result=result,
        seed=1,
        flops=1_046_000,
        params=43_210,
        activations=5_000,
        epochs=1,
        images=128,
        columns={},
        point=(),
    )


def complete(number: int, error: float, *, seconds: float = 0.0, reason: str = "") -> Entry:
    return entry(number, TrialResult(state="complete", error=error, seconds=seconds, reason=reason))


class Clock:
    """A clock that the test moves."""

    now = 1000.0


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(terminal.time, "monotonic", lambda: clock.now)
    return clock


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-3, "0 s"),
        (0, "0 s"),
        (0.6, "1 s"),
        (45, "45 s"),
        (89.4, "89 s"),
        (90, "2 min"),
        (240, "4 min"),
        (89 * 60, "89 min"),
        (90 * 60, "1 h 30 min"),
        (12_000, "3 h 20 min"),
        (7_199, "2 h 0 min"),
        (100 * 3600, "100 h 0 min"),
    ],
)
def test_a_time_is_said_in_seconds_then_minutes_then_hours(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0"),
        (999, "999"),
        (1000, "1 k"),
        (43_210, "43.2 k"),
        (1_046_000, "1.05 M"),
        (398e6, "398 M"),
        (12.34e9, "12.3 G"),
        (-2_500_000, "-2.5 M"),
        (999_400, "999 k"),
    ],
)
def test_a_count_has_three_digits_and_a_unit(number: float, text: str) -> None:
    assert count(number) == text


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (999.6, "1 k"),
        (999_600, "1 M"),
        (999_999_999, "1 G"),
        (2_346e9, "2.35 T"),
        (123_456e9, "123 T"),
        (12_345_678e9, "12300 T"),
        (math.inf, "inf"),
    ],
)
def test_a_count_is_never_written_with_an_exponent(number: float, text: str) -> None:
    assert count(number) == text


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0 trials"), (1, "1 trial"), (2, "2 trials"), (12_345, "12,345 trials")]
)
def test_only_one_is_singular(number: int, text: str) -> None:
    assert plural(number, "trial") == text


def test_a_search_that_is_piped_is_a_line_a_trial(clock: Clock) -> None:
    console, file = piped()
    with Reporter(console, seconds_per_trial=30.0, workers=2) as reporter:
        reporter.started("search", 4, [])
        clock.now += 30
        reporter.finished(complete(1, 12.351, seconds=28.2))
        clock.now += 10
        reporter.finished(entry(0, TrialResult.failed("out of memory [/tmp] :warning:")))
        reporter.note("a note")
        clock.now += 20
        reporter.finished(complete(2, 90.0, reason="diverged"))
        reporter.finished(complete(3, 11.0, seconds=400))
        reporter.started("confirm", 2, [])
        clock.now += 300
        reporter.finished(complete(0, 10.0, seconds=300))
        reporter.finished(complete(1, 13.0, seconds=300))
        reporter.started("test", 1, [complete(0, 9.0)])
    assert file.getvalue().splitlines() == [
        "search: 0/4 finished",
        "1/4  trial 1: error 12.35 %, 1.05 Mflops, 43.2 k params, 28 s; best 12.35 %, 45 s left",
        "2/4  trial 0: failed (out of memory [/tmp] :warning:); best 12.35 %, 40 s left",
        "a note",
        "3/4  trial 2: error 90.00 %, 1.05 Mflops, 43.2 k params (diverged); best 12.35 %, 20 s left",
        "4/4  trial 3: error 11.00 %, 1.05 Mflops, 43.2 k params, 7 min; best 11.00 %",
        "the best again, with other seeds: 0/2 finished",
        "1/2  trial 0: error 10.00 %, 1.05 Mflops, 43.2 k params, 5 min; 15 s left",
        "2/2  trial 1: error 13.00 %, 1.05 Mflops, 43.2 k params, 5 min",
    ]


def test_a_search_that_goes_on_says_what_was_finished_already(clock: Clock) -> None:
    console, file = piped()
    with Reporter(console) as reporter:
        reporter.started("search", 3, [complete(0, 20.0), complete(1, 15.0)])
        clock.now += 100
        reporter.finished(complete(2, 17.0))
    assert file.getvalue() == (
        "2 trials finished already\n"
        "search: 2/3 finished\n"
        "3/3  trial 2: error 17.00 %, 1.05 Mflops, 43.2 k params; best 15.00 %\n"
    )


def test_a_search_without_a_number_of_trials_knows_no_time_left(clock: Clock) -> None:
    console, file = piped()
    with Reporter(console, seconds_per_trial=1.0) as reporter:
        reporter.started("search", None, [])
        reporter.finished(complete(0, 20.0))
    assert file.getvalue() == (
        "search: 0 finished\n1  trial 0: error 20.00 %, 1.05 Mflops, 43.2 k params; best 20.00 %\n"
    )


def test_a_finished_stage_says_nothing_but_what_was_finished() -> None:
    console, file = piped()
    with Reporter(console) as reporter:
        reporter.started("search", 1, [complete(0, 20.0)])
        reporter.started("confirm", 1, [complete(0, 20.0)])
    assert file.getvalue() == "1 trial finished already\n"


def test_a_line_longer_than_the_console_is_not_broken() -> None:
    console, file = piped(width=40)
    with Reporter(console) as reporter:
        reporter.note("word " * 40 + "end")
    assert file.getvalue() == "word " * 40 + "end\n"


def test_a_terminal_shows_a_bar_and_keeps_the_lines() -> None:
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, width=120, highlight=False, markup=False)
    with Reporter(console) as reporter:
        reporter.started("search", 2, [])
        reporter.finished(complete(0, 20.0))
        reporter.finished(complete(1, 15.0))
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", file.getvalue())
    assert "━" in text
    assert "1/2  trial 0: error 20.00 %, 1.05 Mflops, 43.2 k params\n" in text
    assert "2/2  trial 1: error 15.00 %, 1.05 Mflops, 43.2 k params\n" in text
    assert file.getvalue().count("\x1b[?25l") == file.getvalue().count("\x1b[?25h") == 1, "the cursor must come back"


COLUMNS = ["number", "name", "share %", "what it is"]
ROWS: list[list[object]] = [
    [1, "short", 2.5, "[bold]as it is[/bold] :smile:"],
    [12_345, "x" * 100, 1234.567, " ".join(f"word{n}" for n in range(30))],
]


def test_a_wide_table_aligns_numbers_right_and_text_left() -> None:
    console, file = piped()
    print_table(console, ["n", "name", "error"], [[1, "ab", 2.5], [12_345, "c", 10.0]])
    assert [line.rstrip() for line in file.getvalue().splitlines()] == [
        "     n  name  error",
        "     1  ab     2.50",
        "12,345  c     10.00",
    ]


def test_a_table_is_folded_at_80_columns_and_nothing_is_cut() -> None:
    console, file = piped(width=80)
    print_table(console, COLUMNS, ROWS)
    lines = file.getvalue().splitlines()
    assert max(map(len, lines)) <= 80
    assert len(lines) > 3
    assert "…" not in file.getvalue()
    assert file.getvalue().count("x") == 100
    joined = re.sub(r"\s+", " ", file.getvalue())
    for n in range(30):
        assert re.search(rf"word{n}\b", joined)
    for cell in ("12,345", "1234.57", "[bold]as it is[/bold] :smile:"):
        assert cell in joined


def test_a_table_that_is_piped_has_one_line_a_row() -> None:
    console, file = piped()
    print_table(console, COLUMNS, ROWS)
    assert len(file.getvalue().splitlines()) == 3


def test_truth_values_are_words_and_a_title_comes_first() -> None:
    console, file = piped()
    print_table(console, ["there", "none"], [[True, None]], title="what is there")
    assert file.getvalue().split() == ["what", "is", "there", "there", "none", "True", "None"]


def test_the_console_for_a_pipe_has_no_colours_and_is_wide(monkeypatch: pytest.MonkeyPatch) -> None:
    file = io.StringIO()
    monkeypatch.setattr(sys, "stdout", file)
    console = make_console()
    console.print("[red]1.5[/red] :smile: 'text' " + "y" * 300)
    assert file.getvalue() == "[red]1.5[/red] :smile: 'text' " + "y" * 300 + "\n"
