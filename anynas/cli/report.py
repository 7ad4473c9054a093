"""`anynas report`: a run as one HTML page."""

import argparse

from anynas.cli.exits import Exit
from anynas.cli.options import Commands, add_command, add_output


def add(commands: Commands) -> None:
    """Add the command."""
    parser = add_command(
        commands,
        "report",
        _report,
        summary="write a run as one HTML page, complete in itself",
        example="anynas report runs/DIR",
    )
    parser.add_argument("run", metavar="RUN", help="the run's folder, or one with a study's results")
    parser.add_argument("--out", metavar="FILE", help="where to write it (report.html in that folder)")
    add_output(parser)


def _report(options: argparse.Namespace) -> int:
    from anynas.cli.output import Output
    from anynas.report import write_report

    Output(options).written({"report": write_report(options.run, options.out)})
    return Exit.DONE
