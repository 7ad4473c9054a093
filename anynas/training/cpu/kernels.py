"""Loops over images that lie innermost, compiled for this processor: what torch has no fast form of at small widths.

Arrays are float32 and C-contiguous, values of a layer being (C, H, W, N): channels first, the batch last. So every
inner loop runs over the batch (or over a row of images, W * N values), whatever the channels, the stride or the kernel
are, and one instruction works on as many values as the processor has room for. Each kernel fills arrays that it is
given and returns nothing.

Inner loops count from 0 over slices: an index that might be negative, for all that the compiler knows, keeps it from
working on several values at once (a loop from `begin` to `end` took five times as long).

Sums may be reordered by the compiler, always in the same way on one kind of processor; a NaN stays a NaN.
"""

from typing import Any

import numba
import numpy as np
from numba import float32, float64, int64, uint8, void

_LINE = float32[::1]
_MATRIX = float32[:, ::1]
_IMAGES = float32[:, :, :, ::1]
_PLANE = float32[:, :, ::1]
_ZERO: Any = np.float32(0)
_BLOCK = 1024  # values summed in single precision before they go into a sum in double precision
_TILE = 16  # values: a line of the cache


_OPTIONS: dict[str, Any] = {
    "nogil": True,
    "cache": True,
    "boundscheck": False,
    "error_model": "numpy",
    "fastmath": {"reassoc", "contract", "nsz"},
}


def _compiled(signature: Any) -> Any:
    """Compile for these types, or take what was compiled before from the cache."""
    return numba.njit(signature, **_OPTIONS)


_inlined = numba.njit(**_OPTIONS)


# Batch normalisation, with what surrounds it


@_inlined
def _affine(row, added, out, scale, constant, adds, rectifies):  # type: ignore[no-untyped-def]
    if adds and rectifies:
        for i in range(len(row)):
            value = row[i] * scale + constant + added[i]
            out[i] = _ZERO if value < 0 else value
    elif adds:
        for i in range(len(row)):
            out[i] = row[i] * scale + constant + added[i]
    elif rectifies:
        for i in range(len(row)):
            value = row[i] * scale + constant
            out[i] = _ZERO if value < 0 else value
    else:
        for i in range(len(row)):
            out[i] = row[i] * scale + constant


@_compiled(void(_MATRIX, _MATRIX, _MATRIX, _LINE, _LINE, _LINE, _LINE, _MATRIX, int64, int64, float64, float64))
def normalise(x, added, y, weight, bias, running_mean, running_variance, moments, adds, rectifies, momentum, epsilon):  # type: ignore[no-untyped-def]
    """Y = norm(x) (+ added) (then ReLU), by the batch's own moments, which the running ones follow.

    All but the parameters are (C, H * W * N); moments (2, C) gets mean and 1 / deviation.
    """
    channels, size = x.shape
    for c in range(channels):
        row = x[c]
        shift = row[0]  # a value of the channel: squares of differences from it lose no digits
        total, squares = 0.0, 0.0
        for begin in range(0, size, _BLOCK):
            some = row[begin : min(begin + _BLOCK, size)]
            part, part_squares = _ZERO, _ZERO
            for i in range(len(some)):
                difference = some[i] - shift
                part += difference
                part_squares += difference * difference
            total += part
            squares += part_squares
        offset = total / size
        mean = shift + offset
        variance = squares / size - offset * offset
        if variance < 0.0:
            variance = 0.0
        running_mean[c] += momentum * (mean - running_mean[c])
        running_variance[c] += momentum * (variance * size / (size - 1) - running_variance[c])
        inverse = 1.0 / np.sqrt(variance + epsilon)
        moments[0, c] = mean
        moments[1, c] = inverse
        scale = np.float32(inverse * weight[c])
        constant = np.float32(bias[c] - mean * inverse * weight[c])
        _affine(row, added[c if adds else 0], y[c], scale, constant, adds, rectifies)


@_compiled(void(_MATRIX, _MATRIX, _MATRIX, _LINE, _LINE, _LINE, _LINE, int64, int64, float64))
def normalise_as_seen(x, added, y, weight, bias, running_mean, running_variance, adds, rectifies, epsilon):  # type: ignore[no-untyped-def]
    """Y = norm(x) (+ added) (then ReLU), by the running moments."""
    for c in range(x.shape[0]):
        inverse = 1.0 / np.sqrt(running_variance[c] + epsilon)
        scale = np.float32(inverse * weight[c])
        constant = np.float32(bias[c] - running_mean[c] * inverse * weight[c])
        _affine(x[c], added[c if adds else 0], y[c], scale, constant, adds, rectifies)


@_compiled(void(_MATRIX, _MATRIX, _MATRIX, _MATRIX, _MATRIX, _LINE, _MATRIX, _LINE, _LINE, int64, int64))
def normalise_backward(  # type: ignore[no-untyped-def]
    x, y, y_grad, x_grad, added_grad, weight, moments, weight_grad, bias_grad, adds, rectifies
):
    """Gradients of `normalise`; what was added gets one of its own if there is a ReLU, else y_grad serves."""
    channels, size = x.shape
    for c in range(channels):
        row, result, incoming, out = x[c], y[c], y_grad[c], x_grad[c]
        mean, inverse = moments[0, c], moments[1, c]
        total, product = 0.0, 0.0
        for begin in range(0, size, _BLOCK):
            end = min(begin + _BLOCK, size)
            some, some_results, some_incoming = row[begin:end], result[begin:end], incoming[begin:end]
            part, part_product = _ZERO, _ZERO
            if rectifies and adds:
                some_passed = added_grad[c, begin:end]
                for i in range(len(some)):
                    value = some_incoming[i] if some_results[i] > 0 else _ZERO
                    some_passed[i] = value
                    part += value
                    part_product += value * (some[i] - mean)
            elif rectifies:
                for i in range(len(some)):
                    value = some_incoming[i] if some_results[i] > 0 else _ZERO
                    part += value
                    part_product += value * (some[i] - mean)
            else:
                for i in range(len(some)):
                    part += some_incoming[i]
                    part_product += some_incoming[i] * (some[i] - mean)
            total += part
            product += part_product
        bias_grad[c] = total
        weight_grad[c] = product * inverse
        scale = np.float32(weight[c] * inverse)
        slope = np.float32(-weight[c] * inverse * inverse * inverse * product / size)
        constant = np.float32(-weight[c] * inverse * total / size - slope * mean)
        if rectifies and adds:
            passed = added_grad[c]
            for i in range(size):
                out[i] = passed[i] * scale + row[i] * slope + constant
        elif rectifies:
            for i in range(size):
                value = incoming[i] if result[i] > 0 else _ZERO
                out[i] = value * scale + row[i] * slope + constant
        else:
            for i in range(size):
                out[i] = incoming[i] * scale + row[i] * slope + constant


# 3x3 convolutions of few channels a group, padded by 1


@_inlined
def _padded(image, scratch):  # type: ignore[no-untyped-def]
    """Copy (H, W, N) into the inside of scratch (H + 2, W + 2, N), whose border is 0."""
    height, width, batch = image.shape
    for h in range(height):
        for w in range(width):
            for n in range(batch):
                scratch[h + 1, w + 1, n] = image[h, w, n]


@_inlined
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


@_inlined
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


@_compiled(void(_IMAGES, _PLANE, _IMAGES, _PLANE, int64))
def convolve(x, weight, y, scratch, stride):  # type: ignore[no-untyped-def]
    """Y (O, H', W', N) from x (C, H, W, N) and weight (O, C / groups, 9); scratch: (H + 2, W + 2, N), its border 0."""
    outputs, group_width, _ = weight.shape
    each = outputs // (x.shape[0] // group_width)  # outputs of a group
    for group in range(x.shape[0] // group_width):
        for c in range(group_width):
            _padded(x[group * group_width + c], scratch)
            for o in range(group * each, (group + 1) * each):
                _correlate(scratch, weight[o, c], y[o], stride, c > 0)


@_compiled(void(_IMAGES, _PLANE, _IMAGES, _PLANE, int64))
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


@_compiled(void(_IMAGES, _PLANE, _IMAGES, _PLANE, int64))
def convolve_backward_weight(x, weight_grad, y_grad, scratch, stride):  # type: ignore[no-untyped-def]
    """Gradient of `convolve` for its weight."""
    outputs, group_width, _ = weight_grad.shape
    each = outputs // (x.shape[0] // group_width)
    _, height, width, batch = y_grad.shape
    for group in range(x.shape[0] // group_width):
        for c in range(group_width):
            _padded(x[group * group_width + c], scratch)
            for o in range(group * each, (group + 1) * each):
                s0, s1, s2, s3, s4, s5, s6, s7, s8 = _ZERO, _ZERO, _ZERO, _ZERO, _ZERO, _ZERO, _ZERO, _ZERO, _ZERO
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


# Windows of any size


@_compiled(void(_IMAGES, float32[:, :, :, :, :, ::1], int64, int64))
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


@_compiled(void(_IMAGES, float32[:, :, :, :, :, ::1], int64, int64))
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


@_compiled(void(_IMAGES, _IMAGES, uint8[:, :, :, ::1], int64, int64, int64))
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


@_compiled(void(_IMAGES, _IMAGES, uint8[:, :, :, ::1], int64, int64, int64))
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
                                target[n] += values[n] if place[n] == kernel * a + b else _ZERO


@_compiled(void(_IMAGES, _IMAGES, int64, int64, int64))
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


@_compiled(void(_IMAGES, _IMAGES, int64, int64, int64))
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


# Between layouts


@_compiled(void(_PLANE, _PLANE))
def transpose_ends(x, y):  # type: ignore[no-untyped-def]
    """Y (B, P, A) from x (A, P, B), in tiles that fit the first cache."""
    first, positions, last = x.shape
    for p in range(positions):
        for i in range(0, first, _TILE):
            for j in range(0, last, _TILE):
                rows, columns = x[i : i + _TILE, p, j : j + _TILE], y[j : j + _TILE, p, i : i + _TILE]
                for a in range(rows.shape[0]):
                    for b in range(rows.shape[1]):
                        columns[b, a] = rows[a, b]


# The loss


@_compiled(void(_MATRIX, int64[::1], _MATRIX, _LINE, float64))
def cross_entropy(logits, labels, logits_grad, losses, smoothing):  # type: ignore[no-untyped-def]
    """Loss of each image (N,) and the gradient of their mean, from logits (K, N); labels are smoothed."""
    classes, batch = logits.shape
    for n in range(batch):
        largest = logits[0, n]
        for k in range(1, classes):
            largest = max(largest, logits[k, n])
        total = 0.0
        for k in range(classes):
            total += np.exp(logits[k, n] - largest)
        log_total = np.log(total) + largest
        loss = 0.0
        for k in range(classes):
            wanted = smoothing / classes + (1.0 - smoothing if k == labels[n] else 0.0)
            loss += wanted * (log_total - logits[k, n])
            logits_grad[k, n] = (np.exp(logits[k, n] - log_total) - wanted) / batch
        losses[n] = loss
