"""What networks are held against: a count by hooks, and a network written in plain torch."""

import contextlib
import math
from collections.abc import Iterator
from unittest import mock

import torch
from torch import Tensor, nn

from anynas.architecture import Architecture
from anynas.counting import Complexity, complexity, layer_summary
from anynas.layers import Shape
from anynas.networks import build

POINTWISE = (nn.BatchNorm2d, nn.ReLU, nn.Sigmoid, nn.Dropout)
FILLS = ("kaiming_uniform_", "uniform_", "normal_", "xavier_uniform_", "zeros_", "ones_")


@contextlib.contextmanager
def without_values() -> Iterator[None]:
    """Build networks on the meta device; filling tensors that hold nothing takes most of the time there."""
    with torch.device("meta"), mock.patch.multiple(nn.init, **dict.fromkeys(FILLS, lambda tensor, *_, **__: tensor)):
        yield


def hooked_complexity(network: nn.Module, input_shape: Shape) -> Complexity:
    """Count what runs when one image passes: from the modules' attributes and the tensors' shapes alone."""
    flops: list[int] = []
    activations: list[int] = []
    called: list[nn.Module] = []

    def count(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        called.append(module)
        if isinstance(module, nn.BatchNorm2d):
            assert inputs[0].shape[1] == module.num_features
        match module:
            case nn.Conv2d():
                taps = module.kernel_size[0] * module.kernel_size[1] * (inputs[0].shape[1] // module.groups)
                flops.append(output.numel() * (taps + (module.bias is not None)))
                activations.append(output.numel())
            case nn.MaxPool2d() | nn.AvgPool2d():
                activations.append(output.numel())
            case nn.Linear():
                flops.append(output.numel() * (inputs[0].numel() + (module.bias is not None)))
                activations.append(output.numel())
            case nn.BatchNorm2d() | nn.ReLU() | nn.Sigmoid() | nn.Dropout():
                pass
            case nn.AdaptiveAvgPool2d() | nn.Flatten() | nn.Identity():
                pass
            case _:
                raise AssertionError(f"no convention for {module}")

    leaves = [module for module in network.modules() if not list(module.children())]
    hooks = [leaf.register_forward_hook(count) for leaf in leaves]
    for leaf in leaves:
        if isinstance(leaf, POINTWISE):
            leaf.forward = lambda x: x  # type: ignore[method-assign]  # without values only the shape matters
    network(torch.empty(1, *input_shape, device="meta"))
    for hook in hooks:
        hook.remove()
    assert sorted(map(id, called)) == sorted(map(id, leaves))  # each runs once: nothing counted twice or left out
    params = sum(parameter.numel() for parameter in network.parameters())
    return Complexity(flops=sum(flops), params=params, activations=sum(activations))


def assert_same_network(architecture: Architecture, plain: nn.Module, input_shape: Shape, num_classes: int) -> None:
    """Hold the built network against a plain one whose state is in the same order: shapes, params, logits."""
    with torch.device("meta"):
        network = build(architecture, input_shape=input_shape, num_classes=num_classes)
    plain = plain.double().eval()
    state, plain_state = network.state_dict(), plain.state_dict()
    assert [tuple(value.shape) for value in state.values()] == [tuple(value.shape) for value in plain_state.values()]
    params = sum(parameter.numel() for parameter in plain.parameters())
    assert complexity(architecture, input_shape=input_shape, num_classes=num_classes).params == params
    randomise(plain)
    network.load_state_dict(dict(zip(state, plain.state_dict().values(), strict=True)), assign=True)
    images = torch.randn(2, *input_shape, dtype=torch.double, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        logits, expected = network.eval()(images), plain(images)
    assert logits.shape == (2, num_classes)
    assert expected.std() > 0.01
    torch.testing.assert_close(logits, expected, rtol=1e-9, atol=1e-12)


def assert_summary(
    architecture: Architecture, plain: nn.Sequential, input_shape: Shape, rows: list[tuple[str, Shape]]
) -> None:
    """Check a summary's names and shapes, and its params against those of a plain network's children."""
    summary = layer_summary(architecture, input_shape=input_shape, num_classes=10)
    assert list(zip(summary.layer, summary.output_shape, strict=True)) == rows
    assert summary.params.tolist() == [sum(p.numel() for p in child.parameters()) for child in plain]


def randomise(network: nn.Module) -> None:
    """Give every weight and statistic a value of its own, so that two that are swapped are seen."""
    generator = torch.Generator().manual_seed(0)
    for name, value in network.state_dict().items():
        if value.is_floating_point():
            spread = math.sqrt(2 / value[0].numel()) if value.dim() > 1 else 0.2  # keeps values of one size
            value.normal_(generator=generator).mul_(spread)
            if "running_var" in name:
                value.abs_().add_(0.5)
            elif "bn" in name and name.endswith("weight"):
                value.add_(1)
