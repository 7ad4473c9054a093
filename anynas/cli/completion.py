"""`anynas completion`: the script by which a shell completes commands, options and names."""

import argparse

from anynas.cli.exits import Exit
from anynas.cli.names import SHELLS, one_of
from anynas.cli.options import Commands, add_command

INSTALLED = """\
To have it in every shell, add a line to the file that your shell reads first:
  ~/.bashrc                   eval "$(anynas completion bash)"
  ~/.zshrc, after compinit    eval "$(anynas completion zsh)"
  ~/.config/fish/config.fish  anynas completion fish | source"""


def add(commands: Commands) -> None:
    """Add the command."""
    parser = add_command(
        commands,
        "completion",
        _completion,
        summary="print the script by which a shell completes anynas's words",
        example="anynas completion bash",
    )
    parser.description = f"{parser.description}\n\n{INSTALLED}"
    parser.add_argument("shell", metavar="SHELL", choices=SHELLS, help=one_of(SHELLS))


def _completion(options: argparse.Namespace) -> int:
    from argcomplete.shell_integration import shellcode

    print(shellcode(["anynas"], use_defaults=False, shell=options.shell))
    return Exit.DONE
