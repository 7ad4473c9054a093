"""The command `anynas`: parse, call, print. Whatever takes long to import is imported by the command that needs it."""

import argparse
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from anynas import __version__
from anynas.errors import AnynasError, SettingsError, did_you_mean

USER_ERROR = 2
INTERRUPTED = 130

Pair = tuple[float, float]


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


class _Parser(argparse.ArgumentParser):
    """Reports a wrong option as every other bad input: one line, no usage."""

    def error(self, message: str) -> NoReturn:
        raise SettingsError(f"{message}; see {self.prog} --help")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="anynas",
        description="Neural architecture search and design-space design for convolutional networks.",
        epilog="anynas COMMAND --help tells more. Begin with: anynas search --space AnyNetD",
    )
    parser.add_argument("--version", action="version", version=f"anynas {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True, parser_class=_Parser)
    _add_search(commands)
    _add_sample(commands)
    _add_spaces(commands)
    _add_show(commands)
    _add_table(commands)
    _add_doctor(commands)
    return parser


def _command(commands: Any, name: str, run: Callable[[argparse.Namespace], int], summary: str, example: str) -> Any:
    parser = commands.add_parser(name, help=summary, description=summary, epilog=f"example: {example}")
    parser.set_defaults(command=run)
    return parser


def _add_search(commands: Any) -> None:
    parser = _command(
        commands,
        "search",
        _search,
        "find the best network of a space",
        "anynas search --space AnyNetD --trials 48",
    )
    _add_space(parser)
    _add_bounds(parser, "default: the regime's band of flops")
    parser.add_argument("--trials", type=int, metavar="N", help="trials in all (32, unless --minutes is given)")
    parser.add_argument("--minutes", type=float, metavar="M", help="end within about M minutes")
    parser.add_argument("--sampler", default="tpe", metavar="NAME", help="tpe (default), random or qmc")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="fixes all that is drawn (0)")
    parser.add_argument("--data", metavar="NAME", help="data set (the regime's)")
    parser.add_argument("--epochs", type=int, metavar="E", help="epochs of each trial (the regime's)")
    parser.add_argument("--images", type=int, metavar="N", help="training images of each trial (all)")
    parser.add_argument("--recipe", metavar="FILE", help="TOML file: how networks are trained")
    parser.add_argument("--fidelity", metavar="FILE", help="TOML file: epochs, images, resolution of a trial")
    parser.add_argument("--executor", default="ray", metavar="NAME", help="ray (default), process or inline")
    parser.add_argument("--workers", type=int, metavar="K", help="trials at once (one a core, or one a GPU)")
    parser.add_argument("--address", metavar="A", help="of an existing Ray cluster")
    parser.add_argument("--device", default="auto", metavar="D", help="auto (default), cpu or cuda")
    parser.add_argument("--run", metavar="DIR", help="the run's folder (runs/SPACE-DIGEST)")
    parser.add_argument("--takeover", action="store_true", help="take a run over from a dead driver on another machine")
    parser.add_argument("--dry-run", action="store_true", help="say what would be done and how long it takes, and stop")


def _add_sample(commands: Any) -> None:
    parser = _command(
        commands,
        "sample",
        _sample,
        "draw networks from a space",
        "anynas sample --space AnyNetE -n 500 --regime imagenet --flops 360e6:400e6",
    )
    _add_space(parser)
    _add_bounds(parser, "default: none")
    parser.add_argument("-n", type=int, default=10, metavar="N", help="how many (10)")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="fixes the draws (0)")
    parser.add_argument("--start", type=int, default=0, metavar="K", help="number of the first (0)")
    parser.add_argument("--json", action="store_true", help="one JSON object a line, as load_architecture reads them")


def _add_spaces(commands: Any) -> None:
    _command(commands, "spaces", _spaces, "list the spaces, with their exact sizes", "anynas spaces")


def _add_show(commands: Any) -> None:
    parser = _command(
        commands,
        "show",
        _show,
        "show a space, or an architecture layer by layer",
        "anynas show resnet18 --input 1x96x96",
    )
    parser.add_argument(
        "name", metavar="SPACE|ARCHITECTURE", help="a name, a space's TOML or an architecture's JSON file"
    )
    parser.add_argument("--regime", metavar="R", help="for a space: fashion, cifar or imagenet (the space's own)")
    parser.add_argument("--input", type=_shape, metavar="CxHxW", help="one image (the network's own, or 3x224x224)")
    parser.add_argument("--classes", type=int, metavar="N", help="number of logits (the network's own, or 1000)")


def _add_table(commands: Any) -> None:
    parser = _command(
        commands,
        "table",
        _table,
        "print or write a run's trials",
        "anynas table runs/DIR --out trials.parquet",
    )
    parser.add_argument("run", metavar="RUN", help="the run's folder")
    parser.add_argument("--out", metavar="FILE", help="write all columns to a .parquet or .csv file")
    parser.add_argument("--sort", default="number", metavar="COLUMN", help="order of the rows (number)")


def _add_doctor(commands: Any) -> None:
    _command(commands, "doctor", _doctor, "check this machine, and say what `search` would use", "anynas doctor")


def _add_space(parser: Any) -> None:
    parser.add_argument("--space", required=True, metavar="SPACE", help="a name (see anynas spaces) or a TOML file")
    parser.add_argument("--regime", metavar="R", help="for which images: fashion, cifar, imagenet (the space's own)")


def _add_bounds(parser: Any, note: str) -> None:
    parser.add_argument(
        "--flops", type=_pair, metavar="LOW:HIGH", help=f"multiply-adds of an image, ends included; {note}"
    )
    parser.add_argument("--params", type=_pair, metavar="LOW:HIGH", help="likewise params")
    parser.add_argument("--activations", type=_pair, metavar="LOW:HIGH", help="likewise activations")


def _pair(text: str) -> Pair:
    low, colon, high = text.partition(":")
    try:
        if not colon:
            raise ValueError
        return float(low or 0), float(high or "inf")
    except ValueError:
        raise argparse.ArgumentTypeError(f'must be LOW:HIGH, two numbers; got "{text}"') from None


def _shape(text: str) -> tuple[int, ...]:
    try:
        shape = tuple(int(size) for size in text.split("x"))
        if len(shape) != 3 or min(shape) < 1:
            raise ValueError
    except ValueError:
        raise argparse.ArgumentTypeError(f'must be CxHxW, three positive numbers; got "{text}"') from None
    return shape


def _interrupt(signum: int, frame: object) -> NoReturn:
    raise KeyboardInterrupt


def _search(options: argparse.Namespace) -> int:
    import dataclasses

    from anynas.designspace import load_space
    from anynas.driver.search import estimate, plan_search, run_plan
    from anynas.figures import draw_search
    from anynas.progress import Reporter
    from anynas.terminal import make_console
    from anynas.trials import load_fidelity, load_recipe
    from anynas.views import print_files, print_plan, print_winner

    console = make_console()
    space = load_space(options.space, regime=options.regime)
    fidelity = load_fidelity(options.fidelity) if options.fidelity else space.regime.fidelity
    given = {name: getattr(options, name) for name in ("epochs", "images") if getattr(options, name) is not None}
    plan = plan_search(
        space,
        trials=options.trials,
        minutes=options.minutes,
        seed=options.seed,
        sampler=options.sampler,
        flops=options.flops,
        params=options.params,
        activations=options.activations,
        data=options.data,
        recipe=load_recipe(options.recipe) if options.recipe else None,
        fidelity=dataclasses.replace(fidelity, **given),
        device=options.device,
        executor=options.executor,
        workers=options.workers,
        address=options.address,
        run=options.run,
        takeover=options.takeover,
    )
    expected = estimate(plan)
    print_plan(console, plan, expected)
    if options.dry_run:
        return 0
    seconds_per_trial = expected.seconds_per_trial if expected else None
    try:
        with Reporter(
            console, seconds_per_trial=seconds_per_trial, workers=plan.num_workers, minutes=plan.minutes
        ) as reporter:
            run = run_plan(plan, progress=reporter, expected=expected)
    except KeyboardInterrupt:
        print(
            f"anynas: interrupted; what is finished is safe in {plan.path}; the same command goes on", file=sys.stderr
        )
        return INTERRUPTED
    print_winner(console, run)
    pictures = draw_search(run.table(), run.front(), run.path, winner=run.result()["number"], seed=options.seed)
    print_files(console, {"table": run.path / "table.csv", **pictures})
    return 0


def _sample(options: argparse.Namespace) -> int:
    import itertools
    import json

    from anynas.designspace import Bounds, load_space
    from anynas.terminal import make_console
    from anynas.views import print_draws

    space = load_space(options.space, regime=options.regime)
    if options.n < 0 or options.start < 0:
        raise SettingsError(f"n and start must be at least 0; got n {options.n}, start {options.start}")
    bounds = Bounds(flops=options.flops, params=options.params, activations=options.activations)
    members = itertools.islice(space.draws(seed=options.seed, bounds=bounds, start=options.start), options.n)
    if options.json:
        for architecture, _ in members:
            print(json.dumps(architecture.to_dict()))
    else:
        print_draws(make_console(), space, members, start=options.start)
    return 0


def _spaces(options: argparse.Namespace) -> int:
    from anynas.designspace import builtin_spaces, load_space
    from anynas.terminal import make_console
    from anynas.views import print_spaces

    print_spaces(make_console(), [load_space(name) for name in builtin_spaces()])
    return 0


def _show(options: argparse.Namespace) -> int:
    from anynas.architecture import images_of, load_architecture, named_architectures
    from anynas.designspace import builtin_spaces, load_space
    from anynas.terminal import make_console
    from anynas.views import print_architecture, print_space

    console, name = make_console(), options.name
    if name in builtin_spaces() or name.endswith(".toml"):
        print_space(console, load_space(name, regime=options.regime))
    elif name.lower() in named_architectures() or name.endswith(".json"):
        shape, classes = images_of(name)
        shape = shape if options.input is None else options.input
        classes = classes if options.classes is None else options.classes
        print_architecture(console, load_architecture(name), shape, classes)
    else:
        known = [*builtin_spaces(), *named_architectures()]
        raise SettingsError(f'unknown space or architecture "{name}"{did_you_mean(name, known)}')
    return 0


def _table(options: argparse.Namespace) -> int:
    from anynas.store import load_run
    from anynas.terminal import make_console, plural
    from anynas.views import print_files, print_trials

    table = load_run(options.run).table()
    if options.sort not in table.columns:
        raise SettingsError(f'unknown column "{options.sort}"{did_you_mean(options.sort, table.columns)}')
    table = table.sort_values(options.sort, kind="stable")
    if not options.out:
        print_trials(make_console(), table)
        return 0
    path = Path(options.out)
    if path.suffix not in (".parquet", ".csv"):
        raise SettingsError(f"--out must end in .parquet or .csv; got {path}")
    try:
        table.to_parquet(path, index=False) if path.suffix == ".parquet" else table.to_csv(path, index=False)
    except OSError as error:
        raise SettingsError(f"--out must be a file that can be written; {path}: {error.strerror or error}") from None
    print_files(make_console(), {f"{plural(len(table), 'trial')}, {len(table.columns)} columns": path})
    return 0


def _doctor(options: argparse.Namespace) -> int:
    from anynas.doctor import examine
    from anynas.terminal import make_console

    console = make_console()
    for heading, findings in examine().items():
        console.print(heading)
        for name, value in findings.items():
            console.print(f"  {name:<20} {value}", soft_wrap=True)
    return 0
