"""Windows of any size: unfolding, and pooling."""

import numpy as np
from numba import int64, uint8, void

from anynas.training.cpu.kernels.compiling import COLUMNS, IMAGES, ZERO, compiled


@compiled(void(IMAGES, COLUMNS, int64, int64))
def unfold(x, columns, stride, padding):  # type: ignore[no-untyped-def]
    """Columns (C, k, k, H', W', N): what each position of the kernel sees; 0 beyond the border."""
    channels, kernel, _, height, width, batch = columns.shape
    for c in range(channels):
        for a in range(kernel):
            for b in range(kernel):
                for h in range(height):
                    top = h * stride + a - padding
                    for w in range(width):
                        left = w * stride + b - padding
                        target = columns[c, a, b, h, w]
                        if 0 <= top < x.shape[1] and 0 <= left < x.shape[2]:
                            values = x[c, top, left]
                            for n in range(batch):
                                target[n] = values[n]
                        else:
                            for n in range(batch):
                                target[n] = 0


@compiled(void(IMAGES, COLUMNS, int64, int64))
def fold(x_grad, columns_grad, stride, padding):  # type: ignore[no-untyped-def]
    """Gradient of `unfold`."""
    channels, kernel, _, height, width, batch = columns_grad.shape
    x_grad[:] = 0
    for c in range(channels):
        for a in range(kernel):
            for b in range(kernel):
                for h in range(height):
                    top = h * stride + a - padding
                    for w in range(width):
                        left = w * stride + b - padding
                        if 0 <= top < x_grad.shape[1] and 0 <= left < x_grad.shape[2]:
                            target, values = x_grad[c, top, left], columns_grad[c, a, b, h, w]
                            for n in range(batch):
                                target[n] += values[n]


@compiled(void(IMAGES, IMAGES, uint8[:, :, :, ::1], int64, int64, int64))
def pool_maximum(x, y, taken, kernel, stride, padding):  # type: ignore[no-untyped-def]
    """Largest value of each window; `taken`, of y's shape, gets its place in the window. A NaN wins."""
    channels, height, width, batch = y.shape
    for c in range(channels):
        for h in range(height):
            for w in range(width):
                best, place = y[c, h, w], taken[c, h, w]
                for n in range(batch):
                    best[n] = -np.inf
                    place[n] = 0
                for a in range(kernel):
                    for b in range(kernel):
                        top, left = h * stride + a - padding, w * stride + b - padding
                        if 0 <= top < x.shape[1] and 0 <= left < x.shape[2]:
                            values = x[c, top, left]
                            for n in range(batch):
                                if values[n] > best[n] or values[n] != values[n]:
                                    best[n] = values[n]
                                    place[n] = kernel * a + b


@compiled(void(IMAGES, IMAGES, uint8[:, :, :, ::1], int64, int64, int64))
def pool_maximum_backward(x_grad, y_grad, taken, kernel, stride, padding):  # type: ignore[no-untyped-def]
    """Gradient of `pool_maximum`: each goes where its value was taken."""
    channels, height, width, batch = y_grad.shape
    x_grad[:] = 0
    for c in range(channels):
        for h in range(height):
            for w in range(width):
                values, place = y_grad[c, h, w], taken[c, h, w]
                for a in range(kernel):
                    for b in range(kernel):
                        top, left = h * stride + a - padding, w * stride + b - padding
                        if 0 <= top < x_grad.shape[1] and 0 <= left < x_grad.shape[2]:
                            target = x_grad[c, top, left]
                            for n in range(batch):
                                target[n] += values[n] if place[n] == kernel * a + b else ZERO


@compiled(void(IMAGES, IMAGES, int64, int64, int64))
def pool_average(x, y, kernel, stride, padding):  # type: ignore[no-untyped-def]
    """Mean of each window, in which what lies beyond the border counts as 0."""
    channels, height, width, batch = y.shape
    share = np.float32(1 / (kernel * kernel))
    for c in range(channels):
        for h in range(height):
            for w in range(width):
                target = y[c, h, w]
                for n in range(batch):
                    target[n] = 0
                for a in range(kernel):
                    for b in range(kernel):
                        top, left = h * stride + a - padding, w * stride + b - padding
                        if 0 <= top < x.shape[1] and 0 <= left < x.shape[2]:
                            values = x[c, top, left]
                            for n in range(batch):
                                target[n] += share * values[n]


@compiled(void(IMAGES, IMAGES, int64, int64, int64))
def pool_average_backward(x_grad, y_grad, kernel, stride, padding):  # type: ignore[no-untyped-def]
    """Gradient of `pool_average`."""
    channels, height, width, batch = y_grad.shape
    share = np.float32(1 / (kernel * kernel))
    x_grad[:] = 0
    for c in range(channels):
        for h in range(height):
            for w in range(width):
                values = y_grad[c, h, w]
                for a in range(kernel):
                    for b in range(kernel):
                        top, left = h * stride + a - padding, w * stride + b - padding
                        if 0 <= top < x_grad.shape[1] and 0 <= left < x_grad.shape[2]:
                            target = x_grad[c, top, left]
                            for n in range(batch):
                                target[n] += share * values[n]
