"""What `anynas status` prints: all of one run, a line of it, or a line a run."""

import textwrap
from collections.abc import Mapping

from rich.console import Console

from anynas.status import Driver, Question, Status
from anynas.terminal import count, duration, plural, print_line, print_table

BAR = 24  # characters
WIDTH, LABEL = 80, 10  # characters of a line, and before what it says


def print_status(console: Console, status: Status) -> None:
    """Print what is asked, the driver, how far it is, the best so far, what went wrong; lines fold, nothing is cut."""
    question = status.question
    _line(console, "run", status.run)
    _line(console, "asks", asks(question))
    _line(console, "", how(question))
    _line(console, "driver", _driver(status))
    _line(console, "trials", f"{_bar(status.finished, status.asked)}{_progress(status)}")
    if question.study == "search" and status.final_trainings and status.result is None:
        _line(console, "", f"the best again: {plural(status.final_trainings, 'training')} finished")
    if question.study != "search":
        _print_populations(console, status)
    elif status.best is not None:
        best = status.best
        what = f"error {best.error:.2f} %, trial {best.number}, {count(best.flops)}flops, {best.key}"
        _line(console, "best", what)
    _line(console, "trouble", _trouble(status))
    if status.seconds_since is not None:
        _line(console, "last", f"a trial finished {duration(status.seconds_since)} ago")
    if status.result is not None:
        _line(console, "winner", _winner(status.result))
    if status.log:
        console.print("driver.log ends with")
        for line in status.log:
            _line(console, "", line)


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


def _print_populations(console: Console, status: Status) -> None:
    rows = [
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
    columns = ["population", "finished", "failed", "diverged", "retried", "best %"]
    print_table(console, columns, rows, right=columns[1:])


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
