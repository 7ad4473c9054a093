"""`anynas spaces`: list the spaces."""

import argparse

from anynas.cli.exits import Exit
from anynas.cli.options import Commands, add_command, add_output


def add(commands: Commands) -> None:
    """Add the command."""
    parser = add_command(
        commands, "spaces", _spaces, summary="list the spaces, with their exact sizes", example="anynas spaces"
    )
    add_output(parser, quiet=False)


def _spaces(options: argparse.Namespace) -> int:
    from anynas.cli.output import Output
    from anynas.designspace import builtin_spaces, load_space
    from anynas.facts import space_summary
    from anynas.views.spaces import print_spaces

    spaces = [space_summary(load_space(name)) for name in builtin_spaces()]
    Output(options).result(spaces, print_spaces, {"spaces": spaces})
    return Exit.DONE
