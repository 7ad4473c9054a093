"""What the commands print about a plan, a search's end, a space, an architecture, a run: data in, text out."""

from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from anynas.architecture import Architecture
from anynas.counting import complexity, layer_summary
from anynas.designspace import DesignSpace
from anynas.designspace.space import CONSTRAINTS
from anynas.layers import Shape
from anynas.terminal import count, duration, plural, print_table

if TYPE_CHECKING:
    import pandas as pd

    from anynas.driver.search import Estimate, SearchPlan
    from anynas.store import Run


def print_plan(console: Console, plan: "SearchPlan", expected: "Estimate | None") -> None:
    """Print what a search will do, and about how long that takes."""
    setting = plan.setting
    epochs = setting.fidelity.epochs
    lines = [
        f"{setting.space.name}: {setting.space.size():.3g} networks; {_bounds(plan)}",
        f"data {plan.data.name}: {setting.num_images:,} images, {plural(epochs, 'epoch')} a trial, on "
        f"{plan.workplace.device}",
        f"sampler {plan.sampler}, seed {setting.seed}, executor {plan.executor}",
    ]
    if expected is None:
        lines.append("how long a trial takes there is known when the first has ended")
    elif expected.trials == expected.num_final_trainings == 0:
        lines.append("all of it is finished: nothing is trained again")
    else:
        lines.append(
            f"about {duration(expected.total_seconds)}: {plural(expected.trials, 'trial')}, then "
            f"{expected.num_final_trainings} trainings to choose the winner; "
            f"{duration(expected.seconds_per_trial)} each, {expected.workers} at once"
        )
    lines.append(f"run {plan.path}")
    for line in lines:
        console.print(line, soft_wrap=True)


def print_winner(console: Console, run: "Run") -> None:
    """Print a finished search: the winner's stages, errors and cost, the Pareto front, and the count of trials."""
    result = run.result()
    stages = [result["architecture"][name] for name in ("depths", "widths", "bottleneck_ratios", "group_widths")]
    console.print()
    console.print(f"winner: trial {result['number']}, {result['key']}")
    rows: list[list[object]] = [[number, *row] for number, row in enumerate(zip(*stages, strict=True), start=1)]
    print_table(console, ["stage", "depth", "width", "bottleneck ratio", "group width"], rows)
    errors = result["validation_errors"]
    each = ", ".join(f"{error:.2f}" for error in errors)
    tested = "unknown, its training failed" if result["test_error"] is None else f"{result['test_error']:.2f} %"
    console.print(f"validation error  {result['validation_error_mean']:.2f} %, mean of {len(errors)} seeds ({each})")
    console.print(f"test error        {tested}")
    console.print(f"flops             {count(result['flops'])} multiply-adds")
    console.print(f"params            {count(result['params'])}")
    console.print()
    console.print("Pareto front of error and flops, one seed each")
    rows = [[int(r.number), float(r.error), count(r.flops), count(r.params), r.key] for r in run.front().itertuples()]
    print_table(console, ["trial", "error %", "flops", "params", "key"], rows)
    console.print()
    console.print(f"{plural(result['trials'], 'trial')}: {result['failed']} failed, {result['diverged']} diverged")


def print_files(console: Console, files: dict[str, Path]) -> None:
    """Print where things are, as seen from the current folder."""
    here = Path.cwd()
    for what, path in files.items():
        console.print(f"{what}: {path.relative_to(here) if path.is_relative_to(here) else path}", soft_wrap=True)


def print_spaces(console: Console, spaces: list[DesignSpace]) -> None:
    """Print a line a space."""
    rows = [[s.name, s.family, s.dimension, s.size(), s.description] for s in spaces]
    print_table(console, ["space", "family", "free", "size", "what it is"], rows)


def print_space(console: Console, space: DesignSpace) -> None:
    """Print a space's parameters, laws, constraints and size, and its regime."""
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
    console.print(f"regime {regime.name}: images {_text(regime.input_shape)}, {regime.num_classes} classes")
    console.print(
        f"  stem {regime.stem_width} channels, stride {regime.stem_stride}; stage strides {regime.stage_stride}"
    )
    low, high = (count(bound) for bound in regime.flops)
    console.print(f"  band {low} to {high} multiply-adds; {regime.fidelity.epochs} epochs a trial")
    for name, value in space.fixed.items():
        console.print(f"  {name.replace('_', ' ')} {value} throughout")


def print_architecture(console: Console, architecture: Architecture, input_shape: Shape, num_classes: int) -> None:
    """Print an architecture layer by layer, and what it costs."""
    summary = layer_summary(architecture, input_shape=input_shape, num_classes=num_classes)
    counted = complexity(architecture, input_shape=input_shape, num_classes=num_classes)
    console.print(f"{architecture.family} {architecture.key} at {_text(input_shape)}, {num_classes} classes")
    rows = [[r.layer, _text(r.output_shape), int(r.params), int(r.flops)] for r in summary.itertuples()]
    print_table(console, ["layer", "output shape", "params", "flops"], rows)
    console.print()
    console.print(f"flops        {counted.flops:,} multiply-adds")
    console.print(f"params       {counted.params:,}")
    console.print(f"activations  {counted.activations:,}")


def print_draws(console: Console, space: DesignSpace, architectures: list[Architecture], *, start: int) -> None:
    """Print a line a draw: its stages, and what it costs at the regime's input."""
    regime = space.regime
    shared = {*space.tie, *space.equal}
    rows = []
    for number, architecture in enumerate(architectures, start=start):
        counted = complexity(architecture, input_shape=regime.input_shape, num_classes=regime.num_classes)
        values = space.columns_of(architecture)
        stages = [
            "-".join(str(values[column]) for column in (p.columns[:1] if p.name in shared else p.columns))
            for p in space.parameters
        ]
        rows.append([number, *stages, count(counted.flops), count(counted.params), architecture.key])
    headings = [p.name.replace("_", " ") for p in space.parameters]
    print_table(console, ["number", *headings, "flops", "params", "key"], rows)


def print_trials(console: Console, table: "pd.DataFrame") -> None:
    """Print a line a trial."""
    rows = [
        [int(r.number), float(r.error), count(r.flops), count(r.params), float(r.seconds), r.key, r.reason or r.state]
        for r in table.itertuples()
    ]
    print_table(console, ["trial", "error %", "flops", "params", "seconds", "key", "state"], rows)


def _bounds(plan: "SearchPlan") -> str:
    ranges = {name: getattr(plan.bounds, name) for name in ("flops", "params", "activations")}
    return ", ".join(f"{name} {count(low)} to {count(high)}" for name, (low, high) in _given(ranges)) or "no bounds"


def _given(ranges: dict[str, "tuple[float, float] | None"]) -> list[tuple[str, tuple[float, float]]]:
    return [(name, bounds) for name, bounds in ranges.items() if bounds is not None]


def _text(shape: Shape) -> str:
    return "x".join(map(str, shape))
