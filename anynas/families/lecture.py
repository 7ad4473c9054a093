"""Convolution and linear layer as the lecture's networks have them: with biases, weights Xavier uniform."""

from anynas.layers import Conv, Linear


def conv(width: int, kernel: int, *, stride: int = 1, padding: int = 0) -> Conv:
    """Return a convolution with a square kernel."""
    return Conv(width, kernel, stride, padding, bias=True, initialisation="xavier_uniform")


def linear(width: int) -> Linear:
    """Return a fully connected layer."""
    return Linear(width, initialisation="xavier_uniform")
