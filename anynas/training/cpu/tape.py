"""A network as a tape: a list of operations on arrays of one batch size, played forward, and backward to train.

A tape reads the modules that `networks.build` makes, and works on their parameters in place: it is another way to run
the same network. Norm, addition and ReLU in a row become one operation. Which operation a convolution becomes is a
function of its shape alone.
"""

from collections.abc import Iterator, Sequence

import torch
from torch import nn

from anynas.networks import Branches, Gated, Sum
from anynas.training.cpu.convolutions import Pointwise, convolution_of
from anynas.training.cpu.operations import (
    Activated,
    Added,
    Concatenated,
    Dropped,
    Forked,
    GloballyPooled,
    Gradients,
    Normalised,
    Operation,
    Pooled,
    Scaled,
    Signal,
    signal,
)


class Tape:
    """Operations from a batch of images to their logits.

    Attributes:
        images: (C, H, W, N); to be filled before `forward`.
        logits: (classes, N).
    """

    def __init__(
        self, network: nn.Module, *, image_shape: Sequence[int], batch_size: int, gradients: Gradients | None
    ) -> None:
        self._gradients = gradients
        self._operations: list[Operation] = []
        self.images = signal((*image_shape, batch_size), trains=False)
        self.logits = self._play([network], self.images)

    def forward(self) -> None:
        """Fill the logits."""
        for operation in self._operations:
            operation.forward()

    def backward(self) -> None:
        """Fill the gradients of all parameters from the logits'."""
        for operation in reversed(self._operations):
            operation.backward()

    def _play(self, modules: Sequence[nn.Module], x: Signal) -> Signal:
        """Record modules, one after the other."""
        steps = list(_steps(modules))
        position = 0
        while position < len(steps):
            module = steps[position]
            rectifies = position + 1 < len(steps) and isinstance(steps[position + 1], nn.ReLU)
            match module:
                case nn.BatchNorm2d():
                    before = steps[position - 1] if position else None
                    x = self._normalised(module, x, before, added=None, rectifies=rectifies)
                    position += rectifies
                case Sum():
                    x, fused = self._sum(module, x, rectifies=rectifies)
                    position += fused
                case Branches(branches=branches):
                    parts = self._fork(x, len(branches))
                    outs = [self._play([branch], part) for branch, part in zip(branches, parts, strict=True)]
                    y = self._signal(sum(len(out.value) for out in outs), *outs[0].value.shape[1:])
                    x = self._record(Concatenated(outs, y), y)
                case Gated(gate=gate):
                    kept, gated = self._fork(x, 2)
                    y = self._signal(*x.value.shape)
                    x = self._record(Scaled(kept, self._play([gate], gated), y), y)
                case _:
                    x = self._leaf(module, x)
            position += 1
        return x

    def _sum(self, module: Sum, x: Signal, *, rectifies: bool) -> tuple[Signal, bool]:
        """Record a residual; return its output and whether the ReLU behind it was taken in."""
        inner, kept = self._fork(x, 2)
        kept = self._play([module.shortcut], kept)
        body = list(_steps([module.body]))
        if body and isinstance(body[-1], nn.BatchNorm2d):
            x, before = self._play(body[:-1], inner), body[-2] if len(body) > 1 else None
            return self._normalised(body[-1], x, before, added=kept, rectifies=rectifies), rectifies
        out = self._play(body, inner)
        y = self._signal(*out.value.shape)
        return self._record(Added(out, kept, y), y), False

    def _normalised(
        self, module: nn.BatchNorm2d, x: Signal, before: nn.Module | None, *, added: Signal | None, rectifies: bool
    ) -> Signal:
        """Record a norm; without training it overwrites what a convolution has put out for it alone."""
        overwrites = self._gradients is None and isinstance(before, nn.Conv2d)
        y = x if overwrites else self._signal(*x.value.shape)
        return self._record(Normalised(module, x, y, self._gradients, added=added, rectifies=rectifies), y)

    def _leaf(self, module: nn.Module, x: Signal) -> Signal:
        shape = x.value.shape
        match module:
            case nn.Conv2d():
                kernel, stride, padding = module.kernel_size[0], module.stride[0], int(module.padding[0])
                sides = ((side + 2 * padding - kernel) // stride + 1 for side in shape[1:3])
                y = self._signal(module.out_channels, *sides, shape[3])
                return self._record(convolution_of(module)(module, x, y, self._gradients), y)
            case nn.Linear():
                y = self._signal(module.out_features, shape[-1])
                return self._record(Pointwise(module, x, y, self._gradients), y)
            case nn.MaxPool2d() | nn.AvgPool2d():
                kernel, stride, padding = (int(v) for v in (module.kernel_size, module.stride, module.padding))  # type: ignore[arg-type]
                y = self._signal(
                    shape[0], *((side + 2 * padding - kernel) // stride + 1 for side in shape[1:3]), shape[3]
                )
                return self._record(Pooled(module, x, y), y)
            case nn.AdaptiveAvgPool2d():
                y = self._signal(shape[0], 1, 1, shape[3])
                return self._record(GloballyPooled(x, y), y)
            case nn.ReLU() | nn.Sigmoid():
                y = self._signal(*shape)
                return self._record(Activated(x, y, isinstance(module, nn.Sigmoid)), y)
            case nn.Flatten():
                return Signal(*(None if t is None else t.view(-1, shape[3]) for t in (x.value, x.grad)))  # type: ignore[arg-type]
            case nn.Dropout():
                if self._gradients is None or module.p == 0:
                    return x
                y = self._signal(*shape)
                return self._record(Dropped(module.p, x, y), y)
        raise TypeError(f"no operation for {module!r}")

    def _fork(self, x: Signal, number: int) -> list[Signal]:
        """Return signals with x's value and gradients of their own, which add up to x's."""
        if x.grad is None:
            return [x] * number
        branches = [Signal(x.value, torch.zeros_like(x.grad)) for _ in range(number)]
        self._operations.append(Forked(x, branches))
        return branches

    def _signal(self, *shape: int) -> Signal:
        return signal(shape, trains=self._gradients is not None)

    def _record(self, operation: Operation, y: Signal) -> Signal:
        self._operations.append(operation)
        return y


def _steps(modules: Sequence[nn.Module]) -> Iterator[nn.Module]:
    """Yield modules in the order of their work, nested sequences taken apart and identities left out."""
    for module in modules:
        if isinstance(module, nn.Sequential):
            yield from _steps(list(module))
        elif not isinstance(module, nn.Identity):
            yield module
