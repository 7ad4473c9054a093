"""What commands share: the parser, and the options that several have, in the same words."""

import argparse
import math
from collections.abc import Callable
from typing import Any, NoReturn, TypeAlias

from anynas.cli.names import CLAIMS, DEVICES, EXECUTORS, REGIMES, STATISTICS, one_of
from anynas.cli.values import image_shape, number_of_bytes, number_range, worker_count
from anynas.errors import SettingsError

Commands: TypeAlias = "argparse._SubParsersAction[Parser]"
Options: TypeAlias = "argparse._ActionsContainer"  # a parser, or a group of its options under a heading


class Parser(argparse.ArgumentParser):
    """Reports a wrong option as every other bad input: one line, no usage."""

    def error(self, message: str) -> NoReturn:
        """Raise SettingsError."""
        raise SettingsError(f"{message}; see {self.prog} --help")


def add_command(
    commands: Commands, name: str, run: Callable[[argparse.Namespace], int], *, summary: str, example: str
) -> Parser:
    """Add a command whose `run` takes the options and returns the exit code; of several examples each has a line."""
    parser = add_parser(commands, name, summary=summary, example=example)
    parser.set_defaults(command=run)
    return parser


def add_parser(commands: Commands, name: str, *, summary: str, example: str) -> Parser:
    """Add the parser of a command, or of several that share a name."""
    lines = "".join(f"\n  {line}" for line in example.splitlines())
    return commands.add_parser(
        name,
        help=summary,
        description=summary,
        epilog=f"example:{lines}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def add_output(parser: Parser, *, quiet: bool = True) -> None:
    """Add --json, and --quiet where a command has more to say than its result: what `Output` chooses by."""
    group = parser.add_argument_group("output")
    group.add_argument("--json", action="store_true", help="print the result as one JSON object")
    if quiet:
        group.add_argument(
            "-q", "--quiet", action="store_true", help="print the result alone: no plan, no progress, no remarks"
        )


def add_space(parser: Options) -> None:
    """Add --space and --regime."""
    parser.add_argument("--space", required=True, metavar="SPACE", help="a name (see anynas spaces) or a TOML file")
    add_regime(parser, "the space's own")


def add_regime(parser: Options, default: str) -> None:
    """Add --regime; the text says what holds without it."""
    parser.add_argument("--regime", metavar="R", help=f"for which images: {one_of(REGIMES)} ({default})")


def add_bounds(parser: Options, note: str) -> None:
    """Add --flops, --params and --activations; the note says what holds without them."""
    parser.add_argument(
        "--flops", type=number_range, metavar="LOW:HIGH", help=f"multiply-adds of an image, ends included ({note})"
    )
    parser.add_argument("--params", type=number_range, metavar="LOW:HIGH", help="likewise params")
    parser.add_argument("--activations", type=number_range, metavar="LOW:HIGH", help="likewise activations")


def add_seed(parser: Options, fixes: str) -> None:
    """Add --seed; the text says what it fixes."""
    parser.add_argument("--seed", type=int, default=0, metavar="S", help=f"fixes {fixes} (0)")


def add_images(parser: Options, shape: str, classes: str) -> None:
    """Add --input and --classes: of an architecture; the texts say what holds without them."""
    parser.add_argument("--input", type=image_shape, metavar="CxHxW", help=f"of an architecture: one image ({shape})")
    parser.add_argument("--classes", type=int, metavar="N", help=f"of an architecture: number of logits ({classes})")


def add_data(parser: Options, default: str) -> None:
    """Add --data; the text says what holds without it."""
    parser.add_argument(
        "--data",
        metavar="NAME|FOLDER",
        help=f"a data set's name, or a folder of pictures with one folder a class ({default})",
    )


def add_training(parser: Options, *, epochs: str, recipe: str) -> None:
    """Add --epochs and --recipe; the texts say what holds without them."""
    parser.add_argument("--epochs", type=int, metavar="E", help=f"epochs of each training ({epochs})")
    parser.add_argument("--recipe", metavar="FILE", help=f"TOML file: how networks are trained ({recipe})")


def add_claim(parser: Parser, *, required: bool = False) -> "Options":
    """Add --claim, --margin, --statistic, --alpha and --paired under a heading, and return that."""
    group = parser.add_argument_group("the claim")
    group.add_argument("--claim", required=required, metavar="KIND", help=f"what is to be judged: {one_of(CLAIMS)}")
    group.add_argument("--margin", type=float, metavar="M", help="of no_effect, in points of error")
    group.add_argument(
        "--statistic", default="trimmed_mean", metavar="NAME", help=f"{one_of(STATISTICS)} (trimmed_mean)"
    )
    group.add_argument("--alpha", type=float, default=0.05, metavar="A", help="level of intervals and verdict (0.05)")
    group.add_argument("--paired", action="store_true", help="networks of one number are a pair")
    return group


def add_device(parser: Options, of: str = "") -> None:
    """Add --device; the text says for what alone."""
    parser.add_argument("--device", default="auto", metavar="D", help=f"{of}{one_of(DEVICES)} (auto)")


def add_workforce(parser: Parser) -> None:
    """Add --executor, --workers and so on: where trials are trained, how many at once, and what each may take."""
    group = parser.add_argument_group("where it runs")
    group.add_argument("--executor", default="ray", metavar="NAME", help=f"{one_of(EXECUTORS)} (ray)")
    group.add_argument(
        "--workers",
        type=worker_count,
        default=None,
        metavar="K",
        help="trials at once (auto: one a core or a GPU; on a cluster as many as it has, at any time)",
    )
    group.add_argument("--address", metavar="A", help="of an existing Ray cluster")
    add_device(group)
    group.add_argument(
        "--gpus-per-trial", type=float, default=1.0, metavar="G", help="share of a GPU and its memory, e.g. 0.25 (1)"
    )
    group.add_argument(
        "--memory", type=number_of_bytes, default=math.inf, metavar="SIZE", help="that a trial may take, e.g. 4G (any)"
    )
    group.add_argument(
        "--deadline",
        type=float,
        default=math.inf,
        metavar="SECONDS",
        help="after which a trial's worker is ended (none)",
    )


def workforce(options: argparse.Namespace) -> dict[str, Any]:
    """Return what `add_workforce` asked for, as `Workforce` takes it."""
    same = {name: getattr(options, name) for name in ("executor", "workers", "address", "device", "gpus_per_trial")}
    return {**same, "memory_bytes": options.memory, "deadline_seconds": options.deadline}


def add_run(parser: Parser, default: str) -> None:
    """Add --run, --storage, --takeover, --detach and --dry-run: where what is trained is kept, and whether it is."""
    group = parser.add_argument_group("the run")
    group.add_argument("--run", metavar="DIR", help=f"the run's folder ({default})")
    group.add_argument(
        "--storage",
        metavar="URL",
        help="database for the entries of finished trials, e.g. postgresql://user@host/database or sqlite:///runs.db, "
        "without a password (the folder's journal.log)",
    )
    group.add_argument("--takeover", action="store_true", help="take a run over from a dead driver on another machine")
    group.add_argument(
        "--detach",
        action="store_true",
        help="go on in a process of its own, and return when that is at work; see anynas status",
    )
    add_dry_run(group)


def add_dry_run(parser: Options) -> None:
    """Add --dry-run."""
    parser.add_argument("--dry-run", action="store_true", help="say what would be done and how long it takes, and stop")
