"""The command `anynas`: parse, call, print. Whatever takes long to import is imported by the command that needs it."""

import argparse
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from anynas import __version__
from anynas.errors import AnynasError, SettingsError

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
        commands, "search", _search, "find the best network of a space", "anynas search --space AnyNetD --trials 48"
    )
    _add_space(parser)
    _add_bounds(parser, "default: the regime's band of flops")
    parser.add_argument("--trials", type=int, metavar="N", help="trials in all (24, unless --minutes is given)")
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
        "anynas show regnetx_400mf --input 3x224x224",
    )
    parser.add_argument("name", metavar="SPACE|ARCHITECTURE", help="a name, a space's TOML or an architecture's JSON file")
    parser.add_argument("--regime", metavar="R", help="for a space: fashion, cifar or imagenet (the space's own)")
    parser.add_argument("--input", type=_shape, default=(3, 224, 224), metavar="CxHxW", help="one image (3x224x224)")
    parser.add_argument("--classes", type=int, default=1000, metavar="N", help="number of logits (1000)")


def _add_table(commands: Any) -> None:
    parser = _command(
        commands, "table", _table, "print or write a run's trials", "anynas table runs/DIR --out trials.parquet"
    )
    parser.add_argument("run", metavar="RUN", help="the run's folder")
    parser.add_argument("--out", metavar="FILE", help="write all columns to a .parquet or .csv file")
    parser.add_argument("--sort", default="number", metavar="COLUMN", help="order of the rows (number)")


def _add_doctor(commands: Any) -> None:
    _command(
        commands, "doctor", _doctor, "check this machine, and say what `search` would use", "anynas doctor"
    )


def _add_space(parser: Any) -> None:
    parser.add_argument("--space", required=True, metavar="SPACE", help="a name (see anynas spaces) or a TOML file")
    parser.add_argument("--regime", metavar="R", help="for which images: fashion, cifar, imagenet (the space's own)")


def _add_bounds(parser: Any, note: str) -> None:
    parser.add_argument("--flops", type=_pair, metavar="LOW:HIGH", help=f"multiply-adds of an image, ends included; {note}")
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
    from anynas.terminal import Reporter, make_console
    from anynas.trials import load_fidelity, load_recipe

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
    _print_plan(console, plan, expected)
    if options.dry_run:
        return 0
    try:
        with Reporter(
            console,
            seconds_per_trial=expected.seconds_per_trial if expected else None,
            workers=plan.num_workers,
        ) as reporter:
            run = run_plan(plan, progress=reporter, expected=expected)
    except KeyboardInterrupt:
        print(f"anynas: interrupted; finished trials are safe in {plan.path}; the same command goes on", file=sys.stderr)
        return INTERRUPTED
    _print_winner(console, run)
    return 0


def _print_plan(console: Any, plan: Any, expected: Any) -> None:
    from anynas.terminal import duration

    setting = plan.setting
    epochs = setting.fidelity.epochs
    lines = [
        f"{setting.space.name}, {setting.space.size():.3g} networks, {plan.bounds}; sampler {plan.sampler}, seed {setting.seed}",
        f"{plan.data.name}: {setting.num_images:,} images, {epochs} epoch{'s' * (epochs > 1)} a trial, on {plan.workplace.device}",
    ]
    if expected is None:
        lines.append("how long a trial takes there is known when the first has ended")
    else:
        lines.append(
            f"about {duration(expected.total_seconds)}: {expected.trials} trials, then {expected.num_final_trainings} "
            f"trainings to choose the winner; {duration(expected.seconds_per_trial)} each, {expected.workers} at once"
        )
    lines.append(f"run: {plan.path}")
    for line in lines:
        console.print(line, soft_wrap=True)


def _print_winner(console: Any, run: Any) -> None:
    from anynas.figures import draw_edf, draw_error_flops, save
    from anynas.terminal import count, print_table

    result = run.result()
    table, front = run.table(), run.front()
    stages = result["architecture"]
    console.print()
    console.print(f"winner: trial {result['number']}, {result['key']}")
    print_table(
        console,
        ["stage", "depth", "width", "bottleneck ratio", "group width"],
        list(
            zip(
                range(1, len(stages["depths"]) + 1),
                *(stages[name] for name in ("depths", "widths", "bottleneck_ratios", "group_widths")),
                strict=True,
            )
        ),
    )
    errors = ", ".join(f"{error:.2f}" for error in result["validation_errors"])
    tested = "unknown: that training failed" if result["test_error"] is None else f"{result['test_error']:.2f} %"
    console.print(f"validation error  {result['validation_error_mean']:.2f} %, mean of {len(result['validation_errors'])} seeds ({errors})")
    console.print(f"test error        {tested}")
    console.print(f"flops             {count(result['flops'])} multiply-adds")
    console.print(f"params            {count(result['params'])}")
    console.print()
    rows = [[int(r.number), float(r.error), count(r.flops), count(r.params), r.key] for r in front.itertuples()]
    print_table(console, ["trial", "error %", "flops", "params", "key"], rows, title="Pareto front of error and flops")
    failed = result["failed"]
    console.print()
    console.print(f"{result['trials']} trials: {failed} failed, {result['diverged']} diverged")
    complete = table[table["state"] == "complete"]
    space, seed = complete["space"].iloc[0], run.identity["seed"]
    first = complete.iloc[0]
    footer = (
        f"n = {len(complete)}, seed {seed}, {first.epochs} epochs of {first.images:,} images of {run.identity['data']}, "
        f"sampler {run.identity['sampler']}, anynas {first.anynas_version}, {first.device}"
    )
    pictures = [
        save(
            run.path / "error_flops.png",
            lambda ax: draw_error_flops(complete, front, ax, winner=result["number"]),
            title=f"{space}: error against flops",
            footer=footer,
        ),
        save(
            run.path / "edf.png",
            lambda ax: draw_edf(complete, ax, label=space),
            title=f"{space}: error EDF of all trials",
            footer=footer,
        ),
    ]
    for what, path in [("table", run.path / "table.csv"), ("picture", pictures[0]), ("picture", pictures[1])]:
        console.print(f"{what}: {_short(path)}", soft_wrap=True)


def _short(path: Path) -> Path:
    """Return the path as seen from the current folder, if it lies within."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def _sample(options: argparse.Namespace) -> int:
    import json

    from anynas.counting import complexity
    from anynas.designspace import load_space
    from anynas.terminal import count, make_console, print_table

    space = load_space(options.space, regime=options.regime)
    architectures = space.sample(
        options.n,
        seed=options.seed,
        start=options.start,
        flops=options.flops,
        params=options.params,
        activations=options.activations,
    )
    if options.json:
        for architecture in architectures:
            print(json.dumps(architecture.to_dict()))
        return 0
    regime = space.regime
    rows = []
    for number, architecture in enumerate(architectures, start=options.start):
        counted = complexity(architecture, input_shape=regime.input_shape, num_classes=regime.num_classes)
        values = space.columns_of(architecture)
        stages = [
            "-".join(str(value) for value in dict.fromkeys(column) or column) if tied else "-".join(map(str, column))
            for column, tied in (
                ([values[name] for name in p.columns], p.name in (*space.tie, *space.equal)) for p in space.parameters
            )
        ]
        rows.append([number, *stages, count(counted.flops), count(counted.params), architecture.key])
    columns = ["number", *(p.name.replace("_", " ") for p in space.parameters), "flops", "params", "key"]
    print_table(make_console(), columns, rows)
    return 0


def _spaces(options: argparse.Namespace) -> int:
    from anynas.designspace import builtin_spaces, load_space
    from anynas.terminal import make_console, print_table

    spaces = [load_space(name) for name in builtin_spaces()]
    rows = [[s.name, s.family, s.dimension, s.size(), s.description] for s in spaces]
    print_table(make_console(), ["space", "family", "free", "size", "what it is"], rows)
    return 0


def _show(options: argparse.Namespace) -> int:
    from anynas.architecture import load_architecture, named_architectures
    from anynas.designspace import builtin_spaces, load_space
    from anynas.errors import did_you_mean
    from anynas.terminal import make_console

    console = make_console()
    name = options.name
    if name in builtin_spaces() or name.endswith(".toml"):
        _print_space(console, load_space(name, regime=options.regime))
        return 0
    if name.lower() not in named_architectures() and not name.endswith(".json"):
        known = [*builtin_spaces(), *named_architectures()]
        raise SettingsError(f'unknown space or architecture "{name}"{did_you_mean(name, known)}')
    _print_architecture(console, load_architecture(name), options.input, options.classes)
    return 0


def _print_space(console: Any, space: Any) -> None:
    from anynas.designspace.space import CONSTRAINTS
    from anynas.terminal import count, print_table

    console.print(f"{space.name}: {space.description or 'a design space'} ({space.family}, {space.stages} stages)")
    console.print(f"{space.dimension} free parameters, {space.size():,} settings", soft_wrap=True)
    console.print()
    rows = []
    for parameter in space.parameters:
        kinds = [kind for kind in CONSTRAINTS if parameter.name in getattr(space, kind)]
        rows.append([parameter.name.replace("_", " "), parameter.law, ", ".join(kinds) or "free"])
    print_table(console, ["of each stage", "law", "across stages"], rows)
    regime = space.regime
    console.print()
    console.print(
        f"regime {regime.name}: {'x'.join(map(str, regime.input_shape))}, {regime.num_classes} classes, stem {regime.stem_width} "
        f"stride {regime.stem_stride}, stage strides {regime.stage_stride}",
        soft_wrap=True,
    )
    console.print(f"band {count(regime.flops[0])} to {count(regime.flops[1])} multiply-adds; {regime.fidelity.epochs} epochs a trial")
    fixed = ", ".join(f"{name} {value}" for name, value in space.fixed.items())
    if fixed:
        console.print(f"the same throughout: {fixed}")


def _print_architecture(console: Any, architecture: Any, input_shape: tuple[int, ...], num_classes: int) -> None:
    from anynas.counting import complexity, layer_summary
    from anynas.terminal import print_table

    summary = layer_summary(architecture, input_shape=input_shape, num_classes=num_classes)
    counted = complexity(architecture, input_shape=input_shape, num_classes=num_classes)
    console.print(f"{architecture.family} {architecture.key} at {'x'.join(map(str, input_shape))}, {num_classes} classes")
    rows = [[r.layer, list(r.output_shape), int(r.params), int(r.flops)] for r in summary.itertuples()]
    print_table(console, ["layer", "output shape", "params", "flops"], rows)
    console.print()
    console.print(f"flops {counted.flops:,} (multiply-adds), params {counted.params:,}, activations {counted.activations:,}")


def _table(options: argparse.Namespace) -> int:
    from anynas.errors import did_you_mean
    from anynas.store import load_run
    from anynas.terminal import count, make_console, print_table

    table = load_run(options.run).table()
    if options.sort not in table.columns:
        raise SettingsError(f'unknown column "{options.sort}"{did_you_mean(options.sort, table.columns)}')
    table = table.sort_values(options.sort, kind="stable")
    console = make_console()
    if options.out:
        path = Path(options.out)
        if path.suffix not in (".parquet", ".csv"):
            raise SettingsError(f"--out must end in .parquet or .csv; got {path}")
        try:
            table.to_parquet(path, index=False) if path.suffix == ".parquet" else table.to_csv(path, index=False)
        except OSError as error:
            raise SettingsError(f"--out must be a file that can be written; {path}: {error.strerror or error}") from None
        console.print(f"{len(table)} trials, {len(table.columns)} columns: {path}", soft_wrap=True)
        return 0
    rows = [
        [int(r.number), float(r.error), count(r.flops), count(r.params), float(r.seconds), r.key, r.reason or r.state]
        for r in table.itertuples()
    ]
    print_table(console, ["trial", "error %", "flops", "params", "seconds", "key", "state"], rows)
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
