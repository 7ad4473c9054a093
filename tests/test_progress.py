"""Progress: a line a trial where piped, bars with the time left in a terminal; studies by population."""

import dataclasses
import io
import re

import pytest
from doubles import plain_space
from rich.console import Console

from anynas.driver.rungs import Ladder
from anynas.progress import Reporter, StudyReporter, tallies
from anynas.store import Entry
from anynas.trials import TrialResult

ARCHITECTURE = plain_space().sample(1, seed=0)[0]


def piped(width: int = 400) -> tuple[Console, io.StringIO]:
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
    monkeypatch.setattr(tallies.time, "monotonic", lambda: clock.now)
    return clock


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


def test_on_rungs_a_trial_is_a_line_a_rung_and_counts_once_and_the_time_left_is_that_of_what_is_left(
    clock: Clock,
) -> None:
    """Nine trials take 9 * 1 + 3 * 2 + 1 * 6 = 21 epochs; an epoch takes ten seconds here."""
    console, file = piped()

    def on(rung: int, number: int, error: float) -> Entry:
        state = "complete" if rung == 3 else "pruned"
        result = TrialResult(state=state, error=error, seconds=5.0)  # type: ignore[arg-type]
        return dataclasses.replace(entry(number, result), rung=rung, epochs=3 ** (rung - 1))

    with Reporter(console, ladder=Ladder(epochs=(1, 3, 9))) as reporter:
        reporter.started("search", 9, [on(1, 0, 50.0), on(2, 1, 40.0)])
        clock.now += 10
        reporter.finished(on(1, 2, 60.0))
        clock.now += 20
        reporter.finished(on(2, 0, 30.0))
        clock.now += 60
        reporter.finished(on(3, 0, 20.0))
        reporter.started("confirm", 2, [])
        clock.now += 90
        reporter.finished(dataclasses.replace(complete(0, 21.0), epochs=9))
    assert file.getvalue().splitlines() == [
        "2 trials finished already",
        "search: 2/9 finished",
        "3/9  trial 2: error 60.00 %, 1.05 Mflops, 43.2 k params, 5 s (rung 1 of 3); 3 min left",
        "3/9  trial 0: error 30.00 %, 1.05 Mflops, 43.2 k params, 5 s (rung 2 of 3); 2 min left",
        "3/9  trial 0: error 20.00 %, 1.05 Mflops, 43.2 k params, 5 s; best 20.00 %, 80 s left",
        "the best again, with other seeds: 0/2 finished",
        "1/2  trial 0: error 21.00 %, 1.05 Mflops, 43.2 k params; 2 min left",
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


# Studies


def of(space: str, number: int, result: TrialResult) -> Entry:
    return dataclasses.replace(entry(number, result), space=space, role="population")


def trained(space: str, number: int, seconds: float) -> Entry:
    return of(space, number, TrialResult(state="complete", error=20.0, seconds=seconds))


def test_a_study_that_is_piped_says_a_line_now_and_then_with_the_time_left(clock: Clock) -> None:
    console, file = piped()
    with StudyReporter(console, {"a": 4, "b": 2}, seconds_per_trial={"a": 10.0, "b": 50.0}, workers=2) as reporter:
        reporter.started("study", 6, [trained("a", 0, 10.0)])
        for number in (1, 2):
            clock.now += 10
            reporter.finished(trained("a", number, 20.0))
        clock.now += 20
        reporter.finished(trained("b", 0, 100.0))
        for space, number in (("a", 3), ("b", 1)):
            reporter.finished(trained(space, number, 20.0))
    lines = file.getvalue().splitlines()
    assert lines[0] == "1 trial finished already"
    assert lines[1] == "1/6 finished, 65 s left"  # three of a, 10 s each, and two of b, 50 s each, by two workers
    assert lines[2] == "4/6 finished, 60 s left"  # one of a takes 20 s now and one of b 100 s
    assert lines[3:] == ["6/6 finished"]


def test_failures_of_a_study_are_told_at_once_and_counted(clock: Clock) -> None:
    console, file = piped()
    with StudyReporter(console, {"a": 3}) as reporter:
        reporter.started("study", 3, [])
        reporter.finished(of("a", 0, TrialResult.failed("out of memory", seconds=1.0)))
        clock.now += 60
        reporter.finished(of("a", 1, TrialResult(state="complete", error=90.0, seconds=1.0, reason="diverged")))
    lines = file.getvalue().splitlines()
    assert lines[1] == "a 0: failed (out of memory)"
    assert lines[2].startswith("2/3 finished, 1 failed, 1 diverged")


def test_a_failed_trial_of_unknown_length_leaves_a_time_that_can_be_said(clock: Clock) -> None:
    console, file = piped()
    with StudyReporter(console, {"a": 3}, seconds_per_trial={"a": 10.0}) as reporter:
        reporter.started("study", 3, [])
        clock.now += 60
        reporter.finished(of("a", 0, TrialResult.failed("lost its worker")))
    assert "nan" not in file.getvalue()
    assert "left" in file.getvalue().splitlines()[-1]


def test_a_study_in_a_terminal_has_a_bar_for_each_population() -> None:
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, width=80, highlight=False)
    with StudyReporter(console, {"narrow": 4, "wide": 2}) as reporter:
        reporter.started("study", 6, [trained("wide", 0, 1.0)])
        reporter.finished(trained("narrow", 0, 1.0))
    shown = file.getvalue()
    for text in ("narrow", "1/4", "wide", "1/2", "all", "2/6"):
        assert text in shown


def test_a_finished_study_says_nothing_but_what_was_finished() -> None:
    console, file = piped()
    with StudyReporter(console, {"a": 1}) as reporter:
        reporter.started("study", 1, [trained("a", 0, 1.0)])
    assert file.getvalue() == "1 trial finished already\n"
