"""What commands share: exit codes, the parser, the options that several have, and the types of their values."""

import argparse
import contextlib
import math
import sys
from collections.abc import Callable
from typing import Any, NoReturn, TypeAlias

from anynas.errors import SettingsError

USER_ERROR = 2
INTERRUPTED = 130

Range = tuple[float, float]  # both ends included
Commands: TypeAlias = "argparse._SubParsersAction[Parser]"


class Parser(argparse.ArgumentParser):
    """Reports a wrong option as every other bad input: one line, no usage."""

    def error(self, message: str) -> NoReturn:
        """Raise SettingsError."""
        raise SettingsError(f"{message}; see {self.prog} --help")


def interrupted(what: str = "") -> int:
    """Say that the command was interrupted, if there is still somebody to hear it; return the exit code."""
    with contextlib.suppress(OSError):  # the terminal has closed
        print(f"anynas: interrupted{what and '; '}{what}", file=sys.stderr, flush=True)
    return INTERRUPTED


def add_command(
    commands: Commands, name: str, run: Callable[[argparse.Namespace], int], *, summary: str, example: str
) -> Parser:
    """Add a command whose `run` takes the options and returns the exit code."""
    parser = commands.add_parser(name, help=summary, description=summary, epilog=f"example: {example}")
    parser.set_defaults(command=run)
    return parser


def add_space(parser: Parser) -> None:
    """Add --space and --regime."""
    parser.add_argument("--space", required=True, metavar="SPACE", help="a name (see anynas spaces) or a TOML file")
    parser.add_argument("--regime", metavar="R", help="for which images: fashion, cifar, imagenet (the space's own)")


def add_bounds(parser: Parser, note: str) -> None:
    """Add --flops, --params and --activations; the note says what holds without them."""
    parser.add_argument(
        "--flops", type=number_range, metavar="LOW:HIGH", help=f"multiply-adds of an image, ends included; {note}"
    )
    parser.add_argument("--params", type=number_range, metavar="LOW:HIGH", help="likewise params")
    parser.add_argument("--activations", type=number_range, metavar="LOW:HIGH", help="likewise activations")


def add_seed(parser: Parser, fixes: str) -> None:
    """Add --seed; the text says what it fixes."""
    parser.add_argument("--seed", type=int, default=0, metavar="S", help=f"fixes {fixes} (0)")


def add_workplace(parser: Parser) -> None:
    """Add --executor, --workers, --address and --device: where trials are trained, and how many at once."""
    parser.add_argument("--executor", default="ray", metavar="NAME", help="ray (default), process or inline")
    parser.add_argument("--workers", type=int, metavar="K", help="trials at once (one a core, or one a GPU)")
    parser.add_argument("--address", metavar="A", help="of an existing Ray cluster")
    parser.add_argument("--device", default="auto", metavar="D", help="auto (default), cpu or cuda")


def add_run(parser: Parser, default: str) -> None:
    """Add --run, --storage, --takeover, --detach and --dry-run: where what is trained is kept, and whether it is."""
    parser.add_argument("--run", metavar="DIR", help=f"the run's folder ({default})")
    parser.add_argument(
        "--storage",
        metavar="URL",
        help="database for the entries of finished trials, e.g. postgresql://user@host/database or sqlite:///runs.db, "
        "without a password (the folder's journal.log)",
    )
    parser.add_argument("--takeover", action="store_true", help="take a run over from a dead driver on another machine")
    parser.add_argument(
        "--detach",
        action="store_true",
        help="go on in a process of its own, and return when that is at work; see anynas status",
    )
    parser.add_argument("--dry-run", action="store_true", help="say what would be done and how long it takes, and stop")


def add_json(parser: Parser, text: str) -> None:
    """Add --json."""
    parser.add_argument("--json", action="store_true", help=text)


def print_json(fields: dict[str, Any]) -> None:
    """Print fields as strict JSON: a number that is not finite is null."""
    import json

    print(json.dumps(_finite(fields), indent=2, allow_nan=False))


def number_range(text: str) -> Range:
    """Return the two numbers of LOW:HIGH; without LOW it begins at 0, without HIGH it has no end."""
    low, colon, high = text.partition(":")
    try:
        if not colon:
            raise ValueError
        return float(low or 0), float(high or "inf")
    except ValueError:
        raise argparse.ArgumentTypeError(f'must be LOW:HIGH, two numbers; got "{text}"') from None


def image_shape(text: str) -> tuple[int, ...]:
    """Return the three numbers of CxHxW."""
    try:
        shape = tuple(int(size) for size in text.split("x"))
        if len(shape) != 3 or min(shape) < 1:
            raise ValueError
    except ValueError:
        raise argparse.ArgumentTypeError(f'must be CxHxW, three positive numbers; got "{text}"') from None
    return shape


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
