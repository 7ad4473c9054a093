"""Batch normalisation, with an addition and a ReLU behind it."""

import numpy as np
from numba import float64, int64, void

from anynas.training.cpu.kernels.compiling import LINE, MATRIX, ZERO, compiled, inlined

_BLOCK = 1024  # values summed in single precision before they go into a sum in double precision


@inlined
def _affine(row, added, out, scale, constant, adds, rectifies):  # type: ignore[no-untyped-def]
    if adds and rectifies:
        for i in range(len(row)):
            value = row[i] * scale + constant + added[i]
            out[i] = ZERO if value < 0 else value
    elif adds:
        for i in range(len(row)):
            out[i] = row[i] * scale + constant + added[i]
    elif rectifies:
        for i in range(len(row)):
            value = row[i] * scale + constant
            out[i] = ZERO if value < 0 else value
    else:
        for i in range(len(row)):
            out[i] = row[i] * scale + constant


@compiled(void(MATRIX, MATRIX, MATRIX, LINE, LINE, LINE, LINE, MATRIX, int64, int64, float64, float64))
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
            part, part_squares = ZERO, ZERO
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


@compiled(void(MATRIX, MATRIX, MATRIX, LINE, LINE, LINE, LINE, int64, int64, float64))
def normalise_as_seen(x, added, y, weight, bias, running_mean, running_variance, adds, rectifies, epsilon):  # type: ignore[no-untyped-def]
    """Y = norm(x) (+ added) (then ReLU), by the running moments."""
    for c in range(x.shape[0]):
        inverse = 1.0 / np.sqrt(running_variance[c] + epsilon)
        scale = np.float32(inverse * weight[c])
        constant = np.float32(bias[c] - running_mean[c] * inverse * weight[c])
        _affine(x[c], added[c if adds else 0], y[c], scale, constant, adds, rectifies)


@compiled(void(MATRIX, MATRIX, MATRIX, MATRIX, MATRIX, LINE, MATRIX, LINE, LINE, int64, int64))
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
            part, part_product = ZERO, ZERO
            if rectifies and adds:
                some_passed = added_grad[c, begin:end]
                for i in range(len(some)):
                    value = some_incoming[i] if some_results[i] > 0 else ZERO
                    some_passed[i] = value
                    part += value
                    part_product += value * (some[i] - mean)
            elif rectifies:
                for i in range(len(some)):
                    value = some_incoming[i] if some_results[i] > 0 else ZERO
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
                value = incoming[i] if result[i] > 0 else ZERO
                out[i] = value * scale + row[i] * slope + constant
        else:
            for i in range(size):
                out[i] = incoming[i] * scale + row[i] * slope + constant
