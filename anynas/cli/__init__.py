"""The command `anynas`: parse, call, print. Whatever takes long to import is imported by the command that needs it."""

import argparse
import errno
import os
import signal
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

from anynas import __version__
from anynas.cli import (
    compare,
    completion,
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
from anynas.cli.exits import interrupted, refused, unread, unwritten
from anynas.cli.options import Parser
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
    completion,
)  # in the order of --help; each module has `add`


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code, one of `Exit`."""
    parser = make_parser()
    if "_ARGCOMPLETE" in os.environ:
        from anynas.cli.completing import complete

        complete(parser)
    try:
        try:
            return _run(parser, arguments)
        finally:
            sys.stdout.flush()  # what cannot be written is told here, not by Python at its end
    except AnynasError as error:
        return refused(error)
    except KeyboardInterrupt:
        return interrupted()
    except BrokenPipeError:
        return unread()
    except OSError as error:
        if error.errno != errno.ENOSPC or error.filename is not None:  # what runs write to says so itself
            raise
        return unwritten(error)


def make_parser() -> Parser:
    """Return the parser of all commands."""
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


def _run(parser: Parser, arguments: Sequence[str] | None) -> int:
    options = parser.parse_args(arguments)
    options.arguments = list(sys.argv[1:] if arguments is None else arguments)
    _end_as_by_ctrl_c()
    command: Callable[[argparse.Namespace], int] = options.command
    return command(options)


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
