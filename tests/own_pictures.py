"""Folders of pictures that tests make: gratings of one direction a class, in files of many kinds."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SIZES = ((24, 30), (28, 28), (40, 31), (64, 48))


def pixels(label: int, number: int, size: tuple[int, int] = (32, 32), *, channels: int = 3) -> NDArray[np.uint8]:
    """Return a picture (H, W, C), another one for each number: its waves run as its class says."""
    generator = np.random.default_rng([label, number])
    height, width = size
    rows, columns = np.meshgrid(np.linspace(0, 1, height), np.linspace(0, 1, width), indexing="ij")
    along = (rows, columns, rows + columns)[label % 3]
    waves = np.sin(2 * np.pi * (4 * along + generator.uniform()))
    noise = generator.normal(0, 25, (height, width, channels))
    colour = generator.uniform(0.5, 1, channels)
    return np.clip(127 + 90 * waves[..., None] * colour + noise, 0, 255).astype(np.uint8)


def save(path: Path, array: NDArray[np.generic], **options: object) -> Path:
    """Write pixels as an image file, making its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.squeeze(array)).save(path, **options)
    return path


def folder(
    path: Path, names: tuple[str, ...] = ("bird", "cat"), each: int = 10, *, first: int = 0, channels: int = 3
) -> Path:
    """Make a folder with so many pictures of each class, of several sizes."""
    for label, name in enumerate(names):
        for number in range(first, first + each):
            size = SIZES[number % len(SIZES)]
            save(path / name / f"{number}.png", pixels(label, number, size, channels=channels))
    return path
