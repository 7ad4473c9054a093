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
