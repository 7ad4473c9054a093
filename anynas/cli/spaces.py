"""`anynas spaces`: list the spaces."""

import argparse

from anynas.cli.options import Commands, add_command


def add(commands: Commands) -> None:
    """Add the command."""
    add_command(commands, "spaces", _spaces, summary="list the spaces, with their exact sizes", example="anynas spaces")


def _spaces(options: argparse.Namespace) -> int:
    from anynas.designspace import builtin_spaces, load_space
    from anynas.terminal import make_console
    from anynas.views.spaces import print_spaces

    print_spaces(make_console(), [load_space(name) for name in builtin_spaces()])
    return 0
