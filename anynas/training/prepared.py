"""A data set as the loop wants it: on the device, resized, ready to be indexed by batch."""

import dataclasses

import torch
from torch import Tensor

from anynas.data import DataSet, Split
from anynas.data.images import resized

MOST_FLOAT_BYTES = 2**29  # of a data set's images as floats, which every worker on a CPU would hold


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class PreparedData:
    """Splits of one resolution on one device.

    On a CPU images are normalised floats, converted once, where that takes little memory. Otherwise, and on a GPU, they
    stay uint8, a quarter of it, or none where a map of a file is shared, and are normalised batch by batch.
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

    num_images = sum(map(len, (data.train, data.validation, data.test)))
    is_small = 4 * num_images * data.image_shape[0] * resolution**2 <= MOST_FLOAT_BYTES

    def moved(split: Split) -> Split:
        images = resized(split.images.to(device), resolution)
        if is_small and device.type == "cpu":
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
