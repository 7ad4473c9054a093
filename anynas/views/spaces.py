"""What the commands print about spaces, their draws, and architectures."""

import dataclasses
from collections.abc import Iterable
from typing import Any

from rich.console import Console

from anynas.architecture import Architecture
from anynas.counting import complexity, layer_summary
from anynas.designspace import DesignSpace
from anynas.designspace.forms import form_of
from anynas.designspace.space import CONSTRAINTS, Member
from anynas.layers import Shape
from anynas.terminal import count, plural, print_table

LONGEST_SIZE = 26  # characters that `anynas spaces` gives a number
PARAMETER_COLUMNS = ["parameter", "one a", "law", "across stages"]


def print_spaces(console: Console, spaces: list[DesignSpace]) -> None:
    """Print a line a space; sizes too long for a column are rounded there, and exact below."""
    sizes = {space.name: f"{space.size():,}" for space in spaces}
    shown = {
        name: size if len(size) <= LONGEST_SIZE else f"{float(size.replace(',', '')):.3g}"
        for name, size in sizes.items()
    }
    columns = ["space", "family", "free", "size", "what it is"]
    rows = [[s.name, s.family, s.dimension, shown[s.name], s.description] for s in spaces]
    print_table(console, columns, rows, right=["size"])
    for name, size in sizes.items():
        if size != shown[name]:
            console.print(f"\n{name} has exactly {size}", soft_wrap=True)


def print_space(console: Console, space: DesignSpace) -> None:
    """Print a space's parameters, laws, constraints and size, and its regime."""
    for line in space_heading(space):
        console.print(line, soft_wrap=True)
    console.print()
    print_table(console, PARAMETER_COLUMNS, parameter_rows(space))
    for line in fixed_lines(space):
        console.print(line)
    console.print()
    for place, line in enumerate(regime_lines(space)):
        console.print(f"{'  ' if place else ''}{line}", soft_wrap=True)


def space_heading(space: DesignSpace) -> tuple[str, str]:
    """Return what a space is, and how large."""
    stages = f"{space.stages} stages" if isinstance(space.stages, int) else f"stages {space.stages.law}"
    return (
        f"{space.name}: {space.description or 'a design space'} ({space.family}, {stages})",
        f"{space.dimension} free parameters, {space.size():,} settings",
    )


def parameter_rows(space: DesignSpace) -> list[list[str]]:
    """Return a row a parameter: name, what has one, its law, what holds across stages."""
    rows = []
    for parameter in space.all_parameters:
        kinds = [kind for kind in CONSTRAINTS if parameter.name in getattr(space, kind)]
        each = space.each(parameter)
        across = ", ".join(kinds) or ("" if each == "network" else "free")
        rows.append([parameter.name.replace("_", " "), each, parameter.law, across])
    return rows


def fixed_lines(space: DesignSpace) -> list[str]:
    """Return what holds for all of a space's networks."""
    line = [f"of all lines those with {space.stages} stages, none skipped"] if space.family == "regnet" else []
    return [*line, *(f"{name.replace('_', ' ')} {_value(value)} throughout" for name, value in space.fixed.items())]


def regime_lines(space: DesignSpace) -> list[str]:
    """Return for which images a space is, and how its networks are trained."""
    regime, recipe, fidelity = space.regime, space.regime.recipe, space.regime.fidelity
    low, high = (count(bound) for bound in regime.flops)
    shown = "all" if fidelity.images == "all" else f"{fidelity.images:,}"
    images = f"images {_text(regime.input_shape)}, {regime.num_classes} classes"
    stem = f"stem {regime.stem_width} channels, stride {regime.stem_stride}; stage strides {regime.stage_stride}"
    return [
        f"regime {regime.name}: {images}, data {regime.data or '(to be named)'}",
        *([stem] if space.family in ("anynet", "regnet") else []),  # other families have their own
        f"band {low} to {high} multiply-adds; {plural(fidelity.epochs, 'epoch')} of {shown} images a trial",
        f"learning rate {recipe.learning_rate:g}, batch {recipe.batch_size}, weight decay {recipe.weight_decay:g}, "
        f"initialisation {recipe.initialisation}",
    ]


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


def print_draws(console: Console, space: DesignSpace, members: Iterable[Member], *, start: int) -> None:
    """Print a line a draw: its choices, and what it costs at the regime's input."""
    regime = space.regime
    shared = {*space.tie, *space.equal}
    per_block = [p.name.replace("_", " ") for p in space.parameters if space.each(p) == "block"]
    listed = [p for p in space.parameters if len(p.values) > 1 and space.each(p) != "block"]
    rows = []
    for number, (architecture, point) in enumerate(members, start=start):
        counted = complexity(architecture, input_shape=regime.input_shape, num_classes=regime.num_classes)
        values = space.columns_at(point)
        choices = [
            "-".join(_value(values[c]) for c in (p.columns[:1] if p.name in shared else p.columns) if c in values)
            for p in listed
        ]
        rows.append([number, *choices, count(counted.flops), count(counted.params), architecture.key])
    headings = [p.name.replace("_", " ") for p in listed]
    print_table(console, ["number", *headings, "flops", "params", "key"], rows)
    if per_block:
        console.print(f"--json also gives what each block has: {', '.join(per_block)}", soft_wrap=True)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """What was chosen for a network, as people write it."""

    tables: tuple[tuple[list[str], list[list[Any]]], ...]  # columns and rows: a row a stage, or a block
    once: tuple[str, ...]  # what there is once: "block X"


def choices_of(architecture: Architecture) -> Choices:
    """Return what was chosen: lists of one length as a table, a row a stage or a block; then what there is once."""
    form = form_of(architecture.family, 1)
    fields = {name: value for name, value in architecture.to_dict().items() if name in form.fields}
    lists = {name: value for name, value in fields.items() if isinstance(value, list)}
    tables = []
    for length in dict.fromkeys(map(len, lists.values())):
        columns = {name: value for name, value in lists.items() if len(value) == length}
        heading = _each_of(architecture, next(iter(columns)))
        rows = [[number, *row] for number, row in enumerate(zip(*columns.values(), strict=True), start=1)]
        tables.append(([heading, *(name.removesuffix("s").replace("_", " ") for name in columns)], rows))
    once = tuple(f"{name.replace('_', ' ')} {_value(value)}" for name, value in fields.items() if name not in lists)
    return Choices(tables=tuple(tables), once=once)


def print_choices(console: Console, architecture: Architecture) -> None:
    """Print what was chosen for a network."""
    choices = choices_of(architecture)
    for columns, rows in choices.tables:
        print_table(console, columns, rows)
    if choices.once:
        console.print(", ".join(choices.once), soft_wrap=True)


def _each_of(architecture: Architecture, field: str) -> str:
    return "block" if field in architecture.parameters.block_fields else "stage"


def _value(value: object) -> str:
    """Return a value as its TOML file has it."""
    if isinstance(value, (list, tuple)):
        return "-".join(map(_value, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def _text(shape: Shape) -> str:
    return "x".join(map(str, shape))
