"""The vocabulary of layers that every family is written in: a pure tree, without torch.

A tree describes a network whose input is one image of shape (C, H, W). It names what a layer puts out; what it takes in
follows from the shape that reaches it. The same tree is built (`networks`), counted and printed (`counting`).
Padding, bias, groups and initialisation are always explicit, because families differ in them.

Shapes follow h' = (h + 2 * padding - kernel) // stride + 1.
"""

import dataclasses
import functools
import itertools
import json
from typing import Any, Literal, TypeAlias

Initialisation: TypeAlias = Literal[
    "fan_out_normal",  # weights N(0, sqrt(2 / (kernel * kernel * out_width))), biases 0: AnyNet
    "fan_in_normal",  # weights N(0, sqrt(2 / (kernel * kernel * in_width / groups))), biases 0: arXiv 1502.01852
    "small_normal",  # weights N(0, 0.01), biases 0: AnyNet's head
    "xavier_uniform",  # weights Xavier uniform, biases as torch draws them: the lecture's networks
]


@dataclasses.dataclass(frozen=True, slots=True)
class Conv:
    """Convolution with a square kernel: (C, H, W) -> (width, H', W')."""

    width: int  # output channels
    kernel: int
    stride: int = 1
    padding: int = 0
    groups: int = 1  # number of groups; channels per group = width / groups
    bias: bool = False
    initialisation: Initialisation = "fan_out_normal"


@dataclasses.dataclass(frozen=True, slots=True)
class Norm:
    """Batch normalisation over the channels that reach it; scale starts at 1, shift at 0."""


@dataclasses.dataclass(frozen=True, slots=True)
class Activation:
    """Pointwise non-linearity."""

    kind: Literal["relu", "sigmoid"] = "relu"


@dataclasses.dataclass(frozen=True, slots=True)
class Pool:
    """Max or average pooling with a square window."""

    kind: Literal["max", "average"]
    kernel: int
    stride: int
    padding: int = 0


@dataclasses.dataclass(frozen=True, slots=True)
class GlobalPool:
    """Average over all positions: (C, H, W) -> (C, 1, 1)."""


@dataclasses.dataclass(frozen=True, slots=True)
class Flatten:
    """(C, H, W) -> (C * H * W,)."""


@dataclasses.dataclass(frozen=True, slots=True)
class Linear:
    """Fully connected layer: (F,) -> (width,)."""

    width: int
    bias: bool = True
    initialisation: Initialisation = "small_normal"


@dataclasses.dataclass(frozen=True, slots=True)
class Dropout:
    """Zero a share of the values while training."""

    rate: float


@dataclasses.dataclass(frozen=True, slots=True)
class Sequence:
    """Layers one after the other; empty, it is the identity."""

    layers: tuple["Layer", ...] = ()
    name: str = ""  # what a layer summary prints; no part of the network's identity


@dataclasses.dataclass(frozen=True, slots=True)
class Residual:
    """body(x) + shortcut(x); both must put out the same shape."""

    body: "Layer"
    shortcut: "Layer" = Sequence()


@dataclasses.dataclass(frozen=True, slots=True)
class Concat:
    """Outputs of the branches, one behind the other along the channels; a dense branch is `Sequence()`.

    The input, kept.
    """

    branches: tuple["Layer", ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Scale:
    """x * gate(x), where the gate puts out one value a channel, (C, 1, 1): squeeze-and-excitation."""

    gate: "Layer"


Layer: TypeAlias = (
    Conv | Norm | Activation | Pool | GlobalPool | Flatten | Linear | Dropout | Sequence | Residual | Concat | Scale
)

Shape: TypeAlias = tuple[int, ...]  # (C, H, W), or (F,) after Flatten; never with the batch


def canonical(layer: Layer) -> str:
    """Return one text for all trees that describe the same network.

    Names are left out, nested sequences are flattened, and fields at their default are omitted, so that a new field
    with a default leaves the identity of old networks as it was.
    """
    return json.dumps(_steps(layer), separators=(",", ":"))


def _steps(layer: Layer) -> list[Any]:
    if isinstance(layer, Sequence):
        steps: list[Any] = []
        for _, same in itertools.groupby(layer.layers, key=id):  # a stage is one block many times: it is walked once
            child, *others = same
            steps += _steps(child) * (1 + len(others))
        return steps
    kind: type = type(layer)
    step: list[Any] = [kind.__name__]
    for name, default in _fields(kind):
        value = _canonical_value(getattr(layer, name))
        if value != default:
            step.append([name, value])
    return [step]


@functools.cache
def _fields(kind: type) -> list[tuple[str, Any]]:
    """Return the names of a kind of layer's fields with their defaults, MISSING where there is none."""
    return [(field.name, _canonical_value(field.default)) for field in dataclasses.fields(kind)]


def _canonical_value(value: Any) -> Any:
    if isinstance(value, (int, float, str)):  # nearly all are, and asking whether it is a dataclass takes longer
        return value
    if isinstance(value, tuple):
        return [_steps(branch) for branch in value]
    return _steps(value) if dataclasses.is_dataclass(value) else value  # type: ignore[arg-type]
