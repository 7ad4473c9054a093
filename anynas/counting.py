"""Count a network before it is built: flops, params, activations, shapes.

Conventions are those of pycls, so that numbers compare with the published ones: one multiply-add is one flop;
convolutions and linear layers count their biases; batch norm counts 2 params a channel and nothing else; activations
are the outputs of convolutions, pooling windows and linear layers (the paper's own text counts convolutions alone);
global pooling counts nothing.
"""

import dataclasses
import numbers
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

from anynas.architecture import Architecture
from anynas.errors import ArchitectureError
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

if TYPE_CHECKING:
    import pandas as pd


QUANTITIES = ("flops", "params", "activations")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Complexity:
    """What one image costs; int64 arrays of one length where many networks were counted at once."""

    flops: Any = 0  # multiply-adds: one MAC = 1
    params: Any = 0
    activations: Any = 0

    def __add__(self, other: "Complexity") -> "Complexity":
        return Complexity(
            flops=self.flops + other.flops,
            params=self.params + other.params,
            activations=self.activations + other.activations,
        )

    def __mul__(self, times: Any) -> "Complexity":
        return Complexity(flops=self.flops * times, params=self.params * times, activations=self.activations * times)


def complexity(architecture: Architecture, *, input_shape: Shape, num_classes: int) -> Complexity:
    """Count one network.

    Args:
        architecture: Which network.
        input_shape: One image, (C, H, W).
        num_classes: Number of logits.

    Raises:
        ArchitectureError: The input is too small for the network's strides.
    """
    return measure(architecture.layers(num_classes), image_shape(input_shape))[1]


def layer_summary(architecture: Architecture, *, input_shape: Shape, num_classes: int) -> "pd.DataFrame":
    """Return the network's top level as a table: layer, output_shape, params, flops; one row a layer or part.

    A part is called by its name, and a layer or part without one by its class of torch.

    Args:
        architecture: Which network.
        input_shape: One image, (C, H, W).
        num_classes: Number of logits.

    Raises:
        ArchitectureError: The input is too small for the network's strides.
    """
    import pandas as pd

    shape = image_shape(input_shape)
    rows = []
    for number, layer in enumerate(architecture.layers(num_classes).layers, start=1):
        shape, cost = _measure(layer, shape, _Place().at(number, layer))
        rows.append({"layer": _printed(layer), "output_shape": shape, "params": cost.params, "flops": cost.flops})
    return pd.DataFrame(rows, columns=["layer", "output_shape", "params", "flops"])


def image_shape(input_shape: Shape) -> Shape:
    """Return the shape as a tuple of three positive ints (C, H, W), or raise ArchitectureError."""
    sizes = tuple(input_shape) if isinstance(input_shape, Iterable) else ()
    if len(sizes) != 3 or not all(isinstance(size, numbers.Integral) and size >= 1 for size in sizes):
        raise ArchitectureError(f"input_shape must be three positive numbers (C, H, W); got {input_shape!r}")
    return tuple(int(size) for size in sizes)


def measure(layer: Layer, shape: Shape) -> tuple[Shape, Complexity]:
    """Return the shape that a layer puts out for one input of `shape`, and what it costs.

    Args:
        layer: A tree.
        shape: What reaches it, without the batch.

    Raises:
        ArchitectureError: The layer does not fit the shape; the error names its place in the tree.
    """
    return _measure(layer, shape, _Place())


class _Place(NamedTuple):
    """Where a layer stands in its tree, for errors: what they begin with is its text."""

    names: str = ""  # of the named parts around it, joined by dots
    numbers: tuple[int, ...] = ()  # where no part has a name: its position, from 1, in each sequence around it
    layer: Layer | None = None  # what stands at that position; None: the whole network

    def inside(self, name: str) -> "_Place":
        return self._replace(names=f"{self.names}.{name}" if self.names else name) if name else self

    def at(self, number: int, layer: Layer) -> "_Place":
        return self if self.names else _Place(numbers=(*self.numbers, number), layer=layer)

    def __str__(self) -> str:
        if self.names or self.layer is None:
            return self.names or "network"
        return f"layer {'.'.join(map(str, self.numbers))} ({_printed(self.layer)})"


def _printed(layer: Layer) -> str:
    """Return a part's name, or the class of torch that does a layer's work."""
    match layer:
        case Sequence(name=name):
            return name or "Sequential"
        case Activation(kind=kind):
            return {"relu": "ReLU", "sigmoid": "Sigmoid"}[kind]
        case Pool(kind=kind):
            return {"max": "MaxPool2d", "average": "AvgPool2d"}[kind]
    return {Conv: "Conv2d", Norm: "BatchNorm2d", GlobalPool: "AdaptiveAvgPool2d"}.get(type(layer), type(layer).__name__)


def _measure(layer: Layer, shape: Shape, place: _Place) -> tuple[Shape, Complexity]:
    match layer:
        case Sequence(layers=layers, name=name):
            place = place.inside(name)
            total = Complexity()
            previous, before = None, None
            for number, child in enumerate(layers, start=1):
                if child is not previous or shape != before:  # a stage is one block many times: it is measured once
                    previous, before = child, shape
                    after, cost = _measure(child, shape, place.at(number, child))
                shape = after
                total += cost
            return shape, total
        case Residual(body=body, shortcut=shortcut):
            out, cost = _measure(body, shape, place)
            kept, shortcut_cost = _measure(shortcut, shape, place)
            _require(out == kept, place, f"a residual's branches must agree; got {_text(out)} and {_text(kept)}")
            return out, cost + shortcut_cost
        case Concat(branches=branches):
            outs, costs = zip(*(_measure(branch, shape, place) for branch in branches), strict=True)
            came = " and ".join(map(_text, outs))
            _require(
                len({out[1:] for out in outs}) == 1,
                place,
                f"branches must agree but for channels; got {came}",
            )
            return (sum(out[0] for out in outs), *outs[0][1:]), sum(costs, Complexity())
        case Scale(gate=gate):
            gated, cost = _measure(gate, shape, place)
            wanted = (shape[0], 1, 1)
            _require(gated == wanted, place, f"a gate must put out {_text(wanted)}; got {_text(gated)}")
            return shape, cost
    return _measure_leaf(layer, shape, place)


def _measure_leaf(layer: Layer, shape: Shape, place: _Place) -> tuple[Shape, Complexity]:
    match layer:
        case Activation() | Dropout():
            return shape, Complexity()
        case Flatten():
            size = 1
            for length in shape:
                size *= length
            return (size,), Complexity()
        case Linear(width=width, bias=bias):
            _require(len(shape) == 1, place, f"a linear layer takes flat input; got {_text(shape)}")
            terms = shape[0] * width + bias * width
            return (width,), Complexity(flops=terms, params=terms, activations=width)
        case _:
            _require(len(shape) == 3, place, f"{type(layer).__name__} takes an image (C, H, W); got {_text(shape)}")
    channels, height, width = shape
    match layer:
        case Norm():
            return shape, Complexity(params=2 * channels)
        case GlobalPool():
            return (channels, 1, 1), Complexity()
        case Pool():
            out = (channels, *_window(layer, height, width, place))
            return out, Complexity(activations=out[0] * out[1] * out[2])
        case Conv():
            _require(
                channels % layer.groups == 0 and layer.width % layer.groups == 0,
                place,
                f"{layer.groups} groups must divide the channels; got {channels} in, {layer.width} out",
            )
            positions = _window(layer, height, width, place)
            return (layer.width, *positions), _count_conv(
                channels,
                layer.width,
                layer.kernel,
                positions[0] * positions[1],
                groups=layer.groups,
                bias=layer.bias,
            )
    raise TypeError(f"no layer: {layer!r}")


def _window(layer: Conv | Pool, height: int, width: int, place: _Place) -> tuple[int, int]:
    out_height, out_width = (_out_size(size, layer.kernel, layer.stride, layer.padding) for size in (height, width))
    kind = "convolution" if isinstance(layer, Conv) else f"{layer.kind}-pooling"
    _require(
        out_height >= 1 and out_width >= 1,
        place,
        f"its {layer.kernel}x{layer.kernel} {kind} (stride {layer.stride}, padding {layer.padding}) needs a larger "
        "input; "
        f"{height}x{width} reached it; use larger images or fewer strides",
    )
    return out_height, out_width


def _require(condition: bool, place: _Place, message: str) -> None:
    if not condition:
        raise ArchitectureError(f"{place}: {message}")


def _text(shape: Shape) -> str:
    return "x".join(map(str, shape))


def _out_size(size: int, kernel: int, stride: int, padding: int) -> int:
    return (size + 2 * padding - kernel) // stride + 1


def _count_conv(
    in_width: Any, width: Any, kernel: int, positions: int, *, groups: Any = 1, bias: bool = False
) -> Complexity:
    """Count convolutions with `positions` output pixels; widths and groups may be arrays.

    Arrays are long: none is multiplied by 1, or added to 0.
    """
    group_width = in_width if isinstance(groups, int) and groups == 1 else in_width // groups
    params = group_width * width
    if kernel > 1:
        params = params * kernel**2
    if bias:
        params = params + width
    return Complexity(flops=params * positions, params=params, activations=width * positions)


def _count_norm(width: Any) -> Complexity:
    return Complexity(params=2 * width)
