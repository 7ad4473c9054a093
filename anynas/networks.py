"""Build a tree of layers as a torch network."""

import math
from collections import OrderedDict
from collections.abc import Callable

import torch
from torch import Tensor, nn

from anynas.architecture import Architecture
from anynas.counting import image_shape, measure
from anynas.layers import (
    Activation,
    Concat,
    Conv,
    Dropout,
    Flatten,
    GlobalPool,
    Initialisation,
    Layer,
    Linear,
    Norm,
    Pool,
    Residual,
    Scale,
    Sequence,
    Shape,
)


def build(architecture: Architecture, *, input_shape: Shape, num_classes: int) -> nn.Module:
    """Return the network, initialised as its family says with torch's current random state.

    Args:
        architecture: Which network.
        input_shape: One image, (C, H, W).
        num_classes: Number of logits.

    Returns:
        A module that takes images (N, C, H, W) and returns logits (N, num_classes).

    Raises:
        ArchitectureError: The input is too small for the network's strides.
    """
    tree, shape = architecture.layers(num_classes), image_shape(input_shape)
    measure(tree, shape)  # raises with the layer's name, before anything is built
    return _module(tree, shape)


def initialise(network: nn.Module, scheme: Initialisation) -> None:
    """Draw all weights of convolutions and linear layers anew, by one scheme, with torch's current random state."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            _initialised(module, scheme, fan_out=module.kernel_size[0] ** 2 * module.out_channels)
        elif isinstance(module, nn.Linear):
            _initialised(module, scheme, fan_out=module.out_features)


class Sum(nn.Module):
    """body(x) + shortcut(x)."""

    def __init__(self, body: nn.Module, shortcut: nn.Module) -> None:
        super().__init__()
        self.body, self.shortcut = body, shortcut

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to (N, C', H', W')."""
        summed: Tensor = self.body(x) + self.shortcut(x)
        return summed


class Branches(nn.Module):
    """Outputs of all branches, concatenated along the channels."""

    def __init__(self, branches: list[nn.Module]) -> None:
        super().__init__()
        self.branches = nn.ModuleList(branches)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to (N, C', H', W')."""
        return torch.cat([branch(x) for branch in self.branches], dim=1)


class Gated(nn.Module):
    """x * gate(x)."""

    def __init__(self, gate: nn.Module) -> None:
        super().__init__()
        self.gate = gate

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to the same shape."""
        scaled: Tensor = x * self.gate(x)
        return scaled


# Layers that put out a new tensor, which nobody else reads: a ReLU behind one may overwrite it.
# First in a branch, it would overwrite what the other branches still have to read.
_FRESH = (Conv, Linear, Norm, Pool, Residual, Concat, Scale)


def _module(layer: Layer, shape: Shape) -> nn.Module:
    """Build a layer that `shape` reaches."""
    match layer:
        case Sequence(layers=layers):
            modules: OrderedDict[str, nn.Module] = OrderedDict()
            for position, child in enumerate(layers):
                name = (child.name if isinstance(child, Sequence) else "") or str(position)
                while name in modules:  # two parts may bear one name
                    name = f"{name}_{position}"
                fresh = position > 0 and isinstance(layers[position - 1], _FRESH)
                modules[name] = (
                    _activation(child, inplace=fresh) if isinstance(child, Activation) else _module(child, shape)
                )
                shape, _ = measure(child, shape)
            return nn.Sequential(modules) if modules else nn.Identity()
        case Residual(body=body, shortcut=shortcut):
            return Sum(_module(body, shape), _module(shortcut, shape))
        case Concat(branches=branches):
            return Branches([_module(branch, shape) for branch in branches])
        case Scale(gate=gate):
            return Gated(_module(gate, shape))
        case Conv():
            conv = nn.Conv2d(
                shape[0],
                layer.width,
                layer.kernel,
                layer.stride,
                layer.padding,
                groups=layer.groups,
                bias=layer.bias,
            )
            return _initialised(conv, layer.initialisation, fan_out=layer.kernel**2 * layer.width)
        case Linear():
            linear = nn.Linear(shape[0], layer.width, bias=layer.bias)
            return _initialised(linear, layer.initialisation, fan_out=layer.width)
        case Norm():
            return nn.BatchNorm2d(shape[0])
        case Activation():
            return _activation(layer, inplace=False)
        case Pool(kind=kind, kernel=kernel, stride=stride, padding=padding):
            pool: Callable[..., nn.Module] = nn.MaxPool2d if kind == "max" else nn.AvgPool2d
            return pool(kernel, stride, padding)
        case GlobalPool():
            return nn.AdaptiveAvgPool2d(1)
        case Flatten():
            return nn.Flatten()
        case Dropout(rate=rate):
            return nn.Dropout(rate)
    raise TypeError(f"no layer: {layer!r}")


def _activation(layer: Activation, *, inplace: bool) -> nn.Module:
    return nn.ReLU(inplace) if layer.kind == "relu" else nn.Sigmoid()


def _initialised(module: nn.Conv2d | nn.Linear, scheme: Initialisation, *, fan_out: int) -> nn.Module:
    if scheme == "xavier_uniform":  # the lecture leaves biases as torch draws them
        nn.init.xavier_uniform_(module.weight)
        return module
    deviations = {
        "fan_out_normal": math.sqrt(2 / fan_out),
        "fan_in_normal": math.sqrt(2 / module.weight[0].numel()),
        "small_normal": 0.01,
    }
    nn.init.normal_(module.weight, mean=0.0, std=deviations[scheme])
    if module.bias is not None:
        nn.init.zeros_(module.bias)
    return module
