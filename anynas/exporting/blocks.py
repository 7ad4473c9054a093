"""A tree of layers as parts made of blocks: what is to become attributes and classes of a file that people read.

Every layer is annotated with the channels that reach it. A block is what deserves a class: a residual, branches, a
gate, or a few layers that stand together inside a part. Parts run one after the other: stem, stages, head.
"""

import dataclasses
from collections.abc import Iterator
from typing import Literal, TypeAlias

from anynas.counting import measure
from anynas.layers import (
    Activation,
    Concat,
    Conv,
    Dropout,
    Flatten,
    GlobalPool,
    Layer,
    Linear,
    Norm,
    Pool,
    Residual,
    Scale,
    Sequence,
    Shape,
)

Number: TypeAlias = int | float
Kind: TypeAlias = Literal["residual", "concat", "scale", "plain"]

DEFAULTS: dict[str, Number] = {"stride": 1, "padding": 0, "groups": 1}  # of torch's convolutions


@dataclasses.dataclass(frozen=True, slots=True)
class Leaf:
    """One of torch's layers with its numbers."""

    kind: str  # torch's class
    slots: tuple[tuple[str, Number], ...] = ()  # names are torch's
    bias: bool = True


@dataclasses.dataclass(frozen=True, slots=True)
class Block:
    """Layers that are to be a class of their own."""

    kind: Kind
    chains: tuple[tuple["Item", ...], ...]  # residual: body, shortcut; concat: branches; scale: the gate; plain: all
    width_in: int
    after: str = ""  # torch's class of the activation behind a residual's sum


Item: TypeAlias = Leaf | Block


@dataclasses.dataclass(frozen=True, slots=True)
class Part:
    """Some of a network's items, one after the other, and what they are called."""

    name: str
    items: tuple[Item, ...]


def parts_of(tree: Sequence, shape: Shape) -> list[Part]:
    """Return a network's parts: those that have names, else stem, stages and transitions, or one body; then the head.

    Args:
        tree: The network.
        shape: Of one image, (C, H, W).
    """
    groups: list[tuple[str, list[Layer], Shape]] = []  # with the shape that reaches each
    for child in tree.layers:
        name, layers = "", [child]
        if isinstance(child, Sequence):
            name, layers = child.name, list(child.layers)
        cut = next((place for place, layer in enumerate(layers) if isinstance(layer, (GlobalPool, Flatten))), None)
        inside_head = bool(groups) and groups[-1][0] == "head"
        if cut is not None and not inside_head and any(map(_is_block, layers[:cut])):
            groups.append((name, layers[:cut], shape))
            head, head_shape = layers[cut:], measure(Sequence(tuple(layers[:cut])), shape)[0]
            groups.append(("head", head, head_shape))
        elif inside_head:
            groups[-1][1].extend(layers)
        else:
            is_alone = not isinstance(child, Sequence)
            groups.append(("head" if cut is not None else "*" if is_alone else name, layers, shape))
        shape, _ = measure(child, shape)
    if any(name == "*" for name, _, _ in groups):  # layers between the parts: no parts then
        groups = _as_one_body(tree, groups)
    return _named([(name, _items(layers, at)) for name, layers, at in groups])


def blocks_in(items: tuple[Item, ...]) -> Iterator[Block]:
    """Yield all blocks, those inside others first."""
    for item in items:
        if isinstance(item, Block):
            for chain in item.chains:
                yield from blocks_in(chain)
            yield item


def _as_one_body(tree: Sequence, groups: list[tuple[str, list[Layer], Shape]]) -> list[tuple[str, list[Layer], Shape]]:
    """Return body and head, with what were parts as blocks of the body."""
    body: list[Layer] = []
    for name, layers, _ in groups:
        if name != "head":
            body += layers if name == "*" else [Sequence(tuple(layers))]
    return [("body", body, groups[0][2]), *(group for group in groups if group[0] == "head")]


def _named(groups: list[tuple[str, tuple[Item, ...]]]) -> list[Part]:
    have_blocks = [any(isinstance(item, Block) for item in items) for _, items in groups]
    first = have_blocks.index(True) if any(have_blocks) else 0
    num_stems = sum(not name for name, _ in groups[:first])
    numbers = {"stem": 0, "stage": 0, "transition": 0}
    parts = []
    for place, (name, items) in enumerate(groups):
        if not name:
            kind = "stem" if place < first else "stage" if have_blocks[place] or not any(have_blocks) else "transition"
            numbers[kind] += 1
            name = kind if kind == "stem" and num_stems == 1 else f"{kind}{numbers[kind]}"
        parts.append(Part(name, items))
    return parts


def _is_block(layer: Layer) -> bool:
    return isinstance(layer, (Residual, Concat, Scale)) or (isinstance(layer, Sequence) and len(layer.layers) > 1)


def _items(layers: list[Layer] | tuple[Layer, ...], shape: Shape) -> tuple[Item, ...]:
    items: list[Item] = []
    for layer in layers:
        items += _item(layer, shape)
        shape, _ = measure(layer, shape)
    return tuple(items)


def _item(layer: Layer, shape: Shape) -> tuple[Item, ...]:
    width = shape[0]
    match layer:
        case Sequence(layers=(Residual() as residual, Activation() as activation)):
            return (dataclasses.replace(_residual(residual, shape), after=_activation(activation).kind),)
        case Sequence(layers=layers):
            items = _items(layers, shape)
            return items if len(items) < 2 else (Block("plain", (items,), width),)
        case Residual():
            return (_residual(layer, shape),)
        case Concat(branches=branches):
            return (Block("concat", tuple(_chain(branch, shape) for branch in branches), width),)
        case Scale(gate=gate):
            return (Block("scale", (_chain(gate, shape),), width),)
        case Conv():
            slots: dict[str, Number] = {"in_channels": width, "out_channels": layer.width, "kernel_size": layer.kernel}
            slots |= {"stride": layer.stride, "padding": layer.padding, "groups": layer.groups}
            return (Leaf("Conv2d", tuple(slots.items()), layer.bias),)
        case Linear():
            return (Leaf("Linear", (("in_features", width), ("out_features", layer.width)), layer.bias),)
        case Norm():
            return (Leaf("BatchNorm2d", (("num_features", width),)),)
        case Activation():
            return (_activation(layer),)
        case Pool(kind=kind, kernel=kernel, stride=stride, padding=padding):
            pool = "MaxPool2d" if kind == "max" else "AvgPool2d"
            return (Leaf(pool, (("kernel_size", kernel), ("stride", stride), ("padding", padding))),)
        case GlobalPool():
            return (Leaf("AdaptiveAvgPool2d", (("output_size", 1),)),)
        case Flatten():
            return (Leaf("Flatten"),)
        case Dropout(rate=rate):
            return (Leaf("Dropout", (("p", rate),)),)
    raise TypeError(f"no layer: {layer!r}")


def _residual(layer: Residual, shape: Shape) -> Block:
    return Block("residual", (_chain(layer.body, shape), _chain(layer.shortcut, shape)), shape[0])


def _chain(layer: Layer, shape: Shape) -> tuple[Item, ...]:
    """Return a branch's items: its outermost sequence is no block."""
    return _items(layer.layers, shape) if isinstance(layer, Sequence) else _item(layer, shape)


def _activation(layer: Activation) -> Leaf:
    return Leaf("ReLU" if layer.kind == "relu" else "Sigmoid")
