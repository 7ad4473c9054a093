"""A data set as the loop wants it: on the device, resized, ready to be indexed by batch."""

import dataclasses

import torch
from torch import Tensor
from torch.nn import functional

from anynas.data import DataSet, Split

RESIZE_BATCH = 2_000


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class PreparedData:
    """Splits of one resolution on one device.

    On a CPU images are normalised floats, converted once. On a GPU they stay uint8, a quarter of the memory, and are
    normalised batch by batch.
    """

    name: str
    num_classes: int
    train: Split
    validation: Split
    test: Split
    mean: Tensor  # of training pixels, (C, 1, 1), on the device
    deviation: Tensor

    @property
    def device(self) -> torch.device:
        """Where the tensors are."""
        return self.mean.device

    @property
    def image_shape(self) -> tuple[int, ...]:
        """Shape of one image, (C, H, W)."""
        return tuple(self.train.images.shape[1:])

    def batch(self, images: Tensor) -> Tensor:
        """Return images (N, C, H, W) as normalised floats."""
        return images if images.is_floating_point() else (images - self.mean) / self.deviation


def prepare(data: DataSet, *, resolution: int, device: torch.device) -> PreparedData:
    """Move a data set to a device, its images resized to `resolution` x `resolution`."""
    mean, deviation = (values.view(-1, 1, 1) for values in data.statistics())

    def moved(split: Split) -> Split:
        images = resized(split.images.to(device), resolution)
        if device.type == "cpu":
            images = ((images.float() - mean) / deviation).contiguous(memory_format=torch.channels_last)
        return Split(images, split.labels.to(device))

    return PreparedData(
        name=data.name,
        num_classes=data.num_classes,
        train=moved(data.train),
        validation=moved(data.validation),
        test=moved(data.test),
        mean=mean.to(device),
        deviation=deviation.to(device),
    )


def resized(images: Tensor, resolution: int) -> Tensor:
    """Return uint8 images (N, C, H, W) as uint8 of this side: bilinear, antialiased, not cropped."""
    if images.shape[-2:] == (resolution, resolution):
        return images
    parts = [
        functional.interpolate(part.float(), size=(resolution, resolution), mode="bilinear", antialias=True)
        for part in torch.split(images, RESIZE_BATCH)
    ]
    return torch.cat([part.round().clamp(0, 255).to(torch.uint8) for part in parts])
