"""The command `anynas`: parse, call, print. Whatever takes long to import is imported by the command that needs it."""

import argparse
import signal
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

from anynas import __version__
from anynas.cli import (
    compare,
    doctor,
    export,
    power,
    predict,
    report,
    sample,
    search,
    show,
    spaces,
    status,
    study,
    table,
    train,
)
from anynas.cli.options import USER_ERROR, Parser, interrupted
from anynas.errors import AnynasError
from anynas.folder import ENDINGS

COMMANDS = (
    search,
    study,
    status,
    sample,
    spaces,
    show,
    table,
    compare,
    power,
    report,
    train,
    export,
    predict,
    doctor,
)  # in the order of --help; each module has `add`


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 0 done, 2 bad input (one line on standard error), 130 interrupted."""
    try:
        options = _parser().parse_args(arguments)
        options.arguments = list(sys.argv[1:] if arguments is None else arguments)
        _end_as_by_ctrl_c()
        command: Callable[[argparse.Namespace], int] = options.command
        return command(options)
    except AnynasError as error:
        print(f"anynas: {error}", file=sys.stderr)
        return USER_ERROR
    except KeyboardInterrupt:
        return interrupted()
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


def _end_as_by_ctrl_c() -> None:
    """Let SIGTERM (`kill`, clusters) and SIGHUP (a terminal that closes) end a command as Ctrl-C does."""
    for number in ENDINGS:
        if number != signal.SIGINT and signal.getsignal(number) is not signal.SIG_IGN:  # so `nohup` leaves SIGHUP
            signal.signal(number, _interrupt)


def _interrupt(signum: int, frame: object) -> NoReturn:
    for number in ENDINGS:
        if number != signal.SIGINT:  # a terminal that closes sends SIGHUP, and then its shell does
            signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt
