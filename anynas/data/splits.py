"""Split: images with their labels; and how a split is drawn with the same number of every class."""

import dataclasses

import numpy as np
from numpy.typing import NDArray
from torch import Tensor


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Split:
    """Images uint8 (N, C, H, W) and labels int64 (N,)."""

    images: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)


def stratified(labels: NDArray[np.integer], sizes: list[int], *, seed: int) -> list[NDArray[np.int64]]:
    """Return disjoint index arrays of these sizes, each with the same number of every class, in random order.

    Args:
        labels: Shape (N,).
        sizes: Each a multiple of the number of classes.
        seed: Fixes the draw.
    """
    generator = np.random.default_rng(seed)
    classes = np.unique(labels)
    members = [generator.permutation(np.flatnonzero(labels == value)) for value in classes]
    parts, used = [], 0
    for size in sizes:
        per_class = size // len(classes)
        part = np.concatenate([rows[used : used + per_class] for rows in members])
        parts.append(generator.permutation(part).astype(np.int64))
        used += per_class
    return parts
