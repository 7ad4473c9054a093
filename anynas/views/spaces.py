"""What the commands print about spaces, their draws, and architectures."""

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any

from rich.console import Console

from anynas.architecture import Architecture
from anynas.designspace import DesignSpace
from anynas.designspace.forms import form_of
from anynas.facts import Facts
from anynas.terminal import count, plural, print_line, print_table
from anynas.views.networks import print_latency

LONGEST_SIZE = 26  # characters that `anynas spaces` gives a number
PARAMETER_COLUMNS = ["parameter", "one a", "law", "across stages"]


def print_spaces(console: Console, spaces: Sequence[Facts]) -> None:
    """Print a line a space; sizes too long for a column are rounded there, and exact below."""
    sizes = {space["name"]: f"{space['size']:,}" for space in spaces}
    shown = {
        name: size if len(size) <= LONGEST_SIZE else f"{float(size.replace(',', '')):.3g}"
        for name, size in sizes.items()
    }
    columns = ["space", "family", "free", "size", "what it is"]
    rows = [[s["name"], s["family"], s["dimension"], shown[s["name"]], s["description"]] for s in spaces]
    print_table(console, columns, rows, right=["size"])
    for name, size in sizes.items():
        if size != shown[name]:
            console.print()
            print_line(console, f"{name} has exactly {size}")


def print_space(console: Console, space: Facts) -> None:
    """Print a space's parameters, laws, constraints and size, and its regime."""
    for line in space_heading(space):
        print_line(console, line)
    console.print()
    print_table(console, PARAMETER_COLUMNS, parameter_rows(space))
    for line in fixed_lines(space):
        console.print(line)
    console.print()
    for place, line in enumerate(regime_lines(space)):
        print_line(console, f"{'  ' if place else ''}{line}")


def space_heading(space: Facts) -> tuple[str, str]:
    """Return what a space is, and how large."""
    stages = f"{space['stages']} stages" if isinstance(space["stages"], int) else f"stages {space['stages']}"
    return (
        f"{space['name']}: {space['description'] or 'a design space'} ({space['family']}, {stages})",
        f"{space['dimension']} free parameters, {space['size']:,} settings",
    )


def parameter_rows(space: Facts) -> list[list[str]]:
    """Return a row a parameter: name, what has one, its law, what holds across stages."""
    return [
        [
            parameter["name"].replace("_", " "),
            parameter["each"],
            parameter["law"],
            ", ".join(parameter["constraints"]) or ("" if parameter["each"] == "network" else "free"),
        ]
        for parameter in space["parameters"]
    ]


def fixed_lines(space: Facts) -> list[str]:
    """Return what holds for all of a space's networks."""
    line = [f"of all lines those with {space['stages']} stages, none skipped"] if space["family"] == "regnet" else []
    return [*line, *(f"{name.replace('_', ' ')} {_value(value)} throughout" for name, value in space["fixed"].items())]


def regime_lines(space: Facts) -> list[str]:
    """Return for which images a space is, and how its networks are trained."""
    regime = space["regime"]
    recipe, fidelity = regime["recipe"], regime["fidelity"]
    images = f"images {_text(regime['input_shape'])}, {regime['num_classes']} classes"
    low, high = (count(bound) for bound in regime["flops"])
    each = "all" if fidelity["images"] == "all" else f"{fidelity['images']:,}"
    stem = (
        f"stem {regime['stem_width']} channels, stride {regime['stem_stride']}; stage strides {regime['stage_stride']}"
    )
    return [
        f"regime {regime['name']}: {images}, data {regime['data'] or '(to be named)'}",
        *([stem] if space["family"] in ("anynet", "regnet") else []),  # other families have their own
        f"band {low} to {high} multiply-adds; {plural(fidelity['epochs'], 'epoch')} of {each} images a trial",
        f"learning rate {recipe['learning_rate']:g}, batch {recipe['batch_size']}, weight decay "
        f"{recipe['weight_decay']:g}, initialisation {recipe['initialisation']}",
    ]


def print_architecture(console: Console, shown: Facts) -> None:
    """Print an architecture layer by layer, and what it costs."""
    family, images = shown["architecture"]["family"], _text(shown["input_shape"])
    console.print(f"{family} {shown['key']} at {images}, {shown['num_classes']} classes")
    rows = [[r["layer"], _text(r["output_shape"]), r["params"], r["flops"]] for r in shown["layers"]]
    print_table(console, ["layer", "output shape", "params", "flops"], rows)
    console.print()
    console.print(f"flops        {shown['flops']:,} multiply-adds")
    console.print(f"params       {shown['params']:,}")
    console.print(f"activations  {shown['activations']:,}")
    if "latency" in shown:
        print_latency(console, shown["latency"])


def print_draws(console: Console, space: DesignSpace, draws: Sequence[Facts]) -> None:
    """Print a line a draw: its choices, and what it costs at the regime's input."""
    shared = {*space.tie, *space.equal}
    per_block = [p.name.replace("_", " ") for p in space.parameters if space.each(p) == "block"]
    listed = [p for p in space.parameters if len(p.values) > 1 and space.each(p) != "block"]
    rows = []
    for draw in draws:
        choices = [
            "-".join(_value(draw[c]) for c in (p.columns[:1] if p.name in shared else p.columns) if c in draw)
            for p in listed
        ]
        rows.append([draw["number"], *choices, count(draw["flops"]), count(draw["params"]), draw["key"]])
    headings = [p.name.replace("_", " ") for p in listed]
    print_table(console, ["number", *headings, "flops", "params", "key"], rows)
    if per_block:
        print_line(console, f"--json also gives what each block has: {', '.join(per_block)}")


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
        print_line(console, ", ".join(choices.once))


def _each_of(architecture: Architecture, field: str) -> str:
    return "block" if field in architecture.parameters.block_fields else "stage"


def _value(value: object) -> str:
    """Return a value as its TOML file has it."""
    if isinstance(value, (list, tuple)):
        return "-".join(map(_value, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def _text(shape: Iterable[int]) -> str:
    return "x".join(map(str, shape))
