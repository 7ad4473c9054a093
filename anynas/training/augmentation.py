"""Augmentation of a batch on its device; what it draws comes from the trial's generator."""

import torch
from torch import Generator, Tensor
from torch.nn import functional


def augmented(images: Tensor, kind: str, generator: Generator) -> Tensor:
    """Return images (N, C, H, W) flipped and shifted as `Recipe.augmentation` says."""
    if kind in ("flip", "crop_flip"):
        flips = torch.rand(len(images), generator=generator, device=images.device) < 0.5
        images = torch.where(flips.view(-1, 1, 1, 1), images.flip(3), images)
    if kind == "crop_flip":
        images = _shifted(images, generator)
    return images


def _shifted(images: Tensor, generator: Generator) -> Tensor:
    """Shift each image by up to 1/8 of its side in both directions; what comes in from outside is 0."""
    count, channels, height, width = images.shape
    reach_rows, reach_columns = max(height // 8, 1), max(width // 8, 1)
    padded = functional.pad(images, (reach_columns, reach_columns, reach_rows, reach_rows))
    draw = {"generator": generator, "device": images.device}
    top = torch.randint(0, 2 * reach_rows + 1, (count,), **draw)  # type: ignore[call-overload]
    left = torch.randint(0, 2 * reach_columns + 1, (count,), **draw)  # type: ignore[call-overload]
    if images.device.type == "cpu":  # a copy of each window is quicker here than an index of each pixel
        out = torch.empty(images.shape)
        for target, source, row, column in zip(out, padded, top.tolist(), left.tolist(), strict=True):
            target.copy_(source[:, row : row + height, column : column + width])
        return out
    rows = (top[:, None] + torch.arange(height, device=images.device)).view(count, 1, height, 1)
    columns = (left[:, None] + torch.arange(width, device=images.device)).view(count, 1, 1, width)
    sample = torch.arange(count, device=images.device).view(count, 1, 1, 1)
    channel = torch.arange(channels, device=images.device).view(1, channels, 1, 1)
    return padded[sample, channel, rows, columns]
