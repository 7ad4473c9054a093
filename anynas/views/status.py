"""What `anynas status` prints: all of one run, a line of it, or a line a run."""

import textwrap
from collections.abc import Mapping
from typing import Any

from rich.console import Console

from anynas.status import Driver, Question, Status
from anynas.terminal import count, duration, plural, print_line, print_table

BAR = 24  # characters
WIDTH, LABEL = 80, 10  # characters of a line, and before what it says
POPULATION_COLUMNS = ["population", "finished", "failed", "diverged", "retried", "best %"]
_FATES = {
    Driver.AT_WORK: "the driver is at work",
    Driver.DIED: "its driver died",
    Driver.ABSENT: "no driver is at work",
    Driver.ELSEWHERE: "its driver is on another machine",
}


def print_status(console: Console, status: Status) -> None:
    """Print what is asked, the driver, how far it is, the best so far, what went wrong; lines fold, nothing is cut."""
    for label, text in told_first(status):
        _line(console, label, text)
    if status.question.study != "search":
        print_table(console, POPULATION_COLUMNS, population_rows(status), right=POPULATION_COLUMNS[1:])
    for label, text in told_last(status):
        _line(console, label, text)
    if status.log:
        console.print("driver.log ends with")
        for line in status.log:
            _line(console, "", line)


def told_first(status: Status, *, bar: bool = True) -> list[tuple[str, str]]:
    """Return what is asked, who is at work and how far it is: each with its label, or with none if it goes on."""
    question = status.question
    lines = [
        ("run", status.run),
        ("asks", asks(question)),
        ("", how(question)),
        ("driver", _driver(status)),
        ("trials", f"{_bar(status.finished, status.asked) if bar else ''}{_progress(status)}"),
    ]
    if question.study == "search" and status.final_trainings and status.result is None:
        lines.append(("", f"the best again: {plural(status.final_trainings, 'training')} finished"))
    return lines


def told_last(status: Status) -> list[tuple[str, str]]:
    """Return the best of a search so far, what went wrong, when a trial finished, the winner, likewise."""
    lines = []
    if status.question.study == "search" and status.best is not None:
        best = status.best
        what = f"error {best.error:.2f} %, trial {best.number}, {count(best.flops)}flops, {best.key}"
        lines.append(("best", what))
    lines.append(("trouble", _trouble(status)))
    if status.seconds_since is not None:
        lines.append(("last", f"a trial finished {duration(status.seconds_since)} ago"))
    if status.result is not None:
        lines.append(("winner", _winner(status.result)))
    return lines


def state_line(status: Status) -> str:
    """Return whether a run is finished, and if not, how far it is and what became of its driver."""
    if status.is_finished:
        return f"Finished: {plural(status.finished, 'trial')}"
    of = "" if status.asked is None else f" of {status.asked:,}"
    return f"Partial: {status.finished:,}{of} trials finished; {_FATES[status.driver]}"


def status_line(status: Status) -> str:
    """Return a line: when, how far, the best, the time left, the driver."""
    best = [] if status.best is None else [f"best {status.best.error:.2f} %"]
    failed = [f"{status.total('failed'):,} failed"] if status.total("failed") else []
    return f"{status.at}  {', '.join([_progress(status), *best, *failed])}; driver {status.driver}"


def print_runs(console: Console, runs: Mapping[str, Status | str]) -> None:
    """Print a line a run; of one that cannot be read why not."""
    if not runs:
        console.print("no run in runs; begin one: anynas search --space AnyNetD")
    rows = []
    for name, status in runs.items():
        if isinstance(status, str):
            continue
        best = "" if status.best is None else f"{status.best.error:.2f}"
        left = "" if status.seconds_left is None else duration(status.seconds_left)
        rows.append([name, _of(status.finished, status.asked), best, left, _state(status)])
    if rows:
        print_table(console, ["run", "trials", "best %", "left", "driver"], rows, right=["trials", "best %", "left"])
    for status in runs.values():
        if isinstance(status, str):
            print_line(console, f"not readable: {status}")


def _line(console: Console, label: str, text: str) -> None:
    """Print what is to be said behind its label, folded."""
    lines = textwrap.wrap(text, WIDTH - LABEL, break_long_words=False, break_on_hyphens=False)
    for number, line in enumerate(lines):
        console.print(f"{'' if number else label:<{LABEL}}{line}", soft_wrap=True)


def population_rows(status: Status) -> list[list[Any]]:
    """Return a row a population: how far it is, what went wrong, its least error."""
    return [
        [
            each.name,
            _of(each.finished, each.asked),
            each.failed,
            each.diverged,
            each.retried,
            "" if each.best is None else f"{each.best.error:.2f}",
        ]
        for each in status.populations
    ]


def asks(question: Question) -> str:
    """Return what is searched or studied, for which images, on which data."""
    what = f"a search of {question.spaces[0]}"
    if question.study != "search":
        what = f"study {question.study}, {plural(len(question.spaces), 'space')}"
    return f"{what}; regime {_each(question.regimes)}, data {question.data}"


def how(question: Question) -> str:
    """Return how networks are chosen, and what each trial spends."""
    fidelities = _each(tuple(_fidelity(each) for each in question.fidelities))
    rungs = f", {question.rungs} rungs" if question.rungs > 1 else ""
    return f"sampler {_each(question.samplers)}, seed {question.seed}; {fidelities} a trial{rungs}"


def _fidelity(fields: Mapping[str, int | str]) -> str:
    images = fields["images"] if isinstance(fields["images"], str) else f"{fields['images']:,}"
    text = f"{plural(int(fields['epochs']), 'epoch')} of {images} images"
    side = fields.get("resolution", "regime")
    return text if side == "regime" else f"{text} of {side}x{side}"


def _each(values: tuple[str, ...]) -> str:
    return " or ".join(values)


def _driver(status: Status) -> str:
    who = f"process {status.pid} on {status.host}, since {status.since}"
    if status.driver is Driver.AT_WORK:
        return f"at work: {who}"
    if status.driver is Driver.DIED:
        return f"died: {who}; its finished trials are safe, and the same command goes on"
    if status.driver is Driver.ELSEWHERE:
        return f"on another machine: {who}; whether it is alive is not known here"
    return "none is needed: all is finished" if status.is_finished else "none is at work; the same command goes on"


def _state(status: Status) -> str:
    return "all is finished" if status.is_finished else status.driver.value


def _progress(status: Status) -> str:
    left = [] if status.seconds_left is None else [f"about {duration(status.seconds_left)} left"]
    pruned = [f"{status.total('pruned'):,} paused or pruned"] if status.total("pruned") else []
    return ", ".join([f"{_of(status.finished, status.asked)} finished", *pruned, *left])


def _of(finished: int, asked: int | None) -> str:
    return f"{finished:,}" if asked is None else f"{finished:,}/{asked:,}"


def _bar(finished: int, asked: int | None) -> str:
    if not asked:
        return ""
    full = min(BAR * finished // asked, BAR)
    return f"[{'#' * full}{'.' * (BAR - full)}] "


def _trouble(status: Status) -> str:
    counts = ", ".join(f"{status.total(what):,} {what}" for what in ("failed", "diverged", "retried"))
    reasons = "; ".join(f"{number:,} x {reason}" for reason, number in status.reasons.items())
    return f"{counts}: {reasons}" if reasons else counts


def _winner(result: Mapping[str, int | float | str | None]) -> str:
    tested = result["test_error"]
    test = "its training for the test failed" if tested is None else f"test error {tested:.2f} %"
    error = result["validation_error_mean"]
    return f"trial {result['number']}, {result['key']}: validation error {error:.2f} %, mean of its seeds; {test}"
