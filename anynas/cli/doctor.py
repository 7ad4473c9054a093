"""`anynas doctor`: check this machine."""

import argparse

from anynas.cli.options import Commands, add_command


def add(commands: Commands) -> None:
    """Add the command."""
    add_command(
        commands,
        "doctor",
        _doctor,
        summary="check this machine, and say what `search` would use",
        example="anynas doctor",
    )


def _doctor(options: argparse.Namespace) -> int:
    from anynas.doctor import examine
    from anynas.terminal import make_console

    console = make_console()
    for heading, findings in examine().items():
        console.print(heading)
        for name, value in findings.items():
            console.print(f"  {name:<20} {value}", soft_wrap=True)
    return 0
