"""`anynas report`: a run as one HTML page."""

import argparse

from anynas.cli.options import Commands, add_command


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


def _report(options: argparse.Namespace) -> int:
    from anynas.report import write_report
    from anynas.terminal import make_console
    from anynas.views.searches import print_files

    print_files(make_console(), {"report": write_report(options.run, options.out)})
    return 0
