"""Convolutions and linear layers as operations of a tape: which is the fastest depends on their shape."""

from collections.abc import Iterator
from typing import TypeAlias

import torch
from torch import Tensor, nn

from anynas import layers
from anynas.counting import measure
from anynas.layers import Concat, Conv, Layer, Residual, Scale, Shape
from anynas.training.cpu import kernels
from anynas.training.cpu.operations import Gradients, Signal

FEW_CHANNELS = 8  # a group, up to which a 3x3 is computed directly
FEW_COLUMNS = 16  # channels, up to which windows of another size are unfolded


class Pointwise:
    """A 1x1 convolution or a linear layer: one product of matrices. A stride takes every so many-th position."""

    def __init__(self, module: nn.Conv2d | nn.Linear, x: Signal, y: Signal, gradients: Gradients | None) -> None:
        self._x, self._y, self._stride = x, y, module.stride[0] if isinstance(module, nn.Conv2d) else 1
        self._weight = module.weight.detach().view(module.weight.shape[0], -1)
        self._bias = None if module.bias is None else module.bias.detach().view(-1, 1)
        self._input = self._seen(x.value) if self._stride == 1 else torch.empty_like(self._seen(x.value))
        self._input = self._input.reshape(self._input.shape[0], -1)
        self._output = y.value.view(y.value.shape[0], -1)
        if gradients is not None:
            assert y.grad is not None
            self._output_grad = y.grad.view(y.grad.shape[0], -1)
            self._weight_grad = gradients(module.weight).view(self._weight.shape)
            self._bias_grad = None if module.bias is None else gradients(module.bias)
            if x.grad is not None:
                self._input_grad = (x.grad if self._stride == 1 else self._input).view(self._input.shape)

    def forward(self) -> None:
        """Multiply."""
        if self._stride > 1:
            seen = self._seen(self._x.value)
            self._input.view(seen.shape).copy_(seen)
        torch.mm(self._weight, self._input, out=self._output)
        if self._bias is not None:
            self._output.add_(self._bias)

    def backward(self) -> None:
        """Multiply by the transposes."""
        torch.mm(self._output_grad, self._input.t(), out=self._weight_grad)
        if self._bias_grad is not None:
            torch.sum(self._output_grad, dim=1, out=self._bias_grad)
        if self._x.grad is None:
            return
        torch.mm(self._weight.t(), self._output_grad, out=self._input_grad)
        if self._stride > 1:
            self._x.grad.zero_()
            seen = self._seen(self._x.grad)
            seen.copy_(self._input_grad.view(seen.shape))

    def _seen(self, value: Tensor) -> Tensor:
        return value[:, :: self._stride, :: self._stride] if self._stride > 1 else value


class Biased:
    """What convolutions of larger kernels share: a bias for each channel of the output."""

    def __init__(self, module: nn.Conv2d, x: Signal, y: Signal, gradients: Gradients | None) -> None:
        self._x, self._y = x, y
        self._stride, self._padding = module.stride[0], int(module.padding[0])
        self._bias = None if module.bias is None else module.bias.detach().view(-1, 1, 1, 1)
        self._bias_grad = None if module.bias is None or gradients is None else gradients(module.bias)

    def _add_bias(self) -> None:
        if self._bias is not None:
            self._y.value.add_(self._bias)

    def _fill_bias_grad(self) -> None:
        if self._bias_grad is not None:
            assert self._y.grad is not None
            torch.sum(self._y.grad, dim=(1, 2, 3), out=self._bias_grad)


class Direct(Biased):
    """A 3x3 convolution, padded by 1, of few channels a group."""

    def __init__(self, module: nn.Conv2d, x: Signal, y: Signal, gradients: Gradients | None) -> None:
        super().__init__(module, x, y, gradients)
        outputs, group_width = module.weight.shape[:2]
        self._weight = module.weight.detach().view(outputs, group_width, 9).numpy()
        _, height, width, batch = x.value.shape
        self._scratch = torch.zeros(height + 2, width + 2, batch).numpy()
        self._input, self._output = x.value.numpy(), y.value.numpy()
        if gradients is not None:
            assert y.grad is not None
            self._weight_grad = gradients(module.weight).view(outputs, group_width, 9).numpy()
            self._output_grad = y.grad.numpy()
            self._input_grad = None if x.grad is None else x.grad.numpy()

    def forward(self) -> None:
        """Convolve."""
        kernels.convolve(self._input, self._weight, self._output, self._scratch, self._stride)
        self._add_bias()

    def backward(self) -> None:
        """Convolve with the kernels turned round."""
        kernels.convolve_backward_weight(self._input, self._weight_grad, self._output_grad, self._scratch, self._stride)
        self._fill_bias_grad()
        if self._input_grad is not None:
            kernels.convolve_backward_input(
                self._input_grad, self._weight, self._output_grad, self._scratch, self._stride
            )


class Unfolded(Biased):
    """A convolution of few channels and any kernel, without groups: what each window sees, times the weights."""

    def __init__(self, module: nn.Conv2d, x: Signal, y: Signal, gradients: Gradients | None) -> None:
        super().__init__(module, x, y, gradients)
        outputs, channels, kernel, _ = module.weight.shape
        columns = torch.empty(channels, kernel, kernel, *y.value.shape[1:])
        self._columns, self._matrix = columns.numpy(), columns.view(channels * kernel**2, -1)
        self._weight = module.weight.detach().view(outputs, -1)
        self._input, self._output = x.value.numpy(), y.value.view(outputs, -1)
        if gradients is not None:
            assert y.grad is not None
            self._weight_grad = gradients(module.weight).view(outputs, -1)
            self._output_grad = y.grad.view(outputs, -1)

    def forward(self) -> None:
        """Unfold and multiply."""
        kernels.unfold(self._input, self._columns, self._stride, self._padding)
        torch.mm(self._weight, self._matrix, out=self._output)
        self._add_bias()

    def backward(self) -> None:
        """Multiply and fold; the columns' own gradient takes their place."""
        torch.mm(self._output_grad, self._matrix.t(), out=self._weight_grad)
        self._fill_bias_grad()
        if self._x.grad is not None:
            torch.mm(self._weight.t(), self._output_grad, out=self._matrix)
            kernels.fold(self._x.grad.numpy(), self._columns, self._stride, self._padding)


class Wide:
    """A convolution of many channels a group: torch's own, with channels innermost on the way in and out."""

    def __init__(self, module: nn.Conv2d, x: Signal, y: Signal, gradients: Gradients | None) -> None:
        self._x, self._y = x, y
        self._weight = module.weight.detach()
        self._bias = None if module.bias is None else module.bias.detach()
        self._how = ([*module.stride], [*module.padding], [*module.dilation], False, [0, 0], module.groups)
        self._input, self._output = _channels_last(x.value), _channels_last(y.value)
        self._gradients = (
            None
            if gradients is None
            else (gradients(module.weight), None if module.bias is None else gradients(module.bias))
        )

    def forward(self) -> None:
        """Convolve."""
        _transpose(self._x.value, self._input)
        result = torch.ops.aten.convolution(self._input, self._weight, self._bias, *self._how)
        _transpose_back(result, self._y.value)

    def backward(self) -> None:
        """Convolve backward."""
        assert self._gradients is not None
        assert self._y.grad is not None
        weight_grad, bias_grad = self._gradients
        _transpose(self._y.grad, self._output)
        sizes = None if bias_grad is None else [bias_grad.numel()]
        wanted = [self._x.grad is not None, True, bias_grad is not None]
        for_input, for_weight, for_bias = torch.ops.aten.convolution_backward(
            self._output, self._input, self._weight, sizes, *self._how, wanted
        )
        weight_grad.copy_(for_weight)
        if bias_grad is not None:
            bias_grad.copy_(for_bias)
        if self._x.grad is not None:
            _transpose_back(for_input, self._x.grad)


def _channels_last(value: Tensor) -> Tensor:
    """Return a new (N, C, H, W) with channels innermost, for a value (C, H, W, N)."""
    channels, height, width, batch = value.shape
    return torch.empty(batch, channels, height, width).contiguous(memory_format=torch.channels_last)


def _transpose(value: Tensor, images: Tensor) -> None:
    rows = images.permute(0, 2, 3, 1)
    kernels.transpose_ends(
        value.view(value.shape[0], -1, value.shape[3]).numpy(), rows.view(len(rows), -1, rows.shape[3]).numpy()
    )


def _transpose_back(images: Tensor, value: Tensor) -> None:
    rows = images.contiguous(memory_format=torch.channels_last).permute(0, 2, 3, 1)
    kernels.transpose_ends(
        rows.reshape(len(rows), -1, rows.shape[3]).numpy(), value.view(value.shape[0], -1, value.shape[3]).numpy()
    )


Convolution: TypeAlias = type[Pointwise] | type[Direct] | type[Unfolded] | type[Wide]


def convolution_of(module: nn.Conv2d) -> Convolution:
    """Return the operation for a module."""
    return convolution_for(
        channels=module.in_channels // module.groups,
        kernel=module.kernel_size[0],
        padding=int(module.padding[0]),
        groups=module.groups,
    )


def convolution_for(*, channels: int, kernel: int, padding: int, groups: int) -> Convolution:
    """Return the operation for a convolution.

    Args:
        channels: Input channels of a group.
        kernel: Side of the kernel.
        padding: On each side.
        groups: Number of groups.
    """
    if kernel == 1 and groups == 1 and padding == 0:
        return Pointwise
    if kernel == 3 and padding == 1 and channels <= FEW_CHANNELS:
        return Direct
    return Unfolded if groups == 1 and channels <= FEW_COLUMNS else Wide


def is_mostly_wide(tree: Layer, shape: Shape) -> bool:
    """Return whether most multiply-adds of a network are in convolutions that a tape leaves to torch.

    Args:
        tree: The network.
        shape: One image, (C, H, W).
    """
    wide = total = 0
    for conv, channels, flops in _costs(tree, shape):
        total += flops
        width = channels // conv.groups
        chosen = convolution_for(channels=width, kernel=conv.kernel, padding=conv.padding, groups=conv.groups)
        wide += flops if chosen is Wide else 0
    return 2 * wide > total


def _costs(layer: Layer, shape: Shape) -> Iterator[tuple[Conv, int, int]]:
    """Yield each convolution with its input channels and multiply-adds."""
    match layer:
        case Conv():
            yield layer, shape[0], measure(layer, shape)[1].flops
        case layers.Sequence(layers=children):
            for child in children:
                yield from _costs(child, shape)
                shape, _ = measure(child, shape)
        case Residual(body=body, shortcut=shortcut):
            yield from _costs(body, shape)
            yield from _costs(shortcut, shape)
        case Concat(branches=branches):
            for branch in branches:
                yield from _costs(branch, shape)
        case Scale(gate=gate):
            yield from _costs(gate, shape)
