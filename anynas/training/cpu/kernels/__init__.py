"""Loops over images that lie innermost, compiled for this processor: what torch has no fast form of at small widths.

Arrays are float32 and C-contiguous, values of a layer being (C, H, W, N): channels first, the batch last. So every
inner loop runs over the batch (or over a row of images, W * N values), whatever the channels, the stride or the kernel
are, and one instruction works on as many values as the processor has room for. Each kernel fills arrays that it is
given and returns nothing.

Inner loops count from 0 over slices: an index that might be negative, for all that the compiler knows, keeps it from
working on several values at once (a loop from `begin` to `end` took five times as long).

Sums may be reordered by the compiler, always in the same way on one kind of processor; a NaN stays a NaN.
"""

from anynas.training.cpu.kernels.convolution import convolve, convolve_backward_input, convolve_backward_weight
from anynas.training.cpu.kernels.layouts import transpose_ends
from anynas.training.cpu.kernels.loss import cross_entropy
from anynas.training.cpu.kernels.norm import normalise, normalise_as_seen, normalise_backward
from anynas.training.cpu.kernels.windows import (
    fold,
    pool_average,
    pool_average_backward,
    pool_maximum,
    pool_maximum_backward,
    unfold,
)

__all__ = [
    "convolve",
    "convolve_backward_input",
    "convolve_backward_weight",
    "cross_entropy",
    "fold",
    "normalise",
    "normalise_as_seen",
    "normalise_backward",
    "pool_average",
    "pool_average_backward",
    "pool_maximum",
    "pool_maximum_backward",
    "transpose_ends",
    "unfold",
]
