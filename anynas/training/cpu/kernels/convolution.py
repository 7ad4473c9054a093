"""3x3 convolutions of few channels a group, padded by 1."""

import numpy as np
from numba import int64, void

from anynas.training.cpu.kernels.compiling import IMAGES, PLANE, ZERO, compiled, inlined


@inlined
def _padded(image, scratch):  # type: ignore[no-untyped-def]
    """Copy (H, W, N) into the inside of scratch (H + 2, W + 2, N), whose border is 0."""
    height, width, batch = image.shape
    for h in range(height):
        for w in range(width):
            for n in range(batch):
                scratch[h + 1, w + 1, n] = image[h, w, n]


@inlined
def _correlate(scratch, k, out, stride, adds):  # type: ignore[no-untyped-def]
    """out (H', W', N) = or += the nine shifted images, weighted by k (9,); all nine at once, so that each value of
    `out` is written once.
    """
    height, width, batch = out.shape
    k0, k1, k2, k3, k4, k5, k6, k7, k8 = k[0], k[1], k[2], k[3], k[4], k[5], k[6], k[7], k[8]
    for h in range(height):
        for w in range(width):
            top, left = h * stride, w * stride
            a0, a1, a2 = scratch[top, left], scratch[top, left + 1], scratch[top, left + 2]
            b0, b1, b2 = scratch[top + 1, left], scratch[top + 1, left + 1], scratch[top + 1, left + 2]
            c0, c1, c2 = scratch[top + 2, left], scratch[top + 2, left + 1], scratch[top + 2, left + 2]
            target = out[h, w]
            if adds:
                for n in range(batch):
                    target[n] += (
                        (k0 * a0[n] + k1 * a1[n] + k2 * a2[n])
                        + (k3 * b0[n] + k4 * b1[n] + k5 * b2[n])
                        + (k6 * c0[n] + k7 * c1[n] + k8 * c2[n])
                    )
            else:
                for n in range(batch):
                    target[n] = (
                        (k0 * a0[n] + k1 * a1[n] + k2 * a2[n])
                        + (k3 * b0[n] + k4 * b1[n] + k5 * b2[n])
                        + (k6 * c0[n] + k7 * c1[n] + k8 * c2[n])
                    )


@inlined
def _scatter(incoming, k, scratch, stride):  # type: ignore[no-untyped-def]
    height, width, batch = incoming.shape
    for h in range(height):
        for w in range(width):
            values = incoming[h, w]
            for a in range(3):
                for b in range(3):
                    factor, target = k[3 * a + b], scratch[h * stride + a, w * stride + b]
                    for n in range(batch):
                        target[n] += factor * values[n]


@compiled(void(IMAGES, PLANE, IMAGES, PLANE, int64))
def convolve(x, weight, y, scratch, stride):  # type: ignore[no-untyped-def]
    """Y (O, H', W', N) from x (C, H, W, N) and weight (O, C / groups, 9); scratch: (H + 2, W + 2, N), its border 0."""
    outputs, group_width, _ = weight.shape
    each = outputs // (x.shape[0] // group_width)  # outputs of a group
    for group in range(x.shape[0] // group_width):
        for c in range(group_width):
            _padded(x[group * group_width + c], scratch)
            for o in range(group * each, (group + 1) * each):
                _correlate(scratch, weight[o, c], y[o], stride, c > 0)


@compiled(void(IMAGES, PLANE, IMAGES, PLANE, int64))
def convolve_backward_input(x_grad, weight, y_grad, scratch, stride):  # type: ignore[no-untyped-def]
    """Gradient of `convolve` for its input."""
    outputs, group_width, _ = weight.shape
    each = outputs // (x_grad.shape[0] // group_width)
    _, height, width, batch = x_grad.shape
    flipped = np.empty(9, np.float32)
    for group in range(x_grad.shape[0] // group_width):
        if stride == 1:
            for o in range(group * each, (group + 1) * each):
                _padded(y_grad[o], scratch)
                for c in range(group_width):
                    for tap in range(9):
                        flipped[tap] = weight[o, c, 8 - tap]
                    _correlate(scratch, flipped, x_grad[group * group_width + c], 1, o > group * each)
            continue
        for c in range(group_width):
            scratch[:] = 0
            for o in range(group * each, (group + 1) * each):
                _scatter(y_grad[o], weight[o, c], scratch, stride)
            out = x_grad[group * group_width + c]
            for h in range(height):
                for w in range(width):
                    for n in range(batch):
                        out[h, w, n] = scratch[h + 1, w + 1, n]
    for h in range(scratch.shape[0]):  # the border is 0 again
        for n in range(batch):
            scratch[h, 0, n] = 0
            scratch[h, scratch.shape[1] - 1, n] = 0
    for w in range(scratch.shape[1]):
        for n in range(batch):
            scratch[0, w, n] = 0
            scratch[scratch.shape[0] - 1, w, n] = 0


@compiled(void(IMAGES, PLANE, IMAGES, PLANE, int64))
def convolve_backward_weight(x, weight_grad, y_grad, scratch, stride):  # type: ignore[no-untyped-def]
    """Gradient of `convolve` for its weight."""
    outputs, group_width, _ = weight_grad.shape
    each = outputs // (x.shape[0] // group_width)
    _, height, width, batch = y_grad.shape
    for group in range(x.shape[0] // group_width):
        for c in range(group_width):
            _padded(x[group * group_width + c], scratch)
            for o in range(group * each, (group + 1) * each):
                s0, s1, s2, s3, s4, s5, s6, s7, s8 = ZERO, ZERO, ZERO, ZERO, ZERO, ZERO, ZERO, ZERO, ZERO
                for h in range(height):
                    for w in range(width):
                        top, left = h * stride, w * stride
                        a0, a1, a2 = scratch[top, left], scratch[top, left + 1], scratch[top, left + 2]
                        b0, b1, b2 = scratch[top + 1, left], scratch[top + 1, left + 1], scratch[top + 1, left + 2]
                        c0, c1, c2 = scratch[top + 2, left], scratch[top + 2, left + 1], scratch[top + 2, left + 2]
                        values = y_grad[o, h, w]
                        for n in range(batch):
                            value = values[n]
                            s0 += value * a0[n]
                            s1 += value * a1[n]
                            s2 += value * a2[n]
                            s3 += value * b0[n]
                            s4 += value * b1[n]
                            s5 += value * b2[n]
                            s6 += value * c0[n]
                            s7 += value * c1[n]
                            s8 += value * c2[n]
                target = weight_grad[o, c]
                target[0], target[1], target[2] = s0, s1, s2
                target[3], target[4], target[5] = s3, s4, s5
                target[6], target[7], target[8] = s6, s7, s8
