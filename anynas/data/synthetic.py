"""Images made to measure, for tests and for trying out a regime whose data are not at hand: noisy gratings, one
orientation and frequency a class.

They are learnable but not trivial. They say nothing about real images, and no result on them should be shown as if it
did.
"""

import numpy as np
import torch
from numpy.typing import NDArray

from anynas.data.splits import Split
from anynas.layers import Shape

SIZES = (10_000, 4_000, 4_000)  # train, validation, test
SEED = 1905_13214


def make(input_shape: Shape, num_classes: int) -> tuple[Split, Split, Split]:
    """Return train, validation and test for images of this shape (C, H, W); the same every time."""
    generator = np.random.Generator(np.random.Philox(SEED))
    sizes = [max(size, num_classes) for size in SIZES]
    train, validation, test = (_split(generator, size, input_shape, num_classes) for size in sizes)
    return train, validation, test


def _split(generator: np.random.Generator, size: int, input_shape: Shape, num_classes: int) -> Split:
    channels, height, width = input_shape
    labels = np.arange(size) % num_classes
    images = np.empty((size, channels, height, width), dtype=np.uint8)
    for start in range(0, size, 1000):  # in blocks, for large images
        block = slice(start, start + 1000)
        images[block] = _images(generator, labels[block], channels, height, width, num_classes)
    return Split(torch.from_numpy(images), torch.from_numpy(labels.astype(np.int64)))


def _images(
    generator: np.random.Generator,
    labels: NDArray[np.int64],
    channels: int,
    height: int,
    width: int,
    num_classes: int,
) -> NDArray[np.uint8]:
    column = (len(labels), 1, 1)
    angle = np.pi * labels / num_classes + generator.normal(0, 0.08, len(labels))
    cycles = 3 + 2 * (labels % 2) + generator.normal(0, 0.2, len(labels))
    phase = generator.uniform(0, 2 * np.pi, column)
    rows, columns = np.meshgrid(np.linspace(0, 1, height), np.linspace(0, 1, width), indexing="ij")
    along = np.cos(angle).reshape(column) * columns + np.sin(angle).reshape(column) * rows
    waves = np.sin(2 * np.pi * cycles.reshape(column) * along + phase)
    contrast = generator.uniform(0.15, 0.6, column)
    noise = generator.normal(0, 0.35, (len(labels), channels, height, width))
    pixels = 127.5 + 100 * ((contrast * waves)[:, None] + noise)
    return np.clip(pixels, 0, 255).astype(np.uint8)
