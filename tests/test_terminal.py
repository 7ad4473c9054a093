"""What is printed: numbers as people say them, tables that lose nothing, and a run's lines where output is piped."""

import io
import math
import re
import sys

import pytest
from rich.console import Console

from anynas.terminal import (
    PIPED_WIDTH,
    count,
    duration,
    make_console,
    plural,
    print_event,
    print_line,
    print_table,
)

WIDE = 400


def piped(width: int = WIDE) -> tuple[Console, io.StringIO]:
    """Return a console as `make_console` gives it where output is piped, and what it writes to."""
    file = io.StringIO()
    return Console(file=file, highlight=False, markup=False, emoji=False, width=width), file


COLUMNS = ["number", "name", "share %", "what it is"]
ROWS: list[list[object]] = [
    [1, "short", 2.5, "[bold]as it is[/bold] :smile:"],
    [12_345, "x" * 100, 1234.567, " ".join(f"word{n}" for n in range(30))],
]


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


def test_a_table_with_room_has_one_line_a_row() -> None:
    console, file = piped()
    print_table(console, COLUMNS, ROWS)
    assert len(file.getvalue().splitlines()) == 3


def test_truth_values_are_words_and_a_title_comes_first() -> None:
    console, file = piped()
    print_table(console, ["there", "none"], [[True, None]], title="what is there")
    assert file.getvalue().split() == ["what", "is", "there", "there", "none", "True", "None"]


def test_a_table_without_room_keeps_words_whole_and_folds_headings_and_prose() -> None:
    console, file = piped(width=40)
    key, prose = "0123456789", "some words that fold where they must"
    print_table(console, ["n", "a heading of words", "what it is"], [[1, key, prose]])
    lines = file.getvalue().splitlines()
    assert max(map(len, lines)) <= 40
    assert key in file.getvalue()
    assert not any("a heading of words" in line for line in lines)


@pytest.mark.parametrize(("columns", "width"), [(None, PIPED_WIDTH), ("120", 120), ("0", 80), ("many", 80)])
def test_a_pipe_is_80_columns_wide_unless_columns_says_otherwise(
    columns: str | None, width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    if columns is not None:
        monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    assert make_console().width == width


def test_the_console_for_a_pipe_has_no_colours_and_cuts_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    file = io.StringIO()
    monkeypatch.setattr(sys, "stdout", file)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.delenv("COLUMNS", raising=False)
    print_line(make_console(), "[red]1.5[/red] :smile: 'text' " + "y" * 300 + " " + "z " * 60)
    lines = file.getvalue().splitlines()
    assert lines[0] == "[red]1.5[/red] :smile: 'text'"
    assert lines[1] == "  " + "y" * 300
    assert max(map(len, lines[2:])) <= 80
    assert file.getvalue().count("z") == 60


class Terminal(io.StringIO):
    """A text that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("name", "value", "lively"),
    [("TERM", "xterm", True), ("TERM", "dumb", False), ("NO_COLOR", "1", False), ("NO_COLOR", "", True)],
)
def test_colours_and_bars_are_for_terminals_that_want_them(
    name: str, value: str, lively: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv(name, value)
    file = Terminal()
    monkeypatch.setattr(sys, "stdout", file)
    console = make_console()
    print_table(console, ["n"], [[1]])
    assert console.is_terminal is lively
    assert ("\x1b" in file.getvalue()) is lively


def test_a_quiet_console_prints_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    file = Terminal()
    monkeypatch.setattr(sys, "stdout", file)
    console = make_console(quiet=True)
    print_line(console, "text")
    print_event(console, "text")
    assert (file.getvalue(), console.is_terminal) == ("", False)
