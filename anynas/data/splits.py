"""Split: images with their labels; and how splits are drawn, with the same share of every class.

`stratified` is for data sets that have every class equally often. `divide` is for a user's pictures: a picture's place
follows from what it shows, not from its name or from what else there is. So those that are added leave almost all
others where they are, and copies of one picture are never on both sides of a test.
"""

import dataclasses
import hashlib

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


def divide(digests: list[bytes], *, shares: list[float], seed: int) -> list[list[int]]:
    """Return the indices of a class's pictures in as many lists as there are shares, and one with the rest.

    Each list has at least one picture where there are enough. Where a list ends between copies it takes them all.

    Args:
        digests: Of what each picture shows.
        shares: Of all pictures, each in (0, 1).
        seed: Fixes the draw.
    """
    order = shuffled(digests, seed=seed)
    parts, start = [], 0
    for share in shares:
        end = min(start + max(round(share * len(order)), 1), len(order))
        while 0 < end < len(order) and digests[order[end]] == digests[order[end - 1]]:
            end += 1
        parts.append(order[start:end])
        start = end
    return [*parts, order[start:]]


def shuffled(digests: list[bytes], *, seed: int) -> list[int]:
    """Return the indices of pictures in an order that follows from what they show, and from the seed."""
    start = hashlib.sha256(str(seed).encode())

    def place(index: int) -> bytes:
        own = start.copy()
        own.update(digests[index])
        return own.digest()

    return sorted(range(len(digests)), key=place)
