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


def add_data(parser: Parser, default: str) -> None:
    """Add --data; the text says what holds without it."""
    parser.add_argument(
        "--data",
        metavar="NAME|PATH",
        help=f"a data set's name, or a folder of pictures with one folder a class ({default})",
    )


def add_seed(parser: Parser, fixes: str) -> None:
    """Add --seed; the text says what it fixes."""
    parser.add_argument("--seed", type=int, default=0, metavar="S", help=f"fixes {fixes} (0)")


def add_workforce(parser: Parser) -> None:
    """Add --executor, --workers and so on: where trials are trained, how many at once, and what each may take."""
    parser.add_argument("--executor", default="ray", metavar="NAME", help="ray (default), process or inline")
    parser.add_argument(
        "--workers",
        type=worker_count,
        default=None,
        metavar="K",
        help="trials at once, or auto (default): one a core or a GPU; on a cluster as many as it has, at any time",
    )
    parser.add_argument("--address", metavar="A", help="of an existing Ray cluster")
    parser.add_argument("--device", default="auto", metavar="D", help="auto (default), cpu or cuda")
    parser.add_argument(
        "--gpus-per-trial", type=float, default=1.0, metavar="G", help="share of a GPU and its memory, e.g. 0.25 (1)"
    )
    parser.add_argument(
        "--memory", type=number_of_bytes, default=math.inf, metavar="SIZE", help="that a trial may take, e.g. 4G"
    )
    parser.add_argument(
        "--deadline", type=float, default=math.inf, metavar="S", help="seconds after which a trial's worker is ended"
    )


def workforce(options: argparse.Namespace) -> dict[str, Any]:
    """Return what `add_workforce` asked for, as `Workforce` takes it."""
    same = {name: getattr(options, name) for name in ("executor", "workers", "address", "device", "gpus_per_trial")}
    return {**same, "memory_bytes": options.memory, "deadline_seconds": options.deadline}


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


def worker_count(text: str) -> int | None:
    """Return a number of workers; None for auto."""
    try:
        return None if text == "auto" else int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f'must be a whole number or auto; got "{text}"') from None


def number_of_bytes(text: str) -> float:
    """Return a size such as 500M or 4G, in bytes: K, M, G and T are powers of 1024."""
    unit = text[-1:].upper()
    try:
        power = "KMGT".index(unit) + 1 if unit and unit in "KMGT" else 0
        return float(text[:-1] if power else text) * float(1024**power)
    except ValueError:
        raise argparse.ArgumentTypeError(f'must be a size such as 500M or 4G; got "{text}"') from None


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
