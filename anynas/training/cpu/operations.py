"""The steps of a tape: each fills its output, and on the way back its input's gradient and those of its parameters.

Values are (C, H, W, N), or (F, N) behind a flatten; see `kernels`. All arrays are there before the first step of
training.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from anynas.training.cpu import kernels


@dataclasses.dataclass(slots=True, eq=False)
class Signal:
    """What passes between two operations."""

    value: Tensor
    grad: Tensor | None  # None where nothing needs it


class Operation(Protocol):
    """One step."""

    def forward(self) -> None:
        """Fill the output."""

    def backward(self) -> None:
        """Fill the gradients of the input and the parameters."""


class Gradients(Protocol):
    """Where a parameter's gradient goes."""

    def __call__(self, parameter: Tensor, /) -> Tensor: ...


def signal(shape: Sequence[int], *, trains: bool) -> Signal:
    """Return a new signal, with a gradient if there is training."""
    return Signal(torch.zeros(*shape), torch.zeros(*shape) if trains else None)


def flat(tensor: Tensor) -> Any:
    """Return a value as numpy's (C, everything else)."""
    return tensor.view(tensor.shape[0], -1).numpy()


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


class Normalised:
    """Batch normalisation, together with an addition and a ReLU behind it."""

    def __init__(
        self,
        module: nn.BatchNorm2d,
        x: Signal,
        y: Signal,
        gradients: Gradients | None,
        *,
        added: Signal | None,
        rectifies: bool,
    ) -> None:
        assert module.running_mean is not None
        assert module.running_var is not None
        assert module.num_batches_tracked is not None
        assert module.momentum is not None
        self._tracked = module.num_batches_tracked
        self._momentum, self._epsilon = module.momentum, module.eps
        self._adds, self._rectifies = added is not None, rectifies
        self._weight, self._bias = module.weight.detach().numpy(), module.bias.detach().numpy()
        self._running = module.running_mean.numpy(), module.running_var.numpy()
        self._input, self._output = flat(x.value), flat(y.value)
        self._added = self._input if added is None else flat(added.value)
        self._trains = gradients is not None
        if gradients is not None:
            assert x.grad is not None
            assert y.grad is not None
            self._moments = torch.empty(2, len(self._weight)).numpy()
            self._weight_grad, self._bias_grad = gradients(module.weight).numpy(), gradients(module.bias).numpy()
            self._input_grad, self._output_grad = flat(x.grad), flat(y.grad)
            self._added_grad = self._output_grad
            if added is not None and rectifies:
                assert added.grad is not None
                self._added_grad = flat(added.grad)
            elif added is not None:
                added.grad = y.grad

    def forward(self) -> None:
        """Normalise by the batch's moments if there is training, by the running ones if not."""
        flags = int(self._adds), int(self._rectifies)
        if self._trains:
            kernels.normalise(
                *(self._input, self._added, self._output, self._weight, self._bias, *self._running, self._moments),
                *(*flags, self._momentum, self._epsilon),
            )
            self._tracked.add_(1)
        else:
            kernels.normalise_as_seen(
                *(self._input, self._added, self._output, self._weight, self._bias, *self._running),
                *(*flags, self._epsilon),
            )

    def backward(self) -> None:
        """Undo the ReLU and the normalisation."""
        kernels.normalise_backward(
            *(self._input, self._output, self._output_grad, self._input_grad, self._added_grad, self._weight),
            *(self._moments, self._weight_grad, self._bias_grad, int(self._adds), int(self._rectifies)),
        )


class Pooled:
    """Max or average pooling."""

    def __init__(self, module: nn.MaxPool2d | nn.AvgPool2d, x: Signal, y: Signal) -> None:
        self._window = int(module.kernel_size), int(module.stride), int(module.padding)  # type: ignore[arg-type]
        self._input, self._output = x.value.numpy(), y.value.numpy()
        self._taken = None
        if isinstance(module, nn.MaxPool2d):
            self._taken = torch.empty(*y.value.shape, dtype=torch.uint8).numpy()
        if y.grad is not None:
            assert x.grad is not None
            self._input_grad, self._output_grad = x.grad.numpy(), y.grad.numpy()

    def forward(self) -> None:
        """Pool."""
        if self._taken is None:
            kernels.pool_average(self._input, self._output, *self._window)
        else:
            kernels.pool_maximum(self._input, self._output, self._taken, *self._window)

    def backward(self) -> None:
        """Send gradients back to where values came from."""
        if self._taken is None:
            kernels.pool_average_backward(self._input_grad, self._output_grad, *self._window)
        else:
            kernels.pool_maximum_backward(self._input_grad, self._output_grad, self._taken, *self._window)


@dataclasses.dataclass(slots=True)
class GloballyPooled:
    """Mean over all positions."""

    x: Signal
    y: Signal

    def forward(self) -> None:
        """(C, H, W, N) to (C, 1, 1, N)."""
        torch.mean(self.x.value, dim=(1, 2), keepdim=True, out=self.y.value)

    def backward(self) -> None:
        """Share each gradient among the positions."""
        assert self.x.grad is not None
        assert self.y.grad is not None
        self.x.grad.copy_(self.y.grad).div_(self.x.value.shape[1] * self.x.value.shape[2])


@dataclasses.dataclass(slots=True)
class Activated:
    """ReLU or sigmoid on its own."""

    x: Signal
    y: Signal
    sigmoid: bool

    def forward(self) -> None:
        """Apply it."""
        if self.sigmoid:
            torch.sigmoid(self.x.value, out=self.y.value)
        else:
            torch.clamp(self.x.value, min=0, out=self.y.value)

    def backward(self) -> None:
        """Multiply by the slope, which the output tells."""
        assert self.x.grad is not None
        assert self.y.grad is not None
        if self.sigmoid:
            torch.ops.aten.sigmoid_backward.grad_input(self.y.grad, self.y.value, grad_input=self.x.grad)
        else:
            torch.ops.aten.threshold_backward.grad_input(self.y.grad, self.y.value, 0, grad_input=self.x.grad)


class Dropped:
    """Dropout, drawn with torch's current random state; only where there is training."""

    def __init__(self, rate: float, x: Signal, y: Signal) -> None:
        self._keep, self._x, self._y, self._mask = 1 - rate, x, y, torch.empty_like(x.value)

    def forward(self) -> None:
        """Drop, and make up for it."""
        self._mask.bernoulli_(self._keep).div_(self._keep if self._keep > 0 else 1)
        torch.mul(self._x.value, self._mask, out=self._y.value)

    def backward(self) -> None:
        """Drop the same."""
        assert self._x.grad is not None
        assert self._y.grad is not None
        torch.mul(self._y.grad, self._mask, out=self._x.grad)


@dataclasses.dataclass(slots=True)
class Forked:
    """One value that several operations read; their gradients add up."""

    x: Signal
    branches: list[Signal]

    def forward(self) -> None:
        """Nothing: all read the same array."""

    def backward(self) -> None:
        """Add."""
        if self.x.grad is None:
            return
        first, second, *more = (branch.grad for branch in self.branches)
        assert first is not None
        assert second is not None
        torch.add(first, second, out=self.x.grad)
        for other in more:
            assert other is not None
            self.x.grad.add_(other)


@dataclasses.dataclass(slots=True)
class Added:
    """Sum of two values."""

    first: Signal
    second: Signal
    y: Signal

    def forward(self) -> None:
        """Add."""
        torch.add(self.first.value, self.second.value, out=self.y.value)

    def backward(self) -> None:
        """Copy."""
        for branch in (self.first, self.second):
            if branch.grad is not None and self.y.grad is not None:
                branch.grad.copy_(self.y.grad)


@dataclasses.dataclass(slots=True)
class Concatenated:
    """Values one behind the other along the channels."""

    branches: list[Signal]
    y: Signal

    def forward(self) -> None:
        """Copy."""
        torch.cat([branch.value for branch in self.branches], out=self.y.value)

    def backward(self) -> None:
        """Copy back."""
        start = 0
        for branch in self.branches:
            end = start + len(branch.value)
            if branch.grad is not None and self.y.grad is not None:
                branch.grad.copy_(self.y.grad[start:end])
            start = end


@dataclasses.dataclass(slots=True)
class Scaled:
    """A value times its gate, (C, 1, 1, N)."""

    x: Signal
    gate: Signal
    y: Signal

    def forward(self) -> None:
        """Multiply."""
        torch.mul(self.x.value, self.gate.value, out=self.y.value)

    def backward(self) -> None:
        """Multiply by the other factor."""
        assert self.x.grad is not None
        assert self.gate.grad is not None
        assert self.y.grad is not None
        torch.mul(self.y.grad, self.x.value, out=self.x.grad)
        torch.sum(self.x.grad, dim=(1, 2), keepdim=True, out=self.gate.grad)
        torch.mul(self.y.grad, self.gate.value, out=self.x.grad)
