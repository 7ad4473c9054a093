"""`anynas doctor`: check this machine."""

import argparse

from anynas.cli.exits import Exit
from anynas.cli.options import Commands, add_command, add_output


def add(commands: Commands) -> None:
    """Add the command."""
    parser = add_command(
        commands,
        "doctor",
        _doctor,
        summary="check this machine, and say what search would use",
        example="anynas doctor",
    )
    add_output(parser, quiet=False)


def _doctor(options: argparse.Namespace) -> int:
    from anynas.cli.output import Output
    from anynas.doctor import examine
    from anynas.views.machines import print_machine

    found = examine()
    Output(options).result(found, print_machine, found)
    return Exit.DONE
