"""`anynas status`: how far a run is, and what became of its driver."""

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING

from anynas.cli.exits import Exit
from anynas.cli.options import Commands, add_command, add_output
from anynas.errors import RunError, SettingsError

if TYPE_CHECKING:
    from anynas.status import Status

RUNS = Path("runs")  # where runs are that were given no folder of their own
WATCH_SECONDS = 5.0
A_DAY = 86_400.0
SHARE = 0.1  # of the time at most that looking takes: the workers need the machine


def add(commands: Commands) -> None:
    """Add the command."""
    parser = add_command(
        commands,
        "status",
        _status,
        summary="say how far a run is, and what became of its driver",
        example="anynas status runs/DIR --watch",
    )
    parser.add_argument("run", nargs="?", metavar="RUN", help="the run's folder (a line for each in runs)")
    parser.add_argument(
        "--watch",
        nargs="?",
        type=_seconds,
        const=WATCH_SECONDS,
        metavar="SECONDS",
        help=f"look again and again, until the driver has ended (every {WATCH_SECONDS:g} s)",
    )
    add_output(parser, quiet=False)


def _status(options: argparse.Namespace) -> int:
    if options.watch is not None:
        if options.run is None:
            raise SettingsError("--watch must have one run to look at; got none; give its folder, RUN")
        if options.json:
            raise SettingsError("--json is of one moment, so --watch has no meaning; leave one of them out")
        return _watch(options.run, options.watch)
    if options.run is None:
        return _list(options)
    from anynas.cli.output import Output
    from anynas.store import load_run
    from anynas.views.status import print_status

    status = load_run(options.run).status()
    Output(options).result(status, print_status, status.to_dict())
    return Exit.DONE


def _list(options: argparse.Namespace) -> int:
    """Show a line for each run in `runs`."""
    from anynas.cli.output import Output
    from anynas.store import load_run
    from anynas.views.status import print_runs

    folders = sorted(path.parent for path in RUNS.glob("*/run.json"))
    found: dict[str, Status | str] = {}
    for folder in folders:
        try:
            found[str(folder)] = load_run(folder).status()
        except RunError as error:  # the others are still to be seen
            found[str(folder)] = str(error)
    runs = [{"run": run, "error": s} if isinstance(s, str) else s.to_dict() for run, s in found.items()]
    Output(options).result(found, print_runs, {"runs": runs})
    return Exit.DONE


def _watch(path: str, seconds: float) -> int:
    """Show a run until its driver has ended: in place in a terminal, else a line each time, and at last all."""
    from rich.live import Live
    from rich.text import Text

    from anynas.store import load_run
    from anynas.terminal import make_console, print_event, text_of
    from anynas.views.status import print_status, status_line

    run, console = load_run(path), make_console()
    with Live(console=console, auto_refresh=False, transient=True) as live:
        while True:
            began = time.monotonic()
            status = run.status()
            if not status.may_go_on:
                break
            if console.is_terminal:
                live.update(Text(text_of(print_status, status).rstrip("\n")), refresh=True)
            else:
                print_event(console, status_line(status))
            time.sleep(max(seconds, (time.monotonic() - began) / SHARE))
    print_status(console, status)
    return Exit.DONE


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
        if not 0 < seconds <= A_DAY:
            raise ValueError
    except ValueError:
        raise argparse.ArgumentTypeError(
            f'must be seconds, above 0 and at most a day, and RUN before it; got "{text}"'
        ) from None
    return seconds
