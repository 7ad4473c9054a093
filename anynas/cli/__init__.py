"""The command `anynas`: parse, call, print. Whatever takes long to import is imported by the command that needs it."""

import argparse
import signal
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

from anynas import __version__
from anynas.cli import compare, doctor, power, sample, search, show, spaces, study, table
from anynas.cli.options import INTERRUPTED, USER_ERROR, Parser
from anynas.errors import AnynasError

COMMANDS = (
    search,
    study,
    sample,
    spaces,
    show,
    table,
    compare,
    power,
    doctor,
)  # in the order of --help; each module has `add`


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 0 done, 2 bad input (one line on standard error), 130 interrupted."""
    try:
        options = _parser().parse_args(arguments)
        signal.signal(signal.SIGTERM, _interrupt)
        command: Callable[[argparse.Namespace], int] = options.command
        return command(options)
    except AnynasError as error:
        print(f"anynas: {error}", file=sys.stderr)
        return USER_ERROR
    except KeyboardInterrupt:
        print("anynas: interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # as in `anynas sample ... | head`
        sys.stderr.close()
        return 0


def _parser() -> Parser:
    parser = Parser(
        prog="anynas",
        description="Neural architecture search and design-space design for convolutional networks.",
        epilog="anynas COMMAND --help tells more. Begin with: anynas search --space AnyNetD",
    )
    parser.add_argument("--version", action="version", version=f"anynas {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True, parser_class=Parser)
    for command in COMMANDS:
        command.add(commands)
    return parser


def _interrupt(signum: int, frame: object) -> NoReturn:
    raise KeyboardInterrupt
